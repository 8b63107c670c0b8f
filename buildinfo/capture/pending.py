"""The captures that builds left behind, and what became of their builds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from buildinfo.capture.reader import read_plain, values
from buildinfo.errors import UsageError


def captures_folder(environment: Mapping[str, str]) -> Path:
    """Where the hooks put captures: ``BUILDINFO_CAPTURES``, else in the user's state folder.

    Raises:
        UsageError: neither that nor HOME is set.
    """
    if chosen := environment.get("BUILDINFO_CAPTURES"):
        return Path(chosen).absolute()
    if state := environment.get("XDG_STATE_HOME"):
        return Path(state).absolute() / "abuild-buildinfo" / "captures"
    if not environment.get("HOME"):
        raise UsageError("HOME is not set, so there is no folder with captures of yours", mend="set it, or name one")
    return Path(environment["HOME"], ".local/state/abuild-buildinfo/captures").absolute()


def pending(folder: Path) -> list[Path]:
    """Captures in a folder that are not finalized yet, in the order of their names; what was hardly begun, too."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not (path / "finalized").exists())


def running(path: Path, proc: Path = Path("/proc")) -> bool:
    """Whether the build that writes a capture is still at work on this machine.

    Its start time and the boot tell the process that leads it from a later one of the same number.
    """
    try:
        local = values(read_plain(path / "local", 1_000_000))
    except OSError:  # not written yet, or never: the folder's name ends in the process
        number = path.name.rpartition(".")[2]
        return number.isdecimal() and number.isascii() and (proc / number).exists()
    number = local.get("pid", "")
    if not (number.isdecimal() and number.isascii()):
        return False
    boot = _read(proc / "sys/kernel/random/boot_id").strip()
    if local.get("boot", boot) not in ("", boot):
        return False
    now, then = _start(_read(proc / number / "stat").rpartition(") ")[2]), _start(local.get("start", ""))
    return now == then if now and then else (proc / number).exists()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _start(fields: str) -> str:
    """Start time of a process: field 22 of /proc/PID/stat, the 20th behind the program's name (proc(5))."""
    words = fields.split()
    return words[19] if len(words) > 19 else ""
