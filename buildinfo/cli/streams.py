"""What commands share: `-` where a file may stand, and SOURCE_DATE_EPOCH.

Standard input is kept in a file while it is read, standard output filled at the end.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path

from buildinfo.opening import is_given
from buildinfo.walking import files_below


@contextmanager
def readable(name: str) -> Iterator[Path]:
    """The file of this name; for `-` and a pipe of the caller's, one that holds what comes out of it.

    Errors that leave this context call it by the name that the user knows.

    Raises:
        UsageError: standard input is closed.
        UnreadableError: it cannot be read.
    """
    if not waits(name):
        yield Path(name)
        return
    from buildinfo.errors import BuildinfoError
    from buildinfo.leftovers import scratch

    with scratch() as folder:
        path = folder / "standard-input"
        with path.open("wb") as file:
            for piece in _pieces(name):
                file.write(piece)
        try:
            yield path
        except BuildinfoError as error:
            error.args = (by_name(str(error), path, name),)
            raise


def waits(name: str) -> bool:
    """Whether a name stands for what can be read only once."""
    return name == "-" or (is_given(name) and not os.path.isfile(name))  # noqa: PTH113  # does not raise


def by_name(text: str, path: Path, name: str) -> str:
    """A message with a file under the name that the user gave."""
    return text.replace(str(path), "standard input" if name == "-" else name)


def read_once(name: str, most: int) -> bytes:
    """What comes out of `-` or a pipe of the caller's; of more than that only a byte more.

    Raises:
        UsageError: standard input is closed.
        UnreadableError: it cannot be read.
    """
    parts: list[bytes] = []
    size = 0
    for piece in _pieces(name):
        parts.append(piece)
        size += len(piece)
        if size > most:
            break
    return b"".join(parts)[: most + 1]


def _pieces(name: str) -> Iterator[bytes]:
    from buildinfo.errors import UnreadableError, UsageError
    from buildinfo.opening import open_file

    if name == "-" and sys.stdin is None:
        raise UsageError("standard input is closed")
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else open_file(Path(name)) as stream:
            while piece := stream.read(1 << 20):
                yield piece
    except OSError as error:
        where = "standard input" if name == "-" else name
        raise UnreadableError(f"cannot be read: {error.strerror}", where=where) from error


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
        UnreadableError: it cannot be written there.
    """
    from buildinfo.cli.outputs import is_special, special_output

    special = name != "-" and is_special(name)
    if name != "-" and not special:
        yield Path(name)
        return
    from buildinfo.cli.output import put_bytes
    from buildinfo.leftovers import scratch

    with scratch() as folder:
        waiting = folder / "standard-output"
        yield waiting
        if not waiting.exists():  # nothing was to be written
            return
        with waiting.open("rb") as file, special_output(name) if special else nullcontext() as stream:
            write = put_bytes if stream is None else stream.write
            while piece := file.read(1 << 20):
                write(piece)


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what is printed; results, which are bytes and go to `sys.stdout.buffer`, are not touched."""

    class Silent(io.StringIO):
        buffer = sys.stdout.buffer

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
    below = files_below(source) if source.is_dir() else ()
    return any(_is(Path(candidate), there) for candidate in (source, *below))


def _is(path: Path, there: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), there)
    except OSError:
        return False


def _as(name: str | Path, output: str) -> str:
    return "" if str(name) == output else f" (as {name})"


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
