"""One tar header block, and the extended records that may stand before it.

Sources: POSIX.1-2001 `pax` (ustar and `x` records), GNU tar's `tar.h` (the `ustar  \\0` magic,
`L`/`K` long names, base-256 numbers). Everything here is a pure function over bytes of bounded size.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Final, Literal

BLOCK: Final = 512
MAX_NUMBER: Final = 1 << 62
MAX_SIZE: Final = 1 << 40
MAX_ID: Final = (1 << 32) - 1
MAX_DEVICE: Final = (1 << 32) - 1
MAX_NAME: Final = 4096
"""Bytes of a member name or link target: Linux's PATH_MAX."""

MAX_RECORDS: Final = 1024
"""Records of one pax header, repeated ones counted each time."""

MemberType = Literal["file", "hardlink", "symlink", "char", "block", "dir", "fifo"]

MEMBER_TYPES: Final[Mapping[bytes, MemberType]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}
"""Type flags that name a member; `x`, `L` and `K` announce one, all others are refused."""

XATTR_PREFIX: Final = "SCHILY.xattr."
CHECKSUM_KEY: Final = "APK-TOOLS.checksum.SHA1"

# name mode uid gid size mtime (chksum) type linkname magic+version uname gname major minor prefix
_FIELDS: Final = struct.Struct("100s8s8s8s12s12s8xc100s8s32s32s8s8s155s12x")
_OCTAL: Final = re.compile(rb" *([0-7]*)[ \0]*").fullmatch
_DECIMAL: Final = re.compile(rb"[0-9]{1,19}").fullmatch
_TIME: Final = re.compile(rb"-?[0-9]{1,19}(\.[0-9]{0,18})?").fullmatch
_SHA1: Final = re.compile(rb"[0-9a-f]{40}").fullmatch
_USTAR: Final = b"ustar\x0000"
_GNU: Final = b"ustar  \x00"


class TarError(ValueError):
    """A malformed header; the reader that knows file and offset turns it into FormatError."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a tar, as the archive tells it.

    `name` is verbatim (a directory may or may not end in `/`); `mode` holds the twelve permission
    bits; `size` is in bytes and 0 for all but files; `mtime` is in seconds, a float only where a pax
    record says so; `checksum` is the lower-case hex of `APK-TOOLS.checksum.SHA1`; `pax` holds every
    pax record, known or not; `offset` counts from the start of the uncompressed segment to the first
    header block of the member; `raw_headers` (all header blocks, the extended ones first) is empty
    unless asked for. Text that is not UTF-8 survives as surrogate escapes.
    """

    name: str
    type: MemberType
    mode: int
    uid: int
    gid: int
    uname: str
    gname: str
    size: int
    mtime: int | float
    linkname: str
    devmajor: int
    devminor: int
    xattrs: Mapping[str, bytes]
    checksum: str | None
    pax: Mapping[str, bytes]
    offset: int
    raw_headers: bytes = b""

    @property
    def path(self) -> str:
        """The name without trailing slashes and a leading `./`; empty for the root directory."""
        path = self.name.rstrip("/")
        while path.startswith("./"):
            path = path[2:].lstrip("/")
        return "" if path == "." else path

    def slim(self, pax: Mapping[str, bytes] | None = None) -> Member:
        """The member without its header blocks, and with other records if they are given. As `dataclasses.replace`, and
        several times as fast."""
        if not self.raw_headers and pax is None:
            return self
        fields = (
            *(self.name, self.type, self.mode, self.uid, self.gid, self.uname, self.gname, self.size, self.mtime),
            *(self.linkname, self.devmajor, self.devminor, self.xattrs, self.checksum),
            *(self.pax if pax is None else pax, self.offset),
        )
        return Member(*fields)


NO_RECORDS: Final[Mapping[str, bytes]] = {}


def check_header(block: bytes) -> tuple[bytes, int]:
    """Verifies a 512-byte header block.

    Returns:
        Its type flag, and the bytes of the body that follows it.

    Raises:
        TarError: not a ustar or GNU header, its checksum does not hold, or its size is out of range.
    """
    if block[257:265] not in (_USTAR, _GNU):
        raise TarError("no tar header (neither ustar nor GNU magic)")
    checksum = block[148:156]
    if sum(block) - sum(checksum) + 8 * 0x20 != _number(checksum, "checksum"):
        raise TarError("tar header checksum does not hold")
    return block[156:157], _bounded(block[124:136], "size", MAX_SIZE)


def parse_pax(body: bytes) -> dict[str, bytes]:
    """Splits the body of an `x` member into its records, in order; the last of equal keys counts.

    Raises:
        TarError: a record whose length, separator or key is wrong, or too many of them.
    """
    records: dict[str, bytes] = {}
    at = count = 0
    while at < len(body):
        space = body.find(b" ", at, at + 20)
        if space < 0 or not _DECIMAL(body, at, space):
            raise TarError("pax record without a length")
        end = at + int(body[at:space])
        key, equals, value = body[space + 1 : end].partition(b"=")
        if end > len(body) or not equals or not key or value[-1:] != b"\n":
            raise TarError("pax record whose length does not fit")
        records[intern(key.decode("utf-8", "surrogateescape"))] = value[:-1]
        count += 1
        if count > MAX_RECORDS:
            raise TarError(f"more than {MAX_RECORDS} pax records")
        at = end
    return records


