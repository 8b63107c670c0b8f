"""The gzip framing of an apk v2 file: concatenated gzip members, read one after the other.

Source: RFC 1952. Python's `gzip` hides where a member ends and what its header says; both matter here,
because apk's identity of a package is a hash over the raw bytes of one member.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Final

from buildinfo.apk.beside import Digest
from buildinfo.errors import FormatError, IntegrityError, UnreadableError

READ_SIZE: Final = 1 << 16
"""Compressed bytes read from the file at once; what they unpack to is mostly less than a chunk."""
CHUNK_SIZE: Final = 1 << 18
"""Most uncompressed bytes handed out at once."""
MAX_HEADER: Final = 1 << 16
"""Most bytes of a gzip header, its optional fields included."""

_MAGIC: Final = b"\x1f\x8b\x08"
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_NOTHING: Final = memoryview(b"")


@dataclass(frozen=True, slots=True)
class GzipHeader:
    """The header of one gzip member (RFC 1952, 2.3).

    `flags` is FLG, `mtime` seconds since 1970 or 0, `xfl` and `os` one byte each; `raw` is the whole
    header with its optional fields.
    """

    flags: int
    mtime: int
    xfl: int
    os: int
    raw: bytes


class GzipReader:
    """Walks the gzip members of an open file; each compressed byte passes once through `digests`.

    Call `next_member`, then exhaust `chunks`, and again until `next_member` gives None.

    Args:
        file: opened for reading in binary.
        where: the file's name, for error messages.

    Attributes:
        segment: the name of the current part of the file, for error messages; to be set by the user.
        digests: what the raw bytes update, in the order of the file; to be set by the user.
        offset: bytes of the file read so far.
        unpacked: uncompressed bytes of the current member read so far.

    Raises:
        FormatError: no gzip member where one has to be, a cut one, or broken deflate data.
        IntegrityError: CRC-32 or length of the uncompressed bytes do not hold.
        UnreadableError: reading the file fails.
    """

    def __init__(self, file: BinaryIO, *, where: object) -> None:
        self.where = where
        self.segment: str | None = None
        self.digests: Sequence[Digest] = ()
        self.offset = 0
        self.unpacked = 0
        self._file = file
        self._data = _NOTHING

    @cached_property
    def _size(self) -> int:
        """Bytes of the file; 0 where it cannot say."""
        try:
            at = self._file.tell()
            size = self._file.seek(0, os.SEEK_END)
            self._file.seek(at)
        except OSError:
            return 0
        return size

    @property
    def packed(self) -> int:
        """Bytes of the whole file, as far as they are known."""
        return max(self._size, self.offset)

    def next_member(self) -> GzipHeader | None:
        """Reads the header of the next member, or gives None at the end of the file."""
        self.unpacked = 0
        head = self._look(10)
        if not head:
            return None
        if not head.startswith(_MAGIC):
            what = "not a gzip member" if self.offset == 0 else "bytes after the last gzip member"
            raise self._error(what)
        if len(head) < 10:
            raise self._error("the file ends inside a gzip header")
        flags = head[3]
        if flags & _RESERVED:
            raise self._error("reserved gzip flags are set")
        raw = head if flags == 0 else self._optional_fields(flags)
        self._advance(len(raw))
        return GzipHeader(flags, int.from_bytes(head[4:8], "little"), head[8], head[9], raw)

    def chunks(self) -> Iterator[bytes]:
        """The uncompressed bytes of the current member; afterwards its CRC and length were checked."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        crc = 0
        while not inflater.eof:
            if not self._data:
                self._fill()
            if not self._data:
                raise self._error("the file ends inside a gzip member")
            try:
                chunk = inflater.decompress(self._data, CHUNK_SIZE)
            except zlib.error as error:
                raise self._error(f"broken deflate data ({error})") from None
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            self._advance(len(self._data) - len(rest))
            if chunk:
                crc = zlib.crc32(chunk, crc)
                self.unpacked += len(chunk)
                yield chunk
        self._check_trailer(crc)

    def magic(self, count: int) -> bytes:
        """The next `count` bytes of the file, fewer at its end, without moving on."""
        return self._look(count)

    def _check_trailer(self, crc: int) -> None:
        trailer = self._look(8)
        if len(trailer) < 8:
            raise self._error("the file ends inside a gzip trailer")
        if int.from_bytes(trailer[:4], "little") != crc:
            raise self._mismatch("the gzip CRC does not hold")
        if int.from_bytes(trailer[4:], "little") != self.unpacked & 0xFFFFFFFF:
            raise self._mismatch("the gzip length does not hold")
        self._advance(8)

    def _optional_fields(self, flags: int) -> bytes:
        head = self._look(MAX_HEADER)
        end = 10
        if flags & _FEXTRA:
            end += 2 + int.from_bytes(head[end : end + 2], "little")
        for flag in (_FNAME, _FCOMMENT):
            if flags & flag:
                end = head.find(b"\0", end) + 1 or MAX_HEADER + 1
        if flags & _FHCRC:
            end += 2
        if end > len(head):
            raise self._error("a gzip header that is cut or too long")
        if flags & _FHCRC:
            stated = int.from_bytes(head[end - 2 : end], "little")
            if stated != zlib.crc32(head[: end - 2]) & 0xFFFF:
                raise self._mismatch("the gzip header CRC does not hold")
        return head[:end]

    def _look(self, count: int) -> bytes:
        while len(self._data) < count and self._fill():
            pass
        return bytes(self._data[:count])

    def _fill(self) -> bool:
        try:
            more = self._file.read(READ_SIZE)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}", where=self.where) from error
        self._data = memoryview(bytes(self._data) + more if self._data else more)
        return bool(more)

    def _advance(self, count: int) -> None:
        if count:
            piece = self._data[:count]
            for digest in self.digests:
                digest.update(piece)
            self._data = self._data[count:]
            self.offset += count

    def _error(self, what: str) -> FormatError:
        return FormatError(self._named(what), where=self.where, offset=self.offset)

    def _mismatch(self, what: str) -> IntegrityError:
        return IntegrityError(self._named(what), where=self.where, offset=self.offset)

    def _named(self, what: str) -> str:
        """Offsets here are the file's, so the segment is named in the text."""
        return what if self.segment is None else f"{self.segment} segment: {what}"
