"""Programs with a zip archive behind them: scripts that call java on themselves, unpackers, ELF and PE programs.

Sources: PKWARE's APPNOTE.TXT 6.3.10, section 4.1.9 (self-extracting archives); System V ABI, ELF header and program
header; Microsoft's PE format, optional header.

The archive is found by its end record; its offsets count from the start of the file or from its own, and stay so. What
stands before it may know where members are and how large they are, so nothing is moved and no size changes: times,
owners and permissions are written in place, and what is in members as far as it takes the same room.

A program that checks what stands behind it would no longer start, so the file is left alone where
- a text names a checksum or signature, or holds one of the archive;
- a binary is no ELF or PE program (the header of a CRX file signs the archive), holds a checksum of the archive, its
  segments reach into it, or its header sums up or signs the file.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize import ziprecords
from buildinfo.normalize.job import Job, LeftAlone
from buildinfo.normalize.zip import Zip
from buildinfo.normalize.ziprecords import Archive

_CHECKING: Final = re.compile(
    rb"md5|sha[-_]?(?:1|2|224|256|384|512)|cksum|crc|adler|(?:check|hash)[-_ ]?sum|digest|blake|b[23]sum|signature|"
    rb"openssl|gpg|minisign|(?<![a-z])(?:sum|verif\w*|integrity)(?![a-z])",
    re.IGNORECASE,
)
"""Words of scripts that check something."""
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_SEGMENTS: Final = {
    b"\x01\x01": (Struct("<28xI10xHH"), Struct("<4xI8xI12x")),
    b"\x01\x02": (Struct(">28xI10xHH"), Struct(">4xI8xI12x")),
    b"\x02\x01": (Struct("<32xQ14xHH"), Struct("<8xQ16xQ16x")),
    b"\x02\x02": (Struct(">32xQ14xHH"), Struct(">8xQ16xQ16x")),
}
"""By class and byte order: offset, entry size and number of program headers; of each offset and size in the file."""


class StubZip(Zip):
    """A zip archive behind a program."""

    name = "stubzip"
    moves = False

    def read(self, data: bytes) -> Archive:
        """The archive behind the program.

        Raises:
            LeftAlone: as `ziprecords.read` does, or the program may check the archive.
        """
        archive = ziprecords.read(data)
        stub = archive.prefix
        if reason := (_vouched_by_text if b"\0" not in stub else _vouched_by_binary)(stub, data):
            raise LeftAlone(reason)
        return archive

    def normalize(self, data: bytes, job: Job) -> bytes:
        """See `Handler`. What only seems to end as an archive is no broken one."""
        try:
            return super().normalize(data, job)
        except FormatError:
            return data


def _vouched_by_text(stub: bytes, data: bytes) -> str | None:
    word = _CHECKING.search(stub)
    if word:
        return f"what stands before it may check it: it says {word[0].decode()!r}"
    known = stub.lower()
    if any(digest.hex().encode() in known for digest in _sums(memoryview(data)[len(stub) :])):
        return "what stands before it holds its checksum"
    return None


def _vouched_by_binary(stub: bytes, data: bytes) -> str | None:
    if not stub.startswith((b"\x7fELF", b"MZ")):
        return "what stands before it is no program, and may be a signature of it, as in browser extensions"
    if stub.startswith(b"\x7fELF") and _segments_end(stub) > len(stub):
        return "it is a part of the program before it"
    if stub.startswith(b"MZ") and _is_summed(stub):
        return "the header of the program before it sums it up, or signs it"
    lower = stub.lower()
    for digest in _sums(memoryview(data)[len(stub) :]):
        if digest in stub or digest[::-1] in stub or digest.hex().encode() in lower:
            return "the program before it holds its checksum"
    return None


def _sums(archive: memoryview) -> Iterator[bytes]:
    """The checksums of the archive, bytes in the order that people write them."""
    yield zlib.crc32(archive).to_bytes(4, "big")
    yield zlib.adler32(archive).to_bytes(4, "big")
    for name in _HASHES:
        yield hashlib.new(name, archive, usedforsecurity=False).digest()


def _segments_end(stub: bytes) -> int:
    """Where the last segment of an ELF program ends in the file; of one that is broken, nowhere before the end."""
    header, segment = _SEGMENTS.get(stub[4:6], (None, None))
    if header is None or segment is None or len(stub) < header.size:
        return len(stub) + 1
    at, size, count = header.unpack_from(stub)
    if size < segment.size or at + size * count > len(stub):
        return len(stub) + 1
    return max((sum(segment.unpack_from(stub, at + size * index)) for index in range(count)), default=0)


def _is_summed(stub: bytes) -> bool:
    """Whether a PE header has a checksum or a certificate table."""
    at = int.from_bytes(stub[60:64], "little")
    if stub[at : at + 4] != b"PE\0\0":
        return False
    optional = at + 24
    directories = optional + (112 if stub[optional : optional + 2] == b"\x0b\x02" else 96)
    return any(stub[optional + 64 : optional + 68]) or any(stub[directories + 32 : directories + 40])
