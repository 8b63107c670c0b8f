"""The canonical spelling of a marshalled code object.

Sources: CPython's `Python/marshal.c` (the stream), and add-determinism's `pyc` handler, whose output this module gives
byte for byte.

`marshal` shares objects by identity: it sets FLAG_REF on an object that has more than one reference when it is written,
and writes a reference where the very same object comes again. Both hang on what else the compiling process holds in
memory. In the canonical spelling equal objects are written once, every later one is a reference, and just those that
are referred to have FLAG_REF. All that a compiler writes is immutable, so the code does the same.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from struct import Struct
from struct import error as struct_error
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import LeftAlone

MAX_DEPTH: Final = 2000
"""Objects inside objects; the limit of CPython's own reader."""

_FLAG_REF: Final = 0x80
_REF: Final = ord("r")
_CODE: Final = ord("c")
_ATOMS: Final = b"NTF.S"
"""Objects of one byte, never worth a reference; their numbers as nodes are their places here."""
_ODD: Final = frozenset(b"[{<Ifx")
"""Types that marshal knows and no compiler writes: mutable objects, and numbers of older streams."""
_ARCHIVE: Final = b"PK\5\6"
"""In what stands behind the code: the end record of a zip archive."""
_WIDTHS: Final = {ord("i"): 5, ord("g"): 9, ord("y"): 17}
_SHORT_TEXT: Final = 256
"""Bytes from which on a text has a length of four bytes."""
_BEFORE: Final = 8
"""Objects of a code object before its line number, in every dialect."""

_ATOM, _SHORT, _STRING, _LONG, _NUMBER, _TUPLE, _SEQUENCE, _OBJECT, _SLICE, _OTHER, _REFERENCE = range(11)
_TYPES: Final = {
    _ATOM: "NTF.S",
    _SHORT: "zZ",
    _STRING: "stuaA",
    _LONG: "l",
    _NUMBER: "igy",
    _TUPLE: ")",
    _SEQUENCE: "(>",
    _OBJECT: "c",
    _SLICE: ":",
}
_SHAPES: Final = tuple(
    next((shape for shape, letters in _TYPES.items() if chr(byte & 0x7F) in letters), _OTHER)
    if byte != _REF
    else _REFERENCE
    for byte in range(256)
)
"""How an object goes on after its type byte; those before `_TUPLE` hold no others."""

_Group = tuple[int, int, int, int, int, list[int | bytes]]


_TEXTS: Final = frozenset(b"aAzZut")
"""Types of texts; `s` are bytes, such as code."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a version of Python marshals code.

    Attributes:
        head: bytes of the numbers before the first object of a code object.
        tail: objects after its line number.
        slices: whether constants may be slices.
    """

    head: int
    tail: int
    slices: bool = False

    @property
    def filename(self) -> int:
        """Which of the objects of a code object is the path of its source: since 3.11 one fewer stands before it."""
        return 6 if self.tail == 1 else 5


def canonical(data: bytes, start: int, dialect: Dialect) -> bytes:
    """Spells the code object that begins at `start` canonically.

    Returns:
        What stands before it, and its canonical spelling; `data` itself where that is the same. What stands after it,
        which Python never reads, is gone.

    Raises:
        FormatError: it is not one marshalled code object.
        LeftAlone: it holds an object that no compiler writes, or a zip archive follows, which Python would run.
    """
    stream = _Stream(data)
    end = stream.read(start, dialect)
    if end > len(data):
        raise FormatError("ends inside an object", offset=len(data))
    if data.find(_ARCHIVE, end) >= 0:
        raise LeftAlone("a zip archive follows its code")
    return stream.spell(end)


def texts(data: bytes, start: int, dialect: Dialect) -> list[tuple[int, int, int]]:
    """The texts in the code object that begins at `start`: of each where it begins, with type and length before it,
    where its characters begin, and where it ends.

    Raises:
        FormatError, LeftAlone: as `canonical`.
    """
    stream = _Stream(data)
    stream.read(start, dialect)
    found = []
    for pos in stream.starts[len(_ATOMS) :]:
        if data[pos] & 0x7F in _TEXTS:
            length = 1 if _SHAPES[data[pos]] == _SHORT else 4
            begin = pos + 1 + length
            found.append((pos, begin, begin + int.from_bytes(data[pos + 1 : begin], "little")))
    return sorted(found)


