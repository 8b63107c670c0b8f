"""Folders that may come from anybody, worked on through a descriptor: no name in one leads out of it.

Only plain files are opened, none through a link, and a pipe or device never. What is read is bounded before it is held.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from buildinfo.leftovers import part_name

#: Which folder or file it is: device and inode.
Identity = tuple[int, int]

_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_ON_THE_WAY: Final = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_OTHERS_WRITE: Final = 0o022
_UNFINISHED: Final = re.compile(r"\.[a-z]+\.[0-9]+\.part")


class Folder:
    """An open folder; a context manager.

    Args:
        path: where it is. A link is not followed.
        same: what it has to be, where it was open before.

    Attributes:
        descriptor: its own.
        identity: which folder it is.
        mine: whether it, and every file that was read so far, is the caller's own, and nobody else may write to it.

    Raises:
        OSError: it is no folder, cannot be opened, or is not the same.
    """

    def __init__(self, path: Path, same: Identity | None = None) -> None:
        self.path = path
        self.descriptor = os.open(path, _FOLDER)
        status = os.fstat(self.descriptor)
        self.identity: Identity = (status.st_dev, status.st_ino)
        self.mine = is_private(status)
        if same not in (None, self.identity):
            self.close()
            raise OSError(errno.ESTALE, "another folder has taken its place", str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)

    def read(self, name: str, limit: int) -> bytes:
        """Read a plain file of at most `limit` bytes; its name may have one folder before it.

        Raises:
            OSError: it cannot be read, or is something else.
        """
        above, _, last = name.rpartition("/")
        if not above:
            return self._read(self.descriptor, last, limit)
        descriptor = os.open(above, _FOLDER, dir_fd=self.descriptor)
        try:
            self.mine &= is_private(os.fstat(descriptor))
            return self._read(descriptor, last, limit)
        finally:
            os.close(descriptor)

    def _read(self, folder: int, name: str, limit: int) -> bytes:
        descriptor = open_plain(name, folder)
        try:
            self.mine &= is_private(os.fstat(descriptor))
            return _content(descriptor, limit, name)
        finally:
            os.close(descriptor)

    def has(self, name: str) -> bool:
        """Whether it holds something of that name."""
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return False
        return True

    def holds(self, name: str, identity: Identity) -> bool:
        """Whether what it holds under that name is this."""
        with suppress(OSError):
            status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            return (status.st_dev, status.st_ino) == identity
        return False

    def write(self, name: str, data: bytes) -> None:
        """Write a file of mode 0600: the old one is there, or the new one, whole.

        Raises:
            OSError: it cannot be written; the old one is as it was.
        """
        beside = f".{name}.{int.from_bytes(os.urandom(6))}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(beside, flags, 0o600, dir_fd=self.descriptor)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            os.rename(beside, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            os.unlink(beside, dir_fd=self.descriptor)
            raise

    def tidy(self) -> None:
        """Remove what interrupted writes left."""
        for name in os.listdir(self.descriptor):  # noqa: PTH208 # by its descriptor
            if _UNFINISHED.fullmatch(name):
                with suppress(OSError):
                    os.unlink(name, dir_fd=self.descriptor)

    def remove(self, name: str, identity: Identity) -> bool:
        """Remove a folder in this one, if it is the one that is meant: first its name, so that no half of it is seen.

        Returns:
            Whether nothing of that name is left.
        """
        place = part_name()
        with suppress(OSError):
            os.rename(name, place, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            if not self.holds(place, identity):  # another has taken its place meanwhile
                os.rename(place, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            else:
                shutil.rmtree(place, ignore_errors=True, dir_fd=self.descriptor)
        return not self.has(name)


def open_plain(name: str, folder: int | None = None) -> int:
    """Open a plain file in a folder for reading: no link, and nothing that could wait or act when it is opened.

    Returns:
        Its descriptor.

    Raises:
        OSError: it is something else, or cannot be opened.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise OSError(errno.EINVAL, "not a plain file", name)
    descriptor = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file", name)
    return descriptor


def open_below(root: Path, path: str) -> int:
    """Open a plain file below a root: no link on the way is followed, and no `..` leads out.

    Returns:
        Its descriptor.

    Raises:
        OSError: there is none.
    """
    *folders, name = [part for part in path.split("/") if part]
    if ".." in (*folders, name):
        raise OSError(errno.EINVAL, "leads elsewhere", path)
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            below = os.open(part, _ON_THE_WAY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        return open_plain(name, descriptor)
    finally:
        os.close(descriptor)


def is_systems(path: str) -> bool:
    """Whether a file is a program of the system: root's, for all to read and run, where nobody else could put one.

    Raises:
        OSError: it is not there.
    """
    for place in (Path(path), *Path(path).parents):
        status = place.lstat()
        if stat.S_ISLNK(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            return False
    return Path(path).lstat().st_mode & 0o005 == 0o005


def read_plain(path: Path, limit: int) -> bytes:
    """Read a plain file that is no link, of at most `limit` bytes.

    Raises:
        OSError: it cannot be read, or is something else.
    """
    descriptor = open_plain(os.fspath(path))
    try:
        return _content(descriptor, limit, os.fspath(path))
    finally:
        os.close(descriptor)


def _content(descriptor: int, limit: int, name: str) -> bytes:
    """All of an open file: no more is allocated than it has."""
    size = os.fstat(descriptor).st_size
    if size <= limit:
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(size + 1)
            if len(data) > size:  # it grows
                data += stream.read(limit)
            if len(data) <= limit:
                return data
    raise OSError(errno.EFBIG, "too large", name)


def is_private(status: os.stat_result) -> bool:
    """Whether something belongs to the caller, and nobody else may write to it. Under fakeroot nobody can tell."""
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE and "FAKEROOTKEY" not in os.environ


def why_not_private(folder: Path) -> str | None:
    """Why others could put something into a folder of the caller's, in one clause; None if they cannot.

    Raises:
        OSError: there is no such folder.
    """
    status = folder.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "others can write to it" if status.st_mode & _OTHERS_WRITE else None
