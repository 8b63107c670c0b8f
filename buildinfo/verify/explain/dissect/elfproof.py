"""Whether two ELF files are equal once texts that differ are undone: what follows from these is computed.

Functions are matched and compared with what they refer to; tables are read and compared as what they say; data is
compared piece by piece, with the addresses in it. What is left is told with its place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.explain.dissect import elfcode, elfdebug, elflayout, elftables
from buildinfo.verify.explain.dissect.elfalign import align, align_texts, numbers
from buildinfo.verify.explain.dissect.elfmap import Gap, Map
from buildinfo.verify.explain.dissect.elftable import STRINGS, Elf, Section
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

Pair = tuple[Section, Section]

_TEXT: Final = re.compile(
    rb"(?:[\t\n\r\x1b\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xf0[\x80-\xbf]{3})*"
)
TABLES: Final = re.compile(
    r"\.(?:rela?|relr)(?:\.|$)|\.(?:dynsym|symtab|gnu\.hash|eh_frame|eh_frame_hdr|dynamic|shstrtab|symtab_shndx)$"
)
"""Sections that are compared as what they say."""
_DEBUG: Final = re.compile(r"\.z?debug_|\.gdb_index")
_BUILT: Final = re.compile(r"\.note\.(?:gnu\.build-id|go\.buildid)$|\.gnu_debuglink$|\.comment$|\.go\.buildinfo$")
_SHOWN: Final = 40
_NOBITS: Final = "SHT_NOBITS"


class Proof:
    """Two files, and what of them is the same.

    Args:
        pairs: the sections that both have.
        place: where they are.

    Attributes:
        reordered: whether functions lie in another order.
        moved: whether data does.
        elsewhere: where the sections lie, in both files, whose data does.
    """

    def __init__(self, old: Elf, new: Elf, pairs: list[Pair], place: Place) -> None:
        self.old, self.new, self.place = old, new, place
        self.pairs = pairs
        self.table = Map()
        self.reordered = self.moved = False
        self.bases = tuple(_bases(elf) for elf in (old, new))
        self.filled = tuple(self._filled(elf, side) for side, elf in enumerate((old, new)))
        self.slots = tuple(sorted(filled) for filled in self.filled)
        self.targets: list[tuple[int, int]] = []
        self.elsewhere: list[tuple[int, int, int, int]] = []
        self.fixed = old.header["type"] == "ET_EXEC"
        self.code: list[tuple[Pair, list[tuple[elflayout.Stretch, elflayout.Stretch]], list[Hunk]]] = []
        self.gaps: list[tuple[Pair, list[Gap]]] = []
        self.debug = {old.name: Map() for old, _ in pairs if _DEBUG.match(old.name) or old.name == ".dynstr"}
        self._lay()

    def base(self, side: int, section: Section) -> int:
        return self.bases[side][id(section)]

    def hunks(self) -> Iterator[Hunk]:
        """What is left, and texts that differ."""
        for pair, found in self.gaps:
            yield from self._data(pair, found)

    def code_hunks(self) -> Iterator[Hunk]:
        """Code that differs in what is no reference."""
        moved = sorted(self.elsewhere)
        if moved and self.old.machine not in elfcode.X86:  # who refers to it is not read there
            for old_at, _, new_at, _ in moved:
                yield self.place.part(f"{old_at:#x}").hunk("bytes", "order of data", b"%#x" % old_at, b"%#x" % new_at)
            moved = []
        if self.reordered:
            moved += [
                (self.base(0, old), self.base(0, old) + old.size, self.base(1, new), self.base(1, new) + new.size)
                for (old, new), _, _ in self.code
            ]
        for (old, new), stretches, left in self.code:
            yield from left
            for one, other in stretches:
                before, after = old.data[one.at : one.at + one.size], new.data[other.at : other.at + other.size]
                at, beyond = self.base(0, old) + one.at, self.base(1, new) + other.at
                piece = elfcode.Piece(at, beyond, before, after)
                rest = elfcode.unexplained(piece, self.table, self.old.machine, fixed=self.fixed)
                rest += elfcode.astray(piece, self.table, moved, fixed=self.fixed)
                if rest:
                    start, name = max(0, rest[0] - 4), one.name.decode("utf-8", "backslashreplace")
                    where = f"{old.name}+{one.at + rest[0]:#x}" + (f" ({name})" if name else "")
                    yield self.place.part(where).hunk(
                        "bytes", old.name, before[start : start + _SHOWN], after[start : start + _SHOWN]
                    )

    # The layout.

    def _lay(self) -> None:
        for old, new in sorted(self.pairs, key=lambda pair: not pair[0].code):
            if old.name == ".dynstr":
                align_texts(old.data, new.data, self.debug[old.name])
            if not old.allocated:
                if old.name in self.debug and bool(old.flags & STRINGS):
                    gaps = align_texts(old.data, new.data, self.debug[old.name])
                    self.gaps.append(((old, new), gaps))
                elif old.name in self.debug:
                    self._lay_debug(old, new)
                elif not _BUILT.match(old.name) and not TABLES.match(old.name) and old.name != ".strtab":
                    gaps, _ = align(old.data, new.data, 0, 0, Map(), free=False)
                    self.gaps.append(((old, new), gaps))
            elif _NOBITS in (old.kind, new.kind):
                self.table.add(self.base(0, old), self.base(1, new), min(old.size, new.size))
            elif old.code:
                self._lay_code(old, new)
            elif TABLES.match(old.name) or _BUILT.match(old.name) or old.name == ".dynstr":
                self.table.add(self.base(0, old), self.base(1, new), min(old.size, new.size))
            else:
                self._lay_data(old, new)
        self._lay_linkage()
        for table in (self.table, *self.debug.values()):
            table.close()

    def _lay_debug(self, old: Section, new: Section) -> None:
        if len(old.data) == len(new.data):
            self.debug[old.name].add(0, 0, len(old.data))
            gaps = [Gap(0, 0, old.data, new.data)] if old.data != new.data else []
        else:
            gaps, _ = align(old.data, new.data, 0, 0, self.debug[old.name], free=False)
        self.gaps.append(((old, new), gaps))

    def _lay_data(self, old: Section, new: Section) -> None:
        before, after = self._blank(0, old), self._blank(1, new)
        bases = self.base(0, old), self.base(1, new)
        anchors: list[tuple[int, int]] = []
        if before != after and (ranges := numbers(before, after)):
            anchors = [(one - bases[0], other - bases[1]) for one, other in self._referred(ranges, bases)]
        gaps, moved = align(before, after, *bases, self.table, anchors, free=True)
        self.moved = self.moved or moved
        if moved:
            self.elsewhere.append((bases[0], bases[0] + old.size, bases[1], bases[1] + new.size))
        self.gaps.append(((old, new), gaps))

    def _referred(self, ranges: list[tuple[int, int, int, int]], bases: tuple[int, int]) -> list[tuple[int, int]]:
        """What code refers to within ranges of offsets, in order; nothing twice."""
        if self.old.machine not in elfcode.X86:
            return []
        places = [(bases[0] + a, bases[0] + b, bases[1] + c, bases[1] + d) for a, b, c, d in ranges]
        found: dict[int, int] = {}
        for (old, new), stretches, _ in self.code:
            for one, other in stretches:
                at, beyond = self.base(0, old) + one.at, self.base(1, new) + other.at
                before, after = old.data[one.at : one.at + one.size], new.data[other.at : other.at + other.size]
                for first, second in elfcode.anchors(elfcode.Piece(at, beyond, before, after), places):
                    if found.setdefault(first, second) != second:
                        return []  # code that contradicts itself tells nothing
        listed = sorted(found.items())
        return listed if [second for _, second in listed] == sorted(found.values()) else []

    def _blank(self, side: int, section: Section) -> bytes:
        """The data of a section without the addresses that relocations fill in."""
        start, width = self.base(side, section), 8 if self.old.wide else 4
        slots = self.slots[side]
        first, last = bisect_right(slots, start - 1), bisect_right(slots, start + section.size - 1)
        if first == last:
            return section.data
        data = bytearray(section.data)
        for slot in slots[first:last]:
            data[slot - start : slot - start + width] = bytes(width)
        return bytes(data[: section.size])

    def _filled(self, elf: Elf, side: int) -> dict[int, int]:
        """Where relocations fill addresses in, and which where they name no symbol."""
        found: dict[int, int] = {}
        for section in elf.sections if not elf.relocatable else ():
            if re.match(r"\.rel[ar]?\.(?:dyn|plt|got)|\.relr\.dyn", section.name):
                for relocation in elftables.relocations(elf, section):
                    relative = elftables.is_relative(elf, relocation)
                    value = relocation.addend if relocation.addend is not None else self.stored(side, relocation.at)
                    found[relocation.at] = value if relative else -1
        return found

    def _lay_code(self, old: Section, new: Section) -> None:
        indices = [elf.sections.index(section) for elf, section in ((self.old, old), (self.new, new))]
        sides = [
            elflayout.functions(elf, section, index)
            for elf, section, index in ((self.old, old, indices[0]), (self.new, new, indices[1]))
        ]
        if old.size == new.size and old.data == new.data:
            sides = [[elflayout.Stretch(0, old.size, b"")]] * 2
        pairs, gone, come = elflayout.matched(sides[0], sides[1], old.data, new.data)
        left: list[Hunk] = []
        for one, other in pairs:
            self.table.add(self.base(0, old) + one.at, self.base(1, new) + other.at, one.size)
        gone = [stretch for stretch in gone if not elflayout.filling(old.data[stretch.at : stretch.at + stretch.size])]
        come = [stretch for stretch in come if not elflayout.filling(new.data[stretch.at : stretch.at + stretch.size])]
        for stretches, section, side in ((gone, old, 0), (come, new, 1)):
            for stretch in stretches:
                code = section.data[stretch.at : stretch.at + min(_SHOWN, stretch.size)]
                name = stretch.name.decode("utf-8", "backslashreplace")
                where = f"{section.name}+{stretch.at:#x}" + (f" ({name})" if name else "")
                left.append(
                    self.place.part(where).hunk("bytes", section.name, *((code, b"") if not side else (b"", code)))
                )
        order = [other.at for one, other in sorted(pairs)]
        self.reordered = self.reordered or order != sorted(order)
        self.table.point(self.base(0, old), self.base(1, new))
        self.table.point(self.base(0, old) + old.size, self.base(1, new) + new.size)
        self.code.append(((old, new), pairs, left))

    def _lay_linkage(self) -> None:
        """Which slot of the global offset table, and which stub, is for which symbol."""
        slots: list[dict[tuple[bytes, int], int]] = [{}, {}]
        for side, elf in enumerate((self.old, self.new)):
            if elf.relocatable:
                return
            names = elftables.symbols(elf, elf.get(".dynsym"))
            for section in elf.sections:
                if not re.match(r"\.rela?\.(?:dyn|plt)", section.name):
                    continue
                for relocation in elftables.relocations(elf, section):
                    if 0 < relocation.symbol < len(names):
                        slots[side].setdefault((names[relocation.symbol].name, relocation.type), relocation.at)
        for key, at in slots[0].items():
            if key in slots[1]:
                self.table.point(at, slots[1][key])

    # What is compared.

    def _data(self, pair: Pair, gaps: list[Gap]) -> Iterator[Hunk]:
        old, new = pair
        maps = [self.debug[name] for name in self.debug] if not old.allocated else [self.debug.get(".dynstr", Map())]
        bases = (self.base(0, old), self.base(1, new)) if old.allocated else (0, 0)
        for gap in gaps:
            texts = gap.old, gap.new
            if gap.old == gap.new:
                continue
            if all(_TEXT.fullmatch(text) for text in texts) and max(map(len, texts)) > 2:
                yield from line_hunks(*texts, "string", _named(old, *texts), self.place.part(old.name))
            elif len(gap.old) == len(gap.new):
                yield from self._words(pair, gap, bases, maps)
            else:
                yield self.left(old, gap.old_at - bases[0], *texts)

    def left(self, section: Section, at: int, before: bytes, after: bytes) -> Hunk:
        where = f"{section.name}+{at:#x}"
        return self.place.part(where).hunk("bytes", section.name, before, after)

    def _words(self, pair: Pair, gap: Gap, bases: tuple[int, int], maps: list[Map]) -> Iterator[Hunk]:
        """Numbers that differ: addresses, distances and offsets of what lies elsewhere, or else they are left."""
        old, new = pair
        first, second = old.data, new.data
        starts = gap.old_at - bases[0], gap.new_at - bases[1]
        done = -1
        for site in elfcode.sites(gap.old, gap.new):
            if site < done:
                continue
            for at in range(site, site - 8, -1):
                width = self._reference(pair, (starts[0] + at, starts[1] + at), bases, maps, site - at)
                if width:
                    done = at + width
                    break
            else:
                here = starts[0] + site, starts[1] + site
                yield self.left(old, here[0], first[here[0] : here[0] + 16], second[here[1] : here[1] + 16])
                done = site + 8

    def _reference(  # noqa: PLR0911  # one for each way to refer
        self, pair: Pair, at: tuple[int, int], bases: tuple[int, int], maps: list[Map], inside: int
    ) -> int | None:
        """How wide what both sides refer to one thing with is, from a place on; None where it is no such thing."""
        old, new = pair
        order = self.old.order
        if min(at) < 0:
            return None
        here = bases[0] + at[0], bases[1] + at[1]
        if inside < 8:
            wide = old.data[at[0] : at[0] + 8], new.data[at[1] : at[1] + 8]
            values = tuple(int.from_bytes(side, order) for side in wide)
            if len(wide[0]) == 8 == len(wide[1]) and values[0] > 0xFFF and self.table.same(*values):
                return 8
        if inside >= 4:
            return None
        narrow = old.data[at[0] : at[0] + 4], new.data[at[1] : at[1] + 4]
        if len(narrow[0]) < 4 or len(narrow[1]) < 4:
            return None
        plain = tuple(int.from_bytes(side, order) for side in narrow)
        signed = tuple(int.from_bytes(side, order, signed=True) for side in narrow)
        if any(table.same(*plain) for table in maps):
            return 4
        if self._counts(here, plain):
            return 4
        if not old.allocated:
            own = self.debug.get(old.name)
            ends = at[0] + 4 + plain[0], at[1] + 4 + plain[1]
            return (
                4 if (own is not None and own.same(*ends)) or (not self.old.wide and self.table.same(*plain)) else None
            )
        if self.table.same(here[0] + signed[0], here[1] + signed[1]) or (
            (self.fixed or not self.old.wide) and self.table.same(*plain)
        ):
            return 4
        return 4 if self._of_switch(here, signed) else None

    def _counts(self, here: tuple[int, int], values: tuple[int, ...]) -> bool:
        """Whether two numbers are the lengths of texts that differ, behind the addresses of these."""
        width = 8 if self.old.wide else 4
        texts = tuple(filled.get(at - width, -1) for filled, at in zip(self.filled, here, strict=True))
        return min(texts) >= 0 and self.table.ended(texts[0], texts[0] + values[0], texts[1], texts[1] + values[1])

    def _of_switch(self, here: tuple[int, int], values: tuple[int, ...]) -> bool:
        """Whether two numbers are of a table of distances, counted from where it begins."""
        if not self.targets:
            self.targets = sorted((old, new) for old, places in self.table.points.items() for new in places)
        at = bisect_right(self.targets, (here[0], 1 << 64))
        for old, new in self.targets[max(0, at - 8) : at]:
            near = here[0] - old < 1 << 16 and here[0] - old == here[1] - new
            if near and self.table.same(old + values[0], new + values[1]):
                return True
        return False

    def compared(self, old: Section, new: Section) -> Iterator[Hunk]:
        """What differs between two sections that are aligned here and now."""
        table = Map()
        gaps, _ = align(old.data, new.data, 0, 0, table, free=False)
        for gap in gaps:
            yield self.left(old, gap.old_at, gap.old, gap.new)

    def stored(self, side: int, address: int) -> int:
        """The address that stands at one."""
        elf = (self.old, self.new)[side]
        width = 8 if elf.wide else 4
        for section in elf.sections:
            if section.allocated and section.kind != _NOBITS and 0 <= address - section.address < section.size:
                at = address - section.address
                return int.from_bytes(section.data[at : at + width], elf.order)
        return 0

    def inside(self, side: int, section: Section, offset: int) -> int | str:
        """A place in a section of a file that is not linked yet, in terms of the second file."""
        if section.name in self.debug and not section.allocated:
            return self.debug[section.name].shown(offset) if side == 0 else offset
        address = self.base(side, section) + offset
        return self.resolved(address) if side == 0 else address

    def resolved(self, address: int) -> int | str:
        """The address in the second file of what lies at one in the first."""
        return self.table.shown(address)


def _named(section: Section, before: bytes, after: bytes) -> str:
    """What a text of a section is called: what compilers say of themselves has a name of its own."""
    tells = not section.allocated and elfdebug.PRODUCER.match(before or after)
    return f"{section.name}:producer" if tells else section.name


def _bases(elf: Elf) -> dict[int, int]:
    """Where each section lies; in a file that is not linked yet, each at a place of its own."""
    return {
        id(section): (index + 1) << 40 if elf.relocatable else section.address
        for index, section in enumerate(elf.sections)
    }
