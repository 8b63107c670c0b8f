"""If these fail, files that distributions really published cannot be read, or are read wrongly."""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
from pathlib import Path

import pytest

from buildinfo.apk.index import read_index
from buildinfo.apk.installed import read_installed
from buildinfo.apk.segments import iter_segments
from buildinfo.apk.tar import TarReader
from buildinfo.apk.v2 import Package, read_package
from buildinfo.errors import BuildinfoError, FormatError, IntegrityError

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
BROKEN = {"aws-c-s3-0.4.9-r0.apk", "neon-4604-r0.apk"}


def files(pattern: str) -> list[Path]:
    found = sorted(path for path in CORPUS.glob(pattern) if path.is_file())
    if not found:
        pytest.skip(f"no corpus file ../shared/corpus/{pattern}")
    return found


@functools.cache
def read(path: Path) -> Package:
    return read_package(path)


def intact(pattern: str) -> list[Path]:
    return [path for path in files(pattern) if path.name not in BROKEN]


@pytest.mark.parametrize("folder", ["apk-v2", "apk-v2-rebuilds"])
def test_every_published_package_reads(folder: str) -> None:
    for path in intact(f"{folder}/*/*"):
        package = read(path)
        assert package.size == path.stat().st_size
        assert len(package.signatures) == len(package.signature_segments), path
        assert package.unsigned_size == package.control.size + package.data.size
        assert package.control.offset == package.size - package.unsigned_size
        assert package.member_count == len(package.members)
        assert {m.type for m in package.members} <= {"file", "dir", "symlink", "hardlink"}


def test_published_packages_that_are_broken_are_refused() -> None:
    for path in files("apk-v2/melange-testdata/*"):
        if path.name in BROKEN:
            with pytest.raises(IntegrityError, match="datahash"):
                read_package(path)


def test_the_identity_is_the_one_that_apk_wrote_into_the_index() -> None:
    known: dict[tuple[str, str], dict[str, str]] = {}
    for path in files("apkindex-v2/alpine-v3.19-*"):
        known |= {(record["P"], record["V"]): record for record in read_index(path).records}
    matched = 0
    for path in files("apk-v2/alpine-3.19-x86_64/*"):
        package = read(path)
        record = known.get((package.pkginfo.pkgname, package.pkginfo.pkgver))
        if record is not None:
            assert (record["C"], record["S"]) == (package.identity, str(package.size)), path
            assert (record["I"], record["t"]) == (str(package.pkginfo.size), str(package.pkginfo.builddate))
            matched += 1
    assert matched > 150


def test_installed_size_is_what_new_abuild_writes() -> None:
    for path in files("apk-v2/xlibre-abuild3.15-x86_64/*"):
        package = read(path)
        if package.pkginfo.pkgname != "xspice":  # 988 bytes more than it holds; nobody knows why
            assert package.pkginfo.size == max(1, package.installed_size), path


def test_the_continuation_line_of_libblkid_is_read() -> None:
    for path in files("apk-v2/alpine-3.13-aarch64/libblkid-2.36.1-r1.apk"):
        licence = read(path).pkginfo.get("license")
        assert licence is not None
        assert licence.endswith("Public-Domain")


@pytest.mark.parametrize(
    "folder",
    ["apk-v2/alpine-3.13-aarch64", "apk-v2/melange-testdata", "apk-v2-rebuilds/pmos_x86_64*"],
)
def test_another_tar_reader_sees_the_same_members(folder: str) -> None:
    for path in intact(f"{folder}/*"):
        package = read(path)
        start = package.data.offset
        tar = gzip.decompress(path.read_bytes()[start:])
        with tarfile.open(fileobj=io.BytesIO(tar), errors="surrogateescape") as archive:
            theirs = [(i.name, i.size, i.mode, i.uid, i.gid, i.uname, i.gname, i.mtime, i.linkname) for i in archive]
        ours = [(m.path, m.size, m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime, m.linkname) for m in package.members]
        assert ours == theirs, path


def test_segments_of_published_packages_rebuild_from_headers_and_contents() -> None:
    for path in files("apk-v2/alpine-abuild-testdata/*") + files("apk-v2/incus-abuild3.17-aarch64/*"):
        for part in iter_segments(path, raw_headers=True):
            size = 0
            for member, content in part.tar:
                length = sum(map(len, content))
                size += len(member.raw_headers) + length + -length % 512
            closed = part.close()
            assert closed.tar_size == size + closed.trailer_size


def test_every_published_index_reads() -> None:
    for path in files("apkindex-v2/*"):
        index = read_index(path)
        assert index.signatures, path
        assert all({"C", "P", "V", "S"} <= set(record) for record in index.records), path
        assert (index.description is None) == ("no-description" in path.name)


@pytest.mark.parametrize("folder", ["adb-index", "apk-v3", "apk-v3-rebuilds"])
def test_v3_files_are_named_whatever_they_are_called(folder: str) -> None:
    for path in files(f"{folder}/*/*"):
        with pytest.raises(FormatError, match=r"v3 .*not supported yet"):
            read_index(path) if folder == "adb-index" else read_package(path)


def test_android_packages_are_named() -> None:
    for path in files("diffoscope/**/*.apk"):
        with pytest.raises(FormatError, match="Android"):
            read_package(path)


def test_no_file_of_any_kind_makes_another_exception() -> None:
    for path in files("diffoscope/**/*") + files("strip-nondeterminism/**/*") + files("cpio/**/*"):
        for reader in (read_package, read_index, read_installed):
            with pytest.raises(BuildinfoError):
                reader(path)


def test_every_published_installed_database_reads() -> None:
    for path in files("installed-db/*/installed"):
        database = read_installed(path)
        assert len(database.packages) > 10
        found = database.owner_of("/bin/busybox") or database.owner_of("/usr/bin/busybox")
        assert found is not None, path
        assert found[0].name == "busybox"
        assert found[1] is not None and found[1].startswith("Q1")
        assert database.owner_of("/etc/passwd") is not None
        assert not any(package.virtual for package in database.packages)


def test_the_script_archives_beside_them_read() -> None:
    for path in files("installed-db/*/scripts.tar"):
        with path.open("rb") as file:
            names = [m.name for m, _ in TarReader(iter(lambda: file.read(4096), b""), where=path)]
        assert names
