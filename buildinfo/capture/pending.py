"""The captures that builds left behind, and what became of their builds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from buildinfo.capture.reader import values


def captures_folder(environment: Mapping[str, str]) -> Path:
    """Where the hooks put captures: ``BUILDINFO_CAPTURES``, else in the user's state folder."""
    if chosen := environment.get("BUILDINFO_CAPTURES"):
        return Path(chosen)
    state = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME", "/nonexistent"), ".local/state")
    return Path(state) / "abuild-buildinfo" / "captures"


def pending(folder: Path) -> list[Path]:
    """Captures in a folder that are not finalized yet, in the order of their names; what was hardly begun, too."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not (path / "finalized").exists())


def running(path: Path) -> bool:
    """Whether the build that writes a capture is still at work on this machine."""
    try:
        local = values((path / "local").read_bytes())
    except OSError:  # not written yet, or never: the folder's name ends in the process
        number = path.name.rpartition(".")[2]
        return number.isascii() and number.isdigit() and Path("/proc", number).exists()
    try:
        stat = Path("/proc", local["pid"], "stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, KeyError):
        return False
    if local.get("boot") != boot or local["pid"] == str(os.getpid()):
        return False
    return _start(stat.rpartition(") ")[2]) == _start(local.get("start", ""))


def _start(fields: str) -> str:
    """Start time of a process: field 22 of /proc/PID/stat, the 20th behind the program's name (proc(5))."""
    words = fields.split()
    return words[19] if len(words) > 19 else ""
