"""A report as one HTML file: nothing is fetched, nothing needs scripts, the same report gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from buildinfo import __version__
from buildinfo.verify.report import Pair, Report
from buildinfo.verify.reports.html_pair import body, meaning, state
from buildinfo.verify.reports.markup import Html, joined, prose, tag
from buildinfo.verify.reports.words import count, failing, label, labelled, outcome, title
from buildinfo.verify.verdict import LADDER, Verdict

MOST_ROWS = 20000
"""Most differences that all pairs together list."""


def render(report: Report, bar: Verdict) -> str:
    """The file.

    Args:
        bar: the verdict that was asked for.
    """
    style, script = _resource("page.css"), _resource("page.js")
    rows = max(50, min(2000, MOST_ROWS // max(1, len(report.pairs))))
    single = len(report.pairs) == 1
    heading = label(report.pairs[0]) if single else f"{count(len(report.pairs), 'package')} and their rebuilds"
    said = state(report.pairs[0]) if single else outcome(report, bar)
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
    main = _single(report.pairs[0], bar, rows) if single else _many(report, bar, rows)
    page = tag(
        "body",
        tag("header", tag("p", "abuild-buildinfo verify", class_="kicker"), tag("h1", heading), class_="top"),
        tag("main", main),
        tag("footer", tag("p", f"Written by abuild-buildinfo {__version__}.")),
        tag("script", Html(script)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, page, lang='en')}\n"


def _resource(name: str) -> str:
    return files("buildinfo.verify.reports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _single(pair: Pair, bar: Verdict, rows: int) -> Html:
    return joined(meaning(pair, bar), *body(pair, bar, 1, 2, rows))


def _many(report: Report, bar: Verdict, rows: int) -> Html:
    return joined(
        tag("p", outcome(report, bar), class_="outcome"),
        tag("section", tag("h2", "Verdicts", id="verdicts"), _totals(report), aria_labelledby="verdicts"),
        _causes(report),
        tag("section", tag("h2", "Pairs", id="pairs"), *_pairs(report, bar, rows), aria_labelledby="pairs"),
    )


def _states(report: Report) -> dict[str, int]:
    """How many pairs stand where, from the strongest verdict down; what could not be read last."""
    counts: dict[str, int] = {verdict: report.summary[verdict] for verdict in LADDER if verdict in report.summary}
    if report.errors:
        counts["unreadable"] = report.errors
    return counts


def _totals(report: Report) -> Html:
    counts = _states(report)
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


def _pairs(report: Report, bar: Verdict, rows: int) -> Iterator[Html]:
    short = {id(pair) for pair in failing(report.pairs, bar)}
    choices = [("all", "all"), ("short", f"below {bar}")] + [(name, name) for name in _states(report)]
    radios = [
        tag(
            "label",
            tag("input", type="radio", name="show", value=value, checked=value == "all"),
            tag("span", text),
        )
        for value, text in choices
    ]
    filters = tag("fieldset", tag("legend", "Show"), *radios, class_="filter", id="filter")
    listed = []
    for number, (name, pair) in enumerate(labelled(report.pairs), 1):
        inside = tag("div", meaning(pair, bar), *body(pair, bar, number, 3, rows), class_="inside")
        classes = f"pair item is-{state(pair)}{' is-short' if id(pair) in short else ''}"
        listed.append(tag("details", _summary(name, pair), inside, class_=classes))
    yield tag("div", filters, *listed, class_="filterable")


def _summary(name: str, pair: Pair) -> Html:
    more = f" +{len(pair.causes) - 1}" if len(pair.causes) > 1 else ""
    cause = tag("span", f"{pair.causes[0].name}{more}", class_="top-cause") if pair.causes else None
    badge = tag("span", state(pair), class_=f"badge v-{state(pair)}")
    return tag("summary", tag("span", name, class_="name"), " ", badge, " ", cause)
