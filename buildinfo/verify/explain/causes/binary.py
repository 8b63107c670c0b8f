"""Causes that show in compiled programs, whatever they were written in; those of one language are in `languages`."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain.cause import MARK, Cause, Masked, TextCause
from buildinfo.verify.explain.causes import languages
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern
from buildinfo.verify.explain.stamp import masked

_ELF: Final = frozenset(("elf",))
_STRING: Final = frozenset(("string",))
_BOTH: Final = frozenset(("elf", "string"))
_OPTION: Final = Pattern(rb"(?<!\S)-\S+")


class OtherArch(Cause):
    name = "other-arch"
    title = "the packages were built for different processors"
    advice = "Build for the same CARCH, with the same -march, -mfloat-abi and ABI of the toolchain."
    kinds = _ELF
    records = ("environment:CARCH", "environment:CHOST", "environment:CBUILD")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name != "header":
            return 0.0
        if hunk.before.startswith((b"EM_", b"ELFCLASS", b"ELFDATA")):
            return 0.97
        return 0.6 if hunk.before.startswith(b"0x") else 0.0


class BuildId(Cause):
    name = "build-id"
    title = "nothing but the build id differs: it is random, or a hash over what strip took off later"
    advice = (
        "Link with -Wl,--build-id=sha1, never uuid; make debug information the same (-ffile-prefix-map=$builddir=.); "
        "or do without: -Wl,--build-id=none."
    )
    kinds = frozenset(("elf", "field"))
    records = ("condition", "environment:LDFLAGS")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "field":
            return 0.8 if hunk.name == "pe:id" else 0.0
        if hunk.name == "sections":
            return 0.8 if (hunk.before or hunk.after) == b".note.gnu.build-id" else 0.0
        return {".note.gnu.build-id": 0.8, ".gnu_debuglink": 0.6}.get(hunk.name, 0.0)


class DateMacro(TextCause):
    name = "date-macro"
    title = "a program holds the time it was compiled: __DATE__, __TIME__ or __TIMESTAMP__"
    advice = (
        "Export SOURCE_DATE_EPOCH, which GCC and clang write for __DATE__ and __TIME__; for __TIMESTAMP__ give the "
        "sources that time (`touch -d @$SOURCE_DATE_EPOCH`) and build with TZ=UTC. -Werror=date-time finds the places; "
        "or patch the macros out."
    )
    kinds = _STRING
    certainty = 0.94
    records = ("epoch", "environment:SOURCE_DATE_EPOCH")

    _DATE: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?: [1-9]|[12]\d|3[01])"
    _TIME: Final = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-6]\d"
    _JOINED: Final = Pattern(_DATE + rb" (?:19|20)\d\d" + _TIME)
    _MACROS: Final = (
        Pattern(rb"(?<!\w)(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _DATE + rb" " + _TIME + rb" (?:19|20)\d\d(?!\w)"),
        Pattern(rb"(?<!\w)" + _DATE + rb" (?:19|20)\d\d(?!\d)"),
        Pattern(rb"(?<![\w:.])" + _TIME + rb"(?![:.\d]|\s?(?:[+-]\d\d|[A-Z]{3,4}\b))"),
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if not hunk.name.startswith(".") and hunk.name != "bytes":
            return before, after
        if self._JOINED.search(before) and self._JOINED.search(after):
            before, after = self._JOINED.sub(MARK, before), self._JOINED.sub(MARK, after)
        for macro in self._MACROS:
            if macro.search(before) and macro.search(after):
                before, after = (self._masked(macro, side, evidence) for side in (before, after))
        return before, after

    def _masked(self, macro: Pattern, text: bytes, evidence: Evidence) -> bytes:
        """With what this macro wrote replaced: a time that is all of the text, or one that can be the build's."""
        alone = macro is self._MACROS[-1] and not macro.sub(b"", text).strip()
        return macro.sub(MARK, text) if alone or MARK in masked(text, MARK, evidence) else text


