"""Standard streams that are closed, full or left by their reader: what is lost is told, and is no success."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from world import COMMANDS, World

from buildinfo.cli import main

SAY_NOTHING = ("normalize", "normalize package", "normalize --output")
"""Commands that say nothing on standard output where nothing is to be told of."""
SHORT = ("schema", "show package", "signature list", "doctor", "validate", "verify", "compare-records")


@pytest.mark.parametrize("shell", [">&-", ">/dev/full"])
@pytest.mark.parametrize("name", SHORT)
def test_output_that_is_lost_is_no_success(world: World, name: str, shell: str) -> None:
    """A script would take the lack of an answer for the answer."""
    for words in (world.words(COMMANDS[name]), ["--help"], ["--version"]):
        done = world.apart(*words, shell=shell)
        assert done.status == 2, words
        assert done.err.count("\n") == 1, done
        assert done.err.startswith("abuild-buildinfo: ")


def test_every_command_tells_of_lost_output(world: World) -> None:
    """In this process, with a stream that takes nothing."""
    wrong = []
    for name, words in COMMANDS.items():
        (world.folder / "out" / "made").unlink(missing_ok=True)
        said = io.StringIO()
        with open("/dev/full", "w") as full, redirect_stdout(full), redirect_stderr(said):  # noqa: PTH123
            status = main(world.words(words))
        lost = said.getvalue().count("standard output: cannot be written: No space left on device\n")
        if (status, lost) != (2, 1) and name not in SAY_NOTHING:
            wrong.append((name, status, said.getvalue()))
    assert wrong == []


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_where_nobody_listens_the_status_still_tells(world: World, shell: str) -> None:
    for words, status in ((["validate", "nothing"], 2), (["schema"], 0), (["verify", "hello.apk", "rebuilt.apk"], 1)):
        done = world.apart(*words, shell=shell)
        assert (done.status, done.err) == (status, "")
        assert "abuild-buildinfo:" not in done.out  # complaints do not land among results


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_stream(world: World, closed: str) -> None:
    """What is said would be written into the package."""
    path = world.folder / "loose.gz"
    before = path.read_bytes()
    expected = world.apart("normalize", "-o", "-", "loose.gz", shell=">out/expected")
    assert expected.status == 0
    world.apart("normalize", "-v", "loose.gz", "nothing", shell=closed)
    assert path.read_bytes() == (world.folder / "out" / "expected").read_bytes() != before
    world.apart("signature", "add", "--key", "us@example.org-12345678.rsa", "hello.apk", shell=closed)
    assert (world.folder / "hello.apk").read_bytes() == (world.folder / "signed.apk").read_bytes()


@pytest.mark.parametrize("words", ["show -", "validate -", "normalize -", "signature list -", "verify - rebuilt.apk"])
@pytest.mark.parametrize("shell", ["<&-", "0>/dev/null"])
def test_standard_input_that_cannot_be_read_is_one_line(world: World, words: str, shell: str) -> None:
    done = world.apart(*words.split(), shell=shell, stdin=None)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), done


def test_a_reader_that_goes_away_ends_the_program_quietly(world: World) -> None:
    """`| head` is no fault of anybody's; but whoever asks for the status learns that not all was read."""
    for words in (
        ["schema", "show"],
        ["show", "--json", "hello.apk"],
        ["verify", "--json", "hello.apk", "rebuilt.apk"],
    ):
        reading, writing = os.pipe()
        os.close(reading)
        with world.start(*words, stdout=writing) as process:
            os.close(writing)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (2, b"")


def test_nothing_else_may_follow_a_descriptor(world: World) -> None:
    """`-o /dev/stdout >report`: a rename would put the report in the place of the link in /dev."""
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        link = Path(name).is_symlink() and Path(name).readlink()
        done = world.apart("verify", "--json", "-o", name, "hello.apk", "rebuilt.apk", shell=">out/report")
        assert (done.status, done.err) == (1, "")
        assert (world.folder / "out" / "report").read_text() == (world.folder / "report.json").read_text()
        if name != "/proc/self/fd/1":
            assert (Path(name).is_symlink() and Path(name).readlink()) == link


def test_a_locale_that_lacks_a_letter_is_no_reason_to_stop(world: World) -> None:
    (world.folder / "é\u4e2d.toml").write_bytes((world.folder / "one.buildinfo.toml").read_bytes())
    command = [sys.executable, "-m", "buildinfo", "validate", "é\u4e2d.toml"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, cwd=world.folder, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xe9\\u4e2d.toml: valid\n", b"")
