"""ELF files, section by section: programs, libraries, objects, kernel modules, detached debug information.

What another difference of the file brings about follows: in code the offsets of texts that became longer, addresses in
tables, the build id. Only sections that differ are looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.explain.dissect import elfdebug, elfstrings
from buildinfo.verify.explain.dissect.elfdynamic import dynamic_hunks
from buildinfo.verify.explain.dissect.elfproof import Proof
from buildinfo.verify.explain.dissect.elfsays import table_hunks
from buildinfo.verify.explain.dissect.elfsymbols import reordered
from buildinfo.verify.explain.dissect.elftable import COMPRESSED, Elf, Section, read
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

_SIGNED: Final = b"~Module signature appended~\n"
_DATA: Final = re.compile(r"\.(?:data|sdata|rodata|init_array|fini_array|interp|note)")
_TAKEN: Final = re.compile(r"\.z?debug_|\.symtab$")
_IDENTITIES: Final = re.compile(r"\.note\.(gnu\.build-id|go\.buildid)$")
_DRAWN: Final = re.compile(r"(?<=17h)[0-9a-f]{16}(?=E)|(?<=\.)[0-9a-f]{4,16}$")
"""What the name of a section may end in that says nothing: a hash of Rust's, a number of GCC's."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Sections and their texts (kinds `elf`, `string`, `order`); those that follow come last."""
    old, new = read(before), read(after)
    yield from sorted(
        _Files(old, new, place).hunks(before, after), key=lambda hunk: (hunk.follows, hunk.name != ".comment")
    )


