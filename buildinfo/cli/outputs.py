"""Where results go that are no files: descriptors of the caller's own, devices and pipes. All else is replaced.

A file that is written is a new one that takes the name, so a link of that name is replaced and not followed: who can
put a link into a folder has no say in what is written over. (`normalize` alone follows it, as it does in place.) A
device or pipe is written to as it stands, if it belongs to root or the caller and no link of somebody else leads there.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from buildinfo.errors import UnreadableError, UsageError

MOST_LINKS: Final = 40
"""Most links that lead to a file, as in Linux."""
_ATTEMPTS: Final = 40
_PAUSE: Final = 0.05
"""How often, and after how many seconds, it is asked whether somebody reads a pipe by now."""
_WRITE: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DESCRIPTORS: Final = re.compile(r"/proc/([0-9]+)(?:/task/[0-9]+)?/fd").fullmatch


def is_special(name: str) -> bool:
    """Whether an output of this name is written to, and not replaced.

    Raises:
        UsageError: it is a device or a pipe, and somebody else's, or somebody else's link leads there.
    """
    if own_descriptor(name) is not None:
        return True
    try:
        found = Path(name).stat()
    except (OSError, ValueError):
        return False
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return False
    for place in _links(name):
        if place.lstat().st_uid not in (0, os.geteuid()):
            raise UsageError("a link of somebody else leads there", where=place, mend="name the file itself")
    _require_own(found, name)
    return True


@contextmanager
def special_output(name: str) -> Iterator[IO[bytes]]:
    """What stands for an output that `is_special`, open for writing. Somebody has to read a pipe before long.

    Raises:
        UnreadableError: it cannot be written.
        BrokenPipeError: whoever read it has gone.
    """
    descriptor = own_descriptor(name)
    try:
        opened = os.dup(descriptor) if descriptor is not None else _opened(name)
        with os.fdopen(opened, "wb") as stream:
            if descriptor is None:
                found = os.fstat(opened)
                if stat.S_ISREG(found.st_mode):  # it was something else just before
                    raise UsageError("changes while it is opened", where=name)
                _require_own(found, name)
                os.set_blocking(opened, True)
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        why = "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror
        raise UnreadableError(f"cannot be written: {why}", where=name) from error


def _opened(name: str) -> int:
    """Opens it for writing; a pipe without a reader fails at once, so that is tried for a while."""
    for _ in range(_ATTEMPTS):
        try:
            return os.open(name, _WRITE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(_PAUSE)
    return os.open(name, _WRITE)


def own_descriptor(name: str) -> int | None:
    """The descriptor that a name such as `/dev/stdout` or `/dev/fd/3` stands for, where it is one of this process."""
    for place in (*_links(name), _end(name)):
        match = _DESCRIPTORS(str(place.parent))
        if match is not None and place.name.isdecimal() and int(match[1]) == os.getpid():
            return int(place.name)
    return None


def own_folder(folder: Path) -> None:
    """Makes a folder for files that belong together, where it is not there.

    Raises:
        UsageError: it is a link, or somebody else's: they would choose where the files go.
        UnreadableError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UnreadableError(f"cannot be made: {error.strerror}", where=folder) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        what = "is a folder of somebody else" if stat.S_ISDIR(found.st_mode) else "is a link"
        raise UsageError(what, where=folder, mend="name another place for the report")


def _require_own(found: os.stat_result, name: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise UsageError("is a device or a pipe of somebody else", where=name, mend="name another")


def _links(name: str) -> list[Path]:
    """The links that lead from a name to what it stands for, each in its real folder."""
    found: list[Path] = []
    place = Path(name)
    while len(found) < MOST_LINKS:
        place = Path(os.path.realpath(place.parent)) / place.name
        try:
            target = os.readlink(place)  # noqa: PTH115  # relative to the folder
        except (OSError, ValueError):
            break
        found.append(place)
        place = place.parent / target
    return found


def _end(name: str) -> Path:
    return Path(os.path.realpath(Path(name).parent)) / Path(name).name
