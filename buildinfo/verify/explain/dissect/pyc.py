"""Compiled Python. Sources: PEP 552 (flags and hashes), CPython's `importlib._bootstrap_external` and marshal.c."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import LeftAlone
from buildinfo.normalize.pyc import canonical_code, layout
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.patience import stretches
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.pycobjects import Objects, objects
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

_HEADER: Final = 16
_HASH_BASED: Final = 1
_KNOWN: Final = frozenset((0, 1, 3))


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
        yield from _constants(before, after, place)
        return
    if not {_flags(old), _flags(new)} <= _KNOWN:
        yield place.part("flags").hunk("bytes", "flags that no Python knows", old[4:8], new[4:8])
    elif old[4:8] != new[4:8]:
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
        if canonical_code(before) == canonical_code(after):
            yield place.hunk("pyc", "references", before[_HEADER:], after[_HEADER:])
            return
        old, new = _objects(before), _objects(after)
    except (FormatError, LeftAlone):
        yield from binary.hunks(before[_HEADER:], after[_HEADER:], place, name="pyc")
        return
    if old == new:
        yield place.hunk("order", "set", before[_HEADER:], after[_HEADER:])
        return
    for a, b, c, d in stretches(old, new):
        yield from _differing(old[a:b], new[c:d], place)


def _constants(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Texts and numbers of code for two Pythons; what it does with them is not compared."""
    if before[4:] == after[4:]:
        return
    try:
        old, new = (Counter(filter(_is_constant, _objects(side))) for side in (before, after))
    except (FormatError, LeftAlone):
        yield place.part("code").hunk("code", "not compared", b"", b"")
        return
    yield from _differing(tuple((old - new).elements()), tuple((new - old).elements()), place)


def _is_constant(part: bytes) -> bool:
    """Whether a part is a text or a number that is no matter of the version: those have names of Python's own."""
    return part[:1] in (b"t", b"i", b"l", b"g", b"y") and not re.fullmatch(rb"t(?:__\w+__|.*[.<].*)", part, re.DOTALL)


def _objects(data: bytes) -> Objects:
    header, dialect = layout(int.from_bytes(data[:2], "little"))
    return objects(data, header, dialect)


def _differing(old: Objects, new: Objects, place: Place) -> Iterator[Hunk]:
    """Objects of one stretch, each with the one that stands in its place; a text is one only beside a text."""
    for first, second in zip_longest(old, new, fillvalue=b""):
        if first == second:
            continue
        if first[:1] == second[:1] == b"t":
            yield from line_hunks(first[1:], second[1:], "string", "pyc", place)
        else:
            yield place.hunk("bytes", "pyc", first, second)


def _flags(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _mode(header: bytes) -> bytes:
    flags = _flags(header)
    if not flags & _HASH_BASED:
        return b"timestamp"
    return b"checked-hash" if flags & 2 else b"unchecked-hash"


def _version(header: bytes) -> bytes:
    return b"magic %d" % int.from_bytes(header[:2], "little")
