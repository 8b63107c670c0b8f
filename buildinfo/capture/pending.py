"""The captures that builds left behind, and what became of their builds."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from buildinfo.capture.folder import Folder, open_plain, read_plain
from buildinfo.capture.reader import values
from buildinfo.errors import UsageError
from buildinfo.leftovers import is_leftover_name

#: What the hooks name a capture: ORIGIN-VERSION.ARCH, the process, and the time if it had to make room.
_NAME: Final = re.compile(r"(?P<build>.+-r[^-.]*\.[^.]+)\.[0-9]+(\.[0-9]+)?")

_PROCESS: Final = re.compile("[0-9]{1,10}")


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
    return [path for path in in_folder(folder) if not is_finalized(path)]


def in_folder(folder: Path) -> list[Path]:
    """The captures in a folder, finalized or not, in the order of their names. A link is none."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not is_leftover_name(name)]


def is_complete(path: Path) -> bool:
    """Whether the packages of the build were made: there is something to finalize."""
    return has(path, "complete")


def is_finalized(path: Path) -> bool:
    """Whether its record was made, and the capture is kept."""
    return has(path, "finalized")


def has(path: Path, name: str) -> bool:
    """Whether a capture has something of that name."""
    try:
        with Folder(path) as folder:
            return folder.has(name)
    except OSError:
        return False


def build_of(path: Path) -> str | None:
    """ORIGIN-VERSION.ARCH that a capture is named after; None if the hooks give no such name."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else match["build"]


def why_failed(path: Path) -> str:
    """What ended the build of an incomplete capture, in one clause."""
    if error := last_line(path / "errors"):
        return f"its build failed: {error}"
    if has(path, "told"):
        said = last_line(path / "log")
        return "a step of the hooks failed" + (f": {said}" if said else "")
    return "its build ended before it had packages"


def last_line(path: Path) -> str:
    """The last line of a plain file that has something in it, fit for a report; "" if there is none."""
    try:
        descriptor = open_plain(os.fspath(path))
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        stream.seek(max(0, os.fstat(descriptor).st_size - 4096))
        lines = stream.read(4096).decode("utf-8", "replace").splitlines()
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(char if char.isprintable() else "?" for char in line)[:200]


def remove_predecessors(path: Path) -> list[Path]:
    """Remove the captures of earlier builds of the same aport that failed, now that one is finalized.

    The same is the same name, version and architecture, in the same folder. Complete captures stay, and so do those of
    builds that run, and what belongs to somebody else.

    Args:
        path: the capture of the build that went well; still there.

    Returns:
        What was removed.
    """
    build, age = build_of(path), _age(path)
    if build is None:
        return []
    removed = []
    for other in sorted(path.parent.glob(f"{glob.escape(build)}.*")):
        if other != path and build_of(other) == build and is_failed(other) and _age(other) <= age:
            shutil.rmtree(other, ignore_errors=True)
            removed.append(other)
    return removed


def is_failed(path: Path) -> bool:
    """Whether a folder is the caller's own capture of a build that ended before it was complete."""
    try:
        with Folder(path) as folder:
            ended = folder.mine and not folder.has("complete") and not folder.has("finalized")
    except OSError:
        return False
    return ended and build_of(path) is not None and not running(path)


def _age(path: Path) -> int:
    """When a capture was begun: the later, the larger."""
    try:
        return (path / "format").lstat().st_mtime_ns
    except OSError:
        return path.lstat().st_mtime_ns


def running(path: Path, proc: Path = Path("/proc")) -> bool:
    """Whether the build that writes a capture is still at work on this machine.

    Its start time and the boot tell the process that leads it from a later one of the same number.
    """
    try:
        local = values(read_plain(path / "local", 1_000_000))
    except OSError:  # not written yet, or never: the folder's name ends in the process
        number = path.name.rpartition(".")[2]
        return _PROCESS.fullmatch(number) is not None and (proc / number).exists()
    number = local.get("pid", "")
    if not _PROCESS.fullmatch(number):
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
