"""Causes that show in how a package is laid out and compressed, and in the compression of files inside it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_OF_PACKAGE: Final = (
    "Install pigz on both sides, as Alpine's builders do (abuild takes gzip where it is missing), and unset PIGZ and "
    "GZIP; the hooks bring every package to one framing."
)
_OF_FILES: Final = {
    "gzip": "Compress files with the same program and level (`gzip -9n`, or `pigz -9n`: their bytes differ), and unset "
    "GZIP and PIGZ.",
    "xz": "Compress with the same version, preset and check of xz, and unset XZ_OPT and XZ_DEFAULTS.",
    "zstd": "Compress with the same version and level of zstd, with threads on both sides or with `--single-thread`, "
    "and unset ZSTD_CLEVEL and ZSTD_NBTHREADS.",
    "bzip2": "Compress with the same program (pbzip2 and lbzip2 write other blocks) and level of bzip2.",
    "zip": "Zip with the same program, level and version of its library: `zip -0` needs none.",
    "png": "Write or optimize images with the same program, level and version of its library (libpng, zlib, optipng).",
    "format": "Name the format of the compressor; do not take the best that is found.",
}


_OF_TARS: Final = (
    "Pack with one program and one --format on both sides, and unset TAR_OPTIONS; `normalize` clears access times and "
    "process ids."
)


class Compressor(Cause):
    name = "compressor"
    title = "the same content was compressed by another program, version or level"
    advice = (
        "Of the package: install pigz on both sides, as Alpine's builders do (abuild takes gzip where it is missing), "
        "and unset PIGZ and GZIP; the hooks bring every package to one framing. Of a file inside: compress with the "
        "same program, version and level."
    )
    kinds = frozenset(("framing", "compression"))
    records = (
        "condition:compressor",
        "tool:pigz",
        "tool:gzip",
        "installed:pigz",
        "installed:gzip",
        "installed:busybox",
    )

    def mend(self, claimed: Collection[tuple[str, str]]) -> str:
        package = any(kind == "framing" for kind, _ in claimed)
        forms = sorted(name for kind, name in claimed if kind == "compression")
        told = [_OF_PACKAGE] if package else []
        told += [_OF_FILES[form] for form in forms if form in _OF_FILES]
        return " ".join(told) or self.advice

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "compression":
            return 0.95 if hunk.name in _OF_FILES else 0.0
        if hunk.name == "compression":
            return 1.0
        if hunk.name != "gzip":
            return 0.0
        old, new = _header(hunk.before), _header(hunk.after)
        return 0.9 if old["time"] == new["time"] and old.get("flags") == new.get("flags") else 0.0


class XzThreads(Cause):
    name = "xz-threads"
    title = "xz compressed the same content with another number of threads, or in blocks of another size"
    advice = (
        "Compress with `xz -T1` on both sides (xz 5.6 and newer use all processors unless told), or with threads and "
        "`--block-size`; unset XZ_OPT and XZ_DEFAULTS."
    )
    kinds = frozenset(("compression",))
    records = ("condition:jobs", "installed:xz", "tool:xz", "environment:XZ_OPT", "environment:XZ_DEFAULTS")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name == "xz blocks" else 0.0


class GzipHeader(Cause):
    name = "gzip-header"
    title = "a gzip header holds the time or the name of the file that was compressed"
    advice = "Compress with `gzip -n`, which writes neither name nor time; `normalize` removes them from a package."
    kinds = frozenset(("framing", "gzip"))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "gzip":
            return 0.95 if hunk.name in ("time", "name", "comment", "extra", "flags") else 0.0
        if hunk.name != "gzip":
            return 0.0
        old, new = _header(hunk.before), _header(hunk.after)
        return 0.95 if old["time"] != new["time"] or old.get("flags") != new.get("flags") else 0.0


class GzipMaker(Cause):
    name = "gzip-maker"
    title = "another program wrote the gzip header of a file: it states another level or system"
    advice = "Compress with the same program on both sides, and name it in makedepends."
    kinds = frozenset(("gzip",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.8 if hunk.name in ("level", "system") else 0.0


class TarDialect(Cause):
    name = "tar-dialect"
    title = "the same entries are written in another dialect of tar, or with other extended headers (process id, times)"
    advice = (
        "Use one version of tar and abuild on both sides, and unset TAR_OPTIONS; `normalize --handlers all` brings "
        "extended headers to one form."
    )
    kinds = frozenset(("framing", "metadata", "tar"))
    records = ("installed:tar", "tool:tar", "condition:abuild", "installed:abuild")

    def mend(self, claimed: Collection[tuple[str, str]]) -> str:
        return _OF_TARS if all(kind == "tar" for kind, _ in claimed) else self.advice

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "metadata":
            return 0.9 if hunk.name in ("atime", "ctime", "checksum", "comment") else 0.0
        return 0.95 if hunk.name in ("dialect", "end") else 0.0


class MemberOrder(Cause):
    name = "member-order"
    title = "the same entries stand in another order in the package"
    advice = "Use abuild 3.6 or newer, which sorts them; `normalize --handlers order` sorts those of a package."
    kinds = frozenset(("framing",))
    records = ("condition:abuild", "installed:abuild")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name in ("order", "link") else 0.0


_WORD: Final = Pattern(rb"(time|level byte|system|flags) (\d+)")


def _header(text: bytes) -> dict[str, bytes]:
    """The fields of a gzip header, as differences spell them."""
    return {name.decode(): value for name, value in _WORD.findall(text)}


CAUSES: Final[tuple[Cause, ...]] = (
    Compressor(),
    XzThreads(),
    GzipHeader(),
    GzipMaker(),
    TarDialect(),
    MemberOrder(),
)
