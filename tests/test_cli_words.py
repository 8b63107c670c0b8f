"""What the program says to somebody who mistypes, and what it never writes over."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from building import ROOT

sys.path.insert(0, str(Path(__file__).resolve().parent / "normalize"))

from packing import EPOCH, Packing

from buildinfo.cli import COMMANDS
from buildinfo.kind import kind_of

EXAMPLE = ROOT / "schemas" / "example.buildinfo.toml"
VERBS = ["signature list", "signature extract", "signature strip", "signature graft", "signature add"]
VERBS += ["signature verify", "index reproduced"]


def program(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "buildinfo", *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """One file of each kind that people mistake for another."""
    (tmp_path / "a.apk").write_bytes(Packing().package())
    (tmp_path / "b.apk").write_bytes(Packing(mtime=EPOCH + 100).package())
    (tmp_path / "zero.apk").write_bytes(b"")
    (tmp_path / "text").write_text("just text\n")
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"text"))
    (tmp_path / "elf").write_bytes(b"\x7fELF" + bytes(100))
    (tmp_path / "r.buildinfo.toml").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "other.toml").write_text('[project]\nname = "x"\n')
    (tmp_path / "v3.apk").write_bytes(b"ADBd" + bytes(50))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.apk").write_bytes(Packing().package())
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show zero.apk", "zero.apk: not a buildinfo: an empty file"),
        ("show text", "text: not a buildinfo: a text file"),
        ("show t.gz", "a gzip file, and neither a package nor an index"),
        ("show elf", "a program or library"),
        ("show folder", "folder: not a capture: a folder of packages"),
        ("show empty", "not a capture: a folder"),
        ("show v3.apk", "v3"),
        ("show other.toml", "a TOML document without a format"),
        ("show missing", "missing: cannot be read: No such file"),
        ("validate a.apk", "a.apk: not a buildinfo: a package (use abuild-buildinfo show a.apk, or verify a.apk"),
        ("validate folder", "folder: not a buildinfo: a folder of packages"),
        ("compare-records a.apk r.buildinfo.toml", "a.apk: not a buildinfo: a package"),
        ("compare-records folder r.buildinfo.toml", "folder: not a buildinfo: a folder of packages"),
        ("verify a b c", "verify compares two packages or two folders, and more words are given"),
        ("verify a.apk folder", "folder: is a folder, and a.apk is a package (name "),
        ("verify folder text", "folder: is a folder, and text is a text file (name two packages, or two folders)"),
        ("verify a.apk text", "text: not a package: a text file"),
        ("verify zero.apk a.apk", "zero.apk: not a package: the file is empty"),
        ("verify r.buildinfo.toml a.apk", "r.buildinfo.toml: not a package: a buildinfo (use abuild-buildinfo show r."),
        ("signature list text", "text: not a package: a text file"),
        ("signature list folder", "folder"),
    ],
)
def test_a_file_of_another_kind_is_told_in_one_line(
    place: Path, words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who mixes up two files has to see which one, and what takes it; no offset, no codec."""
    monkeypatch.chdir(place)
    done = program(*words.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not re.search(r"codec|position|TOML: |magic|field required|Errno", done.stderr)


@pytest.mark.parametrize(
    "words", ["show", "validate", "verify a.apk", "normalize --epoch 1", "signature list", "nonsense"]
)
def test_a_name_does_not_steer_the_terminal(place: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lists what a stranger packed must not have their terminal rewritten by a name."""
    monkeypatch.chdir(place)
    done = program(*words.split(), "\x1b[31mred")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_package_is_not_called_another_kind_of_file(place: Path) -> None:
    (place / "cut.apk").write_bytes((place / "a.apk").read_bytes()[:400])
    assert kind_of(place / "cut.apk") == "package"
    assert "the file ends" in program("verify", place / "a.apk", place / "cut.apk").stderr


# What is read is never written over.


def _mess(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("link", ["", "symbolic", "hard"])
@pytest.mark.parametrize(
    "words",
    [
        "verify a.apk b.apk -o OUT",
        "verify b.apk a.apk --format html --output OUT",
        "verify folder folder2 --json -o OUT",
        "verify --batch list -o OUT",
        "normalize a.apk -o OUT --epoch 1",
        "signature strip a.apk -o OUT",
        "signature extract a.apk -o OUT",
        "signature graft --from a.apk b.apk -o OUT",
        "signature graft --from b.apk a.apk -o OUT",
        "signature add --key key a.apk -o OUT",
        "index reproduced --from a.apk --report text --key key -o OUT",
        "index reproduced --from b.apk --report a.apk --key key -o OUT",
        "index reproduced --from b.apk --report text --key a.apk -o OUT",
    ],
)
def test_an_output_that_is_an_input_is_refused(
    place: Path, words: str, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor's package that a report was written over is gone."""
    monkeypatch.chdir(place)
    out = place / "a.apk"
    (place / "folder2").mkdir()
    os.link(out, place / "folder2" / "a.apk")
    (place / "list").write_text("a.apk\tb.apk\n")
    if link == "symbolic":
        (place / "out").symlink_to("a.apk")
    elif link == "hard":
        os.link(out, place / "out")
    before = _mess(place)
    done = program(*words.replace("OUT", "out" if link else "a.apk").split())
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "is the output and is read as well" in done.stderr
    assert _mess(place) == before


def test_another_output_beside_the_inputs_is_written(place: Path) -> None:
    assert program("verify", place / "a.apk", place / "b.apk", "-o", place / "report").returncode == 1
    assert (place / "report").read_text().startswith("hello-1.2-r3: ")
    assert program("verify", place / "a.apk", place / "b.apk", "-o", place / "report").returncode == 1
    assert program("normalize", "--epoch", "1", place / "t.gz", "-o", place / "n.gz").returncode == 0


# Options.


@pytest.mark.parametrize(
    "words",
    [["show", "--js", EXAMPLE], ["--vers"], ["verify", "--form", "json", "a", "b"], ["signature", "list", "--js"]],
)
def test_options_are_not_abbreviated(words: list[str | Path]) -> None:
    """What an abbreviation means changes with the next option that begins so."""
    done = program(*words)
    assert (done.returncode, done.stdout) == (2, "")


def test_two_formats_at_once_are_refused(place: Path) -> None:
    for form in ("html", "text", "sarif"):
        for words in (["--json", "--format", form], ["--format", form, "--json"]):
            done = program("verify", place / "a.apk", place / "b.apk", *words)
            assert (done.returncode, done.stdout) == (2, "")
            assert f"--json and --format {form}" in done.stderr
    assert program("verify", place / "a.apk", place / "b.apk", "--json", "--format", "json").stdout.startswith("{")


def test_the_version_has_a_short_name() -> None:
    assert program("-V").stdout == program("--version").stdout != ""


@pytest.mark.parametrize("command", [*COMMANDS, *VERBS])
def test_every_help_names_the_exit_statuses_and_quiet(command: str) -> None:
    done = program(*command.split(), "--help")
    assert done.returncode == 0
    assert "Exit status:" in done.stdout
    assert "--quiet" in done.stdout


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["show", "r.buildinfo.toml"], 0),
        (["show", "a.apk"], 0),
        (["validate", "r.buildinfo.toml"], 0),
        (["compare-records", "r.buildinfo.toml", "r.buildinfo.toml"], 0),
        (["verify", "a.apk", "b.apk"], 1),
        (["verify", "folder", "folder"], None),
        (["normalize", "--check", "--handlers", "all", "b.apk", "a.apk"], 1),
        (["signature", "list", "a.apk"], 0),
        (["signature", "strip", "a.apk", "-o", "s.apk"], 0),
    ],
)
def test_quiet_says_nothing_but_errors(
    place: Path, words: list[str], status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    loud, silent = program(*words), program(*words, "-q")
    assert status is None or silent.returncode == status, silent.stderr
    assert loud.stdout + loud.stderr != ""
    assert silent.stdout == silent.stderr == ""
    broken = (
        program(*words[:-1], "missing", "-q") if words[-1] != "s.apk" else program("signature", "list", "text", "-q")
    )
    assert broken.returncode == 2
    assert broken.stderr.count("\n") == 1 and broken.stdout == ""


def test_quiet_keeps_what_was_asked_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    for words in (["show", "--json", "a.apk"], ["verify", "a.apk", "b.apk", "--format", "sarif"]):
        assert program(*words, "-q").stdout == program(*words).stdout != ""
    piped = [sys.executable, "-I", "-m", "buildinfo", "normalize", "-q", "--epoch", "1", "-"]
    done = subprocess.run(piped, input=gzip.compress(b"text"), capture_output=True, check=False)
    assert gzip.decompress(done.stdout) == b"text"
    assert program("verify", "a.apk", "b.apk", "-q", "-o", "report").stdout == ""
    assert (place / "report").read_text()


def test_normalize_names_only_what_it_did_something_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody finds the one changed file among 184 that are as they were."""
    monkeypatch.chdir(place)
    for number in range(9):
        (place / f"n{number}.gz").write_bytes(gzip.compress(b"x", mtime=0))
    (place / "leaks.gz").write_bytes(gzip.compress(b"x", mtime=EPOCH + 5))
    names = [*(f"n{number}.gz" for number in range(9)), "leaks.gz", "v3.apk"]
    done = program("normalize", "--check", "--epoch", str(EPOCH), *names)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["leaks.gz", "v3.apk"]
    assert done.stderr == "11 files: 1 would change, 1 left alone, 9 unchanged\n"
    every = program("normalize", "--check", "--epoch", str(EPOCH), "-v", *names)
    assert len(every.stdout.splitlines()) == 11
    assert program("normalize", "--check", "--epoch", str(EPOCH), "n1.gz").stderr == "1 file: 1 unchanged\n"


@pytest.mark.parametrize("columns", ["75", "110"])
def test_reports_are_as_wide_as_columns_says(place: Path, columns: str) -> None:
    text = program("verify", place / "a.apk", place / "b.apk", "-v", COLUMNS=columns).stdout
    assert int(columns) - 36 < max(map(len, text.splitlines())) <= int(columns)
