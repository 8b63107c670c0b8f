"""Tar archives inside packages, read as hostile as packages are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from buildinfo.apk.tar import TarReader
from buildinfo.apk.tarheader import BLOCK
from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.members import Member, compare, most_members
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_TOLD: Final = re.compile(
    r"(?:path|linkpath|size|uid|gid|uname|gname|mtime|atime|ctime|comment|charset|hdrcharset|APK-TOOLS\..*)$"
)
"""Extended records that are told of by the fields that they stand for, or that say nothing of a member."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `tar`, and those of the members.

    Raises:
        FormatError: one of them is no whole archive, or in a dialect that is not read.
    """
    old, new = (_members(side, most_members(place)) for side in (before, after))
    found = list(compare("tar", old, new, place))
    yield from found
    if not found:
        yield place.hunk("tar", "dialect", before[257:265], after[257:265])


def _stated(header: bytes, pax: Mapping[str, bytes]) -> bytes:
    """The size that what is no file states: that of a folder on some file system."""
    return pax.get("size", header[124:136].strip(b" \0").lstrip(b"0"))


def _members(data: bytes, most: int) -> list[Member]:
    members: list[Member] = []
    for member, content in TarReader([data], keep_headers=True, stated_sizes=True):
        if len(members) >= most:
            raise FormatError("too many tar members")
        fields = {
            "type": member.type.encode(),
            "mtime": str(member.mtime).encode(),
            "mode": b"%04o" % member.mode,
            "uid": b"%d" % member.uid,
            "gid": b"%d" % member.gid,
            "uname": member.uname.encode("utf-8", "surrogateescape"),
            "gname": member.gname.encode("utf-8", "surrogateescape"),
            "target": member.linkname.encode("utf-8", "surrogateescape"),
            "atime": member.pax.get("atime", b""),
            "ctime": member.pax.get("ctime", b""),
            "device": b"%d,%d" % (member.devmajor, member.devminor) if member.type in ("char", "block") else b"",
            "records": b"\n".join(f"{k}=".encode() + v for k, v in sorted(member.pax.items()) if not _TOLD.match(k)),
            "size": b"" if member.type == "file" else _stated(member.raw_headers[-BLOCK:], member.pax),
        }
        members.append(Member(member.name.encode("utf-8", "surrogateescape"), fields, b"".join(content)))
    return members