class _Files:
    """Two ELF files."""

    def __init__(self, old: Elf, new: Elf, place: Place) -> None:
        self.old, self.new, self.place = old, new, place
        first, second = _keyed(old), _keyed(new)
        self.common = [(section, second[key]) for key, section in first.items() if key in second]
        self.gone = [section for key, section in first.items() if key not in second]
        self.come = [section for key, section in second.items() if key not in first]
        self.differing = [pair for pair in self.common if _differ(*pair)]
        self.told: set[tuple[str, bytes, bytes]] = set()
        self.stripped = any(_TAKEN.match(section.name) for section in (*self.gone, *self.come))

    def hunks(self, before: bytes, after: bytes) -> Iterator[Hunk]:
        header = list(self._header())
        if any(self.old.header[key] != self.new.header[key] for key in ("class", "data", "machine")):
            yield from header
            return
        proof = Proof(self.old, self.new, self.common, self.place)
        texts = list(self._once(self._texts()))
        found = list(self._once(proof.hunks()))
        self.compiler = any(old.name == ".comment" for old, _ in self.differing) or any(map(_names_compilers, found))
        self.toolchain = self.compiler or any(map(_tells_of_tools, found))
        code = list(proof.code_hunks())
        yield from header
        yield from self._presence()
        yield from texts
        if code and self.toolchain:
            # What another compiler made of the same source nobody can tell from what it made of another one.
            names = " ".join(dict.fromkeys(hunk.name for hunk in code)).encode()
            yield self.place.part("code").hunk("code", "not compared", names, names)
            yield from (hunk for hunk in found if hunk.kind == "string" or _DATA.match(hunk.name))
        else:
            yield from code
            yield from found
            yield from self._once(table_hunks(proof))
        yield from self._order(proof, alone=not (texts or found or code))
        for old, new in self.differing:
            yield from self._section(old, new)
        yield from self._segments()
        yield from self._appended(before, after)

    def _once(self, hunks: Iterator[Hunk]) -> Iterator[Hunk]:
        """A text that became another one is told once for each section."""
        for hunk in hunks:
            if hunk.kind == "string":
                told = hunk.name, hunk.before, hunk.after
                if told in self.told:
                    continue
                self.told.add(told)
            yield hunk

    def _header(self) -> Iterator[Hunk]:
        for key, value in self.old.header.items():
            if value != self.new.header[key]:
                place = self.place.part(key)
                yield place.hunk("elf", "header", value.encode(), self.new.header[key].encode())

    def _presence(self) -> Iterator[Hunk]:
        """Sections of one side; those whose names end in random letters; those of another kind."""
        for old, new in self.common:
            if old.name != new.name:
                yield self.place.hunk("string", "sections", old.name.encode(), new.name.encode())
            kinds = tuple((section.kind, section.flags & ~COMPRESSED, section.entry) for section in (old, new))
            if kinds[0] != kinds[1]:
                yield self.place.part(old.name).hunk("bytes", "header", *(str(kind).encode() for kind in kinds))
        for section in self.gone:
            yield self._one_sided(section, section.name.encode(), b"")
        for section in self.come:
            yield self._one_sided(section, b"", section.name.encode())

    def _one_sided(self, section: Section, before: bytes, after: bytes) -> Hunk:
        """What only one side has follows from other compilers, unless it is what `strip` takes off."""
        follows = section.name == ".shstrtab" or (self.toolchain and section.allocated)
        if section.name.startswith(".debug_") and self.old.get(".debug_info") and self.new.get(".debug_info"):
            follows = True  # what a compiler tells of a program takes one table more or less
        follows = follows or bool(re.match(r"\.rela?\.(?!dyn|plt)", section.name))
        return self.place.hunk("elf", "sections", before, after, follows=follows)

    def _order(self, proof: Proof, *, alone: bool) -> Iterator[Hunk]:
        """What lies in another order; data also because of other texts, if there are any."""
        if self.toolchain:
            return
        names = [[pair[side].name for pair in self._listed(side)] for side in (0, 1)]
        if names[0] != names[1]:
            yield self.place.hunk("order", "sections", *("\n".join(side[:200]).encode() for side in names))
        elif proof.reordered or (alone and proof.moved):
            laid = reordered(self.old, self.new)
            shown = (laid.before, laid.after) if laid else (b"", b"")
            yield self.place.part("code").hunk("order", "symbols", *shown, follows=bool(laid and laid.renamed))

    def _listed(self, side: int) -> list[tuple[Section, Section]]:
        """The common sections, in the order of one side; relocations stand where what they relocate stands."""
        order = {id(section): at for at, section in enumerate((self.old if side == 0 else self.new).sections)}
        listed = sorted(self.common, key=lambda pair: order[id(pair[side])])
        return [
            pair for pair in listed if pair[0].name == pair[1].name and pair[0].kind not in ("SHT_GROUP", "SHT_NULL")
        ]

    def _texts(self) -> Iterator[Hunk]:
        """Texts that other tables refer to: names of libraries, and what Go tells of a build."""
        for old, new in self.differing:
            if old.name == ".dynstr":
                both = elfstrings.strings(old), elfstrings.strings(new)
            elif old.name == ".go.buildinfo":
                both = elfdebug.go_build(old), elfdebug.go_build(new)
            else:
                continue
            for before, after in elfstrings.changes(*both):
                yield from line_hunks(before, after, "string", old.name, self.place.part(old.name))

    def _section(self, old: Section, new: Section) -> Iterator[Hunk]:
        """What differs in sections that tell of the build as a whole."""
        name, place = old.name, self.place.part(old.name)
        if old.compressed != new.compressed and old.data == new.data:
            both = (b"compressed" if section.compressed else b"not compressed" for section in (old, new))
            yield place.hunk("elf", "compression", *both)
        elif name == ".comment":
            both = (b"\n".join(dict.fromkeys(filter(None, section.data.split(b"\0")))) for section in (old, new))
            yield place.hunk("elf", name, *both)
        elif name == ".gnu_debuglink":
            old_name, new_name = (section.data.partition(b"\0")[0] for section in (old, new))
            if old_name != new_name:
                yield place.hunk("string", name, old_name, new_name)
            yield place.hunk("elf", name, old.data[-4:], new.data[-4:], follows=True)
        elif name == ".dynamic":
            yield from dynamic_hunks(self.old, old, self.new, new, place)
        elif _IDENTITIES.match(name):
            if old.data[:16] != new.data[:16]:
                yield place.hunk("bytes", name, old.data[:16], new.data[:16])
            yield place.hunk("elf", name, old.data[16:], new.data[16:], follows=True)
        elif old.kind == "SHT_NOBITS" and not self.toolchain:
            yield place.hunk("bytes", name, b"%d bytes" % old.size, b"%d bytes" % new.size)

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


def _names_compilers(hunk: Hunk) -> bool:
    """Whether a producer is another compiler, not only another call of it."""
    return hunk.name.endswith(":producer") and hunk.before.partition(b" -")[0] != hunk.after.partition(b" -")[0]


def _tells_of_tools(hunk: Hunk) -> bool:
    return hunk.name.endswith(":producer") or hunk.name == ".GCC.command.line"
