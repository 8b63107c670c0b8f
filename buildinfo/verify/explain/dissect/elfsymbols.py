"""In which order a linker laid functions and data out: by symbols, or where there are none by the unwind table."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from buildinfo.verify.explain.dissect.elftable import Elf, Section

MAX_SYMBOLS: Final = 1_000_000
MAX_FUNCTIONS: Final = 200_000
SHOWN: Final = 12
"""How many names of an order are shown."""
_OBJECT, _FUNCTION, _IFUNC = 1, 2, 10
_RESERVED: Final = 0xFF00

_HASH: Final = re.compile(rb"(?<=17h)[0-9a-f]{16}(?=E)|(?<=Cs)[0-9A-Za-z]+_(?=\d)|(?<=anon\.)[0-9a-f]{32}")
"""What Rust puts into names; it orders functions by them."""

Laid = list[tuple[bytes, int]]
"""Name and size of what was laid out, by address."""


class Reordered(NamedTuple):
    """The first of what two files hold in another order.

    Attributes:
        before, after: names, one a line.
        renamed: the names changed too, as far as they are hashes, and the order may follow from that.
    """

    before: bytes
    after: bytes
    renamed: bool


def reordered(old: Elf, new: Elf) -> Reordered | None:
    """In what the order of two files differs; None where it does not, or where more than that differs."""
    for order in (_symbols, _functions):
        first, second = order(old), order(new)
        if first and second:
            break
    else:
        return None
    renamed = Counter(first) != Counter(second)
    if renamed:
        first, second = ([(_HASH.sub(b"#", name), size) for name, size in side] for side in (first, second))
    if first == second or Counter(first) != Counter(second):
        return None
    start = next(at for at, both in enumerate(zip(first, second, strict=True)) if both[0] != both[1])
    return Reordered(_shown(first[start:]), _shown(second[start:]), renamed)


def _shown(laid: Laid) -> bytes:
    return b"\n".join(name[:80] or b"%d bytes" % size for name, size in laid[:SHOWN])


def _symbols(elf: Elf) -> Laid:
    """Functions and data by address, as `.symtab` names them."""
    table = elf.get(".symtab")
    if table is None or not 0 < table.link < len(elf.sections):
        return []
    names = elf.sections[table.link].data
    found = []
    for name, value, size, info, index in entries(elf, table):
        if info & 15 in (_OBJECT, _FUNCTION, _IFUNC) and 0 < index < _RESERVED and size:
            end = names.find(b"\0", name)
            found.append((index, value, names[name : end if end >= 0 else len(names)][:512], size))
    found.sort()
    return [(name, size) for _, _, name, size in found]


def entries(elf: Elf, table: Section) -> Iterator[tuple[int, int, int, int, int]]:
    """The symbols of a table: offset of the name, value, size, info, section."""
    order = "<" if elf.little else ">"
    layout = struct.Struct(order + ("IBBHQQ" if elf.wide else "IIIBBH"))
    data = table.data
    count = min(len(data) // layout.size, MAX_SYMBOLS)
    for fields in layout.iter_unpack(data[: count * layout.size]):
        if elf.wide:
            name, info, _, index, value, size = fields
        else:
            name, value, size, info, _, index = fields
        yield name, value, size, info, index


def _functions(elf: Elf) -> Laid:
    """Functions by address, as `.eh_frame` tells them: without names, but each with its size."""
    frames = elf.get(".eh_frame")
    if frames is None or elf.relocatable:
        return []
    found = sorted(_frames(elf, frames))
    return [(b"", size) for _, size in found]


def _frames(elf: Elf, frames: Section) -> Iterator[tuple[int, int]]:
    """Address and size of each function. Source: LSB Core, "Exception Frames"."""
    data, order = frames.data, elf.order
    word = 8 if elf.wide else 4
    encodings: dict[int, int] = {}
    at = 0
    for _ in range(MAX_FUNCTIONS):
        length = int.from_bytes(data[at : at + 4], order)
        start, end = at + 4, at + 4 + length
        if not 4 <= length < 0xFFFFFFF0 or end > len(data):
            return
        pointer = int.from_bytes(data[start : start + 4], order)
        if pointer == 0:
            encodings[at] = _encoding(data[start + 4 : end], word)
        else:
            encoding = encodings.get(start - pointer, 0xFF)
            width = {0: word, 2: 2, 3: 4, 4: 8}.get(encoding & 7, 0)
            body = data[start + 4 : start + 4 + 2 * width]
            if not width or encoding & 0x60 or len(body) < 2 * width:
                return
            signed = bool(encoding & 8)
            address = int.from_bytes(body[:width], order, signed=signed)
            if encoding & 0x10:
                address += frames.address + start + 4
            yield address % (1 << 64), int.from_bytes(body[width:], order)
        at = end


def _encoding(entry: bytes, word: int) -> int:
    """How the entries of a group spell addresses; 0xff where that is not understood."""
    augmentation, _, rest = entry[1:].partition(b"\0")
    if not augmentation.startswith(b"z"):
        return 0 if not augmentation else 0xFF
    at = 0
    for _ in range(4):  # alignment of code and of data, the return address, and the length of what follows
        while at < len(rest) and rest[at] & 0x80:
            at += 1
        at += 1
    for letter in augmentation[1:]:
        if at >= len(rest):
            return 0xFF
        if letter == ord("R"):
            return rest[at]
        if letter == ord("P"):
            at += 1 + {0: word, 2: 2, 3: 4, 4: 8}.get(rest[at] & 7, 0)
        elif letter == ord("L"):
            at += 1
    return 0
