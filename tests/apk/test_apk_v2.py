"""If these fail, a package's hashes, identity or parts are wrong in a buildinfo or a verdict."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import os
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import apkmaker as make
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildinfo.apk.v2 import Package, iter_segments, read_package
from buildinfo.errors import BuildinfoError, FormatError, IntegrityError, UnreadableError

ONE = ".SIGN.RSA.joe-1234.rsa.pub"
TWO = ".SIGN.RSA256.rebuilder.rsa.pub"


def load(tmp_path: Path, content: bytes) -> Package:
    path = tmp_path / "x.apk"
    path.write_bytes(content)
    return read_package(path)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_part_of_a_package_is_told(tmp_path: Path) -> None:
    scripts = {".post-install": b"#!/bin/sh\n", ".melange.yaml": b"package:\n"}
    whole = make.package(scripts=scripts)
    data = make.gz(make.DATA)
    control_tar = make.control(data, scripts=scripts)
    control = make.gz(control_tar)
    sign = make.gz(make.signature(ONE))
    got = load(tmp_path, whole)
    assert (got.size, got.sha256) == (len(whole), sha256(whole))
    assert (got.unsigned_size, got.unsigned_sha256) == (len(control + data), sha256(control + data))
    assert got.identity == "Q1" + base64.b64encode(hashlib.sha1(control).digest()).decode()
    (first,) = got.signature_segments
    assert (first.kind, first.offset, first.size) == ("signature", 0, len(sign))
    assert (got.control.offset, got.control.size) == (len(sign), len(control))
    assert (got.control.sha256, got.control.sha1) == (sha256(control), hashlib.sha1(control).hexdigest())
    assert (got.control.tar_size, got.control.tar_sha256) == (len(control_tar), sha256(control_tar))
    assert (got.data.offset, got.data.size) == (len(sign + control), len(data))
    assert (got.data.sha256, got.data.tar_sha256) == (sha256(data), sha256(make.DATA))
    assert (got.control.trailer_size, got.data.trailer_size > 1024) == (0, True)
    assert [(s.type, s.key_name, len(s.data)) for s in got.signatures] == [("RSA", "joe-1234.rsa.pub", 256)]
    assert [(s.name, s.sha256) for s in got.scripts] == [(".post-install", sha256(b"#!/bin/sh\n"))]
    assert [s.name for s in got.control_files] == [".melange.yaml"]
    assert (got.pkginfo.pkgname, got.pkginfo.pkgver, got.pkginfo.size) == ("hello", "1.0-r0", 21)
    assert (got.installed_size, got.member_count) == (21, 5)
    assert [m.name for m in got.members][2:4] == ["usr/bin/hello", "usr/bin/hi"]


def test_gzip_headers_tell_the_maker(tmp_path: Path) -> None:
    data = make.gz(make.DATA, mtime=1700000000, level=1)
    got = load(tmp_path, make.gz(make.control(data)) + data)
    assert (got.control.gzip.mtime, got.control.gzip.xfl) == (0, 2)
    assert (got.data.gzip.mtime, got.data.gzip.xfl) == (1700000000, 4)
    assert len(got.data.gzip.raw) == 10


@pytest.mark.parametrize(
    "signatures",
    [[], [[ONE]], [[ONE, TWO]], [[TWO], [ONE]]],
    ids=["unsigned", "signed", "cosigned in one member", "cosigned by concatenation"],
)
def test_signatures_do_not_change_what_is_signed(tmp_path: Path, signatures: list[list[str]]) -> None:
    plain = load(tmp_path, make.package(signatures=[]))
    got = load(tmp_path, make.package(signatures=signatures))
    assert [s.file_name for s in got.signatures] == [name for names in signatures for name in names]
    assert len(got.signature_segments) == len(signatures)
    assert got.unsigned_sha256 == plain.unsigned_sha256 == plain.sha256
    assert got.unsigned_size == plain.size
    assert (got.identity, got.data.sha256) == (plain.identity, plain.data.sha256)


def test_members_are_only_kept_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x.apk"
    path.write_bytes(make.package())
    with_members, without = read_package(path), read_package(path, members=False)
    assert (without.members, without.control_members) == ((), ())
    assert without.member_count == with_members.member_count == len(with_members.members)
    assert without.installed_size == with_members.installed_size
    assert without.data == with_members.data


def test_segments_can_be_rewritten_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.apk"
    path.write_bytes(make.package(scripts={".trigger": b"x" * 600}))
    rebuilt = b""
    for part in iter_segments(path, raw_headers=True):
        tar = b"".join(m.raw_headers + make.padded(b"".join(content)) for m, content in part.tar)
        rebuilt += make.gz(tar + bytes(part.close().trailer_size))
    assert rebuilt == path.read_bytes()


def test_a_file_that_was_changed_is_found(tmp_path: Path) -> None:
    data = make.gz(make.DATA.replace(b"echo hello", b"rm -rf /  "))
    with pytest.raises(IntegrityError, match="SHA-1 of usr/bin/hello"):
        load(tmp_path, make.gz(make.control(data)) + data)


def test_a_link_target_that_was_changed_is_found(tmp_path: Path) -> None:
    link = make.symlink("sh", "busybox").replace(b"busybox", b"busyboy")
    block = make.header("sh", flag=b"2", linkname="busyboy", mode=0o777)
    with pytest.raises(IntegrityError, match="SHA-1 of sh"):
        load(tmp_path, make.package(data=make.ended(link[:1024] + block)))


def test_data_that_is_not_what_control_says_is_found(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="datahash"):
        load(tmp_path, make.gz(make.control(b"other")) + make.gz(make.DATA))


@pytest.mark.parametrize(("at", "text"), [(-8, "CRC"), (-1, "length")])
def test_a_wrong_gzip_trailer_is_found(tmp_path: Path, at: int, text: str) -> None:
    whole = bytearray(make.package())
    whole[at] ^= 1
    with pytest.raises(IntegrityError, match=f"data segment: the gzip {text}"):
        load(tmp_path, bytes(whole))


DATA_GZ = make.gz(make.DATA)
CONTROL_GZ = make.gz(make.control(DATA_GZ))
TWICE = make.control(DATA_GZ, scripts={".trigger": b"1"}) + make.file(".trigger", b"2")
NOT_A_PACKAGE = {
    "empty": (b"", "the file is empty"),
    "v3": (b"ADBd" + bytes(100), "v3 not supported yet"),
    "v3 uncompressed": (b"ADB.pckg", "v3 not supported yet"),
    "zip": (b"PK\x03\x04" + bytes(100), "Android"),
    "text": (b"hello world", "no gzip magic"),
    "a tar.gz": (make.gz(make.ended(make.file("README"))), "no .PKGINFO"),
    "gzip of nothing": (make.gz(b""), "no .PKGINFO"),
    "gzip of text": (make.gz(b"hello"), "inside a header"),
    "signature only": (make.gz(make.signature(ONE)), "ends before its signature or control segment"),
    "no data": (CONTROL_GZ, "ends before its data segment"),
    "garbage at the end": (make.package() + b"garbage", "bytes after the data segment"),
    "zeros at the end": (make.package() + bytes(512), "bytes after the data segment"),
    "second data": (make.package() + DATA_GZ, "bytes after the data segment"),
    "garbage between": (CONTROL_GZ + b"garbage" + DATA_GZ, "bytes after the last gzip member"),
    "no datahash": (make.gz(make.file(".PKGINFO", b"pkgname = a\npkgver = 1-r0\n")) + DATA_GZ, "no datahash"),
    "script twice": (make.gz(TWICE) + DATA_GZ, "stands twice"),
    "script is a link": (
        make.gz(make.control(DATA_GZ) + make.symlink(".trigger", "/bin/rm")) + DATA_GZ,
        "no regular file",
    ),
    "signature with other things": (
        make.gz(make.signature(ONE) + make.file(".PKGINFO")) + DATA_GZ,
        "no signature",
    ),
    "signature without key": (make.gz(make.signature(".SIGN.RSA")) + DATA_GZ, "no signature"),
    "endless signatures": (make.gz(make.signature(ONE)) * 40 + CONTROL_GZ + DATA_GZ, "more than 32"),
    "huge signature": (make.gz(make.file(ONE, bytes(70000))) + DATA_GZ, "more than 65536"),
    "bomb in control": (
        make.gz(make.control(DATA_GZ) + make.header("bomb", size=65 << 20) + bytes(65 << 20)) + DATA_GZ,
        "more than 8388608 bytes uncompressed",
    ),
    "bomb in the signature": (
        make.gz(make.header(ONE, size=1 << 16) + bytes(2 << 20)) + DATA_GZ,
        "signature segment",
    ),
    "name with dots": (
        make.package(data=make.ended(make.file("../x"))),
        r"\.\. component in the data segment at byte 0",
    ),
    "reserved gzip flags": (b"\x1f\x8b\x08\xe0" + bytes(30), "reserved gzip flags"),
    "endless gzip name": (b"\x1f\x8b\x08\x08" + b"x" * 70000, "cut or too long"),
}


@pytest.mark.parametrize("case", NOT_A_PACKAGE)
def test_what_is_no_package_is_refused_in_words(tmp_path: Path, case: str) -> None:
    content, text = NOT_A_PACKAGE[case]
    with pytest.raises(FormatError, match=text) as caught:
        load(tmp_path, content)
    assert not isinstance(caught.value, IntegrityError)
    assert str(caught.value).startswith(str(tmp_path / "x.apk"))


def test_optional_gzip_header_fields_are_read(tmp_path: Path) -> None:
    plain = make.gz(make.DATA)
    head = plain[:3] + b"\x1e" + plain[4:10] + b"\x03\x00abc" + b"name\0" + b"comment\0"
    data = head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") + plain[10:]
    got = load(tmp_path, make.gz(make.control(data)) + data)
    assert got.data.gzip.raw == data[: len(head) + 2]
    assert got.data.tar_sha256 == sha256(make.DATA)
    wrong = head + b"\0\0" + plain[10:]
    with pytest.raises(IntegrityError, match="header CRC"):
        load(tmp_path, make.gz(make.control(wrong)) + wrong)


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.apk", tmp_path):
        with pytest.raises(UnreadableError):
            read_package(path)


def test_a_large_package_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.apk"
    content = bytes(1 << 20) * 64
    path.write_bytes(make.package(data=make.ended(make.file("zeros", content))))
    del content
    tracemalloc.start()
    got = read_package(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got.installed_size == 64 << 20
    assert peak < 4 << 20


def test_the_reader_starts_fast() -> None:
    """The hook path starts a Python for it; a slow import is felt in every build."""
    code = "import sys, buildinfo.apk.v2, buildinfo.apk.installed; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(out.split()) & {"pydantic", "tarfile", "subprocess", "gzip", "zstandard", "logging"}


def test_a_package_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = make.package()
    for at in range(0, len(whole), 3):
        with pytest.raises(BuildinfoError):
            load(tmp_path, whole[:at])


def test_a_flipped_bit_is_refused_or_changes_only_framing(tmp_path: Path) -> None:
    """Nothing inside a package covers gzip's MTIME, XFL, OS and spare bits of its first members."""
    whole = make.package()
    known = load(tmp_path, whole)
    survived = 0
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        try:
            got = load(tmp_path, bytes(damaged))
        except BuildinfoError:
            continue
        survived += 1
        assert at < known.data.offset
        assert got.sha256 != known.sha256
        assert (got.identity == known.identity) == (at < known.control.offset)
        assert (got.control.tar_sha256, got.data) == (known.control.tar_sha256, known.data)
        assert (got.signatures, got.pkginfo) == (known.signatures, known.pkginfo)
    assert survived <= 2 * (7 + 2)


