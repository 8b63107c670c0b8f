"""PE files: EFI programs, Windows programs and libraries, kernels with an EFI stub.

Source: Microsoft's "PE Format" (COFF header, optional header, data directories, debug directory, attribute
certificate table); the checksum is that of ImageHlp's CheckSumMappedFile. A signature covers neither the checksum, nor
its own place in the directories, nor itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.pkcs7 import described
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.spots import Spot, compare, id_spot, number, sum_spot, time_spot
from buildinfo.verify.explain.hunk import Hunk

_EXPORT, _RESOURCE, _CERTIFICATES, _DEBUG, _CONFIG = 0, 2, 4, 6, 10
_CODEVIEW, _REPRODUCIBLE = 2, 16
_MAX_SECTIONS: Final = 4096
_MAX_TABLES: Final = 4096
_PADDING: Final = 8
_STANDARD: Final = 68
"""Least bytes of an optional header with a checksum."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `field` (`pe:time`, `pe:id`, `pe:sum`) and `signature` (`pe`), and those of the sections.

    Raises:
        FormatError: one of them is no PE file.
    """
    (old, signature), (new, other) = _unsigned(before), _unsigned(after)
    if signature is not None or other is not None:
        old, new = _unsummed(before, old), _unsummed(after, new)
        size = min(len(old), len(new))  # the padding before a certificate table belongs to it
        if max(len(old), len(new)) - size < _PADDING and not any(old[size:] + new[size:]):
            old, new = old[:size], new[:size]
    if signature != other:
        follows = old != new and None not in (signature, other)
        yield place.hunk("file signature", "pe", described(signature), described(other), follows=follows)
    if old != new:
        yield from compare("pe", spots, old, new, place, rest=_sections)


def spots(data: bytes) -> Iterator[Spot]:
    """The fields that tell when it was linked, and which link it was."""
    header = _Header(data)
    start, size = header.directory(_DEBUG)
    at = header.offset(start) if size else 0
    entries = [entry for entry in range(at, at + size, 28) if size and entry + 28 <= len(data)][:64]
    reproducible = any(number(data, entry + 12, 4) == _REPRODUCIBLE for entry in entries)

    def stamp(at: int, name: str) -> Spot:
        """A time; the linker asked for reproducible files writes a hash instead."""
        return id_spot(data, at, 4, name) if reproducible else time_spot(data, at, name)

    yield stamp(header.start + 8, "TimeDateStamp")
    checksum = number(data, header.optional + 64, 4) if header.summed else 0
    if checksum:
        right = checksum == _checksum(data, header.optional + 64)
        yield sum_spot(data, header.optional + 64, 4, "CheckSum", right=right)
    for index, name in ((_EXPORT, "export directory"), (_CONFIG, "load configuration")):
        start, size = header.directory(index)
        if size >= 8:
            yield stamp(header.offset(start) + 4, name)
    start, size = header.directory(_RESOURCE)
    if size >= 16:
        for at in _resources(data, header.offset(start), size):
            yield stamp(at + 4, "resource directory")
    for entry in entries:
        yield stamp(entry + 4, "debug directory")
        kind, size, _, at = (number(data, entry + place, 4) for place in (12, 16, 20, 24))
        if kind == _CODEVIEW and size >= 24 and data[at : at + 4] == b"RSDS":
            yield id_spot(data, at + 4, 16, "CodeView identifier")
        elif kind == _REPRODUCIBLE and size > 4 and at:
            yield id_spot(data, at + 4, size - 4, "hash of the build")


class _Header:
    """The places of a PE file's headers, and its sections: name, address, size in memory, offset, size in the file.

    `summed` tells whether there is an optional header with a checksum.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.start = number(data, 60, 4)
        if data[self.start : self.start + 4] != b"PE\0\0":
            raise FormatError("no PE header", offset=self.start)
        self.optional = self.start + 24
        length, count = number(data, self.start + 20, 2), number(data, self.start + 6, 2)
        magic = number(data, self.optional, 2) if length >= _STANDARD else 0
        self.summed = magic in (0x10B, 0x20B)
        self.directories = self.optional + (112 if magic == 0x20B else 96)
        held = max(0, self.optional + length - self.directories) // 8 if self.summed else 0
        self.count = min(number(data, self.directories - 4, 4), held) if held else 0
        if count > _MAX_SECTIONS:
            raise FormatError("too many sections", offset=self.start)
        self.table = self.optional + length
        self.sections: list[tuple[bytes, int, int, int, int]] = []
        for at in range(self.table, self.table + 40 * count, 40):
            size, address, raw, offset = (number(data, at + place, 4) for place in (8, 12, 16, 20))
            self.sections.append((data[at : at + 8].rstrip(b"\0"), address, size, offset, raw))

    def directory(self, index: int) -> tuple[int, int]:
        """Address and size of what a data directory tells of; zeros where there is none."""
        if index >= self.count:
            return 0, 0
        at = self.directories + 8 * index
        return number(self._data, at, 4), number(self._data, at + 4, 4)

    def offset(self, address: int) -> int:
        """Where an address is in the file.

        Raises:
            FormatError: in no section.
        """
        for _, start, size, offset, raw in self.sections:
            if start <= address < start + max(size, raw) and address - start < raw:
                return offset + address - start
        raise FormatError("a data directory that leads into no section", offset=self.directories)


