"""What apk reads of an entry, where that is something else than its archive says by the standards.

Source: apk-tools 2.14.4 `io_archive.c` and `database.c`, 3.0 `tar.c`: apk takes names of owners and sizes from the
header block alone, ends targets of links at 100 bytes unless a pax record has them, takes a prefix in every dialect,
takes any entry with a `linkpath` for a link, passes over old regular files (type NUL) and over paths that begin with a
dot, and refuses numbers that are not plain octal. What says the same may so be installed as two different things.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from buildinfo.apk.tar import Member
from buildinfo.apk.tarheader import BLOCK

AS_SAID: Final[Mapping[str, str]] = {}
"""apk reads what the archive says."""

_NUMBERS: Final = re.compile(rb"(?:[0-7]{7}[\0 ]){3}(?:[0-7]{11}[\0 ]){2}").fullmatch
_DEVICES: Final = re.compile(rb"\0{16}|(?:[0-7]{7}[\0 ]){2}").fullmatch
_NUMBER: Final = re.compile(rb"([0-7]*)[\0 ]*").fullmatch
_FIELDS: Final = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (329, 337), (337, 345))
"""Where the numbers stand that apk reads of every header: mode, ids, size, time, device."""


def as_read(member: Member) -> Mapping[str, str]:
    """In what apk reads something else than a member says: the field and its value for apk.

    `header` stands for all of them where apk does not take the headers for those of one entry.

    Args:
        member: with its `raw_headers`. Names are compared as `Member.path` and `linked_path` give them.
    """
    raw = member.raw_headers
    own = raw[-BLOCK:]
    long_name: bytes | None = None
    at = 0
    while at < len(raw) - BLOCK:
        block = raw[at : at + BLOCK]
        if not _is_read(block) or (block[156:157] != b"x" and block[345]):
            return {"header": hashlib.sha256(raw).hexdigest()}
        size = _octal(block[124:136])
        if block[156:157] == b"L":
            long_name = _text(raw[at + BLOCK : at + BLOCK + size])
        at += BLOCK + size + -size % BLOCK
    if not _is_read(own) or own[156:157] not in b"01234567":
        return {"header": hashlib.sha256(raw).hexdigest()}
    return {key: value for key, value in _fields(member, own, long_name).items() if value is not None} or AS_SAID


def linked_path(member: Member) -> str:
    """The path that a hard link leads to."""
    path = member.linkname.rstrip("/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _fields(member: Member, own: bytes, long_name: bytes | None) -> dict[str, str | None]:
    pax = member.pax
    name = _text(own[:100]) if not own[345] else _text(own[345:500]) + b"/" + _text(own[:100])
    if long_name is not None and not own[345]:
        name = long_name
    name = pax.get("path", name)
    if member.type == "dir":
        name = name.removesuffix(b"/")
    link = pax.get("linkpath", _text(own[157:257]) if own[156:157] in b"12" else None)
    wanted = linked_path(member) if member.type == "hardlink" else member.linkname
    found = {
        "name": _other(name, member.path),
        "link": _other(link, wanted if member.type in ("hardlink", "symlink") else None),
        "size": _other(b"%d" % _octal(own[124:136]), str(member.size)),
        "uname": _other(_text(own[265:297]), member.uname),
        "gname": _other(_text(own[297:329]), member.gname),
    }
    for field, name_at, start in (("uid", 265, 108), ("gid", 297, 116)):
        if not own[name_at]:  # where there is a name, apk asks for its id
            found[field] = _other(b"%d" % _octal(own[start : start + 8]), str(getattr(member, field)))
    return found


def _other(read: bytes | None, said: str | None) -> str | None:
    """What is read, where it is not what is said."""
    text = None if read is None else read.decode("utf-8", "surrogateescape")
    return None if text == said else text or "nothing"


def _is_read(block: bytes) -> bool:
    """Whether apk takes a block for a header, and can read its numbers. One without a name is an end to it."""
    if not block[0]:
        return False
    if _NUMBERS(block, 100, 148) and _DEVICES(block, 329, 345):
        return True
    return all(_NUMBER(block, start, end) for start, end in _FIELDS)


def _octal(field: bytes) -> int:
    match = _NUMBER(field)
    return int(match[1] or b"0", 8) if match else 0


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
