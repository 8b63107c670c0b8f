"""Files that are written beside their place, and what an interruption leaves of them.

Whoever writes such a file holds a lock on it (flock(2)) until it has its name, or is gone. So one that can be locked
has no writer any more, whatever process numbers say.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

#: What is still being written, or was when its writer died.
PART: Final = ".part"
#: New content of a file that was being written over: where that was interrupted, nothing else has it whole.
WHOLE: Final = ".whole"

_OURS: Final = re.compile(
    r"\.abuild-buildinfo\.[0-9a-f]{16}\.(part|([0-9]+\.)?whole)|"
    r"\.(.+\.buildinfo\.toml(\.sig)?|hashes\.json|[0-9a-f]{16}\.index)\.[0-9]+\.part"
)


def part_name() -> str:
    """A name for a file or folder that is being written, which no other has."""
    return f".abuild-buildinfo.{os.urandom(8).hex()}{PART}"


def is_leftover_name(name: str) -> bool:
    """Whether only this program gives a file that name, while it writes."""
    return _OURS.fullmatch(name) is not None


def create(path: Path | str, mode: int, *, folder: int | None = None) -> int:
    """Create a file and lock it; the lock is held while the descriptor, or a copy of it, is open.

    Args:
        path: the file.
        mode: its mode, before the umask.
        folder: a descriptor of what the path is relative to.

    Returns:
        A descriptor for reading and writing.

    Raises:
        OSError: it cannot be created, or is there.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=folder)
        lock(descriptor)
        if os.fstat(descriptor).st_nlink:  # else somebody took it for abandoned just before
            return descriptor
        os.close(descriptor)


def create_folder(path: Path) -> int:
    """Create a folder and lock it, as `create` does a file.

    Raises:
        OSError: it cannot be created, or is there.
    """
    while True:
        path.mkdir(0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        lock(descriptor)
        if path.exists():
            return descriptor
        os.close(descriptor)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what has to be a file for a while, where temporary files are; gone afterwards.

    What runs that were killed left there is removed first.

    Raises:
        OSError: it cannot be created.
    """
    import tempfile

    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = place / part_name()
    held = create_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def lock(descriptor: int) -> None:
    """Lock a file or folder, as far as its file system can."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_abandoned(path: Path) -> bool:
    """Whether the writer of a file or folder of ours is gone; False where that cannot be told."""
    with suppress(OSError):
        descriptor = _locked(path)
        if descriptor is not None:
            os.close(descriptor)
            return True
    return False


def remove_abandoned(path: Path | str, *, folder: int | None = None) -> bool:
    """Remove a file or folder whose writer is gone.

    Args:
        path: the file or folder.
        folder: a descriptor of what the path is relative to.

    Returns:
        Whether it was removed. A stranger's, and what is still being written, stays.
    """
    try:
        descriptor = _locked(path, folder)
    except OSError:
        return False
    if descriptor is None:
        return False
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            shutil.rmtree(path, ignore_errors=True, dir_fd=folder)
        else:
            os.unlink(path, dir_fd=folder)  # in an open folder
        os.stat(path, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return False


def leftovers(folder: Path) -> list[Path]:
    """What an interruption left in a folder, or what is being written there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path) for entry in entries if entry.name[0] == "." and is_leftover_name(entry.name)
            )
    except OSError:
        return []


def sweep(folder: Path) -> list[Path]:
    """Remove the unfinished files in a folder whose writers are gone; what may hold the only copy of something stays.

    Returns:
        What was removed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return []
    try:
        return [folder / name for name in sweep_opened(descriptor)]
    finally:
        os.close(descriptor)


def sweep_opened(folder: int) -> list[str]:
    """As `sweep`, in a folder that is open for reading; no link is followed.

    Returns:
        The names of what was removed.
    """
    found = sorted(name for name in os.listdir(folder) if name[0] == "." and is_leftover_name(name))
    return [name for name in found if _is_spare(name, folder) and remove_abandoned(name, folder=folder)]


def _is_spare(name: str, folder: int) -> bool:
    """Whether nothing is lost with a leftover: unfinished, or the same bytes have their place in the folder."""
    return name.endswith(PART) or _twin(name, folder) is not None


def twin(whole: Path) -> Path | None:
    """The file in the folder that has the content of a `.whole` one; None if none has."""
    descriptor = os.open(whole.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        name = _twin(whole.name, descriptor)
    finally:
        os.close(descriptor)
    return None if name is None else whole.parent / name


def _twin(whole: str, folder: int) -> str | None:
    """As `twin`, by names in a folder that is open."""
    size = _size(whole, folder)
    for name in sorted(os.listdir(folder)) if size is not None else ():
        if not is_leftover_name(name) and _size(name, folder) == size and _equal(name, whole, folder):
            return name
    return None


def _size(name: str, folder: int) -> int | None:
    """Bytes of a regular file; None of what is none."""
    with suppress(OSError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return status.st_size if stat.S_ISREG(status.st_mode) else None
    return None


def interrupted(whole: Path) -> Path | None:
    """The file that was being written over when a `.whole` one was left: its name holds the inode's number."""
    number = whole.name.split(".")[-2]
    for path in sorted(whole.parent.iterdir()) if number.isdecimal() else ():
        if path != whole and str(path.lstat().st_ino) == number:
            return path
    return None


def _equal(one: str, other: str, folder: int) -> bool:
    """Whether two files have the same bytes; False where that cannot be told."""

    def opened(name: str, _: int) -> int:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)

    try:
        with open(one, "rb", opener=opened) as first, open(other, "rb", opener=opened) as second:
            while (piece := first.read(1 << 20)) == second.read(1 << 20):
                if not piece:
                    return True
    except OSError:
        pass
    return False


def _locked(path: Path | str, folder: int | None = None) -> int | None:
    """A descriptor of a file or folder of the caller's own, locked; None if it is not, or somebody holds the lock.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        kept = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if (
            kept
            and status.st_uid == os.geteuid()
            and os.path.samestat(status, os.stat(path, dir_fd=folder, follow_symlinks=False))
        ):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
