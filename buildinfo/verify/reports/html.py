"""A report as one HTML file: nothing is fetched, nothing needs scripts, the same report gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from buildinfo import __version__
from buildinfo.verify.report import Pair, Report, good_enough, standing
from buildinfo.verify.reports.html_pair import body, meaning
from buildinfo.verify.reports.markup import Html, joined, prose, tag
from buildinfo.verify.reports.words import STANDINGS, count, label, labelled, outcome, title, top_cause, worst_first
from buildinfo.verify.verdict import Verdict

MOST_ROWS = 20000
"""Most differences that all pairs together list."""


def render(report: Report, bar: Verdict) -> str:
    """One file with everything, as far as that stays a page.

    Args:
        bar: the verdict that was asked for.
    """
    rows = max(50, min(2000, MOST_ROWS // max(1, len(report.pairs))))
    if len(report.pairs) == 1:
        pair = report.pairs[0]
        return document(label(pair), standing(pair), _single(pair, bar, rows))
    return document(heading(report), outcome(report, bar), _many(report, bar, rows))


def heading(report: Report) -> str:
    """What a report of many pairs is of."""
    return f"{count(len(report.pairs), 'package')} and their rebuilds"


def document(heading: str, said: str, main: Html, kicker: Html | str = "abuild-buildinfo verify") -> str:
    """A whole page.

    Args:
        heading: what it is of.
        said: what comes of it, for the title.
        main: the content.
        kicker: what stands above the heading.
    """
    style, script = _resource("page.css"), _resource("page.js")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{heading}: {said}"),
        tag("style", Html(style)),
    )
    page = tag(
        "body",
        tag("header", tag("p", kicker, class_="kicker"), tag("h1", heading), class_="top"),
        tag("main", main),
        tag("footer", tag("p", f"Written by abuild-buildinfo {__version__}.")),
        tag("script", Html(script)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, page, lang='en')}\n"


@cache
def _resource(name: str) -> str:
    return files("buildinfo.verify.reports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _single(pair: Pair, bar: Verdict, rows: int) -> Html:
    return joined(meaning(pair, bar), *body(pair, bar, 1, 2, rows))


def _many(report: Report, bar: Verdict, rows: int) -> Html:
    pairs = tag("section", tag("h2", "Pairs", id="pairs"), *_pairs(report, bar, rows), aria_labelledby="pairs")
    return joined(overview(report, bar), pairs)


def overview(report: Report, bar: Verdict) -> Html:
    """The totals of many pairs, and their causes."""
    return joined(
        tag("p", outcome(report, bar), class_="outcome"),
        tag("section", tag("h2", "Verdicts", id="verdicts"), _totals(report), aria_labelledby="verdicts"),
        _causes(report),
    )


def states(pairs: Iterable[Pair]) -> dict[str, int]:
    """How many pairs stand where, from the strongest verdict down; what could not be read last."""
    counts = Counter(map(standing, pairs))
    return {name: counts[name] for name in STANDINGS if name in counts}


def _totals(report: Report) -> Html:
    counts = states(report.pairs)
    total = sum(counts.values()) or 1
    at = 0.0
    bars = []
    for name, number in counts.items():
        width = 100 * number / total
        bars.append(tag("rect", x=f"{at:.3f}", y="0", width=f"{width:.3f}", height="10", class_=f"v-{name}"))
        at += width
    said = ", ".join(f"{number} {name}" for name, number in counts.items())
    picture = tag(
        "svg", *bars, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=said, class_="stack"
    )
    items = [
        tag("li", tag("span", name, class_=f"badge v-{name}"), " ", tag("b", str(number)))
        for name, number in counts.items()
    ]
    return joined(picture, tag("ul", *items, class_="totals"))


def _causes(report: Report) -> Html | None:
    if not report.causes:
        return None
    most = max(report.causes.values())
    rows = [
        tag(
            "tr",
            tag("th", tag("code", name), scope="row"),
            tag("td", str(number), class_="number"),
            tag("td", scale(100 * number / most), class_="wide"),
            tag("td", prose(title(name))),
        )
        for name, number in report.causes.items()
    ]
    head = tag(
        "tr",
        tag("th", "cause", scope="col"),
        tag("th", "pairs", scope="col", class_="number"),
        tag("td", class_="wide"),
        tag("th", "in words", scope="col"),
    )
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="causes-table")
    return tag("section", tag("h2", "Causes", id="causes"), table, aria_labelledby="causes")


def scale(percent: float) -> Html:
    """A bar of that length, for the eye only."""
    rect = tag("rect", x="0", y="0", width=f"{percent:.1f}", height="6")
    return tag("svg", rect, viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true", class_="scale")


def filters(pairs: Iterable[Pair], bar: Verdict) -> Html:
    """What chooses the pairs to show, by where they stand."""
    choices = [("all", "all"), ("short", f"below {bar}")] + [(name, name) for name in states(pairs)]
    radios = [
        tag(
            "label",
            tag("input", type="radio", name="show", value=value, checked=value == "all"),
            tag("span", text),
        )
        for value, text in choices
    ]
    return tag("fieldset", tag("legend", "Show"), *radios, class_="filter", id="filter")


def classes(pair: Pair, bar: Verdict) -> str:
    """The classes by which a pair is chosen."""
    return f"item is-{standing(pair)}{'' if good_enough(pair, bar) else ' is-short'}"


def _pairs(report: Report, bar: Verdict, rows: int) -> Iterator[Html]:
    listed = []
    for number, (name, pair) in enumerate(labelled(worst_first(report.pairs)), 1):
        inside = tag("div", meaning(pair, bar), *body(pair, bar, number, 3, rows), class_="inside")
        listed.append(tag("details", tag("summary", *summary(name, pair)), inside, class_=f"pair {classes(pair, bar)}"))
    yield tag("div", filters(report.pairs, bar), *listed, class_="filterable")


def summary(name: str | Html, pair: Pair) -> Sequence[Html]:
    """A pair in one line: what it is of, where it stands, the cause that counts most."""
    badge = tag("span", standing(pair), class_=f"badge v-{standing(pair)}")
    cause = tag("span", top_cause(pair), class_="top-cause") if pair.causes else tag("span")
    return tag("span", name, class_="name"), Html(" "), badge, Html(" "), cause
