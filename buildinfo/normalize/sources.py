"""Where the source of a compiled Python file lies."""

from __future__ import annotations

from pathlib import PurePosixPath


def source_of(name: str) -> str:
    """The path of the source of a compiled Python file (PEP 3147)."""
    path = PurePosixPath(name)
    if path.parent.name == "__pycache__":
        return str(path.parent.parent / path.name.partition(".")[0]) + ".py"
    return str(path.with_suffix(".py"))
