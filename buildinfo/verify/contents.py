"""One package as verify sees it: every entry with the digests that tell whether two of them are the same.

Read in one pass and bounded memory; of the content of files only that of small packages is held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.reads.headers import Reading
from buildinfo.apk.segments import Watcher
from buildinfo.apk.tar import CHECKSUM_KEY, Member, TarReader
from buildinfo.apk.tarheader import NO_RECORDS, XATTR_PREFIX
from buildinfo.apk.v2 import Observer, Package, read_package
from buildinfo.errors import FormatError
from buildinfo.normalize.headers import HeaderRules
from buildinfo.normalize.order import Entry as OrderEntry
from buildinfo.normalize.order import sort_key, sortable
from buildinfo.normalize.registry import select

Key = tuple[str, int]
"""A path, and how often it stood before in the same archive."""

MAX_HELD: Final = 1 << 30
"""Most bytes of memory, by estimate, that the entries of a package may cost."""
SMALL: Final = 8 << 20
"""Bytes of the files of a package that is held in memory, in case that they are to be looked into."""
NEVER: Final = 1 << 40
"""A time after all that archives state: seconds since 1970."""

_FORMAT: Final = {b"ustar\x0000": "pax", b"ustar  \x00": "gnu"}
_SPELLED: Final = (
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "uname",
    "gname",
    "mtime",
    CHECKSUM_KEY,
)
"""pax records that say what a field of `Member` says."""
_USUAL: Final = {"atime": b"0", "ctime": b"0"}
"""The others of nearly all packages; held once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Attributes:
        member: what its headers say; `raw_headers` are empty, `pax` has the records that no field repeats.
        sha256: of the content; empty for all but files.
        dialect: how its headers are spelled, for people.
        headers: a digest of the header blocks.
        normal: a digest of the header blocks once they are normalized.
    """

    member: Member
    sha256: bytes
    dialect: str
    headers: bytes
    normal: bytes

    def of(self, sha256: bytes) -> Entry:
        """The entry of a file with the digest of its content."""
        return Entry(self.member, sha256, self.dialect, self.headers, self.normal)

    @property
    def records(self) -> dict[str, bytes]:
        """The pax records that no field of `Member` repeats, but for times and extended attributes."""
        return {key: value for key, value in self.member.pax.items() if key not in ("atime", "ctime")}


@dataclass(slots=True)
class Contents:
    """A package.

    Attributes:
        path: its file.
        package: what was read of it.
        entries: of the data segment, in the order of the archive.
        control: of the control segment, likewise.
        scripts: content of the files of the control segment, `.PKGINFO` among them.
        held: offset of a member -> its content, of the files of a small package.
        readings: what apk reads of the entries of the data segment, in their order; fewer where it does not read all of
            them as they are meant.
    """

    path: Path
    package: Package
    entries: dict[Key, Entry]
    control: dict[Key, Entry]
    scripts: dict[str, bytes]
    held: dict[int, bytes]
    readings: list[Reading]
    _files: dict[Key, Entry | None] = field(default_factory=dict)

    @property
    def pkginfo(self) -> PkgInfo:
        return self.package.pkginfo

    def file_of(self, key: Key) -> Entry | None:
        """The regular file that a key names, itself or by hard links."""
        trail: list[Key] = []
        entry = self.entries.get(key)
        while key not in self._files:
            self._files[key] = entry if entry is not None and entry.member.type == "file" else None
            trail.append(key)
            if entry is None or entry.member.type != "hardlink":
                break
            key = linked_path(entry.member), 0
            entry = self.entries.get(key)
        for name in trail:
            self._files[name] = self._files[key]
        return self._files[key]

    def sortable(self) -> bool:
        """Whether the order of the entries means nothing."""
        entries = []
        for entry in self.entries.values():
            member = entry.member
            target = sort_key(member.linkname) if member.type == "hardlink" else None
            inode = (member.mode, member.uid, member.gid, member.uname, member.gname)
            entries.append(OrderEntry(sort_key(member.name), member.offset, target, member.type == "file", inode))
        return sortable(entries)

    def epoch(self) -> int:
        """The time of the build: seconds since 1970, at least 0."""
        if self.pkginfo.builddate is not None:
            return self.pkginfo.builddate
        return max((max(0, int(entry.member.mtime)) for entry in self.entries.values()), default=0)


def read_contents(path: Path) -> Contents:
    """Reads and verifies a package.

    Raises:
        FormatError, IntegrityError, UnreadableError: as `buildinfo.apk.v2.read_package`.
    """
    reading = _Reading()
    package = read_package(path, members=False, observer=reading)
    control, scripts = _read_control(reading.control_tar(), path, package.pkginfo)
    held = reading.held if reading.room >= 0 else {}
    return Contents(path, package, reading.entries, control, scripts, held, reading.readings)


class _Kept:
    """Keeps the uncompressed bytes of a segment."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def compressed(self, piece: bytes | memoryview) -> None: ...

    def plain(self, chunk: bytes) -> None:
        self.parts.append(chunk)


