"""cpio archives: initramfs images, one archive or several, and what is compressed behind them.

Leaks are times, and the numbers of inodes and devices of the machine that built it. Sources: cpio(5) of libarchive;
Linux's `usr/gen_init_cpio.c` and `init/initramfs.c`; GNU cpio's `copyout.c`.

Why zeroed device numbers do not stop an image from booting, if the inodes are numbered anew at the same time: Linux
finds the other names of a file by (device, inode, file type), and only for members that state more than one link. An
inode number that is unique over all devices says the same with device 0. Only zeroing devices while the inode numbers
stay can make two files of two file systems one. `rdev`, what a device node stands for, is content and stays; so do
owners, link counts and the order: of a hard-linked file the writer puts the content with the last name or the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone
from buildinfo.normalize.splice import Patch, spliced

MAX_NAME: Final = 1 << 16
"""Bytes of a member's name."""

Field = Literal["device", "inode", "mode", "links", "time", "size", "name", "check"]

_TRAILER: Final = b"TRAILER!!!"
_KIND: Final = 0o170000
_FILE: Final = 0o100000
_FOLDER: Final = 0o040000
_BLOCK: Final = 512
_ZEROS: Final = re.compile(rb"\0*").match
_LOWER_FIRST: Final = re.compile(rb"[^A-Fa-f]*[a-f]").match


@dataclass(frozen=True, slots=True)
class _Layout:
    """One of the header formats.

    Attributes:
        size: bytes of a header.
        align: what headers with names, and contents, are padded to.
        places: start and width of each field in the header.
        valid: whether a header's fields are numbers.
        read: the number in a field.
        write: a number in a field of so many bytes.
        host: whether inode and device numbers are normalized.
    """

    size: int
    align: int
    places: Mapping[Field, tuple[int, int]]
    valid: Callable[[bytes], object]
    read: Callable[[bytes], int]
    write: Callable[[int, int], bytes]
    host: bool = True

    def get(self, header: bytes | bytearray, field: Field) -> int:
        start, width = self.places[field]
        return self.read(bytes(header[start : start + width]))

    def put(self, header: bytearray, field: Field, value: int) -> None:
        """Sets a field; leaves its spelling alone if it states the value already."""
        start, width = self.places[field]
        if self.get(header, field) != value:
            written = self.write(value, width)
            if len(written) != width:
                raise LeftAlone(f"its {field} field is too narrow for {value}")
            header[start : start + width] = written


def _hexadecimal(value: int, width: int) -> bytes:
    return b"%0*X" % (width, value)


def _octal(value: int, width: int) -> bytes:
    return b"%0*o" % (width, value)


def _decode_hexadecimal(text: bytes) -> int:
    return int(text, 16)


def _decode_octal(text: bytes) -> int:
    return int(text, 8)


# The major number of the device is followed by the minor: taken as one number here.
_NEWC: Final = _Layout(
    size=110,
    align=4,
    places={
        "inode": (6, 8),
        "mode": (14, 8),
        "links": (38, 8),
        "time": (46, 8),
        "size": (54, 8),
        "device": (62, 16),
        "name": (94, 8),
        "check": (102, 8),
    },
    valid=re.compile(rb"07070[12][0-9A-Fa-f]{104}").fullmatch,
    read=_decode_hexadecimal,
    write=_hexadecimal,
)

_ODC: Final = _Layout(
    size=76,
    align=1,
    places={
        "device": (6, 6),
        "inode": (12, 6),
        "mode": (18, 6),
        "links": (36, 6),
        "time": (48, 11),
        "name": (59, 6),
        "size": (65, 11),
    },
    valid=re.compile(rb"070707[0-7]{70}").fullmatch,
    read=_decode_octal,
    write=_octal,
)


def _binary(order: Literal["little", "big"]) -> _Layout:
    """The oldest format: shorts of the machine, the upper half of a pair first.

    Its inode and device numbers stay: strip-nondeterminism's published expected output, the only one for cpio, has this
    format and keeps them, and no initramfs is written in it.
    """

    def read(raw: bytes) -> int:
        low = int.from_bytes(raw[-2:], order)
        return low if len(raw) == 2 else int.from_bytes(raw[:2], order) << 16 | low

    def write(value: int, width: int) -> bytes:
        if value >> 8 * width:
            return b""
        halves = (value >> 16, value & 0xFFFF) if width == 4 else (value,)
        return b"".join(half.to_bytes(2, order) for half in halves)

    places: dict[Field, tuple[int, int]] = {
        "device": (2, 2),
        "inode": (4, 2),
        "mode": (6, 2),
        "links": (12, 2),
        "time": (16, 4),
        "name": (20, 2),
        "size": (22, 4),
    }
    return _Layout(26, 2, places, lambda header: True, read, write, host=False)


_LAYOUTS: Final[Mapping[bytes, _Layout]] = {
    b"070701": _NEWC,
    b"070702": _NEWC,
    b"070707": _ODC,
    b"\xc7\x71": _binary("little"),
    b"\x71\xc7": _binary("big"),
}


@dataclass(frozen=True, slots=True)
class _Member:
    """One member: its header, and where its name, its content and its padding begin and end."""

    at: int
    header: bytes
    name: bytes
    content: int
    size: int
    end: int


