"""Files and folders by descriptors: what was opened is what is read and replaced, whoever renames things meanwhile.

A path of the user's is walked once, name by name (openat(2) with O_NOFOLLOW, path_resolution(7)); what lies in a tree
is reached from its folder and never through a link. So another user who owns the tree, and swaps a folder for a link
while root works in it, leads nobody out of it.

A symbolic link in a path that was named is followed where those it belongs to can be trusted with that: as the kernel
has it for sticky folders (`fs.protected_symlinks`), it has to be root's or the caller's own, or to stand in a folder
that only they can change.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol, Self, cast

from buildinfo.errors import UnreadableError

MOST_OPEN: Final = 64
"""Folders that are held open; others are opened again, from the nearest one that is, name by name."""
MOST_LINKS: Final = 40
"""Symbolic links in one path, as Linux has it."""

_FOLDER: Final = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_ANYTHING: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class Source(Protocol):
    """What a file can be read from, from its start and as often as needed: a path, or a file that is held open."""

    @property
    def name(self) -> str: ...

    def open(self, mode: Literal["rb"], buffering: Literal[0]) -> BinaryIO: ...


class Folder:
    """A folder, by its name in the one above it; see `find`.

    Args:
        name: its name there, or `..` for the one that is above `parent`; `/` or `.` if a path starts with it.
        parent: what the name is looked up in; None if a path starts with it.
        path: what to call it, where that is not the name in what its parent is called.
    """

    __slots__ = ("_path", "name", "parent")

    def __init__(self, name: str, parent: Folder | None, path: str | None = None) -> None:
        self.name = name
        self.parent = parent
        self._path = path

    @property
    def path(self) -> str:
        """What to call it."""
        if self._path is None:
            names = []
            folder = self
            while folder._path is None and folder.parent is not None:
                names.append(folder.name)
                folder = folder.parent
            self._path = str(Path(folder._path or folder.name, *reversed(names)))
        return self._path

    def named(self, path: str) -> Folder:
        """The same, called otherwise."""
        return Folder(self.name, self.parent, path)

    @property
    def descriptor(self) -> int:
        """A descriptor that other names can be looked up in; it is good until many other folders were opened.

        Raises:
            OSError: it is there no longer, or no folder.
        """
        missing: list[Folder] = []
        folder: Folder | None = self
        while folder is not None and folder not in _OPEN:
            missing.append(folder)
            folder = folder.parent
        if folder is not None:
            _OPEN.move_to_end(folder)
        for folder in reversed(missing):
            above = _OPEN[folder.parent] if folder.parent is not None else None
            _hold(folder, os.open(folder.name, _FOLDER, dir_fd=above))
        return _OPEN[self]

    @contextmanager
    def held(self) -> Iterator[int]:
        """A descriptor as `descriptor` is, that is good until the end."""
        own = os.dup(self.descriptor)
        try:
            yield own
        finally:
            os.close(own)

    def entries(self) -> list[tuple[str, os.stat_result | None]]:
        """What is in it, sorted by name: the name, and what it is; None for a folder.

        Raises:
            OSError: it cannot be read.
        """
        found: list[tuple[str, os.stat_result | None]] = []
        own = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            with os.scandir(own) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        found.append((entry.name, None))
                        continue
                    with suppress(FileNotFoundError):
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        finally:
            os.close(own)
        return sorted(found, key=lambda each: each[0])

    def above(self) -> Folder:
        """The folder that it lies in."""
        if self.name == "/":
            return self
        return Folder("..", self) if self.parent is None or self.name == ".." else self.parent


_OPEN: Final[OrderedDict[Folder, int]] = OrderedDict()


def _hold(folder: Folder, descriptor: int) -> None:
    _OPEN[folder] = descriptor
    while len(_OPEN) > MOST_OPEN:
        _, oldest = _OPEN.popitem(last=False)
        os.close(oldest)


class Place:
    """Where a file is, or is to be: a name in a folder.

    Args:
        folder: the folder.
        name: the name.
        path: what to call the file, where that is not its name in what the folder is called.
        fault: why it cannot be reached; then nothing else counts.
    """

    __slots__ = ("_path", "fault", "folder", "name")

    def __init__(self, folder: Folder, name: str, path: str | None = None, fault: Exception | None = None) -> None:
        self.folder = folder
        self.name = name
        self._path = path
        self.fault = fault

    @property
    def path(self) -> str:
        """What to call the file."""
        if self._path is not None:
            return self._path
        folder = self.folder.path
        return self.name if folder == "." else os.path.join(folder, self.name)  # noqa: PTH118

    def __str__(self) -> str:
        return self.path

    def status(self) -> os.stat_result | None:
        """What is there, links not followed; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def opened(self) -> Opened:
        """Opens a regular file, to be read from its start as often as needed; to be closed.

        Raises:
            UnreadableError: it is none.
            OSError: it cannot be opened.
        """
        if self.fault is not None:
            raise self.fault
        return Opened(os.open(self.name, os.O_RDONLY | _FILE, dir_fd=self.folder.descriptor), self.path)

    def open(self, mode: Literal["rb"] = "rb", buffering: Literal[0] = 0) -> BinaryIO:
        """Opens a regular file for reading once, unbuffered.

        Raises:
            UnreadableError: it is none.
            OSError: it cannot be opened.
        """
        return io.FileIO(self.opened().descriptor, mode)

    def open_to_write(self, old: Opened) -> int:
        """Opens a file once more, for writing: a descriptor. It has to be the one that was opened.

        Raises:
            UnreadableError: it is another one.
            OSError: it cannot be opened.
        """
        descriptor = os.open(self.name, os.O_RDWR | _FILE, dir_fd=self.folder.descriptor)
        if os.path.samestat(os.fstat(descriptor), old.status):
            return descriptor
        os.close(descriptor)
        raise UnreadableError("it was replaced meanwhile", where=self.path)


