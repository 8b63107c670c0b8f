"""If these fail, a package is judged by what its archive says, and not by what apk makes of it."""

from __future__ import annotations

from pathlib import Path

import apkmaker
import pytest
from apkmaker import GNU, directory, file, gz, hardlink, header, padded, pax, record, symlink

from buildinfo.apk.reads.headers import MisreadError, Reading, read_headers, refusal
from buildinfo.apk.reads.info import MAX_LINE, read_info
from buildinfo.apk.reads.info import refusal as unread
from buildinfo.apk.reads.install import Installation, differences, install, is_alike
from buildinfo.apk.tar import TarReader
from buildinfo.apk.v2 import read_package


def readings(*entries: bytes) -> list[Reading]:
    """Entries as apk reads them."""
    tar = TarReader([b"".join(entries)], keep_headers=True)
    return [read_headers(member.raw_headers) for member, _ in tar]


def installed(*entries: bytes) -> Installation:
    return install((reading, None) for reading in readings(directory("usr/"), *entries))


def linked(name: str, target: str, **fields: object) -> bytes:
    return header(name, flag=b"1", linkname=target, **fields)  # type: ignore[arg-type]  # header() names them


def long_name(name: bytes, flag: bytes = b"L") -> bytes:
    return header("././@LongLink", size=len(name) + 1, flag=flag, magic=GNU) + padded(name + b"\0")


