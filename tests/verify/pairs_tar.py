"""The tar dialects that abuild's versions wrote. Source: section 2 of the corpus' README, GNU tar's `xheader.c`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

BLOCK = 512
RECORD = 10240

_FLAGS = {"file": b"0", "hardlink": b"1", "symlink": b"2", "dir": b"5"}


@dataclass(frozen=True)
class Entry:
    """One path of an archive; the name of a folder ends in `/`."""

    name: str
    kind: str
    content: bytes = b""
    mode: int = 0o644
    user: str = "root"
    group: str = "root"
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    link: str = ""
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """How a tar writes.

    Attributes:
        gnu: no pax headers at all, as abuild's control segments before 3.6.
        folder: of the names of pax headers; GNU tar before 1.33 put its process id behind it.
        ctime, atime: the pax records of these names, or empty for none.
        device: the fields of the device numbers of what is no device.
        record: the end of the archive is padded to this many bytes.
    """

    gnu: bool = False
    folder: str = "PaxHeaders"
    ctime: str = "0"
    atime: str = "0"
    device: bytes = bytes(8)
    record: int = RECORD

    def entry(self, entry: Entry, *, hashed: bool = False) -> bytes:
        """The blocks of a path, with the SHA-1 that `abuild-tar --hash` adds where that was asked for."""
        block = self._header(entry, entry.name, _FLAGS[entry.kind], len(entry.content)) + padded(entry.content)
        if self.gnu:
            return block
        records = [(key, value.encode()) for key, value in (("ctime", self.ctime), ("atime", self.atime)) if value]
        records += [(f"SCHILY.xattr.{key}", value) for key, value in entry.xattrs.items()]
        if hashed and entry.kind in ("file", "symlink"):
            content = entry.content if entry.kind == "file" else entry.link.encode()
            records.append(("APK-TOOLS.checksum.SHA1", hashlib.sha1(content).hexdigest().encode()))
        body = b"".join(_record(key, value) for key, value in records)
        path = PurePosixPath(entry.name)
        plain = Entry(entry.name, "file", user="", group="", mtime=entry.mtime)
        place = f"{'.' if path.parent == PurePosixPath('.') else path.parent}/{self.folder}/{path.name}"
        return self._header(plain, place, b"x", len(body)) + padded(body) + block

    def ended(self, entries: bytes) -> bytes:
        """With the zero blocks that end an archive."""
        whole = entries + bytes(2 * BLOCK)
        return whole + bytes(-len(whole) % self.record)

    def _header(self, entry: Entry, name: str, flag: bytes, size: int) -> bytes:
        before = [
            name.encode()[:100].ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0" % (entry.mode, entry.uid, entry.gid),
            b"%011o\0%011o\0" % (size, entry.mtime),
        ]
        after = [
            flag,
            entry.link.encode().ljust(100, b"\0"),
            b"ustar  \0" if self.gnu else b"ustar\x0000",
            entry.user.encode().ljust(32, b"\0"),
            entry.group.encode().ljust(32, b"\0"),
            (bytes(16) if flag == b"x" else self.device * 2),
            bytes(167),
        ]
        total = sum(b"".join(before)) + 8 * ord(" ") + sum(b"".join(after))
        block = b"".join(before) + b"%06o\0 " % total + b"".join(after)
        assert len(block) == BLOCK, name
        return block


def padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK)


def _record(key: str, value: bytes) -> bytes:
    text = key.encode() + b"=" + value
    length = len(text) + 2
    while len(b"%d %s\n" % (length, text)) != length:
        length += 1
    return b"%d %s\n" % (length, text)