def _unsigned(data: bytes) -> tuple[bytes, bytes | None]:
    """The file without the certificate table at its end, and the table."""
    header = _Header(data)
    at, size = header.directory(_CERTIFICATES)
    if not size:
        return data, None
    if at % _PADDING or at + size != len(data) or at < header.table:
        raise FormatError("a certificate table that is not at the end", offset=len(data))
    bare = bytearray(data[:at])
    place = header.directories + 8 * _CERTIFICATES
    bare[place : place + 8] = bytes(8)
    return bytes(bare), data[at:]


def _unsummed(data: bytes, bare: bytes) -> bytes:
    """A file without its signature, and without its checksum where that was right."""
    header = _Header(data)
    at = header.optional + 64
    if not header.summed:
        return bare
    return bare[:at] + bytes(4) + bare[at + 4 :] if number(data, at, 4) == _checksum(data, at) else bare


def _checksum(data: bytes, at: int) -> int:
    """The sum of all words but those of the checksum itself, with carries, and the size."""
    total = 0
    for start in range(0, len(data), 1 << 16):
        piece = bytearray(data[start : start + (1 << 16)])
        for byte in range(max(at, start), min(at + 4, start + len(piece))):
            piece[byte - start] = 0
        # The sum of words with carries is the remainder by 65535.
        total += int.from_bytes(piece, "little") % 0xFFFF
    total = total % 0xFFFF or (0xFFFF if any(data) else 0)
    return (total + len(data)) & 0xFFFFFFFF


def _resources(data: bytes, start: int, size: int) -> Iterator[int]:
    """Where the tables of resources are."""
    left, seen = [0], {0}
    while left:
        at = left.pop()
        if at + 16 > size or len(seen) > _MAX_TABLES:
            raise FormatError("a broken resource directory", offset=start + at)
        yield start + at
        count = number(data, start + at + 12, 2) + number(data, start + at + 14, 2)
        for entry in range(at + 16, min(at + 16 + 8 * count, size), 8):
            below = number(data, start + entry + 4, 4)
            if below >> 31 and (below & 0x7FFFFFFF) not in seen:
                seen.add(below & 0x7FFFFFFF)
                left.append(below & 0x7FFFFFFF)


def _sections(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """What differs beside the fields: of equal layouts section by section, such as a kernel or an initramfs."""
    header, other = _Header(before), _Header(after)
    bounds = sorted((offset, offset + raw, name) for name, _, _, offset, raw in header.sections if raw)
    if header.sections != other.sections or len(before) != len(after) or not bounds:
        yield from binary.hunks(before, after, place)
        return
    old, new = bytearray(before), bytearray(after)
    last = 0
    for start, end, name in bounds:
        if start < last or end > len(before):
            raise FormatError("sections that share bytes", offset=start)
        last = end
        first, second = before[start:end], after[start:end]
        if first != second:
            yield from place.inside(name.decode("latin-1"), first, second)
            old[start:end] = new[start:end] = bytes(end - start)
    if old != new:
        yield from binary.hunks(bytes(old), bytes(new), place)
