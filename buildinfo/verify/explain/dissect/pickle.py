"""Pickles, read with the standard library's `pickletools` and never loaded: their operations, with sets sorted.

Source: `pickletools.py` of CPython, which documents every operation.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.patience import stretches
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

MAX_OPERATIONS: Final = 300_000
_UNSAID: Final = frozenset(("FRAME", "MEMOIZE"))
"""How it was written, and numbers that count by themselves."""
_SETS: Final = frozenset(("ADDITEMS", "FROZENSET"))
_MARKED: Final = (b"APPENDS", b"SETITEMS", b"TUPLE", b"LIST", b"DICT", b"POP_MARK", b"OBJ", b"INST")
"""What ends with a mark, as a set does."""
_TEXTS: Final = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Texts (kind `string`), other operations (kind `bytes`), and that only sets are in another order.

    Raises:
        FormatError: one of them is no whole pickle, or too long.
    """
    plain = _operations(before), _operations(after)
    old, new = _sorted(plain[0]), _sorted(plain[1])
    if old == new:
        yield place.hunk("order", "set", *(b"\n".join(side)[:4000] for side in plain))
        return
    for a, b, c, d in stretches(old, new):
        one, other = old[a:b], new[c:d]
        if len(one) != len(other):
            yield place.hunk("bytes", "pickle", b"\n".join(one), b"\n".join(other))
            continue
        for first, second in zip(one, other, strict=True):
            if first[:1] == second[:1] == b"t":
                yield from line_hunks(first[1:], second[1:], "string", "pickle", place)
            elif first != second:
                yield place.hunk("bytes", "pickle", first, second)


def _operations(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    end = 0
    try:
        for operation, argument, at in pickletools.genops(data):
            end = (at or 0) + 1
            if operation.name in _TEXTS:
                found.append(b"t" + str(argument).encode("utf-8", "surrogatepass"))
            elif operation.name not in _UNSAID:
                found.append(f"{operation.name} {argument!r}".encode("utf-8", "backslashreplace"))
            if len(found) > MAX_OPERATIONS:
                raise FormatError("too many operations")
    except FormatError:
        raise
    except Exception as error:  # what the library raises on malformed input is not documented
        raise FormatError(f"no pickle ({type(error).__name__})") from None
    return [*found, b"behind " + data[end:]]


def _sorted(operations: list[bytes]) -> list[bytes]:
    """With the members of sets sorted, where nothing refers to them by number."""
    if any(operation.startswith((b"BINGET", b"LONG_BINGET", b"GET", b"BINPUT", b"PUT")) for operation in operations):
        return operations
    found: list[bytes] = []
    marks: list[int] = []
    for operation in operations:
        if operation.split(b" ")[0].decode("latin-1") in _SETS and marks:
            start = marks.pop() + 1
            found[start:] = sorted(found[start:])
        elif operation.startswith(b"MARK"):
            marks.append(len(found))
        elif operation.split(b" ")[0] in (
            b"APPENDS",
            b"SETITEMS",
            b"TUPLE",
            b"LIST",
            b"DICT",
            b"POP_MARK",
            b"OBJ",
            b"INST",
        ):
            marks = marks[:-1]
        found.append(operation)
    return found
