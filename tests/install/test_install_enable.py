"""enable and disable: what they do to an abuild.conf that somebody cares for."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildinfo.cli import main

ROOT = Path(__file__).parents[2]
SHELLS = {"dash": ["dash"], "bash": ["bash"], "ash": ["busybox", "ash"]}

ORIGINALS = {
    "empty": b"",
    "lines": b"USE_COLORS=1\nJOBS=3\n",
    "no final newline": b"JOBS=3",
    "blank lines": b"\n\n",
    "blanks at the end": b"JOBS=3\n   ",
    "not text": b"PACKAGER='J\xf6rg <j@example.org>'\n\xff=1 :\n",
    "carriage returns": b"JOBS=3\r\nA=1\r\n",
    "speaks of us": b"# see the docs of # abuild-buildinfo\nA=1\n# abuild-buildinfo",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with an empty ~/.abuild, and no configuration of the system."""
    for name in list(os.environ):
        if name.startswith(("ABUILD_", "XDG_", "BUILDINFO_")) or name in ("APK", "FAKEROOT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ABUILD_CONF", str(tmp_path / "etc/abuild.conf"))
    (tmp_path / "home/.abuild").mkdir(parents=True)
    return tmp_path / "home"


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below a folder with its mode and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def one_line_and_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that has to refuse."""
    capsys.readouterr()
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("abuild-buildinfo: ")
    return err


# --- the bytes of the configuration ------------------------------------------------------------------------


@pytest.mark.parametrize("original", ORIGINALS.values(), ids=ORIGINALS)
def test_disable_gives_back_the_bytes(home: Path, original: bytes) -> None:
    """Else a packager's configuration would be changed for good by a trial."""
    config = home / ".abuild/abuild.conf"
    config.write_bytes(original)
    config.chmod(0o640)
    before = tree(home)
    assert main(["enable"]) == 0
    assert config.read_bytes().startswith(original)
    assert main(["disable"]) == 0
    assert tree(home) == before


@pytest.mark.parametrize("there", [True, False], ids=["folder", "no folder"])
def test_disable_removes_what_enable_had_to_make(home: Path, there: bool) -> None:
    """Else an empty ~/.abuild would change which folder abuild 3.18 takes."""
    if not there:
        (home / ".abuild").rmdir()
    before = tree(home)
    assert main(["enable"]) == 0
    assert main(["disable"]) == 0
    assert tree(home) == before


def test_disable_keeps_what_was_added_later(home: Path) -> None:
    """Else the key that abuild-keygen -a wrote behind our line would be gone."""
    config = home / ".abuild/abuild.conf"
    config.write_bytes(b"JOBS=3")
    assert main(["enable"]) == 0
    with config.open("ab") as file:
        file.write(b"PACKAGER_PRIVKEY=x\n")
    (home / ".abuild/abuild-buildinfo/notes").write_text("mine")
    assert main(["disable"]) == 0
    assert config.read_bytes() == b"JOBS=3\nPACKAGER_PRIVKEY=x\n"
    assert [path.name for path in (home / ".abuild/abuild-buildinfo").iterdir()] == ["notes"]


def test_twice_is_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else each upgrade would add a line, and each run would lose the file's owner and time."""
    assert main(["disable"]) == 0
    assert "not enabled" in capsys.readouterr().out
    assert main(["enable"]) == 0
    before, inode = tree(home), (home / ".abuild/abuild.conf").stat().st_ino
    capsys.readouterr()
    assert main(["enable"]) == 0
    assert capsys.readouterr().out == f"already enabled in {home}/.abuild/abuild.conf\n"
    assert (tree(home), (home / ".abuild/abuild.conf").stat().st_ino) == (before, inode)


def test_stale_line_and_copies_are_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else an upgrade would leave old hooks running."""
    config = home / ".abuild/abuild.conf"
    assert main(["enable"]) == 0
    current = config.read_bytes()
    stale = current.replace(b"abuild-buildinfo/hook.sh'", b"old/hook.sh'")
    config.write_bytes(b"A=1\n" + stale + b"B=2\n" + stale + b"C=3\n")
    (home / ".abuild/abuild-buildinfo/hook.sh").write_text("# old\n")
    capsys.readouterr()
    assert main(["enable"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["updated", "updated"]
    assert config.read_bytes() == b"A=1\nB=2\n" + current + b"C=3\n"
    assert (home / ".abuild/abuild-buildinfo/hook.sh").read_bytes() == (ROOT / "abuild-hooks/hook.sh").read_bytes()


def test_linked_configuration_stays_a_link(home: Path, tmp_path: Path) -> None:
    """Else whoever keeps the file in a repository would edit a file that nobody reads."""
    target = tmp_path / "dotfiles/abuild.conf"
    target.parent.mkdir()
    target.write_text("A=1\n")
    config = home / ".abuild/abuild.conf"
    config.symlink_to(target)
    assert main(["enable"]) == 0
    assert config.is_symlink()
    assert b"/home/.abuild/abuild-buildinfo/hook.sh" in target.read_bytes()
    assert main(["disable"]) == 0
    assert target.read_text() == "A=1\n"


# --- where ---------------------------------------------------------------------------------------------------


def test_the_configuration_that_abuild_reads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the hooks would be switched on in a file that abuild passes by."""

    def enabled() -> str:
        assert main(["enable"]) == 0
        found = [path for path in home.parent.rglob("*.conf") if b"_abuild_buildinfo" in path.read_bytes()]
        assert main(["disable"]) == 0
        assert len(found) == 1
        assert not found[0].exists()
        return str(found[0].relative_to(home))

    assert enabled() == ".abuild/abuild.conf"
    (home / ".config/abuild").mkdir(parents=True)
    assert enabled() == ".config/abuild/abuild.conf"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert enabled() == ".abuild/abuild.conf"
    (home / "xdg/abuild").mkdir(parents=True)
    assert enabled() == "xdg/abuild/abuild.conf"
    monkeypatch.setenv("ABUILD_USERDIR", str(home / "my dir"))
    assert enabled() == "my dir/abuild.conf"
    monkeypatch.setenv("ABUILD_USERCONF", str(home / "other/my.conf"))
    assert enabled() == "other/my.conf"


