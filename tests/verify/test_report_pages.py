"""Reports of many pairs as an index and pages: everything is found from the index, and no page is too large to open."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from packing import EPOCH, PAYLOAD, Item, Packing

from buildinfo.cli import main
from buildinfo.verify.batch import verify
from buildinfo.verify.report import Pair, judged, summed_up
from buildinfo.verify.reports import html_pages

BAR = "identical-unsigned"
FETCHING = re.compile(r"<(?:img|link|iframe|object|script src)|url\(|@import|https?:")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """One pair that is identical, one that differs in times, one in many files, one that cannot be read."""
    folder = tmp_path_factory.mktemp("pairs")
    many = [Item(f"usr/lib/m{number:03}", content=b"%d\0\1" % number) for number in range(60)]
    other = [replace(item, content=item.content + b"\2") for item in many]
    sides = {
        "a": (Packing().package(), Packing().package()),
        "b": (Packing().package(), Packing(mtime=EPOCH + 5).package()),
        "c": (Packing().package(PAYLOAD + many), Packing().package(PAYLOAD + other)),
        "d": (Packing().package(), b"broken"),
    }
    for name, (old, new) in sides.items():
        (folder / f"{name}1.apk").write_bytes(old)
        (folder / f"{name}2.apk").write_bytes(new)
    return [verify(folder / f"{name}1.apk", folder / f"{name}2.apk").pairs[0] for name in sides]


def written(pairs: list[Pair]) -> dict[str, str]:
    report = judged(summed_up(pairs), BAR)
    return dict(html_pages.pages(report, BAR, "index.html", "pages"))


def test_every_pair_is_listed_and_every_link_leads_somewhere(pairs: list[Pair]) -> None:
    files = written(pairs * 100)
    assert list(files)[-1] == "index.html"
    index = files["index.html"]
    assert index.count('<div class="row item') == 400
    assert len(re.findall(r'class="row item is-identical"', index)) == 100
    links = re.findall(r'href="([^"#]*)#([^"]*)"', index)
    assert len(links) == 300  # of what is identical there is nothing more to say
    assert len(set(links)) == 300
    for place, anchor in links:
        assert files[place].count(f'id="{anchor}"') == 1
    for place, text in files.items():
        assert not FETCHING.search(text)
        if place != "index.html":
            assert 'href="../index.html"' in text


def test_no_page_grows_with_the_number_of_pairs(pairs: list[Pair]) -> None:
    """24 MB in one file open on no phone."""
    few, many = written(pairs * 20), written(pairs * 400)
    assert max(map(len, many.values())) < 700_000
    largest = [max(len(text) for place, text in files.items() if place != "index.html") for files in (few, many)]
    assert largest[1] <= html_pages.PAGE_SIZE * 1.5
    assert len(many) > len(few)


def test_a_very_long_list_is_cut_into_several(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_pages, "MOST_LISTED", 30)
    files = written(pairs * 20)
    lists = {place: text for place, text in files.items() if "index" in place}
    assert set(lists) == {"index.html", "pages/index-2.html", "pages/index-3.html"}
    assert sum(text.count('<div class="row item') for text in lists.values()) == 80
    assert 'href="pages/index-2.html"' in lists["index.html"]
    assert 'href="../index.html"' in lists["pages/index-2.html"]
    places = re.findall(r'href="([^"#]*)#', lists["pages/index-2.html"])
    assert all(f"pages/{place}" in files for place in places)


def test_the_worst_stand_first_and_can_be_chosen(pairs: list[Pair]) -> None:
    index = written(pairs)["index.html"]
    assert re.findall(r"row item is-([a-z-]+)", index) == [
        "unreadable",
        "different",
        "identical-normalized",
        "identical",
    ]
    for name in ("unreadable", "different", "identical-normalized", "identical", "short"):
        assert f'name="show" value="{name}"' in index
        assert f'.filterable:has([value="{name}"]:checked)' in index


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A list of 60 pairs."""
    (tmp_path / "a.apk").write_bytes(Packing().package())
    (tmp_path / "b.apk").write_bytes(Packing(mtime=EPOCH + 5).package())
    path = tmp_path / "list"
    path.write_text(f"{tmp_path}/a.apk\t{tmp_path}/b.apk\n" * 60)
    return path


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_where_the_files_of_a_report_go(batch: Path, tmp_path: Path) -> None:
    words = ["verify", "--batch", str(batch), "--format", "html", "-o"]
    out = tmp_path / "out"
    out.mkdir()
    assert main([*words, str(out / "report.html")]) == 1
    assert below(out)[:2] == ["report.html", "report.pages/0001.html"]
    assert 'href="report.pages/0001.html#' in (out / "report.html").read_text()
    assert main([*words, f"{tmp_path}/new/"]) == 1
    assert below(tmp_path / "new")[:2] == ["index.html", "pages/0001.html"]
    (tmp_path / "new" / "pages" / "0099.html").write_text("somebody else's")
    (tmp_path / "new" / "pages" / "0098.html").write_bytes((tmp_path / "new" / "pages" / "0001.html").read_bytes())
    assert main([*words, f"{tmp_path}/new"]) == 1
    assert [name for name in below(tmp_path / "new") if "009" in name] == ["pages/0099.html"]


def test_few_pairs_are_one_file_and_so_is_standard_output(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ["verify", str(tmp_path / "a.apk"), str(tmp_path / "b.apk"), "--format", "html", "-o"]
    assert main([*one, f"{tmp_path}/one/"]) == 1
    assert below(tmp_path / "one") == ["index.html"]
    assert main(["verify", "--batch", str(batch), "--format", "html"]) == 1
    assert capsys.readouterr().out.count('<details class="pair') == 60
    assert main(["verify", "--batch", str(batch), "--format", "html", "-o", f"{tmp_path}/none/deep/"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
