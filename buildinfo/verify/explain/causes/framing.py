"""Causes that show in how a package is laid out and compressed, and in the compression of files inside it."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern


class Compressor(Cause):
    name = "compressor"
    title = "the same content was compressed by another program, version or level"
    advice = (
        "Install pigz on both sides, as Alpine's builders do (abuild takes gzip where it is missing), and unset "
        "PIGZ and GZIP; the hooks bring every package to one framing."
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

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "compression":
            return 0.95
        if hunk.name == "compression":
            return 1.0
        if hunk.name != "gzip":
            return 0.0
        old, new = _header(hunk.before), _header(hunk.after)
        return 0.9 if old["time"] == new["time"] and old.get("flags") == new.get("flags") else 0.0


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


CAUSES: Final[tuple[Cause, ...]] = (Compressor(), GzipHeader(), GzipMaker(), TarDialect(), MemberOrder())
