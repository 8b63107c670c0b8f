"""From differences to causes: every hunk goes to the cause that explains it best, and what is left is unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Final

from buildinfo.verify.explain.catalogue import CATALOGUE
from buildinfo.verify.explain.cause import Cause, TextCause
from buildinfo.verify.explain.dissect import dissect
from buildinfo.verify.explain.dissect.text import SOME
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.found import Found
from buildinfo.verify.report import Cause as Reported
from buildinfo.verify.report import readable
from buildinfo.verify.times import FIELDS, moment

UNKNOWN: Final = "unknown"
LEAST: Final = 0.3
"""A hunk is not explained by a cause that is less sure."""
FIRST: Final = 5
"""Lines of evidence that stand first: of each kind some."""
CARRIER: Final = 0.5
"""By what the cause loses that only carried another one into a file."""
MAX_ALIKE: Final = {"metadata": 2}
"""Most of them that are of one field, where all files of a package may differ in it."""
MAX_VALUE: Final = 4096
"""Most bytes of a value of a header that evidence shows."""
NOT_LOOKED: Final = "not looked into: too much differs for packages of this size"
_TEXTS: Final = frozenset(("text", "string", "comment"))
LONGEST: Final = 120.0
"""Seconds for which causes of one pair are looked for."""
HINTED: Final = 12
"""Most things by name in which the records differ, beside what is unknown."""
UNSUPPORTED: Final = 0.5
"""By what a cause loses where both records are known and say nothing of it."""


@dataclass
class _Claims:
    """What one cause explains: differences, with how sure it is of each, and what it was told by."""

    weights: dict[int, float] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    more: list[str] = field(default_factory=list)
    hunks: int = 0
    claimed: set[tuple[str, str]] = field(default_factory=set)
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, index: int, weight: float, hunk: Hunk) -> None:
        self.weights[index] = max(weight, self.weights.get(index, 0.0))
        self.hunks += 1
        alike = hunk.kind, hunk.name
        self.claimed.add(alike)
        first = len(self.evidence) < FIRST and self.shown[alike] < MAX_ALIKE.get(hunk.kind, FIRST)
        self.shown[alike] += first
        (self.evidence if first else self.more).append(excerpt(hunk))

    def told(self) -> list[str]:
        """All evidence, what tells most of it first."""
        return list(dict.fromkeys((*self.evidence, *self.more)))


def explain(evidence: Evidence, seconds: float = LONGEST) -> list[Reported]:
    """The causes of all differences, the likeliest first; `unknown` is the last.

    Args:
        seconds: how long causes are looked for; what is left then is unknown.
    """
    claims: dict[Cause, _Claims] = {}
    unknown = _Claims()
    later: list[int] = []
    judge = _Judge(evidence, seconds)
    for index, found in enumerate(evidence.found):
        if is_consequence(found, evidence):
            later.append(index)
            continue
        if evidence.effort.spent:
            unknown.add(index, 0.0, Hunk("bytes", NOT_LOOKED, b"", b"", file=found.difference.path or ""))
            continue
        _explain_one(index, dissect(found, evidence), judge, claims, unknown)
    _attach(later, evidence, claims, unknown)
    ranked = sorted(
        ((cause, _weight(cause, claim, evidence), claim) for cause, claim in claims.items()),
        key=lambda entry: (-entry[1], -len(entry[2].weights), -entry[2].hunks, CATALOGUE.index(entry[0])),
    )
    reported = [_reported(cause, weight, claim) for cause, weight, claim in ranked]
    if unknown.weights:
        reported.append(
            Reported(
                name=UNKNOWN,
                weight=0.0,
                differences=sorted(unknown.weights),
                advice=_hint(evidence),
                evidence=unknown.told(),
            )
        )
    return reported


def is_consequence(found: Found, evidence: Evidence) -> bool:
    """Whether a difference follows from others: the hash and size of data, and a signature over another control."""
    difference = found.difference
    if difference.layer == "signature":
        return evidence.layers != {"signature"}
    if difference.layer != "control":
        return False
    if difference.field == "datahash":
        return not evidence.layers.isdisjoint(("metadata", "file", "framing"))
    return difference.field == "size" and "file" in evidence.layers


def _explain_one(
    index: int, hunks: Iterable[Hunk], judge: _Judge, claims: dict[Cause, _Claims], unknown: _Claims
) -> None:
    """Finds the cause of each hunk of one difference."""
    roots: list[Hunk] = []
    following: list[Hunk] = []
    for hunk in hunks:
        if judge.effort.spent:
            unknown.add(index, 0.0, hunk)
            return
        judge.effort.hunk(hunk.kind in _TEXTS, len(hunk.before) + len(hunk.after))
        (following if hunk.follows else roots).append(hunk)
    judged: list[tuple[Hunk, list[tuple[Cause, float]]]] = []
    wanted = roots or following
    for number, hunk in enumerate(wanted):
        if judge.is_late():
            rest = f"{len(wanted) - number} more not looked at"
            judged.append((Hunk("limit", rest, b"", b"", rest, hunk.file), []))
            break
        judged.append((hunk, judge(hunk)))
    whole = all(best for _, best in judged)
    for hunk, best in judged:
        if not best or (hunk.name == SOME and not whole):
            unknown.add(index, 0.0, hunk)
            continue
        for cause, weight in best:
            claims.setdefault(cause, _Claims()).add(index, weight, hunk)


class _Judge:
    """Finds the causes of hunks; of a package's many equal times only once."""

    def __init__(self, evidence: Evidence, seconds: float) -> None:
        self._evidence = evidence
        self.effort = evidence.effort
        self._until = monotonic() + seconds
        self._times: dict[tuple[bytes, bytes], list[tuple[Cause, float]]] = {}

    def is_late(self) -> bool:
        """Whether no more causes are looked for."""
        return monotonic() >= self._until

    def __call__(self, hunk: Hunk) -> list[tuple[Cause, float]]:
        if hunk.kind != "metadata" or hunk.name != "mtime":
            return best_of(hunk, self._evidence)
        times = hunk.before, hunk.after
        if times not in self._times:
            self._times[times] = best_of(hunk, self._evidence)
        return self._times[times]