class Opened:
    """A regular file that is held open: whatever becomes of its name, it is the same one.

    Args:
        descriptor: of the file; is closed with this.
        path: what to call it.

    Raises:
        UnreadableError: it is no regular file.
    """

    __slots__ = ("descriptor", "path", "status")

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path
        self.status = os.fstat(descriptor)
        if not stat.S_ISREG(self.status.st_mode):
            os.close(descriptor)
            raise UnreadableError("not a regular file", where=path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The last name of its path."""
        return os.path.basename(self.path)  # noqa: PTH119  # a path that is a text

    @property
    def size(self) -> int:
        """Bytes of it, when it was opened."""
        return self.status.st_size

    def open(self, mode: Literal["rb"] = "rb", buffering: Literal[0] = 0) -> BinaryIO:
        """Reads it from its start, unbuffered; any number of these read beside each other."""
        return cast(BinaryIO, _Reader(self.descriptor))

    def attributes(self) -> dict[str, bytes]:
        """The extended attributes, access lists and capabilities among them; none where the file system has none."""
        try:
            names = os.listxattr(self.descriptor)
            return {name: os.getxattr(self.descriptor, name) for name in names}
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            return {}

    def close(self) -> None:
        """Closes it; once."""
        os.close(self.descriptor)


class _Reader(io.RawIOBase):
    """Reads a file by its descriptor, which others read as well: it has a position of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._descriptor).st_size if start is None else start)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = os.preadv(self._descriptor, [buffer], self._at)
        self._at += size
        return size


def find(path: str | os.PathLike[str], start: Folder | None = None) -> Place | Folder:
    """Where a path leads: to a folder, or to a name in one that is no folder, or that nothing has yet.

    Args:
        path: the path. Its links are followed, as far as they can be trusted.
        start: what it is relative to; None for the current folder.

    Raises:
        UnreadableError: a link may not be followed.
        OSError: it leads nowhere.
    """
    text = os.fspath(path)
    folder = Folder("/", None) if text.startswith("/") else start or Folder(".", None)
    pending = text.split("/")[::-1]
    links = 0
    while pending:
        name = pending.pop()
        if name in ("", "."):
            continue
        if name == "..":
            folder = folder.above()
            continue
        try:
            found = os.open(name, _ANYTHING, dir_fd=folder.descriptor)
        except FileNotFoundError:
            if any(pending):
                raise
            return Place(folder, name, text)
        status = os.fstat(found)
        if stat.S_ISDIR(status.st_mode):
            folder = Folder(name, folder)
            _hold(folder, found)
            continue
        try:
            if not stat.S_ISLNK(status.st_mode):
                if any(pending):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), text)
                return Place(folder, name, text)
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), text)
            _require_trusted(status, folder, name, text)
            target = os.readlink("", dir_fd=found)
        finally:
            os.close(found)
        if target.startswith("/"):
            folder = Folder("/", None)
        pending += target.split("/")[::-1]
    return folder.named(text)


def find_file(path: str | os.PathLike[str], start: Folder | None = None) -> Place:
    """As `find`, of what is no folder.

    Raises:
        UnreadableError: it is a folder, or a link may not be followed.
        OSError: it leads nowhere.
    """
    found = find(path, start)
    if isinstance(found, Folder):
        raise UnreadableError("it is a folder", where=path)
    return found


def find_name(path: str | os.PathLike[str]) -> Place:
    """As `find_file`, but where a link has that name it is the place: what is put there replaces it.

    Raises:
        UnreadableError: a link on the way may not be followed.
        OSError: it leads nowhere.
    """
    above, name = os.path.split(os.fspath(path))
    if name in ("", ".", ".."):
        return find_file(path)
    folder = find(above or ".")
    if not isinstance(folder, Folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), above)
    return Place(folder, name, os.fspath(path))


def _require_trusted(status: os.stat_result, folder: Folder, name: str, path: str) -> None:
    """Refuses a link that another user may have put there; see the module."""
    if _is_trusted(status.st_uid) or is_ours_alone(os.fstat(folder.descriptor)):
        return
    raise UnreadableError(
        f"its part {name!r} is a symbolic link of another user, which is not followed",
        where=path,
        mend="name what it leads to",
    )


def is_ours_alone(folder: os.stat_result) -> bool:
    """Whether only root and the caller can change what is in a folder."""
    return _is_trusted(folder.st_uid) and not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_trusted(user: int) -> bool:
    return user in (0, os.geteuid(), _owner_of_root())


@cache
def _owner_of_root() -> int:
    """Who owns the root folder: where users are mapped, root of the machine has another number."""
    return Path("/").stat().st_uid
