"""ELF files, section by section: programs, libraries, objects, kernel modules, detached debug information.

What another difference of the file brings about follows: in code the offsets of texts that became longer, addresses in
tables, the build id. Only sections that differ are looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from buildinfo.verify.explain.dissect import elfdebug, elfstrings
from buildinfo.verify.explain.dissect.elfcode import refers_elsewhere
from buildinfo.verify.explain.dissect.elfdynamic import dynamic_hunks
from buildinfo.verify.explain.dissect.elfsymbols import reordered
from buildinfo.verify.explain.dissect.elftable import Elf, Section, read
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

MAX_HUNKS: Final = 200
MAX_SECTIONS_TOLD: Final = 40
"""Most sections of one side only that are told of."""
_SIGNED: Final = b"~Module signature appended~\n"
_DERIVED: Final = re.compile(
    r"\.(eh_frame|eh_frame_hdr|dynamic|dynsym|symtab|shstrtab|hash|gnu\.hash|got|plt|rel|rela|relr|init_array|fini_array|"
    r"preinit_array|ctors|dtors|gnu\.version|gnu\.version_[dr]|gcc_except_table|tm_clone_table|ARM\.(exidx|extab)|opd|sframe|"
    r"itablink|typelink|gosymtab|group|symtab_shndx|eh_frame_entry|note\.gnu\.(build-id|property)|note\.go\.buildid|"
    r"z?debug_\w+|rustc|rmeta|llvm(bc|cmd)|gnu\.(debug)?lto_.*)(\.|$)"
)
"""Sections of offsets, addresses and hashes, which differ as others do."""
_TEXTS: Final = re.compile(
    r"\.(l?rodata|srodata|data|sdata|init\.data|init\.rodata|noptrdata|gopclntab|interp|modinfo|note|gnu\.linkonce\.[rd]|"
    r"GCC\.command\.line|debug_line_str|debug_str|strtab|dynstr|__\w+)"
)
"""Sections of data in which texts stand, by how their names begin."""
_CHECKSUM: Final = re.compile(rb"(?<=\w)\.[0-9a-f]{7,8}$")
"""What GCC calls the debug information of a unit by, where it optimizes while linking: a checksum over it."""
_TAKEN: Final = re.compile(r"\.z?debug_|\.symtab$")
_IDENTITIES: Final = re.compile(r"\.note\.(gnu\.build-id|go\.buildid)$")
_DRAWN: Final = re.compile(r"(?<=17h)[0-9a-f]{16}(?=E)|(?<=\.)[0-9a-f]{4,16}$")
"""What the name of a section may end in that says nothing: a hash of Rust's, a number of GCC's."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Sections and their texts (kinds `elf`, `string`, `order`); those that follow come last."""
    old, new = read(before), read(after)
    found = list(islice(_Files(old, new, place).hunks(before, after), 20 * MAX_HUNKS))
    found.sort(key=lambda hunk: (hunk.follows, hunk.name != ".comment"))
    yield from found[:MAX_HUNKS]


