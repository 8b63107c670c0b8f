"""What lies inside a file of any kind that holds others: to be searched, never to be changed.

Which handlers are selected does not matter here, nor what they refuse. What cannot be opened is looked at as it is, and
so is a cpio archive: its members are not compressed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from buildinfo.apk.tar import CHECKSUM_KEY, Member, TarReader
from buildinfo.errors import BuildinfoError, FormatError
from buildinfo.normalize.job import MAX_DEPTH, Budget, LeftAlone

Inner = Iterator[tuple[str | None, bytes]]
"""The files inside a file: name and content; without a name, what the file says of them: names and attributes."""

_MAX_MEMORY: Final = 1 << 28
"""Bytes of memory that unpacking xz or zstd may take beside the content."""
_END: Final = b"PK\x05\x06"
_END_WITHIN: Final = 22 + 0xFFFF
"""The end record of a zip archive with the longest comment: it stands within so many bytes of the end."""
_PIECE: Final = 1 << 20
_FIRST_FEED: Final = 1 << 9
_ZEROS: Final = re.compile(rb"\0*").match
_AR_HEADER: Final = 60


class Part(NamedTuple):
    """A piece of a file: the path of what it belongs to (`OUTER!/INNER`), its bytes, and whether they are names."""

    path: str
    data: bytes
    names: bool = False


def parts(data: bytes, path: str, budget: Budget | None = None, depth: int = 0) -> Iterator[Part]:
    """Everything that a file holds, uncompressed, in the order of the file.

    What takes more than the budget, or lies deeper than normalizing goes, is given as it is.
    """
    budget = budget or Budget.of(len(data))
    opener = _opener(data) if depth <= MAX_DEPTH else None
    if opener is None:
        yield Part(path, data)
        return
    try:
        for name, content in opener(data, budget):
            if name is None:
                yield Part(path, content, names=True)
            else:
                inner = name or PurePosixPath(path).stem or "content"
                yield from parts(content, f"{path}!/{inner}" if path else inner, budget, depth + 1)
    except Exception as error:
        if not isinstance(error, _broken()):
            raise
        yield Part(path, data)


def said_of(member: Member) -> bytes:
    """The name, link target and extended attributes of a tar member, a line each."""
    texts = [text.encode("utf-8", "surrogateescape") for text in (member.name, member.linkname) if text]
    return b"\n".join([*texts, *(value for key, value in member.pax.items() if key != CHECKSUM_KEY)])


def _broken() -> tuple[type[Exception], ...]:
    """What malformed input makes the readers raise."""
    import lzma
    import zipfile

    kinds = (BuildinfoError, LeftAlone, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
    return (*kinds, NotImplementedError, RuntimeError, ValueError, OSError, EOFError)


def _opener(data: bytes) -> Callable[[bytes, Budget], Inner] | None:
    for magic, at, opener in _OPENERS:
        if data.startswith(magic, at):
            return opener
    return _zip if data.rfind(_END, max(0, len(data) - _END_WITHIN)) >= 0 else None


def _taken(size: int, budget: Budget) -> int:
    """Counts what was unpacked.

    Raises:
        LeftAlone: it is too much.
    """
    budget.work -= size
    if size > budget.piece or budget.work < 0:
        raise LeftAlone("it unpacks to more than this program is ready to hold")
    return size


def _gzip(data: bytes, budget: Budget) -> Inner:
    """Every gzip member by itself; the names in their headers."""
    at = 0
    while data.startswith(b"\x1f\x8b\x08", at):
        yield None, data[at : at + 512]
        content, at = _unpacked(data, at, zlib.decompressobj(zlib.MAX_WBITS | 16), budget)
        yield "", content
    if at < len(data):
        yield "rest", data[at:]


def _stream(data: bytes, new: Callable[[], Any], budget: Budget) -> Inner:
    """One stream of xz or bzip2 after the other."""
    at = 0
    while at < len(data):
        content, at = _unpacked(data, at, new(), budget)
        yield "", content
        zeros = _ZEROS(data, at)
        at = zeros.end() if zeros else at


def _unpacked(data: bytes, at: int, decompressor: Any, budget: Budget) -> tuple[bytes, int]:
    """The content of the stream that begins at `at`, and where it ends. It is fed little by little: what a decompressor
    has left over is a copy, and there may be as many streams as bytes.

    Raises:
        LeftAlone: it is too much.
        FormatError: it is cut.
    """
    parts: list[bytes] = []
    size = 0
    feed = _FIRST_FEED
    while not decompressor.eof:
        piece = getattr(decompressor, "unconsumed_tail", b"")
        if not piece and getattr(decompressor, "needs_input", True):
            piece = data[at : at + feed]
            at += len(piece)
            feed = min(2 * feed, _PIECE)
        chunk = decompressor.decompress(piece, _PIECE)
        if not piece and not chunk and not decompressor.eof:
            raise FormatError("the file ends inside a stream", offset=at)
        parts.append(chunk)
        size += len(chunk)
        if size > budget.piece:
            break
    _taken(size, budget)
    return b"".join(parts), at - len(decompressor.unused_data)


def _xz(data: bytes, budget: Budget) -> Inner:
    import lzma

    return _stream(data, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_MEMORY), budget)


def _bzip2(data: bytes, budget: Budget) -> Inner:
    import bz2

    return _stream(data, bz2.BZ2Decompressor, budget)


def _zstd(data: bytes, budget: Budget) -> Inner:
    import zstandard

    pieces: list[bytes] = []
    size = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_MEMORY)
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            while piece := reader.read(_PIECE):
                pieces.append(piece)
                size += _taken(len(piece), budget)
                if size > budget.piece:
                    raise LeftAlone("it unpacks to more than this program is ready to hold")
    except zstandard.ZstdError as error:
        raise FormatError(f"broken zstd data ({error})") from None
    yield "", b"".join(pieces)


def _tar(data: bytes, budget: Budget) -> Inner:
    """A pax checksum of a member is not among what is given: normalizing brings it up to date."""
    for member, chunks in TarReader([data]):
        yield None, said_of(member)
        if member.size:
            yield member.name, b"".join(chunks)


def _zip(data: bytes, budget: Budget) -> Inner:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield None, archive.comment
        for info in archive.infolist():
            yield None, b"\n".join((info.filename.encode("utf-8", "surrogateescape"), info.extra, info.comment))
            if info.file_size:
                _taken(info.file_size, budget)
                with archive.open(info) as stream:
                    yield info.filename, stream.read(info.file_size)


def _ar(data: bytes, budget: Budget) -> Inner:
    at = 8
    while at + _AR_HEADER <= len(data):
        header = data[at : at + _AR_HEADER]
        size = int(header[48:58])
        if size < 0:
            raise FormatError("an ar member of no size", offset=at)
        yield None, header
        name = header[:16].decode("utf-8", "backslashreplace").strip().rstrip("/")
        yield name or "/", data[at + _AR_HEADER : at + _AR_HEADER + size]
        at += _AR_HEADER + size + size % 2


_OPENERS: Final[tuple[tuple[bytes, int, Callable[[bytes, Budget], Inner]], ...]] = (
    (b"\x1f\x8b\x08", 0, _gzip),
    (b"\xfd7zXZ\0", 0, _xz),
    (b"\x28\xb5\x2f\xfd", 0, _zstd),
    (b"BZh", 0, _bzip2),
    (b"ustar", 257, _tar),
    (b"!<arch>\n", 0, _ar),
)
