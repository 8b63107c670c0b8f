"""The commands as scripts and people use them: what they print, and their exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from building import Builder

from buildinfo.cli import COMMANDS


def program(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "buildinfo", *(str(word) for word in words)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    builder = Builder(tmp_path_factory.mktemp("built") / "home")
    builder.build(builder.aport())
    return builder


def test_a_record_is_valid(built: Builder) -> None:
    done = program("validate", built.record_file())
    assert (done.returncode, done.stdout) == (0, f"{built.record_file()}: valid\n")


def test_a_record_on_standard_input_is_valid(built: Builder) -> None:
    assert program("validate", "-", stdin=built.record_file().read_bytes()).returncode == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('version = "1.2-r3"', 'version = "1.2-r4"'),
        ("format = 1", "format = 2"),
        ("format = 1", 'format = "1"'),
        ('origin = "hello"\n', ""),
        ("[epoch]\nvalue = ", "[epoch]\nvalue = 2024-01-01 #"),
        ('rule = "commit"', 'rule = "guess"'),
    ],
)
def test_a_record_that_was_tampered_with_does_not_hold(built: Builder, tmp_path: Path, before: str, after: str) -> None:
    text = built.record_file().read_text()
    assert before in text
    file = tmp_path / "x.buildinfo.toml"
    file.write_text(text.replace(before, after, 1))
    done = program("validate", file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"abuild-buildinfo: {file}: ")
    assert done.stderr.count("\n") == 1


BIG = b"format = " + b"9" * 10000
DEEP = b"format = 1\n" + b".".join([b"a"] * 3000) + b" = 1\n"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[[[", b"\0" * 100, b"a = " + b"[" * 5000, BIG, DEEP])
def test_what_is_no_record_could_not_be_told(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.buildinfo.toml"
    file.write_bytes(data)
    done = program("validate", file)
    assert done.returncode == (2 if data else 1)
    assert done.stderr.count("\n") == 1


def test_in_a_batch_two_wins_over_one(built: Builder, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(built.record_file().read_text().replace("1.2-r3", "1.2-r9"))
    done = program("validate", "--json", built.record_file(), wrong, tmp_path / "missing")
    assert done.returncode == 2
    assert [entry["result"] for entry in json.loads(done.stdout)["files"]] == ["valid", "invalid", "error"]


def test_unknown_keys_are_kept_and_covered_by_the_digests(built: Builder, tmp_path: Path) -> None:
    """A newer writer may add fields: an older reader accepts them, and notices if somebody changes them."""
    from buildinfo.document import digests, parse

    document = parse(built.record_file().read_bytes(), "record")
    document["inputs"][0]["colour"] = "blue"
    document["later"] = {"added": True}
    changed = digests(document)
    assert changed["source"] != document["digests"]["source"]
    text = built.record_file().read_text().replace('role = "recipe"', 'role = "recipe"\ncolour = "blue"', 1)
    text += "\n[later]\nadded = true\n"
    for name, value in document["digests"].items():
        text = text.replace(value, changed[name])
    file = tmp_path / "newer.toml"
    file.write_text(text)
    assert program("validate", file).returncode == 0


def test_show_tells_people_what_a_record_says(built: Builder) -> None:
    done = program("show", built.record_file())
    assert done.returncode == 0
    for expected in ("hello-1.2-r3 for x86_64", "main/hello at ", "(commit)", "x86_64/hello-doc-1.2-r3.apk"):
        assert expected in done.stdout


def test_show_json_is_the_parsed_record(built: Builder) -> None:
    assert json.loads(program("show", "--json", built.record_file()).stdout) == built.record()


def test_show_a_package(built: Builder) -> None:
    done = program("show", built.packages()[0])
    assert "package    hello-1.2-r3" in done.stdout
    assert "0755 root:root" in done.stdout
    data = json.loads(program("show", "--json", built.packages()[0]).stdout)
    assert "usr/bin/hello" in [member["name"] for member in data["members"]]


def test_show_an_index_and_a_database(corpus: Path) -> None:
    index = corpus / "apkindex-v2"
    file = next(path for path in sorted(index.iterdir()) if "3.19" in path.name and "main" in path.name)
    assert "packages   " in program("show", file).stdout
    database = next(
        path for path in (corpus / "installed-db").rglob("*") if path.is_file() and "installed" in path.name
    )
    done = program("show", database)
    assert done.returncode == 0, done.stderr
    assert "installed  " in done.stdout


def test_show_a_capture(built: Builder) -> None:
    built.build(built.aports / "main" / "hello", BUILDINFO_FINALIZE="0")
    [capture] = built.captures()
    assert "capture    hello-1.2-r3.x86_64, complete" in program("show", capture).stdout
    assert json.loads(program("show", "--json", capture).stdout)["packages"] == ["hello", "hello-doc"]
    program("finalize", "--packages", built.repodest / "main", capture)


@pytest.mark.parametrize("name", ["missing", "folder", "text"])
def test_show_what_it_cannot_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("just text")
    done = program("show", tmp_path / name)
    assert done.returncode == 2
    assert done.stderr.startswith("abuild-buildinfo: ")
    assert done.stderr.count("\n") == 1


def test_finalize_elsewhere_gives_the_same_record(built: Builder, tmp_path: Path) -> None:
    """A farm captures on the builder and finalizes on another machine, where the packages were copied to."""
    built.build(built.aports / "main" / "hello", BUILDINFO_FINALIZE="0")
    [capture] = built.captures()
    here = built.record_file().read_bytes()
    copied = tmp_path / "copied" / capture.name
    packages = tmp_path / "packages"
    subprocess.run(["cp", "-a", capture, copied.parent], check=False)
    copied.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{capture}/.", copied], check=True)
    subprocess.run(["cp", "-a", built.repodest / "main", packages], check=True)
    (packages / "x86_64" / built.record_file().name).unlink()
    done = program("finalize", copied, "--packages", packages)
    assert done.returncode == 0, done.stderr
    assert (packages / "x86_64" / built.record_file().name).read_bytes() == here
    program("finalize", "--packages", built.repodest / "main", capture)


def test_finalize_twice_changes_nothing(built: Builder) -> None:
    built.build(built.aports / "main" / "hello", BUILDINFO_FINALIZE="0")
    [capture] = built.captures()
    words = ("finalize", "--packages", built.repodest / "main")
    assert "unchanged" in program(*words, "--keep", capture).stdout
    assert "unchanged" in program(*words, capture).stdout


def test_finalize_refuses_packages_of_another_build(built: Builder, tmp_path: Path) -> None:
    folder = built.aports / "main" / "hello"
    built.build(folder, BUILDINFO_FINALIZE="0")
    [capture] = built.captures()
    before = built.record_file().read_bytes()
    built.build(folder, SOURCE_DATE_EPOCH="1", BUILDINFO_CAPTURES=str(tmp_path))
    built.record_file().write_bytes(before)
    done = program("finalize", "--packages", built.repodest / "main", capture)
    assert done.returncode == 2
    assert "not the package that the captured build made" in done.stderr
    assert built.record_file().read_bytes() == before
    subprocess.run(["rm", "-r", capture], check=True)
    built.build(folder)


@pytest.mark.parametrize("words", [["frobnicate"], ["validate"], ["finalize", "--nonsense"], ["schema", "nothing"], []])
def test_bad_usage_is_two_and_one_line(words: list[str]) -> None:
    done = program(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(command: str) -> None:
    done = program(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: abuild-buildinfo {command}")
