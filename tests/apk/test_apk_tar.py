"""If these fail, a user is told wrong things about the files in a package, or a hostile one gets through."""

from __future__ import annotations

import contextlib
import io
import tarfile
import tracemalloc
from collections.abc import Iterator

import apkmaker as make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildinfo.apk.tar import Member, TarReader
from buildinfo.errors import BuildinfoError, FormatError


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, size: int = 1 << 16, **options: bool) -> list[tuple[Member, bytes]]:
    reader = TarReader(chunked(data, size), where="x.apk", segment="data", **options)
    return [(member, b"".join(content)) for member, content in reader]


def one(data: bytes, **options: bool) -> Member:
    ((member, _),) = read(data, **options)
    return member


@pytest.mark.parametrize("size", [1, 7, 512, 700, 1 << 20])
def test_members_and_contents_do_not_depend_on_how_the_bytes_arrive(size: int) -> None:
    got = read(make.DATA, size)
    assert [(m.name, m.type, m.size) for m, _ in got] == [
        ("usr/", "dir", 0),
        ("usr/bin/", "dir", 0),
        ("usr/bin/hello", "file", 21),
        ("usr/bin/hi", "hardlink", 0),
        ("usr/bin/moin", "symlink", 0),
    ]
    hello, content = got[2]
    assert content == b"#!/bin/sh\necho hello\n"
    assert (hello.mode, hello.uname, hello.mtime) == (0o755, "root", 1700000000)
    assert hello.checksum is not None
    assert list(hello.pax) == ["atime", "ctime", "APK-TOOLS.checksum.SHA1"]
    assert (got[3][0].linkname, got[4][0].linkname) == ("usr/bin/hello", "hello")


def test_content_that_nobody_reads_is_skipped() -> None:
    archive = make.file("a", b"x" * 5000) + make.file("b", b"y")
    assert [m.name for m, _ in TarReader(chunked(archive, 100))] == ["a", "b"]


@pytest.mark.parametrize("blocks", [0, 1, 2, 20])
def test_an_archive_may_be_cut_between_members(blocks: int) -> None:
    reader = TarReader([make.file("a", b"1"), bytes(512 * blocks)])
    assert [m.name for m, _ in reader] == ["a"]
    assert reader.trailer_size == 512 * blocks


def test_pax_records_win_over_the_header() -> None:
    records = {
        "path": "d/" + "n" * 200,
        "mtime": "1700000000.25",
        "atime": "0",
        "uname": "chrony",
        "gname": "chrony",
        "uid": "3000000",
        "size": "3",
        "SCHILY.xattr.user.x": b"\0\n=\xff",
        "VENDOR.unknown": "kept",
    }
    member = one(make.pax(records) + make.header("short", size=3) + make.padded(b"abc"))
    assert member.name == records["path"]
    assert (member.mtime, member.uname, member.gname, member.uid) == (
        1700000000.25,
        "chrony",
        "chrony",
        3000000,
    )
    assert member.xattrs == {"user.x": b"\0\n=\xff"}
    assert member.pax["VENDOR.unknown"] == b"kept"


def test_gnu_long_names_and_links() -> None:
    def long(flag: bytes, text: bytes) -> bytes:
        return make.header("././@LongLink", size=len(text) + 1, flag=flag, magic=make.GNU) + make.padded(text + b"\0")

    name, target = b"n" * 150, b"t" * 150
    archive = long(b"K", target) + long(b"L", name) + make.header("n", flag=b"2", linkname="t", magic=make.GNU)
    member = one(archive)
    assert (member.name, member.linkname) == (name.decode(), target.decode())


def test_ustar_prefix_is_joined_and_gnu_time_fields_are_not() -> None:
    assert one(make.header("b", prefix=b"long/a")).name == "long/a/b"
    assert one(make.header("b", prefix=b"14000000000", magic=make.GNU)).name == "b"


def test_base_256_numbers() -> None:
    member = one(make.header("a", uid=b"\x80" + (70000000).to_bytes(7, "big"), mtime=b"\xff" * 12))
    assert (member.uid, member.mtime) == (70000000, -1)


def test_names_that_are_not_utf8_round_trip() -> None:
    member = one(make.header(b"caf\xe9"))
    assert member.name.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_path_is_the_same_however_the_directory_is_written() -> None:
    names = ["usr/lib", "usr/lib/", "./usr/lib/"]
    assert {one(make.header(name, flag=b"5")).path for name in names} == {"usr/lib"}
    assert one(make.header("./", flag=b"5")).path == ""


def test_raw_headers_and_contents_rebuild_the_archive() -> None:
    got = read(make.DATA, keep_headers=True)
    rebuilt = b"".join(m.raw_headers + make.padded(content) for m, content in got)
    assert rebuilt + bytes(len(make.DATA) - len(rebuilt)) == make.DATA
    assert [m.raw_headers for m, _ in read(make.DATA)] == [b""] * len(got)
    assert [make.DATA[m.offset :].startswith(m.raw_headers) for m, _ in got] == [True] * len(got)


