"""The end records of a zip archive, and the fields of records in general.

Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16 and 4.4.19 to 4.4.26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import LeftAlone

Places = Mapping[str, slice]
"""Where the numbers of a record are."""

_END: Final = 22
_END64: Final = 56
_LOCATOR: Final = 20
_END_MAGIC: Final = b"PK\x05\x06"
_END64_MAGIC: Final = b"PK\x06\x06" + (_END64 - 12).to_bytes(8, "little")
_LOCATOR_MAGIC: Final = b"PK\x06\x07"
_LOCATOR_FIELDS: Final = Struct("<4xIQ").unpack_from

_PLACES: Final[Places] = {
    "disks": slice(4, 8),
    "here": slice(8, 10),
    "members": slice(10, 12),
    "size": slice(12, 16),
    "offset": slice(16, 20),
}
_PLACES64: Final[Places] = {
    "disks": slice(16, 24),
    "here": slice(24, 32),
    "members": slice(32, 40),
    "size": slice(40, 48),
    "offset": slice(48, 56),
}
"""The same numbers in the zip64 record; it counts where one is all ones in the other."""


@dataclass(slots=True)
class End:
    """What stands behind the central directory.

    Attributes:
        plain: end record and archive comment.
        wide: zip64 end record and its locator, or nothing.
        first: where the central directory starts in the file.
        stop: where it stops.
        start: what the offsets in the archive count from, in the file.
        members: how many there are, modulo `modulus`: old writers let the two bytes overflow.
    """

    plain: bytearray
    wide: bytearray
    first: int
    stop: int
    start: int
    members: int

    @property
    def modulus(self) -> int:
        return 1 << 64 if self.wide else 1 << 16

    def update(self, first: int, stop: int, members: int) -> bytes:
        """The records for a central directory at another place."""
        count = members % self.modulus
        numbers = {"here": count, "members": count, "size": stop - first, "offset": first - self.start}
        for field, number in numbers.items():
            if self.wide:
                put(self.wide, _PLACES64[field], number)
            if not (self.wide and absent(self.plain, _PLACES[field])):
                put(self.plain, _PLACES[field], number)
        if self.wide:
            put(self.wide, slice(_END64 + 8, _END64 + 16), stop - self.start)
        return bytes(self.wide + self.plain)


def read_end(data: bytes) -> End:
    """Finds and reads the end records.

    Raises:
        FormatError: there is none, or the archive is cut.
        LeftAlone: they are of a kind that is not known, or ambiguous.
    """
    at = _find(data)
    plain = bytearray(data[at:])
    numbers = {field: get(plain, place) for field, place in _PLACES.items()}
    wide = bytearray()
    stop = at
    locator = at - _LOCATOR
    if locator >= 0 and data.startswith(_LOCATOR_MAGIC, locator):
        stop = locator - _END64
        if stop < 0 or not data.startswith(_END64_MAGIC, stop):
            raise LeftAlone("its zip64 end record is of a kind that is not known")
        wide = bytearray(data[stop:at])
        agreed = {field: get(wide, place) for field, place in _PLACES64.items()}
        if any(number != agreed[field] and not absent(plain, _PLACES[field]) for field, number in numbers.items()):
            raise LeftAlone("its two end records disagree")
        numbers = agreed
    first = stop - numbers["size"]
    start = first - numbers["offset"]
    if start < 0:
        raise FormatError("central directory does not lie before the end record", offset=stop)
    if wide:
        disk, offset = _LOCATOR_FIELDS(data, locator)
        if disk or offset != stop - start:
            raise LeftAlone("its zip64 locator points elsewhere")
    if numbers["disks"] or numbers["here"] != numbers["members"]:
        raise LeftAlone("it is one part of a split archive")
    return End(plain, wide, first, stop, start, numbers["members"])


def _find(data: bytes) -> int:
    """Where the last end record is whose comment ends with the file."""
    at = len(data)
    lowest = max(0, at - _END - 0xFFFF)
    while (at := data.rfind(_END_MAGIC, lowest, at)) >= 0:
        comment = at + _END
        if comment <= len(data) and comment + get(data, slice(comment - 2, comment)) == len(data):
            # Python and others take the last one, whatever its comment is.
            if data.find(_END_MAGIC, at + 1) >= 0:
                raise LeftAlone("another end record stands in its comment")
            return at
    if _END_MAGIC in data:
        raise LeftAlone("bytes follow its end record, or the record is cut")
    raise FormatError("no end record, the archive is cut", offset=len(data))


def absent(record: bytearray, place: slice) -> bool:
    """Whether a number is all ones: then a zip64 record has it."""
    return record[place] == b"\xff" * int(place.stop - place.start)


def get(record: bytes | bytearray, place: slice) -> int:
    """The number at a place."""
    return int.from_bytes(record[place], "little")


def put(record: bytearray, place: slice, value: int) -> None:
    """Writes a number.

    Raises:
        LeftAlone: it does not fit.
    """
    width = place.stop - place.start
    number = narrow(value, width)
    if width < 8 and number == b"\xff" * width and number != record[place]:
        raise LeftAlone("it would outgrow its offsets")
    record[place] = number


def narrow(value: int, width: int) -> bytes:
    """A number as so many bytes.

    Raises:
        LeftAlone: it does not fit.
    """
    if value >> 8 * width:
        raise LeftAlone("it would outgrow its offsets")
    return value.to_bytes(width, "little")
