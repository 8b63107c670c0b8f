"""A streaming tar reader for what abuild (2.24 .. 3.18) and melange write.

It reads ustar, GNU and pax members from chunks of bytes of any length, holds one chunk and one set of
headers at a time, and never a file's content. Archives may be cut: the control and signature segments
of an apk end without zero blocks. Input is hostile: what is not understood is refused with the offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from buildinfo.apk.tarheader import (
    BLOCK,
    CHECKSUM_KEY,
    MAX_NAME,
    NO_RECORDS,
    Member,
    MemberType,
    TarError,
    build_member,
    check_header,
    parse_pax,
)
from buildinfo.errors import FormatError

__all__ = ["CHECKSUM_KEY", "Member", "MemberType", "TarReader"]

MAX_EXTENDED: Final = 1 << 20
"""Bytes of pax and long-name bodies that may stand before one member."""

_ZERO_BLOCK: Final = bytes(BLOCK)


class TarReader:
    """Iterates over the members of one tar.

    Each step gives a `Member` and an iterator over the chunks of its content (as views; empty for all
    but files). Content that was not read is skipped by the next step.

    Args:
        chunks: the uncompressed bytes, in chunks of any length.
        where: the file, for error messages.
        segment: the part of the file, for error messages; may be set later.
        keep_headers: fill `Member.raw_headers`.
        stated_sizes: let what is no file state a size, such as a folder of 4096 bytes: it means nothing to GNU tar,
            libarchive, busybox and Python, and no content follows. Otherwise it is refused: apk skips so many bytes.

    Attributes:
        trailer_size: after the last step, how many zero bytes ended the archive; 0 for a cut one.
        extended_size: bytes of all extended headers so far, to bound what keeping members costs.
        refuse: says why there are too many members, or too costly ones, once there are; asked after each one.

    Raises:
        FormatError: (while iterating) anything malformed, cut inside a member, or not supported.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        where: object = None,
        segment: str | None = None,
        keep_headers: bool = False,
        stated_sizes: bool = False,
    ) -> None:
        self.where = where
        self.segment = segment
        self.trailer_size = 0
        self.extended_size = 0
        self.refuse: Callable[[Member], str | None] = lambda member: None
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0
        self._base = 0
        self._keep_headers = keep_headers
        self._stated_sizes = stated_sizes
        self._content_left = 0
        self._padding = 0
        self._ahead: Member | None = None

    def __iter__(self) -> Iterator[tuple[Member, Iterator[memoryview]]]:
        while (member := self._next()) is not None:
            yield member, self._content()

    def peek(self) -> Member | None:
        """The first member, before iteration starts, or None if there is none."""
        self._ahead = self._next()
        return self._ahead

    @property
    def offset(self) -> int:
        """Uncompressed bytes read so far."""
        return self._base + self._at

    def _next(self) -> Member | None:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            return ahead
        self._finish_content()
        start = self._base + self._at
        try:
            member = self._read_member(start)
        except TarError as error:
            raise self._error(str(error), start) from None
        if member is not None and (reason := self.refuse(member)):
            raise self._error(reason, start)
        return member

    def _read_member(self, start: int) -> Member | None:
        pax: Mapping[str, bytes] | None = None
        long_name: bytes | None = None
        long_link: bytes | None = None
        raw: list[bytes] = []
        while True:
            block = self._take(BLOCK)
            if len(block) < BLOCK or block == _ZERO_BLOCK:
                if pax is not None or long_name is not None or long_link is not None:
                    raise TarError("the archive ends between an extended header and its member")
                self._finish_archive(block, start)
                return None
            flag, size = check_header(block)
            raw.append(block)
            if flag == b"x" and pax is None:
                pax = parse_pax(self._body(size, raw))
            elif flag == b"L" and long_name is None:
                long_name = _long_field(self._body(size, raw))
            elif flag == b"K" and long_link is None:
                long_link = _long_field(self._body(size, raw))
            else:
                kept = b"".join(raw) if self._keep_headers else b""
                member = build_member(
                    block,
                    pax or NO_RECORDS,
                    long_name=long_name,
                    long_link=long_link,
                    offset=start,
                    raw_headers=kept,
                    stated_sizes=self._stated_sizes,
                )
                self._content_left = member.size
                self._padding = -member.size % BLOCK
                return member

    def _body(self, size: int, raw: list[bytes]) -> bytes:
        """The body of an extended header, without its padding."""
        if size > MAX_EXTENDED:
            raise TarError(f"extended header of {size} bytes, more than {MAX_EXTENDED}")
        body = self._take(size + -size % BLOCK)
        if len(body) < size + -size % BLOCK:
            raise TarError("the archive ends inside an extended header")
        raw.append(body)
        self.extended_size += size
        return body[:size]

    def _content(self) -> Iterator[memoryview]:
        while self._content_left:
            piece = self._some(self._content_left)
            if not piece:
                raise self._error("the archive ends inside a file", self.offset)
            self._content_left -= len(piece)
            yield piece

    def _finish_content(self) -> None:
        if self._content_left:
            for _ in self._content():
                pass
        if self._padding:
            padding = self._take(self._padding)
            if padding != _ZERO_BLOCK[: self._padding]:
                what = "padding that is not zero" if len(padding) == self._padding else "the padding is cut"
                raise self._error(what, self.offset - len(padding))
            self._padding = 0

    def _finish_archive(self, block: bytes, start: int) -> None:
        """Reads to the end of the segment: zeros and nothing else."""
        if not block:
            return
        if len(block) < BLOCK:
            raise self._error("the archive ends inside a header", start)
        while piece := self._some(len(self._chunk) or 1):
            if piece != bytes(len(piece)):
                raise self._error("content after the end of the archive", self.offset - len(piece))
        self.trailer_size = self.offset - start
        if self.trailer_size % BLOCK:
            raise self._error("the end of the archive is no whole block", self.offset)

    def _take(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end; callers bound `count`."""
        piece = self._chunk[self._at : self._at + count]
        self._at += len(piece)
        while len(piece) < count and (more := self._some(count - len(piece))):
            piece += more
        return piece

    def _some(self, limit: int) -> memoryview:
        """The next 1 to `limit` bytes without copying; empty at the end."""
        while self._at >= len(self._chunk):
            self._base += len(self._chunk)
            self._at = 0
            self._chunk = b""
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._chunk = chunk
        piece = memoryview(self._chunk)[self._at : self._at + limit]
        self._at += len(piece)
        return piece

    def _error(self, what: str, offset: int) -> FormatError:
        return FormatError(what, where=self.where, segment=self.segment, offset=offset)


def _long_field(body: bytes) -> bytes:
    """The name in the body of a GNU `L` or `K` member, which ends in one NUL."""
    name = body.removesuffix(b"\0")
    if not name or b"\0" in name or len(name) > MAX_NAME:
        raise TarError("GNU long name is empty, too long or holds a NUL")
    return name
