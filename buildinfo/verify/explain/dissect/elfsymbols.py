"""In which order a linker laid functions and data out: by symbols, or where there are none by the unwind table."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from buildinfo.verify.explain.dissect import elftables
from buildinfo.verify.explain.dissect.elftable import Elf

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
    found = sorted(
        (symbol.section, symbol.value, symbol.name[:512], symbol.size)
        for symbol in elftables.symbols(elf, elf.get(".symtab"))
        if symbol.info & 15 in (_OBJECT, _FUNCTION, _IFUNC) and 0 < symbol.section < _RESERVED and symbol.size
    )
    return [(name, size) for _, _, name, size in found]


def _functions(elf: Elf) -> Laid:
    """Functions by address, as `.eh_frame` tells them: without names, but each with its size."""
    return [(b"", frame.size) for frame in sorted(elftables.linked_frames(elf))]
