"""CD images. Sources: ECMA-119 (ISO 9660), 8.4 and 9.1; IEEE P1282 (Rock Ridge), 4.1.6.

Times stand in the volume descriptors, and in the records of all folders, there also as Rock Ridge's `TF` entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.spots import Spot, compare, number
from buildinfo.verify.explain.hunk import Hunk

_SECTOR: Final = 2048
_FIRST: Final = 16
_MAX_DESCRIPTORS: Final = 64
_MAX_FOLDERS: Final = 20_000
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_IN_DESCRIPTOR: Final = (("created", 813), ("modified", 830), ("expires", 847), ("effective", 864))
_LONG: Final = 0x80


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `field` (`iso9660:time`), and those of all else.

    Raises:
        FormatError: one of them is broken, or the two hold other files.
    """
    yield from compare("iso9660", spots, before, after, place)


def spots(data: bytes) -> Iterator[Spot]:
    """All times."""
    seen: set[int] = set()
    for sector in range(_FIRST, _FIRST + _MAX_DESCRIPTORS):
        start = sector * _SECTOR
        kind = number(data, start, 1)
        if data[start + 1 : start + 6] != b"CD001" or kind == _TERMINATOR:
            return
        if kind not in (_PRIMARY, _SUPPLEMENTARY):
            continue
        for name, at in _IN_DESCRIPTOR:
            yield Spot(start + at, start + at + 17, "time", name, data[start + at : start + at + 16])
        yield _recorded(data, start + 156, "root")
        yield from _folders(data, start + 156, seen)


def _folders(data: bytes, root: int, seen: set[int]) -> Iterator[Spot]:
    """The times in the folders of one tree, each folder once."""
    left = [_extent(data, root)]
    while left:
        start, size = left.pop()
        if start in seen:
            continue
        seen.add(start)
        if len(seen) > _MAX_FOLDERS or start + size > len(data):
            raise FormatError("broken folders", offset=start)
        at = start
        while at < start + size:
            length = data[at]
            if not length:  # records do not cross sectors
                at += _SECTOR - (at - start) % _SECTOR
                continue
            name = number(data, at + 32, 1)
            if length < 34 or 33 + name > length or at + length > start + size:
                raise FormatError("a broken record of a folder", offset=at)
            yield _recorded(data, at, data[at + 33 : at + 33 + name].decode("latin-1"))
            yield from _stamps(data, at + 33 + name + (name + 1) % 2, at + length)
            if data[at + 25] & 2:
                left.append(_extent(data, at))
            at += length


def _extent(data: bytes, record: int) -> tuple[int, int]:
    return number(data, record + 2, 4) * _SECTOR, number(data, record + 10, 4)


def _recorded(data: bytes, record: int, name: str) -> Spot:
    raw = data[record + 18 : record + 25].ljust(7, b"\0")
    shown = b"%04d-%02d-%02d %02d:%02d:%02d" % (1900 + raw[0], *raw[1:6])
    return Spot(record + 18, record + 25, "time", f"{name!a}", shown)


def _stamps(data: bytes, at: int, end: int) -> Iterator[Spot]:
    """Rock Ridge's times in the entries behind a name."""
    while at + 4 <= end:
        length = data[at + 2]
        if length < 4 or at + length > end:
            return
        if data[at : at + 2] == b"TF" and length > 5:
            yield Spot(at + 5, at + length, "time", "Rock Ridge times", data[at + 5 : at + length].hex().encode())
        at += length
