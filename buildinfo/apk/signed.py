"""A v2 package or index as its signatures see it: the signatures, and what they cover.

Source: apk-tools 2.14 `package.c` (`apk_sign_ctx_mpart_cb`). The signature of a package covers the compressed control
segment, which names the SHA-256 of all that follows; the signature of an index covers all compressed bytes behind it.
Nothing covers the signature segments themselves. Read is only what has to be: the data segment is hashed, not unpacked.

v3 files (ADB) are refused; a reader of theirs belongs beside `_package` and `_index`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from buildinfo.apk.beside import Beside
from buildinfo.apk.reads.segments import Walk
from buildinfo.apk.segments import MAX_SIGNATURES, OpenSegment, PackageStream
from buildinfo.apk.signature import Signature, read_signature
from buildinfo.errors import FormatError, UnreadableError
from buildinfo.opening import open_file

if TYPE_CHECKING:
    from buildinfo.apk.index import Index

MAX_HEAD: Final = 4 << 20
"""Most bytes of all signature segments of a file."""

Kind = Literal["package", "index", "signatures"]


@dataclass(frozen=True, slots=True)
class Signed:
    """What signatures are about.

    Attributes:
        path: the file.
        kind: what it is; "signatures" is a file that holds signature segments and nothing else.
        signatures: those that apk looks at, in the order of the file.
        unseen: those of an index that apk does not look at, because they stand among the rest.
        head: the signature segments, byte for byte.
        unsigned_sha256: SHA-256 of the file without them, lower-case hex.
        digests: of the bytes that signatures are over, by the names of hashlib; empty for "signatures".
        defect: why the data is not what the control segment says, or apk does not read what stands before it as it is
            meant; None if neither is so.
        epoch: the package's `builddate`, or the newest `t:` of the index; None if there is none.
    """

    path: Path
    kind: Kind
    signatures: tuple[Signature, ...]
    unseen: tuple[Signature, ...]
    head: bytes
    unsigned_sha256: str
    digests: Mapping[str, bytes]
    defect: str | None
    epoch: int | None


def read_signed(path: Path) -> Signed:
    """Reads what signatures a package, an index or a file of signature segments has, and what they cover.

    Raises:
        FormatError: it is none of these, or malformed up to its control segment.
        IntegrityError: a CRC up to there does not hold.
        UnreadableError: it cannot be opened or read.
    """
    try:
        with open_file(path) as file, Beside() as beside:
            return _read(file, path, beside)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error


def misread(refused: str) -> str:
    """What to say of a package that apk refuses, or reads as another one.

    Args:
        refused: why, as `Walk.refused` says it.
    """
    return f"apk does not read it as it is meant: {refused}"


class _Sha512:
    """A watcher that hashes a segment with what nothing else needs."""

    def __init__(self) -> None:
        self._digest = hashlib.sha512()
        self.compressed = self._digest.update
        self.digest = self._digest.digest

    def plain(self, chunk: bytes) -> None: ...


def _read(file: BinaryIO, path: Path, beside: Beside) -> Signed:
    watchers: list[_Sha512] = []

    def watch() -> _Sha512:
        watchers.append(_Sha512())
        return watchers[-1]

    stream = PackageStream(file, where=path, beside=beside, watch=watch)
    signatures: list[Signature] = []
    walk = Walk()
    for part in stream.segments():
        if part.kind == "control":
            first = part.tar.peek()
            if first is None or not first.name.startswith("."):
                return _index(file, path)
            return _package(file, path, part, tuple(signatures), watcher=watchers[-1], walk=walk)
        for member, content in part.tar:
            if not member.name.startswith("."):
                return _index(file, path)
            walk.entry("signature", member)
            signatures.append(read_signature(member, content, where=path))
            if len(signatures) > MAX_SIGNATURES:
                raise FormatError(f"more than {MAX_SIGNATURES} signatures", where=path)
        walk.ended(part.close().trailer_size)
        if stream.size == os.fstat(file.fileno()).st_size:
            head = _head(file, path, stream.size)
            unsigned = hashlib.sha256().hexdigest()
            return Signed(path, "signatures", tuple(signatures), (), head, unsigned, {}, walk.refused, None)
    raise AssertionError("segments() gives a control segment or raises")


def _package(
    file: BinaryIO, path: Path, part: OpenSegment, signatures: tuple[Signature, ...], *, watcher: _Sha512, walk: Walk
) -> Signed:
    from buildinfo.apk.v2 import read_control

    segment, info = read_control(part, path, walk)[:2]
    head = _head(file, path, segment.offset)
    unsigned, data = hashlib.sha256(), hashlib.sha256()
    control_left = segment.size
    while piece := file.read(1 << 20 if control_left <= 0 else min(1 << 20, control_left)):
        unsigned.update(piece)
        if control_left <= 0:
            data.update(piece)
        control_left -= len(piece)
    defect = None if walk.refused is None else misread(walk.refused)
    if info.datahash is None:
        defect = ".PKGINFO has no datahash"
    elif info.datahash != data.hexdigest():
        defect = "the datahash of .PKGINFO does not hold: the data is not what was packed"
    digests = {
        "sha1": bytes.fromhex(segment.sha1),
        "sha256": bytes.fromhex(segment.sha256),
        "sha512": watcher.digest(),
    }
    return Signed(path, "package", signatures, (), head, unsigned.hexdigest(), digests, defect, info.builddate)


def _index(file: BinaryIO, path: Path) -> Signed:
    from buildinfo.apk.index import read_index

    index = read_index(path)
    return signed_index(path, index, _head(file, path, index.covered_from))


def signed_index(path: Path, index: Index, head: bytes = b"") -> Signed:
    """An index that was read already, as its signatures see it.

    Args:
        path: its file.
        index: the index.
        head: its signature segments, if they are wanted.
    """
    from buildinfo.apk.index import newest

    return Signed(
        path=path,
        kind="index",
        signatures=index.signatures[: len(index.signatures) - len(index.unseen)],
        unseen=index.unseen,
        head=head,
        unsigned_sha256=index.digests["sha256"].hex(),
        digests=index.digests,
        defect=None if index.refused is None else misread(index.refused),
        epoch=newest(index.records),
    )


def _head(file: BinaryIO, path: Path, size: int) -> bytes:
    """The first bytes of the file; it is read on from behind them."""
    if size > MAX_HEAD:
        raise FormatError(f"signatures of more than {MAX_HEAD} bytes", where=path)
    file.seek(0)
    head = b""
    while len(head) < size and (piece := file.read(size - len(head))):
        head += piece
    return head
