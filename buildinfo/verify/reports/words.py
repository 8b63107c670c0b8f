"""What every form of a report says in the same words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile
from typing import Final

from buildinfo.verify.batch import MISSING
from buildinfo.verify.explain.catalogue import CATALOGUE
from buildinfo.verify.explain.engine import UNKNOWN
from buildinfo.verify.report import Cause, Difference, Pair, Report, good_enough, standing
from buildinfo.verify.times import FIELDS, moment
from buildinfo.verify.verdict import LADDER, Verdict

STANDINGS: Final = (*LADDER[:-1], "same-file", LADDER[-1], "refused", "unreadable")
"""What `standing` may say of a pair, the worst last."""
SAME_FILE: Final = "the same file: the two names lead to one package, so nothing is shown to be reproduced"
"""What to say of a package that was compared with itself."""
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
    """Pairs with what they are of; where that does not tell them apart with the architecture, else with the files."""
    groups: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        groups.setdefault(label(pair), []).append(index)
    marks: dict[int, str] = {}
    for group in groups.values():
        alike = [[pairs[index].arch or "" for index in group], *_places([pairs[index] for index in group])]
        for index, *words in zip(group, *_telling(alike), strict=True):
            marks[index] = ", ".join(filter(None, words))
    return [
        (f"{label(pair)} ({marks[index]})" if marks[index] else label(pair), pair) for index, pair in enumerate(pairs)
    ]


def _telling(columns: list[list[str]]) -> list[list[str]]:
    """The first columns that make all rows different, without those that do not help; all that help if none do."""
    chosen: list[list[str]] = []
    size = len(columns[0])
    for column in columns:
        rows = len(set(zip(*chosen, strict=True))) if chosen else 1
        if rows < size and len(set(zip(*chosen, column, strict=True))) > rows:
            chosen.append(column)
    return chosen


def _places(pairs: list[Pair]) -> tuple[list[str], list[str]]:
    """The files of pairs, without the folders above them and the name below them that all share."""
    return _apart([pair.original or "" for pair in pairs]), _apart([pair.rebuilt or "" for pair in pairs])


def _apart(paths: list[str]) -> list[str]:
    split = [path.split("/") for path in paths]
    start = _shared(split)
    end = _shared([parts[start:][::-1] for parts in split])
    return ["/".join(parts[start : len(parts) - end]) or "." for parts in split] if len(set(paths)) > 1 else paths


def _shared(paths: list[list[str]]) -> int:
    """How many of the first parts all paths share."""
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))


def worst_first(pairs: Iterable[Pair]) -> list[Pair]:
    """Pairs without a verdict first, then from the weakest verdict up."""
    return sorted(pairs, key=lambda pair: STANDINGS.index(standing(pair)), reverse=True)


def gravest_first(pair: Pair) -> list[Cause]:
    """The causes of a pair: `unknown` first, then those that make its verdict what it is, of them the likeliest."""
    return sorted(
        pair.causes,
        key=lambda cause: (
            cause.name != UNKNOWN,
            -max((_gravity(pair, at) for at in cause.differences), default=0),
            -cause.weight,
        ),
    )


def top_cause(pair: Pair) -> str:
    """The cause that counts most, and how many others there are; empty where there is none."""
    if not pair.causes:
        return ""
    first, *others = sorted(gravest_first(pair), key=lambda cause: cause.name == UNKNOWN)
    if others and others[-1].name == UNKNOWN:  # never a cause alone where it is not all
        more = f" (+{len(others) - 1})" if len(others) > 1 else ""
        return f"{first.name}{more} + {UNKNOWN}"
    side = f": {pair.differences[0].detail}" if first.name == MISSING else ""
    return f"{first.name}{side}{f' (+{len(others)})' if others else ''}"


def in_order(pair: Pair) -> list[tuple[int, Difference]]:
    """The differences of a pair with their places in it, the gravest first."""
    return sorted(enumerate(pair.differences), key=lambda entry: -_gravity(pair, entry[0]))


def _gravity(pair: Pair, index: int) -> int:
    allows = pair.differences[index].allows
    return 0 if allows is None else LADDER.index(allows)


def said(difference: Difference) -> str:
    """What differs, with values whole and times as dates."""
    old, new = difference.original, difference.rebuilt
    if difference.field is None or (old is None and new is None):
        return difference.detail
    if difference.field in FIELDS:
        return moments(difference)
    if difference.layer == "control" and ("\n" in f"{old}{new}" or old is None or new is None):
        if difference.detail.endswith("in another order"):
            return difference.detail
        return ", ".join(
            f"{sign}{line}" for sign, side in (("-", old), ("+", new)) if side for line in side.split("\n")
        )
    about, _, rest = difference.detail.partition(": ")
    return (
        f"{about}: {old} -> {new}"
        if rest and difference.path is None and difference.layer == "framing"
        else f"{old} -> {new}"
    )


def moments(difference: Difference) -> str:
    """The detail of a difference, with times as dates."""
    old, new = difference.original, difference.rebuilt
    if difference.field in FIELDS and old is not None and new is not None:
        return f"{moment(old)} -> {moment(new)}"
    return difference.detail


def next_step(pair: Pair, cause: Cause) -> tuple[str, list[str]] | None:
    """What to do about differences that no cause explains: a sentence, and the commands that show them."""
    if cause.name != UNKNOWN or pair.original is None or pair.rebuilt is None or "-" in (pair.original, pair.rebuilt):
        return None
    files = [shlex.quote(name if not name.startswith("-") else f"./{name}") for name in (pair.original, pair.rebuilt)]
    both = f"diffoscope {files[0]} {files[1]}"
    held = sorted(cause.differences, key=lambda at: -_gravity(pair, at))
    found = next((pair.differences[at] for at in held if _is_inside(pair.differences[at])), None)
    if found is None:
        return "compare the whole packages:", [both]
    inside = found.path or ".PKGINFO"
    taken = [f"tar -xzOf {file} {shlex.quote(inside)} >/tmp/{side}" for file, side in zip(files, "ab", strict=True)]
    return f"take {inside} out of both, or compare the whole packages:", [*taken, both]


def _is_inside(difference: Difference) -> bool:
    """Whether it is about the content of something that can be taken out of both packages."""
    if difference.layer == "control" and difference.path is None:
        return True
    on_both = difference.original is not None and difference.rebuilt is not None
    return bool(difference.path) and difference.field is None and on_both and "\\" not in str(difference.path)


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
    reached = sum(good_enough(pair, bar) for pair in report.pairs)
    text = f"{reached} of {count(len(report.pairs), 'pair')} {'reaches' if reached == 1 else 'reach'} {bar}"
    return f"{text}, {report.errors} could not be read" if report.errors else text


def failing(pairs: Iterable[Pair], bar: Verdict) -> list[Pair]:
    """The pairs that do not reach the bar, or could not be read."""
    return [pair for pair in pairs if not good_enough(pair, bar)]
