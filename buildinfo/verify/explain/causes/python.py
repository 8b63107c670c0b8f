"""Causes that show in compiled Python."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_PYC: Final = frozenset(("pyc",))


class PycTime(Cause):
    name = "pyc-time"
    title = "compiled Python holds the time of its source"
    advice = (
        "Compile with `python -m compileall --invalidation-mode checked-hash`, or give sources SOURCE_DATE_EPOCH "
        "before compiling; `normalize` writes the time that the package gives the source."
    )
    kinds = _PYC

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name == "time" else 0.0


class PycFlags(Cause):
    name = "pyc-flags"
    title = "Python was compiled in another mode, or by a process with other references in memory"
    advice = (
        "Compile on both sides with the same --invalidation-mode, each module by a process of its own; `normalize "
        "--handlers pyc` brings references to one form."
    )
    kinds = _PYC
    records = ("environment:SOURCE_DATE_EPOCH", "environment:PYTHONHASHSEED")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return {"flags": 0.95, "references": 0.95}.get(hunk.name, 0.0)


class PycVersion(Cause):
    name = "pyc-version"
    title = "another version of Python compiled it"
    advice = "Install the Python that the original was built with: its record names it."
    kinds = _PYC
    records = ("installed:python3", "tool:python3")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 1.0 if hunk.name == "version" else 0.0


class PycPath(Cause):
    name = "pyc-path"
    title = "compiled Python holds the path that it was compiled at"
    advice = (
        'Compile in $pkgdir with `compileall -s "$pkgdir" -p /` (or -d), which writes the path that the file will have '
        "when it is installed."
    )
    kinds = frozenset(("string",))
    records = ("condition",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name != "pyc":
            return 0.0
        old, new = _SOURCE.findall(hunk.before), _SOURCE.findall(hunk.after)
        if not old or len(old) != len(new) or _SOURCE.sub(b"", hunk.before) != _SOURCE.sub(b"", hunk.after):
            return 0.0
        own = hunk.file.encode("utf-8", "surrogateescape").rpartition(b"/")[2].partition(b".")[0] + b".py"
        names = {path.rpartition(b"/")[2] for path in (*old, *new)}
        return 0.95 if names == {own} else 0.0


_SOURCE: Final = Pattern(rb"[^\s\"'<>|:;,]+\.py\b")

CAUSES: Final[tuple[Cause, ...]] = (PycVersion(), PycFlags(), PycTime(), PycPath())
