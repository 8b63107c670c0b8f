"""What the tables of two ELF files say: relocations, symbols, unwind information, the dynamic section.

Each table of the first is read in terms of the second: an address there is that of the same thing here.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import elfcode, elftables
from buildinfo.verify.explain.dissect.elfdynamic import SIZES, STRING_TAGS, entries
from buildinfo.verify.explain.dissect.elfproof import TABLES, Proof
from buildinfo.verify.explain.dissect.elftable import Elf, Section
from buildinfo.verify.explain.hunk import Hunk

_SECTION, _FILE, _TLS = 3, 4, 6
Make = Callable[[Elf, Section], bytes | None]
_RELOCATES: Final = re.compile(r"^\.rel[ar]?(?=\.)")


def table_hunks(proof: Proof) -> Iterator[Hunk]:
    """What tables say otherwise than what differs elsewhere makes of it."""
    for old, new in proof.pairs:
        if old.name == ".eh_frame":
            yield from _frames(proof, old, new)
        elif old.name == ".eh_frame_hdr":
            yield from _made(proof, old, new, _frame_table)
        elif old.name == ".gnu.hash":
            yield from _made(proof, old, new, _hash_table)
        elif old.name in (".symtab", ".dynsym"):
            yield from _symbols(proof, old, new)
        elif old.name == ".dynamic":
            yield from _dynamic(proof, old, new)
        elif _RELOCATES.match(old.name):
            yield from _relocations(proof, old, new)
    if proof.old.entry and not proof.table.same(proof.old.entry, proof.new.entry):
        yield proof.place.part("entry").hunk("bytes", "entry", *(b"%#x" % elf.entry for elf in (proof.old, proof.new)))


# Unwind information.


def _frames(proof: Proof, old: Section, new: Section) -> Iterator[Hunk]:
    if proof.old.relocatable:
        yield from proof.compared(old, new)
        return
    try:
        first, second = elftables.frames(proof.old, old), elftables.frames(proof.new, new)
    except FormatError:
        if old.data != new.data:
            yield proof.left(old, 0, old.data, new.data)
        return
    partners = {frame.address: frame for frame in second}
    for frame in first:
        address = proof.table.find(frame.address)
        partner = partners.pop(address, None) if address is not None else None
        if partner is None or not _same_frame(proof, frame, partner):
            told = b"" if partner is None else partner.told
            yield proof.left(old, frame.at - old.address, frame.told, told)
    for frame in partners.values():
        yield proof.left(new, frame.at - new.address, b"", frame.told)


def _same_frame(proof: Proof, old: elftables.Frame, new: elftables.Frame) -> bool:
    if old.size != new.size:
        return False
    size = max(len(old.told), len(new.told))  # NULs behind the last operation fill an entry
    told = old.told.ljust(size, b"\0"), new.told.ljust(size, b"\0")
    return _same_numbers(proof, *told, old.told_at, new.told_at) and _same_numbers(
        proof, old.group, new.group, old.group_at, new.group_at
    )


def _same_numbers(proof: Proof, before: bytes, after: bytes, at: int, beyond: int) -> bool:
    """Whether all that differs are distances to one thing."""
    if len(before) != len(after):
        return False
    done = -1
    for site in elfcode.sites(before, after):
        if site < done:
            continue
        for start in range(site, max(-1, site - 4), -1):
            first, second = (
                int.from_bytes(side[start : start + 4], proof.old.order, signed=True) for side in (before, after)
            )
            if proof.table.same(at + start + first, beyond + start + second):
                done = start + 4
                break
        else:
            return False
    return True


def _frame_table(elf: Elf, section: Section) -> bytes | None:
    table = elf.get(".eh_frame")
    return None if table is None else elftables.frame_table(section, table.address, elftables.frames(elf, table))


def _hash_table(elf: Elf, section: Section) -> bytes | None:
    return elftables.gnu_hash(elf, section, elftables.symbols(elf, elf.get(".dynsym")))


def _made(proof: Proof, old: Section, new: Section, make: Make) -> Iterator[Hunk]:
    """A table that is made of others: on both sides it has to be what is made of them."""
    for elf, section in ((proof.old, old), (proof.new, new)):
        try:
            made = make(elf, section)
        except (FormatError, struct.error):
            made = None
        if made is None and old.data == new.data and old.address == new.address:
            return
        if made is None or made.rstrip(b"\0") != section.data.rstrip(b"\0"):
            yield proof.left(old, 0, old.data, new.data)
            return


# Symbols.


class _Said(NamedTuple):
    """What a table says of one symbol, in terms of the second file."""

    name: bytes
    place: str
    value: int | str
    size: int
    info: int
    other: int
    version: bytes


def _symbols(proof: Proof, old: Section, new: Section) -> Iterator[Hunk]:
    sides = _said(proof, 0, proof.old, old), _said(proof, 1, proof.new, new)
    gone, come = Counter(sides[0]) - Counter(sides[1]), Counter(sides[1]) - Counter(sides[0])
    left = [sorted(side.elements(), key=lambda said: (*map(str, said[1:]), said[0])) for side in (gone, come)]
    place = proof.place.part(old.name)
    for index in range(max(map(len, left))):
        one, other = (side[index] if index < len(side) else None for side in left)
        if one is not None and other is not None and one[1:] == other[1:]:
            yield place.hunk("string", ".strtab" if old.name == ".symtab" else ".dynstr", one.name, other.name)
        else:
            yield place.hunk("bytes", old.name, *(_shown(said) for said in (one, other)))


def _shown(said: _Said | None) -> bytes:
    return b"" if said is None else b"%s %s" % (said.name, " ".join(map(str, said[1:])).encode())


def _said(proof: Proof, side: int, elf: Elf, section: Section) -> list[_Said]:
    names = [section.name for section in elf.sections]
    versions = _versions(elf) if section.name == ".dynsym" else []
    found = []
    for index, symbol in enumerate(elftables.symbols(elf, section)):
        kind, value = symbol.info & 15, symbol.value
        resolved: int | str = value
        inside = 0 < symbol.section < len(names)
        if kind in (_SECTION, _FILE) or (inside and TABLES.match(names[symbol.section])):
            resolved = 0
        elif inside and kind != _TLS:
            value += proof.base(side, elf.sections[symbol.section]) if elf.relocatable else 0
            resolved = proof.resolved(value) if side == 0 else value
        place = names[symbol.section] if inside else str(symbol.section)
        version = versions[index] if index < len(versions) else b""
        found.append(_Said(symbol.name, place, resolved, symbol.size, symbol.info, symbol.other, version))
    return found


def _versions(elf: Elf) -> list[bytes]:
    table = elf.get(".gnu.version")
    return [] if table is None else [table.data[at : at + 2] for at in range(0, len(table.data), 2)]


# Relocations.


class _Filled(NamedTuple):
    """What a relocation fills in, in terms of the second file."""

    where: int | str
    type: int
    symbol: bytes
    value: int | str
    held: int | str = 0


Told = tuple[_Filled, int, int]
"""With where it is, and what address it fills in, in terms of its own file."""


def _relocations(proof: Proof, old: Section, new: Section) -> Iterator[Hunk]:
    sides = list(_filled(proof, 0, proof.old, old)), list(_filled(proof, 1, proof.new, new))
    counts = [Counter(told[0] for told in side) for side in sides]
    left = [
        sorted((told for told in side if told[0] in rest), key=lambda told: told[1:])
        for side, rest in zip(sides, (counts[0] - counts[1], counts[1] - counts[0]), strict=True)
    ]
    for one, other in zip_longest(*left):
        if one is not None and other is not None and _same_filled(proof, one, other):
            continue
        shown = (b"" if told is None else " ".join(map(_spelled, told[0])).encode() for told in (one, other))
        yield proof.place.part(old.name).hunk("bytes", old.name, *shown)


def _same_filled(proof: Proof, old: Told, new: Told) -> bool:
    """Whether two relocations are of one thing, though not everything in it is at one place only."""
    if old[0][1:3] != new[0][1:3]:
        return False
    where = old[0].where == new[0].where or proof.table.same(old[1], new[1])
    same = old[0].value == new[0].value or proof.table.same(old[2], new[2])
    return where and same and old[0].held == new[0].held


def _spelled(value: object) -> str:
    return (
        f"{value:#x}"
        if isinstance(value, int)
        else value.decode("utf-8", "backslashreplace")
        if isinstance(value, bytes)
        else str(value)
    )


def _filled(proof: Proof, side: int, elf: Elf, section: Section) -> Iterator[Told]:
    names = elftables.symbols(elf, elf.get(".symtab" if elf.relocatable else ".dynsym"))
    target = elf.get(_RELOCATES.sub("", section.name, count=1)) if elf.relocatable else None
    base = 0 if target is None else proof.base(side, target)
    debug = target is not None and not target.allocated
    counted = elftables.PC_RELATIVE.get(elf.machine, ())

    def here(address: int) -> int | str:
        return proof.resolved(address) if side == 0 else address

    for relocation in elftables.relocations(elf, section):
        where = relocation.at if debug else here(base + relocation.at)
        addend = relocation.addend
        if addend is None:
            addend = 0 if elf.relocatable else proof.stored(side, relocation.at)
        if elftables.is_relative(elf, relocation):
            held = 0 if relocation.addend is None else proof.stored(side, relocation.at)
            shown = "its addend" if held == addend else held
            yield _Filled(where, relocation.type, b"", here(addend), shown), base + relocation.at, addend
            continue
        symbol = names[relocation.symbol] if relocation.symbol < len(names) else None
        if symbol is None:
            yield _Filled(where, relocation.type, b"?", relocation.symbol), base + relocation.at, 0
        elif elf.relocatable and symbol.info >> 4 == 0 and 0 < symbol.section < len(elf.sections):
            of = elf.sections[symbol.section]
            more = 4 if relocation.type in counted else 0
            offset = symbol.value + addend + more
            filled = _Filled(where, relocation.type, of.name.encode(), proof.inside(side, of, offset))
            yield filled, base + relocation.at, proof.base(side, of) + offset
        else:
            held = 0 if elf.relocatable or relocation.addend is None else proof.stored(side, relocation.at)
            shown = here(held) if held else 0
            yield _Filled(where, relocation.type, symbol.name, addend, shown), base + relocation.at, 0


# The dynamic section.


def _dynamic(proof: Proof, old: Section, new: Section) -> Iterator[Hunk]:
    first, second = entries(proof.old, old), entries(proof.new, new)
    place = proof.place.part(old.name)
    needed = [[value for tag, value in side if tag == 1] for side in (first, second)]
    if [tag for tag, _ in first] != [tag for tag, _ in second]:
        told = (" ".join(f"{tag:#x}" for tag, _ in side).encode() for side in (first, second))
        yield place.hunk("elf", "tags", *told)
        return
    sizes = [{section.name: section.size for section in elf.sections} for elf in (proof.old, proof.new)]
    for (tag, before), (_, after) in zip(first, second, strict=True):
        if before == after or tag in STRING_TAGS or (tag == 1 and sorted(needed[0]) == sorted(needed[1])):
            continue
        names = SIZES.get(tag)
        if names is not None and any(sizes[0].get(name) == before and sizes[1].get(name) == after for name in names):
            continue
        if not proof.table.same(before, after):
            yield place.hunk("bytes", old.name, b"%#x %#x" % (tag, before), b"%#x %#x" % (tag, after))
