"""Pairs in which two things were varied, apart from each other or in one and the same line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pairs_archives import catalogue, changelog, zipped
from pairs_compiling import CI, PROGRAM
from pairs_documents import dates, pod
from pairs_elf import DATED, DEBUG
from pairs_framing import BUSYBOX, GZIP, group_writable, owned
from pairs_making import LATER, PLAIN, Factor, Place, files
from pairs_packing import COMMIT, EPOCH, Pair
from pairs_pkginfo import since
from pairs_python import compiling as python
from pairs_text import PATHS, SHUFFLED, listed, told
from pairs_tree import put


def each(*places: Place) -> Place:
    """Several files, each varied in its way."""

    def place(tree: Path, work: Path, second: bool) -> None:
        for number, one in enumerate(places):
            (work / str(number)).mkdir()
            one(tree, work / str(number), second)

    return place


def dated_program(tree: Path, work: Path, second: bool) -> None:
    put(tree / PROGRAM, replace(DATED, epoch=LATER if second else EPOCH).made(work), 0o755)


def moved_program(tree: Path, work: Path, second: bool) -> None:
    put(tree / PROGRAM, (replace(DEBUG, home=CI) if second else DEBUG).made(work), 0o755)


HOST_AND_TIME = told(
    "# hello 1.2 was configured on ann-laptop at Sat Feb  3 04:05:06 UTC 2024\n",
    "# hello 1.2 was configured on build-edge-2 at Sun Feb 11 06:08:10 UTC 2024\n",
)
PYTHON = python({"mode": "TIMESTAMP"}, {"mode": "TIMESTAMP", "time": LATER})
IDS, OTHER_IDS = owned("hello", "hello", 101, 101), owned("hello", "hello", 102, 102)


MIXED_FACTORS: tuple[tuple[str, Factor], ...] = (
    (
        "pyc-time",
        files(
            "compressor",
            "busybox gzip, and a module compiled anew",
            PYTHON,
            original=GZIP,
            rebuilt=BUSYBOX,
            needs=("busybox",),
        ),
    ),
    (
        "date-macro",
        files(
            "epoch-rule",
            "another epoch, and __DATE__ that follows it",
            dated_program,
            rebuilt=replace(PLAIN, epoch=LATER),
            needs=("gcc",),
        ),
    ),
    (
        "document-date",
        files(
            "build-path",
            "debug information, and a manual page",
            each(moved_program, dates(pod)),
            needs=("gcc", "pod2man"),
        ),
    ),
    (
        "readdir-order",
        files(
            "gzip-header",
            "a compressed file's time, and a list",
            each(changelog({}, {"time": LATER}), listed(PATHS, SHUFFLED)),
        ),
    ),
    (
        "mo-date",
        files(
            "dirty-tree",
            "a changed work tree, and a catalogue",
            catalogue({}, {"date": "2024-02-11 06:08+0000"}),
            rebuilt=since(COMMIT + "-dirty", LATER),
            needs=("msgfmt",),
        ),
    ),
    (
        "zip-times",
        files(
            "packager",
            "another packager, and an archive",
            zipped({}, {"time": LATER}),
            rebuilt=PLAIN.saying("packager", "Joe Example <joe@example.org>"),
            needs=("zip",),
        ),
    ),
    ("text-time", files("host-name", "both in one line", HOST_AND_TIME)),
    (
        "mode",
        files(
            "owner-ids",
            "other numbers, and another umask",
            lambda tree, work, second: None,
            original=IDS,
            rebuilt=replace(OTHER_IDS, mode=group_writable),
        ),
    ),
)
"""With each the second cause; the first is its name."""
MIXED: tuple[tuple[tuple[str, str], Callable[[Path], Pair]], ...] = tuple(
    ((factor.name, other), factor.make) for other, factor in MIXED_FACTORS
)
