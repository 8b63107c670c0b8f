"""Legacy U-Boot images (uImage): a header of 64 bytes, and what it is the header of.

Source: U-Boot's `include/image.h`, `struct legacy_img_hdr`; all numbers are big-endian.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

HEADER: Final = 64
_FIELDS: Final = (
    ("header checksum", 4, 8, True),
    ("time", 8, 12, False),
    ("size", 12, 16, True),
    ("load", 16, 20, False),
    ("entry", 20, 24, False),
    ("data checksum", 24, 28, True),
    ("os", 28, 29, False),
    ("arch", 29, 30, False),
    ("type", 30, 31, False),
    ("compression", 31, 32, False),
    ("name", 32, 64, False),
)
"""Name, bounds, and whether the field follows from others."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Fields of the header (kind `uimage`; `time` in seconds since 1970), and the hunks of the content."""
    if min(len(before), len(after)) < HEADER:
        raise FormatError("a uImage header that is cut off", offset=min(len(before), len(after)))
    for name, start, end, follows in _FIELDS:
        old, new = before[start:end], after[start:end]
        if name == "name":
            old, new = old.rstrip(b"\0"), new.rstrip(b"\0")
        elif name in ("time", "size"):
            old, new = (b"%d" % int.from_bytes(side, "big") for side in (old, new))
        if old != new and follows and not (_holds(before, name) and _holds(after, name)):
            yield place.part(name).hunk("bytes", f"{name} that does not hold", old, new)
        elif old != new:
            yield place.part(name).hunk("uimage", name, old, new, follows=follows)
    yield from place.inside("data", before[HEADER:], after[HEADER:])


def _holds(data: bytes, name: str) -> bool:
    """Whether a size or checksum is right."""
    size, checksum = (int.from_bytes(data[at : at + 4], "big") for at in (12, 24))
    if name == "header checksum":
        header = data[:4] + bytes(4) + data[8:HEADER]
        return zlib.crc32(header).to_bytes(4, "big") == data[4:8]
    if name == "size":
        return HEADER + size <= len(data)
    return zlib.crc32(data[HEADER : HEADER + size]) == checksum