def build_member(
    block: bytes,
    pax: Mapping[str, bytes],
    *,
    long_name: bytes | None,
    long_link: bytes | None,
    offset: int,
    raw_headers: bytes,
    stated_sizes: bool = False,
) -> Member:
    """Joins a verified header block with the extended records that stood before it.

    Args:
        stated_sizes: take the size of what is no file for 0, whatever it says.

    Raises:
        TarError: a type, name, number or size that this reader does not accept.
    """
    name, mode, uid, gid, size, mtime, flag, link, magic, *rest = _FIELDS.unpack(block)
    uname, gname, major, minor, prefix = rest
    kind = MEMBER_TYPES.get(flag)
    if kind is None:
        raise TarError(f"member type {flag!r} is not supported")
    if pax and any(key.startswith("GNU.sparse.") for key in pax):
        raise TarError("sparse files are not supported")
    name = pax.get("path", long_name) or _name(name, prefix, magic)
    link = pax.get("linkpath", long_link) or _field(link)
    length = _pax_number(pax, "size", size, MAX_SIZE)
    if stated_sizes and kind != "file" and not (kind == "hardlink" and pax):
        length = 0  # a hard link of the pax format may have content
    _check_shape(kind, name, length, link)
    device = kind in ("char", "block")
    return Member(
        name=name.decode("utf-8", "surrogateescape"),
        type=kind,
        mode=_bounded(mode, "mode", MAX_ID) & 0o7777,
        uid=_pax_number(pax, "uid", uid, MAX_ID),
        gid=_pax_number(pax, "gid", gid, MAX_ID),
        uname=intern(pax.get("uname", _field(uname)).decode("utf-8", "surrogateescape")),
        gname=intern(pax.get("gname", _field(gname)).decode("utf-8", "surrogateescape")),
        size=length,
        mtime=_time(pax, mtime),
        linkname=link.decode("utf-8", "surrogateescape"),
        devmajor=_bounded(major, "device number", MAX_DEVICE) if device else 0,
        devminor=_bounded(minor, "device number", MAX_DEVICE) if device else 0,
        xattrs=_xattrs(pax),
        checksum=_checksum(pax),
        pax=pax,
        offset=offset,
        raw_headers=raw_headers,
    )


def _name(name: bytes, prefix: bytes, magic: bytes) -> bytes:
    """ustar puts the leading directories of long names into a field of its own; GNU does not."""
    if magic == _USTAR and prefix[0]:
        return _field(prefix) + b"/" + _field(name)
    return _field(name)


def _field(raw: bytes) -> bytes:
    return raw.partition(b"\0")[0]


def _number(field: bytes, what: str) -> int:
    """A header number: octal with blanks around it, or GNU base-256 (two's complement)."""
    octal = _OCTAL(field)
    if octal:
        return int(octal[1] or b"0", 8)
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
    elif field[0] == 0xFF:
        value = int.from_bytes(field, "big", signed=True)
    else:
        raise TarError(f"{what} is not a number")
    if abs(value) > MAX_NUMBER:
        raise TarError(f"{what} out of range")
    return value


def _bounded(field: bytes, what: str, limit: int) -> int:
    value = _number(field, what)
    if not 0 <= value <= limit:
        raise TarError(f"{what} {value} out of range")
    return value


def _pax_number(pax: Mapping[str, bytes], key: str, field: bytes, limit: int) -> int:
    """The pax record `key`, or else the header field."""
    text = pax.get(key)
    if text is None:
        return _bounded(field, key, limit)
    if not _DECIMAL(text) or int(text) > limit:
        raise TarError(f"pax {key} is not a number in range")
    return int(text)


def _time(pax: Mapping[str, bytes], field: bytes) -> int | float:
    text = pax.get("mtime")
    if text is None:
        return _number(field, "mtime")
    match = _TIME(text)
    if not match:
        raise TarError("pax mtime is not a time")
    return float(text) if match[1] else int(text)


def _xattrs(pax: Mapping[str, bytes]) -> Mapping[str, bytes]:
    start = len(XATTR_PREFIX)
    return {key[start:]: value for key, value in pax.items() if key.startswith(XATTR_PREFIX)} or NO_RECORDS


def _checksum(pax: Mapping[str, bytes]) -> str | None:
    text = pax.get(CHECKSUM_KEY)
    if text is None:
        return None
    if not _SHA1(text):
        raise TarError(f"pax {CHECKSUM_KEY} is not a SHA-1")
    return text.decode("ascii")


def _check_name(name: bytes, what: str) -> None:
    if not name or b"\0" in name or len(name) > MAX_NAME:
        raise TarError(f"{what} is empty, longer than {MAX_NAME} bytes or holds a NUL")
    if name[:1] == b"/":
        raise TarError(f"{what} is absolute")
    if b".." in name and b".." in name.split(b"/"):
        raise TarError(f"{what} leaves its root by a .. component")


def _check_shape(kind: MemberType, name: bytes, size: int, linkname: bytes) -> None:
    """Refuses names that leave their root, and what two tar readers would understand in two ways."""
    _check_name(name, "member name")
    if kind == "file":
        if name[-1:] == b"/":
            raise TarError("a regular file whose name ends in a slash")
    elif size:
        raise TarError(f"a member of type {kind} with content")
    if kind == "hardlink":
        _check_name(linkname, "hard link target")
    elif kind == "symlink" and (not linkname or b"\0" in linkname or len(linkname) > MAX_NAME):
        raise TarError(f"link target is empty, longer than {MAX_NAME} bytes or holds a NUL")
