"""If these fail, apk does not believe what we sign, or we do not believe what abuild-sign signs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from signers import Signer, signer, unsigned_index, unsigned_package

from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.apk.segments import read_head
from buildinfo.apk.v2 import read_package
from buildinfo.signatures import add, extract, graft, strip, verify

pytestmark = pytest.mark.real
EPOCH = 1700000000


@pytest.fixture
def vendor(tmp_path: Path) -> Signer:
    return signer(tmp_path, "vendor")


def abuild_sign(path: Path, who: Signer, kind: str) -> None:
    program = shutil.which("abuild-sign")
    if program is None:
        pytest.skip("needs abuild-sign on PATH")
    if "RSA256" not in Path(program).read_text():
        pytest.skip("needs abuild 3.13 or newer, whose abuild-sign knows -t")
    # As abuild does it: the control segment is signed, and then the data segment put behind it.
    whole, data = path.read_bytes(), read_package(path).data.offset if path.suffix == ".apk" else None
    path.write_bytes(whole[:data])
    command = [program, "-q", "-k", str(who.private), "-p", who.name, "-t", kind, path.name]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "SOURCE_DATE_EPOCH": str(EPOCH)}
    subprocess.run(command, cwd=path.parent, env=environment, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (b"" if data is None else whole[data:]))


def apk_verify(path: Path, keys: Path) -> bool:
    if shutil.which("apk") is None:
        pytest.skip("needs apk on PATH")
    done = subprocess.run(["apk", "verify", "--keys-dir", keys, path], capture_output=True, check=False)
    return done.returncode == 0


def without_device_numbers(tar: bytes) -> bytes:
    """GNU tar before 1.35 writes zeros into a field that newer ones leave empty; Alpine has had 1.35 since 2023."""
    whole = bytearray(tar)
    for at in range(0, len(tar), 512):
        if tar[at + 257 : at + 262] == b"ustar" and tar[at + 329 : at + 345] == b"0000000\0" * 2:
            whole[at + 329 : at + 345] = bytes(16)
            whole[at + 148 : at + 156] = b" " * 8
            whole[at + 148 : at + 156] = b"%06o\0 " % sum(whole[at : at + 512])
    return bytes(whole)


@pytest.mark.parametrize("kind", ["RSA", "RSA256"])
@pytest.mark.parametrize("make", [unsigned_package, lambda folder: unsigned_index(folder, b"")])
def test_abuild_sign_and_we_write_the_same(tmp_path: Path, vendor: Signer, kind: str, make: object) -> None:
    path = make(tmp_path)  # type: ignore[operator]  # one of the two above
    ours, theirs = (tmp_path / f"{who}{path.suffix}" for who in ("ours", "theirs"))
    add(path, read_private_key(vendor.private), kind=kind, epoch=EPOCH, output=ours)  # type: ignore[arg-type]  # one of both
    shutil.copy(path, theirs)
    abuild_sign(theirs, vendor, kind)
    if path.suffix == ".apk":
        assert read_head(ours)[0] == without_device_numbers(read_head(theirs)[0])
        if read_head(ours)[0] == read_head(theirs)[0] and shutil.which("pigz"):
            assert ours.read_bytes() == theirs.read_bytes()
    for file in (ours, theirs):
        assert verify(file, KeyFolder(vendor.folder)).result == "holds"
        assert apk_verify(file, vendor.folder)


@pytest.mark.parametrize("kind", ["RSA", "RSA256"])
def test_apk_accepts_what_is_co_signed_with_either_key(tmp_path: Path, vendor: Signer, kind: str) -> None:
    rebuilder, stranger = signer(tmp_path, "rebuilder"), signer(tmp_path, "stranger")
    package = unsigned_package(tmp_path)
    abuild_sign(package, vendor, "RSA")
    assert not apk_verify(package, rebuilder.folder)
    add(package, read_private_key(rebuilder.private), kind=kind)  # type: ignore[arg-type]  # one of both
    assert apk_verify(package, vendor.folder)
    assert apk_verify(package, rebuilder.folder)
    assert not apk_verify(package, stranger.folder)


def test_apk_accepts_a_grafted_package(tmp_path: Path, vendor: Signer) -> None:
    package = unsigned_package(tmp_path)
    abuild_sign(package, vendor, "RSA")
    sigs, stripped, out = (tmp_path / name for name in ("sigs", "stripped", "out.apk"))
    extract(package, sigs)
    strip(package, stripped)
    graft(sigs, stripped, out, KeyFolder(vendor.folder))
    assert out.read_bytes() == package.read_bytes()
    assert apk_verify(out, vendor.folder)


def test_apk_and_we_say_the_same_of_every_package(corpus: Path) -> None:
    keys = KeyFolder(corpus / "keys")
    for path in sorted((corpus / "apk-v2").rglob("*.apk")):
        assert apk_verify(path, keys.path) == (verify(path, keys).result == "holds"), path
