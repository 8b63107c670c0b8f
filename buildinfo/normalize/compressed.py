"""gzip, xz, zstd and bzip2: the names and times in their headers, and what lies inside.

The inside is only unpacked where it is of a kind that a handler takes, such as a tar, and only compressed again by an
encoder that writes the file's own bytes: see `encoders`.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), the .xz file format 1.1.0; strip-nondeterminism's and add-determinism's gzip
handlers, which know the first gzip member only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple, Protocol

from buildinfo.apk.told import told
from buildinfo.errors import FormatError, IntegrityError
from buildinfo.normalize.encoders import Encoder, find_bzip2, find_deflate, find_xz, find_zstd
from buildinfo.normalize.job import Job, LeftAlone
from buildinfo.normalize.registry import HEAD, kind_of
from buildinfo.normalize.splice import Patch, spliced

CHUNK: Final = 1 << 18
"""Most bytes unpacked, and fed, at once."""
MAX_MEMORY: Final = 1 << 28
"""Bytes of memory that unpacking xz or zstd may take beside the content."""

_MAGIC: Final = b"\x1f\x8b\x08"
_HEADER: Final = 10
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_FIRST_FEED: Final = 1 << 9
_SIGNED: Final = (b".SIGN.", b".PKGINFO\0", b"DESCRIPTION\0", b"APKINDEX\0")
"""How an Alpine package or index begins, unpacked."""
_OF_APK: Final = "an Alpine package or index, which its signature covers"


class _Header(NamedTuple):
    """One gzip member's header: where it ends, and the parts that stay."""

    start: int
    end: int
    flags: int
    time: int
    extra: bytes
    name: bytes
    comment: bytes


class _Body(NamedTuple):
    """One gzip member's data: where its trailer begins, and the content, or None where it is not wanted."""

    end: int
    content: bytes | None


class Gzip:
    """Clamps the time of every member and, as its canonical form, drops names and header checksums; extra fields,
    comments, and the bytes for level and system stay, and so does what follows the last member."""

    name = "gzip"

    def normalize(self, data: bytes, job: Job) -> bytes:
        if told(data) is not None:
            raise LeftAlone(_OF_APK)
        patches: list[Patch] = []
        at = 0
        while data.startswith(_MAGIC, at):
            header = _read_header(data, at)
            if header.flags & _RESERVED:
                raise FormatError("reserved gzip flags are set", offset=at)
            body = _read_body(data, header, job)
            built = _build_header(data, header, job)
            if built != data[at : header.end]:
                patches.append((at, header.end, built))
            if body.content is not None:
                patch = _recompress(data, header, body, job)
                if patch and header.extra and len(patch[2]) != patch[1] - patch[0]:
                    raise LeftAlone("an extra field in its header may state sizes, as that of BGZF and dictzip does")
                patches += [patch] if patch else []
            at = body.end + 8
        return spliced(data, patches)


def _read_header(data: bytes, at: int) -> _Header:
    """Reads the header at `at`."""
    flags = data[at + 3] if at + 3 < len(data) else 0
    end = at + _HEADER
    extra = name = comment = b""
    if flags & _FEXTRA:
        length = 2 + int.from_bytes(data[end : end + 2], "little")
        extra, end = data[end : end + length], end + length
    if flags & _FNAME:
        name, end = _text(data, end)
    if flags & _FCOMMENT:
        comment, end = _text(data, end)
    if flags & _FHCRC:
        end += 2
    if end > len(data):
        raise FormatError("the file ends inside a gzip header", offset=at)
    # Without it, or with a fresh one, programs would read what some of them refuse.
    if flags & _FHCRC and zlib.crc32(data[at : end - 2]) & 0xFFFF != int.from_bytes(data[end - 2 : end], "little"):
        raise IntegrityError("the checksum of a gzip header does not hold", offset=at)
    return _Header(at, end, flags, int.from_bytes(data[at + 4 : at + 8], "little"), extra, name, comment)


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """The field at `at`, its NUL included, and where it ends."""
    end = data.find(b"\0", at) + 1
    if not end:
        raise FormatError("the file ends inside a gzip header", offset=at)
    return data[at:end], end


