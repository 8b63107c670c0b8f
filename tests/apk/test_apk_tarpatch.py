"""If these fail, removing one leak from a tar rewrites the rest of it, or breaks it."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildinfo.apk.segments import iter_segments
from buildinfo.apk.tar import Member, TarReader
from buildinfo.apk.tarpatch import NUMBERS, Headers, Number, read_number, write_number
from buildinfo.errors import FormatError

LONG = "deep/" * 30 + "file"


def members(data: bytes) -> list[Member]:
    return [member for member, _ in TarReader([data], keep_headers=True)]


def one(info: tarfile.TarInfo, tar_format: int = tarfile.PAX_FORMAT) -> Member:
    (member,) = members(archive([info], tar_format))
    return member


def archive(infos: list[tarfile.TarInfo], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def info(name: str = "usr/bin/hello", **fields: object) -> tarfile.TarInfo:
    result = tarfile.TarInfo(name)
    for key, value in {"mtime": 1700000000, "uid": 1000, "gid": 1001, **fields}.items():
        setattr(result, key, value)
    return result


def reread(headers: Headers, size: int = 0) -> Member:
    (member,) = members(headers.build() + bytes(size + -size % 512))
    return member


def test_what_is_not_changed_stays_byte_for_byte_in_published_packages(corpus: Path) -> None:
    files = sorted(corpus.glob("apk-v2/*/*.apk")) + sorted(corpus.glob("apk-v2-rebuilds/*/*.apk"))[:200]
    count = 0
    for path in files:
        with contextlib.suppress(FormatError):
            for part in iter_segments(path, raw_headers=True):
                for member, _ in part.tar:
                    headers = Headers.parse(member.raw_headers)
                    fields: tuple[Number, ...] = ("mode", "uid", "gid", "size", "mtime")
                    for field in fields:
                        headers.set_number(field, headers.number(field))
                    headers.set_pax(headers.pax())
                    headers.set_linkname(headers.linkname)
                    assert headers.build() == member.raw_headers, (path, member.name)
                    assert headers.name.decode("utf-8", "surrogateescape") == member.name
                    count += 1
    assert count > 1000


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_changed_number_is_read_back_and_nothing_else_changes(tar_format: int) -> None:
    before = one(info(), tar_format)
    for field in ("mode", "uid", "gid", "mtime"):
        headers = Headers.parse(before.raw_headers)
        headers.set_number(field, 5)
        after = reread(headers)
        assert getattr(after, field) == 5
        changed = {
            at for at, pair in enumerate(zip(before.raw_headers, headers.build(), strict=True)) if len(set(pair)) > 1
        }
        place = NUMBERS[field]
        assert changed <= {*range(place.start, place.stop), *range(148, 156)}


@pytest.mark.parametrize(
    ("like", "value", "expected"),
    [
        (b"0000000\0", 0o644, b"0000644\0"),
        (b"000644 \0", 0o755, b"000755 \0"),
        (b"   644 \0", 0o7, b"     7 \0"),
        (b"000644 \0", 0o1234567, b"1234567\0"),
        (b"00000000000\0", 1, b"00000000001\0"),
        (b"00000000000 ", 8, b"00000000010 "),
        (b"000000000000", 8, b"000000000010"),
        (b"644\0\0\0\0\0", 0, b"000\0\0\0\0\0"),
        (b"\0\0\0\0\0\0\0\0", 1, b"0000001\0"),
        (b"0000000\0", 0o10000000, b"\x80\0\0\0\0\x20\0\0"),
        (b"00000000000\0", 1 << 33, b"\x80" + (1 << 33).to_bytes(11, "big")),
        (b"\x80\0\0\0\0\x20\0\0", 1, b"0000001\0"),
        (b"00000000000\0", -1, b"\xff" * 12),
    ],
)
def test_numbers_are_spelled_as_the_writer_of_the_archive_spells_them(like: bytes, value: int, expected: bytes) -> None:
    assert write_number(value, like) == expected
    assert read_number(expected) == value


@given(st.integers(0, 1 << 62), st.sampled_from([b"00000000000\0", b"00000000000 ", b"\0" * 12, b"     000000 "]))
def test_every_number_is_read_back(value: int, like: bytes) -> None:
    written = write_number(value, like)
    assert len(written) == len(like)
    assert read_number(written) == value
    assert write_number(value, written) == written


def test_pax_records_can_be_changed_added_and_removed() -> None:
    member = one(info(pax_headers={"atime": "1.5", "SCHILY.xattr.user.a": "1"}))
    headers = Headers.parse(member.raw_headers)
    assert headers.pax() == [(b"atime", b"1.5"), (b"SCHILY.xattr.user.a", b"1")]
    headers.set_pax([(b"SCHILY.xattr.user.a", b"x" * 95), (b"SCHILY.xattr.user.b", b"y" * 1000)])
    assert reread(headers).xattrs == {"user.a": b"x" * 95, "user.b": b"y" * 1000}
    headers.set_pax([])
    assert headers.extended == []
    assert headers.build() == one(info(), tarfile.USTAR_FORMAT).raw_headers
    headers.set_pax([(b"comment", b"hi")])
    assert headers.pax_header_name == b"usr/bin/PaxHeaders/hello"
    assert reread(headers).pax == {"comment": b"hi"}
    assert reread(headers).uid == 1000


@given(
    st.lists(st.tuples(st.sampled_from([b"k", b"key", b"SCHILY.xattr.user.x"]), st.binary(max_size=1100)), max_size=4)
)
def test_records_of_any_length_are_read_back(records: list[tuple[bytes, bytes]]) -> None:
    headers = Headers.parse(one(info()).raw_headers)
    headers.set_pax(records)
    assert headers.pax() == records
    assert Headers.parse(headers.build()).pax() == records


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", [LONG, "usr/bin/other"])
@pytest.mark.parametrize("target", [LONG + "1", "short", "usr/bin/hello"])
def test_a_file_can_become_a_hard_link_and_back(tar_format: int, name: str, target: str) -> None:
    member = one(info(name), tar_format)
    headers = Headers.parse(member.raw_headers)
    headers.set_type(b"1")
    headers.set_linkname(target.encode())
    link = reread(headers)
    assert (link.type, link.linkname, link.name) == ("hardlink", target, name)
    headers.set_type(b"0")
    headers.set_linkname(b"")
    assert headers.build() == member.raw_headers


@pytest.mark.parametrize("described", [b"APK2\x40\x00\x14\x00", b"APK2\x00\x40\x00\x14"])
def test_the_checksum_that_older_abuild_hides_in_the_link_target_is_found_and_replaced(described: bytes) -> None:
    headers = Headers.parse(one(info("usr/bin/hello")).raw_headers)
    assert headers.legacy_checksum == b""
    headers.set_legacy_checksum(described + b"old checksum 20 byte")
    reread(headers)
    headers.set_legacy_checksum(described + b"new checksum 20 byte")
    assert headers.legacy_checksum == described + b"new checksum 20 byte"
    assert (reread(headers).type, reread(headers).linkname) == ("file", "")
    headers.set_type(b"1")
    headers.set_linkname(b"usr/bin/APK2" + described)
    assert headers.legacy_checksum == b""


def old_gnu(name: bytes, process: bytes) -> Headers:
    """What GNU tar before 1.35 wrote."""
    headers = Headers.parse(one(info(name.decode(), pax_headers={"atime": "1"})).raw_headers)
    folder, _, base = name.rpartition(b"/")
    headers.rename_pax_header((folder or b".") + b"/PaxHeaders" + process + b"/" + base)
    return headers


@pytest.mark.parametrize("length", range(60, 105))
def test_process_ids_of_any_length_leave_the_same_name(length: int) -> None:
    for name in (b"usr/bin/" + b"n" * length, b"d" * length + b"/n", b"d" * length + b"/" + b"n" * 30):
        built = set()
        for process in (b"", b".1", b".4567", b".1234567"):
            headers = old_gnu(name, process)
            headers.drop_process_id()
            built.add(headers.build())
            headers.drop_process_id()
            assert headers.build() in built
        assert len(built) == 1


def test_the_constant_process_id_stays() -> None:
    headers = old_gnu(b"usr/bin/hello", b".0")
    before = headers.build()
    headers.drop_process_id()
    assert headers.build() == before


def test_the_time_repeated_in_the_extended_header_follows_and_a_zero_there_stays() -> None:
    headers = Headers.parse(one(info(pax_headers={"comment": "x"})).raw_headers)
    headers.set_number("mtime", 7)
    assert [read_number(block[136:148]) for block, _ in headers.extended] == [0]
    block = bytearray(headers.extended[0][0])
    block[136:148] = b"14525000000\0"
    headers.extended[0] = bytes(block), headers.extended[0][1]
    headers.set_number("mtime", 7)
    assert [read_number(block[136:148]) for block, _ in headers.extended] == [7]


def test_long_gnu_names_are_no_obstacle() -> None:
    member = one(info(LONG, type=tarfile.SYMTYPE, linkname=LONG), tarfile.GNU_FORMAT)
    headers = Headers.parse(member.raw_headers)
    assert (headers.name, headers.linkname) == (LONG.encode(), LONG.encode())
    headers.set_number("uid", 0)
    assert len(headers.build()) == len(member.raw_headers)
    assert reread(headers).linkname == LONG


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar on PATH")
@pytest.mark.parametrize("tar_format", ["gnu", "posix", "ustar"])
def test_gnu_tar_reads_what_was_patched(tmp_path: Path, tar_format: str) -> None:
    (tmp_path / "file").write_bytes(b"content")
    made = subprocess.run(
        ["tar", "-c", f"--format={tar_format}", "-C", tmp_path, "file"], check=True, capture_output=True
    ).stdout
    (member, *_) = members(made)
    headers = Headers.parse(member.raw_headers)
    headers.set_number("mtime", 86400)
    headers.set_pax([(key, value) for key, value in headers.pax() if key not in (b"mtime", b"atime", b"ctime")])
    patched = headers.build() + made[len(member.raw_headers) :]
    listed = subprocess.run(
        ["tar", "-tv", "--full-time", "--utc", "-f", "-"], input=patched, check=True, capture_output=True
    )
    assert b"1970-01-02 00:00:00 file" in listed.stdout
    assert not listed.stderr


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_hostile_header_raises_nothing_but_a_format_error(data: st.DataObject) -> None:
    raw = bytearray(one(info(LONG, pax_headers={"comment": "x"})).raw_headers)
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=6)):
        raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        headers = Headers.parse(bytes(raw))
        fields: tuple[Number, ...] = ("mode", "uid", "gid", "size", "mtime", "devmajor", "devminor")
        for field, value in itertools.product(fields, (0, 1 << 40)):
            headers.set_number(field, value)
        headers.set_pax([*headers.pax(), (b"a", b"b")])
        headers.set_linkname(LONG.encode())
        headers.drop_process_id()
        headers.build()
    except FormatError:
        pass
