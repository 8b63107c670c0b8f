"""If these fail, a result lands where somebody else wants it: over a file, in a device, through a link."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import apkmaker as make
import pytest
from signers import signer, unsigned_index, unsigned_package

from buildinfo.apk.keys import read_private_key
from buildinfo.signatures import add
from buildinfo.verify.reports.html_pages import FEW, SIGN

NOBODY = pwd.getpwnam("nobody").pw_uid


def given_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give files to somebody else")
    os.chown(path, NOBODY, -1, follow_symlinks=False)


KEY = "me@example.org-12345678.rsa"
COMMANDS = {
    "verify": ["verify", "a.apk", "b.apk", "--json", "--output"],
    "signature": ["signature", "strip", "a.apk", "--output"],
    "index": [
        "index",
        "reproduced",
        "--from",
        "APKINDEX.tar.gz",
        "--report",
        "r.json",
        "--key",
        "me@example.org-12345678.rsa",
        "-o",
    ],
    "normalize": ["normalize", "a.apk", "--epoch", "1", "--output"],
}


@pytest.fixture(params=COMMANDS)
def words(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that gives a result and status 0, up to the name of the output."""
    monkeypatch.chdir(tmp_path)
    unsigned_package(tmp_path, "a.apk")
    unsigned_package(tmp_path, "b.apk")
    add(Path("a.apk"), read_private_key(signer(tmp_path, "me").private))
    unsigned_index(tmp_path, b"")
    Path("r.json").write_text('{"pairs": []}')
    command: list[str] = COMMANDS[request.param]
    return command


def run(*words: str | Path, status: int = 0, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-m", "buildinfo", *map(str, words)]
    options = {"capture_output": True, "timeout": 60, **options}
    done: subprocess.CompletedProcess[bytes] = subprocess.run(command, check=False, **options)  # type: ignore[call-overload]  # as they are
    assert done.returncode == status, done.stderr
    assert b"Traceback" not in done.stderr
    return done


def result(words: list[str]) -> bytes:
    run(*words, "plain")
    return Path("plain").read_bytes()


@pytest.mark.parametrize("words", sorted(set(COMMANDS) - {"normalize"}), indirect=True)
def test_a_link_is_replaced_and_not_followed(words: list[str]) -> None:
    """Who can put a link where a report is written would choose what is written over."""
    wanted = result(words)
    for target in ("victim", "missing"):
        Path("out").unlink(missing_ok=True)
        Path("victim").write_text("dear")
        Path("out").symlink_to(target)
        run(*words, "out")
        assert Path("out").read_bytes() == wanted
        assert not Path("out").is_symlink()
        assert Path("victim").read_text() == "dear"
        assert not Path("missing").exists()


@pytest.mark.parametrize("name", ["/dev/fd/1", "/proc/self/fd/1", "link"])
def test_a_descriptor_of_the_caller_is_written_to(words: list[str], name: str) -> None:
    """`-o /dev/stdout >FILE`: replaced would be /dev/stdout, for all of the machine."""
    wanted = result(words)
    Path("link").symlink_to("/proc/self/fd/1")
    with Path("all").open("wb") as file:
        file.write(b"before\n")
        file.flush()
        run(*words, name, stdout=file, stderr=subprocess.PIPE, capture_output=False)
    assert Path("all").read_bytes().startswith(b"before\n" + wanted)
    assert Path("link").is_symlink()


def test_a_descriptor_that_is_closed_is_told(words: list[str]) -> None:
    done = run(*words, "/dev/fd/99", status=2)
    assert done.stderr.count(b"\n") == 1


def test_a_pipe_is_written_to(words: list[str]) -> None:
    wanted = result(words)
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as reader:
        run(*words, "pipe")
        assert reader.communicate(timeout=30)[0] == wanted
    assert Path("pipe").is_fifo()


def test_a_pipe_or_link_of_somebody_else_is_refused(words: list[str]) -> None:
    """In /tmp somebody may wait for the result with a pipe, or lead it to a device: for root, to a disk."""
    os.mkfifo("pipe")
    given_away(Path("pipe"))
    assert b"somebody else" in run(*words, "pipe", status=2).stderr
    Path("link").symlink_to("/dev/null")
    run(*words, "link")
    given_away(Path("link"))
    assert b"somebody else" in run(*words, "link", status=2).stderr
    Path("outer").symlink_to("link")
    assert b"somebody else" in run(*words, "outer", status=2).stderr


# --- pages of a report ---------------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that writes an index and pages."""
    monkeypatch.chdir(tmp_path)
    Path("a.apk").write_bytes(make.package())
    Path("b.apk").write_bytes(make.package(data=make.ended(make.file("x", b"y"))))
    Path("list").write_text("a.apk\tb.apk\n" * (FEW + 1))
    return ["verify", "--batch", "list", "--at-least", "different", "--format", "html", "-j", "1", "-o"]


def test_pages_go_to_a_folder_and_never_through_a_link(many: list[str]) -> None:
    Path("victim").mkdir()
    page = Path("victim/0001.html")
    page.write_bytes(SIGN)
    Path("r.pages").symlink_to("victim")
    assert b"is a link" in run(*many, "r.html", status=2).stderr
    assert page.read_bytes() == SIGN
    Path("r.pages").unlink()
    run(*many, "r.html")
    assert Path("r.pages/0001.html").is_file()


def test_pages_do_not_go_to_a_folder_of_somebody_else(many: list[str]) -> None:
    Path("r.pages").mkdir()
    given_away(Path("r.pages"))
    assert b"somebody else" in run(*many, "r.html", status=2).stderr
    assert list(Path("r.pages").iterdir()) == []


def test_no_pipe_among_the_pages_is_waited_for(many: list[str]) -> None:
    Path("r.pages").mkdir()
    os.mkfifo("r.pages/0099.html")
    Path("r.pages/0098.html").symlink_to("../list")
    Path("r.pages/0097.html").write_bytes(SIGN)
    run(*many, "r.html")
    left = sorted(path.name for path in Path("r.pages").iterdir() if path.name > "0090")
    assert left == ["0098.html", "0099.html"]
