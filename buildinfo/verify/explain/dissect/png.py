"""PNG images, chunk by chunk. Source: PNG (ISO/IEC 15948:2004), 5 and 11."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import MAX_UNPACKED, Place
from buildinfo.verify.explain.hunk import Hunk

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `png`: `tIME`, `text:KEYWORD`, `pixels`, or the type of a chunk; kind `compression` of the pixels.

    Raises:
        FormatError: one of them is no whole image.
    """
    old, new = _chunks(before), _chunks(after)
    found = False
    for key in dict.fromkeys([*old, *new]):
        first, second = old.get(key, b""), new.get(key, b"")
        if first == second:
            continue
        found = True
        if key == "IDAT":
            pixels = _pixels(first)
            what = ("compression", "png") if pixels is not None and pixels == _pixels(second) else ("png", "pixels")
            yield place.hunk(*what, b"%d bytes" % len(first), b"%d bytes" % len(second))
        else:
            yield place.hunk("png", key, first, second)
    if not found:
        yield place.hunk("png", "order", before, after)


def _chunks(data: bytes) -> dict[str, bytes]:
    """Contents by name: those of one name follow each other."""
    chunks: dict[str, bytearray] = {}
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if len(body) < size or not kind.isalpha():
            raise FormatError("a broken PNG chunk", offset=at)
        name = kind.decode("ascii")
        if kind in _TEXTS:
            name = f"text:{body.partition(bytes(1))[0].decode('latin-1')}"
            body = _readable(kind, body)
        elif kind == b"tIME" and size == 7:
            year = int.from_bytes(body[:2], "big")
            body = b"%04d-%02d-%02d %02d:%02d:%02d" % (year, *body[2:])
        chunks.setdefault(name, bytearray()).extend(body)
        at += 12 + size
    if at < len(data):
        chunks["behind"] = bytearray(data[at:])
    if "IDAT" not in chunks:
        raise FormatError("a PNG without pixels")
    return {name: bytes(body) for name, body in chunks.items()}


def _readable(kind: bytes, body: bytes) -> bytes:
    value = body.partition(b"\0")[2]
    if kind == b"zTXt":
        try:
            value = zlib.decompressobj().decompress(value[1:], 1 << 16)
        except zlib.error:
            return value
    elif kind == b"iTXt":
        value = value[2:].partition(b"\0")[2].partition(b"\0")[2]
    return value


def _pixels(stream: bytes) -> bytes | None:
    try:
        inflater = zlib.decompressobj()
        pixels = inflater.decompress(stream, MAX_UNPACKED)
    except zlib.error:
        return None
    return pixels if inflater.eof else None
