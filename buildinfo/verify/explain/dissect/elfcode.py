"""Whether code differs only in where it refers to: what it refers to lies elsewhere, for other reasons.

No disassembly: in code of one length every word that differs has to be an address, a distance, or the part of one that
an instruction has room for, and has to lead to the same section in both files; where that section did not change
inside, to the same place in it. A changed constant leads nowhere, unless it is the length of a text that changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.explain.dissect.elftable import Elf, Section

MAX_SITES: Final = 20_000
"""Most words that are looked at; of more code the beginning."""
_PIECE: Final = 4096
_RELAXED: Final = frozenset(("EM_RISCV", "EM_LOONGARCH"))
"""Here linkers take instructions away where a distance is short."""
_IMMEDIATES: Final = (0, 1, 2, 4)
"""How many bytes of an instruction of x86 may stand behind a distance."""
_AARCH64: Final = (
    (0x1F000000, 0x10000000, 0x9F00001F),  # ADR, ADRP: the operation and the register stay
    (0x7F800000, 0x11000000, 0xFFC003FF),  # ADD, with 12 bits of an address
    (0x3B000000, 0x39000000, 0xFFC003FF),  # loads and stores, with 12 bits of an address
    (0x7C000000, 0x14000000, 0xFC000000),  # B, BL
    (0x3B000000, 0x18000000, 0xFF00001F),  # loads of literals
)
"""Mask and value that tell an instruction, and the bits that a reference leaves alone."""
_MOVZ_KEPT: Final = 0xFFE0001F
"""The bits of a MOVZ that its constant leaves alone."""
_SPARSE: Final = 0.25
"""Most of all words that may differ, in code of other processors."""


def refers_elsewhere(first: Elf, old: Section, second: Elf, new: Section, lengths: set[tuple[int, int]]) -> bool:
    """Whether all that differs between two sections of code are references, and lengths of texts.

    Args:
        lengths: of texts that differ, those on both sides.
    """
    if first.machine in _RELAXED and not first.relocatable:
        return True
    before, after = old.data, new.data
    if len(before) != len(after):
        return False
    if first.relocatable:  # with RELA there is nothing to refer with yet
        return not first.wide and _sparse(before, after)
    if first.machine == "EM_AARCH64":
        return all(_aarch64(*words, lengths) for words in _words(before, after))
    if first.machine in ("EM_X86_64", "EM_386"):
        return _x86(_Targets(first, second, lengths), old, new)
    return _sparse(before, after)


def _sites(before: bytes, after: bytes) -> Iterator[int]:
    """Where two contents of one length differ."""
    for base in range(0, len(before), _PIECE):
        one, other = before[base : base + _PIECE], after[base : base + _PIECE]
        if one != other:
            yield from (base + at for at, both in enumerate(zip(one, other, strict=True)) if both[0] != both[1])


def _words(before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
    """The aligned words that differ."""
    last, count = -1, 0
    for site in _sites(before, after):
        at = site & ~3
        if at != last:
            yield int.from_bytes(before[at : at + 4], "little"), int.from_bytes(after[at : at + 4], "little")
            last, count = at, count + 1
            if count >= MAX_SITES:
                return


def _sparse(before: bytes, after: bytes) -> bool:
    return sum(1 for _ in _words(before, after)) <= min(MAX_SITES - 1, max(1, int(len(before) / 4 * _SPARSE)))


def _aarch64(before: int, after: int, lengths: set[tuple[int, int]]) -> bool:
    if before & _MOVZ_KEPT == after & _MOVZ_KEPT and before & 0x7F800000 == 0x52800000:
        return (before >> 5 & 0xFFFF, after >> 5 & 0xFFFF) in lengths
    for mask, value, kept in _AARCH64:
        if before & mask == value:
            return before & kept == after & kept
    return False


class _Targets:
    """What lies at an address in both files."""

    def __init__(self, first: Elf, second: Elf, lengths: set[tuple[int, int]]) -> None:
        self.lengths = lengths
        self.fixed = first.header["type"] == "ET_EXEC"
        self._sides = [
            sorted(
                (section.address, section.size, at, section.name)
                for at, section in enumerate(elf.sections)
                if section.allocated
            )
            for elf in (first, second)
        ]
        self._starts = [[entry[0] for entry in side] for side in self._sides]
        unchanged = {
            old.name
            for old in first.sections
            if (new := second.get(old.name)) is not None
            and old.size == new.size
            and (old.kind == "SHT_NOBITS" or old.code or old.raw == new.raw)
        }
        self._unchanged = unchanged

    def same(self, before: int, after: int) -> bool:
        """Whether two addresses are of one thing."""
        old, new = self._find(0, before), self._find(1, after)
        if old is None or new is None or old[0] != new[0]:
            return False
        return old[1] == new[1] or old[0] not in self._unchanged

    def _find(self, side: int, address: int) -> tuple[str, int] | None:
        at = bisect_right(self._starts[side], address) - 1
        if at < 0:
            return None
        start, size, _, name = self._sides[side][at]
        return (name, address - start) if address <= start + size else None


def _x86(targets: _Targets, old: Section, new: Section) -> bool:
    done = -1
    for count, site in enumerate(_sites(old.data, new.data)):
        if count >= MAX_SITES:
            break
        if site < done or (old.data[site], new.data[site]) in targets.lengths:
            continue
        start = next(
            (at for at in range(site, site - 4, -1) if at >= max(done, 0) and _reference(targets, old, new, at)), None
        )
        if start is None:
            return False
        done = start + 4
    return True


def _reference(targets: _Targets, old: Section, new: Section, at: int) -> bool:
    """Whether four bytes are a distance, or an address in a program that lies at a fixed one."""
    before, after = (int.from_bytes(side[at : at + 4], "little", signed=True) for side in (old.data, new.data))
    for behind in _IMMEDIATES:
        if targets.same(old.address + at + 4 + behind + before, new.address + at + 4 + behind + after):
            return True
    return targets.fixed and targets.same(before & 0xFFFFFFFF, after & 0xFFFFFFFF)