def with_filename(data: bytes, start: int, dialect: Dialect, old: bytes, new: bytes) -> bytes:
    """Code whose source is said to lie at `old`, saying `new` instead, in all code objects; else the same.

    Where a program uses that very text in another place, as a constant, nothing changes.

    Args:
        data: in canonical form.
        start: where the code object begins.
        dialect: how it is marshalled.
        old: a path, as it stands in the stream.
        new: another one.

    Raises:
        FormatError, LeftAlone: as `canonical`.
    """
    stream = _Stream(data)
    stream.read(start, dialect)
    place = 2 + dialect.filename
    files: set[int] = set()
    others: set[int | bytes] = set()
    for parts in stream.groups:
        code = parts[0] == _CODE
        if code:
            files.add(int(parts[place]))
        others.update(parts[1:place] + parts[place + 1 :] if code else parts[1:])
    for node in files - others:
        pos = stream.starts[node] if node >= len(_ATOMS) else -1
        if pos < 0 or data[pos] & 0x7F not in _TEXTS:
            continue
        begin = pos + (2 if _SHAPES[data[pos]] == _SHORT else 5)
        end = begin + int.from_bytes(data[pos + 1 : begin], "little")
        if data[begin:end] == old:
            return canonical(data[:pos] + _spelled(data[pos], new) + data[end:], start, dialect)
    return data


def _spelled(kind: int, text: bytes) -> bytes:
    """A text as `marshal` writes it: as interned and as referred to as the one of type `kind`."""
    interned = chr(kind & 0x7F) in "tAZ"
    if not text.isascii():
        return bytes((ord("t" if interned else "u") | kind & _FLAG_REF,)) + len(text).to_bytes(4, "little") + text
    if len(text) < _SHORT_TEXT:
        return bytes((ord("Z" if interned else "z") | kind & _FLAG_REF, len(text))) + text
    return bytes((ord("A" if interned else "a") | kind & _FLAG_REF,)) + len(text).to_bytes(4, "little") + text