def best_of(hunk: Hunk, evidence: Evidence) -> list[tuple[Cause, float]]:
    """The cause that explains a hunk best; several where a text has several; none where none does."""
    candidates = _of_kind(hunk.kind)
    weighed = [(cause, cause.weigh(hunk, evidence)) for cause in candidates]
    likely = [entry for entry in weighed if entry[1] >= LEAST]
    if likely:
        best = max(likely, key=lambda entry: entry[1])
        if not best[0].is_carried:
            return [best]
        # What carried it into the file is worth naming, too: without it nothing of this file would differ.
        carriers = [entry for entry in likely if not entry[0].is_carried]
        carrier = max(carriers, key=lambda entry: entry[1], default=None)
        return (
            [best]
            if carrier is None or hunk.kind in ("metadata", "comment")
            else [best, (carrier[0], carrier[1] * CARRIER)]
        )
    return _together([cause for cause in candidates if isinstance(cause, TextCause)], hunk, evidence)


@cache
def _of_kind(kind: str) -> list[Cause]:
    """The causes that may explain hunks of a kind."""
    return [cause for cause in CATALOGUE if kind in cause.kinds]


def _together(causes: list[TextCause], hunk: Hunk, evidence: Evidence) -> list[tuple[Cause, float]]:
    """The causes that explain a text together, and none that is not needed for it."""

    def left(chosen: list[TextCause]) -> bool:
        before, after = hunk.before, hunk.after
        for cause in chosen:
            before, after = cause.mask(hunk, before, after, evidence)
        return before != after

    if len(causes) < 2 or left(causes):
        return []
    needed = list(causes)
    for cause in causes:
        fewer = [other for other in needed if other is not cause]
        if not left(fewer):
            needed = fewer
    return [(cause, cause.certainty * 0.9) for cause in needed]


def _attach(later: list[int], evidence: Evidence, claims: dict[Cause, _Claims], unknown: _Claims) -> None:
    """Differences that follow from others have the causes of those."""
    claimed = [
        (claim, {evidence.found[index].difference.layer for index in claim.weights})
        for claim in (*claims.values(), unknown)
    ]
    for index in later:
        difference = evidence.found[index].difference
        layers = {"datahash": ("metadata", "file", "framing"), "size": ("file",)}.get(
            difference.field or "", ("control", "metadata", "file", "framing")
        )
        for claim, first in claimed:
            if not first.isdisjoint(layers):
                claim.weights[index] = claim.weights.get(index, 0.0)


def _weight(cause: Cause, claim: _Claims, evidence: Evidence) -> float:
    weight = max(claim.weights.values())
    records = evidence.records
    if records is None or not cause.records:
        return weight
    if any(records.differing(*wanted.split(":", 1)) for wanted in cause.records):
        return min(1.0, weight + 0.5 * (1 - weight))
    # Where, by whom and on which host it was built no record tells unless it is asked to.
    silent = all(wanted == "condition" or wanted.startswith("observation") for wanted in cause.records)
    return weight if silent else weight * UNSUPPORTED


def _hint(evidence: Evidence) -> str | None:
    """In what the records differ: what is unknown may come from it."""
    if evidence.records is None or not evidence.records.deltas:
        return None
    names = list(dict.fromkeys(f"{delta.table} {delta.name}" for delta in evidence.records.deltas))
    more = f" and {len(names) - HINTED} more" if len(names) > HINTED else ""
    return readable(f"Look first at what the records differ in: {', '.join(names[:HINTED])}{more}.")


def _reported(cause: Cause, weight: float, claim: _Claims) -> Reported:
    return Reported(
        name=cause.name,
        weight=round(weight, 2),
        differences=sorted(claim.weights),
        advice=cause.mend(claim.claimed),
        evidence=claim.told(),
    )


def excerpt(hunk: Hunk, limit: int = 70) -> str:
    """A hunk in one readable line."""
    place = ":".join(part for part in (hunk.file, hunk.where) if part) or hunk.name
    if not hunk.before and not hunk.after:
        return readable(place)
    whole = hunk.kind in ("metadata", "target")  # what is a value, and not an excerpt of a text, is not cut
    before, after = _windows(hunk.before, hunk.after, MAX_VALUE if whole else limit)
    if hunk.name in FIELDS:
        before, after = moment(before), moment(after)
    field = f"{hunk.name} " if hunk.kind == "metadata" and place != hunk.name else ""
    return readable(f"{place}: {field}{before} -> {after}")


def _windows(before: bytes, after: bytes, limit: int) -> tuple[str, str]:
    """Both values, cut to where they differ."""
    start = 0
    if max(len(before), len(after)) > limit:
        shared = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
        start = max(0, shared - limit // 3)
    return _window(before, start, limit), _window(after, start, limit)


def _window(value: bytes, start: int, limit: int) -> str:
    piece = value[start : start + limit]
    if not piece:
        return "(nothing)"
    text = piece.decode("utf-8", "backslashreplace").strip("\n")
    binary = sum(not letter.isprintable() for letter in text) * 4 > len(text) or text.count("\\x") * 4 > len(piece)
    text = piece[: limit // 2].hex() if binary else text
    cut = len(value) > start + (limit // 2 if binary else limit)
    return f"{'...' if start else ''}{text}{'...' if cut else ''}"
