"""Encoders that write the same bytes everywhere, and the search for the one that wrote a file.

A compressed file whose content changes has to be compressed again. That is only done by an encoder which makes the
file's own bytes out of its own content, so that nothing but the change shows: one that is merely as good would make
files depend on who normalized them.

Sources: RFC 1951 and 1952, zlib.h; the .xz file format 1.1.0 and liblzma's `stream_encoder_mt.c`; RFC 8878 (zstd).
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Generator, Iterable
from typing import Final, Protocol

from buildinfo.errors import BuildinfoError, MissingToolError

CHUNK: Final = 1 << 18
"""Bytes compressed at once: after so many a wrong candidate is usually found out."""

Encoder = Callable[[bytes], bytes]
Spend = Callable[[int], None]
"""Told how many bytes are about to be compressed; raises where that is too much."""

_PRESET_OF_DICTIONARY: Final = {18: (0,), 20: (1,), 21: (2,), 22: (3, 4), 23: (5, 6), 24: (7,), 25: (8,), 26: (9,)}
"""xz(1): presets by the logarithm of their dictionary's size."""
_CHECK_SIZES: Final = {0: 0, 1: 4, 4: 8, 10: 32}
_XZ_HEADER: Final = 12
_ZSTD_LEVELS: Final = (3, 19, 9, 1, 6, 15, 10, 18, 12, 22, 2, 4, 5, 7, 8, 11, 13, 14, 16, 17, 20, 21)


_GZIPS: Final = (("gzip", "-n"), ("busybox", "gzip"), ("pigz", "-n"))
"""Programs whose deflate no library has: GNU gzip, busybox; pigz at other levels than 9."""


