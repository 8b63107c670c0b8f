"""If these fail, a package that its tar left damaged comes out whole to look at, or apk refuses what we wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packing import EPOCH, PAYLOAD, Item, Packing
from test_realtar import finalize, hashed, package, tar

from buildinfo.apk.reads.headers import refusal
from buildinfo.apk.v2 import read_package
from buildinfo.cli import main

SIZE = sum(len(item.content) for item in PAYLOAD)
DAMAGED = {
    "no end blocks": (Packing(trailer=0, mtime=EPOCH + 9), PAYLOAD, "no end blocks"),
    "one end block": (Packing(trailer=512, mtime=EPOCH + 9), PAYLOAD, "no end blocks"),
    "a file left out": (Packing(size=SIZE, mtime=EPOCH + 9), [*PAYLOAD[:-3], *PAYLOAD[-2:]], f"counts {SIZE} bytes"),
}


@pytest.mark.parametrize("handlers", ["leaks", "all"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_package_gets_no_healthy_look(
    damage: str, handlers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packing, payload, why = DAMAGED[damage]
    path = tmp_path / "hello.apk"
    path.write_bytes(before := packing.package(payload))
    for words in ([], ["--check"], ["--output", str(tmp_path / "out")]):
        assert main(["normalize", "--handlers", handlers, *words, str(path)]) == 0
        assert f"{path}: left alone: " in (said := capsys.readouterr().out)
        assert why in said
    assert path.read_bytes() == (tmp_path / "out").read_bytes() == before


def test_a_file_cut_short_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hello.apk"
    packing = Packing()
    cut = packing.data([Item("a", content=bytes(2000))])[:2560]
    package(path, cut)
    before = path.read_bytes()
    assert main(["normalize", "--handlers", "all", str(path)]) == 2
    assert "ends inside a file" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_time_that_no_header_holds_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """apk reads octal numbers only: "v2 package format error"."""
    path = tmp_path / "hello.apk"
    path.write_bytes(before := Packing().package())
    assert main(["normalize", "--timestamps", "set", "--epoch", "8589934592", str(path)]) == 0
    assert "left alone: apk would refuse" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main(["normalize", "--timestamps", "set", "--epoch", "8589934591", str(path)]) == 0
    members = read_package(path, raw_headers=True).members
    assert {member.mtime for member in members} == {8589934591}
    assert not any(refusal(member.raw_headers) for member in members)
    if shutil.which("apk"):
        command = ["apk", "verify", "--allow-untrusted", path]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_tar_s_own_way_with_such_a_time_stays(tmp_path: Path) -> None:
    """With SOURCE_DATE_EPOCH=8589934592 tar writes a record of the time; finalize signed what apk refuses."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_text("x")
    (tmp_path / "tree/link").symlink_to("t" * 130)
    os.utime(tmp_path / "tree/file", (8589934592, 8589934592))
    data = tar(tmp_path / "tree", 8589934592, ("root", 0))
    path = tmp_path / "hello.apk"
    made = package(path, hashed(data) if shutil.which("abuild-tar") else data, 8589934592)
    finalize(path, 8589934592)
    assert path.read_bytes() == made
    assert not any(refusal(member.raw_headers) for member in read_package(path, raw_headers=True).members)
