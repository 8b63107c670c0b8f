"""Causes that show in programs written in Go and Rust."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain.cause import MARK, Cause, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern


class GoBuildId(Cause):
    name = "go-build-id"
    title = "Go wrote an identity of the build into the program: its build id, or the state of the checkout"
    advice = "Build with -trimpath, -buildvcs=false and -ldflags=-buildid=."
    kinds = frozenset(("elf", "string"))
    records = ("condition", "environment:GOFLAGS")

    _STAMP: Final = Pattern(rb"^build\tvcs(\.\w+)?=")
    _ID: Final = Pattern(rb"^[\w-]{20}/[\w-]{20}/[\w-]{20}/[\w-]{20}$")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        sides = [side for side in (hunk.before, hunk.after) if side]
        if hunk.kind == "elf":
            return 0.8 if hunk.name == ".note.go.buildid" or sides == [b".note.go.buildid"] else 0.0
        if all(self._STAMP.match(side) for side in sides):
            return 0.86
        return 0.8 if all(self._ID.match(side) for side in sides) else 0.0


class GoTrimpath(TextCause):
    name = "go-trimpath"
    title = "a Go program holds the paths that it was built at: -trimpath is missing on one side, or on both"
    advice = "Build with -trimpath, or export GOFLAGS=-trimpath."
    kinds = frozenset(("string",))
    certainty = 0.95
    records = ("condition", "environment:GOFLAGS")

    _SETTING: Final = Pattern(rb"^build\t-trimpath=")
    _OWN: Final = Pattern(rb"/\S*/(go[\w.-]*/src|pkg/mod)/")
    """Folders of Go's library, and of modules that it fetched."""
    _IMPORT: Final = Pattern(rb"[\w-]+(\.[\w-]+)+/[\w./@~+-]+$")
    """The path of a module, which stands for its folder where paths are trimmed."""
    _SOURCE: Final = Pattern(rb"(?<![^\s\"'<>|:;,=\0])[^\s\"'<>|:;,=\0]*/(?P<file>[\w.@+-]+\.(?:go|s))(?![\w.])")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if (self._OWN.match(before) and before.endswith(b"/" + after)) or (
            self._OWN.match(after) and after.endswith(b"/" + before)
        ):
            return MARK, MARK
        if hunk.name == ".debug_line" and any(
            self._IMPORT.match(one) and other.startswith(b"/") for one, other in ((before, after), (after, before))
        ):
            return MARK, MARK
        old, new = list(self._SOURCE.finditer(before)), list(self._SOURCE.finditer(after))
        if not old or [match["file"] for match in old] != [match["file"] for match in new]:
            return before, after
        if not any(match[0].startswith(b"/") for match in (*old, *new)):
            return before, after
        return self._SOURCE.sub(_file, before), self._SOURCE.sub(_file, after)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        sides = [side for side in (hunk.before, hunk.after) if side]
        if any(self._SETTING.match(side) for side in sides):
            return self.certainty
        return super().weigh(hunk, evidence)


def _file(match: re.Match[bytes]) -> bytes:
    return MARK + match["file"]


class RustMetadata(TextCause):
    name = "rust-metadata"
    title = "Rust's symbols hold other hashes of their crate: its path, features or -C metadata differ"
    advice = (
        "Build in the recorded folder or with --remap-path-prefix=$builddir=., from the same Cargo.lock (--locked) "
        "with the same features, RUSTFLAGS and profile; -C codegen-units=1 keeps the order."
    )
    kinds = frozenset(("string", "elf", "member"))
    certainty = 0.94
    records = ("condition", "environment:RUSTFLAGS", "installed:rust")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        for pattern in (*_HASHES, _CRATE) if b"_R" in before else _HASHES:
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(_kept, before), pattern.sub(_kept, after)
        return before, after

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "elf":
            return 0.7 if hunk.name in (".rustc", ".rmeta") else 0.0
        return super().weigh(hunk, evidence)


def _kept(match: re.Match[bytes]) -> bytes:
    return match["known"] + MARK


_HASHES: Final = tuple(
    Pattern(pattern)
    for pattern in (
        rb"(?P<known>17h)[0-9a-f]{16}(?=E|$|\.)",  # the legacy mangling: the hash is a component of the name
        rb"(?P<known>\bh)[0-9a-f]{16}(?=$|\.)",
        rb"(?P<known>(?<=[\w])\.)[0-9a-z]{8,32}-cgu\.\d+",  # the name of a codegen unit
        rb"(?P<known>(?:\b|\.)(?:\.?L)?anon\.)[0-9a-f]{32}(?=\.\d)",
        rb"(?P<known>^)[0-9a-z]{24,26}(?=$|\.rcgu)",  # the same, without its crate
        rb"(?P<known>[/\w]-)[0-9a-f]{16}(?=\.(?:rlib|so|rmeta|o|d|[\w.-]+rcgu\.o)\b|/|$)",
        rb"(?P<known>_rust_extern_with_linkage_|rust_metadata_\w+?_|__rustc_debug_gdb_scripts_section_)[0-9a-f]{16}",
    )
)

_CRATE: Final = Pattern(rb"(?P<known>Cs)[0-9A-Za-z]+_(?=\d)")
"""Mangling v0, whose names begin with `_R`: the disambiguator of a crate, in base 62."""

CAUSES: Final[tuple[Cause, ...]] = (GoBuildId(), GoTrimpath(), RustMetadata())
