"""What commands share: `-` where a file may stand, SOURCE_DATE_EPOCH, and text for a terminal.

Standard input is kept in a file while it is read, standard output filled at the end.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
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


def is_standard_input(path: Path) -> bool:
    """Whether standard input is this very file."""
    try:
        return sys.stdin is not None and os.path.samestat(os.fstat(sys.stdin.fileno()), path.stat())
    except (OSError, ValueError):
        return False


@contextmanager
def writable(name: str) -> Iterator[Path]:
    """The file of this name; for `-`, a device or a pipe, one that is written there if all went well.

    Raises:
        UsageError: standard output is closed.
    """
    from buildinfo.cli.outputs import is_special, special_output

    special = name != "-" and is_special(name)
    if name != "-" and not special:
        yield Path(name)
        return
    import shutil
    import tempfile

    from buildinfo.errors import UsageError

    if name == "-" and sys.stdout is None:
        raise UsageError("standard output is closed")
    with tempfile.TemporaryDirectory() as folder:
        waiting = Path(folder, "standard-output")
        yield waiting
        with waiting.open("rb") as file, special_output(name) if special else nullcontext(sys.stdout.buffer) as stream:
            shutil.copyfileobj(file, stream)
            stream.flush()


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what is printed; results, which are bytes and go to `sys.stdout.buffer`, are not touched."""

    class Silent(io.StringIO):
        buffer = None if sys.stdout is None else sys.stdout.buffer  # type: ignore[assignment]  # None: closed

        def write(self, text: str, /) -> int:
            return len(text)

    with redirect_stdout(Silent()):
        yield


def require_apart(output: str | None, *inputs: str | Path) -> None:
    """Refuses to write over what is read.

    Args:
        output: the file to write; None or `-` for none.
        inputs: files, and folders with all that is in them; a link to a file is the file.

    Raises:
        UsageError: the output is one of them.
    """
    from buildinfo.errors import UsageError

    if output is None or output == "-":
        return
    path = Path(output)
    there = path.stat() if path.is_file() or path.is_dir() else None
    if there is None and path.exists():  # a device or a pipe is written to
        return
    for name in inputs:
        if name != "-" and _holds(Path(name), path, there):
            raise UsageError(f"is the output and is read as well{_as(name, output)}", where=output, mend="name another")


def keys_in(folder: Path | None) -> list[Path]:
    """The public keys of a folder that is searched for them."""
    return [] if folder is None else sorted(folder.glob("*.pub"))


def _holds(source: Path, path: Path, there: os.stat_result | None) -> bool:
    """Whether a path is what is read: it, or what is below it. What is not there is below nothing."""
    if there is None:
        return os.path.realpath(source) == os.path.realpath(path)
    below = (Path(folder, name) for folder, _, names in os.walk(source) for name in names)
    return any(_is(candidate, there) for candidate in (source, *below))


def _is(path: Path, there: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), there)
    except OSError:
        return False


def _as(name: str | Path, output: str) -> str:
    return "" if str(name) == output else f" (as {name})"


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
