"""`verify` and `compare-records` as scripts and people use them: what they print, and their exit status."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from building import ROOT, Builder
from jsonschema import Draft202012Validator
from packing import EPOCH, Packing

from buildinfo.cli import main
from buildinfo.document import digests, parse
from buildinfo.schema import render
from buildinfo.verify.verdict import LADDER

EXAMPLE = ROOT / "schemas" / "example.buildinfo.toml"
COMMAND = [sys.executable, "-I", "-m", "buildinfo"]
PACKINGS = {
    "identical": Packing(),
    "identical-unsigned": Packing(signed=False),
    "identical-normalized": Packing(mtime=EPOCH + 100),
    "payload-identical": Packing(mtime=EPOCH - 5),
    "different": Packing(scripts={".post-install": b"#!/bin/sh\n"}),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original, and one rebuild for each verdict."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "original.apk").write_bytes(Packing().package())
    for name, packing in PACKINGS.items():
        (folder / f"{name}.apk").write_bytes(packing.package())
    (folder / "broken.apk").write_bytes(b"broken")
    return folder


def program(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([*COMMAND, *map(str, words)], input=stdin, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return done


def verify(*words: str | Path) -> int:
    return main(["verify", *map(str, words)])


@pytest.mark.parametrize("verdict", LADDER)
@pytest.mark.parametrize("bar", LADDER)
def test_the_status_says_whether_the_bar_is_reached(
    packages: Path, verdict: str, bar: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = verify(packages / "original.apk", packages / f"{verdict}.apk", "--at-least", bar)
    assert status == int(LADDER.index(verdict) > LADDER.index(bar))
    assert capsys.readouterr().out.startswith(f"hello-1.2-r3: {verdict}\n")


def test_without_a_bar_an_unsigned_rebuild_is_good_enough(packages: Path) -> None:
    done = program("verify", packages / "original.apk", packages / "identical-unsigned.apk")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert program("verify", packages / "original.apk", packages / "identical-normalized.apk").returncode == 1


def test_what_cannot_be_read_is_two_and_one_line(packages: Path) -> None:
    for words in ((packages / "original.apk", packages / "broken.apk"), (packages / "none.apk", packages / "none.apk")):
        done = program("verify", *words)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert done.stderr.startswith(b"abuild-buildinfo: ")
        assert str(packages).encode() in done.stderr


def test_in_a_batch_two_wins_over_one_and_the_report_is_complete(packages: Path) -> None:
    lines = "".join(f"original.apk\t{name}.apk\n" for name in (*LADDER, "broken", "identical"))
    done = subprocess.run(
        [*COMMAND, "verify", "--batch", "-", "--json", "--at-least", "identical"],
        input=f"# pairs\n\n{lines}".encode(),
        cwd=packages,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    report = json.loads(done.stdout)
    Draft202012Validator(json.loads(render("verify"))).validate(report)
    assert [pair["verdict"] for pair in report["pairs"]] == [*LADDER, None, "identical"]
    assert report["pairs"][0]["original"] == "original.apk"
    assert report["summary"]["identical"] == 2


def test_standard_input_may_be_one_of_the_packages(packages: Path) -> None:
    original, rebuilt = packages / "original.apk", (packages / "identical-normalized.apk").read_bytes()
    done = program("verify", original, "-", "--json", stdin=rebuilt)
    assert done.returncode == 1
    [pair] = json.loads(done.stdout)["pairs"]
    assert (pair["original"], pair["rebuilt"], pair["verdict"]) == (str(original), "-", "identical-normalized")
    broken = program("verify", "-", original, stdin=b"broken")
    assert (broken.returncode, broken.stderr.startswith(b"abuild-buildinfo: standard input: ")) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["only-one.apk"], "ORIGINAL and REBUILT"),
        ([], "ORIGINAL and REBUILT"),
        (["-", "-"], "only once"),
        (["a", "b", "--batch", "list"], "--batch"),
        (["a", "b", "--original-record", "x"], "go together"),
        (["a", "b", "--records", "--original-record", "x", "--rebuilt-record", "y"], "one of them"),
        (["a", "b", "--require-signature"], "go together"),
        (["a", "b", "--require-signature", "--keys", "."], "--records"),
        ([EXAMPLE, EXAMPLE], "compare-records"),
        (["--batch", "/nonexistent/list"], "/nonexistent/list"),
        (["a", "b", "--at-least", "perfect"], "perfect"),
        (["a", "b", "-j", "0"], "processes"),
    ],
)
def test_bad_usage_is_two_and_one_line(words: list[str | Path], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert verify(*words) == 2
    except SystemExit as ended:  # from argparse
        assert ended.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("form", "start"), [("text", "hello"), ("json", "{"), ("html", "<!DOCTYPE"), ("sarif", "{")])
def test_a_report_goes_to_a_file_whole(
    packages: Path, tmp_path: Path, form: str, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report"
    words = (packages / "original.apk", packages / "different.apk", "--format", form)
    assert verify(*words, "--output", output) == 1
    assert capsys.readouterr().out == ""
    assert output.read_text().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert verify(*words, "--output", "-") == 1
    assert capsys.readouterr().out == output.read_text()
    assert verify(*words, "--output", tmp_path / "none" / "report") == 2
    assert verify(*words, "--output", "/dev/null") == 1
    assert not Path("/dev/null").is_file()


def on_a_terminal(*words: str | Path, **environment: str) -> str:
    """What the program shows somebody who looks at it."""
    ours, theirs = pty.openpty()
    surroundings = {**os.environ, "TERM": "xterm", "COLUMNS": "70", **environment}
    surroundings.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    running = subprocess.Popen([*COMMAND, *map(str, words)], stdout=theirs, stderr=theirs, env=surroundings)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the program has ended
        pass
    os.close(ours)
    running.wait()
    return shown.decode()


def test_a_terminal_gets_colours_and_the_count_unless_it_does_not_want_them(packages: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{packages}/original.apk\t{packages}/different.apk\n" * 3)
    shown = on_a_terminal("verify", "--batch", listed)
    assert "2 of 3 pairs" in shown
    assert "\x1b[1;31mdifferent\x1b[0m" in shown
    assert "\x1b[1;31m" not in on_a_terminal("verify", "--batch", listed, NO_COLOR="1")
    assert "\x1b[1;31m" not in on_a_terminal("verify", "--batch", listed, TERM="dumb")
    assert max(map(len, on_a_terminal("verify", "--batch", listed, NO_COLOR="1").splitlines())) <= 70


def test_folders_of_a_build_with_their_records(tmp_path: Path) -> None:
    """Two builds in other environments: the records say what was different, and support the cause."""
    homes = [Builder(tmp_path / name) for name in ("first", "second")]
    for builder, epoch in zip(homes, ("1700000000", "1700000500"), strict=True):
        builder.build(builder.aport(), SOURCE_DATE_EPOCH=epoch)
    folders = [builder.repodest / "main" for builder in homes]
    done = program("verify", *folders, "--records", "--json")
    assert done.returncode == 1, done.stderr
    pairs = json.loads(done.stdout)["pairs"]
    assert [Path(pair["original"]).name for pair in pairs] == ["hello-1.2-r3.apk", "hello-doc-1.2-r3.apk"]
    for pair in pairs:
        assert pair["aport"] == "main/hello"
        deltas = {(delta["table"], delta["name"]) for delta in pair["records"]}
        assert ("epoch", "value") in deltas
    records = [builder.record_file() for builder in homes]
    named = program("verify", *folders, "--original-record", records[0], "--rebuilt-record", records[1], "--json")
    assert json.loads(named.stdout) == json.loads(done.stdout)
    assert json.loads(program("verify", *folders, "--json").stdout)["pairs"][0]["records"] is None

    for package in sorted(folders[1].glob("*/hello-*.apk")):
        content = package.read_bytes()
        package.write_bytes((folders[0] / package.relative_to(folders[1])).read_bytes())
        taken = json.loads(program("verify", *folders, "--records", "--json").stdout)["pairs"]
        assert None in [pair["records"] for pair in taken]  # its record is of another file with this name
        package.write_bytes(content)

    records[1].write_text(records[1].read_text().replace("1700000500", "1700000501"))
    broken = program("verify", *folders, "--records", "--json")
    assert broken.returncode == 2
    assert "digests.source does not hold" in json.loads(broken.stdout)["pairs"][0]["error"]


def test_a_record_of_another_build_is_not_taken(packages: Path, tmp_path: Path) -> None:
    package = tmp_path / "chello-1.0-r0.apk"
    package.write_bytes((packages / "original.apk").read_bytes())
    (tmp_path / "chello-1.0-r0.x86_64.buildinfo.toml").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "rebuilt").mkdir()
    rebuilt = tmp_path / "rebuilt" / package.name
    for beside in (package, tmp_path / "chello-1.0-r0.x86_64.buildinfo.toml"):
        (rebuilt.parent / beside.name).write_bytes(beside.read_bytes())
    done = program("verify", package, rebuilt, "--records", "--json")
    assert (done.returncode, json.loads(done.stdout)["pairs"][0]["records"]) == (0, None)


def changed(text: str, before: str, after: str) -> str:
    """The example with one value changed and digests that hold."""
    assert before in text
    text = text.replace(before, after)
    document = parse(text.encode(), "record")
    for name, value in digests(document).items():
        text = text.replace(document["digests"][name], value)
    return text


@pytest.mark.parametrize(
    ("before", "after", "status", "headline", "line"),
    [
        ("generator", "generator", 0, "same source, environment and outputs", ""),
        ('umask = "0022"', 'umask = "0027"', 0, "same source, environment and outputs", "umask: 0022 -> 0027"),
        ('GOCACHE = "', 'GOCACHE = "/x', 1, "same source and outputs, other environment", "GOCACHE"),
        ('unsigned_sha256 = "9100', 'unsigned_sha256 = "0100', 1, "same source and environment, other outputs", "0100"),
        ('version = "1.0-r0"\narch', 'version = "1.0-r1"\narch', 1, "same environment and outputs, other source", "r1"),
    ],
)
def test_two_records_in_one_look(
    tmp_path: Path, *, before: str, after: str, status: int, headline: str, line: str
) -> None:
    other = tmp_path / "other.buildinfo.toml"
    other.write_text(changed(EXAMPLE.read_text(), before, after))
    done = program("compare-records", EXAMPLE, other)
    assert done.returncode == status, done.stderr
    first, _, rest = done.stdout.decode().partition("\n")
    assert first == headline
    assert line in rest
    document = json.loads(program("compare-records", "--json", EXAMPLE, "-", stdin=other.read_bytes()).stdout)
    Draft202012Validator(json.loads(render("compare-records"))).validate(document)
    assert document["summary"] == headline
    assert all(document["same"].values()) == (status == 0)


def test_what_is_no_record_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("format = [")
    for words in ((EXAMPLE, tmp_path / "x.toml"), (EXAMPLE, tmp_path / "none"), ("-", "-"), (EXAMPLE,)):
        done = program("compare-records", *words)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    keys = program("compare-records", EXAMPLE, EXAMPLE, "--require-signature", "--keys", tmp_path)
    assert (keys.returncode, keys.stderr.count(b"\n")) == (1, 1)


def test_pairs_that_were_really_published(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rebuilds that third parties published: what was found out about them by other means has to be said."""
    table = corpus / "REBUILD-PAIRS.tsv"
    if not table.is_file():
        pytest.skip("needs the table of rebuilds in the corpus")
    with table.open() as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["group"].startswith("apk-v2-")]
    pairs = [[str(corpus / row["group"] / row[side]) for side in "ab"] for row in rows]
    listed = "".join("\t".join(pair) + "\n" for pair in pairs)
    done = program("verify", "--batch", "-", "--json", stdin=listed.encode())
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert len(report["pairs"]) == len(rows)
    for row, pair in zip(rows, report["pairs"], strict=True):
        expected = "different" if row["class"] == "CONTENT" else "payload-identical"
        assert pair["verdict"] == expected, row
        assert pair["causes"], row
