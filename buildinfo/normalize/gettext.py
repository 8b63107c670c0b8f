"""Compiled message catalogs (.mo): the dates in the header entry, the translation of the empty message.

Source: the GNU gettext manual, "The Format of GNU MO Files". A date keeps its length, its spelling and its offset from
UTC, so neither a table nor a string moves. Dates in a spelling that xgettext and msgmerge do not write are a
translator's, not a build's, and are kept.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone

HEADER: Final = 28
"""magic revision strings originals translations hash_size hash_offset, four bytes each."""
_ORDERS: Final = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
_DATE: Final = re.compile(
    rb"^(?:POT-Creation-Date|PO-Revision-Date):[ \t]*"
    rb"(?P<date>([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)"
    rb" ?(?:GMT|UTC)?(?:(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})|Z)?[ \t\r]*$",
    re.MULTILINE,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Gettext:
    """`de 12 04 95`, or `95 04 12 de`."""

    name = "gettext"

    def normalize(self, data: bytes, job: Job) -> bytes:
        start, end = _header_entry(data)
        entry = data[start:end]
        result = _DATE.sub(lambda match: _date(match, job), entry)
        if result == entry:
            return data
        if _is_shared(data, start, end):
            raise LeftAlone("another message lies in its header entry")
        return data[:start] + result + data[end:]


def _header_entry(data: bytes) -> tuple[int, int]:
    """Where the translation of the empty message stands; nowhere (0, 0) if there is none."""
    order = _ORDERS.get(data[:4])
    if order is None:
        raise FormatError("no message catalog", offset=0)
    if len(data) < HEADER:
        raise FormatError("a message catalog whose header is cut off", offset=len(data))
    revision, strings, originals, translations, hash_size, hashes = struct.unpack_from(f"{order}6I", data, 4)
    if revision >> 16 > 1:
        raise LeftAlone(f"revision {revision >> 16}.{revision & 0xFFFF} of message catalogs is not known")
    tables = ((0, HEADER), (originals, 8 * strings), (translations, 8 * strings), (hashes, 4 * hash_size))
    for at, size in tables:
        if size and at + size > len(data):
            raise FormatError("a table of a message catalog that reaches past the end of the file", offset=at)
    pair = struct.Struct(f"{order}II")
    # Messages are sorted, so that the empty one comes first, but old tools did not all care.
    lengths = (size for size, _ in pair.iter_unpack(memoryview(data)[originals : originals + 8 * strings]))
    index = next((index for index, size in enumerate(lengths) if size == 0), None)
    if index is None:
        return 0, 0
    size, start = pair.unpack_from(data, translations + 8 * index)
    if start + size > len(data):
        raise FormatError("a translation that reaches past the end of the file", offset=translations + 8 * index)
    if any(length and at < start + size and start < at + length for at, length in tables):
        raise FormatError("a translation that lies inside a table", offset=translations + 8 * index)
    return start, start + size


def _is_shared(data: bytes, start: int, end: int) -> bool:
    """Whether another text than the translation of the empty message reaches into its place."""
    order = _ORDERS[data[:4]]
    _, strings, originals, translations = struct.unpack_from(f"{order}4I", data, 4)
    pair = struct.Struct(f"{order}II")
    view = memoryview(data)
    inside = 0
    for table in (originals, translations):
        for size, at in pair.iter_unpack(view[table : table + 8 * strings]):
            inside += at < end and start < at + size
    return inside > 1


def _date(match: re.Match[bytes], job: Job) -> bytes:
    """One line of the header entry."""
    line, old = match[0], match["date"]
    offset = 0
    if match["sign"]:
        offset = int(match["hours"]) * 3600 + int(match["minutes"]) * 60
        offset = -offset if match["sign"] == b"-" else offset
    try:
        year, month, day, hour, minute, second = (int(match[group] or 0) for group in range(2, 8))
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        found = (local - _EPOCH) // timedelta(seconds=1) - offset
        if job.time(found) == found:
            return line
        new = _EPOCH + timedelta(seconds=job.time(found) + offset)
    except (ValueError, OverflowError):
        return line
    text = f"{new.year:04}-{new.month:02}-{new.day:02}{chr(old[10])}{new.hour:02}:{new.minute:02}"
    if len(old) > len(text):
        text += f":{new.second:02}"
    at = match.start("date") - match.start()
    return line[:at] + text.encode() + line[at + len(old) :]
