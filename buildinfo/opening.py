"""Opening what is to be read: regular files, and pipes that whoever called this program has opened for it.

Anything else could hang (a named pipe), act (a device) or say nothing (a folder). It is not even opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, Final

from buildinfo.places import Source

_GIVEN: Final = re.compile(r"/dev/(?:std(?:in|out|err)|fd/[0-9]+)|/proc/self/fd/[0-9]+").fullmatch
"""Names of descriptors of the caller's, as a shell's `<(command)` makes them."""
_KINDS: Final = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: Source, *, follow: bool = True) -> BinaryIO:
    """Opens a file for reading, without a buffer; it never waits.

    Args:
        path: the file; one that is held open is read from its start.
        follow: a symbolic link of that name is followed.

    Raises:
        OSError: it cannot be opened, or is no file.
    """
    if not isinstance(path, Path):
        return path.open("rb", buffering=0)
    try:
        given = is_given(path)
        if not given:
            _require_file(path.stat() if follow else path.lstat(), path)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(path, flags | (0 if given else os.O_NONBLOCK) | (0 if follow else os.O_NOFOLLOW))
    except ValueError as error:  # a NUL, or half a pair of surrogates
        raise OSError(errno.EINVAL, "no file can have such a name", str(path)) from error
    try:
        _require_file(os.fstat(descriptor), path, given=given)
        return os.fdopen(descriptor, "rb", buffering=0)
    except OSError:
        os.close(descriptor)
        raise


def read_file(path: Path, most: int, *, follow: bool = True) -> bytes:
    """Reads a file, of one that is larger no more than a byte more than that.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    with open_file(path, follow=follow) as file:
        parts = []
        left = most + 1
        while left and (part := file.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def require_memory(size: int) -> None:
    """Makes sure that so much memory could be had, for a library that ends the process where it cannot.

    Raises:
        MemoryError: it is more than the limit that is set leaves.
    """
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        bytearray(size)  # never touched


def is_given(path: Path | str) -> bool:
    """Whether a name is that of a descriptor that the caller has opened."""
    return _GIVEN(str(path)) is not None


def _require_file(status: os.stat_result, path: Path, *, given: bool = False) -> None:
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISREG(mode) or given:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, and no file", str(path))
