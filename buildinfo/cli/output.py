"""Everything that commands write to the terminal: one place for standard output, one for standard error.

A line is a line whatever is in it, and steers no terminal. What cannot be written to standard output is an error; a
reader that has gone away (`| head`) ends the program without a word.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import IO, Any, Final

from buildinfo.errors import UnreadableError
from buildinfo.text import plain, to_json

PROGRAM: Final = "abuild-buildinfo"


def tell(text: str, *, beside: bool = False) -> None:
    """Prints a line on standard output.

    Args:
        text: the line, whatever it holds.
        beside: a result goes to standard output, so that the line goes to standard error.

    Raises:
        UnreadableError: it cannot be written.
        BrokenPipeError: nobody reads it.
    """
    line = plain(text) + "\n"
    if beside:
        _to_stderr(line)
    else:
        put(line)


def complain(text: str) -> None:
    """Prints a line on standard error that begins with the program's name."""
    _to_stderr(f"{PROGRAM}: {plain(text)}\n")


def tell_json(document: Any, *, exact: bool = False) -> None:
    """Prints a document as JSON; see `text.to_json`.

    Raises:
        UnreadableError: it cannot be written.
        BrokenPipeError: nobody reads it.
    """
    put(to_json(document, exact=exact) + "\n")


def put(text: str) -> None:
    """Prints a text of several lines, of which it is known that it steers no terminal.

    Raises:
        UnreadableError: it cannot be written.
        BrokenPipeError: nobody reads it.
    """
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up(sys.stdout)
        raise _lost(error) from error


def put_bytes(data: bytes) -> None:
    """Writes a result to standard output, whole.

    Raises:
        UnreadableError: it cannot be written.
        BrokenPipeError: nobody reads it.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up(sys.stdout)
        raise _lost(error) from error


def show_progress(text: str) -> None:
    """Writes over the last line of a terminal on standard error."""
    _to_stderr(f"\r{plain(text)}" if text else "\r\x1b[K")


def prepare() -> None:
    """Makes of standard streams that are closed such as say so.

    Otherwise the next file that is opened would take their number, and what another program prints would land in it.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = _stream(1)
    if sys.stderr is None:
        sys.stderr = _stream(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a letter that the locale lacks


def finished(status: int) -> int:
    """The exit status, once everything printed has left: 2 where it could not."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = max(status, 2)
        _give_up(sys.stdout)
    except (OSError, ValueError) as error:
        status = max(status, 2)
        _give_up(sys.stdout)
        complain(str(_lost(error)))
    return status


def _stream(number: int) -> io.TextIOWrapper:
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", line_buffering=number == 2)


def _lost(error: BaseException) -> UnreadableError:
    closed = isinstance(error, OSError) and error.errno == errno.EBADF
    reason = "it is closed" if closed else error.strerror if isinstance(error, OSError) else error
    return UnreadableError(f"cannot be written: {reason}", where="standard output")


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # there is nobody left to tell
        _give_up(sys.stderr)


def _give_up(stream: IO[str]) -> None:
    """Lets what is still held for a stream go nowhere, so that the interpreter does not fail with it at its end."""
    with suppress(OSError, ValueError):
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
        stream.flush()
