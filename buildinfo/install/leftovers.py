"""What builds and interrupted runs left behind, and which of it may go.

Only what belongs to the caller and is certain to be of no use is removable. A complete capture that can still be
finalized never is, nor is what may be the only copy of something.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from buildinfo.capture import owed
from buildinfo.capture.folder import why_not_private
from buildinfo.capture.pending import (
    captures_folder,
    in_folder,
    is_complete,
    is_failed,
    is_finalized,
    running,
    why_failed,
)
from buildinfo.errors import BuildinfoError, CaptureError, UsageError
from buildinfo.install.situation import Situation
from buildinfo.leftovers import PART, interrupted, is_abandoned, is_leftover_name, leftovers, remove_abandoned, twin

CLEAN: Final = "abuild-buildinfo doctor --clean"
_RECORD: Final = ".buildinfo.toml"
_SIGNATURE: Final = f"{_RECORD}.sig"
_INTERRUPTED: Final = "it was being written by a run that was interrupted"


class Leftover(NamedTuple):
    """Something that is left behind.

    Attributes:
        why: what it is, in one clause.
        mend: what to do about it by hand; None if `remove` may remove it.
    """

    path: Path
    why: str
    mend: str | None = None


def captures(situation: Situation) -> Iterator[Leftover]:
    """Captures that nobody can finalize: of failed builds, damaged ones, and those whose packages were replaced."""
    folder = captures_folder(situation.answers or situation.environ)
    try:
        if why_not_private(folder) is not None:
            return  # `doctor` says so
    except OSError:
        return
    yield from (Leftover(path, _INTERRUPTED) for path in leftovers(folder) if is_abandoned(path))
    for path in in_folder(folder):
        if is_failed(path):
            yield Leftover(path, why_failed(path))
            continue
        waits = is_complete(path) and not is_finalized(path) and _is_mine(path)
        if waits and not running(path, situation.proc) and (why := _why_useless(path)) is not None:
            yield Leftover(path, why)


def beside_packages(situation: Situation) -> Iterator[Leftover]:
    """What lies in the folders of packages: unfinished files, and records of packages that are gone."""
    for place in _repositories(situation):
        for folder in sorted(place.glob("*/*")):
            if folder.is_dir() and not folder.is_symlink():
                yield from _in_folder(folder)


def stale_indices(situation: Situation) -> Iterator[Leftover]:
    """Indices that an earlier finalize left as they were."""
    for item in owed.everything(captures_folder(situation.answers or situation.environ)):
        yield Leftover(item.folder, "its index was left stale by finalize", "abuild-buildinfo finalize --reindex")


def remove(leftover: Leftover) -> bool:
    """Remove something; False if it cannot be."""
    path = leftover.path
    if is_leftover_name(path.name):
        return remove_abandoned(path)
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True


def _in_folder(folder: Path) -> Iterator[Leftover]:
    names = {entry.name for entry in os.scandir(folder)}
    for name in sorted(names):
        path = folder / name
        if name.startswith(".") and is_leftover_name(name):
            if is_abandoned(path):  # and the caller's own
                yield _unfinished(path)
        elif name.endswith(_RECORD):
            if (why := _why_orphan(path, names)) is not None and _is_mine(path):
                yield Leftover(path, why)
                if f"{name}.sig" in names and _is_mine(path.with_name(f"{name}.sig")):
                    yield Leftover(path.with_name(f"{name}.sig"), "the signature of that record")
        elif name.endswith(_SIGNATURE) and name.removesuffix(".sig") not in names and _is_mine(path):
            yield Leftover(path, "the signature of a record that is gone")


def _unfinished(path: Path) -> Leftover:
    if path.suffix == PART:
        return Leftover(path, _INTERRUPTED)
    same = twin(path)
    if same is not None:
        return Leftover(path, f"a run was interrupted when {same.name} had been written over")
    target = interrupted(path)
    name = "a file of this folder" if target is None else target.name
    why = f"a run was interrupted while it wrote over {name}, and only this has its new content whole"
    return Leftover(path, why, f"look at both, keep the one that is whole (cp it over {name}), and remove this")


def _why_orphan(path: Path, names: set[str]) -> str | None:
    """Why a record describes nothing that is there; None if it does, or is no record that can be read."""
    from buildinfo.document import read

    if f"{path.name.removesuffix(_RECORD).rpartition('.')[0]}.apk" in names:
        return None
    try:
        outputs = [path.parent.parent / output.path for output in read(path).outputs]
    except (BuildinfoError, OSError):
        return None
    if not outputs or any(output.exists() for output in outputs):
        return None
    return "the packages that it describes are gone"


def _why_useless(path: Path) -> str | None:
    """Why a complete capture can be finalized nowhere; None if it may be.

    Packages that are not there may be somewhere else: finalize can be told.
    """
    from buildinfo.capture.finalize import built_packages
    from buildinfo.capture.normalizing import is_of
    from buildinfo.capture.reader import read_capture

    try:
        capture = read_capture(path)
        for file, info in built_packages(capture):
            if file.is_file() and not is_of(capture, file, info):
                return f"its packages were replaced by those of another build: {file.name}"
    except CaptureError as error:
        return error.what if error.what.startswith("damaged: ") else None
    except (BuildinfoError, OSError):
        return None
    return None


def _is_mine(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid() and not path.is_symlink()
    except OSError:
        return False


def _repositories(situation: Situation) -> list[Path]:
    """Where abuild puts packages: REPODEST, and its defaults of 3.18 and before where that is not set."""
    if chosen := situation.value("REPODEST"):
        return [Path(chosen).absolute()]
    environ = situation.environ
    if not environ.get("HOME"):
        return []
    home = Path(environ["HOME"]).absolute()
    return [home / "packages", Path(environ.get("XDG_DATA_HOME") or home / ".local/share").absolute() / "abuild"]


def everything(situation: Situation) -> Iterator[Leftover]:
    """All of the above.

    Raises:
        UsageError: there is no user whose captures could be looked for.
    """
    try:
        yield from captures(situation)
        yield from stale_indices(situation)
    except UsageError:
        if not situation.value("REPODEST"):
            raise
    yield from beside_packages(situation)