class Compiler(TextCause):
    name = "compiler"
    title = "another compiler, or another version of one, built the program"
    advice = "Install the toolchain that the original was built with: its record names the packages and their versions."
    kinds = frozenset(("elf", "string", "text", "class"))
    certainty = 0.94
    records = ("installed:gcc", "installed:binutils", "installed:rust", "installed:go", "tool")

    _TOOL: Final = Pattern(
        rb"\s*(GCC: |GNU (C|AS|Fortran|Ada|GIMPLE|D|Go|Modula)|([\w ]+ )?clang version |(Linker: )?(LLD|mold|GNU gold)|"
        rb"rustc version|Android \(|Zig |zig |LDC |DMD |GHC |Free Pascal|Intel\(R\)|ldc version|OCaml)"
    )
    _PRODUCER: Final = Pattern(
        rb"^(?:GNU [A-Za-z]+[+\d]* \d[\w.]*(?: \d{8})?(?: \([^)]*\))?|[^/-]*?clang version [\w.+~-]+(?: \([^)]*\))?|"
        rb"clang LLVM \(rustc version [^)]*\)+|GNU AS [\w.]+|"
        rb"Go cmd/compile go[\w.]+|rustc version [\w.-]+(?: \([^)]*\))?)"
    )
    _PLACES: Final = (
        Pattern(rb"(?<=/rustc/)[0-9a-f]{40}"),
        Pattern(rb"(?<=/lib/gcc/)[\w-]+/\d[\w.]*"),
        Pattern(rb"/lib/llvm\d+/lib/clang/[\d.]+"),
        Pattern(rb"(?<=/include/c\+\+/)\d[\d.]*"),
    )
    _TOLD: Final = Pattern(
        rb"\b(?:gcc|g\+\+|clang|rustc|ghc|javac)(?:[ _]?version)?\b[ :='\"]*(?:\([^)\n]{0,80}\d\.\d[^)\n]{0,80}\)|"
        rb"(?:\([^)\n]{0,80}\)\s*)?\d+\.\d+[\w.+~-]*)(?:\s+\d[\d.]+)*(?:\s*\([^)\n]{0,80}\))?"
    )
    _ASKED: Final = Pattern(
        rb"(?i)\b(?:needs?|requires?|since|newer|later|older|before|after|least|minimum|fix\w*)\b|>="
    )
    _GO: Final = Pattern(rb"^(?:go\t)?go\d\.\d+[\w.]*$")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if hunk.kind not in ("string", "text"):
            return before, after
        if hunk.name.endswith(":producer"):
            old, new = self._PRODUCER.match(before), self._PRODUCER.match(after)
            if old and new and old[0] != new[0]:
                return MARK + before[old.end() :], MARK + after[new.end() :]
        if self._GO.match(before) and self._GO.match(after):
            return MARK, MARK
        if self._TOLD.search(before) and self._TOLD.search(after) and not self._ASKED.search(before + after):
            before, after = self._TOLD.sub(MARK, before), self._TOLD.sub(MARK, after)
        for place in self._PLACES:
            if place.search(before) and place.search(after):
                before, after = place.sub(MARK, before), place.sub(MARK, after)
        return before, after

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "string":
            if hunk.name.endswith(":producer") and not (hunk.before and hunk.after):
                return self.certainty - 0.1
            return max(super().weigh(hunk, evidence), 0.7 if _of_one_function(hunk.before, hunk.after) else 0.0)
        if hunk.kind == "text":
            return super().weigh(hunk, evidence)
        if hunk.kind == "class":
            return 0.94 if hunk.name == "version" else 0.0
        if hunk.name != ".comment":
            return 0.0
        old, new = (set(filter(None, side.split(b"\n"))) for side in (hunk.before, hunk.after))
        return 0.96 if all(self._TOOL.match(line) for line in old ^ new) else 0.0


