"""Puts right the checksums of damaged files, so that damage reaches what lies behind them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable

BLOCK = 512
_MAGIC = (b"ustar\x0000", b"ustar  \x00")
_SHA1 = b" APK-TOOLS.checksum.SHA1="


def tar(data: bytes) -> bytes:
    """Header checksums of every block that has a tar magic, and the SHA-1 that a pax record states of a file."""
    out = bytearray(data)
    at = stated = 0
    while at + BLOCK <= len(out):
        block = out[at : at + BLOCK]
        at += BLOCK
        if block[257:265] not in _MAGIC:
            continue
        if sum(block) - sum(block[148:156]) + 256 != _octal(block[148:156]):
            block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 256)
            out[at - BLOCK : at] = block
        size = _octal(block[124:136]) or 0
        kind = bytes(block[156:157])
        if kind == b"x":
            place = out.find(_SHA1, at, at + size)
            stated = place + len(_SHA1) if place >= 0 else 0
        elif stated:
            content = out[at : at + size] if kind in b"0\0" else bytes(block[157:257]).partition(b"\0")[0]
            out[stated : stated + 40] = hashlib.sha1(content).hexdigest().encode()
            stated = 0
        if size <= len(out) and kind in b"0\0xLK7":
            at += size + -size % BLOCK
    return bytes(out[: len(data)])


def png(data: bytes) -> bytes:
    """The checksums of all chunks."""
    parts = [data[:8]]
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        if len(data) < at + 12 + length:
            break
        parts += [data[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join((*parts, data[at:]))


def uimage(data: bytes) -> bytes:
    """The checksum of the header."""
    if len(data) < 64 or data[:1] != b"\x27":
        return data
    return data[:4] + struct.pack(">I", zlib.crc32(data[:4] + bytes(4) + data[8:64])) + data[8:]


def zipped(data: bytes) -> bytes:
    """The checksums of members that are stored, or deflated, in the local headers and in the directory."""
    out = bytearray(data)
    place = out.find(b"PK\1\2")
    while place >= 0:
        central = out[place : place + 46]
        if len(central) < 46:
            break
        local = out.find(b"PK\3\4") + int.from_bytes(central[42:46], "little")
        header = out[local : local + 30]
        if header[:4] == b"PK\3\4" and len(header) == 30:
            start = local + 30 + sum(struct.unpack("<HH", header[26:30]))
            body = bytes(out[start : start + int.from_bytes(central[20:24], "little")])
            crc = struct.pack("<I", zlib.crc32(_inflated(body) if central[10] == 8 else body))
            out[place + 16 : place + 20] = crc
            if not header[6] & 8:
                out[local + 14 : local + 18] = crc
        place = out.find(b"PK\1\2", place + 4)
    return bytes(out)


REPAIRS: dict[str, Callable[[bytes], bytes]] = {"tar": tar, "png": png, "uimage": uimage, "zip": zipped}


def _octal(field: bytes | bytearray) -> int | None:
    try:
        return int(bytes(field).strip(b" \0") or b"0", 8)
    except ValueError:
        return None


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(body, 1 << 20)
    except zlib.error:
        return b""