class Compressor(Protocol):
    """What Python's own compressors are."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Program:
    """A gzip program: what it writes, without header and trailer."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self._pieces: list[bytes] = []

    def compress(self, data: bytes, /) -> bytes:
        self._pieces.append(data)
        return b""

    def flush(self) -> bytes:
        import subprocess

        environment = {name: value for name, value in os.environ.items() if name != "GZIP"}
        try:
            done = subprocess.run(
                [*self._words, "-c"], input=b"".join(self._pieces), env=environment, capture_output=True, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingToolError("cannot be run", where=self._words[0]) from error
        return done.stdout[10:-8]  # it was told of no name, so the header has ten bytes


def _program(*words: str) -> Maker:
    return lambda size: _Program(words)


Maker = Callable[[int], Compressor]
"""Begins to compress so many bytes."""


def find_deflate(stream: bytes, content: bytes, xfl: int, spend: Spend) -> Encoder | None:
    """The encoder of a raw deflate stream.

    Args:
        stream: the deflate data of one gzip member.
        content: what it unpacks to.
        xfl: the byte of the gzip header that hints at the level.
        spend: see `Spend`; what it raises is passed on.
    """
    first = {2: 9, 4: 1}.get(xfl, 6)
    levels = sorted(range(1, 10), key=lambda level: (abs(level - first), level))
    programs = [_program(*words, f"-{level}") for level in dict.fromkeys((first, 6, 9)) for words in _GZIPS]
    return _find(
        (*(_zlib(level, memory) for level in levels for memory in (8, 9)), _Pigz, *programs), stream, content, spend
    )


def find_bzip2(stream: bytes, content: bytes, spend: Spend) -> Encoder | None:
    """The encoder of a bzip2 stream, which states its level; see `find_deflate`."""
    import bz2

    level = stream[3] - ord("0")
    return _find([lambda size: bz2.BZ2Compressor(level)], stream, content, spend, cost=4)


def find_xz(stream: bytes, content: bytes, spend: Spend) -> Encoder | None:
    """The encoder of an xz stream; see `find_deflate`.

    Those of one thread and those of several are known; the latter states sizes in the header of each block.
    """
    check = stream[7]
    size = (stream[_XZ_HEADER] + 1) * 4
    flags = stream[_XZ_HEADER + 1]
    header = stream[_XZ_HEADER : _XZ_HEADER + size]
    at = 2
    sizes: list[int] = []
    for flag in (0x40, 0x80):
        if flags & flag:
            value, at = _read_integer(header, at)
            sizes.append(value)
    if flags & 0x3F or header[at : at + 2] != b"\x21\x01" or check not in _CHECK_SIZES or len(sizes) == 1:
        return None
    dictionary = header[at + 2]
    presets = _PRESET_OF_DICTIONARY.get(dictionary // 2 + 12, ()) if dictionary % 2 == 0 else ()
    block = sizes[1] if sizes else 0
    if block == len(content):  # the only one says nothing of how long it may become
        block = max(3 << (dictionary // 2 + 12), 1 << 20, block)
    makers = [_xz(preset | extreme, check, size, block) for extreme in (0, 1 << 31) for preset in presets]
    return _find(makers, stream, content, spend, cost=8)


def find_zstd(stream: bytes, content: bytes, spend: Spend) -> Encoder | None:
    """The encoder of a zstd frame; see `find_deflate`."""
    flags = stream[4]
    sized, checked = bool(flags & 0xE0), bool(flags & 4)
    if flags & 3:
        return None
    # The program compresses in a thread of its own, which cuts long input in another way.
    makers = [
        _zstd(level, sized, checked, threads, known)
        for threads in (0, 1)
        for known in ((True,) if sized else (False, True))
        for level in _ZSTD_LEVELS
    ]
    return _find(makers, stream, content, spend, cost=4)


def _find(makers: Iterable[Maker], stream: bytes, content: bytes, spend: Spend, *, cost: int = 1) -> Encoder | None:
    """The first candidate that makes `stream` out of `content`; `cost` is what a byte costs against deflate."""
    for maker in makers:
        if _makes(maker, stream, content, lambda size: spend(size * cost)):
            return lambda data, maker=maker: b"".join(_compress(maker, data))  # type: ignore[misc] # binds the loop's
    return None


def _makes(maker: Maker, stream: bytes, content: bytes, spend: Spend) -> bool:
    at = 0
    try:
        with contextlib.closing(_compress(maker, content, spend)) as pieces:
            for piece in pieces:
                if not stream.startswith(piece, at):
                    return False
                at += len(piece)
    except BuildinfoError:
        return False  # this machine lacks what the encoder needs
    return at == len(stream)


def _compress(maker: Maker, content: bytes, spend: Spend = lambda size: None) -> Generator[bytes, None, None]:
    compressor = maker(len(content))
    try:
        for at in range(0, len(content), CHUNK):
            piece = content[at : at + CHUNK]
            spend(len(piece))
            yield compressor.compress(piece)
        yield compressor.flush()
    finally:
        if isinstance(compressor, _Pigz):
            compressor.close()


def _zlib(level: int, memory: int) -> Maker:
    return lambda size: zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, memory)


class _Pigz:
    """`pigz -9`, without the header and the trailer of the gzip member."""

    def __init__(self, size: int) -> None:
        from buildinfo.apk import pigz

        self._member = pigz.Compressor()
        self._header = len(pigz.HEADER)

    def compress(self, data: bytes) -> bytes:
        return self._strip(self._member.write(data))

    def flush(self) -> bytes:
        return self._strip(self._member.finish())[:-8]

    def close(self) -> None:
        self._member.close()

    def _strip(self, piece: bytes) -> bytes:
        stripped = piece[self._header :]
        self._header -= len(piece) - len(stripped)
        return stripped


def _zstd(level: int, sized: bool, checked: bool, threads: int, known: bool) -> Maker:
    """`known`: the encoder knew the size, which changes how it works, whether it states it or not."""
    import zstandard

    def make(size: int) -> Compressor:
        compressor = zstandard.ZstdCompressor(
            level=level, write_checksum=checked, write_content_size=sized, threads=threads
        )
        return compressor.compressobj(size if known else -1)

    return make


class _Xz:
    """An xz stream whose blocks state their sizes, as liblzma writes with several threads.

    Args:
        block: uncompressed bytes of each block but the last.
        size: bytes of each block header; liblzma makes room in it before it knows the sizes.
    """

    def __init__(self, preset: int, check: int, size: int, block: int) -> None:
        self._preset, self._check, self._size, self._block = preset, check, size, block
        self._ahead = bytearray()
        self._index = b""
        self._blocks = 0
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        self._ahead += data
        done = b""
        while len(self._ahead) > self._block:
            done += self._encode(bytes(self._ahead[: self._block]))
            del self._ahead[: self._block]
        return done

    def flush(self) -> bytes:
        done = self._encode(bytes(self._ahead)) if self._ahead else b""
        index = b"\0" + _integer(self._blocks) + self._index
        index += bytes(-len(index) % 4)
        index += _crc(index)
        footer = (len(index) // 4 - 1).to_bytes(4, "little") + bytes((0, self._check))
        return done + index + _crc(footer) + footer + b"YZ"

    def _encode(self, piece: bytes) -> bytes:
        """One block, taken from the stream that one thread would write."""
        import lzma

        alone = lzma.compress(piece, lzma.FORMAT_XZ, self._check, self._preset)
        end = len(alone) - _XZ_HEADER - 4 * (int.from_bytes(alone[-8:-4], "little") + 1)
        check = _CHECK_SIZES[self._check]
        start = _XZ_HEADER + 4 * (alone[_XZ_HEADER] + 1)
        unpadded, _ = _read_integer(alone, end + 2)
        length = unpadded - (start - _XZ_HEADER) - check
        header = bytes((self._size // 4 - 1, 0xC0)) + _integer(length) + _integer(len(piece)) + alone[14:17]
        header = header.ljust(self._size - 4, b"\0")
        self._blocks += 1
        self._index += _integer(self._size + length + check) + _integer(len(piece))
        begin = b"" if self._begun else alone[:_XZ_HEADER]
        self._begun = True
        return begin + header + _crc(header) + alone[start:end]


def _xz(preset: int, check: int, size: int, block: int) -> Maker:
    import lzma

    if block:
        return lambda length: _Xz(preset, check, size, block)
    return lambda length: lzma.LZMACompressor(lzma.FORMAT_XZ, check, preset)


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def _integer(value: int) -> bytes:
    """A number as xz writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    """Such a number, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 63:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    return value, at
