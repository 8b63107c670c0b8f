"""If these fail, who packs in two zones is told to give members other times, and looks for the wrong thing."""

from __future__ import annotations

import copy
import io
import zipfile

import pytest
from building import CORPUS, ROOT
from explaining import PKGINFO, causes

from buildinfo.document import read
from buildinfo.verify.explain.engine import best_of
from buildinfo.verify.explain.evidence import Evidence, Records
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.records import compare_records


def evidence(*zones: str) -> Evidence:
    """Two builds whose records name these zones."""
    record = read(ROOT / "schemas" / "example.buildinfo.toml")
    both = record, copy.deepcopy(record)
    for side, zone in zip(both, zones, strict=True):
        side.conditions.zone = zone
    return Evidence(PKGINFO, PKGINFO, [], None, Records(*both, compare_records(*both)))


TWO, ONE = evidence("UTC", "America/New_York"), evidence("UTC", "UTC")


def archive(*time: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(zipfile.ZipInfo("a", (2023, 11, 14, *time)), "a")  # type: ignore[arg-type]  # six numbers
    return out.getvalue()


def told(kind: str, before: str, after: str, known: Evidence) -> set[str]:
    name = "time" if kind == "zip" else "line 1"
    return {cause.name for cause, _ in best_of(Hunk(kind, name, before.encode(), after.encode(), file="f"), known)}


@pytest.mark.parametrize("zone", ["New_York", "Tokyo"])
def test_one_tree_zipped_in_two_zones(zone: str) -> None:
    paths = [CORPUS / f"reports/zone-{name}.zip" for name in ("UTC", zone)]
    if not paths[0].is_file():
        pytest.skip("needs the corpus of real files in ../shared/corpus")
    assert causes(*(path.read_bytes() for path in paths)) == {"time-zone"}


def test_an_hour_sharp_is_a_zone_and_an_odd_time_is_not() -> None:
    assert causes(archive(12, 0, 0), archive(17, 45, 0)) == {"time-zone"}
    assert causes(archive(12, 0, 0), archive(17, 44, 2)) == {"zip-times"}


def test_records_of_one_zone_are_believed() -> None:
    times = "2023-11-14 22:13:20", "2023-11-14 17:13:20"
    assert told("zip", *times, TWO) == {"time-zone"}
    assert told("zip", *times, ONE) == {"zip-times"}


def test_text_without_a_zone_is_told_by_the_records() -> None:
    lines = "built: 2023-11-14 22:13:20", "built: 2023-11-14 17:13:20"
    assert told("text", *lines, TWO) == {"time-zone"}
    assert told("text", *lines, ONE) == {"text-time"}
    assert told("text", lines[0], "built: 2023-11-14 17:13:21", TWO) == {"text-time"}


def test_a_date_of_a_document_in_two_zones() -> None:
    assert told("text", "/CreationDate (D:20231114221320Z)", "/CreationDate (D:20231115034320+05'30')", ONE) == {
        "time-zone"
    }
