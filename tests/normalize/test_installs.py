"""If these fail, normalizing changes what apk installs, or makes one package of two that install different things."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from packing import EPOCH, Item, Packing, fast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apk"))
from apkmaker import ended, header, padded, pax, record

from buildinfo.apk.v2 import read_package
from buildinfo.cli import main

LATE = EPOCH + 9


def member(name: bytes, content: bytes = b"", *, flag: bytes = b"0", mode: int = 0o644, **fields: object) -> bytes:
    """A member as abuild-tar makes it, with a time that is to be lowered."""
    records = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(content).hexdigest()} if flag == b"0" else {}
    size = fields.pop("size", len(content))
    block = header(name, size=size, flag=flag, mode=mode, mtime=LATE, **fields)  # type: ignore[arg-type]
    return (pax(records) if records else b"") + block + padded(content)


def package(*members: bytes, size: int | None = None) -> bytes:
    packing = Packing(size=size, signed=False)
    data = fast(ended(b"".join(members)))
    files = [Item("x", content=bytes(3))]
    return fast(packing.control(packing.pkginfo(files, hashlib.sha256(data).hexdigest()))) + data


USR = member(b"usr/", flag=b"5", mode=0o755)
BIN = member(b"usr/bin/", flag=b"5", mode=0o755)
AGAIN = member(b"usr//bin/", flag=b"5", mode=0o755)
ONE, OTHER = member(b"usr/bin/x", b"one"), member(b"usr/bin/x", b"two")
SLASHES = member(b"usr//bin/x", b"two")
LINK = member(b"usr/bin/a", flag=b"1", linkname=b"usr/bin/x")
ELSEWHERE = member(b"usr/bin/a", flag=b"1", linkname=b"usr//bin/x")
SETUID = member(b"usr/bin/y", flag=b"1", linkname=b"usr/bin/x", mode=0o4755)
TO_ETC = member(b"usr/bin", flag=b"2", linkname=b"/etc")

ORDERS = {
    "one path twice": ([USR, BIN, ONE, OTHER], [USR, BIN, OTHER, ONE]),
    "one path spelled twice": ([USR, BIN, AGAIN, ONE, SLASHES], [USR, AGAIN, BIN, SLASHES, ONE]),
    "a hard link before its target": ([USR, BIN, ONE, LINK], [USR, BIN, LINK, ONE]),
    "a hard link spelled otherwise": ([USR, BIN, ONE, ELSEWHERE], [USR, BIN, ELSEWHERE, ONE]),
    "a hard link with another mode": ([USR, BIN, SETUID, ONE], [USR, BIN, ONE, SETUID]),
    "a file before its folder": ([USR, BIN, ONE], [USR, ONE, BIN]),
    "a folder that is a link and a folder": ([USR, TO_ETC, BIN, ONE], [USR, BIN, ONE, TO_ETC]),
}


def normalized(data: bytes, tmp_path: Path, *words: str) -> bytes:
    path = tmp_path / "p.apk"
    path.write_bytes(data)
    assert main(["normalize", *words, str(path)]) == 0
    return path.read_bytes()


@pytest.mark.parametrize("kind", ORDERS)
def test_where_order_decides_what_is_installed_it_stays(kind: str, tmp_path: Path) -> None:
    one, other = (package(*members) for members in ORDERS[kind])
    results = [normalized(data, tmp_path, "--handlers", "all") for data in (one, other)]
    assert results[0] != results[1]
    for before, after in zip((one, other), results, strict=True):
        assert names(after, tmp_path) in (names(before, tmp_path), sorted(names(before, tmp_path)))
    assert other in results or one in results


def names(data: bytes, tmp_path: Path) -> list[str]:
    path = tmp_path / "read.apk"
    path.write_bytes(data)
    return [entry.name for entry in read_package(path).members]


def test_what_apk_takes_for_the_content_of_another_file_stays(tmp_path: Path) -> None:
    """apk goes by the size in the header block: a time that is lowered behind it would be another content."""
    lying = pax({"size": b"0"}) + header(b"usr/bin/0", size=1024, mtime=LATE)
    before = package(USR, BIN, lying, ONE)
    path = tmp_path / "p.apk"
    for handlers in ("leaks", "all"):
        path.write_bytes(before)
        assert main(["normalize", "--handlers", handlers, str(path)]) in (0, 2)
        assert path.read_bytes() == before


def test_a_size_that_makes_apk_install_nothing_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """apk does not unpack what states a size of 0: with the right one it would install it, and run its scripts."""
    before = package(USR, BIN, ONE, size=0)
    assert normalized(before, tmp_path, "--handlers", "all") == before
    assert "left alone: apk unpacks it by the size" in capsys.readouterr().out
    assert normalized(package(USR, BIN, ONE, size=2), tmp_path, "--handlers", "all") != before


def test_attributes_of_one_name_keep_their_order(tmp_path: Path) -> None:
    """apk sets them in their order, and the last counts."""
    first, one, other = (record(b"SCHILY.xattr.user." + text) for text in (b"b=1", b"a=1", b"a=2"))
    results = []
    for body in (first + one + other, first + other + one):
        extended = header("./PaxHeaders/x", size=len(body), flag=b"x") + padded(body)
        z = extended + header(b"usr/bin/z", size=3, mtime=EPOCH) + padded(b"abc")
        results.append(normalized(package(USR, BIN, z), tmp_path, "--handlers", "all"))
    assert results[0] != results[1]


def test_a_package_that_stands_in_no_doubt_is_sorted(tmp_path: Path) -> None:
    """Else two builders get two packages, whose files the file system listed in two orders."""
    a, z = member(b"usr/bin/a", b"1"), member(b"usr/bin/z", flag=b"1", linkname=b"usr/bin/x")
    one, other = (
        normalized(package(*members), tmp_path, "--handlers", "all")
        for members in ([USR, BIN, a, ONE, z], [USR, BIN, ONE, z, a])
    )
    assert one == other
