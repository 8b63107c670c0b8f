"""The tables that a linker makes: relocations, symbols, hashes, unwind information. Each is read and compared as what
it says, or made anew and compared with what is there.

Sources: System V gABI, chapters 4 and 5; its supplements for the numbers of relocations; LSB Core, "Exception Frames".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.elftable import Elf, Section

MAX_ENTRIES: Final = 2_000_000
_RELATIVE: Final = {
    "EM_X86_64": (8, 37),
    "EM_386": (8, 42),
    "EM_AARCH64": (1027, 1032),
    "EM_ARM": (23,),
    "EM_PPC64": (22,),
    "EM_S390": (12,),
    "EM_RISCV": (3,),
    "EM_LOONGARCH": (3,),
}
"""Relocations whose addend is an address in the file itself."""
PC_RELATIVE: Final = {"EM_X86_64": (2, 4, 9, 41, 42), "EM_386": (2, 4)}
"""Relocations of four bytes counted from their end: their addend is four bytes before what they mean."""


class Relocation(NamedTuple):
    """One relocation: where, of which type, by which symbol, with which addend."""

    at: int
    type: int
    symbol: int
    addend: int | None


class Symbol(NamedTuple):
    """One symbol, with the number of its section."""

    name: bytes
    value: int
    size: int
    info: int
    other: int
    section: int


def relocations(elf: Elf, section: Section) -> Iterator[Relocation]:
    """The relocations of a section; those of `.relr` have neither type nor symbol."""
    if section.kind in ("SHT_RELR", "SHT_ANDROID_RELR") or section.name.startswith(".relr"):
        yield from _packed(elf, section)
        return
    with_addend = section.kind == "SHT_RELA"
    order = "<" if elf.little else ">"
    letters = ("QQ" if elf.wide else "II") + (("q" if elf.wide else "i") if with_addend else "")
    layout = struct.Struct(order + letters)
    data = section.data
    count = min(len(data) // layout.size, MAX_ENTRIES)
    shift = 32 if elf.wide else 8
    for fields in layout.iter_unpack(data[: count * layout.size]):
        info = fields[1]
        yield Relocation(fields[0], info & ((1 << shift) - 1), info >> shift, fields[2] if with_addend else None)


def _packed(elf: Elf, section: Section) -> Iterator[Relocation]:
    """Source: the gABI's proposal of SHT_RELR."""
    width = 8 if elf.wide else 4
    base = 0
    for (entry,) in struct.iter_unpack(("<" if elf.little else ">") + ("Q" if elf.wide else "I"), section.data):
        if not entry & 1:
            yield Relocation(entry, -1, 0, None)
            base = entry + width
            continue
        for bit in range(1, width * 8):
            if entry >> bit & 1:
                yield Relocation(base + (bit - 1) * width, -1, 0, None)
        base += (width * 8 - 1) * width


def is_relative(elf: Elf, relocation: Relocation) -> bool:
    return relocation.type == -1 or (relocation.type in _RELATIVE.get(elf.machine, ()) and not relocation.symbol)


