"""Compressed files: what their headers say, what they hold, and how it was compressed.

Sources: RFC 1952 (gzip), the .xz file format 1.1.0, RFC 8878 (zstd).
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from buildinfo.apk.framing import GzipReader
from buildinfo.verify.explain.dissect.place import MAX_UNPACKED, Place
from buildinfo.verify.explain.dissect.xzblocks import layout
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.unpack import compression, unpack

_FEXTRA, _FNAME, _FCOMMENT = 4, 8, 16


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `gzip` (header fields), `compression` (the same content, compressed otherwise), and the content's.

    Raises:
        FormatError: one of them is broken, or the two are compressed in two formats.
    """
    kind = compression(before)
    if kind != compression(after):
        yield place.hunk("compression", "format", (kind or "").encode(), (compression(after) or "").encode())
    (head, old), (other_head, new) = (unpack(side, MAX_UNPACKED, place.effort) for side in (before, after))
    if kind == compression(after) == "gzip" and head != other_head:
        yield from _header(before, after, place)
    if old == new:
        if head == other_head and kind == compression(after):
            yield _otherwise(kind or "", before, after, place)
    else:
        yield from place.inside(_inner(place.name), old, new)


def _otherwise(kind: str, before: bytes, after: bytes, place: Place) -> Hunk:
    """The same content, compressed otherwise."""
    if kind == "xz":
        old, new = layout(before), layout(after)
        if old is not None and new is not None and old != new:
            return place.hunk("compression", "xz blocks", old, new)
    return place.hunk("compression", kind, b"%d bytes" % len(before), b"%d bytes" % len(after))


def _header(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    old, new = _fields(before), _fields(after)
    for field in old:
        if old[field] != new[field]:
            yield place.hunk("gzip", field, old[field], new[field])


def _fields(data: bytes) -> dict[str, bytes]:
    """The header of the first member."""
    header = GzipReader(io.BytesIO(data), where="gzip").next_member()
    assert header is not None  # it was unpacked before
    at = 10
    fields = {
        "time": b"%d" % header.mtime,
        "system": b"%d" % header.os,
        "level": b"%d" % header.xfl,
        "flags": b"%d" % (header.flags & ~(_FNAME | _FCOMMENT | _FEXTRA)),
    }
    if header.flags & _FEXTRA:
        at += 2 + int.from_bytes(header.raw[at : at + 2], "little")
    fields["extra"] = header.raw[10:at]
    for flag, name in ((_FNAME, "name"), (_FCOMMENT, "comment")):
        end = header.raw.find(b"\0", at) if header.flags & flag else at
        fields[name] = header.raw[at:end]
        at = end + 1 if header.flags & flag else at
    return fields


def _inner(name: str) -> str:
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or "content"
