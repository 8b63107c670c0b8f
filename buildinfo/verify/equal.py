"""The two strongest verdicts, at the speed of reading: nothing is unpacked but signatures and control segments."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buildinfo.apk.beside import Beside
from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.reads.segments import Walk
from buildinfo.apk.segments import Segment, open_package, open_unbuffered
from buildinfo.apk.signature import Signature
from buildinfo.apk.v2 import identity_of, read_control, read_signatures
from buildinfo.errors import FormatError, IntegrityError, UnreadableError

PIECE: Final = 1 << 20
"""Bytes read at once."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands in a package before its data segment.

    Attributes:
        signatures: in the order of the file.
        signature_segments: the segments that hold them.
        control: its segment; what follows it is the data segment.
        pkginfo: its `.PKGINFO`.
        refused: why apk does not read these segments as they are meant; None if it does.
    """

    signatures: tuple[Signature, ...]
    signature_segments: tuple[Segment, ...]
    control: Segment
    pkginfo: PkgInfo
    refused: str | None

    @property
    def data_offset(self) -> int:
        """Where the data segment begins in the file, bytes."""
        return self.control.offset + self.control.size

    @property
    def identity(self) -> str:
        """The package's `C:` in indices."""
        return identity_of(self.control.sha1)


def read_opening(path: Path) -> Opening:
    """Reads the signature and control segments.

    Raises:
        FormatError, IntegrityError: they are malformed.
        UnreadableError: the file cannot be opened or read.
    """
    signatures: list[Signature] = []
    segments: list[Segment] = []
    walk = Walk()
    with open_package(path) as package:
        for part in package.segments():
            if part.kind == "control":
                found = read_control(part, path, walk)
                return Opening(tuple(signatures), tuple(segments), found.segment, found.pkginfo, walk.refused)
            signatures.extend(read_signatures(part, path, walk))
            segments.append(part.close())
    raise FormatError("the file ends before its control segment", where=path)


def same_data(original: Path, first: Opening, rebuilt: Path, second: Opening) -> tuple[str, str] | None:
    """Whether two packages with equal control segments have equal data segments; if so, their datahash was verified.

    Returns:
        The SHA-256 of the two files; None where the data differs.

    Raises:
        IntegrityError: the data segments are equal, and not what both packages say they are.
        UnreadableError: a file cannot be read.
    """
    data = hashlib.sha256()
    with open_unbuffered(original) as left, open_unbuffered(rebuilt) as right, Beside() as beside:
        heads = left.read(first.data_offset), right.read(second.data_offset)
        for path, opening, head in ((original, first, heads[0]), (rebuilt, second, heads[1])):
            if hashlib.sha256(head[opening.control.offset :]).hexdigest() != opening.control.sha256:
                raise UnreadableError("it changes while it is read", where=path)
        whole = hashlib.sha256(heads[0])
        other = whole if heads[0] == heads[1] else hashlib.sha256(heads[1])
        hashed_beside = beside.of(data) if other is whole else beside.of(data, other)
        while piece := left.read(PIECE):
            if right.read(len(piece)) != piece:
                return None
            hashed_beside.update(piece)
            whole.update(piece)
        if right.read(1):
            return None
        beside.wait()
    if data.hexdigest() != first.pkginfo.datahash:
        raise IntegrityError("the datahash of .PKGINFO does not hold", where=original, segment="data", offset=0)
    return whole.hexdigest(), other.hexdigest()
