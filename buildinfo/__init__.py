"""Records of Alpine package builds, and what can be done with them.

The package is split into rooms; imports point down this list, never up:
``cli``, ``install``, ``capture``, ``apk``, ``model``, ``errors``.
"""

__version__ = "0.1.0"