class Cpio:
    """Clamps times, numbers inodes from 1 in order of appearance, and zeroes the devices they were on."""

    name = "cpio"

    def normalize(self, data: bytes, job: Job) -> bytes:
        patches: list[Patch] = []
        at = 0
        while layout := _layout(data, at):
            members = list(_members(data, at, layout))
            grown = _normalize_archive(data, members, layout, job, patches)
            end = members[-1].end
            begin, at = at, _skip_zeros(data, end)
            if grown and (at - begin) % _BLOCK == 0:
                patches.append((end, at, bytes(-(end + grown - begin) % _BLOCK)))
        if at < len(data):
            rest = data[at:]
            new = job.nested(rest, "rest")
            if new is not rest:
                patches.append((at, len(data), new))
        return spliced(data, patches)


def _skip_zeros(data: bytes, at: int) -> int:
    zeros = _ZEROS(data, at)
    return zeros.end() if zeros else at


def _layout(data: bytes, at: int) -> _Layout | None:
    return _LAYOUTS.get(data[at : at + 6]) or _LAYOUTS.get(data[at : at + 2])


def _members(data: bytes, at: int, layout: _Layout) -> Iterator[_Member]:
    """The members of the archive that starts at `at`, the one that ends it included.

    Raises:
        FormatError: a header that is none, or the file ends before the archive does.
    """
    start = at
    while True:
        header = data[at : at + layout.size]
        if len(header) < layout.size or _layout(header, 0) is not layout or not layout.valid(header):
            raise FormatError("not a cpio header", offset=at)
        length, size = layout.get(header, "name"), layout.get(header, "size")
        if not 0 < length <= MAX_NAME:
            raise FormatError(f"a cpio name of {length} bytes", offset=at)
        name = at + layout.size
        content = name + length + -(name + length - start) % layout.align
        end = content + size + -(content + size - start) % layout.align
        if content + size > len(data):
            raise FormatError("the cpio archive ends inside a member", offset=at)
        member = _Member(at, header, data[name : name + length].partition(b"\0")[0], content, size, min(end, len(data)))
        yield member
        if member.name == _TRAILER:
            return
        at = end


def _normalize_archive(data: bytes, members: Sequence[_Member], layout: _Layout, job: Job, patches: list[Patch]) -> int:
    """Appends what is to change in one archive; gives how many bytes longer it becomes."""
    numbers = _numbers(members, layout) if layout.host else None
    lower = layout is _NEWC and next(
        (bool(_LOWER_FIRST(member.header)) for member in members if not member.header.isdigit()), False
    )
    grown = 0
    for at, member in enumerate(members):
        header = bytearray(member.header)
        stated = layout.get(header, "time")
        if stated or member.name != _TRAILER:
            layout.put(header, "time", max(0, job.time(stated)))
        if numbers:
            layout.put(header, "inode", numbers[at])
            layout.put(header, "device", 0)
        content = _content(data, member, layout, job)
        if content is not None:
            layout.put(header, "size", len(content))
            if header.startswith(b"070702"):
                layout.put(header, "check", sum(content) & 0xFFFFFFFF)
        if header != member.header:
            patches.append((member.at, member.at + layout.size, bytes(header.lower() if lower else header)))
        if content is not None:
            padded = content + bytes(-(member.content + len(content) - members[0].at) % layout.align)
            patches.append((member.content, member.end, padded))
            grown += len(padded) - (member.end - member.content)
    return grown


def _content(data: bytes, member: _Member, layout: _Layout, job: Job) -> bytes | None:
    """The new content of a member, or None if it stays."""
    if not member.size or layout.get(member.header, "mode") & _KIND != _FILE:
        return None
    old = data[member.content : member.content + member.size]
    new = job.nested(old, member.name.decode("utf-8", "surrogateescape"))
    return None if new is old else new


def _numbers(members: Sequence[_Member], layout: _Layout) -> list[int] | None:
    """The inode numbers to write, or None if those that stand there are the writer's and no machine's.

    Names of one file share their number. A member that states none, and the end of the archive, keep their 0.
    """
    seen: dict[tuple[int, int], int] = {}
    numbers: list[int] = []
    count = 0
    for member in members:
        inode = layout.get(member.header, "inode")
        linked = _is_linked(member, layout)
        key = layout.get(member.header, "device"), inode
        if member.name == _TRAILER or (inode == 0 and not linked):
            number = 0
        elif linked and key in seen:
            number = seen[key]
        else:
            count += 1
            number = count
            if linked:
                seen[key] = number
        numbers.append(number)
    return None if _are_own(members, layout) else numbers


def _are_own(members: Sequence[_Member], layout: _Layout) -> bool:
    """Whether a writer numbered the inodes itself, as `cpio --reproducible` does: from 0 or 1 without a gap, on no
    device, and in order but for hard links, which it may write late."""
    stated = [layout.get(member.header, "inode") for member in members[:-1]]
    if any(layout.get(member.header, "device") for member in members) or layout.get(members[-1].header, "inode"):
        return False
    single = [inode for inode, member in zip(stated, members, strict=False) if not _is_linked(member, layout)]
    distinct = sorted({*stated})
    first = distinct[0] if distinct else 0
    return (
        first in (0, 1)
        and distinct == list(range(first, first + len(distinct)))
        and all(one < other for one, other in pairwise(single))
    )


def _is_linked(member: _Member, layout: _Layout) -> bool:
    """Whether Linux would look for other names of the member."""
    return layout.get(member.header, "links") > 1 and layout.get(member.header, "mode") & _KIND != _FOLDER
