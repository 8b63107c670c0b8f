"""If these fail, a package in which nothing is left to chance gets other bytes, and with them another signature: our
canonical form is not what GNU tar and abuild-tar write."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from packing import EPOCH, Packing

from buildinfo.apk.pigz import compress
from buildinfo.apk.v2 import read_package
from buildinfo.normalize.package import Settings, normalize_package
from buildinfo.normalize.registry import select

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
KINDS = ("file", "dir", "symlink", "hardlink", "fifo", "device")
ATTRIBUTES = ((), ("security.capability",), ("user.one",), ("security.capability", "user.one", "user.two"))
OWNERS = {
    "root": ("root", 0),
    "a number beyond octal": ("big", 3_000_000),
    "a name that is not ASCII": ("wört", 0),
    "a name that is too long": ("n" * 40, 0),
}


def finalize(path: Path, epoch: int) -> None:
    normalize_package(path, Settings(lambda info: select("all", epoch), one_time=True))


def make(folder: Path, kind: str, name: str, target: str, attributes: tuple[str, ...]) -> None:
    """One file of its kind; skips what this machine cannot make."""
    folder.mkdir()
    file = folder / name
    if kind == "file":
        file.write_text(name)
    elif kind == "dir":
        file.mkdir()
    elif kind == "symlink":
        file.symlink_to(target)
    elif kind == "hardlink":
        (folder / f"a{target}").write_text(target)
        file.hardlink_to(folder / f"a{target}")
    elif kind == "fifo":
        os.mkfifo(file)
    elif os.geteuid() == 0:
        os.mknod(file, 0o20644, os.makedev(1, 3))
    for attribute in attributes:
        if kind in ("file", "dir") and (os.geteuid() == 0 or attribute.startswith("user.")):
            os.setxattr(file, attribute, CAPABILITY if attribute.startswith("security") else b"v")


def tree(folder: Path) -> None:
    """Every kind with every mixture of long names, long targets and attributes."""
    folder.mkdir()
    for at, (kind, name, target, attributes) in enumerate(
        product(KINDS, ("short", "n" * 120), ("target", "t" * 130), ATTRIBUTES)
    ):
        make(folder / f"d{at:03}", kind, name, target, attributes)
    (folder / "ümlaut").write_text("x")


def tar(folder: Path, epoch: int, owner: tuple[str, int]) -> bytes:
    """What abuild 3.11 to 3.18 pipe from tar, but for the hashes."""
    if b"GNU tar" not in subprocess.run(["tar", "--version"], capture_output=True, check=False).stdout:
        pytest.skip("needs GNU tar on PATH")
    names = sorted(str(path.relative_to(folder)).encode() for path in folder.rglob("*"))
    command = [
        *("tar", "--format=posix", "--pax-option=exthdr.name=%d/PaxHeaders/%f,atime:=0,ctime:=0"),
        *(f"--mtime=@{epoch}", "--no-recursion", "--null", "-T", "-", "-f", "-", "-c", "--xattrs"),
        *("--xattrs-exclude=security.selinux", f"--owner={owner[0]}:{owner[1]}", f"--group={owner[0]}:{owner[1]}"),
    ]
    return subprocess.run(command, cwd=folder, input=b"\0".join(names), capture_output=True, check=True).stdout


def package(path: Path, data: bytes, epoch: int = EPOCH) -> bytes:
    """A package around a data tar."""
    packed = compress(data)
    info = Packing(mtime=epoch).pkginfo([], hashlib.sha256(packed).hexdigest())
    info = info.replace(b"size = 0\n", b"").replace(b"builddate = %d" % EPOCH, b"builddate = %d" % epoch)
    made = compress(Packing(mtime=min(epoch, EPOCH)).control(info)) + packed
    path.write_bytes(made)
    return made


def hashed(data: bytes) -> bytes:
    if shutil.which("abuild-tar") is None:
        pytest.skip("needs abuild-tar on PATH")
    return subprocess.run(["abuild-tar", "--hash"], input=data, capture_output=True, check=False).stdout


def listed_by_name(folder: Path) -> bool:
    """Whether this file system lists attributes by name: their order is a leak otherwise."""
    lists = [
        [name for name in os.listxattr(path) if "." in name] for path in folder.rglob("*") if not path.is_symlink()
    ]
    return all(names == sorted(names) for names in lists)


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("how", ["tar", pytest.param("abuild-tar", marks=pytest.mark.real)])
def test_what_tar_writes_is_canonical(how: str, owner: str, tmp_path: Path) -> None:
    tree(tmp_path / "tree")
    if not listed_by_name(tmp_path / "tree"):
        pytest.skip("needs a file system that lists extended attributes by name")
    data = tar(tmp_path / "tree", EPOCH, OWNERS[owner])
    path = tmp_path / "hello-1.2-r3.apk"
    made = package(path, hashed(data) if how == "abuild-tar" else data)
    assert {member.type for member in read_package(path).members} >= {"file", "dir", "symlink", "hardlink", "fifo"}
    finalize(path, EPOCH)
    assert path.read_bytes() == made