def _build_header(data: bytes, header: _Header, job: Job) -> bytes:
    """The new header. No time, 0, stays none."""
    old = data[header.start : header.end]
    time = min(max(0, job.time(header.time)), 0xFFFFFFFF) if header.time else 0
    canonical = job.form(Gzip.name)
    flags = header.flags & ~(_FNAME | _FHCRC) if canonical else header.flags
    built = b"".join(
        (
            _MAGIC,
            bytes((flags,)),
            time.to_bytes(4, "little"),
            old[8:_HEADER],
            header.extra,
            b"" if canonical else header.name,
            header.comment,
        )
    )
    if not flags & _FHCRC:
        return built
    return old if built == old[:-2] else built + (zlib.crc32(built) & 0xFFFF).to_bytes(2, "little")


def _read_body(data: bytes, header: _Header, job: Job) -> _Body:
    """Unpacks one member, and keeps the content where a handler takes it.

    Raises:
        FormatError: broken or cut deflate data, or a trailer that does not hold.
        LeftAlone: an Alpine package or index, or more than may be unpacked.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    at = header.end
    feed = _FIRST_FEED
    crc = size = 0
    head = b""
    kept: list[bytes] | None = []
    while not inflater.eof:
        piece = inflater.unconsumed_tail or data[at : at + feed]
        if not inflater.unconsumed_tail:
            at += len(piece)
            feed = min(2 * feed, CHUNK)
        try:
            chunk = inflater.decompress(piece, CHUNK)
        except zlib.error as error:
            raise FormatError(f"broken deflate data ({error})", offset=at) from None
        if not piece and not chunk and not inflater.eof:
            raise FormatError("the file ends inside a gzip member", offset=at)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        job.budget.work -= len(chunk)
        if job.budget.work < 0:
            raise LeftAlone("it unpacks to more than this program is ready to unpack")
        if kept is None:
            continue
        kept.append(chunk)
        if len(head) < HEAD:
            head += chunk[:HEAD]
            if (len(head) >= HEAD or inflater.eof) and not _is_wanted(head, job):
                kept = None
        elif size > job.budget.piece:
            kept = None
            job.skipped(Gzip.name, "its content unpacks to more than this program is ready to hold")
    end = at - len(inflater.unused_data)
    trailer = data[end : end + 8]
    if len(trailer) < 8:
        raise FormatError("the file ends inside a gzip trailer", offset=end)
    if trailer != crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"):
        raise IntegrityError("CRC or length of a gzip member do not hold", offset=end)
    return _Body(end, None if kept is None else b"".join(kept))


def _is_wanted(head: bytes, job: Job) -> bool:
    """Whether a handler takes the content that begins with `head`.

    Raises:
        LeftAlone: it is an Alpine package or index.
    """
    if head.startswith(_SIGNED) and head.startswith(b"ustar", 257):
        raise LeftAlone(_OF_APK)
    return _is_taken(head, job)


def _is_taken(head: bytes, job: Job) -> bool:
    row = kind_of(head)
    return row is not None and row.name in job.policy.leaks


def _recompress(data: bytes, header: _Header, body: _Body, job: Job) -> Patch | None:
    """Normalizes the content of one member; None if its compressed bytes stay."""
    content = body.content or b""
    stream = data[header.end : body.end]
    xfl = data[header.start + 8]

    def find() -> Encoder | None:
        return find_deflate(stream, content, xfl, job.unpack)

    new, encoder = _renewed(content, Gzip.name, job, find)
    if encoder is None:
        return None
    trailer = zlib.crc32(new).to_bytes(4, "little") + (len(new) & 0xFFFFFFFF).to_bytes(4, "little")
    return header.end, body.end + 8, encoder(new) + trailer


def _renewed(
    content: bytes, handler: str, job: Job, find: Callable[[], Encoder | None]
) -> tuple[bytes, Encoder | None]:
    """The normalized content, and the encoder for it; None if nothing changes or no encoder is the file's own."""
    changes = len(job.report.changes)
    new = job.nested(content, _inner_name(job.path))
    if new is content:
        return content, None
    try:
        encoder = find()
        reason = f"its content leaks, but no pinned encoder reproduces its stream{_GUESS.get(handler, '')}"
    except LeftAlone as error:
        encoder, reason = None, str(error)
    if encoder is None:
        del job.report.changes[changes:]
        job.skipped(handler, reason)
    return new, encoder


def _inner_name(path: str) -> str:
    """The name of the content, as unpacking programs choose it."""
    stem, _, suffix = PurePosixPath(path).name.rpartition(".")
    return f"{stem}.tar" if stem and suffix.startswith("t") else stem or "content"


