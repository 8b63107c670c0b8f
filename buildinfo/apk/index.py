"""apk v2 repository indices, `APKINDEX.tar.gz`.

Source: apk-tools 2.14 `database.c`: a signed tar.gz that holds `APKINDEX` (records of `X:value` lines:
:mod:`buildinfo.apk.fields`) and mostly `DESCRIPTION`. abuild puts the signature into a gzip member of
its own before the rest; hand-made indices have it last, in the same member. A signature covers all
compressed bytes behind the members that hold signatures and nothing else (2.14 `package.c`,
`apk_sign_ctx_mpart_cb`); apk does not see one that stands elsewhere.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from buildinfo.apk.fields import read_fields
from buildinfo.apk.framing import GzipReader
from buildinfo.apk.reads.segments import Walk
from buildinfo.apk.segments import MAX_SIGNATURES, open_unbuffered
from buildinfo.apk.signature import Signature, is_signature, read_signature
from buildinfo.apk.tar import Member, TarReader
from buildinfo.apk.tarheader import BLOCK
from buildinfo.errors import FormatError

MAX_MEMBERS: Final = 32
"""Most gzip members of an index."""
FREE_RECORDS: Final = 10_000
"""Packages that an index may have whatever its size."""
PER_RECORD: Final = 24
"""Bytes of the file for each package more; Alpine's take 110."""
FREE_LINES: Final = 100_000
"""Lines that an index may have whatever its size; each two bytes of the file allow one more, Alpine's take 7 each."""
MAX_ENTRIES: Final = 1000
"""Most entries of an index; apk knows two, and signatures."""
MAX_INDEX: Final = 1 << 26
"""Most uncompressed bytes of an index; Alpine's largest has 8 MB."""
MAX_DESCRIPTION: Final = 1 << 16
"""Most bytes of a description."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index: `records` hold field letter -> value in the order of the file.

    `C` of a record is the identity of a package and `S` the size of its file in bytes. `description` is
    None where the file has none. `signatures` are all that it holds; those among them that apk does not
    see are `unseen`. What the others cover begins at byte `covered_from` of the file and goes to its end;
    `digests` are those of these bytes, by the names of hashlib. `raw` is the file APKINDEX, byte for byte.
    `refused` says why apk does not read the index as it is meant; None if it does.
    """

    description: str | None
    records: tuple[dict[str, str], ...]
    signatures: tuple[Signature, ...]
    unseen: tuple[Signature, ...] = ()
    covered_from: int = 0
    digests: Mapping[str, bytes] = field(default_factory=dict)
    raw: bytes = b""
    refused: str | None = None


def read_index(path: Path) -> Index:
    """Reads a v2 index; its signatures are kept, not verified.

    Raises:
        FormatError: not a v2 index, or a malformed, cut or oversized one.
        IntegrityError: a gzip CRC does not hold.
        UnreadableError: the file cannot be opened or read.
    """
    description: bytes | None = None
    index: bytes | None = None
    signatures: list[Signature] = []
    seen = 0
    walk = Walk()
    stream = _Members(path)
    for tar in stream.tars():
        before = len(signatures)
        others = 0
        for member, content in tar:
            walk.entry("index", member)
            if is_signature(member):
                signatures.append(read_signature(member, content, where=path))
                continue
            others += 1
            if member.name == "DESCRIPTION" and description is None:
                if member.size > MAX_DESCRIPTION:
                    raise FormatError("an oversized DESCRIPTION", where=path, offset=member.offset)
                description = b"".join(content)
            elif member.name == "APKINDEX" and member.type == "file" and index is None:
                index = b"".join(content)
            elif member.name in ("APKINDEX", "DESCRIPTION"):
                raise FormatError(f"{member.name} twice, or no file", where=path, offset=member.offset)
        walk.ended(tar.trailer_size)
        if not stream.covered:
            stream.covered = bool(others) or len(signatures) == before
            seen = before if stream.covered else len(signatures)
        if len(signatures) > MAX_SIGNATURES:
            raise FormatError(f"more than {MAX_SIGNATURES} signatures", where=path)
    if index is None:
        raise FormatError("not an index: no APKINDEX in it", where=path)
    return Index(
        description=None if description is None else description.decode("utf-8", "surrogateescape"),
        records=tuple(_records(index, stream.size, path)),
        signatures=tuple(signatures),
        unseen=tuple(signatures[seen:]),
        covered_from=stream.start,
        digests={digest.name: digest.digest() for digest in stream.digests},
        raw=index,
        refused=walk.refused,
    )


