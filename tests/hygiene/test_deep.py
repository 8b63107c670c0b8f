"""Numbers without end and nesting without end: a line and status 2, whatever the file and the command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from world import INPUTS, World

DEPTHS = (65, 100, 250, 400, 900, 990, 1000, 3000, 60_000)
RECORDS = {
    "dotted": lambda depth: ".".join(["a"] * min(depth, 3000)) + " = 1\n",
    "table": lambda depth: "[" + ".".join(["a"] * min(depth, 3000)) + "]\n",
    "lists": lambda depth: "x = " + "[" * depth + "]" * depth + "\n",
    "inline": lambda depth: "x = " + "{a=" * depth + "1" + "}" * depth + "\n",
}
NUMBERS = [
    "9" * 5000,
    "0x" + "f" * 20_000,
    "0b" + "1" * 200_000,
    "0o7" + "7" * 20_000,
    "0x1" + "0" * 16,
    "-9" + "9" * 30,
]
REPORTS = {
    "lists": lambda depth: '{"pairs": ' + "[" * depth + "]" * depth + "}",
    "pairs": lambda depth: '{"pairs": ' + '[{"original": ' * depth + "1" + "}]" * depth + "}",
    "elsewhere": lambda depth: '{"x": ' + '{"y": ' * depth + "1" + "}" * depth + ', "pairs": []}',
}


def refused(world: World, path: Path, *words: str) -> None:
    done = world.run(*words)
    assert (done.status, done.out) == (2, ""), (path, done)
    assert done.err.count("\n") == 1, done
    assert "fault of this program" not in done.err, done


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_is_nested_without_end_is_refused(world: World, kind: str) -> None:
    path = world.folder / "deep"
    for depth in DEPTHS:
        path.write_text("format = 1\n" + RECORDS[kind](depth))
        for words in ("show", "show --json", "validate", "compare-records one.buildinfo.toml"):
            refused(world, path, *words.split(), "deep")


@pytest.mark.parametrize("number", NUMBERS, ids=[number[:3] for number in NUMBERS])
def test_a_number_that_others_could_not_hold_is_refused(world: World, number: str) -> None:
    path = world.folder / "large"
    record = (world.folder / "one.buildinfo.toml").read_text()
    for text in (
        f"format = {number}\n",
        record + f"\n[more]\nx = [{number}]\n",
        record.replace("= 1706933106", f"= {number}"),
    ):
        path.write_text(text)
        for words in ("show", "show --json", "validate", "compare-records one.buildinfo.toml"):
            refused(world, path, *words.split(), "large")


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_that_is_nested_without_end_is_refused(world: World, kind: str) -> None:
    path = world.folder / "deep"
    for depth in (300, 990, 100_000):
        path.write_text(REPORTS[kind](depth))
        refused(world, path, "validate", "deep")
        if kind != "elsewhere" or depth > 990:
            words = "index reproduced --from APKINDEX.tar.gz --report deep -o out/made --key"
            refused(world, path, *words.split(), INPUTS["key"])


def test_a_tree_of_any_depth_is_walked(world: World) -> None:
    """As deep as a path may be; what is deeper is told."""
    for side in ("old", "new"):
        place = world.folder / side
        place.mkdir()
        (place / "top.apk").write_bytes((world.folder / "hello.apk").read_bytes())
        for _ in range(990):
            place = place / "d"
            place.mkdir()
        (place / "deep.apk").write_bytes((world.folder / "hello.apk").read_bytes())
    try:
        done = world.run("verify", "--json", "-o", "out/made", "old", "new")
    finally:
        subprocess.run(["rm", "-r", "old", "new"], check=True)  # pytest would not get down there
    assert (done.status, done.err) == (0, "")
    assert (world.folder / "out" / "made").read_text().count('"verdict": "identical"') == 2
