"""What a pair is, and how one is made: the same thing done twice, with one thing varied."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from pairs_packing import EPOCH, Packing, Pair, pair_of
from pairs_tree import plant

PLAIN: Final = Packing()
"""How a package is packed where nothing is varied."""
LATER: Final = EPOCH + 8 * 86400 + 7384
"""2024-02-11 06:08:10 UTC, a Sunday: another day of the month and of the week, another hour, minute, second."""


class Factor(NamedTuple):
    """One thing that is varied.

    Attributes:
        name: the cause that has to come first; of a near miss the one that must not be named.
        title: what was varied, in words.
        needs: the programs that make it.
        make: makes both packages below an empty folder.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    make: Callable[[Path], Pair]

    @property
    def missing(self) -> str:
        """The first program that is not there, or nothing."""
        return next((program for program in self.needs if shutil.which(program) is None), "")


class Missing(Exception):
    """This machine lacks what a pair needs, and no program's name says what."""


Place = Callable[[Path, Path, bool], object]
"""Puts files into a tree, by way of a work folder, for the first or the second build."""


def packed(
    name: str, title: str, rebuilt: Packing, original: Packing = PLAIN, *, needs: tuple[str, ...] = (), lines: int = 60
) -> Factor:
    """The same files, packed in two ways; `lines` is the length of the longest file."""

    def make(folder: Path) -> Pair:
        tree = plant(folder / "tree", lines=lines)
        return pair_of(folder, (original, tree), (rebuilt, tree))

    return Factor(name, title, needs, make)


def files(
    name: str,
    title: str,
    place: Place,
    *,
    needs: tuple[str, ...] = (),
    rebuilt: Packing = PLAIN,
    original: Packing = PLAIN,
) -> Factor:
    """Two trees that `place` made, packed in the same way, or in the two given."""

    def make(folder: Path) -> Pair:
        first = grown(folder, place, second=False)
        return pair_of(folder, (original, first), (rebuilt, grown(folder, place, second=True)))

    return Factor(name, title, needs, make)


def grown(folder: Path, place: Place, *, second: bool) -> Path:
    """One build: both happen in one and the same work folder, so that its path is no second factor."""
    tree = plant(folder / ("rebuilt" if second else "original"))
    work = folder / "work"
    work.mkdir()
    place(tree, work, second)
    shutil.rmtree(work)
    for path in (tree, *tree.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    return tree


def run(*command: str | Path, cwd: Path, stdin: bytes = b"", **changes: str | None) -> bytes:
    """Runs a program in the same environment each time, but for `changes`; gives what it says."""
    given: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        **changes,
    }
    environment = {key: value for key, value in given.items() if value is not None}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, input=stdin, capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def at(time: int, *command: str | Path, cwd: Path, **changes: str | None) -> bytes:
    """Runs a program whose clock stands at a time; the times of files stay what they are."""
    clock = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    changes = {"NO_FAKE_STAT": "1", "SOURCE_DATE_EPOCH": None, **changes}
    return run("faketime", "-f", clock, *command, cwd=cwd, stdin=b"", **changes)
