"""Comparing packages: how strong a statement holds about two of them, and why they differ.

Nothing is imported here but what the functions below need when they are called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildinfo.verify.report import Report


def verify(original: Path, rebuilt: Path) -> Report:
    """Compares two packages, or the packages of two folders matched by name; see `buildinfo.verify.batch.verify`."""
    from buildinfo.verify.batch import verify as compare

    return compare(original, rebuilt)
