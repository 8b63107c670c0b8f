"""The dynamic section: run paths, needed libraries and flags; all else in it are addresses and sizes.

Source: System V gABI, chapter 5, "Dynamic Section"; `elf.h` of glibc for the numbers.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.explain.dissect.elftable import Elf, Section
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_ENTRIES: Final = 4096
_NEEDED: Final = 1
_FLAGS: Final = {16: "SYMBOLIC", 22: "TEXTREL", 24: "BIND_NOW", 30: "FLAGS", 0x6FFFFFFB: "FLAGS_1"}

STRING_TAGS: Final = frozenset((14, 15, 29))
"""SONAME, RPATH, RUNPATH: their texts are told by `.dynstr`."""
SIZES: Final = {
    2: (".rela.plt", ".rel.plt"),
    8: (".rela.dyn",),
    10: (".dynstr",),
    18: (".rel.dyn",),
    25: (".init_array",),
    27: (".init_array",),
    28: (".fini_array",),
    33: (".preinit_array",),
    35: (".relr.dyn",),
}
"""Tags that state the size of a section, and which."""


def dynamic_hunks(first: Elf, old: Section, second: Elf, new: Section, place: Place) -> Iterator[Hunk]:
    """Needed libraries in another order (kind `order`), other flags, and that the rest differs.

    Names of libraries and run paths are texts of `.dynstr`.
    """
    before, after = entries(first, old), entries(second, new)
    needed = [[value for tag, value in side if tag == _NEEDED] for side in (before, after)]
    names = [_names(elf, values) for elf, values in zip((first, second), needed, strict=True)]
    if names[0] != names[1] and Counter(names[0]) == Counter(names[1]):
        yield place.hunk("order", "needed", b"\n".join(names[0]), b"\n".join(names[1]))
    flags = [[f"{_FLAGS[tag]} {value:#x}" for tag, value in side if tag in _FLAGS] for side in (before, after)]
    if flags[0] != flags[1]:
        yield place.hunk("elf", "flags", "\n".join(flags[0]).encode(), "\n".join(flags[1]).encode())
    yield place.hunk("elf", old.name, old.data, new.data, follows=True)


def entries(elf: Elf, section: Section) -> list[tuple[int, int]]:
    """The tags and values of a dynamic section."""
    layout = struct.Struct(("<" if elf.little else ">") + ("QQ" if elf.wide else "II"))
    data = section.data
    count = min(len(data) // layout.size, MAX_ENTRIES)
    entries: list[tuple[int, int]] = []
    for tag, value in layout.iter_unpack(data[: count * layout.size]):
        if not tag:
            break
        entries.append((tag, value))
    return entries


def _names(elf: Elf, offsets: list[int]) -> list[bytes]:
    table = elf.get(".dynstr")
    data = b"" if table is None else table.data
    return [data[offset : offset + 512].partition(b"\0")[0] for offset in offsets]