def symbols(elf: Elf, table: Section | None) -> list[Symbol]:
    """The symbols of a table, in order."""
    if table is None or not 0 < table.link < len(elf.sections):
        return []
    names = elf.sections[table.link].data
    layout = struct.Struct(("<" if elf.little else ">") + ("IBBHQQ" if elf.wide else "IIIBBH"))
    data = table.data
    count = min(len(data) // layout.size, MAX_ENTRIES)
    found = []
    for fields in layout.iter_unpack(data[: count * layout.size]):
        if elf.wide:
            name, info, other, index, value, size = fields
        else:
            name, value, size, info, other, index = fields
        end = names.find(b"\0", name)
        found.append(Symbol(names[name : end if end >= 0 else len(names)], value, size, info, other, index))
    return found


def gnu_hash(elf: Elf, section: Section, table: Sequence[Symbol]) -> bytes:
    """The hash table that a linker makes of symbols, with the sizes that one has.

    Raises:
        FormatError: it is no such table.
    """
    order = "<" if elf.little else ">"
    word = 8 if elf.wide else 4
    if len(section.data) < 16:
        raise FormatError("a hash table that is cut off", offset=section.offset)
    buckets, first, blooms, shift = struct.unpack_from(order + "4I", section.data)
    hashed = table[first:]
    if not buckets or not blooms or 16 + blooms * word + 4 * (buckets + len(hashed)) > 2 * len(section.data) + 64:
        raise FormatError("no hash table", offset=section.offset)
    hashes = [_gnu(symbol.name) for symbol in hashed]
    filters = [0] * blooms
    heads = [0] * buckets
    bits = word * 8
    chain = []
    for at, value in enumerate(hashes):
        filters[value // bits % blooms] |= 1 << value % bits | 1 << (value >> shift) % bits
        bucket = value % buckets
        heads[bucket] = heads[bucket] or first + at
        last = at + 1 == len(hashes) or hashes[at + 1] % buckets != bucket
        chain.append(value & ~1 | last)
    made = struct.pack(order + "4I", buckets, first, blooms, shift)
    made += struct.pack(f"{order}{blooms}{'Q' if elf.wide else 'I'}", *filters)
    return made + struct.pack(f"{order}{buckets}I{len(chain)}I", *heads, *chain)


def _gnu(name: bytes) -> int:
    value = 5381
    for letter in name:
        value = (value * 33 + letter) & 0xFFFFFFFF
    return value


class Frame(NamedTuple):
    """How one function is unwound: where it lies, its size, what its group says, and what is told of itself."""

    address: int
    size: int
    at: int
    group: bytes
    group_at: int
    told: bytes
    told_at: int


def linked_frames(elf: Elf) -> list[Frame]:
    """The functions that `.eh_frame` of a linked file tells of; none where it cannot be read."""
    table = elf.get(".eh_frame")
    if table is None or elf.relocatable:
        return []
    try:
        return frames(elf, table)
    except FormatError:
        return []


def frames(elf: Elf, section: Section) -> list[Frame]:
    """The entries of `.eh_frame`.

    Raises:
        FormatError: they are spelled in a way that is not read.
    """
    data, order, word = section.data, elf.order, 8 if elf.wide else 4
    groups: dict[int, tuple[bytes, int, int]] = {}
    found: list[Frame] = []
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], order)
        start, end = at + 4, at + 4 + length
        if not length:
            break
        if length < 4 or length >= 0xFFFFFFF0 or end > len(data):
            raise FormatError("no unwind entry", offset=section.offset + at)
        pointer = int.from_bytes(data[start : start + 4], order)
        if not pointer:
            groups[at] = data[start + 4 : end], encoding(data[start + 4 : end], word), section.address + start + 4
        else:
            group, spelled, group_at = groups.get(start - pointer, (b"", 0xFF, 0))
            width = {0: word, 2: 2, 3: 4, 4: 8}.get(spelled & 7, 0)
            if not width or spelled & 0x60:
                raise FormatError("addresses that are not read", offset=section.offset + at)
            body = start + 4
            address = int.from_bytes(data[body : body + width], order, signed=bool(spelled & 8))
            if spelled & 0x10:
                address += section.address + body
            told = body + 2 * width
            size = int.from_bytes(data[body + width : told], order)
            found.append(
                Frame(
                    address % (1 << 8 * word),
                    size,
                    section.address + at,
                    group,
                    group_at,
                    data[told:end],
                    section.address + told,
                )
            )
        at = end
    return found


def encoding(entry: bytes, word: int) -> int:
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


def frame_table(section: Section, frames_at: int, found: Sequence[Frame]) -> bytes | None:
    """The table `.eh_frame_hdr` that a linker makes of unwind entries; None where it is of another form."""
    if section.data[:4] != b"\x01\x1b\x03\x3b":
        return None
    made = section.data[:4] + struct.pack("<i", frames_at - section.address - 4) + struct.pack("<I", len(found))
    for frame in sorted(found, key=lambda frame: frame.address):
        made += struct.pack("<ii", frame.address - section.address, frame.at - section.address)
    return made