_GUESS: Final = {
    "gzip": " (a gzip that is not installed here?)",
    "xz": " (another version, or options of its own?)",
    "zstd": " (another version, or options of its own?)",
    "bzip2": "",
}


def _normalize_stream(
    data: bytes,
    handler: str,
    job: Job,
    unpacked: Iterator[bytes],
    *,
    end: Callable[[], int],
    find: Callable[[bytes, bytes, Callable[[int], None]], Encoder | None],
) -> bytes:
    """What xz, zstd and bzip2 have in common.

    Args:
        unpacked: the content, in bounded chunks.
        end: where the stream ends, once it is unpacked.
        find: the search for the encoder.
    """
    chunks: list[bytes] = []
    size = 0
    for chunk in unpacked:
        chunks.append(chunk)
        size += len(chunk)
        if size > job.budget.piece:
            job.unpack(size)
        if size >= HEAD and size - len(chunk) < HEAD and not _is_taken(b"".join(chunks), job):
            return data
    content = b"".join(chunks)
    chunks.clear()
    job.unpack(size)
    if not _is_taken(content[:HEAD], job):
        return data
    stop = end()
    stream, rest = data[:stop], data[stop:]
    if rest.strip(b"\0"):
        raise LeftAlone(f"several {handler} streams in one file")
    new, encoder = _renewed(content, handler, job, lambda: find(stream, content, job.unpack))
    return data if encoder is None else encoder(new) + rest


class _Decompressor(Protocol):
    """What Python's own decompressors of xz and bzip2 are."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpacked(
    data: bytes, decompressor: _Decompressor, what: str, broken: tuple[type[Exception], ...]
) -> Iterator[bytes]:
    """The content of the stream that `data` begins with, in bounded chunks.

    Args:
        what: the kind of stream with its article, for error messages.
        broken: what the decompressor raises where it is not well-formed.
    """
    piece = data
    try:
        while not decompressor.eof:
            chunk = decompressor.decompress(piece, CHUNK)
            if not chunk and not decompressor.eof and decompressor.needs_input:
                raise FormatError(f"the file ends inside {what} stream")
            piece = b""
            yield chunk
    except broken as error:
        raise FormatError(f"broken {what.partition(' ')[2]} data ({error})") from None


class Xz:
    """Normalizes what an xz stream holds."""

    name = "xz"

    def normalize(self, data: bytes, job: Job) -> bytes:
        import lzma

        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_MEMORY)
        content = unpacked(data, decompressor, "an xz", (lzma.LZMAError,))
        return _normalize_stream(
            data, self.name, job, content, end=lambda: len(data) - len(decompressor.unused_data), find=find_xz
        )


class Bzip2:
    """Normalizes what a bzip2 stream holds."""

    name = "bzip2"

    def normalize(self, data: bytes, job: Job) -> bytes:
        import bz2

        decompressor = bz2.BZ2Decompressor()

        content = unpacked(data, decompressor, "a bzip2", (OSError, ValueError))
        return _normalize_stream(
            data, self.name, job, content, end=lambda: len(data) - len(decompressor.unused_data), find=find_bzip2
        )


class Zstd:
    """Normalizes what a zstd frame holds."""

    name = "zstd"

    def normalize(self, data: bytes, job: Job) -> bytes:
        import zstandard

        end = frame_end(data)

        def unpacked() -> Iterator[bytes]:
            decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_MEMORY)
            try:
                with decompressor.stream_reader(data[:end]) as reader:
                    while chunk := reader.read(CHUNK):
                        yield chunk
            except zstandard.ZstdError as error:
                raise FormatError(f"broken zstd data ({error})") from None

        return _normalize_stream(data, self.name, job, unpacked(), end=lambda: end, find=find_zstd)


def frame_end(data: bytes) -> int:
    """Where the zstd frame that `data` begins with ends (RFC 8878, 3.1.1).

    Raises:
        FormatError: the file ends before it; the reader does not say so.
    """
    import zstandard

    try:
        at = zstandard.frame_header_size(data)
    except zstandard.ZstdError as error:
        raise FormatError(f"broken zstd data ({error})") from None
    last = False
    while not last:
        header = int.from_bytes(data[at : at + 3], "little")
        last = bool(header & 1) or at + 3 > len(data)
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
    at += 4 if data[4] & 4 else 0
    if at > len(data):
        raise FormatError("the file ends inside a zstd frame")
    return at
