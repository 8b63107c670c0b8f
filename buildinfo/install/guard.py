"""Who else can write what every user's builds run: a file, a folder on the way to it, or what a link there leads to.

Who can write one of them writes what all users run, root too. A folder that others can write is let pass where it is
sticky (`/tmp`) and what stands in it belongs to root or to the caller: nobody else can then rename or remove that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from buildinfo.errors import UnreadableError

MOST_LINKS: Final = 40
"""Most links on the way to a file, as in Linux."""
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class Open(NamedTuple):
    """A place that others can write, and how so."""

    place: Path
    why: str


def open_to_others(paths: Iterable[Path]) -> Open | None:
    """The first place on the way to some paths that somebody else can write, be they there or not.

    Args:
        paths: absolute.

    Raises:
        UnreadableError: a way cannot be gone, or has no end.
    """
    trusted = {0, os.geteuid()}
    seen: set[Path] = set()
    for path in paths:
        for place, found, inside in _way(path):
            if place in seen:
                continue
            seen.add(place)
            if (why := _why(found, inside, trusted)) is not None:
                return Open(place, why)
    return None


def below(folder: Path) -> list[Path]:
    """A folder and the files in it, as far as they are there."""
    try:
        return [folder, *sorted(folder.iterdir())]
    except (FileNotFoundError, NotADirectoryError):
        return [folder]
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=folder) from error


def _why(found: os.stat_result, inside: os.stat_result | None, trusted: set[int]) -> str | None:
    """Why a place is open; `inside` is what stands in it on the way, None where the way ends or nothing does."""
    if found.st_uid not in trusted:
        return f"belongs to {_name(found.st_uid)}"
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & _OTHERS:
        return None
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if sticky and inside is not None and inside.st_uid in trusted:
        return None
    return "can be written by others" if found.st_mode & stat.S_IWOTH else f"can be written by {_group(found.st_gid)}"


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result, os.stat_result | None]]:
    """Every place on the way to a path, links and what they lead to as well, each with what stands in it on the way."""
    links = 0
    place, rest = Path("/"), list(reversed(path.parts[1:]))
    found = _look(place)
    assert found is not None  # the root is there
    while rest:
        name = rest.pop()
        if name == "..":
            place = place.parent
            found = _look(place) or found
            continue
        inner = _look(place / name)
        yield place, found, inner
        if inner is None:
            return
        if not stat.S_ISLNK(inner.st_mode):
            place, found = place / name, inner
            continue
        yield place / name, inner, None
        links += 1
        if links > MOST_LINKS:
            raise UnreadableError("too many links on the way", where=path)
        target = Path(os.readlink(place / name))  # noqa: PTH115  # its parts are wanted
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        if target.is_absolute():
            place = Path("/")
            found = _look(place) or found
    yield place, found, None


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableError(f"cannot be looked at: {error.strerror}", where=path) from error


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    import grp

    try:
        return f"the group {grp.getgrgid(gid).gr_name}"
    except KeyError:
        return f"group {gid}"
