"""Compiled translations. Source: GNU gettext manual, 10.3 (the format of MO files)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_LARGEST = 1_000_000


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `mo`: fields of the header entry by name; of kind `text`, name `mo`: translations.

    Raises:
        FormatError: one of them is no whole file.
    """
    old, new = _entries(before), _entries(after)
    found = False
    tables = [(list(entries), _hashed(data)) for entries, data in ((old, before), (new, after))]
    if tables[0][0] == tables[1][0] and tables[0][1] != tables[1][1]:
        found = True
        yield place.part("tables").hunk("bytes", "mo", tables[0][1], tables[1][1])
    headers = _fields(old.pop(b"", b"")), _fields(new.pop(b"", b""))
    for key in dict.fromkeys([*headers[0], *headers[1]]):
        values = headers[0].get(key, b""), headers[1].get(key, b"")
        if values[0] != values[1]:
            found = True
            yield place.hunk("mo", key.decode("utf-8", "replace"), *values)
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            found = True
            yield place.hunk("text", "mo", old.get(key, b""), new.get(key, b""))
    if not found:
        yield place.hunk("mo", "layout", before[:28], after[:28])


def _hashed(data: bytes) -> bytes:
    """The tables by which texts are found, whose size and content follow from the originals."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, originals = struct.unpack_from(f"{order}2I", data, 8)
    size, offset = struct.unpack_from(f"{order}2I", data.ljust(28, b"\0"), 20)
    return data[4:8] + data[originals : originals + 8 * count] + data[offset : offset + 4 * size]


def _fields(header: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in header.split(b"\n") if line)
    return {name: value.removeprefix(b" ") for name, _, value in lines}


def _entries(data: bytes) -> dict[bytes, bytes]:
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    try:
        count, originals, translations = struct.unpack_from(f"{order}3I", data, 8)
        if count > _LARGEST:
            raise FormatError("too many translations")
        entries: dict[bytes, bytes] = {}
        left = 2 * len(data)
        for index in range(count):
            original = _string(data, order, originals + 8 * index)
            entries[original] = _string(data, order, translations + 8 * index)
            left -= len(original) + len(entries[original])
            if left < 0:
                raise FormatError("strings that overlap")
        return entries
    except struct.error:
        raise FormatError("a cut MO file") from None


def _string(data: bytes, order: str, at: int) -> bytes:
    length, offset = struct.unpack_from(f"{order}2I", data, at)
    if offset + length > len(data):
        raise FormatError("a string outside of the file", offset=at)
    return data[offset : offset + length]