NAMES = {
    "as it stands": (header("usr/a"), b"usr/a"),
    "prefix of any dialect": (header("a", prefix=b"usr", magic=GNU), b"usr/a"),
    "record": (pax({"path": "usr/a"}) + header("b", prefix=b"c"), b"usr/a"),
    "long name": (long_name(b"usr/a") + header("b"), b"usr/a"),
    "prefix before a long name": (long_name(b"usr/a") + header("b", prefix=b"c"), b"c/b"),
    "the last of two records": (pax({"path": "b"}) + header("c"), b"b"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_that_apk_takes(name: str) -> None:
    raw, read = NAMES[name]
    assert read_headers(raw).name == read


REFUSED = {
    "blanks before a number": header("a", mode=b"    644\0"),  # type: ignore[arg-type]  # bytes go in as they are
    "base-256": header("a", uid=b"\x80\0\0\0\0\0\0\1"),
    "old regular file": header("a", flag=b"\0"),
    "no name": pax({"path": "a"}) + header(""),
    "long name behind a pax header": pax({"path": "a"}) + long_name(b"b") + header("c"),
    "prefix of a long link": header("K", size=0, flag=b"K", prefix=b"evil") + header("a"),
    "name as long as a path may be": long_name(b"a" * 4090) + header("a"),
    "size of more than 32 bits": header("a", size=1 << 32),
    "number of an extended header": header("x", size=0, flag=b"x", mtime=b"\xff" * 12) + header("a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_headers_that_apk_refuses_or_takes_for_others(name: str) -> None:
    with pytest.raises(MisreadError):
        read_headers(REFUSED[name])
    assert refusal(REFUSED[name])


def test_of_two_checksums_the_first_counts() -> None:
    key = b"APK-TOOLS.checksum.SHA1="
    body = record(key + b"a" * 40) + record(key + b"b" * 40)
    raw = header("x", size=len(body), flag=b"x") + padded(body) + header("a")
    assert read_headers(raw).checksum == b"a" * 40


def test_targets_are_cut_where_no_record_has_them() -> None:
    long = b"t" * 150
    assert read_headers(long_name(long, b"K") + header("a", flag=b"2", linkname=long[:100])).link == long[:100]
    assert read_headers(pax({"linkpath": long}) + header("a", flag=b"2", linkname=long[:100])).link == long
    assert read_headers(pax({"linkpath": "b"}) + header("a", size=3)).link == b"b"
    assert read_headers(pax({"linkpath": "b"}) + header("a", flag=b"5")).link is None


A, B = file("usr/a", b"a", mode=0o4755), file("usr/b", b"b")
SAME = {
    "order of files": ([A, B], [B, A]),
    "which name of a file comes first": (
        [A, linked("usr/c", "usr/a", mode=0o4755)],
        [file("usr/c", b"a", mode=0o4755), linked("usr/a", "usr/c", mode=0o4755)],
    ),
    "hidden entries": ([A], [A, file(".dummy"), file("./usr/a", b"evil")]),
    "order of folders that the system has": ([directory("var/a/"), A], [A, directory("var/a/")]),
}
OTHER = {
    "folder behind its file": ([directory("usr/x/"), file("usr/x/a")], [file("usr/x/a"), directory("usr/x/")]),
    "target behind its link": ([A, hardlink("usr/c", "usr/a")], [hardlink("usr/c", "usr/a"), A]),
    "target spelled otherwise": ([A, hardlink("usr/c", "usr/a")], [A, hardlink("usr/c", "usr//a")]),
    "target without a folder": (
        [file("a"), directory("b/"), file("b/a"), hardlink("usr/c", "b/a")],
        [file("a"), directory("b/"), file("b/a"), hardlink("usr/c", "a")],
    ),
    "link that takes the special bits": (
        [A, linked("usr/c", "usr/a", mode=0o4755)],
        [A, linked("usr/c", "usr/a", mode=0o755)],
    ),
    "owner of the last name": ([A, hardlink("usr/c", "usr/a")], [A, linked("usr/c", "usr/a", uid=5)]),
    "path twice": ([A, file("usr/a", b"x")], [file("usr/a", b"x"), A]),
    "two slashes": ([A, file("usr//a")], [file("usr//a"), A]),
    "name of a file that apk has not finished": ([file("usr/.apk.0"), A], [A, file("usr/.apk.0")]),
    "no checksum": ([A], [file("usr/a", b"a", mode=0o4755, checksum=False)]),
    "name that apk refuses": ([A], [file("usr/\x01a", b"a", mode=0o4755)]),
    "kept folder": ([A], [A, file("usr/.keep_it")]),
    "link for a folder": ([directory("usr/x/"), A], [symlink("usr/x", "/"), A]),
    "number of an owner": ([A], [file("usr/a", b"a", mode=0o4755, uid=7)]),
    "device": ([header("usr/n", flag=b"3", device=(1, 3))], [header("usr/n", flag=b"3", device=(1, 5))]),
    "attribute": ([A], [pax({"SCHILY.xattr.user.a": "1"}) + A[1024:]]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_changes_nothing_is_no_difference(name: str) -> None:
    before, after = (installed(*entries) for entries in SAME[name])
    assert list(differences(before, after)) == []


@pytest.mark.parametrize("name", OTHER)
def test_what_apk_installs_otherwise_is_a_difference(name: str) -> None:
    before, after = (installed(*entries) for entries in OTHER[name])
    assert list(differences(before, after))
    assert not is_alike(*(readings(*entries) for entries in OTHER[name]))


@pytest.mark.parametrize(
    ("file_mode", "link_mode", "mode"),
    [
        (0o4755, 0o755, 0o755),
        (0o6755, 0o644, 0o755),
        (0o2644, 0o644, 0o2644),
        (0o644, 0o4755, 0o4755),
        (0o600, 0o644, 0o600),
    ],
)
def test_a_hard_link_changes_the_bits_of_its_file(file_mode: int, link_mode: int, mode: int) -> None:
    """Giving it an owner takes the special bits away, and apk puts back those of the link."""
    both = installed(file("usr/a", mode=file_mode), linked("usr/b", "usr/a", mode=link_mode, uid=5)).things()
    for path in (b"usr/a", b"usr/b"):
        assert (both[path].mode, both[path].owner[0], both[path].names) == (mode, 5, (2, b"usr/a"))
    assert (both[b"usr/a"].listed[0], both[b"usr/b"].listed[0]) == (file_mode, link_mode)


def test_content_is_a_difference_only_by_its_token() -> None:
    old, new = readings(A, B), readings(file("usr/a", b"other", mode=0o4755), B)
    assert is_alike(old, new)
    assert not is_alike(old, readings(B, A))
    folder = readings(directory("usr/"))
    assert list(differences(install((each, 1) for each in folder + old), install((each, 2) for each in folder + old)))


@pytest.mark.parametrize(
    ("lines", "unpacks"),
    [
        (b"size = 1", (True, True)),
        (b"", (False, False)),
        (b"size = 0", (False, False)),
        (b"size = 5\nsize = 0", (False, False)),
        (b"size = 0\nsize =", (False, False)),
        (b"size = 0x10", (False, False)),
        (b"size = 7\r", (True, True)),
        (b" size = 7", (False, False)),
        (b"#size = 7\nsize = 8", (True, True)),
        (b"size = 4294967296", (False, True)),
        (b"size = 18446744073709551616", (False, False)),
        (b"size = 1" + b"0" * 5000, (False, False)),
    ],
)
def test_what_takes_no_room_is_not_unpacked(lines: bytes, unpacks: tuple[bool, bool]) -> None:
    """apk runs none of its scripts either; a size is read as the digits that it begins with, in 32 or 64 bits."""
    assert read_info(lines).unpacks == unpacks


def test_triggers_are_the_words_of_the_last_line() -> None:
    assert read_info(b"triggers = /a\ntriggers = /b  /c\ntriggers =\n triggers = /d").triggers == (b"/b", b"/c")


@pytest.mark.parametrize("line", [b"# " + b"x" * MAX_LINE, b"pkgdesc = " + b"x" * 200_000, b"a = \0"])
def test_pkginfo_that_apk_does_not_read_to_its_end(line: bytes) -> None:
    assert unread(b"pkgname = a\n" + line + b"\ntriggers = /a\n")
    assert unread(line)
    assert unread(b"pkgname = a\ntriggers = /a\n") is None


HEAD = apkmaker.signature(".SIGN.RSA.joe.rsa.pub")
HIDING = pax({"size": "2048"}) + header(".SIGN.RSA.foo.rsa.pub") + file(".trigger", b"evil") + bytes(512)
SEGMENTS = {
    "an entry inside of a signature": ([HEAD, HIDING[:3584]], b""),
    "zero blocks behind a signature": ([HEAD + bytes(1024)], b""),
    "a zero block in each of two segments": ([HEAD + bytes(512), HEAD + bytes(512)], b""),
    "a signature that is a link": ([pax({"linkpath": "x"}) + HEAD], b""),
    "a name with a prefix that only apk takes": ([], header(".trigger", prefix=b"x", magic=GNU)),
    "an entry inside of a control entry": ([], pax({"size": "512"}) + header(".zz") + header(".trigger")),
    "a folder in the control segment": ([], file("usr/x")),
    "a script of the old kind": ([], file(".INSTALL")),
    "a control entry that apk passes over": ([], header(".trigger", flag=b"\0")),
    "zero blocks behind the control segment": ([], bytes(1024)),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_that_apk_reads_as_others(name: str, tmp_path: Path) -> None:
    signatures, more = SEGMENTS[name]
    data = gz(apkmaker.DATA)
    path = tmp_path / "a.apk"
    path.write_bytes(b"".join(map(gz, signatures)) + gz(apkmaker.control(data) + more) + data)
    assert read_package(path).refused
    path.write_bytes(gz(HEAD) + gz(apkmaker.control(data) + file(".trigger")) + data)
    assert read_package(path).refused is None


def test_lines_that_just_fit_are_read() -> None:
    """Looking for a longer one took minutes."""
    assert unread((b"a" * MAX_LINE + b"\n") * 60) is None
