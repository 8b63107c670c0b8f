"""If these fail, a tar inside a package differs by when and where it was packed, or loses what it carries."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from goldens import check_cut
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import EPOCH, normalize

from buildinfo.apk.tarpatch import Headers
from buildinfo.errors import FormatError

LATE = EPOCH + 1000
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tarball(*members: tuple[tarfile.TarInfo, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def entry(
    name: str = "usr/bin/hello", mtime: float = LATE, content: bytes = b"hi", **pax: str
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mtime = mtime
    info.uid, info.uname = 1000, "builder"
    info.pax_headers = {key.replace("__", "."): value for key, value in pax.items()}
    return info, content


def read(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


@pytest.mark.parametrize("tar_format", FORMATS)
def test_later_times_become_the_epoch_and_earlier_stay(tar_format: int) -> None:
    long = "d/" * 60 + "name"
    archive = tarball(entry(), entry("old", 7), entry(long), tar_format=tar_format)
    out, _ = normalize(archive)
    assert [(info.name, info.mtime) for info in read(out)] == [("usr/bin/hello", EPOCH), ("old", 7), (long, EPOCH)]
    assert out == tarball(entry(mtime=EPOCH), entry("old", 7), entry(long, EPOCH), tar_format=tar_format)
    assert normalize(out)[0] is out
    assert {info.mtime for info in read(normalize(archive, timestamps="set")[0])} == {EPOCH}


def test_a_reproducible_tar_is_not_touched() -> None:
    archive = tarball(entry(mtime=EPOCH, atime="0", ctime="0", SCHILY__xattr__user__a="1", comment="x"))
    assert normalize(archive)[0] is archive


def test_owners_stay() -> None:
    (info,) = read(normalize(tarball(entry()))[0])
    assert (info.uid, info.uname) == (1000, "builder")


def test_times_in_pax_records_leave_no_trace() -> None:
    one = tarball(entry(mtime=LATE + 0.25, atime="1501798481.73", ctime="1501798481.72", LIBARCHIVE__creationtime="9"))
    other = tarball(entry(mtime=LATE + 5.5, atime="1501798400", ctime="1601798481.72", LIBARCHIVE__creationtime="8"))
    assert normalize(one)[0] == normalize(other)[0]
    (info,) = read(normalize(one)[0])
    assert info.mtime == EPOCH
    assert info.pax_headers == {"atime": "0", "ctime": "0", "LIBARCHIVE.creationtime": "0"}


def test_a_fraction_after_the_epoch_goes_and_one_before_it_stays() -> None:
    times = [EPOCH + 0.5, EPOCH - 0.5]
    out, _ = normalize(tarball(*(entry(str(time), time) for time in times)))
    assert [info.mtime for info in read(out)] == [EPOCH, EPOCH - 0.5]
    assert normalize(out)[0] is out


def test_extended_attributes_come_in_one_order() -> None:
    one = tarball(entry(comment="c", SCHILY__xattr__user__b="2", SCHILY__xattr__user__a="1", SCHILY__ino="77"))
    other = tarball(entry(comment="c", SCHILY__xattr__user__a="1", SCHILY__xattr__user__b="2", SCHILY__dev="5"))
    assert normalize(one)[0] == normalize(other)[0]


def test_process_ids_go() -> None:
    built = set()
    for process in (b"./PaxHeaders.123/hello", b"./PaxHeaders.98765/hello"):
        archive = tarball(entry("hello", comment="x"))
        headers = Headers.parse(archive[: 3 * 512])
        headers.rename_pax_header(process)
        built.add(normalize(headers.build() + archive[3 * 512 :])[0])
    assert len(built) == 1


def test_files_inside_are_normalized_and_the_size_follows() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("name" * 200, "wb", 9, buffer, mtime=LATE) as file:
        file.write(b"x")
    packed = buffer.getvalue()
    archive = tarball(entry("a.gz", 1, packed), entry("pax.gz", 1, packed, size=str(len(packed))), entry("after", 1))
    out, report = normalize(archive, name="x.tar")
    assert [info.name for info in read(out)] == ["a.gz", "pax.gz", "after"]
    for name in ("a.gz", "pax.gz"):
        assert content(out, name) == normalize(packed)[0]
    assert content(out, "after") == b"hi"
    assert [change.path for change in report.changes] == ["x.tar!/a.gz", "x.tar!/pax.gz", "x.tar"]
    assert normalize(out)[0] is out


def test_what_a_signature_covers_is_left_alone() -> None:
    archive = tarball(entry(".SIGN.RSA.key.rsa.pub"), entry("x"))
    out, report = normalize(archive)
    assert out is archive
    assert "signature" in report.skipped[0].reason


def test_the_end_stays_as_it_is() -> None:
    cut = tarball(entry())[:1024]
    for end in (b"", bytes(512), bytes(1024), bytes(10240)):
        assert normalize(cut + end)[0][1024:] == end


def test_many_members_are_quick() -> None:
    header, body = tarball(entry(comment="x"))[: 3 * 512], b"hi".ljust(512, b"\0")
    began = time.monotonic()
    out, _ = normalize((header + body) * 50_000)
    assert len(out) == 50_000 * 4 * 512
    assert time.monotonic() - began < 30


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar on PATH")
@pytest.mark.parametrize("tar_format", ["gnu", "posix", "ustar"])
def test_a_tree_packed_twice_by_gnu_tar_becomes_one_archive(tmp_path: Path, tar_format: str) -> None:
    built = set()
    for name in ("one", "other"):
        folder = tmp_path / name
        (folder / "usr").mkdir(parents=True)
        (folder / "usr/file").write_bytes(b"x" * 1000)
        (folder / "usr/link").hardlink_to(folder / "usr/file")
        made = subprocess.run(
            ["tar", "-c", "--sort=name", f"--format={tar_format}", "-C", folder, "usr"], check=True, capture_output=True
        )
        built.add(normalize(made.stdout)[0])
        time.sleep(0.01)
    assert len(built) == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hostile_archives_raise_nothing_but_a_format_error(data: st.DataObject) -> None:
    tar_format = data.draw(st.sampled_from(FORMATS))
    archive = tarball(
        entry(mtime=LATE, SCHILY__xattr__user__b="2", SCHILY__xattr__user__a="1", atime="5.5"),
        entry("n/" * 75 + "n", content=gzip.compress(tarball(entry()), mtime=LATE)),
        tar_format=tar_format,
    )
    hostile = bytearray(archive.rstrip(b"\0"))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(hostile) - 1))
        hostile[at] = data.draw(st.integers(0, 255))
        block = at - at % 512
        if data.draw(st.booleans()):  # a checksum that holds lets the change in
            hostile[block + 148 : block + 156] = b" " * 8
            hostile[block + 148 : block + 156] = b"%06o\0 " % sum(hostile[block : block + 512])
    hostile += bytes(-len(hostile) % 512)
    check_cut(data, hostile)


FLAGS = {"folder": tarfile.DIRTYPE, "symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE}


def sized(flag: bytes, size: int, body: bytes = b"") -> bytes:
    """A tar in which what is no file states a size, with a file before and behind it."""
    odd = tarfile.TarInfo("odd")
    odd.type, odd.size, odd.mtime = flag, size, LATE
    odd.linkname = "" if flag == tarfile.DIRTYPE else "first"
    block = odd.tobuf(tarfile.USTAR_FORMAT)
    first, last = (tarball(entry(name), tar_format=tarfile.USTAR_FORMAT)[:1024] for name in ("first", "last"))
    return (first + block + body + last).ljust(10240, b"\0")


@pytest.mark.parametrize("flag", FLAGS.values(), ids=FLAGS)
def test_a_size_of_what_is_no_file_means_nothing(flag: bytes) -> None:
    """GNU tar, busybox and Python read such archives; one whose times stay differs with each build."""
    out, report = normalize(sized(flag, 4096))
    assert [info.name for info in read(out)] == ["first", "odd", "last"]
    assert {info.mtime for info in read(out)} == {EPOCH}
    assert not report.skipped
    assert content(out, "last") == b"hi"


def test_the_size_of_a_folder_tells_of_the_file_system_that_it_lay_on() -> None:
    assert normalize(sized(tarfile.DIRTYPE, 4096))[0] == normalize(sized(tarfile.DIRTYPE, 60))[0]


def test_what_has_content_where_none_belongs_is_refused() -> None:
    """Some readers skip it and others take it for members."""
    with pytest.raises(FormatError):
        normalize(sized(tarfile.DIRTYPE, 4, b"text".ljust(512, b"\0")))


def test_what_real_tar_makes_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(normalize(sized(tarfile.DIRTYPE, 4096))[0])
    listed = subprocess.run(["tar", "tf", "a.tar"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert listed.split() == ["first", "odd", "last"] or listed.split() == ["first", "odd/", "last"]


def test_the_report_of_a_folder_with_a_size(corpus: Path) -> None:
    out, report = normalize((corpus / "reports" / "dirsize.tar").read_bytes(), epoch=1)
    assert {info.mtime for info in read(out)} == {1}
    assert not report.skipped
