"""Whether a report says that something is left: who waives what is explained must not waive an edit beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packing import PAYLOAD, Item, Packing

from buildinfo.apk.pkginfo import parse_pkginfo
from buildinfo.verify.batch import verify
from buildinfo.verify.explain.engine import explain
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.found import Found
from buildinfo.verify.report import Difference, Pair, Report, to_json
from buildinfo.verify.reports import html, plain

BAR = "identical-unsigned"
DATES = ("2024-02-03 04:05:06", "2024-02-11 06:08:10")


def log(date: str, last: str = "stay") -> Item:
    lines = [f"built part {number} on {date}" for number in range(400)]
    return Item("usr/share/hello/log.txt", content="\n".join([*lines, last, ""]).encode())


def one(word: bytes) -> Item:
    return Item("usr/share/hello/list.txt", content=b"built on " + word + b"\n")


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """A pair that is explained, one that is not, and one that is the same."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    for name, first, second in (
        ("a", (log(DATES[0]), one(b"2024-02-03")), (log(DATES[1]), one(b"2024-02-11"))),
        ("b", (log(DATES[0]), one(b"2024-02-03")), (log(DATES[1], "rm -rf /srv"), one(b"2024-02-11"))),
        ("c", (log(DATES[0]),), (log(DATES[0]),)),
    ):
        for folder, items in ((old, first), (new, second)):
            (folder / f"{name}.apk").write_bytes(Packing().package([*PAYLOAD, *items]))
    return verify(old, new)


def told(pair: Pair) -> dict[str | None, bool | None]:
    return {difference.path: difference.explained for difference in pair.differences if difference.path}


def test_a_pair_and_each_file_are_explained_or_not(report: Report) -> None:
    assert [pair.explained for pair in report.pairs] == [True, False, None]
    assert set(told(report.pairs[0]).values()) == {True}
    assert told(report.pairs[1]) == {"usr/share/hello/log.txt": False, "usr/share/hello/list.txt": True}
    assert json.loads(to_json(report))["pairs"][1]["explained"] is False


def test_a_list_never_shows_causes_alone_where_something_is_left(report: Report) -> None:
    first, second = [line for line in plain.render(report, BAR).splitlines() if "  different  " in line][:2]
    assert "unknown" not in first and "text-time" in first
    assert "text-time + unknown" in second


def test_what_is_unknown_stands_first_in_text(report: Report) -> None:
    text = plain.render(Report(pairs=[report.pairs[1]]), BAR)
    assert text.index("unknown (") < text.index("text-time (")
    assert "not fully explained" in text
    assert "rm -rf /srv" in text
    assert "Not fully explained" in html.render(report, BAR)


def test_evidence_is_whole_in_json_and_where_it_is_asked_for(report: Report) -> None:
    [cause] = [cause for cause in json.loads(to_json(report))["pairs"][1]["causes"] if cause["name"] == "text-time"]
    assert len(cause["evidence"]) == 401
    single = Report(pairs=[report.pairs[1]])
    assert "part 399" in plain.render(single, BAR, verbose=True)
    assert "part 399" not in plain.render(single, BAR)
    assert "396 more; -v lists them" in plain.render(single, BAR)


def test_what_there_was_no_time_for_is_told() -> None:
    lines = [f"# {word} of {{}}" for word in ("one", "two", "three")]
    both = ("\n".join(lines).format(*[side] * 3) for side in ("a", "b"))
    difference = Difference(layer="control", path=None, field="#comment", detail="")
    info = parse_pkginfo(b"pkgname = hello\npkgver = 1-r0\narch = x86_64\nsize = 1\n")
    evidence = Evidence(info, info, [Found(difference, "payload-identical", None, *both)], None, None)
    [cause] = explain(evidence, seconds=0)
    assert (cause.name, cause.evidence) == ("unknown", ["3 more not looked at"])
