"""Fonts: TrueType and OpenType. Source: the OpenType specification 1.9, "Font file" and `head`.

When it was made and changed stands in `head`, in seconds since 1904, and is summed up twice: in the table directory
(without the adjustment), and in the adjustment itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.spots import Spot, compare, number, sum_spot, time_spot
from buildinfo.verify.explain.hunk import Hunk

_SINCE_1904: Final = -2082844800
_MAX_TABLES: Final = 512
_MAGIC: Final = 0x5F0F3CF5
_WHOLE: Final = 0xB1B0AFBA


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `field` (`font:time`, `font:sum`), and those of all else.

    Raises:
        FormatError: one of them is no font, or their tables are of other sizes.
    """
    yield from compare("font", spots, before, after, place)


def spots(data: bytes) -> Iterator[Spot]:
    """The times in `head`, and the checksums that hold them."""
    count = number(data, 4, 2, "big")
    if count > _MAX_TABLES:
        raise FormatError("a font with too many tables", offset=4)
    for at in range(12, 12 + 16 * count, 16):
        if data[at : at + 4] == b"head":
            break
    else:
        raise FormatError("a font without a head", offset=12)
    stated, start, size = (number(data, at + place, 4, "big") for place in (4, 8, 12))
    if size < 54 or start % 4 or start + size > len(data) or number(data, start + 12, 4, "big") != _MAGIC:
        raise FormatError("a head of an unknown kind", offset=start)
    blank = data[: start + 8] + bytes(4) + data[start + 12 :]
    yield sum_spot(data, at + 4, 4, "checksum of head", right=stated == _sum(blank[start : start + size]))
    adjustment = number(data, start + 8, 4, "big")
    yield sum_spot(data, start + 8, 4, "checkSumAdjustment", right=adjustment == (_WHOLE - _sum(blank)) % (1 << 32))
    yield time_spot(data, start + 20, "created", width=8, order="big", since=_SINCE_1904)
    yield time_spot(data, start + 28, "modified", width=8, order="big", since=_SINCE_1904)


def _sum(data: bytes) -> int:
    """The sum of all numbers of four bytes."""
    data += bytes(-len(data) % 4)
    return sum(sum(memoryview(data)[place::4]) << 8 * (3 - place) for place in range(4)) & 0xFFFFFFFF
