"""Runs `normalize` again and again, each time with a folder swapped for a link one step later, until none is left.

    python swapping.py FOLDER VICTIM OWNER WORDS...

FOLDER is the folder that is swapped for a link to VICTIM, which belongs to the user OWNER as the folder does. Prints
how many moments there were, and what happened to VICTIM, a line each. A copy of both is put back before every run.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from pathlib import Path

from buildinfo.cli import main

SECRET = b"SECRET"


class Swapper:
    """Swaps before the given one of the system calls that Python tells of."""

    def __init__(self, folder: Path, victim: Path, owner: int) -> None:
        self.folder, self.victim, self.owner = folder, victim, owner
        self.left = 0
        self.armed = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, _: object) -> None:
        if not self.armed or not (event == "open" or event.startswith("os.")):
            return
        self.left -= 1
        if self.left:
            return
        self.armed = False
        self.folder.rename(self.folder.with_name("aside"))
        self.folder.symlink_to(self.victim)
        if os.geteuid() == 0:
            os.chown(self.folder, self.owner, self.owner, follow_symlinks=False)


def seen(folder: Path) -> dict[str, tuple[bytes, tuple[int, ...]]]:
    """All files of a folder: content, mode, owner and time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        fields = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_ino)
        found[path.name] = (path.read_bytes() if path.is_file() else b"", fields)
    return found


def holds_secret(tree: Path) -> bool:
    return any(SECRET in path.read_bytes() for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


def run(folder: Path, victim: Path, owner: int, words: list[str]) -> None:
    swapper = Swapper(folder, victim, owner)
    spare = folder.parents[1] / "spare"
    shutil.copytree(folder, spare)
    before = seen(victim)
    moment = 0
    swapped = True
    while swapped:
        moment += 1
        shutil.rmtree(folder)
        shutil.copytree(spare, folder)
        if os.geteuid() == 0:
            for path in (folder.parent, folder, *folder.iterdir()):
                os.chown(path, owner, owner)
        swapper.left, swapper.armed = moment, True
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            main(["normalize", *words])
        swapped, swapper.armed = not swapper.armed, False
        if swapped:
            folder.unlink()
            folder.with_name("aside").rename(folder)
        after = seen(victim)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                print(f"moment {moment}: {name} is another")
        if holds_secret(folder.parent):
            print(f"moment {moment}: what it holds got out")
    print(f"{moment} moments")


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
