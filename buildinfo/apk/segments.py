"""The segments of an apk v2 file: signatures (none or some), control, data, and nothing else.

Source: apk-tools `package.c` (v2.14) and `extract_v2.c` (v3): the segments are gzip members in this
order; a member whose first tar entry is named `.SIGN.*` is a signature member. Of the real packages
seen all have exactly one control and one data member.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, Protocol

from buildinfo.apk.beside import Beside, Digest
from buildinfo.apk.framing import GzipHeader, GzipReader
from buildinfo.apk.signature import is_signature
from buildinfo.apk.tar import Member, TarReader
from buildinfo.bounds import Work
from buildinfo.errors import FormatError, UnreadableError
from buildinfo.opening import open_file
from buildinfo.places import Source

MAX_SIGNATURES: Final = 32
"""Most signature members of one file, and most signatures of one member."""
MAX_SIGNATURE_TAR: Final = 1 << 20
"""Most uncompressed bytes of one signature member."""
MAX_CONTROL_TAR: Final = 8 << 20
"""Most uncompressed bytes of the control member; Alpine's largest has 20 kB."""

SegmentKind = Literal["signature", "control", "data"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One gzip member of a package.

    `offset` and `size` (bytes) place it in the file; `sha256` is over these compressed bytes, `sha1`
    too (empty for the data segment, where nothing needs it); `tar_size` and `tar_sha256` are of the
    uncompressed tar; `trailer_size` counts the zero bytes that end the tar, 0 if it is cut.
    All digests are lower-case hex.
    """

    kind: SegmentKind
    offset: int
    size: int
    sha256: str
    sha1: str
    tar_size: int
    tar_sha256: str
    trailer_size: int
    gzip: GzipHeader


class Watcher(Protocol):
    """Sees a segment pass by: every compressed byte and every uncompressed byte once, in order."""

    def compressed(self, piece: bytes | memoryview) -> None: ...

    def plain(self, chunk: bytes) -> None: ...


class _Compressed:
    """A watcher among the digests of the compressed bytes."""

    def __init__(self, watcher: Watcher) -> None:
        self.update = watcher.compressed


class OpenSegment:
    """A segment while it is read. Read `tar` as far as you like; `close` reads the rest.

    Attributes:
        kind: which segment it is.
        offset: where its gzip member begins in the file.
        gzip: the header of that member.
        tar: its members and their content; to be iterated once.
        watcher: what sees its bytes pass by, if anything does.
    """

    def __init__(
        self,
        reader: GzipReader,
        kind: SegmentKind | None,
        digests: Sequence[Digest],
        *,
        raw_headers: bool,
        beside: Beside,
        watcher: Watcher | None = None,
    ) -> None:
        self.offset = reader.offset
        self._reader = reader
        self._beside = beside
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._tar_sha256 = hashlib.sha256()
        self._limit = None if kind == "data" else MAX_CONTROL_TAR
        self._closed: Segment | None = None
        reader.segment = kind or "signature or control"
        self.watcher = watcher
        hashed = (*digests, self._sha256) if kind == "data" else (*digests, self._sha256, self._sha1)
        reader.digests = [beside.of(*hashed)]
        if watcher is not None:
            reader.digests.append(_Compressed(watcher))
        self.gzip = self._header()
        self._chunks = self._digested(reader.chunks())
        keep = raw_headers or kind != "data"
        self.tar = TarReader(self._chunks, where=reader.where, segment=reader.segment, keep_headers=keep)
        self.kind: SegmentKind = kind or self._tell_kind()
        self._entries = 0
        self._work = Work()
        if self.kind == "signature":
            self.tar.refuse = self._too_many
        elif self.kind == "data":
            self.tar.refuse = self._too_costly

    def close(self) -> Segment:
        """Reads what is left, verifies it, and gives the sizes and digests.

        Raises:
            FormatError: the rest of the segment is malformed.
            IntegrityError: the gzip CRC or length does not hold.
        """
        if self._closed is None:
            for _ in self.tar:
                pass
            for _ in self._chunks:
                pass
            self._beside.wait()
            self._closed = Segment(
                kind=self.kind,
                offset=self.offset,
                size=self._reader.offset - self.offset,
                sha256=self._sha256.hexdigest(),
                sha1="" if self.kind == "data" else self._sha1.hexdigest(),
                tar_size=self._reader.unpacked,
                tar_sha256=self._tar_sha256.hexdigest(),
                trailer_size=self.tar.trailer_size,
                gzip=self.gzip,
            )
        return self._closed

    def _header(self) -> GzipHeader:
        header = self._reader.next_member()
        if header is None:
            raise FormatError(
                f"the file ends before its {self._reader.segment} segment",
                where=self._reader.where,
                offset=self.offset,
            )
        return header

    def _tell_kind(self) -> SegmentKind:
        first = self.tar.peek()
        kind: SegmentKind = "control"
        if first is not None and is_signature(first):
            kind = "signature"
            self._limit = MAX_SIGNATURE_TAR
        self._reader.segment = self.tar.segment = kind
        return kind

    def _too_many(self, _: Member) -> str | None:
        self._entries += 1
        return None if self._entries < MAX_SIGNATURES else f"more than {MAX_SIGNATURES} signatures in one segment"

    def _too_costly(self, member: Member) -> str | None:
        sizes = self.tar.extended_size, self._reader.packed, self._reader.unpacked
        too_much = self._work.is_too_much(len(member.pax), *sizes)
        return "more or larger headers than a file of its size may have" if too_much else None

    def _digested(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        hashed = self._beside.of(self._tar_sha256)
        for chunk in chunks:
            if self._limit is not None and self._reader.unpacked > self._limit:
                raise FormatError(
                    f"more than {self._limit} bytes uncompressed",
                    where=self._reader.where,
                    segment=self._reader.segment,
                    offset=self._limit,
                )
            hashed.update(chunk)
            if self.watcher is not None:
                self.watcher.plain(chunk)
            yield chunk


class PackageStream:
    """Reads a package once, segment by segment, in bounded memory, and digests every byte of it.

    Iterate over `segments`; a segment may be read as far as its user likes, the next step reads the
    rest. After the last step `size` and the digests describe the whole file.

    Args:
        file: the package, opened for reading in binary.
        where: its name, for error messages.
        beside: what hashes.
        raw_headers: fill `Member.raw_headers` in the data segment, too.
        watch: gives what is to see the bytes of a segment, once for each; None for nothing.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        where: object,
        beside: Beside,
        raw_headers: bool = False,
        watch: Callable[[], Watcher | None] = lambda: None,
    ) -> None:
        self.where = where
        self._beside = beside
        self._watch = watch
        self.unsigned_size = 0
        """Bytes of the file without its signature segments."""
        self._raw_headers = raw_headers
        self._whole = hashlib.sha256()
        self._unsigned = hashlib.sha256()
        self._reader = GzipReader(file, where=where)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._reader.offset

    @property
    def sha256(self) -> str:
        """SHA-256 of the file, lower-case hex."""
        return self._whole.hexdigest()

    @property
    def unsigned_sha256(self) -> str:
        """SHA-256 of the file without its signature segments, lower-case hex."""
        return self._unsigned.hexdigest()

    def segments(self) -> Iterator[OpenSegment]:
        """The segments in the order of the file.

        Raises:
            FormatError: not a v2 package, cut, or with bytes after the data segment.
            IntegrityError: a gzip CRC or length does not hold.
            UnreadableError: reading the file fails.
        """
        _check_magic(self._reader.magic(4), self.where)
        signatures = 0
        while True:
            before = self._unsigned.copy()
            segment = self._open(None, (self._whole, self._unsigned))
            yield segment
            closed = segment.close()
            if segment.kind == "control":
                break
            self._unsigned = before
            signatures += 1
            if signatures > MAX_SIGNATURES:
                raise FormatError(f"more than {MAX_SIGNATURES} signature segments", where=self.where)
        unsigned_from = closed.offset
        shared = (self._whole, self._unsigned) if signatures else (self._whole,)
        segment = self._open("data", shared)
        yield segment
        segment.close()
        if not signatures:
            self._unsigned = self._whole
        self.unsigned_size = self.size - unsigned_from
        if self._reader.magic(1):
            raise FormatError("bytes after the data segment", where=self.where, offset=self.size)

    def _open(self, kind: SegmentKind | None, digests: Sequence[Digest]) -> OpenSegment:
        return OpenSegment(
            self._reader,
            kind,
            digests,
            raw_headers=self._raw_headers,
            beside=self._beside,
            watcher=self._watch(),
        )


