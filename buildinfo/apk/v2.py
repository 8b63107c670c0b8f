"""A whole apk v2 package: read once, in bounded memory, with every checksum in it verified.

Source: apk-tools 2.14 `package.c`, abuild's `create_apks`. What a package says of itself is checked
from the inside: gzip CRCs, `datahash` over the compressed data segment, SHA-1 of every file. Whether
anybody trusts its signature is not decided here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from buildinfo.apk.pkginfo import MAX_SIZE as MAX_PKGINFO
from buildinfo.apk.pkginfo import PkgInfo, parse_pkginfo
from buildinfo.apk.reads import info
from buildinfo.apk.reads.headers import Reading
from buildinfo.apk.reads.segments import Walk
from buildinfo.apk.segments import OpenSegment, Segment, Watcher, iter_segments, open_package
from buildinfo.apk.signature import Signature, read_signature
from buildinfo.apk.tar import Member, TarReader
from buildinfo.apk.tarheader import NO_RECORDS
from buildinfo.errors import FormatError, IntegrityError
from buildinfo.places import Source

__all__ = ["ControlFile", "Member", "Package", "Segment", "Signature", "iter_segments", "read_package"]

MAX_CONTROL_FILES: Final = 200
"""Most entries of the control segment; apk knows eight."""
MAX_HELD: Final = 1 << 30
"""Most bytes of memory, by estimate, that the kept members of a data segment may cost."""
LINK_FIELD: Final = 100
"""Bytes of a link target that a tar header has room for."""
_MEMBER_COST: Final = 600
_RECORD_COST: Final = 150

SCRIPTS: Final = frozenset(
    f".{name}"
    for name in (
        "pre-install",
        "post-install",
        "pre-deinstall",
        "post-deinstall",
        "pre-upgrade",
        "post-upgrade",
        "trigger",
    )
)
"""The files of the control segment that apk runs; it ignores all others but `.PKGINFO`."""


@dataclass(frozen=True, slots=True)
class ControlFile:
    """A file of the control segment: `size` in bytes, `sha256` of its content in lower-case hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """What a v2 package holds. All digests are lower-case hex, all sizes bytes.

    `unsigned_*` describe the file without its signature segments. `scripts` are what apk runs,
    `control_files` what else lies in the control segment but `.PKGINFO`. `identity` is the `C:` of
    indices and of the installed database. `installed_size` is the sum over regular files, hard links
    counted once. `members` and `control_members` are empty if they were not asked for; `member_count`
    is not. `refused` says why apk does not read the package as it is meant; None if it does.
    """

    size: int
    sha256: str
    unsigned_size: int
    unsigned_sha256: str
    identity: str
    signature_segments: tuple[Segment, ...]
    control: Segment
    data: Segment
    signatures: tuple[Signature, ...]
    pkginfo: PkgInfo
    scripts: tuple[ControlFile, ...]
    control_files: tuple[ControlFile, ...]
    installed_size: int
    member_count: int
    control_members: tuple[Member, ...]
    members: tuple[Member, ...]
    refused: str | None