@dataclass
class _Reading(Observer):
    """Sees a package pass by, and keeps its control segment."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    held: dict[int, bytes] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    room: int = SMALL
    _rules: HeaderRules | None = None
    _last: _Kept = field(default_factory=_Kept)
    _seen: dict[str, int] = field(default_factory=dict)
    _spellings: dict[str, str] = field(default_factory=dict)
    _held: int = 0

    def control_tar(self) -> bytes:
        """The uncompressed control segment."""
        return b"".join(self._last.parts)

    def watch(self) -> Watcher | None:
        if self._rules is not None:  # the data segment
            return None
        self._last = _Kept()
        return self._last

    def control(self, pkginfo: PkgInfo) -> None:
        self._rules = _rules(pkginfo)

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def member(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        assert self._rules is not None  # control comes first
        key = next_key(member, self._seen)
        self._held += 1400 + 200 * len(member.pax) + len(member.raw_headers)
        if self._held > MAX_HELD:
            raise FormatError("too many entries to compare", segment="data", offset=member.offset)
        if member.type != "file":
            self.entries[key] = make_entry(member, b"", self._rules, self._spellings)
            return content
        self.entries[key] = make_entry(member, b"", self._rules, self._spellings)
        return self._hashed(key, content)

    def _hashed(self, key: Key, content: Iterator[memoryview]) -> Iterator[memoryview]:
        digest = hashlib.sha256()
        pieces: list[bytes] = []
        for piece in content:
            digest.update(piece)
            self.room -= len(piece)
            if self.room >= 0:
                pieces.append(bytes(piece))
            yield piece
        if self.room >= 0:
            self.held[self.entries[key].member.offset] = b"".join(pieces)
        else:
            self.held.clear()
        self.entries[key] = self.entries[key].of(digest.digest())


def linked_path(member: Member) -> str:
    """The path that a hard link leads to."""
    path = member.linkname.rstrip("/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def next_key(member: Member, seen: dict[str, int]) -> Key:
    """The key of a member: its path may have stood before."""
    path = member.path
    count = seen.get(path, 0)
    seen[path] = count + 1
    return path, count


def make_entry(member: Member, sha256: bytes, rules: HeaderRules, spellings: dict[str, str]) -> Entry:
    """An entry of a member whose header blocks were kept; they are let go."""
    raw = member.raw_headers
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    applied = rules.apply(member)
    normal = digest if applied is raw else hashlib.blake2b(applied, digest_size=16).digest()
    spelled = _dialect(member)
    spelled = spellings.setdefault(spelled, spelled)
    return Entry(_slim(member), sha256, spelled, digest, normal)


def _slim(member: Member) -> Member:
    """The member without its header blocks, and without the records that its fields say as well."""
    pax = {key: value for key, value in member.pax.items() if key not in _SPELLED and not key.startswith(XATTR_PREFIX)}
    if pax == _USUAL:
        return member.slim(_USUAL)
    return member.slim(pax or NO_RECORDS)


def _dialect(member: Member) -> str:
    """How headers are spelled: the kind, the name of the extended header, its keys, and how numbers of devices are."""
    raw = member.raw_headers
    own = raw[-512:] if len(raw) >= 512 else raw
    words = [_FORMAT.get(own[257:265], "?")]
    if raw[156:157] == b"x":
        folder = raw[:100].partition(b"\0")[0].decode("utf-8", "replace").removeprefix("./").partition("/")[0]
        keys = [key for key in member.pax if key not in ("path", "linkpath") and not key.startswith("SCHILY.xattr.")]
        words.append(f"{folder}({' '.join(keys)})")
    elif raw[156:157] in (b"L", b"K"):
        words.append("long names")
    if own[329:345] == bytes(16):
        words.append("no device fields")
    return " ".join(words)


def _rules(pkginfo: PkgInfo) -> HeaderRules:
    """As `normalize --handlers all` has them; where no time of the build is known, every time stays."""
    return HeaderRules(select("all", NEVER if pkginfo.builddate is None else pkginfo.builddate))


def _read_control(raw: bytes, path: Path, pkginfo: PkgInfo) -> tuple[dict[Key, Entry], dict[str, bytes]]:
    rules, seen, spellings = _rules(pkginfo), dict[str, int](), dict[str, str]()
    entries: dict[Key, Entry] = {}
    contents: dict[str, bytes] = {}
    tar = TarReader([raw], where=path, segment="control", keep_headers=True)
    for member, chunks in tar:
        body = b"".join(chunks)
        entries[next_key(member, seen)] = make_entry(member, hashlib.sha256(body).digest(), rules, spellings)
        if member.type == "file":
            contents[member.name] = body
    return entries, contents
