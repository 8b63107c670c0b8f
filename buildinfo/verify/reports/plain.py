"""A report as text for a terminal: short, or with every difference."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from buildinfo.verify.report import Cause, Difference, Pair, Report, readable
from buildinfo.verify.reports.records import values
from buildinfo.verify.reports.words import MEANING, certainty, count, failing, label, labelled, layers, outcome, title
from buildinfo.verify.verdict import LADDER, Verdict, reaches

_COLOURS: Final = {
    "identical": "1;32",
    "identical-unsigned": "32",
    "identical-normalized": "36",
    "payload-identical": "33",
    "different": "1;31",
    "unreadable": "1;35",
}
_LEAST_WIDTH: Final = 40


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
            yield f"{self._bold(label(pair))}: {self._verdict(None)}"
            yield from self._wrapped(pair.error or "", 2)
            return
        yield f"{self._bold(label(pair))}: {self._verdict(pair.verdict)}"
        asked = "" if reaches(pair.verdict, bar) else f" ({bar} was asked for)"
        yield from self._wrapped(f"{MEANING[pair.verdict]}{asked}", 2)
        yield from self._details(pair, 2)

    def _details(self, pair: Pair, indent: int) -> Iterator[str]:
        space = " " * indent
        if pair.relations_changed:
            yield from self._wrapped("relations changed: apk may install other packages with it", indent)
        if pair.differences:
            counted = ", ".join(f"{layer} {number}" for layer, number in layers(pair).items())
            yield f"{space}{count(len(pair.differences), 'difference')}: {counted}"
        for cause in pair.causes:
            yield ""
            yield from self._cause(cause, indent)
        if pair.records is not None:
            yield ""
            hint = "" if self._verbose or not pair.records else "; -v lists them"
            yield f"{space}the records differ in {count(len(pair.records), 'thing')}{hint}"
            if self._verbose:
                for delta in pair.records:
                    yield from self._wrapped(f"{delta.table} {values(delta)}", indent + 2)
        if self._verbose and pair.differences:
            yield ""
            for difference in pair.differences:
                yield from self._wrapped(_difference(difference), indent)

    def _cause(self, cause: Cause, indent: int) -> Iterator[str]:
        sure = f"{certainty(cause)}, " if cause.weight else ""
        yield f"{' ' * indent}{self._bold(cause.name)} ({sure}{count(len(cause.differences), 'difference')})"
        yield from self._wrapped(title(cause.name), indent + 2)
        if cause.advice:
            yield from self._wrapped(f"mend: {cause.advice}", indent + 2)
        for line in cause.evidence:
            for piece in self._wrapped(line, indent + 2) if self._verbose else [self._cut(line, indent + 2)]:
                yield self._dim(piece)

    # Many pairs, as a table.

    def many(self, report: Report, bar: Verdict) -> Iterator[str]:
        shown = report.pairs if self._verbose else failing(report.pairs, bar)
        if shown:
            yield from self._table(shown)
            yield ""
        yield self._bold(outcome(report, bar))
        for verdict in LADDER:
            if verdict in report.summary:
                yield f"{report.summary[verdict]:>7}  {self._verdict(verdict)}"
        if report.errors:
            yield f"{report.errors:>7}  {self._verdict(None)}"
        if report.causes:
            yield ""
            yield self._bold("causes, by how many pairs they stand in")
            for name, number in report.causes.items():
                yield self._cut(f"{number:>5}  {name}: {title(name)}", 2)

    def _table(self, pairs: list[Pair]) -> Iterator[str]:
        named = labelled(pairs)
        widest = max(len(readable(name)) for name, _ in named)
        first = max(7, min(widest, self._width - 46))
        second = max(len(pair.verdict or "unreadable") for pair in pairs)
        yield self._bold(f"{'package':<{first}}  {'verdict':<{second}}  likeliest cause")
        for of, pair in named:
            name = _fitting(readable(of), first)
            verdict = self._verdict(pair.verdict) + " " * (second - len(pair.verdict or "unreadable"))
            more = f" (+{len(pair.causes) - 1})" if len(pair.causes) > 1 else ""
            cause = f"{pair.causes[0].name}{more}" if pair.causes else pair.error or ""
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

    def _verdict(self, verdict: Verdict | None) -> str:
        word = verdict or "unreadable"
        return self._styled(word, _COLOURS[word])

    def _bold(self, text: str) -> str:
        return self._styled(readable(text), "1")

    def _dim(self, text: str) -> str:
        return self._styled(text, "2")

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def _difference(difference: Difference) -> str:
    place = " ".join(part for part in (difference.path, difference.field) if part)
    return f"{difference.layer} {place}: {difference.detail}" if place else f"{difference.layer}: {difference.detail}"


def _fitting(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 3)]}..."
