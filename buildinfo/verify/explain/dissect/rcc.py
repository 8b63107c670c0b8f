"""Resources of Qt, compiled by `rcc -binary`. Source: Qt's `tools/rcc/rcc.cpp` and `qresource.cpp`.

Since version 2 the tree has the time of every file, in milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.spots import Spot, compare, moment, number
from buildinfo.verify.explain.hunk import Hunk

_NODE: Final = 22
_DIRECTORY: Final = 2
_MAX_NODES: Final = 50_000


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `field` (`rcc:time`), and those of all else.

    Raises:
        FormatError: one of them has a broken tree, or one without times.
    """
    yield from compare("rcc", spots, before, after, place)


def spots(data: bytes) -> Iterator[Spot]:
    """The times of files and folders."""
    if number(data, 4, 4, "big") not in (2, 3):
        raise FormatError("a version without times", offset=4)
    tree = number(data, 8, 4, "big")
    at, known = 0, 1
    while at < known:
        node = tree + _NODE * at
        if number(data, node + 4, 2, "big") & _DIRECTORY:
            # Children of a folder follow those of the one before it.
            count, first = number(data, node + 6, 4, "big"), number(data, node + 10, 4, "big")
            if first != known or first + count > _MAX_NODES:
                raise FormatError("a broken tree of resources", offset=node)
            known += count
        milliseconds = number(data, node + 14, 8, "big")
        yield Spot(node + 14, node + 22, "time", f"file {at}", moment(milliseconds // 1000))
        at += 1
