"""What a report says of values, of what was asked for, and of pairs that show nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from packing import EPOCH, PAYLOAD, Item, Packing

from buildinfo.schema import render as schema
from buildinfo.verify.batch import verify
from buildinfo.verify.report import Pair, judged, summed_up
from buildinfo.verify.reports import html, plain
from buildinfo.verify.reports.words import labelled
from buildinfo.verify.times import moment

BAR = "identical-unsigned"
LONG = "usr/share/a-rather-long-name/and/another/one/that/goes/on/and/on/for/ever/file.bin"
TARGET = "../" * 30 + "somewhere"


def program(*words: str | Path, stdin: Any = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "buildinfo", *map(str, words)],
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two packages with an unknown change of content, a link, a mode, times and a relation."""
    folder = tmp_path_factory.mktemp("pair")
    old = [Item(LONG, content=b"\0\1abc" * 30), Item("usr/odd name", content=b"\0\1abc" * 30)]
    old.append(Item("usr/link", kind="symlink", link=TARGET))
    new = [Item(LONG, content=b"\0\1abd" * 30, mode=0o755), Item("usr/odd name", content=b"\0\1abd" * 30)]
    new.append(Item("usr/link", kind="symlink", link=TARGET + "-else"))
    (folder / "a b.apk").write_bytes(Packing(mtime=EPOCH - 7).package(PAYLOAD + old))
    (folder / "c.apk").write_bytes(Packing(mtime=EPOCH - 77).package(PAYLOAD + new))
    return verify(folder / "a b.apk", folder / "c.apk").pairs[0]


def text(pair: Pair, **options: Any) -> str:
    return plain.render(judged(summed_up([pair]), BAR), BAR, **options)


# Values.


def test_the_two_values_of_a_difference_stand_apart(pair: Pair) -> None:
    """Who reads the JSON must not take sentences apart."""
    by_field = {(entry.path, entry.field): entry for entry in pair.differences}
    time = by_field["usr", "mtime"]
    assert (time.original, time.rebuilt, time.allows) == (str(EPOCH - 7), str(EPOCH - 77), "payload-identical")
    link = by_field["usr/link", "target"]
    assert (link.original, link.rebuilt) == (TARGET, TARGET + "-else")
    content = by_field[LONG, None]
    assert content.allows == "different"
    assert re.fullmatch("[0-9a-f]{64}", content.original or "") and content.original != content.rebuilt
    assert by_field[LONG, "mode"].rebuilt == "0755"
    assert pair.verdict == max((entry.allows or "" for entry in pair.differences), key=plain.STANDINGS.index)


def test_times_are_dates_and_fields_are_named(pair: Pair) -> None:
    for shown in (text(pair), text(pair, verbose=True)):
        assert "usr/bin" in shown or "etc: mtime" in shown
        assert f"mtime {moment(str(EPOCH - 7))} -> " in shown or f"mtime: {moment(str(EPOCH - 7))} -> " in shown
        assert str(EPOCH - 7) not in shown
    assert moment(str(EPOCH - 7)) in html.render(summed_up([pair]), BAR)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "1970-01-01 00:00:00Z"),
        ("1712880669", "2024-04-12 00:11:09Z"),
        ("-1", "1969-12-31 23:59:59Z"),
        ("1712880669.25", "2024-04-12 00:11:09.25Z"),
        ("253402300800", "253402300800"),
        ("none", "none"),
        ("", ""),
    ],
)
def test_a_moment_is_a_date_or_what_it_was(value: str, shown: str) -> None:
    assert moment(value) == shown


@pytest.mark.parametrize("width", [60, 100])
def test_paths_are_shortened_and_values_are_not(pair: Pair, width: int) -> None:
    """A cut value hides that two ends differ."""
    shown = text(pair, width=width)
    assert LONG not in shown and "file.bin" in shown
    assert TARGET + "-else" in re.sub(r"\s+", "", shown)
    assert TARGET + "-else" in re.sub(r"\s+", "", text(pair, width=width, verbose=True))


def test_what_makes_the_verdict_comes_first(pair: Pair) -> None:
    shown = text(pair, verbose=True)
    causes = re.findall(r"^  ([a-z-]+) \(", shown, re.MULTILINE)
    assert causes[-1] == "file-times" and {"mode", "unknown"} <= set(causes[:-1])
    listed = [
        line.split()[0] for line in shown.split("\n\n")[-1].splitlines() if line.startswith("  ") and line[2] != " "
    ]
    assert listed.index("file") < listed.index("metadata")
    assert "metadata" not in listed[: listed.count("file")]


def test_what_is_unknown_says_how_to_look_and_it_works(pair: Pair) -> None:
    shown = text(pair, width=60)
    commands = [line.strip() for line in shown.splitlines() if line.strip().startswith(("tar ", "diffoscope "))]
    assert [command.split()[0] for command in commands] == ["tar", "tar", "diffoscope"]
    for command, content in zip(commands, (b"\0\1abc" * 30, b"\0\1abd" * 30), strict=False):
        words = shlex.split(command.rpartition(" >")[0])
        assert subprocess.run(words, capture_output=True, check=True).stdout == content
    page = html.render(summed_up([pair]), BAR)
    assert "diffoscope" in page


