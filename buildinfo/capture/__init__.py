"""From a capture directory to a buildinfo.

``reader`` reads what the hooks wrote, ``assemble`` makes the record of it with the help of ``inputs``,
``tools``, ``secfixes``, ``redact`` and ``taints``, and ``finalize`` adds the packages and writes the file.
"""