def newest(records: Iterable[Mapping[str, str]]) -> int | None:
    """The newest build time (`t:`) of the records, seconds since 1970-01-01 UTC; None if none states one."""
    times = (record.get("t", "") for record in records)
    return max((int(time) for time in times if time.isascii() and time.isdecimal() and len(time) <= 12), default=None)


class _Members:
    """The gzip members of an index.

    Attributes:
        covered: whether the current member belongs to what signatures cover; to be set while it is current, and never
            taken back.
        start: where in the file the first such member begins.
        size: bytes of the file.
        digests: of all bytes from there on.
    """

    def __init__(self, path: Path) -> None:
        self.covered = False
        self.start = self.size = 0
        self.digests = [hashlib.new(name, usedforsecurity=False) for name in ("sha1", "sha256", "sha512")]
        self._path = path
        self._entries = 0

    def _refuse(self, _: Member) -> str | None:
        self._entries += 1
        return f"more than {MAX_ENTRIES} entries in an index" if self._entries > MAX_ENTRIES else None

    def tars(self) -> Iterator[TarReader]:
        """The tar in each member, each to be read to its end."""
        path = self._path
        with open_unbuffered(path) as file:
            reader = GzipReader(file, where=path)
            if reader.magic(3) == b"ADB":
                raise FormatError("v3 index not supported yet", where=path)
            count = 0
            while True:
                if not self.covered:
                    self.start = reader.offset
                    self.digests = [hashlib.new(digest.name, usedforsecurity=False) for digest in self.digests]
                    reader.digests = self.digests
                if reader.next_member() is None:
                    return
                self.size = reader.packed
                count += 1
                if count > MAX_MEMBERS:
                    raise FormatError(f"more than {MAX_MEMBERS} gzip members", where=path)
                chunks = _bounded(reader)
                tar = TarReader(chunks, where=path, keep_headers=True)
                tar.refuse = self._refuse
                yield tar
                for _ in tar:
                    pass
                for _ in chunks:
                    pass


def _bounded(reader: GzipReader) -> Iterator[bytes]:
    for chunk in reader.chunks():
        if reader.unpacked > MAX_INDEX:
            raise FormatError(f"an index of more than {MAX_INDEX} bytes", where=reader.where)
        yield chunk


def raw_records(index: Index) -> Iterator[bytes]:
    """The records as they stand in the file, each with the empty line that ends it; as many as `records`."""
    lines: list[bytes] = []
    for line in index.raw.split(b"\n"):
        if len(line) > 1:
            lines.append(line)
        elif lines:
            yield b"\n".join((*lines, b"", b""))
            lines.clear()


def index_tar(description: bytes | None, records: bytes, epoch: int) -> bytes:
    """The tar of an index, in the dialect of `apk index` (apk-tools 2.14 `io_archive.c`, `apk_tar_write_entry`).

    Args:
        description: the file DESCRIPTION, or None to leave it out.
        records: the file APKINDEX.
        epoch: the time of both, seconds since 1970-01-01 UTC, at most 8 ** 11 - 1.
    """
    files = [(b"APKINDEX", records)] if description is None else [(b"DESCRIPTION", description), (b"APKINDEX", records)]
    entries = [_header(name, len(body), epoch) + body + bytes(-len(body) % BLOCK) for name, body in files]
    return b"".join(entries) + bytes(2 * BLOCK)


def _header(name: bytes, size: int, mtime: int) -> bytes:
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:148] = b"%012o%012o" % (size, mtime)
    block[148:157] = b" " * 8 + b"0"
    block[257:265] = b"ustar  \0"
    block[265:269] = block[297:301] = b"root"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _records(index: bytes, packed: int, path: Path) -> Iterator[dict[str, str]]:
    if index.count(b"\n") > FREE_LINES + packed // 2:
        raise FormatError("an index of more lines than a file of its size may have", where=path)
    lines: list[str] = []
    number = count = 0
    most = FREE_RECORDS + packed // PER_RECORD
    ends = (b"",) if index.endswith(b"\n") else ()
    for number, raw in enumerate(chain(io.BytesIO(index), ends), 1):
        line = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
        if len(line) > 1 or not line.isascii():
            lines.append(line)
            continue
        if not lines:
            continue
        try:
            record = read_fields(lines)
        except ValueError:
            raise FormatError(f"APKINDEX has a malformed line before line {number}", where=path) from None
        lines.clear()
        count += 1
        if not record.get("P") or not record.get("V") or count > most:
            what = f"a record without name or version, or more than {most} of them in a file of this size"
            raise FormatError(f"APKINDEX line {number} ends {what}", where=path)
        yield record
    if lines:
        raise FormatError(f"APKINDEX ends inside a record, line {number}", where=path)
