"""In what apk does something else with two packages, whatever their archives say: see :mod:`buildinfo.apk.reads`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from buildinfo.apk.reads.info import read_info
from buildinfo.apk.reads.install import Installation, differences, install, is_alike
from buildinfo.verify.contents import Contents
from buildinfo.verify.found import DIFFERENT, Found, shown
from buildinfo.verify.report import Difference, readable

MOST: Final = 1000
"""Most paths that are told."""


def refused_differences(original: str | None, rebuilt: str | None) -> Iterator[Found]:
    """What apk does not read as it is meant is not the same as anything but its own bytes.

    Args:
        original, rebuilt: why apk does not read them so; None if it does.
    """
    for side, why in (("original", original), ("rebuild", rebuilt)):
        if why is not None:
            detail = f"apk does not read the {side} as it is meant: {shown(why)}"
            yield Found(Difference(layer="framing", path=None, field="reading", detail=detail), DIFFERENT)


def info_differences(original: Contents, rebuilt: Contents, told: Iterable[Found]) -> Iterator[Found]:
    """What apk acts on in `.PKGINFO`, where nothing was told of it that weighs as much."""
    if any(found.gravity == DIFFERENT for found in told) or original.pkginfo.raw == rebuilt.pkginfo.raw:
        return
    old, new = read_info(original.pkginfo.raw), read_info(rebuilt.pkginfo.raw)
    for field, same in (("triggers", old.triggers == new.triggers), ("size", old.unpacks == new.unpacks)):
        if not same:
            detail = f"apk reads other {field}"
            yield Found(Difference(layer="control", path=None, field=field, detail=detail), DIFFERENT)


def installed_differences(original: Contents, rebuilt: Contents, told: Iterable[Found]) -> Iterator[Found]:
    """Paths at which apk installs something else, but for the content of files, and that nothing was told of that
    weighs as much."""
    if original.package.refused is not None or rebuilt.package.refused is not None:
        return
    if is_alike(original.readings, rebuilt.readings):
        return
    known = {found.difference.path for found in told if found.gravity == DIFFERENT}
    found = differences(_installed(original), _installed(rebuilt))
    for path, why in islice(found, MOST):
        name = readable(path.decode("utf-8", "surrogateescape")) or None
        if name is None or name not in known:
            difference = Difference(layer="file", path=name, field="installed", detail=f"by apk: {shown(why)}")
            yield Found(difference, DIFFERENT)


def _installed(contents: Contents) -> Installation:
    return install((reading, None) for reading in contents.readings)
