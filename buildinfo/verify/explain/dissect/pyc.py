"""Compiled Python. Sources: PEP 552 (flags and hashes), CPython's `importlib._bootstrap_external` and marshal.c."""

from __future__ import annotations

import re
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
_WORD: Final = re.compile(rb"[\x20-\x7e]{2,}")


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
        first, second = canonical_code(before)[1], canonical_code(after)[1]
    except (FormatError, LeftAlone):
        first, second = before[_HEADER:], after[_HEADER:]
    if first == second:
        yield place.hunk("pyc", "references", before[_HEADER:], after[_HEADER:])
        return
    words, others = _WORD.findall(first), _WORD.findall(second)
    if words != others and sorted(words) == sorted(others):
        yield place.hunk("order", "tokens", b"\n".join(words), b"\n".join(others))
        return
    yield from binary.hunks(first, second, place, name="pyc")


def _flags(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _mode(header: bytes) -> bytes:
    flags = _flags(header)
    if not flags & _HASH_BASED:
        return b"timestamp"
    return b"checked-hash" if flags & 2 else b"unchecked-hash"


def _version(header: bytes) -> bytes:
    return b"magic %d" % int.from_bytes(header[:2], "little")
