"""Zip archives: zip, jar, war, whl, epub, xpi and their like; jmod and pyzip, which put a header before one.

Sources: PKWARE's APPNOTE.TXT 6.3.10, Info-ZIP's `proginfo/extrafld.txt` (extra fields), and strip-nondeterminism's
`zip` and `jar` handlers.

Leaks: times after the epoch and the ids of the user who built, wherever headers and extra fields have them; what
`jar` names; the leaks of the members. Canonical form: members by name, permissions 755 or 644. Compressed data is
copied as it is unless its content changes.

Decisions:
- DOS times tell no zone. As leaks they are taken for UTC: a zone may be that of an upstream who packed what is shipped.
  The canonical form is the same whatever the zone was: see `zipstamps`. Nothing is written before 1980-01-01 12:01, as
  Archive::Zip has it: a reader of any zone still sees a time that DOS knows.
- Clojure takes a class for stale unless it is newer than its source, so sources stay two seconds (what a DOS time can
  tell) behind the epoch.
- The zip importer of Python takes a module for stale whose time is not its source's, so a module inside is told the
  time that its source gets.
- RECORD of a wheel has the hashes of its members, so their content stays as it is.
- Members are not moved where bytes between them belong to no record, where extra fields align their data, or where
  something is read by their order: see `ziporder`.
- Permissions are those of a umask of 022, where a umask is what decided: not of what is no plain file or folder, or has
  a setuid, setgid or sticky bit.
"""

from __future__ import annotations

import re
import stat
import zlib
from collections.abc import Callable
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize import jar, ziporder, ziprecords
from buildinfo.normalize.job import Job, LeftAlone, Signed
from buildinfo.normalize.registry import HEAD, kind_of
from buildinfo.normalize.vouchnames import signed_among
from buildinfo.normalize.ziprecords import DEFLATED, STORED, Archive, Member
from buildinfo.normalize.zipstamps import Clock, stamp

_UNIX: Final = 3
_DOS_FOLDER: Final = 0x10
_AES: Final = 0x9901
_SNIFF: Final = 4096
"""Compressed bytes that are inflated to tell the kind of a member."""
_LEVELS: Final = (6, 9, 3, 1)
"""zlib's level for bits 1 and 2 of the flags: normal, maximum, fast, super fast."""

_SIGNATURE: Final = re.compile(
    rb"META-INF/(.*\.SF|[^/]+\.(RSA|DSA|EC|p7[bcmsx]|tst|ers)|SIG-[^/]+|cose\.(sig|manifest)|[^/]*signatures?[^/]*\.xml)"
    rb"|_xmlsignatures/.*|package/services/digital-signature/.*|(.*/)?_CodeSignature/.*|\.phar/signature\.bin"
    rb"|AppxSignature\.p7x|AppxBlockMap\.xml|\.signature\.p7s|[^/]+\.dist-info/RECORD\.(jws|p7s)",
    re.IGNORECASE | re.DOTALL,
)
"""Names of members that sign archives or list hashes of their blocks: jar and XPI; ODF, EPUB and ASiC; OOXML and VSIX;
iOS, phar, Appx, NuGet, wheels."""
_SPECIAL: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_ANDROID: Final = frozenset((b"AndroidManifest.xml", b"classes.dex"))
_CACHED: Final = re.compile(r"(.*/|)__pycache__/([^/.]+)\.[^/]*\.pyc", re.DOTALL)


class Zip:
    """All archives of the family that start as zip archives do.

    Attributes:
        moves: whether members may be moved, dropped and become longer or shorter.
    """

    name = "zip"
    moves = True

    def read(self, data: bytes) -> Archive:
        """The archive in a file; see `ziprecords.read` for what is raised."""
        return ziprecords.read(data)

    def normalize(self, data: bytes, job: Job) -> bytes:
        """See `Handler`."""
        archive = self.read(data)
        names = {member.name for member in archive.members}
        _refuse(archive, names)
        sources = _stamp(archive, job, zoneless=job.form(self.name))
        if job.form(self.name):
            for member in archive.members:
                _permit(member)
        if self.moves and jar.MANIFEST in names:
            archive.drop(lambda member: _is_left_behind(member, job))
        if self.moves and job.form(self.name) and (why := ziporder.sort(archive)) is not None:
            job.skipped(self.name, why)
        if not ziporder.aligned(archive):
            self._normalize_contents(archive, names, job, sources)
        result = ziprecords.write(archive)
        return data if result == data else result

    def _normalize_contents(self, archive: Archive, names: set[bytes], job: Job, sources: dict[str, int]) -> None:
        recorded = any(map(ziporder.RECORD, names))
        for member in archive.members:
            if not member.size or member.method not in (STORED, DEFLATED):
                continue
            manifest = member.name == jar.MANIFEST
            if not (manifest or _wanted(member, job)):
                continue
            content = _unpack(member, job)
            name = _text(member)
            changes = len(job.report.changes)
            if manifest:
                result = job.edited(content, name, jar.clean_manifest)
            else:
                result = job.nested(content, name, _source(name, sources))
            if result == content:
                continue
            if recorded:
                del job.report.changes[changes:]
                job.skipped(self.name, f"{name} keeps its leaks, RECORD has its hash")
                continue
            packed = _pack(member, result)
            if not self.moves and len(packed) != len(member.data):
                del job.report.changes[changes:]
                job.skipped(self.name, f"{name} keeps its leaks, it would get another size")
                continue
            member.replace(packed, zlib.crc32(result), len(result))


