"""Where the source of a compiled Python file lies."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

CACHE: Final = "__pycache__"
"""The folder of the compiled files of the one above it."""


def source_of(name: str) -> str:
    """The path of the source of a compiled Python file (PEP 3147)."""
    path = PurePosixPath(name)
    if path.parent.name == CACHE:
        return str(path.parent.parent / path.name.partition(".")[0]) + ".py"
    return str(path.with_suffix(".py"))