CONTENT = st.binary(max_size=3000)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(st.from_regex(r"[a-z]{1,9}(/[a-z]{1,9})?", fullmatch=True), CONTENT, max_size=6))
def test_any_package_is_read_as_it_was_made(tmp_path: Path, files: dict[str, bytes]) -> None:
    tar = make.ended(*(make.file(name, content) for name, content in sorted(files.items())))
    got = load(tmp_path, make.package(data=tar))
    assert [(m.name, m.size) for m in got.members] == [(n, len(c)) for n, c in sorted(files.items())]
    assert got.installed_size == sum(map(len, files.values()))
    assert got.data.tar_sha256 == sha256(tar)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_an_error_of_ours(tmp_path: Path, data: st.DataObject) -> None:
    segments = [make.signature(ONE), make.control(DATA_GZ), make.DATA]
    which = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, len(segments[which]) - 1))
    junk = data.draw(st.binary(max_size=30))
    cut = data.draw(st.integers(0, 600))
    segments[which] = segments[which][:at] + junk + segments[which][at + cut :]
    packed = [gzip.compress(tar, data.draw(st.sampled_from([0, 1, 9]))) for tar in segments]
    with contextlib.suppress(BuildinfoError):
        load(tmp_path, b"".join(packed))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=500))
def test_any_bytes_are_an_error_of_ours(tmp_path: Path, junk: bytes) -> None:
    for content in (junk, b"\x1f\x8b\x08\x00" + junk, CONTROL_GZ + junk):
        with pytest.raises(BuildinfoError):
            load(tmp_path, content)


def test_a_name_no_terminal_likes_is_kept(tmp_path: Path) -> None:
    got = load(tmp_path, make.package(data=make.ended(make.file(b"caf\xe9"))))
    assert os.fsencode(got.members[0].name) == b"caf\xe9"
