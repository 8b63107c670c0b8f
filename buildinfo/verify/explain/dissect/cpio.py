"""cpio archives of the newc kind, such as initramfs images. Source: the kernel's initramfs buffer format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.members import Member, compare, most_members
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_HEADER = 110
_FIELDS = ("ino", "mode", "uid", "gid", "nlink", "mtime", "size", "devmajor", "devminor", "rdevmajor", "rdevminor")
_ZEROS = re.compile(rb"\0*")
_NUMBER = re.compile(rb"[0-9A-Fa-f]{104}").fullmatch


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `cpio`, and those of the members; what follows the last archive counts as a member.

    Raises:
        FormatError: one of them is no whole archive.
    """
    old, new = (_members(side, most_members(place)) for side in (before, after))
    yield from compare("cpio", old, new, place)


def _members(data: bytes, most: int) -> list[Member]:
    members: list[Member] = []
    at = 0
    while True:
        padding = _ZEROS.match(data, at)
        at = padding.end() if padding else at
        if data[at : at + 6] not in (b"070701", b"070702"):
            _share(members)
            if at < len(data):
                members.append(Member(b"(behind the archive)", {}, data[at:]))
            return members
        header = data[at : at + _HEADER]
        if len(header) < _HEADER or not _NUMBER(header[6:]) or len(members) >= most:
            raise FormatError("no cpio member, or too many", offset=at)
        numbers = [int(header[6 + 8 * index : 14 + 8 * index], 16) for index in range(13)]
        name_end = at + _HEADER + numbers[11]
        start = name_end + -name_end % 4
        end = start + numbers[6]
        if end > len(data) or not numbers[11]:
            raise FormatError("a cut cpio member", offset=at)
        name = data[at + _HEADER : name_end - 1]
        fields = {key: b"%o" % n if key == "mode" else b"%d" % n for key, n in zip(_FIELDS, numbers, strict=False)}
        del fields["size"]
        members.append(Member(name, fields, data[start:end]))
        at = end + -end % 4


def _share(members: list[Member]) -> None:
    """Gives all names of one file its content, which stands behind the last of them."""
    inodes: dict[tuple[bytes, ...], list[Member]] = {}
    for member in members:
        if member.fields["nlink"] != b"1":
            key = tuple(member.fields[field] for field in ("ino", "devmajor", "devminor"))
            inodes.setdefault(key, []).append(member)
    for names in inodes.values():
        content = next((member.content for member in names if member.content), b"")
        for member in names:
            member.content = content