class _Files:
    """Two ELF files."""

    def __init__(self, old: Elf, new: Elf, place: Place) -> None:
        self.old, self.new, self.place = old, new, place
        first, second = _keyed(old), _keyed(new)
        self.common = [(section, second[key]) for key, section in first.items() if key in second]
        self.gone = [section for key, section in first.items() if key not in second]
        self.come = [section for key, section in second.items() if key not in first]
        self.differing = [pair for pair in self.common if _differ(*pair)]
        self.told: set[elfstrings.Changed] = set()
        self.effort = elfstrings.Effort()
        self.changed: set[str] = set()
        self.lengths: set[tuple[int, int]] = set()
        self.stripped = any(_TAKEN.match(section.name) for section in (*self.gone, *self.come))

    def hunks(self, before: bytes, after: bytes) -> Iterator[Hunk]:
        header = list(self._header())
        if any(self.old.header[key] != self.new.header[key] for key in ("class", "data", "machine")):
            yield from header
            return
        texts = list(islice((hunk for pair in self.differing for hunk in self._texts(*pair)), 20 * MAX_HUNKS))
        self.compiler = any(old.name == ".comment" for old, _ in self.differing) or any(map(_names_compilers, texts))
        self.toolchain = self.compiler or any(map(_tells_of_tools, texts))
        self.shifting = self._shifts()
        order = list(self._order())
        self.reordered = bool(order)
        yield from header
        yield from self._presence()
        yield from (replace(hunk, follows=True) if self._text_follows(hunk) else hunk for hunk in texts)
        yield from order
        for old, new in self.differing:
            yield from self._section(old, new)
        yield from self._segments()
        yield from self._appended(before, after)

    def _header(self) -> Iterator[Hunk]:
        for key, value in self.old.header.items():
            if value != self.new.header[key]:
                place = self.place.part(key)
                yield place.hunk("elf", "header", value.encode(), self.new.header[key].encode())

    def _presence(self) -> Iterator[Hunk]:
        """Sections of one side; and those whose names end in random letters."""
        for old, new in self.common:
            if old.name != new.name:
                yield self.place.hunk("string", "sections", old.name.encode(), new.name.encode())
        for section in self.gone[:MAX_SECTIONS_TOLD]:
            yield self._one_sided(section, section.name.encode(), b"")
        for section in self.come[:MAX_SECTIONS_TOLD]:
            yield self._one_sided(section, b"", section.name.encode())

    def _one_sided(self, section: Section, before: bytes, after: bytes) -> Hunk:
        """What only one side has follows from other compilers, unless it is what `strip` takes off."""
        follows = section.name == ".shstrtab" or (self.toolchain and section.allocated)
        if section.name.startswith(".debug_") and self.old.get(".debug_info") and self.new.get(".debug_info"):
            follows = True  # what a compiler tells of a program takes one table more or less
        follows = follows or bool(re.match(r"\.rela?\.(?!dyn|plt)", section.name))
        return self.place.hunk("elf", "sections", before, after, follows=follows)

    def _shifts(self) -> bool:
        """Whether texts or tables lie elsewhere than they did, other than because of changed code."""
        if any(section.allocated for section in (*self.gone, *self.come)):
            return True
        return any(
            old.allocated
            and not old.code
            and (old.size != new.size or (_holds_texts(old) and elfstrings.moved(old, new)))
            for old, new in self.differing
            if not _DERIVED.match(old.name) or old.size != new.size
        )

    def _order(self) -> Iterator[Hunk]:
        if self.toolchain:
            return
        names = [[pair[side].name for pair in self._listed(side)] for side in (0, 1)]
        if names[0] != names[1]:
            yield self.place.hunk("order", "sections", *("\n".join(side[:200]).encode() for side in names))
        elif any(old.allocated for old, _ in self.differing) and (laid := reordered(self.old, self.new)):
            yield self.place.hunk("order", "symbols", laid.before, laid.after, follows=laid.renamed)

    def _listed(self, side: int) -> list[tuple[Section, Section]]:
        """The common sections, in the order of one side; relocations stand where what they relocate stands."""
        order = {id(section): at for at, section in enumerate((self.old if side == 0 else self.new).sections)}
        listed = sorted(self.common, key=lambda pair: order[id(pair[side])])
        return [
            pair for pair in listed if pair[0].name == pair[1].name and pair[0].kind not in ("SHT_GROUP", "SHT_NULL")
        ]

    def _texts(self, old: Section, new: Section) -> Iterator[Hunk]:
        if old.name in (".comment", ".shstrtab"):
            return
        for before, after in elfstrings.changes(*self._strings(old, new), self.effort):
            if (before, after) in self.told:
                continue
            self.told.add((before, after))
            tools = elfdebug.PRODUCER.match(before or after) and old.name.startswith((".debug_", ".zdebug_"))
            name = f"{old.name}:producer" if tools else old.name
            self.changed.add(old.name)
            if old.allocated:
                self.lengths |= {(len(before) + end, len(after) + end) for end in (0, 1)}
            yield from line_hunks(before, after, "string", name, self.place.part(old.name))

    def _text_follows(self, hunk: Hunk) -> bool:
        """Names of symbols follow from what was stripped, from what other compilers call, from what they are of."""
        if hunk.name == ".strtab" and _CHECKSUM.search(hunk.before) and _CHECKSUM.search(hunk.after):
            return _CHECKSUM.sub(b"", hunk.before) == _CHECKSUM.sub(b"", hunk.after)
        if self.stripped and hunk.name == ".strtab" and not (hunk.before and hunk.after):
            return True
        names = hunk.name in (".strtab", ".dynstr", ".debug_str", ".debug_info", ".zdebug_str")
        return self.compiler and names and not re.search(rb"/|\.so\b", hunk.before + hunk.after)

    def _strings(self, old: Section, new: Section) -> tuple[list[bytes], list[bytes]]:
        name = old.name.replace(".zdebug", ".debug")
        if name == ".debug_line":
            return elfdebug.line_files(self.old, old), elfdebug.line_files(self.new, new)
        if name == ".debug_info":
            return elfdebug.inline(old), elfdebug.inline(new)
        if name == ".go.buildinfo":
            return elfdebug.go_build(old), elfdebug.go_build(new)
        if _holds_texts(old):
            return elfstrings.strings(old), elfstrings.strings(new)
        return [], []

    def _section(self, old: Section, new: Section) -> Iterator[Hunk]:
        """What differs in a section besides its texts."""
        name, place = old.name, self.place.part(old.name)
        if old.compressed != new.compressed and old.data == new.data:
            both = (b"compressed" if section.compressed else b"not compressed" for section in (old, new))
            yield place.hunk("elf", "compression", *both)
        elif name == ".comment":
            both = (b"\n".join(dict.fromkeys(filter(None, section.data.split(b"\0")))) for section in (old, new))
            yield place.hunk("elf", name, *both)
        elif name == ".gnu_debuglink":
            yield place.hunk("elf", name, old.data[-4:], new.data[-4:], follows=True)
        elif name == ".dynamic":
            yield from dynamic_hunks(self.old, old, self.new, new, place)
        elif old.code:
            yield place.hunk("elf", name, old.data, new.data, follows=self._code_follows(old, new))
        elif _holds_texts(old):
            yield from self._rest(old, new)
        elif _IDENTITIES.match(name):
            yield place.hunk("elf", name, old.data[16:], new.data[16:], follows=True)
        else:
            follows = bool(_DERIVED.match(name)) or old.kind == "SHT_NOBITS"
            if old.allocated and not follows:
                follows = self.toolchain or self.shifting or self.reordered
            yield place.hunk("elf", name, old.data, new.data, follows=follows)

    def _rest(self, old: Section, new: Section) -> Iterator[Hunk]:
        """Numbers beside texts: offsets of what moved; in tables of texts only their order."""
        follows = self.toolchain or self.shifting or self.reordered or not old.allocated or elfstrings.is_table(old)
        if old.name in self.changed and (elfstrings.is_table(old) or elfstrings.rest(old) == elfstrings.rest(new)):
            return
        yield self.place.part(old.name).hunk("elf", old.name, old.data, new.data, follows=follows)

    def _code_follows(self, old: Section, new: Section) -> bool:
        """Other compilers, and another order, explain any code; texts that moved only what refers to them."""
        if self.toolchain or self.reordered:
            return True
        return self.shifting and refers_elsewhere(self.old, old, self.new, new, self.lengths)

    def _segments(self) -> Iterator[Hunk]:
        if self.old.segments != self.new.segments:
            both = (
                "\n".join(f"{kind} {flags} {align}" for kind, flags, align in elf.segments)
                for elf in (self.old, self.new)
            )
            follows = self.toolchain or any(section.allocated for section in (*self.gone, *self.come))
            yield self.place.hunk("elf", "segments", *(side.encode() for side in both), follows=follows)

    def _appended(self, before: bytes, after: bytes) -> Iterator[Hunk]:
        """What stands behind all sections: the signature of a kernel module, an archive."""
        old, new = before[self.old.end :], after[self.new.end :]
        if old != new and old.endswith(_SIGNED) and new.endswith(_SIGNED):
            yield self.place.hunk("elf", "module signature", old, new, follows=True)
        elif old.strip(b"\0") or new.strip(b"\0"):
            yield from self.place.inside("appended", old, new)


