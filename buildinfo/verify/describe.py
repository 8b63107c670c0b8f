"""What a report tells of a pair besides how it compares: what it is of, and how large its parts are."""

from __future__ import annotations

from pathlib import Path

from buildinfo.apk.indexed import in_words, record_of
from buildinfo.errors import UnreadableError
from buildinfo.verify.equal import Opening
from buildinfo.verify.explain.evidence import Records
from buildinfo.verify.report import Pair, SegmentSizes, readable


def describe(
    pair: Pair, original: tuple[Path, Opening], rebuilt: tuple[Path, Opening], records: Records | None
) -> None:
    """Fills in what the openings of two packages tell; nothing is read.

    Raises:
        UnreadableError: a file went away.
    """
    pkginfo = original[1].pkginfo
    pair.origin = None if pkginfo.origin is None else readable(pkginfo.origin)
    pair.arch = None if pkginfo.arch is None else readable(pkginfo.arch)
    if records is not None and isinstance(records.original.source.aport, str):
        pair.aport = readable(records.original.source.aport)
    old, new = _sizes(*original), _sizes(*rebuilt)
    size = sum(old)
    pair.record = in_words(record_of(original[1].identity, size, pkginfo.raw))
    pair.segments = [
        SegmentSizes(name="signature", original=old[0] or None, rebuilt=new[0] or None),
        SegmentSizes(name="control", original=old[1], rebuilt=new[1]),
        SegmentSizes(name="data", original=old[2], rebuilt=new[2]),
    ]


def _sizes(path: Path, opening: Opening) -> tuple[int, int, int]:
    """Compressed bytes of the signatures, of control, and of what follows it."""
    try:
        whole = path.stat().st_size
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error
    return opening.control.offset, opening.control.size, max(0, whole - opening.data_offset)
