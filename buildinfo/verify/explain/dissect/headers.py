"""Formats of which only fields of the header are known: a table, one row a field.

Sources: Linux's `fs/squashfs/squashfs_fs.h` and `include/uapi/linux/msdos_fs.h`, Berkeley DB's `dbinc/db_page.h`,
Linux's `include/uapi/linux/cramfs_fs.h`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Literal, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.spots import Spot, compare, id_spot, number, sum_spot, time_spot
from buildinfo.verify.explain.hunk import Hunk


class Row(NamedTuple):
    """A field: its format, what tells that format, and the field's name, meaning and place."""

    form: str
    magic: bytes
    at: int
    name: str
    what: Literal["time", "id", "crc32"]
    start: int
    width: int


TABLE: Final = (
    Row("squashfs", b"hsqs", 0, "mkfs_time", "time", 8, 4),
    Row("fat", b"FAT12   ", 54, "volume serial number", "id", 39, 4),
    Row("fat", b"FAT16   ", 54, "volume serial number", "id", 39, 4),
    Row("fat", b"FAT32   ", 82, "volume serial number", "id", 67, 4),
    Row("cramfs", b"\x45\x3d\xcd\x28", 0, "crc", "crc32", 32, 4),
    Row("berkeley-db", b"\x62\x31\x05\0", 12, "file id", "id", 52, 20),
    Row("berkeley-db", b"\x61\x15\x06\0", 12, "file id", "id", 52, 20),
)
"""Numbers are little-endian; a crc32 is over the whole file, itself taken for zeros."""


def is_known(head: bytes) -> bool:
    """Whether a file is of a format of the table."""
    return any(head.startswith(row.magic, row.at) for row in TABLE)


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `field` (`FORM:time`, `FORM:id`, `FORM:sum`), and those of all else.

    Raises:
        FormatError: they are of two formats, or cut off.
    """
    rows, others = ([row for row in TABLE if side.startswith(row.magic, row.at)] for side in (before, after))
    if rows != others or not rows:
        raise FormatError("the two are of other formats")
    spots: Callable[[bytes], Iterator[Spot]] = partial(_spots, rows)
    yield from compare(rows[0].form, spots, before, after, place)


def _spots(rows: list[Row], data: bytes) -> Iterator[Spot]:
    for row in rows:
        if row.what == "time":
            yield time_spot(data, row.start, row.name, width=row.width)
        elif row.what == "id":
            yield id_spot(data, row.start, row.width, row.name)
        else:
            end = row.start + row.width
            right = zlib.crc32(data[: row.start] + bytes(row.width) + data[end:]) == number(data, row.start, row.width)
            yield sum_spot(data, row.start, row.width, row.name, right=right)
