"""One pair as HTML: how far it gets, the package with what differs, why, and every difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from buildinfo.verify.report import Cause, Pair, good_enough, standing
from buildinfo.verify.reports.html_tree import package
from buildinfo.verify.reports.markup import Html, joined, prose, tag
from buildinfo.verify.reports.words import (
    LAYERS,
    MEANING,
    SAME_FILE,
    certainty,
    count,
    gravest_first,
    in_order,
    layers,
    next_step,
    title,
)
from buildinfo.verify.reports.words import said as words_of
from buildinfo.verify.verdict import LADDER, Verdict, reaches

MOST_EVIDENCE: Final = 40
"""Most lines of evidence of a cause on a page."""
MOST_LETTERS: Final = 2000
"""Most letters of a value."""


def meaning(pair: Pair, bar: Verdict) -> Html:
    """The verdict in one sentence."""
    if pair.verdict is None:
        word = standing(pair)
        said = tag("p", tag("strong", word, class_=f"badge v-{word}"), " there is no verdict", class_="said")
        return joined(said, tag("p", pair.error, class_="error", role="note"))
    badge = tag("strong", pair.verdict, class_=f"badge v-{pair.verdict}")
    said = tag("p", badge, " ", MEANING[pair.verdict], class_="said")
    asked = None if good_enough(pair, bar) else tag("p", f"{bar} was asked for.", class_="asked")
    same = tag("p", _sentence(SAME_FILE), class_="error", role="note") if pair.same_file else None
    relations = "Relations changed: apk may install other packages with this one."
    return joined(
        said, asked, same, tag("p", relations, class_="error", role="note") if pair.relations_changed else None
    )


def body(pair: Pair, bar: Verdict, number: int, level: int, rows: int) -> Iterator[Html]:
    """The sections of a pair.

    Args:
        bar: the verdict that was asked for.
        number: the place of the pair, for names of elements.
        level: of the headings.
        rows: how many differences to list at most.
    """
    heading = f"h{level}"
    if pair.verdict is not None:
        yield tag("section", tag(heading, "How far it gets"), _ladder(pair.verdict, bar))
    if pair.explained is False:
        yield tag("p", tag("b", "Not fully explained: "), "some of what differs has no known cause.", class_="advice")
    if pair.causes:
        cards = [_cause(pair, cause, f"h{level + 1}") for cause in gravest_first(pair)]
        yield tag("section", tag(heading, "Why"), tag("div", *cards, class_="cards"))
    if pair.segments:
        yield tag("section", tag(heading, "The package"), package(pair))
    if pair.differences:
        yield tag("section", tag(heading, "Differences"), _differences(pair, number, rows))
    if pair.records is not None:
        yield tag("section", tag(heading, "The records of the builds"), _records(pair))
    yield tag("section", tag(heading, "Files"), _files(pair))


def _ladder(verdict: Verdict, bar: Verdict) -> Html:
    """The rungs from the strongest down; the one that is reached, what holds with it, and what was asked for."""
    rungs = []
    for rung in LADDER:
        reached = rung == verdict
        holds = reaches(verdict, rung) and (rung != "different" or reached)
        if rung == "different":
            mark = "this is it" if reached else "no"
        else:
            mark = "reached" if reached else "holds" if holds else "does not hold"
        words = [tag("b", rung), tag("span", MEANING[rung], class_="what"), tag("span", mark, class_="mark")]
        if rung == bar:
            words.append(tag("span", "asked for", class_="bar"))
        kind = "reached" if reached else "holds" if holds else "out"
        rungs.append(tag("li", *words, class_=f"{kind} v-{rung}", aria_current="true" if reached else None))
    return tag("ol", *rungs, class_="ladder")


def _cause(pair: Pair, cause: Cause, heading: str) -> Html:
    sure = f"{certainty(cause)} sure, " if cause.weight else ""
    facts = f"{sure}{count(len(cause.differences), 'difference')}"
    parts = [
        tag(heading, tag("code", cause.name), " ", tag("small", facts)),
        tag("p", prose(_sentence(title(cause.name)))),
    ]
    if cause.advice:
        parts.append(tag("p", tag("b", "Mend: "), prose(cause.advice), class_="advice"))
    if step := next_step(pair, cause):
        parts.append(tag("p", tag("b", "Next: "), step[0], class_="advice"))
        parts.append(tag("ul", *(tag("li", tag("code", command)) for command in step[1]), class_="evidence"))
    if cause.evidence:
        lines = [tag("li", tag("code", line)) for line in cause.evidence[:MOST_EVIDENCE]]
        if more := cause.evidence[MOST_EVIDENCE:]:
            lines.append(tag("li", f"and {len(more)} more; the report as JSON has them"))
        parts.append(tag("ul", *lines, class_="evidence", aria_label="evidence"))
    return tag("article", *parts, class_=f"cause{'' if cause.weight else ' unknown'}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _differences(pair: Pair, number: int, most: int) -> Html:
    causes = causes_of(pair)
    counts = layers(pair)
    radios = [
        tag(
            "label",
            tag("input", type="radio", name=f"layer-{number}", value=value, checked=value == "all"),
            tag("span", text),
        )
        for value, text in [("all", "all"), *((name, f"{name} {found}") for name, found in counts.items())]
    ]
    legend = tag("legend", "Layer")
    filters = tag("fieldset", legend, *radios, class_="filter") if len(counts) > 1 else None
    rows = []
    for index, difference in in_order(pair)[:most]:
        place = tag("code", difference.path or ("" if difference.field else "package"))
        field = tag("span", difference.field, class_="field") if difference.field else None
        rows.append(
            tag(
                "tr",
                tag("td", tag("span", difference.layer, class_=f"chip l-{difference.layer}"), class_="layer"),
                tag("td", place, " ", field, class_="where"),
                tag("td", _cut(words_of(difference)), class_="detail"),
                tag("td", ", ".join(causes.get(index, ())), class_="why"),
                class_=f"item is-{difference.layer}",
            )
        )
    head = tag("tr", *(tag("th", text, scope="col") for text in ("layer", "where", "what", "cause")))
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="differences")
    rest = len(pair.differences) - most
    note = tag("p", f"And {rest} more, which the JSON report lists.", class_="rest") if rest > 0 else None
    explained = tag("dl", *(pieces for name in counts for pieces in _term(name, LAYERS[name])), class_="layers")
    summary = tag("summary", f"{count(len(pair.differences), 'difference')}, one by one")
    inner = tag("div", explained, filters, table, note, class_="filterable")
    return tag("details", summary, inner, class_="all-differences", open=len(pair.differences) <= 24)


def causes_of(pair: Pair) -> dict[int, list[str]]:
    """Difference -> the names of its causes, the likeliest first."""
    names: dict[int, list[str]] = {}
    for cause in pair.causes:
        for index in cause.differences:
            names.setdefault(index, []).append(cause.name)
    return names


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}... (the JSON report has it whole)"


def _term(name: str, said: str | Html) -> Sequence[Html]:
    return tag("dt", name), tag("dd", said)


def _records(pair: Pair) -> Html:
    if not pair.records:
        return tag("p", "They say the same.")
    rows = [
        tag(
            "tr",
            tag("td", delta.table, class_="layer"),
            tag("td", tag("code", delta.name), class_="where"),
            tag("td", tag("code", _value(delta.original)), class_="detail"),
            tag("td", tag("code", _value(delta.rebuilt)), class_="detail"),
        )
        for delta in pair.records
    ]
    head = tag("tr", *(tag("th", text, scope="col") for text in ("part", "name", "original", "rebuild")))
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="differences")
    summary = tag("summary", f"{count(len(rows), 'thing')} in which they differ")
    return tag("details", summary, table, open=len(rows) <= 24)


def _value(value: str | None) -> str:
    return "(none)" if value is None else value


def _files(pair: Pair) -> Html:
    facts = [
        ("original", pair.original or "missing"),
        ("its SHA-256", pair.original_sha256),
        ("its identity", pair.identity),
        ("rebuild", pair.rebuilt or "missing"),
        ("its SHA-256", pair.rebuilt_sha256),
    ]
    shown = [piece for name, value in facts if value for piece in _term(name, tag("code", value))]
    return tag("dl", *shown, class_="facts")
