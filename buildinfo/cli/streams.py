"""What commands share: `-` where a file may stand, SOURCE_DATE_EPOCH, and text for a terminal.

Standard input is kept in a file while it is read, standard output filled at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
    """The file of this name; for `-`, a device or a pipe, one that is written there if all went well.

    Raises:
        UsageError: standard output is closed.
    """
    path = Path(name)
    special = path.exists() and not path.is_file() and not path.is_dir()
    if name != "-" and not special:
        yield path
        return
    import shutil
    import tempfile

    from buildinfo.errors import UsageError

    if name == "-" and sys.stdout is None:
        raise UsageError("standard output is closed")
    with tempfile.TemporaryDirectory() as folder:
        waiting = Path(folder, "standard-output")
        yield waiting
        with waiting.open("rb") as file, path.open("wb") if special else nullcontext(sys.stdout.buffer) as stream:
            shutil.copyfileobj(file, stream)
            stream.flush()


def plain(text: str) -> str:
    """Text for a terminal: a name in a file may hold anything, also what steers one."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def source_date_epoch() -> int | None:
    """SOURCE_DATE_EPOCH, if it is set.

    Raises:
        UsageError: it is no number of seconds.
    """
    from buildinfo.errors import UsageError

    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise UsageError(f"SOURCE_DATE_EPOCH is {text[:40]!r}, not a number of seconds since 1970")
    return int(text)