def _keyed(elf: Elf) -> dict[tuple[str, int], Section]:
    """Sections by name, without its random end, and by how often it stood before."""
    seen: dict[str, int] = {}
    keyed = {}
    for section in elf.sections:
        name = (
            _DRAWN.sub("", section.name)
            if section.name.startswith((".gnu.", ".text.", ".rela", ".data.", ".rodata."))
            else section.name
        )
        keyed[name, seen.get(name, 0)] = section
        seen[name] = seen.get(name, 0) + 1
    return keyed


def _differ(old: Section, new: Section) -> bool:
    if old.kind == "SHT_NOBITS" and new.kind == "SHT_NOBITS":
        return old.size != new.size and old.allocated
    return old.raw != new.raw or old.compressed != new.compressed


def _holds_texts(section: Section) -> bool:
    if section.code or section.name == ".shstrtab":
        return False
    return elfstrings.is_table(section) or bool(_TEXTS.match(section.name) and not _DERIVED.match(section.name))


def _names_compilers(hunk: Hunk) -> bool:
    """Whether a producer is another compiler, not only another call of it."""
    return hunk.name.endswith(":producer") and hunk.before.partition(b" -")[0] != hunk.after.partition(b" -")[0]


def _tells_of_tools(hunk: Hunk) -> bool:
    return hunk.name.endswith(":producer") or hunk.name == ".GCC.command.line"
