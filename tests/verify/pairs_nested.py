"""Pairs whose difference lies in a file inside a file: a compressed document, an archive's member."""

from __future__ import annotations

import os
from pathlib import Path

from pairs_archives import MAIN, NOTES, notes
from pairs_compiling import BUILDER, CI, SOURCES
from pairs_making import Factor, files, run
from pairs_packing import EPOCH
from pairs_tree import prose, put

DATES = ("Sat Feb  3 04:05:06 UTC 2024", "Sun Feb 11 06:08:10 UTC 2024")
#: As `java.util.Properties.store` begins its files.
JAVA_DATES = ("Sat Feb 03 04:05:06 UTC 2024", "Sun Feb 11 06:08:10 UTC 2024")
WORDS = ("kind", "nice")


def compressed(tree: Path, work: Path, told: str) -> None:
    """A document that was compressed as Alpine does: without a name and a time."""
    text = f"{prose(40, 80)}{told}\n{prose(40, 81)}"
    put(tree / "usr/share/doc/hello/NEWS.gz", run("gzip", "-9n", cwd=work, stdin=text.encode()))


def in_jar(tree: Path, work: Path, told: str) -> None:
    put(work / "classes/hello.properties", f"#{told}\nversion=1.2\nname=hello\n{'word=moin' * 9}\n")
    put(work / "manifest", MAIN)
    run("jar", "--date=2024-02-03T04:05:06Z", "-c", "-f", "hello.jar", "-m", "manifest", "-C", "classes", ".", cwd=work)
    put(tree / "usr/share/java/hello.jar", (work / "hello.jar").read_bytes())


def in_tar(tree: Path, work: Path, told: str) -> None:
    notes(work, alpha=f"{prose(9, 82)}{told}\n{prose(9, 83)}")
    owner = ("--owner=0", "--group=0", "--numeric-owner")
    packed = run("tar", "--format=ustar", *owner, "-c", *NOTES, cwd=work)
    put(tree / "usr/share/hello/notes.tar.gz", run("gzip", "-9n", cwd=work, stdin=packed))


def in_library(tree: Path, work: Path, home: str, *, answer: str = "3") -> None:
    """A static library with debug information, as a -dev package of Alpine may hold."""
    for name, text in SOURCES.items():
        put(work / name, text.replace("greeted * 3", f"greeted * {answer}"))
    run("gcc", "-O2", "-g", f"-ffile-prefix-map={work}={home}", "-c", "greet.c", "words.c", cwd=work)
    for name in ("greet.o", "words.o"):
        (work / name).chmod(0o644)
        os.utime(work / name, (EPOCH, EPOCH))
    run("ar", "rcD", "libhello.a", "greet.o", "words.o", cwd=work)
    put(tree / "usr/lib/libhello.a", (work / "libhello.a").read_bytes())


def dated(dates: tuple[str, str], second: bool) -> str:
    return f"made on {dates[second]}"


GCC, JAR = ("gcc", "ar"), ("jar",)

FACTORS: tuple[Factor, ...] = (
    files(
        "text-time", "in a compressed document", lambda tree, work, second: compressed(tree, work, dated(DATES, second))
    ),
    files("text-time", "in a jar", lambda tree, work, second: in_jar(tree, work, JAVA_DATES[second]), needs=JAR),
    files("text-time", "in a compressed tar", lambda tree, work, second: in_tar(tree, work, dated(DATES, second))),
    files(
        "build-path",
        "in a compressed document",
        lambda tree, work, second: compressed(tree, work, f"srcdir = {CI if second else BUILDER}/doc"),
    ),
    files(
        "build-path",
        "in a static library",
        lambda tree, work, second: in_library(tree, work, CI if second else BUILDER),
        needs=GCC,
    ),
)

NEAR: tuple[Factor, ...] = (
    files(
        "text-time",
        "a word in a compressed document",
        lambda tree, work, second: compressed(tree, work, f"{DATES[0]}: it is {WORDS[second]}"),
    ),
    files(
        "text-time",
        "a word in a compressed tar",
        lambda tree, work, second: in_tar(tree, work, f"{DATES[0]}: it is {WORDS[second]}"),
    ),
    files(
        "build-path",
        "code in a static library",
        lambda tree, work, second: in_library(tree, work, BUILDER, answer="35"[second]),
        needs=GCC,
    ),
)
