"""apk v2 repository indices, `APKINDEX.tar.gz`.

Source: apk-tools 2.14 `database.c`: a signed tar.gz that holds `APKINDEX` (records of `X:value` lines,
each ended by an empty line) and mostly `DESCRIPTION`. abuild puts the signature into a gzip member of
its own before the rest; hand-made indices have it last, in the same member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buildinfo.apk.framing import GzipReader
from buildinfo.apk.signature import Signature, is_signature, read_signature
from buildinfo.apk.tar import TarReader
from buildinfo.errors import FormatError, UnreadableError

MAX_MEMBERS: Final = 32
"""Most gzip members of an index."""
MAX_RECORDS: Final = 500_000
"""Most packages of an index; Alpine's largest has 18,000."""
MAX_INDEX: Final = 1 << 26
"""Most uncompressed bytes of an index; Alpine's largest has 8 MB."""
MAX_DESCRIPTION: Final = 1 << 16
"""Most bytes of a description."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index: `records` hold field letter -> value in the order of the file.

    `C` of a record is the identity of a package and `S` the size of its file in bytes. `description` is
    None where the file has none.
    """

    description: str | None
    records: tuple[dict[str, str], ...]
    signatures: tuple[Signature, ...]


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
    for tar in _tars(path):
        for member, content in tar:
            if is_signature(member):
                signatures.append(read_signature(member, content, where=path))
            elif member.name == "DESCRIPTION" and description is None:
                if member.size > MAX_DESCRIPTION:
                    raise FormatError("an oversized DESCRIPTION", where=path, offset=member.offset)
                description = b"".join(content)
            elif member.name == "APKINDEX" and member.type == "file" and index is None:
                index = b"".join(content)
            elif member.name in ("APKINDEX", "DESCRIPTION"):
                raise FormatError(f"{member.name} twice, or no file", where=path, offset=member.offset)
    if index is None:
        raise FormatError("not an index: no APKINDEX in it", where=path)
    text = None if description is None else description.decode("utf-8", "surrogateescape")
    return Index(text, tuple(_records(index, path)), tuple(signatures))


def _tars(path: Path) -> Iterator[TarReader]:
    """The tar in each gzip member."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror}", where=path) from error
    with file:
        reader = GzipReader(file, where=path)
        if reader.magic(3) == b"ADB":
            raise FormatError("v3 index not supported yet", where=path)
        count = 0
        while reader.next_member() is not None:
            count += 1
            if count > MAX_MEMBERS:
                raise FormatError(f"more than {MAX_MEMBERS} gzip members", where=path)
            chunks = _bounded(reader)
            tar = TarReader(chunks, where=path)
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


def _records(index: bytes, path: Path) -> Iterator[dict[str, str]]:
    record: dict[str, str] = {}
    number = count = 0
    for number, line in enumerate(index.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line:
            if record:
                count += 1
                if not record.get("P") or not record.get("V") or count > MAX_RECORDS:
                    what = f"a record without name or version, or more than {MAX_RECORDS} of them"
                    raise FormatError(f"APKINDEX line {number} ends {what}", where=path)
                yield record
                record = {}
        elif line[1:2] != ":" or not line[0].isascii() or not line[0].isalpha() or line[0] in record:
            raise FormatError(f"APKINDEX line {number} is malformed or repeats a field", where=path)
        else:
            record[line[0]] = line[2:]
    if index and not index.endswith(b"\n\n"):
        raise FormatError(f"APKINDEX ends inside a record, line {number}", where=path)
