"""If these fail, a package of another name than apk's is broken in place: its gzip members are edited."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from packing import EPOCH, PAYLOAD, Packing

from buildinfo.apk.told import told
from buildinfo.apk.v2 import read_package
from buildinfo.normalize.paths import Request, find_files, normalize_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apk"))
from apkmaker import DATA, ended, file, gz, pkginfo, signature

LATE = EPOCH + 1000


def odd_gz(tar: bytes) -> bytes:
    """A gzip member with a time, an extra field, a name and a comment."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(tar) + deflate.flush()
    head = b"\x1f\x8b\x08\x1c" + struct.pack("<I", LATE) + b"\x02\x03" + b"\x04\0abcdname\0comment\0"
    return head + body + struct.pack("<II", zlib.crc32(tar), len(tar))


def of(control: list[tuple[str, bytes]], *, pack: object = gz, checksum: bool = False, signed: int = 1) -> bytes:
    """A package with these files in its control segment; `None` content stands for .PKGINFO."""
    data = odd_gz(DATA) if pack is odd_gz else gz(DATA)
    info = pkginfo(hashlib.sha256(data).hexdigest())
    tar = b"".join(
        file(name, content or info, checksum=checksum, mtime=LATE) if name else b"" for name, content in control
    )
    names = [f".SIGN.RSA.key-{at}.rsa.pub" for at in range(signed)]
    packed = odd_gz(tar) if pack is odd_gz else gz(tar, mtime=LATE)
    return (gz(signature(*names)) if signed else b"") + packed + data


INFO = (".PKGINFO", b"")
PACKAGES = {
    "with pax headers first": of([INFO], checksum=True),
    "unsigned": of([INFO], checksum=True, signed=0),
    "with ten signatures": of([INFO], signed=10),
    "with its description last": of(
        [(".post-install", b"#!/bin/sh\n"), (".melange.yaml", b"x" * 3000), INFO], signed=0
    ),
    "with a large file before it": of([(".trigger", os.urandom(300_000)), INFO], signed=0),
    "with odd gzip headers": of([INFO], pack=odd_gz, signed=0),
}


@pytest.mark.parametrize("kind", PACKAGES)
@pytest.mark.parametrize("handlers", ["leaks", "all"])
def test_a_package_is_one_whatever_its_name(kind: str, handlers: str, tmp_path: Path) -> None:
    results = []
    for name in ("hello.apk", "hello-1.0-r0", "hello.tar.gz", "hello.apk.bak"):
        path = tmp_path / name
        path.write_bytes(PACKAGES[kind])
        done = normalize_file(path, Request(handlers), loose=name != "hello.tar.gz")
        results.append((done.result, path.read_bytes()))
        read_package(path)  # it verifies
    assert results == results[:1] * 4


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_package_inside_an_archive_keeps_every_byte(kind: str, tmp_path: Path) -> None:
    package = PACKAGES[kind]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("cache/hello")
        info.size, info.mtime = len(package), LATE
        tar.addfile(info, io.BytesIO(package))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("hello.bin", package)
        archive.writestr("outer.tar", out.getvalue())
    path = tmp_path / "all.zip"
    path.write_bytes(zipped.getvalue())
    assert normalize_file(path, Request("all", epoch=EPOCH)).result == "changed"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("hello.bin") == package
        with tarfile.open(fileobj=io.BytesIO(archive.read("outer.tar"))) as tar:
            member = tar.extractfile("cache/hello")
            assert member is not None
            assert member.read() == package
            assert tar.getmember("cache/hello").mtime == EPOCH


def test_standard_input_asks_for_no_epoch(tmp_path: Path) -> None:
    """A package has its own."""
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "buildinfo", "normalize", "-"]
    package = PACKAGES["with pax headers first"]
    done = subprocess.run(command, input=package, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    path = tmp_path / "out"
    path.write_bytes(done.stdout)
    assert read_package(path).data.tar_sha256 == hashlib.sha256(DATA).hexdigest()


def test_each_name_of_a_package_counts(tmp_path: Path) -> None:
    """It is replaced under one name alone; the others would keep the old bytes and go unseen."""
    (tmp_path / "a").write_bytes(Packing(mtime=LATE).package())
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").write_bytes(gzip.compress(b"x"))
    (tmp_path / "d").hardlink_to(tmp_path / "c")
    assert [path.name for path, _ in find_files([tmp_path])] == ["a", "b", "c"]
    for name in "ab":
        normalize_file(tmp_path / name, Request())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != Packing(mtime=LATE).package()


def test_what_is_named_so_and_is_none_is_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "thing.apk"
    path.write_text("just text\n")
    assert normalize_file(path, Request(epoch=EPOCH)).result == "unchanged"
    path.write_bytes(gz(ended(file("usr/bin/hello", b"hi", mtime=LATE)), mtime=LATE))
    assert normalize_file(path, Request(epoch=EPOCH)).result == "changed"
    assert path.read_bytes()[4:8] == struct.pack("<I", EPOCH)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("AndroidManifest.xml", "x")
    assert "Android" in str(normalize_file(path, Request(epoch=EPOCH)).reason)


def test_indices_and_signatures_are_no_packages() -> None:
    assert told(gz(ended(file("DESCRIPTION", b"v3.19"), file("APKINDEX", b"\n")))) == "index"
    assert told(gz(signature(".SIGN.RSA.joe")) + gz(ended(file("APKINDEX", b"\n")))) == "index"
    assert told(gz(signature(".SIGN.RSA.joe"))) == "signatures"
    assert told(gz(ended(file("DESCRIPTION", b"of R"), file("R/x.R", b"")))) is None
    assert told(b"ADBdwhatever") == "adb"
    assert told(gz(ended(file("etc/.PKGINFO", b"")))) is None


def test_a_damaged_package_is_an_error_under_any_name(tmp_path: Path) -> None:
    package = bytearray(Packing(mtime=LATE).package(PAYLOAD))
    package[-9] ^= 1
    for name in ("hello.apk", "hello"):
        (tmp_path / name).write_bytes(package)
        assert normalize_file(tmp_path / name, Request()).result == "error"
        assert (tmp_path / name).read_bytes() == package
