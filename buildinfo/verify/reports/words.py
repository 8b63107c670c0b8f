"""What every form of a report says in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from buildinfo.verify.batch import MISSING
from buildinfo.verify.explain.catalogue import CATALOGUE
from buildinfo.verify.explain.engine import UNKNOWN
from buildinfo.verify.report import Cause, Pair, Report
from buildinfo.verify.verdict import Verdict, reaches

MEANING: Final[dict[Verdict, str]] = {
    "identical": "the same bytes",
    "identical-unsigned": "the same control and data, other signatures or none",
    "identical-normalized": "the same once both are normalized",
    "payload-identical": "the same files and scripts, other times, ids, framing or descriptive fields",
    "different": "something differs that is installed, run, or decides what apk does",
}
LAYERS: Final = {
    "framing": "how the parts are compressed and laid out",
    "signature": "who signed",
    "control": ".PKGINFO and scripts",
    "metadata": "what the archive says of files",
    "file": "files: presence, type, content",
}
_TITLES: Final = {
    UNKNOWN: "no known cause explains these",
    MISSING: "one side lacks the package",
    **{cause.name: cause.title for cause in CATALOGUE},
}


def title(name: str) -> str:
    """A cause in words."""
    return _TITLES.get(name, name)


def advice(name: str) -> str | None:
    """What mends a cause; None where nothing general is known."""
    return next((cause.advice for cause in CATALOGUE if cause.name == name), None)


def names() -> tuple[str, ...]:
    """Every name that a cause of a report may have, those of the catalogue first."""
    return (*(cause.name for cause in CATALOGUE), MISSING, UNKNOWN)


def label(pair: Pair) -> str:
    """What a pair is of."""
    path = pair.original or pair.rebuilt or ""
    return pair.package or path.rpartition("/")[2] or path


def labelled(pairs: list[Pair]) -> list[tuple[str, Pair]]:
    """Pairs with what they are of, and for which architecture where the name alone does not tell."""
    names = Counter(label(pair) for pair in pairs)
    return [
        (f"{label(pair)} ({pair.arch})" if pair.arch and names[label(pair)] > 1 else label(pair), pair)
        for pair in pairs
    ]


def certainty(cause: Cause) -> str:
    """How sure a cause is; nothing where none is claimed."""
    return f"{round(cause.weight * 100)} %" if cause.weight else ""


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int | None) -> str:
    """Bytes for people."""
    if number is None:
        return "none"
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{number} B" if unit == "B" else f"{value:.1f} {unit}"


def layers(pair: Pair) -> dict[str, int]:
    """How many differences each layer has, of those that have any."""
    counts = Counter(difference.layer for difference in pair.differences)
    return {layer: counts[layer] for layer in LAYERS if layer in counts}  # type: ignore[index]  # they are Layers


def outcome(report: Report, bar: Verdict) -> str:
    """One sentence on all pairs."""
    reached = sum(reaches(pair.verdict, bar) for pair in report.pairs)
    text = f"{reached} of {count(len(report.pairs), 'pair')} {'reaches' if reached == 1 else 'reach'} {bar}"
    return f"{text}, {report.errors} could not be read" if report.errors else text


def failing(pairs: Iterable[Pair], bar: Verdict) -> list[Pair]:
    """The pairs that do not reach the bar, or could not be read."""
    return [pair for pair in pairs if not reaches(pair.verdict, bar)]
