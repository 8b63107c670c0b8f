"""The programs of the real abuild, with the hooks enabled and without."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from buildinfo.cli import main

PROGRAMS = [
    ["abuild", "-V"],
    ["abuild", "-h"],
    ["abuild-sign", "--help"],
    ["abuild-sign", "--installed"],
    ["abuild-keygen", "--help"],
    ["abump"],
    ["abump", "--help"],
    ["apkgrel"],
    ["checkapk"],
    ["newapkbuild", "-h"],
]


@pytest.mark.real
@pytest.mark.skipif(shutil.which("abuild") is None, reason="abuild is not on PATH")
@pytest.mark.parametrize("flag", [[], ["--system"]], ids=["user", "system"])
def test_every_program_answers_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: list[str]) -> None:
    """Else enabling the hooks would break a tool that has nothing to do with builds."""
    for name in list(os.environ):
        if name.startswith(("ABUILD_", "XDG_", "BUILDINFO_", "PACKAGER")) or name in ("APK", "FAKEROOT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ABUILD_CONF", str(tmp_path / "etc/abuild.conf"))
    (tmp_path / ".abuild").mkdir()
    key = tmp_path / ".abuild/me.rsa"
    for name in (key, Path(f"{key}.pub")):
        name.write_text("")
    (tmp_path / ".abuild/abuild.conf").write_text(f"PACKAGER_PRIVKEY={key}")

    def answers() -> list[tuple[int, str, str]]:
        done = [
            subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
            for words in PROGRAMS
            if shutil.which(words[0]) is not None
        ]
        return [(each.returncode, each.stdout, each.stderr) for each in done]

    before = answers()
    assert before[0][1].startswith("abuild ")
    assert main(["enable", *flag]) == 0
    assert answers() == before
    assert main(["disable", *flag]) == 0
    assert answers() == before