def open_unbuffered(path: Source) -> BinaryIO:
    """Opens a file for reading.

    Raises:
        UnreadableError: it cannot be opened.
    """
    try:
        return open_file(path)
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror}", where=path) from error


@contextmanager
def open_package(
    path: Source, *, raw_headers: bool = False, watch: Callable[[], Watcher | None] = lambda: None
) -> Iterator[PackageStream]:
    """Opens a package for one pass over its segments; see `PackageStream`.

    Raises:
        UnreadableError: the file cannot be opened.
    """
    with open_unbuffered(path) as file, Beside() as beside:
        yield PackageStream(file, where=path, beside=beside, raw_headers=raw_headers, watch=watch)


def iter_segments(path: Source, *, raw_headers: bool = False) -> Iterator[OpenSegment]:
    """The segments of a package, one after the other; see `PackageStream.segments`."""
    with open_package(path, raw_headers=raw_headers) as package:
        yield from package.segments()


def read_head(path: Source) -> list[bytes]:
    """The uncompressed tars of the signature segments and, last, of the control segment; the reader bounds them.

    Raises:
        FormatError, IntegrityError, UnreadableError: as `PackageStream.segments`.
    """
    head: list[bytes] = []
    parts: list[bytes] = []

    class Keep:
        def compressed(self, piece: bytes | memoryview) -> None: ...

        def plain(self, chunk: bytes) -> None:
            parts.append(chunk)

    with open_package(path, watch=Keep) as package:
        for segment in package.segments():
            segment.close()
            head.append(b"".join(parts))
            parts.clear()
            if segment.kind == "control":
                break
    return head


def _check_magic(magic: bytes, where: object) -> None:
    """Says what a file is that is no v2 package; names of files tell nothing."""
    if not magic:
        raise FormatError("not a package: the file is empty", where=where)
    if magic[:3] == b"ADB":
        raise FormatError("a v3 package (ADB): v3 not supported yet", where=where)
    if magic[:2] == b"PK":
        raise FormatError("not an Alpine package: a zip archive, such as an Android package", where=where)
    if magic[:2] != b"\x1f\x8b":
        raise FormatError("not a package: no gzip magic", where=where, offset=0)