class _Stream:
    """What one pass over a stream finds: every object becomes a node, equal objects the same.

    Attributes:
        groups: the objects that hold others, each as its type and its parts: nodes, and bytes that are no objects.
        starts: per node, the offset of the first object that is this node.
        flagged: the offsets of all objects with FLAG_REF.
        again: what is to be spelled as a reference: offset, end and node of each, flat and in order.
        repeated: whether `again` holds more than references that are in the stream already and must be.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.starts = [-1] * len(_ATOMS)
        self.flagged = array("I")
        self.again = array("I")
        self.repeated = False
        self.groups: dict[tuple[int | bytes, ...], int] = {}

    def read(self, pos: int, dialect: Dialect) -> int:  # noqa: PLR0912, PLR0915 - see below
        """Reads one object with all inside it, and gives its end.

        All in one loop without calls: a package may hold thousands of modules, and this is where the time goes. What
        ends after the data needs no check of its own: the next read, or a look at the end that is given back, meets it.
        """
        data, starts, flagged, again = self.data, self.starts, self.flagged, self.again
        shapes, atoms, number = _SHAPES, len(_ATOMS), Struct("<I").unpack_from
        leaves: list[dict[bytes, int]] = [{} for _ in range(_FLAG_REF)]
        leaves *= 2  # with FLAG_REF or without
        groups = self.groups
        nodes: list[int] = []  # of every object with FLAG_REF; -1 while it is being read
        # The innermost open group: its type, offset, place in `nodes`, length of `again` before it, parts to come, and
        # parts so far. The outermost stands for the stream.
        kind, begin, slot, mark, left = -1, pos, -1, 0, 1
        parts: list[int | bytes] = []
        stack: list[_Group] = []
        try:
            while True:
                byte = data[pos]
                shape = shapes[byte]
                if shape == _REFERENCE:
                    node = nodes[number(data, pos + 1)[0]]
                    if node < atoms:
                        if node < 0:
                            raise FormatError("a reference to an object that holds it", offset=pos)
                        self.repeated = True
                    again.extend((pos, pos + 5, node))
                    pos += 5
                    parts.append(node)
                    left -= 1
                elif shape < _TUPLE:
                    if byte >= _FLAG_REF:
                        flagged.append(pos)
                    if shape == _ATOM:
                        node = _ATOMS.index(byte & 0x7F)
                        pos += 1
                    else:
                        if shape == _SHORT:
                            end = pos + 2 + data[pos + 1]
                        elif shape == _STRING:
                            end = pos + 5 + number(data, pos + 1)[0]
                        elif shape == _LONG:
                            digits = number(data, pos + 1)[0]
                            end = pos + 5 + 2 * min(digits, (1 << 32) - digits)
                        else:
                            end = pos + _WIDTHS[byte & 0x7F]
                        node = leaves[byte].setdefault(data[pos + 1 : end], len(starts))
                        if node == len(starts):
                            starts.append(pos)
                        else:
                            again.extend((pos, end, node))
                            self.repeated = True
                        pos = end
                    if byte >= _FLAG_REF:
                        nodes.append(node)
                    parts.append(node)
                    left -= 1
                else:
                    stack.append((kind, begin, slot, mark, left, parts))
                    if len(stack) > MAX_DEPTH:
                        raise FormatError("objects too deep inside each other", offset=pos)
                    kind, begin, slot, mark, parts = byte & 0x7F, pos, -1, len(again), [byte & 0x7F]
                    if byte >= _FLAG_REF:
                        flagged.append(pos)
                        slot = len(nodes)
                        nodes.append(-1)
                    if shape == _TUPLE:
                        left = data[pos + 1]
                        pos += 2
                    elif shape == _OBJECT:
                        left = _BEFORE
                        pos += 1 + dialect.head
                        parts.append(data[begin + 1 : pos])
                    elif shape == _SEQUENCE:
                        left = number(data, pos + 1)[0]
                        pos += 5
                    elif shape == _SLICE and dialect.slices:
                        left = 3
                        pos += 1
                    elif kind in _ODD:
                        raise LeftAlone(f"it holds an object of type {chr(kind)!r}, which no compiler writes")
                    else:
                        raise FormatError("an object of an unknown type", offset=pos)
                while not left:
                    if kind < 0:
                        return pos
                    if kind == _CODE and len(parts) == 2 + _BEFORE:
                        parts.append(data[pos : pos + 4])
                        pos += 4
                        left = dialect.tail
                        break
                    node = groups.setdefault(tuple(parts), len(starts))
                    if node == len(starts):
                        starts.append(begin)
                    else:
                        again[mark:] = array("I", (begin, pos, node))
                        self.repeated = True
                    if slot >= 0:
                        nodes[slot] = node
                    kind, begin, slot, mark, left, parts = stack.pop()
                    parts.append(node)
                    left -= 1
        except (IndexError, struct_error):
            raise FormatError("ends inside an object, or refers to one that is not there", offset=pos) from None

    def spell(self, end: int) -> bytes:
        """The canonical spelling of what was read, and all that stands before it.

        Args:
            end: the end of what was read.
        """
        again, starts = self.again, self.starts
        nodes = set(again[2::3])
        targets = array("I", sorted(starts[node] for node in nodes if node >= len(_ATOMS)))
        if not self.repeated and targets == self.flagged:
            return self.data[:end]
        text = bytearray(self.data)
        for pos in self.flagged:
            text[pos] &= ~_FLAG_REF
        for pos in targets:
            text[pos] |= _FLAG_REF
        numbers = {pos: number for number, pos in enumerate(targets)}
        spellings = {
            node: b"r" + numbers[starts[node]].to_bytes(4, "little") if node >= len(_ATOMS) else _ATOMS[node : node + 1]
            for node in nodes
        }
        out = bytearray()
        done = 0
        for pos, after, node in zip(again[::3], again[1::3], again[2::3], strict=True):
            out += text[done:pos]
            out += spellings[node]
            done = after
        return bytes(out + text[done:end])