class Jmod(Zip):
    """A module of the JDK: four bytes, then a jar."""

    name = "jmod"


class Pyzip(Zip):
    """A program in one file: a line that names the interpreter, Python or another one, then a zip archive."""

    name = "pyzip"


def _refuse(archive: Archive, names: set[bytes]) -> None:
    """Leaves archives alone that are no longer what they were once a byte of them changes."""
    if archive.signing or any(map(_SIGNATURE.fullmatch, names)):
        raise Signed("it is signed")
    if pair := signed_among({name.decode("utf-8", "surrogateescape") for name in names}):
        raise Signed(pair)
    if not _ANDROID.isdisjoint(names):
        raise Signed("it is an Android package, signed and aligned as a whole")
    for member in archive.members:
        if member.flags & ziprecords.ENCRYPTED or any(kind == _AES for kind, _ in member.extras(member.central)):
            raise LeftAlone("it is encrypted")


def _stamp(archive: Archive, job: Job, *, zoneless: bool) -> dict[str, int]:
    """Writes times and owners; returns the new times of the Python sources whose time changes."""
    clock = Clock.of(job, zoneless=zoneless)
    clojure = Clock.of(job, before=2, zoneless=zoneless)
    sources = {}
    for member in archive.members:
        # Whose program a setuid one is decides whose rights it gives.
        owned = bool(_mode(member) & _SPECIAL)
        changed = stamp(member, clojure if member.name.endswith((b".clj", b".cljc")) else clock, owned=owned)
        if changed is not None and member.name.endswith(b".py"):
            sources[_text(member)] = changed
    return sources


def _is_left_behind(member: Member, job: Job) -> bool:
    """Whether a member of a jar is what a compiler left there, by its content."""
    if not jar.may_be_left_behind(member.name) or not member.size <= jar.LARGEST_LEFT:
        return False
    if member.method not in (STORED, DEFLATED) or stat.S_IFMT(_mode(member)) not in (0, stat.S_IFREG):
        return False
    return jar.is_left_behind(member.name, _unpack(member, job))


def _mode(member: Member) -> int:
    """The type and permissions of a member; 0 where no Unix wrote them."""
    return int.from_bytes(member.central[40:42], "little") if member.central[5] == _UNIX else 0


def _permit(member: Member) -> None:
    """Writes the permissions of a file or directory, where a Unix wrote them, and a umask may have decided on them."""
    central, mode = member.central, _mode(member)
    folder = member.name.endswith(b"/")
    plain = stat.S_IFMT(mode) in (0, stat.S_IFDIR if folder else stat.S_IFREG)
    if central[5] != _UNIX or not plain or mode & _SPECIAL or (central[38] & _DOS_FOLDER and not folder):
        return
    if folder:
        attributes = (stat.S_IFDIR | 0o755) << 16 | _DOS_FOLDER
    else:
        attributes = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
    central[38:42] = attributes.to_bytes(4, "little")


def _wanted(member: Member, job: Job) -> bool:
    """Whether the content of a member may hold leaks, by its first bytes."""
    head = bytes(member.data[:_SNIFF])
    if member.method == DEFLATED:
        try:
            head = zlib.decompressobj(-15).decompress(head, HEAD)
        except zlib.error:
            return False
    kind = kind_of(head, _text(member))
    return kind is not None and kind.name in job.policy.leaks


def _unpack(member: Member, job: Job) -> bytes:
    """The content of a member.

    Raises:
        FormatError: it is not what its headers say.
        LeftAlone: it is too much.
    """
    if member.method == DEFLATED:
        job.unpack(member.size)
        inflate = zlib.decompressobj(-15)
        try:
            content = inflate.decompress(member.data, member.size + 1)
        except zlib.error as error:
            raise FormatError(f"deflated data is damaged: {error}", offset=member.offset) from error
        if not inflate.eof or inflate.unused_data:
            raise FormatError("deflated data is not of the size its header tells", offset=member.offset)
    else:
        content = bytes(member.data)
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise FormatError("content of a member does not match its checksum", offset=member.offset)
    return content


def _pack(member: Member, content: bytes) -> bytes:
    """Compresses a content as the old one was."""
    if member.method == STORED:
        return content
    deflate = zlib.compressobj(_LEVELS[member.flags >> 1 & 3], zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()


def _source(name: str, sources: dict[str, int]) -> Callable[[], int | None]:
    """The time that the source of a compiled Python file gets, None where it keeps the one it has."""
    cached = _CACHED.fullmatch(name)
    source = f"{cached[1]}{cached[2]}.py" if cached else name.removesuffix("c")
    return lambda: sources.get(source)


def _text(member: Member) -> str:
    return member.name.decode("utf-8", "surrogateescape")
