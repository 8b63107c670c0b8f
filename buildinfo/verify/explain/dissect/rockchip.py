"""Images that the boot ROM of a Rockchip loads: hashes over a header and over the programs behind it.

Source: U-Boot's `tools/rkcommon.c`, `struct header0_info_v2`; all numbers are little-endian. The hashes follow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

HEADER: Final = 2048
_SECTOR: Final = 512
_IMAGES: Final = 4
_FIRST: Final = 120
_ENTRY: Final = struct.Struct("<HHIII8x64s")
"""Offset and size in sectors, address, flag, number, hash."""
_HASH: Final = slice(1536, 2048)


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Fields of the header (kind `rockchip`), and the hunks of the programs."""
    if min(len(before), len(after)) < HEADER:
        raise FormatError("a Rockchip header that is cut off", offset=min(len(before), len(after)))
    if before[_HASH] != after[_HASH]:
        yield place.hunk("rockchip", "header hash", before[_HASH][:64], after[_HASH][:64], follows=True)
    known: list[tuple[int, int]] = [(0, HEADER), (0, HEADER)]
    for index in range(_IMAGES):
        at = _FIRST + index * _ENTRY.size
        old, new = _ENTRY.unpack_from(before, at), _ENTRY.unpack_from(after, at)
        inside = place.part(f"image {index}")
        for name, position, follows in (
            ("size", 1, True),
            ("address", 2, False),
            ("flag", 3, False),
            ("hash", 5, True),
        ):
            if old[position] != new[position]:
                yield inside.hunk("rockchip", name, _bytes(old[position]), _bytes(new[position]), follows=follows)
        bounds = [(entry[0] * _SECTOR, (entry[0] + entry[1]) * _SECTOR) for entry in (old, new)]
        yield from place.inside(f"image {index}", before[slice(*bounds[0])], after[slice(*bounds[1])])
        known = [max(first, second, key=lambda span: span[1]) for first, second in zip(known, bounds, strict=True)]
    if _header(before) != _header(after):
        yield place.hunk("rockchip", "header", before[:HEADER], after[:HEADER])
    yield from place.inside("behind", before[known[0][1] :], after[known[1][1] :])


def _header(data: bytes) -> bytes:
    """The header without what is told field by field."""
    return data[:_FIRST] + data[_FIRST + _IMAGES * _ENTRY.size : _HASH.start]


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.to_bytes(4, "little")