def test_disable_finds_the_folder_of_that_day(home: Path) -> None:
    """Else a ~/.config/abuild made later would hide the line, and nothing could remove it."""
    assert main(["enable"]) == 0
    (home / ".config/abuild").mkdir(parents=True)
    assert main(["disable"]) == 0
    assert not (home / ".abuild/abuild.conf").exists()


def test_system_files_can_be_read_by_all(home: Path, tmp_path: Path) -> None:
    """Else every other user's build would complain."""
    before = tree(tmp_path)
    mask = os.umask(0o077)
    try:
        assert main(["enable", "--system"]) == 0
    finally:
        os.umask(mask)
    for path in [tmp_path / "etc", *(tmp_path / "etc").rglob("*")]:
        wanted = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert tree(home) == {key.removeprefix("home/"): held for key, held in before.items() if key != "home"}
    assert main(["disable", "--system"]) == 0
    assert tree(tmp_path) == before


def test_python_of_a_venv_stays_the_venvs(home: Path) -> None:
    """Else finalize would start the system's Python, which has not our libraries."""
    assert main(["enable"]) == 0
    program = home / ".abuild/abuild-buildinfo/program.sh"
    script = '. "$1"; "$_buildinfo_python" -I -m buildinfo --version; echo "$_buildinfo_python"'
    said = subprocess.run(["sh", "-c", script, "sh", program], capture_output=True, text=True, check=True, cwd="/")
    version, python = said.stdout.splitlines()
    assert version.startswith("abuild-buildinfo ")
    assert python == sys.executable


def test_an_installed_program_finds_its_hooks(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else enable would work from a checkout only."""
    monkeypatch.setattr("buildinfo.__file__", str(tmp_path / "site-packages/buildinfo/__init__.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: pytest.fail("the folder comes first"))
    shutil.copytree(ROOT / "abuild-hooks", tmp_path / "prefix/share/abuild-buildinfo/hooks")
    assert main(["enable"]) == 0
    assert (home / ".abuild/abuild-buildinfo/capture.sh").is_file()


# --- refusals ------------------------------------------------------------------------------------------------


def test_refusals_leave_everything_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a user would have half of the hooks, and not know which half."""
    config = home / ".abuild/abuild.conf"

    def refused() -> str:
        before = tree(home)
        said = one_line_and_2(["enable"], capsys)
        assert tree(home) == before
        return said

    config.mkdir()
    assert "not a regular file" in refused()
    config.rmdir()
    for broken in ("if true; then\n", "A='open\n", "A=1 \\", "A=1 \\\n"):
        config.write_text(broken)
        assert "cannot parse" in refused()
    config.unlink()
    config.symlink_to("/proc/version")  # a file that nobody can write, not even root
    assert "nothing was changed" in refused()
    config.unlink()
    (home / ".abuild/abuild-buildinfo").write_text("in the way")
    refused()
    (home / ".abuild/abuild-buildinfo").unlink()
    (home / ".abuild/abuild-buildinfo/hook.sh").mkdir(parents=True)
    refused()
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert "-I" in refused()
    monkeypatch.delenv("HOME")
    assert "HOME" in one_line_and_2(["enable"], capsys)
    assert "HOME" in one_line_and_2(["disable"], capsys)


# --- what the shells make of it ------------------------------------------------------------------------------


@pytest.fixture
def open_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that other users can enter, with a blank and quotes in its name."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, 'it\'s a "home" $HOME `x`')
        folder.mkdir()
        monkeypatch.setenv("HOME", str(folder))
        yield folder


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_the_configuration(open_home: Path, shell: str) -> None:
    """Else every program of abuild would die or talk, for everybody who has enabled the hooks."""
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"{SHELLS[shell][0]} is not here")
    assert main(["enable"]) == 0
    config = open_home / ".abuild/abuild.conf"
    hook = open_home / ".abuild/abuild-buildinfo/hook.sh"
    script = """
        set -eu
        program=$2
        read_config() { . "$1"; }
        read_config "$1"
        echo "status $? ${_abuild_buildinfo-unset} ${_buildinfo_dir:+loaded}"
    """

    def read(program: str, user: int | None = None) -> tuple[int, str, str]:
        words = [*SHELLS[shell], "-c", script, "sh", str(config), program]
        done = subprocess.run(words, capture_output=True, text=True, check=False, user=user, cwd="/")
        return done.returncode, done.stdout, done.stderr

    silent = (0, "status 0 unset \n", "")
    assert read("abuild") == (0, "status 0 unset loaded\n", "")
    assert read("abuild-sign") == silent
    hook.chmod(0)
    nobody = 65534 if os.geteuid() == 0 else None
    assert read("abuild", nobody) == silent
    hook.unlink()
    assert read("abuild") == silent
    shutil.rmtree(hook.parent)
    assert read("abuild") == silent
