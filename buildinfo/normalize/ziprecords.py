"""The records of a zip archive, read and written one by one, so that compressed data is copied as it is.

Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 (order of the records), 4.4 (their fields) and 4.5.3 (zip64).

An archive is read only where all its readers see the same members: where the central directory, the local headers and
the data descriptors agree, and no two members share bytes. Bytes that no record tells of are kept where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import LeftAlone
from buildinfo.normalize.zipend import End, Places, absent, get, narrow, put, read_end

LOCAL: Final = 30
"""Bytes of a local header before the name."""
CENTRAL: Final = 46
"""Bytes of a central header before the name."""
ENCRYPTED: Final = 0x2041
"""Flag bits: encryption, strong encryption, masked headers."""
STORED: Final = 0
DEFLATED: Final = 8

_DESCRIBED: Final = 8
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_DESCRIPTOR_MAGIC: Final = b"PK\x07\x08"
_SIGNING_MAGIC: Final = b"APK Sig Block 42"

_IN_LOCAL: Final[Places] = {"size": slice(22, 26), "packed": slice(18, 22)}
_IN_CENTRAL: Final[Places] = {"size": slice(24, 28), "packed": slice(20, 24), "offset": slice(42, 46)}
"""Where the fields are; where one is all ones, the zip64 field or record has it, in this order."""

_LENGTHS: Final = Struct("<HHH").unpack_from
_LOCAL_FIELDS: Final = Struct("<4s2xHH4x4sIIHH").unpack_from
_FIELD: Final = Struct("<HH").unpack_from


@dataclass(slots=True)
class Member:
    """One member: its two headers as they are, ready to be patched, and its bytes.

    Attributes:
        name: as it stands in both headers.
        local: local header, with name and extra field.
        central: central header, with name, extra field and comment.
        data: compressed, as in the archive.
        descriptor: the data descriptor, where there is one.
        tail: what stands between this member and the next, or the central directory, and belongs to no record.
        offset: where the local header stands in the file.
        local_places: where the numbers of the local header are.
        central_places: where those of the central header are.
    """

    name: bytes
    local: bytearray
    central: bytearray
    data: bytes | memoryview
    descriptor: bytes
    tail: bytes
    offset: int
    local_places: Places
    central_places: Places

    @property
    def flags(self) -> int:
        """The general purpose bits of either header."""
        return self.local[6] | self.local[7] << 8 | self.central[8] | self.central[9] << 8

    @property
    def method(self) -> int:
        return self.local[8] | self.local[9] << 8

    @property
    def crc(self) -> int:
        return int.from_bytes(self.central[16:20], "little")

    @property
    def size(self) -> int:
        """Bytes of the content, uncompressed."""
        return get(self.central, self.central_places["size"])

    def extras(self, header: bytearray) -> Iterator[tuple[int, slice]]:
        """The extra fields of one of the headers: the kind, and where the body is. Padding at the end is none."""
        at = (LOCAL if header is self.local else CENTRAL) + len(self.name)
        stop = at + int.from_bytes(header[28:30] if header is self.local else header[30:32], "little")
        while at + 4 <= stop:
            kind, length = _FIELD(header, at)
            at += 4 + length
            if at > stop:
                return
            yield kind, slice(at - length, at)

    def replace(self, data: bytes, crc: int, size: int) -> None:
        """Puts another content in the place of this one: `data` is compressed as the old one was."""
        sum32 = crc.to_bytes(4, "little")
        told = self.local[14:18] == self.central[16:20]
        if self.descriptor:
            magic = 0 if len(self.descriptor) in (12, 20) else 4
            width = (len(self.descriptor) - magic - 4) // 2
            numbers = narrow(len(data), width) + narrow(size, width)
            self.descriptor = self.descriptor[:magic] + sum32 + numbers
        if told or not self.descriptor:
            self.local[14:18] = sum32
            put(self.local, self.local_places["packed"], len(data))
            put(self.local, self.local_places["size"], size)
        self.central[16:20] = sum32
        put(self.central, self.central_places["packed"], len(data))
        put(self.central, self.central_places["size"], size)
        self.data = data

    def locate(self, offset: int) -> None:
        """Says in the central header where the local one is."""
        put(self.central, self.central_places["offset"], offset)


@dataclass(slots=True)
class Archive:
    """An archive.

    Attributes:
        prefix: what stands before the first member.
        members: in the order of their data.
        directory: the same ones, in the order of the central directory.
        end: what stands behind the central directory.
        signing: whether an Android signing block covers the archive.
    """

    prefix: bytes
    members: Sequence[Member]
    directory: Sequence[Member]
    end: End
    signing: bool

    @property
    def loose(self) -> bool:
        """Whether bytes that belong to no record stand between the members."""
        return any(member.tail for member in self.members)

    def drop(self, unwanted: Callable[[Member], bool]) -> None:
        """Takes members out; bytes behind them that belong to no record stay."""
        gone = {id(member) for member in self.members if unwanted(member)}
        if not gone:
            return
        kept: list[Member] = []
        loose = [self.prefix]
        for member in (*self.members, None):
            if member is not None and id(member) in gone:
                loose.append(member.tail)
                continue
            if kept:
                kept[-1].tail = b"".join(loose)
            else:
                self.prefix = b"".join(loose)
            if member is not None:
                kept.append(member)
                loose = [member.tail]
        self.members = kept
        self.directory = [member for member in self.directory if id(member) not in gone]


def read(data: bytes) -> Archive:
    """Reads all records.

    Raises:
        FormatError: not a zip archive, or a truncated one.
        LeftAlone: an archive that two readers may understand in two ways, or that holds records unknown here.
    """
    end = read_end(data)
    directory = _directory(data, end)
    if len(directory) % end.modulus != end.members:
        raise FormatError(f"central directory holds {len(directory)} members, not {end.members}", offset=end.first)
    members = sorted(directory, key=lambda member: member.offset)
    stops = [member.offset for member in members[1:]] + [end.first]
    view = memoryview(data)
    for member, following in zip(members, stops, strict=False):
        _read_local(view, member, following)
    prefix = data[: members[0].offset if members else end.first]
    signing = data[max(end.first - 16, 0) : end.first] == _SIGNING_MAGIC
    return Archive(prefix, members, directory, end, signing)


def write(archive: Archive) -> bytes:
    """The archive as bytes; central directory and end records are brought up to date.

    Raises:
        LeftAlone: an offset or size outgrows its field.
    """
    parts: list[bytes | bytearray | memoryview] = [archive.prefix]
    at = len(archive.prefix)
    for member in archive.members:
        member.locate(at - archive.end.start)
        pieces = (member.local, member.data, member.descriptor, member.tail)
        parts += pieces
        at += sum(map(len, pieces))
    directory = [member.central for member in archive.directory]
    parts += directory
    stop = at + sum(map(len, directory))
    parts.append(archive.end.update(at, stop, len(directory)))
    return b"".join(parts)


def _directory(data: bytes, end: End) -> list[Member]:
    """All central headers; data and local headers are to follow."""
    members = []
    at, stop = end.first, end.stop
    while at < stop:
        if not data.startswith(_CENTRAL_MAGIC, at) or at + CENTRAL > stop:
            raise LeftAlone("its central directory holds a record that is no member, such as a signature")
        name, extra, comment = _LENGTHS(data, at + 28)
        following = at + CENTRAL + name + extra + comment
        if following > stop:
            raise FormatError("central header runs past its directory", offset=at)
        central = bytearray(data[at:following])
        if central[34] or central[35]:
            raise LeftAlone("it is one part of a split archive")
        places = _places(central, _IN_CENTRAL, CENTRAL + name, CENTRAL + name + extra, at)
        offset = get(central, places["offset"]) + end.start
        if offset + LOCAL > end.first:
            raise FormatError("central header points past the members", offset=at)
        text = bytes(central[CENTRAL : CENTRAL + name])
        members.append(Member(text, bytearray(), central, b"", b"", b"", offset, {}, places))
        at = following
    return members


def _read_local(view: memoryview, member: Member, stop: int) -> None:
    """Reads the local header of a member, its data and what follows up to `stop`."""
    at = member.offset
    if at + LOCAL > stop:
        raise LeftAlone("two members, or a member and the directory, share bytes")
    magic, flags, method, crc, *_, name, extra = _LOCAL_FIELDS(view, at)
    if magic != _LOCAL_MAGIC:
        raise FormatError("no local header where the central directory has one", offset=at)
    begin = at + LOCAL + name + extra
    if begin > stop:
        raise LeftAlone("two members, or a member and the directory, share bytes")
    member.local = local = bytearray(view[at:begin])
    member.local_places = places = _places(local, _IN_LOCAL, LOCAL + name, len(local), at)
    central = member.central
    sizes = {field: get(central, member.central_places[field]) for field in _IN_LOCAL}
    end = begin + sizes["packed"]
    if end > stop:
        raise LeftAlone("two members, or a member and the directory, share bytes")
    told = crc == central[16:20] and all(get(local, places[field]) == size for field, size in sizes.items())
    if local[LOCAL : LOCAL + name] != member.name or method != int.from_bytes(central[10:12], "little"):
        raise LeftAlone("a local header and the central directory disagree")
    member.data = view[begin:end]
    if flags & _DESCRIBED:
        member.descriptor = _descriptor(view, end, stop, bytes(central[16:20]), sizes)
    if not told and not member.descriptor:
        raise LeftAlone("a local header and the central directory disagree")
    member.tail = bytes(view[end + len(member.descriptor) : stop])


def _descriptor(view: memoryview, at: int, stop: int, crc: bytes, sizes: Mapping[str, int]) -> bytes:
    """The data descriptor at a place: with or without its magic, with numbers of eight bytes or of four."""
    for magic in (_DESCRIPTOR_MAGIC, b""):
        for width in (8, 4):
            expected = magic + crc + narrow(sizes["packed"], 8)[:width] + narrow(sizes["size"], 8)[:width]
            if view[at : min(at + len(expected), stop)] == expected:
                return expected
    return b""


def _places(record: bytearray, plain: Places, extra: int, stop: int, offset: int) -> Places:
    """Where the numbers of a header are: where one is all ones, its zip64 field has it."""
    wide = [field for field, place in plain.items() if absent(record, place)]
    if not wide:
        return plain
    while extra + 4 <= stop:
        kind, length = _FIELD(record, extra)
        if kind == 1:
            if length < 8 * len(wide) or extra + 4 + length > stop:
                raise FormatError("zip64 field is too short", offset=offset)
            at = extra + 4
            return {**plain, **{field: slice(at + 8 * n, at + 8 * n + 8) for n, field in enumerate(wide)}}
        extra += 4 + length
    return plain
