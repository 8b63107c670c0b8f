"""How the code of two ELF files is laid out, and which function of the one is which of the other."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from buildinfo.verify.explain.dissect import elftables
from buildinfo.verify.explain.dissect.elftable import Elf, Section

_FUNCTIONS: Final = (2, 10)
_REFERENCES: Final = re.compile(
    rb"[\xe8\xe9].{4}|\x0f[\x80-\x8f].{4}|[\x05\x0d\x15\x1d\x25\x2d\x35\x3d].{4}|\xe9.{4}", re.DOTALL
)
"""What may be a reference in code of x86: good enough to tell functions apart by all else."""
_FILLED: Final = re.compile(rb"(?:[\x90\xcc\x00]|\x66|\x0f\x1f|\x2e|[\x40\x44\x80\x84])*\Z")
_DRAWN: Final = re.compile(rb"17h[0-9a-f]{16}E|(?<=_)[0-9A-F]{8}_\w+|\.[0-9]+$|Cs[0-9A-Za-z]+_(?=\d)")


class Stretch(NamedTuple):
    """Some code: where it begins in its section, its size, and its name where it has one."""

    at: int
    size: int
    name: bytes


def functions(elf: Elf, section: Section, index: int) -> list[Stretch]:
    """The functions of a section, in order, and what lies between them; they cover all of it."""
    named = [
        Stretch(symbol.value - section.address, symbol.size, symbol.name)
        for symbol in elftables.symbols(elf, elf.get(".symtab"))
        if symbol.info & 15 in _FUNCTIONS and symbol.section == index and symbol.size
    ]
    if not named:
        named = _unwound(elf, section)
    covered: list[Stretch] = []
    end = 0
    for stretch in sorted(set(named), key=lambda stretch: (stretch.at, -stretch.size)):
        if stretch.at < end or stretch.at + stretch.size > section.size:
            continue
        if stretch.at > end:
            covered.append(Stretch(end, stretch.at - end, b""))
        covered.append(stretch)
        end = stretch.at + stretch.size
    if end < section.size:
        covered.append(Stretch(end, section.size - end, b""))
    return covered


def _unwound(elf: Elf, section: Section) -> list[Stretch]:
    ends = section.address, section.address + section.size
    return [
        Stretch(frame.address - section.address, frame.size, b"")
        for frame in elftables.linked_frames(elf)
        if ends[0] <= frame.address < ends[1] and frame.size
    ]


def matched(
    old: Sequence[Stretch], new: Sequence[Stretch], before: bytes, after: bytes
) -> tuple[list[tuple[Stretch, Stretch]], list[Stretch], list[Stretch]]:
    """Which stretch of code is which: by name, then by what it is besides its references, then by size alone.

    Returns:
        The pairs, and what is left on either side.
    """
    if [(stretch.at, stretch.size) for stretch in old] == [(stretch.at, stretch.size) for stretch in new]:
        return list(zip(old, new, strict=True)), [], []
    pairs: list[tuple[Stretch, Stretch]] = []
    left = list(old), list(new)
    sides = before, after

    def shape(side: int, stretch: Stretch) -> object:
        return stretch.size, _REFERENCES.sub(b"", sides[side][stretch.at : stretch.at + stretch.size])

    keys = (
        lambda side, stretch: (stretch.name, stretch.size) if stretch.name else None,
        lambda side, stretch: (_DRAWN.sub(b"#", stretch.name), stretch.size) if stretch.name else None,
        shape,
        lambda side, stretch: (bool(stretch.name), stretch.size),
    )
    for key in keys:
        waiting: dict[object, list[Stretch]] = defaultdict(list)
        for stretch in left[1]:
            waiting[key(1, stretch)].append(stretch)
        counts = Counter(key(0, stretch) for stretch in left[0])
        rest: list[Stretch] = []
        taken: set[Stretch] = set()
        for stretch in left[0]:
            name = key(0, stretch)
            partners = waiting.get(name, [])
            if name is None or not partners or (counts[name] < len(partners) and key is keys[0]):
                rest.append(stretch)
                continue
            partner = partners.pop(0)
            taken.add(partner)
            pairs.append((stretch, partner))
        left = rest, [stretch for stretch in left[1] if stretch not in taken]
    return pairs, *left


def filling(code: bytes) -> bool:
    """Whether code is nothing but what a linker fills gaps with."""
    return len(code) < 64 and bool(_FILLED.match(code))
