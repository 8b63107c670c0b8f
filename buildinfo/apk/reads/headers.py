"""What apk reads of the header blocks of one tar entry.

Source: `apk_tar_parse` and `handle_extended_header` in apk-tools 2.14.4 `io_archive.c` and 3.0 `tar.c`. Names of owners
and sizes come from the header block alone; a target is cut at 100 bytes unless a pax record has it; a prefix counts in
every dialect; whatever is a regular file and has a `linkpath` is a hard link; of two checksums the first counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from buildinfo.apk.tar import Member
from buildinfo.apk.tarheader import BLOCK

Kind = Literal["file", "symlink", "char", "block", "dir", "fifo"]

MAX_PATH: Final = 4096 - 10
"""Names and targets have to be shorter than this, or apk refuses the package."""
SMALL: Final = 4 * BLOCK
"""Bytes of header blocks that are worth remembering: 8 MiB at most."""
WRAPS: Final = 1 << 32
"""Sizes from here on are smaller ones to apk 2.14, which reads 32 bits."""

_KINDS: Final[dict[int, Kind]] = {
    ord("0"): "file",
    ord("7"): "file",
    ord("1"): "file",
    ord("2"): "symlink",
    ord("3"): "char",
    ord("4"): "block",
    ord("5"): "dir",
    ord("6"): "fifo",
}
_X, _L, _K, _LINK, _SYMLINK = b"xLK12"
_NUMBERS: Final = re.compile(rb"(?:[0-7]{7}[\0 ]){3}(?:[0-7]{11}[\0 ]){2}").fullmatch
_DEVICES: Final = re.compile(rb"\0{16}|(?:[0-7]{7}[\0 ]){2}").fullmatch
_PLAIN: Final = re.compile(rb"[0-7]{7}[\0 ]").fullmatch
_NUMBER: Final = re.compile(rb"([0-7]*)[\0 ]*").fullmatch
_FIELDS: Final = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (329, 337), (337, 345))
"""Where the numbers stand that apk reads of every header: mode, ids, size, time, device."""
_RECORD: Final = re.compile(rb"([0-9]+) ([^=]*)=").match
_PASSED_OVER: Final = frozenset((b"mtime", b"atime", b"ctime"))
"""The most frequent of the keys that apk does not know."""
_XATTR: Final = b"SCHILY.xattr."
_CHECKSUM: Final = b"APK-TOOLS.checksum."
_SHA1: Final = re.compile(rb"[0-9a-fA-F]{40}").match


class MisreadError(ValueError):
    """apk refuses these headers, or takes other bytes for them or for what follows."""


class Reading(NamedTuple):
    """One entry as apk reads it.

    `name` is verbatim; `mode` has the twelve permission bits; `uname` and `gname` are empty where there are none;
    `link` is the target of symbolic links and of hard links, which are of kind "file"; `device` is (0, 0) for all but
    devices; `xattrs` are in the order of the archive; `checksum` is the SHA-1 that the entry states, 40 hex digits;
    `other_sum` says whether 2.14 takes another checksum (MD5). `size` is in bytes.
    """

    name: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    uname: bytes
    gname: bytes
    size: int
    link: bytes | None
    device: tuple[int, int]
    xattrs: tuple[tuple[bytes, bytes], ...]
    checksum: bytes | None
    other_sum: bool


def read_headers(raw: bytes) -> Reading:
    """What apk reads of one entry. Small ones are remembered: the packages of a pair mostly have the same.

    Args:
        raw: its header blocks, as `Member.raw_headers` has them: extended headers with their bodies, then its own.

    Raises:
        MisreadError: apk refuses them, or does not read them as those of one entry.
    """
    return _remembered(raw) if len(raw) <= SMALL else _read(raw)


@lru_cache(maxsize=4096)
def _remembered(raw: bytes) -> Reading:
    return _read(raw)


def _read(raw: bytes) -> Reading:
    own = raw[-BLOCK:]
    records = _NONE
    long_name: bytes | None = None
    at = 0
    last = len(raw) - BLOCK
    while at < last:
        block = raw[at : at + BLOCK]
        size = _check(block)
        flag = block[156]
        body = raw[at + BLOCK : at + BLOCK + size]
        if flag == _X:
            records = _Records(body)
        elif records.given:
            raise MisreadError("a long name behind a pax header, which apk then forgets")
        elif block[345]:
            raise MisreadError("an extended header with a prefix")
        elif flag == _L:
            long_name = _text(body)
        at += BLOCK + size + -size % BLOCK
    size = _check(own)
    if size >= WRAPS:
        raise MisreadError(f"a size of {size} bytes, of which apk 2.14 reads 32 bits")
    kind = _KINDS.get(own[156])
    if kind is None:
        raise MisreadError(f"type {own[156:157]!r}, which apk passes over")
    name = _name(own, long_name) if records.path is None else records.path
    link = None
    if kind in ("file", "symlink"):
        link = records.linkpath
        if link is None and own[156] in (_LINK, _SYMLINK):
            link = _text(own[157:257])
    if len(raw) > MAX_PATH and (len(name) >= MAX_PATH or (records.linkpath and len(records.linkpath) >= MAX_PATH)):
        raise MisreadError(f"a name of {MAX_PATH} bytes or more")
    return Reading(
        name,
        kind,
        _octal(own, 100) & 0o7777,
        _octal(own, 108),
        _octal(own, 116),
        _text(own[265:297]),
        _text(own[297:329]),
        size,
        link,
        (_octal(own, 329), _octal(own, 337)) if kind in ("char", "block") else (0, 0),
        tuple(records.xattrs),
        records.checksum,
        records.other_sum,
    )


def refusal(raw: bytes) -> str | None:
    """Why apk would not read these header blocks as they are meant; None if it does.

    Args:
        raw: header blocks that are to be written, as `Member.raw_headers` has them.
    """
    at = 0
    while raw[at + 156] in b"xLK":
        if raw[at + 156] == _K:
            return "a long link target in GNU's way, which it cuts"
        size = _number(raw[at + 124 : at + 136])
        if size is None:
            break
        at += BLOCK + size + -size % BLOCK
    try:
        read_headers(raw)
    except MisreadError as error:
        return str(error)
    return None


def astray(reading: Reading, member: Member) -> str | None:
    """Why apk takes other bytes for the content of an entry or for what stands behind it, or another checksum; None if
    it does not.

    Args:
        reading: the entry as apk reads it.
        member: the entry as the archive says it.
    """
    if reading.size != member.size:
        return f"{member.size} bytes are meant, apk reads {reading.size}"
    if member.checksum != (reading.checksum and reading.checksum.decode()) and member.type in ("file", "symlink"):
        return "of several checksums apk takes another one"
    return None


class _Records:
    """What a pax header says to apk: its body is walked as `handle_extended_header` does."""

    __slots__ = ("checksum", "given", "linkpath", "other_sum", "path", "xattrs")

    def __init__(self, body: bytes) -> None:
        self.given = bool(body)
        self.path: bytes | None = None
        self.linkpath: bytes | None = None
        self.xattrs: list[tuple[bytes, bytes]] = []
        self.checksum: bytes | None = None
        self.other_sum = False
        at = 0
        while match := _RECORD(body, at):
            end = at + int(match[1])
            if end <= match.end() or body[end - 1 : end] != b"\n":
                break
            if (key := match[2]) not in _PASSED_OVER:
                self._take(key, body[match.end() : end - 1])
            at = end

    def _take(self, key: bytes, value: bytes) -> None:
        if key.startswith(_CHECKSUM):
            if key != b"APK-TOOLS.checksum.SHA1":
                self.other_sum = True
            elif self.checksum is None and (match := _SHA1(value)):
                self.checksum = match[0]
        elif key == b"path":
            self.path = _text(value)
        elif key == b"linkpath":
            self.linkpath = _text(value)
        elif key.startswith(_XATTR):
            self.xattrs.append((_text(key[len(_XATTR) :]), value))


_NONE: Final = _Records(b"")


def _check(block: bytes) -> int:
    """The size that a header block states.

    Raises:
        MisreadError: apk takes it for an end, or cannot read its numbers.
    """
    if not block[0]:
        raise MisreadError("a header without a name, which is an end to apk")
    if _NUMBERS(block, 100, 148) and _DEVICES(block, 329, 345):
        return int(block[124:135], 8)
    for start, end in _FIELDS:
        if not _NUMBER(block, start, end):
            raise MisreadError("a number that is no plain octal one, which apk refuses")
    return _number(block[124:136]) or 0


def _octal(block: bytes, start: int) -> int:
    """A number of eight bytes, that apk can read."""
    field = block[start : start + 8]
    return int(field[:7], 8) if _PLAIN(field) else _number(field) or 0


def _number(field: bytes) -> int | None:
    match = _NUMBER(field)
    return int(match[1] or b"0", 8) if match else None


def _name(own: bytes, long_name: bytes | None) -> bytes:
    if own[345]:
        return _text(own[345:500]) + b"/" + _text(own[:100])
    return _text(own[:100]) if long_name is None else long_name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
