"""Legacy U-Boot images (uImage): the creation time in the header, and the header's checksum with it.

Source: U-Boot's `include/image.h`, `struct legacy_img_hdr`; all numbers are big-endian. A time of 0 means that there is
none, so it stays 0. The checksum of the content does not cover the header.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone

HEADER: Final = 64
_MAGIC: Final = b"\x27\x05\x19\x56"
_U32: Final = struct.Struct(">I")
_CRC, _TIME = slice(4, 8), slice(8, 12)


class Uimage:
    """`27 05 19 56`."""

    name = "uimage"

    def normalize(self, data: bytes, job: Job) -> bytes:
        header = bytearray(data[:HEADER])
        if len(header) < HEADER or not header.startswith(_MAGIC):
            raise FormatError("a uImage header that is cut off", offset=len(header))
        # A magic of four bytes proves little, and a fresh checksum would hide damage.
        if header[_CRC] != _checksum(header):
            raise LeftAlone("the checksum of its uImage header does not hold")
        (old,) = _U32.unpack(header[_TIME])
        new = job.time(old) if old else 0
        if new == old:
            return data
        if not 0 <= new < 1 << 32:
            raise LeftAlone(f"{new} does not fit into a uImage header")
        header[_TIME] = _U32.pack(new)
        header[_CRC] = _checksum(header)
        return bytes(header) + data[HEADER:]


def _checksum(header: bytearray) -> bytes:
    """CRC-32 of the header with its own field zero."""
    return _U32.pack(zlib.crc32(header[:4] + bytes(4) + header[8:]))
