"""The doctor's checks of the captures folder and of what is left in it."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from buildinfo.capture.folder import why_not_private
from buildinfo.capture.pending import captures_folder, has, in_folder, is_complete, is_finalized, last_line, running
from buildinfo.install.situation import Finding, Situation

#: A capture holds a copy of the installed database: a few megabytes.
ROOM = 64 << 20
#: Leftovers that are named one by one.
MOST = 20


def _folder(situation: Situation) -> Path:
    settings: Mapping[str, str] = situation.answers or situation.environ
    return captures_folder(settings)


def state(situation: Situation) -> Iterator[Finding]:
    """Can a build write a capture?"""
    folder = _folder(situation)
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if (why := _why_not_private(folder)) is not None:
        mend = f"chmod go-w {shlex.quote(str(folder))}, or set BUILDINFO_CAPTURES to a folder of your own"
        yield Finding("state", "fail", f"no captures are written to {folder}: {why}", mend)
        return
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        detail = f"captures cannot be written to {folder}: see {place}"
        yield Finding("state", "fail", detail, "check owner and mode, or set BUILDINFO_CAPTURES in abuild.conf")
        return
    free = shutil.disk_usage(place).free
    if free < ROOM:
        detail = f"only {free >> 20} MiB are free for captures in {place}"
        yield Finding("state", "warn", detail, "make room, or set BUILDINFO_CAPTURES in abuild.conf")
    else:
        yield Finding("state", "ok", f"captures are written to {folder}")


def captures(situation: Situation) -> Iterator[Finding]:
    """What is left of builds: to be finalized, or to be removed."""
    folder = _folder(situation)
    left = in_folder(folder)
    if not left:
        yield Finding("captures", "ok", "no captures are left behind")
    for capture in left:
        yield _capture(capture, situation.proc)


def left_over(situation: Situation) -> Iterator[Finding]:
    """What interrupted runs and removed packages left in the folders of packages, and indices that are stale."""
    from buildinfo.install.leftovers import CLEAN, beside_packages, stale_indices

    found = [*stale_indices(situation), *beside_packages(situation)]
    for item in found[:MOST]:
        yield Finding("leftovers", "warn", f"{item.path} is left over: {item.why}", item.mend or CLEAN)
    if len(found) > MOST:
        yield Finding("leftovers", "warn", f"{len(found) - MOST} more are left over", CLEAN)
    if not found:
        yield Finding("leftovers", "ok", "nothing is left over beside packages")


def _why_not_private(folder: Path) -> str | None:
    try:
        return why_not_private(folder)
    except OSError:
        return None


def _capture(capture: Path, proc: Path) -> Finding:
    if is_finalized(capture):
        return Finding("captures", "ok", f"{capture.name} is finalized and kept")
    if running(capture, proc):
        return Finding("captures", "ok", f"{capture.name} is of a build that still runs")
    word = shlex.quote(str(capture))
    if is_complete(capture):
        mend = f"abuild-buildinfo finalize {word}"
        if has(capture, "tried"):
            said = last_line(capture / "log")
            detail = f"{capture.name} is complete, but finalize failed" + (f": {said}" if said else "")
            return Finding("captures", "warn", detail, mend)
        return Finding("captures", "warn", f"{capture.name} is complete, but not finalized", mend)
    error = last_line(capture / "errors")
    if error:
        how = f"is of a build that failed: {error}"
    elif has(capture, "told"):
        said = last_line(capture / "log")
        how = "is incomplete, a step of the hooks failed" + (f": {said}" if said else "")
    else:
        how = "is incomplete, its build ended before it had packages"
    return Finding("captures", "warn", f"{capture.name} {how}", f"rm -r {word}")
