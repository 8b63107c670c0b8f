"""A new file in the place of an old one: whole or not at all, with the owner, mode and attributes of the old one."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

from buildinfo.errors import UnreadableError
from buildinfo.leftovers import WHOLE, create, part_name, sweep

INDEX: Final = "APKINDEX.tar.gz"


@contextmanager
def beside(source: Path, target: Path, write: Callable[[IO[bytes]], None], *, kept: bool) -> Iterator[Path]:
    """Writes a new file in the folder of `target`, to be renamed to it; gone afterwards if it was not.

    What an interrupted run left in that folder is removed first, once for each folder.

    Args:
        source: what the new file gets its owner, mode, access lists, capabilities and other attributes from.
        target: what it is to become.
        write: writes its content.
        kept: all of that has to be kept, for the source is to be replaced; otherwise as far as may be.

    Raises:
        UnreadableError: it cannot be written or renamed, or would have another owner.
    """
    new = target.parent / part_name()
    held = -1
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        _sweep_once(target.parent)
        held = create(new, 0o600)
        with os.fdopen(os.dup(held), "w+b") as file:
            write(file)
            file.flush()
            _keep_status(file, source, kept=kept)
            os.fsync(file.fileno())
        yield new
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror}", where=target) from error
    finally:
        new.unlink(missing_ok=True)
        if held >= 0:
            os.close(held)


@cache
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def later_than_index(folder: Path) -> float:
    """Now, or a second after the index: apk keeps what an index says of a package that is older than it."""
    try:
        return max(time.time(), int((folder / INDEX).stat().st_mtime) + 1)
    except FileNotFoundError:
        return time.time()


def write_over(target: Path, new: Path) -> None:
    """Writes the bytes of `new` into `target`, so that its other names show them too; its times change.

    Meanwhile the new file has another name, with the inode of the target in it, which stays where this is interrupted:
    nothing is lost.

    Raises:
        UnreadableError: it was written in part.
        OSError: it cannot be written, and was not.
    """
    with _opened(target) as file:
        whole = new.rename(new.with_suffix(f".{os.fstat(file.fileno()).st_ino}{WHOLE}"))
        try:
            with whole.open("rb") as source:
                while piece := source.read(1 << 20):
                    file.write(piece)
            file.truncate()
            file.flush()
            # Writing took its capabilities, and where the writer is not root its setuid bit.
            _keep_status(file, whole, kept=True)
            os.fsync(file.fileno())
        except OSError as error:
            mend = f"its new content is in {whole}"
            raise UnreadableError(f"was written in part: {error.strerror}", where=target, mend=mend) from error
    whole.unlink()


def _opened(target: Path) -> IO[bytes]:
    try:
        return target.open("r+b")
    except PermissionError:
        mode = stat.S_IMODE(target.stat().st_mode)
        target.chmod(mode | stat.S_IWUSR)  # the new file brings the old mode along
        try:
            return target.open("r+b")
        except OSError:
            target.chmod(mode)
            raise


def _keep_status(file: IO[bytes], source: Path, *, kept: bool) -> None:
    old, new = source.stat(), os.fstat(file.fileno())
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        except OSError:
            if kept:
                raise
    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
    for name, value in _attributes(source).items():
        try:
            os.setxattr(file.fileno(), name, value)
        except OSError:
            if kept and name != "security.selinux":  # which the machine's policy sets
                raise


def _attributes(path: Path) -> dict[str, bytes]:
    """The extended attributes, access lists and capabilities among them."""
    try:
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}
