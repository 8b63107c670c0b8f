"""If these fail, one user of a machine writes what root and all others run, where `enable --system` put it."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from test_install_enable import home, one_line_and_2, tree

from buildinfo.cli import main
from buildinfo.errors import UnreadableError
from buildinfo.install.change import Change
from buildinfo.install.checks import CHECKS
from buildinfo.install.guard import open_to_others

__all__ = ["home"]

NOBODY = pwd.getpwnam("nobody").pw_uid


def given_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give files to somebody else")
    os.chown(path, NOBODY, -1, follow_symlinks=False)


def opened(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(stat.S_IMODE(path.stat().st_mode) | mode)


def linked_away(path: Path) -> None:
    """A link of root's to a file that others can write."""
    target = path.parent.parent.parent / "elsewhere"
    target.write_bytes(path.read_bytes())
    target.chmod(0o666)
    path.unlink()
    path.symlink_to(target)


HOLES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "all write the folder": ("etc/sub", opened(0o002)),
    "a group writes the folder": ("etc/sub", opened(0o020)),
    "all write a folder above": ("etc", opened(0o002)),
    "a folder above is somebody else's": ("etc", given_away),
    "the folder is somebody else's": ("etc/sub", given_away),
    "all write the configuration": ("etc/sub/abuild.conf", opened(0o002)),
    "the configuration is somebody else's": ("etc/sub/abuild.conf", given_away),
    "the configuration is a link to what all write": ("etc/sub/abuild.conf", linked_away),
    "all write the hooks' folder": ("etc/sub/abuild-buildinfo", opened(0o002)),
    "the hooks' folder is sticky": ("etc/sub/abuild-buildinfo", opened(0o1002)),
    "the hooks' folder is somebody else's": ("etc/sub/abuild-buildinfo", given_away),
    "all write a hook": ("etc/sub/abuild-buildinfo/hook.sh", opened(0o002)),
    "a hook is somebody else's": ("etc/sub/abuild-buildinfo/capture.sh", given_away),
    "a hook is a link to what all write": ("etc/sub/abuild-buildinfo/hook.sh", linked_away),
    "a file there is somebody else's": ("etc/sub/abuild-buildinfo/program.sh", given_away),
}


@pytest.fixture
def system(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where the hooks are enabled for all, in a folder of root's or the caller's."""
    monkeypatch.setenv("ABUILD_CONF", str(tmp_path / "etc/sub/abuild.conf"))
    (tmp_path / "etc/sub").mkdir(parents=True, mode=0o755)
    (tmp_path / "etc/sub/abuild.conf").write_text("JOBS=3\n")
    assert main(["enable", "--system"]) == 0
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, check: str = "hooks") -> list[str]:
    monkeypatch.setattr("buildinfo.install.checks.CHECKS", {check: CHECKS[check]})
    capsys.readouterr()
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)["checks"]
    told = [f"{entry['status']}: {entry['detail']}" for entry in found]
    return [line for line in told if " who can run programs as " in line]


@pytest.mark.parametrize("hole", HOLES)
def test_what_others_can_write_is_refused_and_told(
    system: Path, hole: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, open_it = HOLES[hole]
    path = system / name
    assert doctor(capsys, monkeypatch) == []
    open_it(path)
    (system / "etc/sub/abuild-buildinfo/capture.sh").open("a").write("# old\n")
    before = tree(system)
    said = one_line_and_2(["enable", "--system"], capsys)
    assert "nothing was changed" in said
    assert str(path.resolve()) in said
    assert tree(system) == before
    assert any(
        line.startswith("fail: ") and " who can run programs as " in line for line in doctor(capsys, monkeypatch)
    )


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777], ids=oct)
def test_a_folder_that_others_can_write_gets_no_hooks(
    home: Path, tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sticky does not help where nothing stands yet: somebody else may be the first to make it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc").chmod(mode)
    said = one_line_and_2(["enable", "--system"], capsys)
    assert f"{tmp_path}/etc: can be written by " in said
    assert list((tmp_path / "etc").iterdir()) == []


def test_a_sticky_folder_above_is_no_hole(system: Path) -> None:
    """Else nothing could be tried below /tmp."""
    (system / "etc").chmod(0o1777)
    (system / "etc/sub/abuild-buildinfo/hook.sh").unlink()
    assert main(["enable", "--system"]) == 0


def test_a_link_of_somebody_else_in_a_sticky_folder_is_one(tmp_path: Path) -> None:
    sticky, mine = tmp_path / "sticky", tmp_path / "mine"
    sticky.mkdir()
    sticky.chmod(0o1777)
    mine.mkdir()
    (sticky / "link").symlink_to(mine)
    assert open_to_others([sticky / "link" / "file"]) is None
    given_away(sticky / "link")
    found = open_to_others([sticky / "link" / "file"])
    assert found is not None
    assert (found.place, found.why) == (sticky, "can be written by others")


def test_a_way_without_end_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (tmp_path / "etc").symlink_to("etc")
    assert "oo many " in one_line_and_2(["enable", "--system"], capsys)
    with pytest.raises(UnreadableError, match="too many links"):
        open_to_others([tmp_path / "etc/abuild.conf"])


def test_a_users_own_folder_is_their_own_affair(home: Path) -> None:
    (home / ".abuild").chmod(0o775)
    assert main(["enable"]) == 0


def test_nobody_can_foretell_a_temporary_name(tmp_path: Path) -> None:
    """Else a link by that name makes root write over the file it leads to."""
    names = set()
    victim = tmp_path / "victim"
    victim.write_text("dear")
    for number in range(4):
        (tmp_path / f".conf.{os.getpid()}.new").unlink(missing_ok=True)
        (tmp_path / f".conf.{os.getpid()}.new").symlink_to(victim)
        with Change() as change:
            temporary = change.write(tmp_path / "conf", b"%d" % number)
            names.add(temporary.name)
            assert not temporary.is_symlink()
            change.commit()
        assert (tmp_path / f".conf.{os.getpid()}.new").is_symlink(), "what somebody else put there stays"
    assert len(names) == 4
    assert victim.read_text() == "dear"
    assert (tmp_path / "conf").read_text() == "3"


def test_what_a_killed_enable_left_is_removed_and_what_runs_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".conf.0123456789abcdef.new"
    left.write_text("half")
    with Change() as other:
        running = other.write(tmp_path / "conf", b"other")
        with Change() as change:
            change.write(tmp_path / "conf", b"mine")
            assert running.exists()
            change.commit()
        assert not left.exists()
        other.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]
    assert (tmp_path / "conf").read_text() == "other"