class Observer:
    """Sees a package while it is read, in the order of the file. This one looks on; override what you need."""

    def watch(self) -> Watcher | None:
        """Called for every segment, before it: what is to see its bytes."""
        return None

    def control(self, pkginfo: PkgInfo) -> None:
        """Called when the control segment was read."""

    def reading(self, reading: Reading) -> None:
        """Called before `member`, with what apk reads of the entry; no more from where on it does not read as meant."""

    def member(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        """Called for every entry of the data segment, headers and all; gives its content on, unchanged."""
        return content


def read_package(
    path: Source,
    *,
    members: bool = True,
    records: bool = True,
    raw_headers: bool = False,
    observer: Observer | None = None,
) -> Package:
    """Reads and verifies a v2 package in one pass.

    Args:
        path: the file.
        members: keep the entries of the control and data segments.
        records: keep their pax records, too.
        raw_headers: keep their tar header blocks, too.
        observer: sees the package pass by.

    Raises:
        FormatError: not a v2 package, or a malformed, cut or oversized one.
        IntegrityError: a CRC, the datahash or a file's SHA-1 does not hold.
        UnreadableError: the file cannot be opened or read.
    """
    control: Control | None = None
    data: _Data | None = None
    signature_segments: list[Segment] = []
    signatures: list[Signature] = []
    walk = Walk()
    watch = observer.watch if observer else lambda: None
    with open_package(path, raw_headers=True, watch=watch) as package:
        for part in package.segments():
            if part.kind == "signature":
                signatures.extend(read_signatures(part, path, walk))
                signature_segments.append(part.close())
            elif part.kind == "control":
                control = read_control(part, path, walk)
                if observer:
                    observer.control(control.pkginfo)
            else:
                data = _read_data(part, path, members, _slimmer(records, raw_headers), observer=observer, walk=walk)
    assert control is not None and data is not None  # segments() gives both or raises
    _check_datahash(control.pkginfo, data.segment, path)
    return Package(
        size=package.size,
        sha256=package.sha256,
        unsigned_size=package.unsigned_size,
        unsigned_sha256=package.unsigned_sha256,
        identity=identity_of(control.segment.sha1),
        signature_segments=tuple(signature_segments),
        control=control.segment,
        data=data.segment,
        signatures=tuple(signatures),
        pkginfo=control.pkginfo,
        scripts=tuple(file for file in control.files if file.name in SCRIPTS),
        control_files=tuple(file for file in control.files if file.name not in SCRIPTS),
        installed_size=data.installed_size,
        member_count=data.member_count,
        control_members=tuple(control.members) if members else (),
        members=tuple(data.members),
        refused=walk.refused,
    )


def identity_of(sha1: str) -> str:
    """apk's text form of a package identity, from the SHA-1 (hex) of the raw control segment."""
    return "Q1" + base64.b64encode(bytes.fromhex(sha1)).decode("ascii")


class Control(NamedTuple):
    """What the control segment holds: `files` are all but `.PKGINFO`, `members` the entries of its tar, without their
    header blocks."""

    segment: Segment
    pkginfo: PkgInfo
    files: list[ControlFile]
    members: list[Member]


class _Data(NamedTuple):
    segment: Segment
    installed_size: int
    member_count: int
    members: list[Member]


def read_signatures(part: OpenSegment, path: Source, walk: Walk) -> list[Signature]:
    """Reads a signature segment.

    Args:
        part: the open segment.
        path: the file, for error messages.
        walk: goes through it as apk does.

    Raises:
        FormatError: it is malformed, or holds something else.
        IntegrityError: its CRC does not hold.
    """
    signatures = []
    for member, content in part.tar:
        walk.entry("signature", member)
        signatures.append(read_signature(member, content, where=path))
    part.close()
    walk.ended(part.tar.trailer_size)
    return signatures


def read_control(part: OpenSegment, path: Source, walk: Walk | None = None) -> Control:
    """Reads the control segment.

    Args:
        part: the open segment.
        path: the file, for error messages.
        walk: goes through it as apk does.

    Raises:
        FormatError: it is malformed, oversized, or has no right `.PKGINFO`.
        IntegrityError: its CRC does not hold.
    """
    walk = walk or Walk()
    pkginfo: PkgInfo | None = None
    files: list[ControlFile] = []
    members: list[Member] = []
    seen: set[str] = set()
    for member, content in part.tar:
        members.append(member.slim())
        if len(members) > MAX_CONTROL_FILES:
            raise _error(f"more than {MAX_CONTROL_FILES} entries", part.tar, member)
        if member.name in seen:
            raise _error(f"{member.name} stands twice", part.tar, member)
        seen.add(member.name)
        walk.entry("control", member)
        if member.name == ".PKGINFO":
            if member.type != "file" or member.size > MAX_PKGINFO:
                raise _error(f".PKGINFO is no file of at most {MAX_PKGINFO} bytes", part.tar, member)
            raw = b"".join(content)
            pkginfo = parse_pkginfo(raw, where=path)
            walk.refuse(info.refusal(raw))
        elif member.type == "file":
            digest = hashlib.sha256()
            for piece in content:
                digest.update(piece)
            files.append(ControlFile(member.name, member.size, digest.hexdigest()))
        elif member.name in SCRIPTS:
            raise _error(f"{member.name} is no regular file", part.tar, member)
    if pkginfo is None:
        raise FormatError("not a package: no .PKGINFO", where=path, segment="control")
    segment = part.close()
    walk.ended(segment.trailer_size)
    return Control(segment, pkginfo, files, members)


def _slimmer(records: bool, raw_headers: bool) -> Callable[[Member], Member]:
    """Takes from a member what is not to be kept."""
    if not records:
        return lambda member: replace(member, raw_headers=b"", pax=NO_RECORDS)
    if raw_headers:
        return lambda member: member
    return Member.slim


def _read_data(
    part: OpenSegment,
    path: Source,
    keep: bool,
    slim: Callable[[Member], Member],
    *,
    observer: Observer | None,
    walk: Walk,
) -> _Data:
    installed_size = count = held = 0
    members: list[Member] = []
    tar = part.tar
    for member, found in tar:
        count += 1
        installed_size += member.size
        reading = walk.entry("data", member)
        if observer and reading is not None:
            observer.reading(reading)
        content = observer.member(member, found) if observer else found
        if member.checksum is not None:
            _check_sha1(member, content, path)
        elif observer:
            for _ in content:
                pass
        if keep:
            kept = slim(member)
            members.append(kept)
            held += _MEMBER_COST + _RECORD_COST * len(kept.pax) + len(kept.raw_headers)
            if held + tar.extended_size > MAX_HELD:
                raise _error("too many entries to keep", tar, member)
    return _Data(part.close(), installed_size, count, members)


def _check_sha1(member: Member, content: Iterator[memoryview], path: Source) -> None:
    """Compares a file's content, or a link's target, with the checksum that abuild-tar wrote: of a target that is
    longer than the field of the header it hashes what stands there."""
    if member.type == "symlink":
        target = member.linkname.encode("utf-8", "surrogateescape")
        digest = hashlib.sha1(target, usedforsecurity=False)
        if digest.hexdigest() != member.checksum:
            digest = hashlib.sha1(target[:LINK_FIELD], usedforsecurity=False)
    elif member.type == "file":
        digest = hashlib.sha1(usedforsecurity=False)
        for piece in content:
            digest.update(piece)
    else:
        return
    if digest.hexdigest() != member.checksum:
        raise IntegrityError(
            f"the SHA-1 of {member.name} does not hold", where=path, segment="data", offset=member.offset
        )


def _check_datahash(pkginfo: PkgInfo, data: Segment, path: Source) -> None:
    if pkginfo.datahash is None:
        raise FormatError(".PKGINFO has no datahash", where=path, segment="control")
    if pkginfo.datahash != data.sha256:
        raise IntegrityError("the datahash of .PKGINFO does not hold", where=path, segment="data", offset=0)


def _error(what: str, tar: TarReader, member: Member) -> FormatError:
    return FormatError(what, where=tar.where, segment=tar.segment, offset=member.offset)