# Many pairs.


def test_pairs_of_one_name_are_told_apart() -> None:
    def made(original: str, rebuilt: str, arch: str = "x86_64") -> Pair:
        return Pair(original=original, rebuilt=rebuilt, package="hello-1-r0", verdict="different", arch=arch)

    def names(*pairs: Pair) -> list[str]:
        return [name for name, _ in labelled(list(pairs))]

    assert names(made("a", "b")) == ["hello-1-r0"]
    both = names(made("o/x/h.apk", "r/x/h.apk"), made("o/y/h.apk", "r/y/h.apk", "aarch64"))
    assert both == ["hello-1-r0 (x86_64)", "hello-1-r0 (aarch64)"]
    folders = names(made("o/main/x/h.apk", "r/h.apk"), made("o/edge/x/h.apk", "r/h.apk"))
    assert folders == ["hello-1-r0 (main)", "hello-1-r0 (edge)"]
    assert names(made("o/h.apk", "r/1/h.apk"), made("o/h.apk", "r/2/h.apk")) == ["hello-1-r0 (1)", "hello-1-r0 (2)"]
    mixed = names(made("o/a/h.apk", "r"), made("o/b/h.apk", "r"), made("o/c/h.apk", "r", "armv7"))
    assert len(set(mixed)) == 3 and "hello-1-r0 (x86_64, a)" in mixed


def test_a_batch_is_worst_first_and_names_the_side_that_lacks_a_package(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, names in ((old, "abcd"), (new, "abce")):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.apk").write_bytes(Packing().package())
    (new / "a.apk").write_bytes(Packing(mtime=EPOCH + 5).package())
    (new / "c.apk").write_bytes(b"")
    shown = plain.render(judged(verify(old, new), BAR), BAR, width=120)
    rows = shown.split("\n\n")[0].splitlines()[1:]
    assert [row.split()[1] for row in rows if "hello" not in row] == ["unreadable", "different", "different"]
    assert rows[-1].split()[-2:] == ["identical-normalized", "file-times"]
    assert "missing-package: only in the original" in rows[1]
    assert "missing-package: only in the rebuild" in rows[2]
    assert "rebuild: not a package: the file is empty" in rows[0]


# What was asked for.


@pytest.mark.parametrize(("bar", "reached"), [("identical-normalized", True), ("identical-unsigned", False)])
def test_the_report_says_the_bar_and_whether_it_was_reached(tmp_path: Path, bar: str, reached: bool) -> None:
    (tmp_path / "a.apk").write_bytes(Packing().package())
    (tmp_path / "b.apk").write_bytes(Packing(mtime=EPOCH + 5).package())
    done = program("verify", tmp_path / "a.apk", tmp_path / "b.apk", "--json", "--at-least", bar)
    report = json.loads(done.stdout)
    Draft202012Validator(json.loads(schema("verify"))).validate(report)
    [pair] = report["pairs"]
    assert (report["at_least"], report["reached"]) == (pair["at_least"], pair["reached"]) == (bar, reached)
    assert done.returncode == int(not reached)


def test_the_summary_counts_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.apk").write_bytes(Packing().package())
    (tmp_path / "b.apk").write_bytes(b"")
    report = json.loads(program("verify", tmp_path / "a.apk", tmp_path / "b.apk", "--json").stdout)
    assert (report["summary"], report["errors"], report["reached"]) == ({"unreadable": 1}, 1, False)


# A package that is compared with itself.


@pytest.mark.parametrize("how", ["path", "hard", "symbolic", "folder", "standard input"])
def test_a_package_compared_with_itself_shows_nothing(tmp_path: Path, how: str) -> None:
    """A rebuild that only linked the original would count as reproduced."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    original, rebuilt = old / "a.apk", new / "a.apk"
    original.write_bytes(Packing().package())
    words: list[str | Path] = [original, rebuilt]
    if how == "hard":
        os.link(original, rebuilt)
    elif how == "symbolic":
        rebuilt.symlink_to("../old/a.apk")
    elif how == "folder":
        words = [old, tmp_path / "new" / ".." / "old"]
    else:
        words = [original, original if how == "path" else "-"]
    for form in ("text", "json", "html"):
        with original.open("rb") as stream:
            done = program("verify", *words, "--format", form, "--at-least", "different", stdin=stream)
        assert done.returncode == 1, done.stderr
        if form != "json":
            assert "lead to one package" in " ".join(done.stdout.split())
            continue
        report = json.loads(done.stdout)
        assert (report["pairs"][0]["same_file"], report["pairs"][0]["verdict"]) == (True, "identical")
        assert (report["summary"], report["reached"]) == ({"same-file": 1}, False)


def test_the_same_bytes_in_two_files_are_identical(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.apk").write_bytes(Packing().package())
    report = verify(tmp_path / "a.apk", tmp_path / "b.apk")
    assert (report.summary, report.pairs[0].same_file) == ({"identical": 1}, False)
    shown = plain.render(summed_up([replace(report.pairs[0], same_file=True), report.pairs[0]]), BAR)
    assert "1 of 2 pairs reaches identical-unsigned" in shown
