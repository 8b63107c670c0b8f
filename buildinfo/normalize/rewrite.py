"""Second pass over a package: its segments are written anew, as far as they have to be."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import IO, Final

from buildinfo.apk.pigz import Compressor, compress
from buildinfo.apk.reads.headers import refusal
from buildinfo.apk.reads.info import read_info
from buildinfo.apk.segments import OpenSegment, open_package, read_head
from buildinfo.apk.signature import Signature
from buildinfo.apk.tar import CHECKSUM_KEY, Member, TarReader
from buildinfo.apk.tarheader import BLOCK
from buildinfo.apk.tarpatch import Headers
from buildinfo.apk.v2 import Package
from buildinfo.errors import UnreadableError
from buildinfo.normalize.headers import HeaderRules
from buildinfo.normalize.inspect import Inspection
from buildinfo.normalize.installs import Installs
from buildinfo.normalize.job import Change, LeftAlone
from buildinfo.normalize.order import PIECE, Content, is_sorted, sortable, sorted_members
from buildinfo.places import Opened

RECORD: Final = 20 * BLOCK
"""tar's record: the data segment is padded to a multiple of it."""


class Rewrite:
    """What is to be written of a package that was inspected, and writing it.

    Attributes:
        needed: whether any byte changes.
        signature_lost: whether its signatures no longer hold.
    """

    def __init__(
        self,
        source: Opened,
        package: Package,
        inspection: Inspection,
        sign: Callable[[bytes, Signature], bytes] | None,
        threads: int,
    ) -> None:
        self._source = source
        self._package = package
        self._seen = inspection
        self._forms = inspection.policy.forms
        self._report = inspection.report
        self._sign = sign
        self._threads = threads
        self._sort = self._is_to_be_sorted()
        *self._signatures, self._control = read_head(source)
        self._require_same(hashlib.sha256(self._control).hexdigest(), package.control.tar_sha256)
        trailer = self._trailer(package.data.tar_size - package.data.trailer_size)
        self._ends_otherwise = trailer != package.data.trailer_size
        self._control_rules = HeaderRules(inspection.policy, one_time=inspection.one_time)
        self._writes_data = bool(
            inspection.new
            or inspection.headers_change
            or self._sort
            or self._ends_otherwise
            or not inspection.framed[-1]
        )
        self._writes_control = (
            self._writes_data
            or not inspection.framed[-2]
            or self._new_control(package.pkginfo.datahash or "") != self._control
        )
        self.needed = self._writes_control or not all(inspection.framed)
        self.signature_lost = self._writes_control and bool(package.signatures)

    def note(self) -> None:
        """Reports the changes that writing would make."""
        with tempfile.TemporaryFile() as nowhere:
            self._sign = None
            self.write(nowhere)

    def write(self, file: IO[bytes]) -> None:
        """Writes the package anew, and reports the changes.

        Raises:
            LeftAlone: apk would refuse what is to be written.
        """
        package = self._package
        with tempfile.TemporaryFile() as data:
            datahash = self._write_data(data) if self._writes_data else package.pkginfo.datahash
            if self._writes_control:
                control = self._packed_control(datahash or "")
                if package.signatures and self._sign:
                    file.write(self._sign(control, package.signatures[0]))
                file.write(control)
            else:
                self._write_signatures(file)
                self._copy_range(package.control.offset, package.control.size, file)
            if self._writes_data:
                data.seek(0)
                shutil.copyfileobj(data, file, PIECE)
            else:
                self._copy_range(package.data.offset, package.data.size, file)

    # The data segment.

    def _is_to_be_sorted(self) -> bool:
        entries = self._seen.entries
        if "order" not in self._forms or is_sorted(entries):
            return False
        if not sortable(entries):
            reason = "a path stands twice, or a hard link leads to no file of the package with its mode and owner"
            raise LeftAlone(f"in another order apk may install something else: {reason}")
        return True

    def _trailer(self, size: int) -> int:
        """How many zero bytes are to end a data tar whose members take `size` bytes."""
        if "end" not in self._forms:
            return self._package.data.trailer_size
        return 2 * BLOCK + -(size + 2 * BLOCK) % RECORD

    def _write_data(self, file: IO[bytes]) -> str:
        """Writes the data segment; returns its SHA-256."""
        tar_digest, digest = hashlib.sha256(), hashlib.sha256()
        size = 0
        installs = self._installs = Installs(self._seen.entries if self._sort else None, self._seen.rules.expected)
        with closing(Compressor(self._threads)) as compressor:

            def put(piece: bytes | memoryview) -> None:
                nonlocal size
                size += len(piece)
                tar_digest.update(piece)
                if packed := compressor.write(piece):
                    digest.update(packed)
                    file.write(packed)

            for at, member, content in self._members():
                new = self._seen.new.get(at) if member.type == "file" else None
                raw = _accepted(self._seen.rules.apply(member), member)
                if new is not None:
                    raw = _resized(raw, new.size, new.sha1)
                installs.written(member, raw, at)
                put(raw)
                if new is None:
                    for piece in content:
                        put(piece)
                    put(bytes(-member.size % BLOCK))
                else:
                    self._seen.waiting.seek(new.at)
                    for done in range(0, new.size, PIECE):
                        put(self._seen.waiting.read(min(PIECE, new.size - done)))
                    put(bytes(-new.size % BLOCK))
            installs.finish()
            end = self._trailer(size)
            put(bytes(end))
            packed = compressor.finish()
            digest.update(packed)
            file.write(packed)
        steps = set(self._seen.rules.done)
        if self._sort:
            steps.add("order")
        if self._ends_otherwise and end != self._package.data.trailer_size:
            steps.add("end")
        for step in sorted(steps):
            self._note(step, self._package.data.tar_sha256, tar_digest.hexdigest())
        if not self._seen.framed[-1]:
            self._note("framing", self._package.data.sha256, digest.hexdigest())
        return digest.hexdigest()

    def _members(self) -> Iterator[tuple[int, Member, Content]]:
        """The members of the data segment in the order they are to have, header blocks included."""
        with open_package(self._source, raw_headers=True) as package, tempfile.TemporaryFile() as plain:
            for segment in package.segments():
                if segment.kind != "data":
                    continue
                if self._sort:
                    _spool(segment, plain, self._installs)
                else:
                    for member, content in segment.tar:
                        yield member.offset, member, content
                self._require_same(segment.close().sha256, self._package.data.sha256)
            if self._sort:
                yield from sorted_members(plain, self._seen.entries)

    # The control segment.

    def _packed_control(self, datahash: str) -> bytes:
        old = self._package.control
        control = self._new_control(datahash, Installs())
        packed = compress(control)
        after = hashlib.sha256(control).hexdigest()
        for step in sorted(self._control_rules.done | ({"size"} if self._size() is not None else set())):
            self._note(step, old.tar_sha256, after)
        if not self._seen.framed[-2]:
            self._note("framing", old.sha256, hashlib.sha256(packed).hexdigest())
        return packed

    def _new_control(self, datahash: str, installs: Installs | None = None) -> bytes:
        """The control tar, with the hash and the size of what will be the data segment in its .PKGINFO."""
        tar = TarReader([self._control], where=self._source, segment="control", keep_headers=True)
        parts: list[bytes] = []
        for member, content in tar:
            raw = _accepted(self._control_rules.apply(member), member)
            if installs:
                installs.written(member, raw, member.offset)
            body = b"".join(content)
            if member.name == ".PKGINFO":
                new = _stated(body, b"datahash", datahash)
                size = self._size()
                if size is not None:
                    new = _stated(new, b"size", str(size))
                    if read_info(new).unpacks != read_info(body).unpacks:
                        raise LeftAlone("apk unpacks it by the size that it states, and would do otherwise by another")
                if new != body:
                    raw = _resized(raw, len(new), hashlib.sha1(new, usedforsecurity=False).hexdigest())
                    body = new
            parts += [raw, body, bytes(-len(body) % BLOCK)]
        parts.append(bytes(tar.trailer_size))
        return b"".join(parts)

    def _size(self) -> int | None:
        """The `size` that .PKGINFO is to state, or None where it is right as it is."""
        package = self._package
        stated = package.pkginfo.size
        if stated is None:
            return None
        now = package.installed_size + sum(new.size - new.before for new in self._seen.new.values())
        if "size" in self._forms:
            anything = package.member_count or package.scripts
            now = now or (1 if anything else 0)
        elif stated != package.installed_size:
            return None
        return None if now == stated else now

    # The signature segments.

    def _write_signatures(self, file: IO[bytes]) -> None:
        segments = self._package.signature_segments
        for segment, tar, framed in zip(segments, self._signatures, self._seen.framed, strict=False):
            if framed:
                self._copy_range(segment.offset, segment.size, file)
            else:
                packed = compress(tar)
                file.write(packed)
                self._note("framing", segment.sha256, hashlib.sha256(packed).hexdigest())

    def _copy_range(self, offset: int, size: int, file: IO[bytes]) -> None:
        source = self._source.open()
        source.seek(offset)
        while size and (piece := source.read(min(size, PIECE))):
            file.write(piece)
            size -= len(piece)

    def _require_same(self, found: str, digest: str) -> None:
        """Nothing is signed, or made of anything, that was not looked at: who owns the file may write into it."""
        if found != digest:
            raise UnreadableError("it was changed meanwhile", where=self._source)

    def _note(self, step: str, before: str, after: str) -> None:
        self._report.changes.append(Change("", step, before, after))


