"""`-` where a file may stand: standard input is kept in a file while it is read, standard output filled at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def readable(name: str) -> Iterator[Path]:
    """The file of this name; for `-`, one that holds what standard input gives.

    Raises:
        UsageError: standard input is closed.
    """
    if name != "-":
        yield Path(name)
        return
    import shutil
    import tempfile

    from buildinfo.errors import UsageError

    if sys.stdin is None:
        raise UsageError("standard input is closed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "standard-input")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


@contextmanager
def writable(name: str) -> Iterator[Path]:
    """The file of this name; for `-`, one that goes to standard output if all went well.

    Raises:
        UsageError: standard output is closed.
    """
    if name != "-":
        yield Path(name)
        return
    import shutil
    import tempfile

    from buildinfo.errors import UsageError

    if sys.stdout is None:
        raise UsageError("standard output is closed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "standard-output")
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def plain(text: str) -> str:
    """Text for a terminal: a name in a file may hold anything, also what steers one."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
