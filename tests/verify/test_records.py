"""Records: what of the two builds differed, and what that says about the causes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from building import ROOT, Builder
from pairs import FACTORS, Factor, Pair

from buildinfo.document import read
from buildinfo.model import BuildInfo, Bytes, DirtyFile, Observations, Taint
from buildinfo.verify.pair import verify_pair
from buildinfo.verify.records import compare_records, related, sameness

PairOf = Callable[[Factor], Pair]


@pytest.fixture
def records() -> tuple[BuildInfo, BuildInfo]:
    """A real record, twice."""
    record = read(ROOT / "schemas" / "example.buildinfo.toml")
    return record, copy.deepcopy(record)


Both = tuple[BuildInfo, BuildInfo]


def deltas(records: Both) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    return {(delta.table, delta.name): (delta.original, delta.rebuilt) for delta in compare_records(*records)}


def factor(name: str) -> Factor:
    return next(factor for factor in FACTORS if factor.name == name)


def test_equal_records_differ_in_nothing(records: Both) -> None:
    assert compare_records(*records) == []
    assert sameness(*records) == "same"


def test_every_part_of_a_record_is_compared(records: Both) -> None:
    _, other = records
    other.source.commit = "f" * 40
    other.source.dirty = [DirtyFile(path="main/chello/x", state="??")]
    other.epoch.value += 1
    other.inputs[0].sha256 = "0" * 64
    gone = other.installed.pop(0)
    other.installed[0].version = "9-r9"
    other.tools[0].banner = Bytes(base64="/w==")
    other.environment["CFLAGS"] = "-O3"
    other.conditions.jobs = 64
    other.observations = Observations(host="elsewhere")
    other.taints = [Taint(name="dirty", reason="changed\x1b[31m")]
    other.outputs[0].unsigned_sha256 = "1" * 64
    found = deltas(records)
    assert {table for table, _ in found} == {
        *("source", "epoch", "input", "installed", "tool", "environment", "condition", "observation", "taint", "output")
    }
    assert found["source", "dirty"] == (None, "main/chello/x")
    assert found["installed", gone.name][1] is None
    assert found["condition", "jobs"] == ("2", "64")
    assert found["taint", "dirty"] == (None, "changed\\x1b[31m")


def test_what_both_say_of_the_cause_makes_it_surer(records: Both, pair_of: PairOf) -> None:
    pair = pair_of(factor("compiler"))
    alone = verify_pair(*pair).causes[0]
    silent = verify_pair(*pair, related(*records))
    gcc = next(package for package in records[1].installed if package.name == "gcc")
    gcc.version = "13.2.1-r1"
    told = verify_pair(*pair, related(*records))
    assert [delta.name for delta in told.records or ()] == ["gcc"]
    assert told.causes[0].name == silent.causes[0].name == alone.name == "compiler"
    assert silent.causes[0].weight < alone.weight < told.causes[0].weight


def test_names_that_were_observed_are_told_apart_from_words(records: Both, pair_of: PairOf, tmp_path: Path) -> None:
    """A bare name in a text is nobody's; the records know whose."""
    pair = pair_of(next(entry for entry in FACTORS if entry.name == "host-name"))
    for record, host in zip(records, ("ann-laptop", "build-edge-2"), strict=True):
        record.observations = Observations(host=host)
    assert verify_pair(*pair, related(*records)).causes[0].name == "host-name"


def test_records_of_real_builds_tell_what_was_varied(builders: Callable[..., Builder]) -> None:
    """The same aport, by a builder with another umask and another PACKAGER."""
    made = []
    for name, environment in (("one", {}), ("two", {"PACKAGER": "Joe <joe@example.org>"})):
        builder = builders(name)
        builder.build(builder.aport(), **environment)
        made.append(builder)
    found = deltas((read(made[0].record_file()), read(made[1].record_file())))
    assert ("environment", "PACKAGER") in found
    names = [builder.repodest / "main" / "x86_64" / "hello-1.2-r3.apk" for builder in made]
    records = related(*(read(builder.record_file()) for builder in made))
    report = verify_pair(*names, records)
    assert report.verdict == "payload-identical"
    assert [(cause.name, cause.weight) for cause in report.causes] == [("packager", 1.0)]
