"""Compressed files, unpacked to be looked into: gzip, xz, zstd and bzip2, bounded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final, NamedTuple

from buildinfo.apk.framing import GzipReader
from buildinfo.errors import FormatError
from buildinfo.verify.explain.effort import Effort

LEAST: Final = 1 << 20
"""Bytes that a file may unpack to whatever is left of the effort."""
MAGICS: Final = {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh"}


class Unpacked(NamedTuple):
    """A compressed file: `head` is all of it that is not the stream, such as gzip headers and what follows the end."""

    head: bytes
    content: bytes


def compression(data: bytes) -> str | None:
    """How a file is compressed, by its magic; None if it is not."""
    return next((name for name, magic in MAGICS.items() if data.startswith(magic)), None)


def unpack(data: bytes, limit: int, effort: Effort | None = None) -> Unpacked:
    """Unpacks a compressed file.

    Args:
        data: the file.
        limit: most bytes that it may unpack to.
        effort: what may still be unpacked of the pair; a file that is too much for it is unpacked no further.

    Raises:
        FormatError: it is not compressed, broken, or unpacks to more.
    """
    name = compression(data)
    head = bytearray()
    chunks = {"gzip": _gzip, "xz": _xz, "zstd": _zstd, "bzip2": _bzip2}[name](data, head) if name else iter(())
    if name is None:
        raise FormatError("not a compressed file")
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if effort is not None:
            effort.left -= len(chunk)
        if size > limit or (effort is not None and size > LEAST and effort.spent):
            raise FormatError(f"it unpacks to more than {limit} bytes")
    return Unpacked(bytes(head), b"".join(parts))


def _gzip(data: bytes, head: bytearray) -> Iterator[bytes]:
    reader = GzipReader(io.BytesIO(data), where="gzip")
    while reader.magic(3) == MAGICS["gzip"]:
        header = reader.next_member()
        head += header.raw if header else b""
        yield from reader.chunks()
    head += data[reader.offset :]


def _xz(data: bytes, head: bytearray) -> Iterator[bytes]:
    import lzma

    from buildinfo.normalize.compressed import MAX_MEMORY, unpacked

    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_MEMORY)
    yield from unpacked(data, decompressor, "an xz", (lzma.LZMAError,))
    head += decompressor.unused_data


def _bzip2(data: bytes, head: bytearray) -> Iterator[bytes]:
    import bz2

    from buildinfo.normalize.compressed import unpacked

    decompressor = bz2.BZ2Decompressor()
    yield from unpacked(data, decompressor, "a bzip2", (OSError, ValueError))
    head += decompressor.unused_data


def _zstd(data: bytes, head: bytearray) -> Iterator[bytes]:
    import zstandard

    from buildinfo.normalize.compressed import CHUNK, MAX_MEMORY, frame_end

    end = frame_end(data)
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_MEMORY)
    try:
        with decompressor.stream_reader(data[:end]) as reader:
            while chunk := reader.read(CHUNK):
                yield chunk
    except zstandard.ZstdError as error:
        raise FormatError(f"broken zstd data ({error})") from None
    head += data[end:]  # other frames, and those that unpacking skips