def test_a_big_file_is_never_held() -> None:
    piece = bytes(range(256)) * 256
    count = 1000

    def archive() -> Iterator[bytes]:
        yield make.header("big", size=len(piece) * count)
        yield from (piece for _ in range(count))

    tracemalloc.start()
    total = sum(len(view) for _, content in TarReader(archive()) for view in content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == len(piece) * count
    assert peak < 1 << 20


HUGE = b"\x80" + (1 << 80).to_bytes(11, "big")
REFUSED = {
    "leaves by dots": (make.file("usr/../../etc/passwd"), r"\.\. component"),
    "only dots": (make.header("..", flag=b"5"), r"\.\. component"),
    "absolute": (make.file("/etc/passwd"), "absolute"),
    "absolute by pax": (make.pax({"path": "/etc"}) + make.header("etc"), "absolute"),
    "absolute by prefix": (make.header("b", prefix=b"/a"), "absolute"),
    "NUL in name": (make.pax({"path": b"a\0b"}) + make.header("a"), "NUL"),
    "empty name": (make.pax({"path": ""}) + make.header("", mode=1), "empty"),
    "long name": (make.pax({"path": "n" * 5000}) + make.header("n"), "longer than 4096"),
    "hard link outside": (make.hardlink("a", "../etc/shadow"), r"target leaves its root"),
    "symlink to nothing": (make.header("a", flag=b"2"), "link target is empty"),
    "checksum": (make.header("a").replace(b"root", b"toor", 1)[:-1] + b"x", "checksum does not hold"),
    "no magic": (make.header("a", magic=bytes(8)), "neither ustar nor GNU"),
    "text": (b"PK" * 256, "neither ustar nor GNU"),
    "sparse": (make.header("a", flag=b"S"), "not supported"),
    "sparse by pax": (make.pax({"GNU.sparse.major": "1"}) + make.header("a"), "sparse"),
    "global pax": (make.header("g", flag=b"g"), "not supported"),
    "not a number": (make.header("a", uid=b"0o17\0\0\0\0"), "not a number"),
    "underscore": (make.header("a", uid=b"1_0\0\0\0\0\0"), "not a number"),
    "negative size": (make.header("a", size=b"\xff" * 12), "out of range"),
    "huge size": (make.header("a", size=HUGE), "out of range"),
    "huge size by pax": (make.pax({"size": "9" * 19}) + make.header("a"), "pax size"),
    "directory with content": (make.header("a", flag=b"5", size=10) + bytes(512), "with content"),
    "file with a slash": (make.file("a/"), "ends in a slash"),
    "pax length": (make.header("x", flag=b"x", size=9) + make.padded(b"99 path=a"), "pax record"),
    "pax length missing": (make.header("x", flag=b"x", size=9) + make.padded(b"path=aaaa"), "pax record"),
    "pax time": (make.pax({"mtime": "1e9"}) + make.header("a"), "mtime"),
    "pax sha1": (make.pax({"APK-TOOLS.checksum.SHA1": "00"}) + make.header("a"), "SHA-1"),
    "two pax headers": (make.pax({"a": "1"}) * 2 + make.header("a"), "not supported"),
    "pax header too long": (make.header("x", flag=b"x", size=1 << 30), "extended header of"),
    "too many pax records": (
        make.pax({str(n): "" for n in range(2000)}) + make.header("a"),
        "more than 1024 pax records",
    ),
    "pax header alone": (make.pax({"a": "1"}), "between an extended header"),
    "pax header before the end": (make.pax({"a": "1"}) + bytes(1024), "between an extended header"),
    "cut in a header": (make.header("a")[:500], "inside a header"),
    "cut in a pax body": (make.pax({"a": "1"})[:900], "inside an extended header"),
    "cut in a file": (make.file("a", b"x" * 2000)[:2000], "inside a file"),
    "cut in padding": (make.file("a", b"x")[:-10], "padding is cut"),
    "hidden in padding": (make.file("a", b"x")[:-1] + b"!", "padding that is not zero"),
    "hidden after the end": (bytes(1024) + make.header("a"), "after the end"),
    "cut in the end": (bytes(600), "no whole block"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_hostile_or_not_understood_is_refused_with_its_place(case: str) -> None:
    archive, text = REFUSED[case]
    with pytest.raises(FormatError, match=text) as caught:
        read(archive)
    assert caught.value.segment == "data"
    assert caught.value.offset is not None
    assert str(caught.value).startswith("x.apk: ")


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..")
)
ENTRY = st.tuples(NAME, st.binary(max_size=2000), st.integers(0, 2**40), st.sampled_from([0o644, 0o4755]))


@settings(max_examples=150, deadline=None)
@given(
    entries=st.lists(ENTRY, max_size=5),
    dialect=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    size=st.integers(1, 4000),
)
def test_archives_of_another_writer_are_read_as_written(
    entries: list[tuple[str, bytes, int, int]], dialect: int, size: int
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=dialect) as archive:
        for name, content, mtime, mode in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), mtime, mode
            archive.addfile(info, io.BytesIO(content))
    got = [(m.name, content, m.mtime, m.mode) for m, content in read(out.getvalue(), size)]
    assert got == entries


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 6 * 512), junk=st.binary(min_size=1, max_size=40), size=st.integers(1, 2000))
def test_damage_never_escapes_as_another_exception(at: int, junk: bytes, size: int) -> None:
    damaged = make.DATA[:at] + junk + make.DATA[at + len(junk) :]
    with contextlib.suppress(BuildinfoError):
        read(damaged, size)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=300))
def test_any_pax_body_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(BuildinfoError):
        read(make.header("x", flag=b"x", size=len(body)) + make.padded(body) + make.header("a"))
