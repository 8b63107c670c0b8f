"""Pairs whose difference lies in headers, trailers and stubs: programs in one file, EFI programs, signed modules."""

from __future__ import annotations

import io
import struct
import zipfile
from functools import partial
from pathlib import Path

from pairs_making import LATER, Factor, at, files, run
from pairs_packing import EPOCH
from pairs_tree import prose, put

SCRIPT = b'#!/bin/sh\nexec java -jar "$0" "$@"\n'
ARCHIVE_TIMES = ((2024, 2, 3, 4, 5, 6), (2024, 2, 11, 6, 8, 10))
TRAILER = b"~Module signature appended~\n"
PROGRAM = 'static const char *volatile said = "%s";\nint start(void) { return said[0]; }\n'


def behind(stub: bytes, second: bool, text: str = "print(1)\n") -> bytes:
    file = io.BytesIO()
    file.write(stub)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", ARCHIVE_TIMES[second]), text)
    return file.getvalue()


def zipapp(tree: Path, work: Path, second: bool, line: bytes = b"#!/usr/bin/env -S python3 -sE\n") -> None:
    put(tree / "usr/bin/hello.pyz", behind(line, second))


def executable(work: Path, *, text: str = "moin", time: int = EPOCH) -> bytes:
    """A Windows program, linked at a time."""
    put(work / "main.c", PROGRAM % text)
    run("gcc", "-O2", "-ffreestanding", "-fno-asynchronous-unwind-tables", "-fno-ident", "-c", "main.c", cwd=work)
    run("strip", "-R", ".comment", "-R", ".note.gnu.property", "main.o", cwd=work)
    link = ("ld", "-m", "i386pep", "--insert-timestamp", "-e", "start", "main.o", "-o", "main.exe")
    at(time, *link, cwd=work)
    return (work / "main.exe").read_bytes()


def efi(tree: Path, work: Path, second: bool, words: tuple[str, str] = ("moin", "moin")) -> None:
    put(tree / "usr/lib/hello.efi", executable(work, text=words[second], time=LATER if second else EPOCH))


def module(tree: Path, work: Path, second: bool, *, absent: bool = False, answer: str = "3") -> None:
    """A module that is signed by a key of this build, as sign-file does."""
    put(work / "main.c", f"int answer(void) {{ return {answer}; }}\n")
    run("gcc", "-O2", "-c", "main.c", cwd=work)
    signed = (work / "main.o").read_bytes()
    if not (absent and second):
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN=build {second}", *KEYS, cwd=work)
        run("openssl", "cms", "-sign", "-binary", "-noattr", "-nocerts", "-in", "main.o", *SIGNED, cwd=work)
        signature = (work / "signature").read_bytes()
        signed += signature + struct.pack(">8xI", len(signature)) + TRAILER
    put(tree / "lib/modules/6.6/hello.ko", signed)


KEYS = ("-keyout", "key", "-out", "cert")
SIGNED = ("-outform", "DER", "-inkey", "key", "-signer", "cert", "-out", "signature")


def compressed(tree: Path, work: Path, second: bool, *options: str, text: str = "") -> None:
    packed = run("xz", *options, cwd=work, stdin=(prose(30_000, 7) + text).encode())
    put(tree / "usr/share/hello/words.xz", packed)


def threads(tree: Path, work: Path, second: bool, text: str = "") -> None:
    compressed(tree, work, second, "-T2" if second else "-T1", text=text)


PE = ("ld", "gcc", "faketime")
KO = ("gcc", "openssl")

FACTORS: tuple[Factor, ...] = (
    files("zip-times", "in a zipapp with options", zipapp),
    files("zip-times", "in a program of another interpreter", partial(zipapp, line=b"#!/usr/bin/java -jar\n")),
    files(
        "zip-times",
        "in a jar behind a script",
        lambda tree, work, second: put(tree / "usr/bin/hello", behind(SCRIPT, second)),
    ),
    files("pe-time", "in an EFI program", efi, needs=PE),
    files("xz-threads", "xz -T1 or -T2", threads, needs=("xz",)),
)

NEAR: tuple[Factor, ...] = (
    files(
        "zip-times",
        "the script before a jar",
        lambda tree, work, second: put(tree / "usr/bin/hello", behind(SCRIPT + b"exit %d\n" % second, False)),
    ),
    files(
        "pe-time",
        "a text of an EFI program",
        lambda tree, work, second: put(tree / "usr/lib/hello.efi", executable(work, text="mh"[second] + "oin")),
        needs=PE,
    ),
    files(
        "xz-threads",
        "other content",
        lambda tree, work, second: compressed(tree, work, second, "-T1", text=str(second)),
        needs=("xz",),
    ),
)
"""Keys of modules are drawn anew each time, so their pairs are no factors: they are never the same twice."""
