"""If these fail, a small package made by anybody stalls a verifier, or takes all his memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from apkmaker import file, header, pax, signature
from apkmaker import gz as packed
from counting import grows

from buildinfo.apk.pkginfo import MAX_COMMENTS, MAX_LINES, parse_pkginfo
from buildinfo.apk.v2 import read_package
from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.binary import MAX_UNLIKE, _runs
from buildinfo.verify.pair import verify_pair

LINEAR = 2.2
"""Most times as much that twice the input may take."""


def package(path: Path, data: bytes = b"", lines: str = "", signatures: bytes = b"") -> Path:
    """A package with these entries, lines of .PKGINFO and signatures."""
    import hashlib

    segment = packed(data + bytes(1024))
    info = f"pkgname = a\npkgver = 1-r0\nbuilddate = 1\n{lines}datahash = {hashlib.sha256(segment).hexdigest()}\n"
    control = packed(file(".PKGINFO", info.encode(), checksum=False))
    path.write_bytes((packed(signatures) if signatures else b"") + control + segment)
    return path


def comparison(folder: Path, side: Callable[[int, int], dict[str, object]]) -> Callable[[int], object]:
    """Compares two packages; `side` gives the parts of each for a number."""

    def compare(number: int) -> object:
        made = [package(folder / f"{at}.apk", **side(at, number)) for at in (0, 1)]  # type: ignore[arg-type]
        return verify_pair(made[0], made[1])

    return compare


@pytest.mark.parametrize(
    "lines",
    [
        lambda side, number: "".join(f"key{at} = {side}\n" for at in range(number)),
        lambda side, number: "".join(f"key{at} = 1\n" for at in range(number)) + f"url = {side}\n",
        lambda side, number: "".join(f"depend = so:lib{at}.so.{side}\n" for at in range(number)),
        lambda side, number: "license = a\n" + f"{side}\n" * number,
    ],
    ids=["keys", "one key among many", "values", "continued"],
)
def test_lines_of_pkginfo_take_what_they_are_long(tmp_path: Path, lines: Callable[[int, int], str]) -> None:
    """Two packages of 70 kB and less took half a minute: every key was looked up among all of them."""
    assert grows(comparison(tmp_path, lambda side, number: {"lines": lines(side, number)}), 150) < LINEAR


def test_a_pkginfo_of_more_lines_than_any_is_refused() -> None:
    """1,570 bytes took ten seconds, 4,635 a minute and a half."""
    with pytest.raises(FormatError, match=f"more than {MAX_LINES} lines"):
        parse_pkginfo(b"pkgname = a\npkgver = 1\n" + b"x\n" * MAX_LINES)
    assert len(parse_pkginfo(b"pkgname = a\npkgver = 1\n" + b"depend = x\n" * (MAX_LINES - 2)).all("depend")) > 9000
    with pytest.raises(FormatError, match=f"more than {MAX_COMMENTS} comments"):
        parse_pkginfo(b"pkgname = a\npkgver = 1\n" + b"# x\n" * (MAX_COMMENTS + 1))


@pytest.mark.parametrize(
    "entries",
    [
        lambda side, number: b"".join(header(f"f{at}", mtime=at + side) for at in range(number)),
        lambda side, number: b"".join(header(f"f{at}", uname=b"u%d" % side, mode=0o644 + side) for at in range(number)),
        lambda side, number: pax({f"k{at}": f"{side}" for at in range(number)}) + header("f"),
        lambda side, number: b"".join(header(f"{side}{at}") for at in range(number)),
    ],
    ids=["times", "owners", "records", "names"],
)
def test_entries_take_what_they_are_many(tmp_path: Path, entries: Callable[[int, int], bytes]) -> None:
    """35 kB took a minute: the records of an entry were gone through once for each of them."""
    assert grows(comparison(tmp_path, lambda side, number: {"data": entries(side, number)}), 150) < LINEAR


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"".join(header(f"f{at}") for at in range(150_000)), "headers than a file of its size may have"),
        (header("f") * 150_000, "headers than a file of its size may have"),
        ((pax({"SCHILY.xattr.user.x": b"x" * 1_000_000}) + header("f")) * 8, "headers than a file of its size may"),
        (header("x", size=6 * 170_000, flag=b"x") + b"6 a=b\n" * 170_000 + bytes(512), "more than 1024 pax records"),
    ],
    ids=["many", "the same", "large", "repeated records"],
)
def test_entries_that_the_size_does_not_account_for_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    """Headers pack a hundredfold: 300,000 of them stall whoever reads 2 MB, some large attributes take a gigabyte."""
    original, rebuilt = package(tmp_path / "a.apk", data), package(tmp_path / "b.apk")
    with pytest.raises(FormatError, match=reason):
        verify_pair(original, rebuilt)


def test_more_signatures_than_anybody_makes_are_refused(tmp_path: Path) -> None:
    signed = b"".join(signature(f".SIGN.RSA.{at}.rsa.pub") for at in range(40))
    run = subprocess.run(
        [sys.executable, "-m", "buildinfo", "verify", package(tmp_path / "a.apk", signatures=signed), "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "more than 32 signatures in one segment" in run.stderr


def test_contents_in_which_every_byte_differs_are_not_gone_through_to_the_end() -> None:
    """64 MB took seven seconds; what is behind the first two belongs to the last difference, whatever it is."""
    size = 4 * MAX_UNLIKE
    runs = list(_runs(bytes(size), (b"\1" + bytes(15)) * (size // 16)))
    assert len(runs) <= MAX_UNLIKE // 16 + 1
    assert runs[-1][1] == size


def test_a_package_of_links_alone_is_read(tmp_path: Path) -> None:
    """An icon theme may be little else; 5,000 links to one file pack to 150 kB."""
    links = b"".join(
        pax({"APK-TOOLS.checksum.SHA1": "fb3a23affc4a3e7692a2727d3e25b62b2d0d9264"})
        + header(f"usr/share/icons/{at}.svg", flag=b"2", linkname=b"default.svg")
        for at in range(20_000)
    )
    assert read_package(package(tmp_path / "a.apk", links)).member_count == 20_000