def copy(source: Opened, file: IO[bytes]) -> None:
    """Writes a package as it is."""
    shutil.copyfileobj(source.open(), file, PIECE)


def _spool(segment: OpenSegment, plain: IO[bytes], installs: Installs) -> None:
    """Writes the uncompressed tar to a file, with its padding."""
    for member, content in segment.tar:
        installs.read(member)
        plain.seek(member.offset)
        plain.write(member.raw_headers)
        for piece in content:
            plain.write(piece)
    plain.seek(segment.close().tar_size)
    plain.truncate()


def _accepted(raw: bytes, member: Member) -> bytes:
    """Header blocks that are to be written, if apk reads them."""
    why = refusal(raw)
    if why is not None:
        raise LeftAlone(f"apk would refuse {member.name} as it would be written: {why}")
    return raw


def _resized(raw: bytes, size: int, sha1: str) -> bytes:
    """Header blocks for content of another size and checksum."""
    headers = Headers.parse(raw)
    key = CHECKSUM_KEY.encode()
    new = {b"size": str(size).encode(), key: sha1.encode()}
    headers.set_number("size", size)
    headers.set_pax([(name, new.get(name, value)) for name, value in headers.pax()])
    if legacy := headers.legacy_checksum:
        headers.set_legacy_checksum(legacy[:8] + bytes.fromhex(sha1))
    return headers.build()


def _stated(body: bytes, key: bytes, value: str) -> bytes:
    """.PKGINFO with another value of a key: on its last line, which is the one that counts."""
    lines = list(re.finditer(rb"^%s = (.*)$" % key, body, re.MULTILINE))
    if not lines:
        return body
    start, end = lines[-1].span(1)
    return body[:start] + value.encode() + body[end:]
