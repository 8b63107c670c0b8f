"""Makes what is released, of a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from building import ROOT

EPOCH = 1706933106


def tracked() -> list[str]:
    """The files of the checkout, as far as they are there."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs git and a checkout")
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted(name for name in names if name and (ROOT / name).is_file())


def made(place: Path, umask: int, mtime: int, zone: str) -> Path:
    """The folder of what `make dist` makes of a copy of the checkout."""
    for module in ("build", "setuptools.build_meta"):
        pytest.importorskip(module, reason=f"needs {module}")
    for program in ("make", "scdoc"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if not Path(sys.prefix, "bin", "abuild-buildinfo").exists():
        pytest.skip("needs the virtual environment that make sets up")
    previous = os.umask(umask)
    try:
        for name in tracked():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            executable = os.access(ROOT / name, os.X_OK)
            (place / name).write_bytes((ROOT / name).read_bytes())
            (place / name).chmod((0o777 if executable else 0o666) & ~umask)
            os.utime(place / name, (mtime, mtime))
        prepared = [f"VENV={sys.prefix}", "-o", f"{sys.prefix}/ready"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TZ": zone,
            "SOURCE_DATE_EPOCH": str(EPOCH),
        }
        command = ["make", "-C", str(place), "dist", *prepared]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    finally:
        os.umask(previous)
    return place / "dist"