class CompilerFlags(TextCause):
    name = "compiler-flags"
    title = "the compiler or linker was called with other options"
    advice = (
        "Build with the CFLAGS, CXXFLAGS and LDFLAGS of the original (its record has them), without -march=native or "
        "what else depends on the machine."
    )
    kinds = _BOTH
    certainty = 0.88
    records = tuple(
        f"environment:{name}" for name in ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "RUSTFLAGS", "GOFLAGS")
    )

    _SECTIONS: Final = frozenset((b".gnu.hash", b".hash", b".note.gnu.property", b".relr.dyn", b".GCC.command.line"))
    _SETTING: Final = Pattern(rb"^build\t(?!-trimpath)(-\w+|CGO_\w+|GO[A-Z0-9]+)=")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if hunk.kind != "string" or not hunk.name.endswith((":producer", ".GCC.command.line")):
            return before, after
        old, new = (_OPTION.findall(side) for side in (before, after))
        other = [option for option in (*old, *new) if (option in old) != (option in new)]
        if all(b"/" in option for option in other) and other:
            return before, after
        return _options(before), _options(after)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "elf":
            if hunk.name == "sections":
                return 0.5 if (hunk.before or hunk.after) in self._SECTIONS else 0.0
            if hunk.name == "header":
                return 0.7 if hunk.before.startswith(b"ET_") else 0.0
            return {"flags": 0.7, "compression": 0.6}.get(hunk.name, 0.0)
        settings = [self._SETTING.match(side) for side in (hunk.before, hunk.after)]
        if any(settings):
            both = zip(settings, (hunk.before, hunk.after), strict=True)
            return 0.8 if all(setting or not side for setting, side in both) else 0.0
        return super().weigh(hunk, evidence)


def _of_one_function(before: bytes, after: bytes) -> bool:
    """Whether an assertion names its function in two ways: by `__func__`, and by `__PRETTY_FUNCTION__`."""
    shorter, longer = sorted((before, after), key=len)
    return bool(
        re.fullmatch(rb"\w+", shorter)
        and re.fullmatch(rb"[\w:<>*& ]+\b" + re.escape(shorter) + rb"\([^\n]*\)[\w &]*", longer)
    )


def _options(text: bytes) -> bytes:
    """A call of a compiler with all of its options taken as one."""
    first = _OPTION.search(text)
    if first is None:
        return text.rstrip() + MARK if text else MARK
    return (text[: first.start()].rstrip() + MARK) if first.start() else MARK


class RandomSeed(TextCause):
    name = "random-seed"
    title = "GCC drew a number for names of symbols or of sections for link-time optimization"
    advice = (
        "Compile with -frandom-seed=NAME, another for each file and the same in each build: in a Makefile "
        "`CFLAGS += -frandom-seed=$@`."
    )
    kinds = _BOTH
    certainty = 0.93

    _OPTION: Final = Pattern(rb"(?<=-frandom-seed=)[\w.-]+")
    _SECTION: Final = Pattern(rb"\.gnu\.(?:debug)?lto_")
    _NAMES: Final = (
        Pattern(rb"(?<=_)[0-9A-F]{8}_(?:0x)?[0-9a-f]{1,16}(?![0-9A-Za-z])"),
        Pattern(rb"(?<=\.)[0-9a-f]{7,16}(?=(?:\.|$|\s))"),
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if self._OPTION.search(before) and self._OPTION.search(after):
            before, after = self._OPTION.sub(MARK, before), self._OPTION.sub(MARK, after)
        if b"_GLOBAL_" in before and b"_GLOBAL_" in after:
            before, after = self._NAMES[0].sub(MARK, before), self._NAMES[0].sub(MARK, after)
        if self._SECTION.search(before) and self._SECTION.search(after):
            before, after = self._NAMES[1].sub(MARK, before), self._NAMES[1].sub(MARK, after)
        return before, after


class Stripped(Cause):
    name = "stripped"
    title = "one side was stripped of symbols or debug information, and the other was not"
    advice = (
        'Strip both or none: options="!strip" in the APKBUILD, install -s, a -dbg subpackage, or LDFLAGS with -s make '
        "the difference."
    )
    kinds = _ELF

    _TAKEN: Final = Pattern(
        rb"\.(symtab|strtab|symtab_shndx|z?debug_\w+|gnu_debuglink|gnu_debugdata|stab(str)?|gdb_index|line)(\.|$)"
    )

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name == "sections" and self._TAKEN.match(hunk.before or hunk.after) else 0.0


CAUSES: Final[tuple[Cause, ...]] = (
    OtherArch(),
    Stripped(),
    *languages.CAUSES,
    Compiler(),
    DateMacro(),
    RandomSeed(),
    BuildId(),
    CompilerFlags(),
)
