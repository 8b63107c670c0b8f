"""A report as text for a terminal: short, or with every difference."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.report import Cause, Difference, Pair, Report, good_enough, readable, standing
from buildinfo.verify.reports.records import values
from buildinfo.verify.reports.words import (
    MEANING,
    SAME_FILE,
    STANDINGS,
    certainty,
    count,
    failing,
    gravest_first,
    in_order,
    label,
    labelled,
    layers,
    next_step,
    outcome,
    said,
    title,
    top_cause,
    worst_first,
)
from buildinfo.verify.verdict import Verdict

_COLOURS: Final = {
    "identical": "1;32",
    "identical-unsigned": "32",
    "identical-normalized": "36",
    "payload-identical": "33",
    "different": "1;31",
    "same-file": "1;33",
    "refused": "1;35",
    "unreadable": "1;35",
}
_LEAST_WIDTH: Final = 40
_LONGEST_PATH: Final = 60
_EVIDENCE: Final = 5
"""Most lines of evidence of a cause, unless all are asked for."""


def render(report: Report, bar: Verdict, *, verbose: bool = False, width: int = 100, colour: bool = False) -> str:
    """The text, ending in a newline. No name in a package gets to steer the terminal.

    Args:
        bar: the verdict that was asked for.
        verbose: list every pair, every difference and all evidence, uncut.
        width: columns of the terminal.
        colour: mark verdicts and headings.
    """
    text = _Text(max(_LEAST_WIDTH, width), colour, verbose)
    lines = text.single(report.pairs[0], bar) if len(report.pairs) == 1 else text.many(report, bar)
    return "".join(f"{line}\n" for line in lines)


class _Text:
    def __init__(self, width: int, colour: bool, verbose: bool) -> None:
        self._width = width
        self._colour = colour
        self._verbose = verbose

    # One pair, in full.

    def single(self, pair: Pair, bar: Verdict) -> Iterator[str]:
        if pair.verdict is None:
            yield f"{self._bold(label(pair))}: {self._verdict(standing(pair))}"
            yield from self._wrapped(pair.error or "", 2)
            return
        yield f"{self._bold(label(pair))}: {self._verdict(pair.verdict)}"
        asked = "" if good_enough(pair, bar) else f" ({bar} was asked for)"
        yield from self._wrapped(SAME_FILE if pair.same_file else f"{MEANING[pair.verdict]}{asked}", 2)
        yield from self._details(pair, 2)

    def _details(self, pair: Pair, indent: int) -> Iterator[str]:
        space = " " * indent
        if pair.relations_changed:
            yield from self._wrapped("relations changed: apk may install other packages with it", indent)
        if pair.differences:
            counted = ", ".join(f"{layer} {number}" for layer, number in layers(pair).items())
            whole = {True: ", explained", False: ", not fully explained", None: ""}[pair.explained]
            yield f"{space}{count(len(pair.differences), 'difference')}{whole}: {counted}"
        for cause in gravest_first(pair):
            yield ""
            yield from self._cause(pair, cause, indent)
        if pair.records is not None:
            yield ""
            hint = "" if self._verbose or not pair.records else "; -v lists them"
            yield f"{space}the records differ in {count(len(pair.records), 'thing')}{hint}"
            if self._verbose:
                for delta in pair.records:
                    yield from self._wrapped(f"{delta.table} {values(delta)}", indent + 2)
        if self._verbose and pair.differences:
            yield ""
            for _, difference in in_order(pair):
                yield from self._wrapped(_difference(difference), indent)

    def _cause(self, pair: Pair, cause: Cause, indent: int) -> Iterator[str]:
        sure = f"{certainty(cause)}, " if cause.weight else ""
        yield f"{' ' * indent}{self._bold(cause.name)} ({sure}{count(len(cause.differences), 'difference')})"
        yield from self._wrapped(title(cause.name), indent + 2)
        if cause.advice:
            yield from self._wrapped(f"mend: {cause.advice}", indent + 2)
        if step := next_step(pair, cause):
            yield from self._wrapped(f"next: {step[0]}", indent + 2)
            for command in step[1]:  # to be copied, so never broken
                yield f"{' ' * (indent + 4)}{readable(command)}"
        shown = cause.evidence if self._verbose else cause.evidence[:_EVIDENCE]
        for line in shown:
            for piece in self._wrapped(line if self._verbose else _with_short_path(line), indent + 2):
                yield self._dim(piece)
        if len(shown) < len(cause.evidence):
            yield self._dim(f"{' ' * (indent + 2)}and {len(cause.evidence) - len(shown)} more; -v lists them")

    # Many pairs, as a table.

    def many(self, report: Report, bar: Verdict) -> Iterator[str]:
        shown = worst_first(report.pairs if self._verbose else failing(report.pairs, bar))
        if shown:
            yield from self._table(shown)
            yield ""
        yield self._bold(outcome(report, bar))
        for name in STANDINGS:
            if name in report.summary:
                yield f"{report.summary[name]:>7}  {self._verdict(name)}"
        if report.causes:
            yield ""
            yield self._bold("causes, by how many pairs they stand in")
            for name, number in report.causes.items():
                yield self._cut(f"{number:>5}  {name}: {title(name)}", 2)

    def _table(self, pairs: list[Pair]) -> Iterator[str]:
        named = labelled(pairs)
        widest = max(len(readable(name)) for name, _ in named)
        first = max(7, min(widest, self._width - 46))
        second = max(len(standing(pair)) for pair in pairs)
        yield self._bold(f"{'package':<{first}}  {'verdict':<{second}}  first cause")
        for of, pair in named:
            name = _shortened(readable(of), first)
            verdict = self._verdict(standing(pair)) + " " * (second - len(standing(pair)))
            cause = top_cause(pair) or _error(pair)
            last = _fitting(readable(cause), max(10, self._width - first - second - 4))
            yield f"{name:<{first}}  {verdict}  {last}".rstrip()
            if self._verbose:
                yield from self._details(pair, 4)

    # Pieces of lines.

    def _wrapped(self, text: str, indent: int) -> list[str]:
        space = " " * indent
        lines = textwrap.wrap(
            readable(text),
            self._width,
            initial_indent=space,
            subsequent_indent=f"{space}  ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        return lines or [space.rstrip()]

    def _cut(self, text: str, indent: int) -> str:
        return " " * indent + _fitting(readable(text), self._width - indent)

    def _verdict(self, word: str) -> str:
        return self._styled(word, _COLOURS[word])

    def _bold(self, text: str) -> str:
        return self._styled(readable(text), "1")

    def _dim(self, text: str) -> str:
        return self._styled(text, "2")

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def _difference(difference: Difference) -> str:
    place = " ".join(part for part in (difference.path, difference.field) if part)
    left = " (not fully explained)" if difference.explained is False else ""
    where = f"{difference.layer} {place}" if place else difference.layer
    return f"{where}: {said(difference)}{left}"


def _error(pair: Pair) -> str:
    """Why a pair has no verdict, in a table: the side instead of its file."""
    error = pair.error or ""
    for side, path in (("original", pair.original), ("rebuild", pair.rebuilt)):
        if path and error.startswith(f"{path}: "):
            return f"{side}: {error[len(path) + 2 :]}"
    return error


def _with_short_path(line: str) -> str:
    """A line of evidence; its path, which stands before the colon, loses folders in its middle."""
    path, colon, rest = line.partition(": ")
    return f"{_shortened(path, _LONGEST_PATH)}{colon}{rest}" if "/" in path else line


def _shortened(text: str, width: int) -> str:
    """A path or name without its middle; what tells it from others is mostly at its ends."""
    if len(text) <= width:
        return text
    end = (width - 3) * 2 // 3
    return f"{text[: width - 3 - end]}...{text[-end:]}"


def _fitting(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 3)]}..."
