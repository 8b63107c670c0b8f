"""Compiled Python. Sources: PEP 552 (flags and hashes), CPython's `importlib._bootstrap_external` and marshal.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import LeftAlone
from buildinfo.normalize.pyc import canonical_code
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_HEADER: Final = 16
_HASH_BASED: Final = 1


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `pyc`: version, flags, time, size, source-hash, references; and the strings of the code.

    Raises:
        FormatError: one of them ends inside its header.
    """
    if min(len(before), len(after)) < _HEADER:
        raise FormatError("the file ends inside the header")
    old, new = before[:_HEADER], after[:_HEADER]
    if old[:4] != new[:4]:
        yield place.hunk("pyc", "version", _version(old), _version(new))
        return
    if old[4:8] != new[4:8]:
        yield place.hunk("pyc", "flags", _mode(old), _mode(new))
    elif _flags(old) & _HASH_BASED:
        if old[8:] != new[8:]:
            yield place.hunk("pyc", "source-hash", old[8:].hex().encode(), new[8:].hex().encode())
    else:
        for name, where in (("time", slice(8, 12)), ("size", slice(12, 16))):
            if old[where] != new[where]:
                yield place.hunk("pyc", name, *(b"%d" % int.from_bytes(side[where], "little") for side in (old, new)))
    if before[_HEADER:] != after[_HEADER:]:
        yield from _code(before, after, place)


def _code(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    try:
        old, new = canonical_code(before), canonical_code(after)
    except (FormatError, LeftAlone):
        yield from binary.hunks(before[_HEADER:], after[_HEADER:], place, name="pyc")
        return
    if old == new:
        yield place.hunk("pyc", "references", before[_HEADER:], after[_HEADER:])
    elif old.rest == new.rest and sorted(old.texts) == sorted(new.texts):
        yield place.hunk("order", "tokens", b"\n".join(old.texts), b"\n".join(new.texts))
    else:
        if len(old.texts) == len(new.texts):
            for first, second in zip(old.texts, new.texts, strict=True):
                if first != second:
                    yield place.hunk("string", "pyc", first, second)
        if old.rest != new.rest:
            yield from binary.hunks(old.rest, new.rest, place, name="pyc")


def _flags(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _mode(header: bytes) -> bytes:
    flags = _flags(header)
    if not flags & _HASH_BASED:
        return b"timestamp"
    return b"checked-hash" if flags & 2 else b"unchecked-hash"


def _version(header: bytes) -> bytes:
    return b"magic %d" % int.from_bytes(header[:2], "little")
