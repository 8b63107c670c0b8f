"""A new file in the place of an old one: whole or not at all, with the owner, mode and attributes of the old one.

All is done in a folder that is held open, with names that nobody can foresee; what the new file gets comes from the
file that was read, and not from what has its name by then.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

from buildinfo.errors import UnreadableError
from buildinfo.leftovers import PART, WHOLE, create, part_name, sweep_opened
from buildinfo.places import Folder, Opened, Place

INDEX: Final = "APKINDEX.tar.gz"

_PIECE: Final = 1 << 20
_swept: set[tuple[int, int]] = set()


class New:
    """A file that was written beside its place.

    Attributes:
        descriptor: of the file.
        name: its name, for the time being.
    """

    def __init__(self, descriptor: int, folder: int, name: str, target: Place) -> None:
        self.descriptor = descriptor
        self.name = name
        self._folder = folder
        self._target = target

    def opened(self) -> Opened:
        """The file, to be read; to be closed."""
        return Opened(os.dup(self.descriptor), self._target.path)

    def take_place(self, times: tuple[int, int]) -> None:
        """Puts it in its place, with these times of access and modification, in nanoseconds."""
        os.utime(self.descriptor, ns=times)
        self.rename(self._target.name)

    def rename(self, name: str) -> None:
        """Gives it another name in its folder."""
        os.rename(self.name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self.name = name

    def remove(self) -> None:
        """Takes its name away, whatever that is."""
        os.unlink(self.name, dir_fd=self._folder)


@contextmanager
def beside(source: Opened, target: Place, write: Callable[[IO[bytes]], None], *, kept: bool) -> Iterator[New]:
    """Writes a new file in the folder of `target`, to take its place; gone afterwards if it got no other name.

    What an interrupted run left in that folder is removed first, once for each folder.

    Args:
        source: what the new file gets its owner, mode, access lists, capabilities and other attributes from.
        target: what it is to become.
        write: writes its content.
        kept: all of that has to be kept, for the source is to be replaced; otherwise as far as may be.

    Raises:
        UnreadableError: it cannot be written or renamed, or would have another owner.
    """
    try:
        if target.fault is not None:
            raise target.fault
        with target.folder.held() as folder:
            status = target.status()
            if status is not None and stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            _sweep_once(folder)
            unnamed = part_name()
            new: New | None = None
            try:  # a signal may end it at any moment from here on
                new = New(create(unnamed, 0o600, folder=folder), folder, unnamed, target)
                with os.fdopen(os.dup(new.descriptor), "w+b") as file:
                    write(file)
                    file.flush()
                    _keep_status(file.fileno(), source, kept=kept)
                    os.fsync(file.fileno())
                yield new
            finally:
                if new is None or new.name == unnamed:
                    with suppress(FileNotFoundError):
                        os.unlink(unnamed, dir_fd=folder)
                if new is not None:
                    os.close(new.descriptor)
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror}", where=target) from error


def _sweep_once(folder: int) -> None:
    status = os.fstat(folder)
    if (inode := (status.st_dev, status.st_ino)) in _swept:
        return
    _swept.add(inode)
    with suppress(OSError):
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            sweep_opened(listed)
        finally:
            os.close(listed)


def later_than_index(folder: Folder) -> int:
    """Now, or a second after the index, in nanoseconds: apk keeps what an index says of a package that is older."""
    index = Place(folder, INDEX).status()
    return max(time.time_ns(), 0 if index is None else (int(index.st_mtime) + 1) * 10**9)


def write_over(target: Place, old: Opened, new: New) -> None:
    """Writes the bytes of `new` into the file that `old` is, so that its other names show them too, and its times stay.

    Meanwhile the new file has another name, with the inode of the old one in it, which stays where this is interrupted:
    nothing is lost.

    Raises:
        UnreadableError: it was written in part, or is another file by now.
        OSError: it cannot be written, and was not.
    """
    with os.fdopen(_opened(target, old), "r+b") as file, new.opened() as whole:
        new.rename(f"{new.name.removesuffix(PART)}.{old.status.st_ino}{WHOLE}")
        try:
            reader = whole.open()
            while piece := reader.read(_PIECE):
                file.write(piece)
            file.truncate()
            file.flush()
            # Writing took its capabilities, and where the writer is not root its setuid bit.
            _keep_status(file.fileno(), whole, kept=True)
            os.utime(file.fileno(), ns=(old.status.st_atime_ns, old.status.st_mtime_ns))
            os.fsync(file.fileno())
        except OSError as error:
            mend = f"its new content is in {Place(target.folder, new.name).path}"
            raise UnreadableError(f"was written in part: {error.strerror}", where=target, mend=mend) from error
    new.remove()


def _opened(target: Place, old: Opened) -> int:
    try:
        return target.open_to_write(old)
    except PermissionError:
        mode = stat.S_IMODE(old.status.st_mode)
        os.fchmod(old.descriptor, mode | stat.S_IWUSR)  # the new file brings the old mode along
        try:
            return target.open_to_write(old)
        except OSError:
            os.fchmod(old.descriptor, mode)
            raise


def _keep_status(file: int, source: Opened, *, kept: bool) -> None:
    old, new = os.fstat(source.descriptor), os.fstat(file)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(file, old.st_uid, old.st_gid)
        except OSError:
            if kept:
                raise
    os.fchmod(file, stat.S_IMODE(old.st_mode))
    for name, value in source.attributes().items():
        try:
            os.setxattr(file, name, value)
        except OSError:
            if kept and name != "security.selinux":  # which the machine's policy sets
                raise
