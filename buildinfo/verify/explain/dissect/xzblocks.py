"""How an .xz file is laid out: what tells with how many threads it was made. Source: the .xz file format 1.1.0.

One thread writes one block and leaves its sizes out of the block's header; several write blocks of one size each, with
the sizes, so that several can unpack them: also where the file is so short that there is one.
"""

from __future__ import annotations

from typing import Final

_STREAM_HEADER: Final = 12
_FOOTER: Final = 12
_SIZES: Final = 0xC0
_MOST: Final = 1_000_000


def layout(data: bytes) -> bytes | None:
    """The blocks of the last stream in words; None where they are not found."""
    end = len(data.rstrip(b"\0"))
    if not data.endswith(b"YZ", 0, end) or end < _STREAM_HEADER + _FOOTER:
        return None
    size = (int.from_bytes(data[end - 8 : end - 4], "little") + 1) * 4
    at = end - _FOOTER - size
    if at < _STREAM_HEADER or data[at] != 0:
        return None
    numbers = _numbers(data[at + 1 : end - _FOOTER - 4])
    if not numbers or numbers[0] * 2 + 1 > len(numbers) or not numbers[0]:
        return None
    count = numbers[0]
    stated = b"with" if data[_STREAM_HEADER + 1] & _SIZES else b"without"
    each = b" of up to %d bytes" % numbers[2] if count > 1 else b""
    return b"%d block%s%s, %s their sizes" % (count, b"s" if count > 1 else b"", each, stated)


def _numbers(index: bytes) -> list[int]:
    """The numbers of an index: seven bits a byte, the last without its eighth."""
    found: list[int] = []
    value = shift = 0
    for byte in index:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(value)
            value = shift = 0
        if shift > 63 or len(found) > _MOST:
            return []
    return found
