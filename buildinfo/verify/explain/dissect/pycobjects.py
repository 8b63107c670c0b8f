"""The objects of compiled Python one after the other, references followed and sets sorted: what Python makes of a file.

Sources: CPython's `Python/marshal.c`; what a code object holds tells `buildinfo.normalize.marshal`.
"""

from __future__ import annotations

from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.marshal import Dialect

MAX_OBJECTS: Final = 400_000
_DEEPEST: Final = 150
_REF: Final = 0x80
_TEXTS: Final = b"aAzZut"
_INTERNED: Final = b"AZt"
_SETS: Final = b"<>"

Objects = tuple[bytes, ...]
"""An object and those inside it, each as its type and its value."""


class Reader:
    """Reads one code object."""

    def __init__(self, data: bytes, dialect: Dialect) -> None:
        self.data = data
        self.dialect = dialect
        self.known: list[Objects | None] = []
        self.count = 0

    def read(self, at: int, depth: int = 0) -> tuple[Objects, int]:
        """The object at a place, and where it ends.

        Raises:
            FormatError: none, too deep, or too many.
        """
        if at >= len(self.data) or depth > _DEEPEST:
            raise FormatError("ends inside an object, or too deep", offset=at)
        kind = self.data[at]
        if kind == ord("r"):
            place = self._number(at + 1)
            found = self.known[place] if place < len(self.known) else None
            if found is None:
                raise FormatError("a reference to what is not there", offset=at)
            self._counted(len(found))
            return found, at + 5
        slot = len(self.known)
        if kind & _REF:
            self.known.append(None)
        found, end = self._value(kind & 0x7F, at + 1, depth)
        if kind & _REF:
            self.known[slot] = found
        self._counted(len(found))
        return found, end

    def _counted(self, count: int) -> None:
        self.count += count
        if self.count > MAX_OBJECTS:
            raise FormatError("too many objects")

    def _number(self, at: int) -> int:
        if at + 4 > len(self.data):
            raise FormatError("ends inside an object", offset=at)
        return int.from_bytes(self.data[at : at + 4], "little")

    def _value(self, kind: int, at: int, depth: int) -> tuple[Objects, int]:  # noqa: PLR0911  # one for each type
        data = self.data
        if kind in b"NTF.S0":
            return (bytes((kind,)),), at
        if kind in b"zZ":
            return _text(kind, data[at + 1 : at + 1 + data[at]]), at + 1 + data[at]
        if kind in b"stuaA":
            end = at + 4 + self._number(at)
            return _text(kind, data[at + 4 : end]) if kind in _TEXTS else (b"s" + data[at + 4 : end],), end
        if kind == ord("l"):
            digits = self._number(at)
            end = at + 4 + 2 * min(digits, (1 << 32) - digits)
            return (b"l" + data[at:end],), end
        if kind in b"igy":
            end = at + {ord("i"): 4, ord("g"): 8, ord("y"): 16}[kind]
            return (bytes((kind,)) + data[at:end],), end
        if kind == ord("c"):
            return self._code(at, depth)
        if kind == ord(":") and self.dialect.slices:
            return self._sequence(kind, 3, at, depth)
        if kind == ord(")"):
            return self._sequence(ord("("), data[at], at + 1, depth)
        if kind in b"([<>":
            return self._sequence(kind, self._number(at), at + 4, depth)
        raise FormatError("an object of an unknown type", offset=at)

    def _sequence(self, kind: int, count: int, at: int, depth: int) -> tuple[Objects, int]:
        items = []
        for _ in range(count):
            item, at = self.read(at, depth + 1)
            items.append(item)
        if kind in _SETS:
            items.sort()
        return (b"%c%d" % (kind, count), *(part for item in items for part in item)), at

    def _code(self, at: int, depth: int) -> tuple[Objects, int]:
        head, at = self.data[at : at + self.dialect.head], at + self.dialect.head
        parts: list[bytes] = [b"c" + head]
        for index in range(8 + self.dialect.tail):
            if index == 8:
                parts.append(b"n" + self.data[at : at + 4])
                at += 4
            item, at = self.read(at, depth + 1)
            parts += item
        return tuple(parts), at


def _text(kind: int, text: bytes) -> Objects:
    """A text, and whether it is interned."""
    return (b"t" + text, b"I") if kind in _INTERNED else (b"t" + text,)


def objects(data: bytes, start: int, dialect: Dialect) -> Objects:
    """All objects of the code that begins at `start`.

    Raises:
        FormatError: it is not one marshalled code object.
    """
    try:
        found, end = Reader(data, dialect).read(start)
    except IndexError:
        raise FormatError("ends inside an object", offset=len(data)) from None
    if end > len(data):
        raise FormatError("ends inside an object", offset=len(data))
    return (*found, b"e" + data[end:])
