"""The demo: what somebody sees first has to be true on their machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from building import ROOT


def run(environment: dict[str, str], *words: str | Path) -> str:
    command = [sys.executable, ROOT / "demo" / "run.py", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(said: str) -> None:
    """Hashes that differ, hashes that are equal, and every taint of the record with its reason."""
    before, after = said.split("2. WITH ")
    pattern = re.compile(r"^    first   ([0-9a-f]{64})\n    second  ([0-9a-f]{64})$", re.MULTILINE)
    assert [first == second for first, second in pattern.findall(before)] == [False, False]
    assert [first == second for first, second in pattern.findall(after)] == [True, True]
    assert "| greeting-doc-2.1-r0: payload-identical" in before
    record, reasons = after.split("Why each is there:")
    taints = re.findall(r"^  ([a-z-]+): ", record.partition("\ntaints")[2], re.MULTILINE)
    assert "dirty-tree" in taints
    assert re.findall(r"^  ([a-z-]+): .*\n      \S", reasons, re.MULTILINE) == taints


def test_the_demo_on_the_stand_in(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin", "/usr/sbin"):
        for program in Path(folder).iterdir():
            if program.name != "abuild" and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    page = tmp_path / "report.html"
    said = run({**os.environ, "PATH": str(programs)}, "--report", page)
    assert "with the stand-in (no abuild on PATH)" in said
    check(said)
    assert "gzip-header" in page.read_text()


@pytest.mark.real
def test_the_demo_on_the_real_abuild() -> None:
    if shutil.which("abuild") is None:
        pytest.skip("needs the real abuild on PATH")
    said = run(dict(os.environ))
    assert "with the real abuild: abuild " in said
    check(said)
