"""A report of many pairs as an index and pages, each small enough to open on a phone.

The index lists every pair; what there is to say of one stands on a page. Pages link to each other by relative names,
and fetch nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from buildinfo.verify.report import Pair, Report
from buildinfo.verify.reports.html import classes, document, filters, heading, overview, summary
from buildinfo.verify.reports.html_pair import body, meaning
from buildinfo.verify.reports.markup import Html, joined, tag
from buildinfo.verify.reports.words import count, labelled, outcome, worst_first
from buildinfo.verify.verdict import Verdict

SIGN: Final = b"Written by abuild-buildinfo"
"""What stands on every page."""
FEW: Final = 50
"""Most pairs that one file holds."""
PAGE_SIZE: Final = 256 * 1024
"""Letters after which a page ends."""
MOST_ROWS: Final = 300
"""Most differences that a page lists of one pair."""
MOST_LISTED: Final = 5000
"""Most pairs that one index lists."""
PAGE_NAME: Final = re.compile(r"([0-9]{4,}|index-[0-9]+)\.html").fullmatch
"""Names of files below the folder of a report."""


@dataclass
class _Page:
    """Some pairs, with the anchors by which the index names them."""

    number: int
    sections: list[Html] = field(default_factory=list)
    size: int = 0

    @property
    def name(self) -> str:
        return f"{self.number:04}.html"


def pages(report: Report, bar: Verdict, index: str, folder: str) -> Iterator[tuple[str, str]]:
    """Every file of the report, the index last.

    Args:
        bar: the verdict that was asked for.
        index: file name of the index.
        folder: name of the folder beside it that holds the others.

    Yields:
        The place of a file below the folder of the index, and its text.
    """
    named = labelled(worst_first(report.pairs))
    places: list[str | None] = []
    for page, held in _filled(named, bar):
        places += held
        if page is not None:
            yield f"{folder}/{page.name}", _page(page, report, index)
    parts = [slice(at, at + MOST_LISTED) for at in range(0, len(named), MOST_LISTED)]
    files = [f"{folder}/index-{number}.html" if number > 1 else index for number in range(1, len(parts) + 1)]
    for number, part in reversed(list(enumerate(parts))):
        up = "../" if number else ""
        below = "" if number else f"{folder}/"
        rows = [
            tag("div", *summary(_link(name, place and f"{below}{place}"), pair), class_=f"row {classes(pair, bar)}")
            for (name, pair), place in zip(named[part], places[part], strict=True)
        ]
        listed = tag("div", filters(report.pairs, bar), *rows, class_="filterable")
        others = [_link(str(at + 1), f"{up}{file}") for at, file in enumerate(files) if at != number]
        more = tag("p", "More pairs: ", *others, class_="more") if others else None
        section = tag("section", tag("h2", "Pairs", id="pairs"), listed, more, aria_labelledby="pairs")
        yield files[number], document(heading(report), outcome(report, bar), joined(overview(report, bar), section))


def _filled(named: list[tuple[str, Pair]], bar: Verdict) -> Iterator[tuple[_Page | None, list[str | None]]]:
    """Pages as they become full, each with the places of the pairs that were looked at meanwhile."""
    page = _Page(1)
    places: list[str | None] = []
    for number, (name, pair) in enumerate(named, 1):
        if not (pair.differences or pair.records or pair.verdict is None or pair.same_file):
            places.append(None)  # the index says all there is to say
            continue
        anchor = f"p{number}"
        section = tag(
            "section",
            tag("h2", name),
            meaning(pair, bar),
            *body(pair, bar, number, 3, MOST_ROWS),
            class_="page-of",
            id=anchor,
        )
        if page.sections and page.size + len(section) > PAGE_SIZE:
            yield page, places
            page, places = _Page(page.number + 1), []
        page.sections.append(section)
        page.size += len(section)
        places.append(f"{page.name}#{anchor}")
    yield page if page.sections else None, places


def _page(page: _Page, report: Report, index: str) -> str:
    up = tag("a", heading(report), href=f"../{index}")
    title = f"{count(len(page.sections), 'pair')}, page {page.number}"
    return document(title, "abuild-buildinfo verify", joined(*page.sections), up)


def _link(name: str, place: str | None) -> str | Html:
    return name if place is None else tag("a", name, href=place)
