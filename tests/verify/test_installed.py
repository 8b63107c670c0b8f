"""If these fail, a verdict says that two packages are the same of which apk installs or runs another thing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import apkmaker
import pytest
from apkmaker import GNU, directory, ended, file, gz, hardlink, header, padded, pax, symlink

from buildinfo.errors import BuildinfoError
from buildinfo.verify.pair import verify_pair

BIN = (directory("usr/"), directory("usr/bin/"))
A, B = file("usr/bin/a", b"a"), file("usr/bin/b", b"b")
LINK = hardlink("usr/bin/l", "usr/bin/a")
EVIL = file("usr/bin/evil", b"e" * 512, mode=0o4755)
SIGNATURE = apkmaker.signature(".SIGN.RSA.joe.rsa.pub")
SCRIPT = file(".post-install", b"#!/bin/sh\nevil\n", checksum=False)


def data(*entries: bytes) -> bytes:
    return apkmaker.package(data=ended(*BIN, *entries))


def lying(name: str, size: int, body: bytes) -> bytes:
    """An entry whose size is another one in the record than in the header."""
    return pax({"size": str(size)}) + header(name) + body


def control(extra: bytes = b"", *, lines: str = "", signatures: bytes = b"", first: bytes = b"") -> bytes:
    """A package with this before and behind `.PKGINFO`, in its lines, and before its control segment."""
    packed = gz(apkmaker.DATA)
    body = apkmaker.pkginfo(hashlib.sha256(packed).hexdigest(), lines)
    entries = first + header(".PKGINFO", size=len(body)) + padded(body) + extra
    return (gz(signatures) if signatures else b"") + gz(entries) + packed


HIDDEN = lying(".SIGN.RSA.foo.rsa.pub", 1536, SCRIPT[:1536])
FILLER = file(".filler", b"#!/bin/sh\nfine\n", checksum=False)
UNKNOWN = {"mode": 0o4755, "uname": b"nosuch"}
PAIRS = {
    # signature segments
    "script inside of a signature": (control(), control(signatures=SIGNATURE + HIDDEN)),
    "script inside of the only signature": (control(), control(signatures=HIDDEN)),
    "end behind a signature": (control(), control(signatures=SIGNATURE + bytes(1024))),
    "signature whose name is another one to apk": (
        control(),
        control(signatures=header(".SIGN.RSA.joe.rsa.pub", prefix=b"usr", magic=GNU)),
    ),
    # order and names in the data segment
    "order around a size that lies": (
        data(A, lying("usr/bin/z", 512 + len(EVIL), header("x", size=len(EVIL)) + EVIL), B),
        data(A, B, lying("usr/bin/z", 512 + len(EVIL), header("x", size=len(EVIL)) + EVIL)),
    ),
    "order of two spellings": (
        data(directory("usr//bin/"), A, file("usr//bin/a", b"b")),
        data(directory("usr//bin/"), file("usr//bin/a", b"b"), A),
    ),
    "hard link before its file": (data(A, LINK), data(LINK, A)),
    "file before its folder": (
        data(directory("usr/lib/"), file("usr/lib/a")),
        data(file("usr/lib/a"), directory("usr/lib/")),
    ),
    "folder before the one that it lies in": (
        data(directory("opt/"), directory("opt/a/")),
        data(directory("opt/a/"), directory("opt/")),
    ),
    "hard link to a link": (
        data(symlink("usr/bin/s", "a"), A, hardlink("usr/bin/l", "usr/bin/s")),
        data(A, symlink("usr/bin/s", "a"), hardlink("usr/bin/l", "usr/bin/s")),
    ),
    "name of what apk has not finished": (data(file("usr/bin/.apk.0"), A), data(A, file("usr/bin/.apk.0"))),
    # what headers say
    "checksum missing": (data(A, B), data(A, file("usr/bin/b", b"b", checksum=False))),
    "number of an owner that the system lacks": (
        data(file("usr/bin/a", uid=1000, **UNKNOWN)),
        data(file("usr/bin/a", uid=0, **UNKNOWN)),
    ),
    "number of a group": (data(A), data(file("usr/bin/a", b"a", gid=1000, mode=0o2755, gname=b"nosuch"))),
    "number of root's own": (data(A), data(file("usr/bin/a", b"a", uid=1000))),
    "bits of a name of a file": (
        data(file("usr/bin/a", mode=0o4755), header("usr/bin/l", flag=b"1", linkname="usr/bin/a", mode=0o4755)),
        data(file("usr/bin/a", mode=0o4755), header("usr/bin/l", flag=b"1", linkname="usr/bin/a", mode=0o755)),
    ),
    # .PKGINFO and what stands beside it
    "line at which apk stops": (
        control(lines=f"# {'a' * 200_000}\ntriggers = /usr\n"),
        control(lines="triggers = /usr\n"),
    ),
    "line at which apk stops on both sides": (
        control(lines=f"# {'a' * 200_000}\ntriggers = /usr\n"),
        control(lines=f"# {'b' * 200_000}\ntriggers = /usr\n"),
    ),
    "package that is not unpacked": (control(lines="size = 0\n"), control(lines="size = 5\n")),
    "package that apk 2.14 does not unpack": (control(lines="size = 4294967296\n"), control(lines="size = 5\n")),
    "size that counts": (control(lines="size = 5\nsize = 0\n"), control(lines="size = 0\nsize = 5\n")),
    "order of the control segment": (
        control(FILLER + SCRIPT, lines="url = a\n"),
        control(SCRIPT + FILLER, lines="url = b\n"),
    ),
    "script inside of a control entry": (
        control(lying(".zz", 1536, SCRIPT[:1536]) + FILLER, lines="url = a\n"),
        control(lying(".zz", 1536, FILLER[:1536]) + SCRIPT, lines="url = b\n"),
    ),
    "package of another age": (control(lines="url = a\n"), control(file("usr/x", checksum=False), lines="url = b\n")),
}  # fmt: skip


def graded(tmp_path: Path, first: bytes, second: bytes) -> str:
    """The verdict, or that one was refused."""
    for name, content in (("a.apk", first), ("b.apk", second)):
        (tmp_path / name).write_bytes(content)
    try:
        return str(verify_pair(tmp_path / "a.apk", tmp_path / "b.apk").verdict)
    except BuildinfoError:
        return "refused"


@pytest.mark.parametrize("name", PAIRS)
def test_what_apk_makes_something_else_of_is_never_more_than_different(name: str, tmp_path: Path) -> None:
    first, second = PAIRS[name]
    assert graded(tmp_path, first, second) in ("different", "refused")
    assert graded(tmp_path, second, first) in ("different", "refused")
    assert graded(tmp_path, first, first) in ("identical", "refused")


SAME = {
    "order of files": (data(A, B), data(B, A)),
    "which name is the file": (
        data(A, hardlink("usr/bin/l", "usr/bin/a")),
        data(file("usr/bin/l", b"a"), hardlink("usr/bin/a", "usr/bin/l")),
    ),
    "a name that only one apk installs, on both sides": (
        data(file("usr/bin/.keep_it"), A, B),
        data(file("usr/bin/.keep_it"), B, A),
    ),
    "no checksum on both sides": (
        data(file("usr/bin/a", checksum=False), B),
        data(B, file("usr/bin/a", checksum=False)),
    ),
    "a folder that is left to the system": (data(directory("var/a/"), A), data(A, directory("var/a/"))),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_an_order_that_means_nothing_to_apk_costs_no_rung(name: str, tmp_path: Path) -> None:
    assert graded(tmp_path, *SAME[name]) == "identical-normalized"


def test_the_report_says_what_apk_does(tmp_path: Path) -> None:
    for name, content in zip("ab", PAIRS["hard link before its file"], strict=True):
        (tmp_path / name).write_bytes(content)
    pair = verify_pair(tmp_path / "a", tmp_path / "b")
    assert [(entry.path, entry.detail) for entry in pair.differences if entry.allows == "different"] == [
        ("usr/bin/l", "by apk: the target of the hard link does not stand before it"),
        ("usr/bin/a", "by apk: installed with another names"),
    ]
