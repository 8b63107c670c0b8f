"""If these fail, a compressed file differs by when it was made, or is compressed anew by another encoder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import zstandard
from goldens import check_cut
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError, IntegrityError
from buildinfo.normalize.encoders import find_xz

LATE = EPOCH + 1000


def member(
    content: bytes = b"text",
    *,
    mtime: int = LATE,
    level: int = 9,
    flags: int = 0,
    fields: bytes = b"",
    memory: int = 8,
) -> bytes:
    """One gzip member as zlib writes it, with the optional fields given."""
    head = b"\x1f\x8b\x08" + bytes((flags,)) + mtime.to_bytes(4, "little") + bytes(({9: 2, 1: 4}.get(level, 0), 3))
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return head + fields + packer.compress(content) + packer.flush() + trailer


def tarball(mtime: int = LATE, size: int = 0, name: str = "file") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.mtime, info.size = mtime, size
        tar.addfile(info, io.BytesIO(words(size)))
    return out.getvalue()


def words(size: int) -> bytes:
    """Bytes that compress like text."""
    random = Random(size)
    stock = [random.randbytes(5).hex().encode() for _ in range(2000)]
    return b" ".join(random.choices(stock, k=size // 11 + 1))[:size].ljust(size)


# gzip headers


def test_the_time_of_every_member_is_clamped() -> None:
    out, report = normalize(member(b"1") + member(b"2", mtime=7) + member(b"3"))
    assert out == member(b"1", mtime=EPOCH) + member(b"2", mtime=7) + member(b"3", mtime=EPOCH)
    assert [change.handler for change in report.changes] == ["gzip"]
    assert normalize(out)[0] is out


@pytest.mark.parametrize("timestamps", ["clamp", "set"])
def test_a_member_without_a_time_gets_none(timestamps: str) -> None:
    plain = member(mtime=0)
    assert normalize(plain, timestamps="set" if timestamps == "set" else "clamp")[0] is plain


EXTRA = b"\x04\0AB\0\0"


def test_names_and_header_checksums_go_and_what_users_put_in_stays() -> None:
    fields = EXTRA + b"name\0" + b"comment\0"
    out, _ = normalize(summed(flags=1 | 2 | 4 | 8 | 16, fields=fields))
    assert out == member(mtime=EPOCH, flags=1 | 4 | 16, fields=EXTRA + b"comment\0")


def test_without_canonical_forms_only_the_time_changes() -> None:
    out, _ = normalize(summed(flags=2 | 8, fields=b"name\0"), handlers="leaks")
    assert out == summed(mtime=EPOCH, flags=2 | 8, fields=b"name\0")
    named = summed(mtime=5, flags=2 | 8, fields=b"name\0")
    assert normalize(named, handlers="leaks")[0] is named


def summed(mtime: int = LATE, *, flags: int, fields: bytes) -> bytes:
    """A member whose header has a right checksum."""
    head = member(mtime=mtime, flags=flags)[:10] + fields
    return member(mtime=mtime, flags=flags, fields=fields + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little"))


def test_a_wrong_checksum_of_a_header_is_not_mended() -> None:
    """zlib and others refuse the file: it would become one that they read."""
    for handlers in ("leaks", "all"):
        with pytest.raises(IntegrityError):
            normalize(member(flags=2 | 8, fields=b"name\0??"), handlers=handlers)


def test_what_follows_the_last_member_stays() -> None:
    assert normalize(member() + bytes(12) + b"rubbish")[0] == member(mtime=EPOCH) + bytes(12) + b"rubbish"


@pytest.mark.parametrize("first", [".SIGN.RSA.x", ".PKGINFO", "DESCRIPTION", "APKINDEX"])
def test_packages_and_indices_are_left_alone(first: str) -> None:
    data = member(tarball(name=first)) + member(tarball())
    out, report = normalize(data)
    assert out is data
    assert "signature covers" in report.skipped[0].reason


def test_broken_files_are_refused() -> None:
    good = member()
    for bad in (good[:5], good[:-9], good[:-1], good[:3] + b"\xff" + good[4:], good[:10] + b"\xff" * 20):
        with pytest.raises(FormatError):
            normalize(bad)
    with pytest.raises(IntegrityError):
        normalize(good[:-5] + b"x" + good[-4:])
    with pytest.raises(IntegrityError):
        normalize(good[:-1] + b"x")


def test_many_members_are_quick() -> None:
    began = time.monotonic()
    out, _ = normalize(member(b"") * 100_000)
    assert out == member(b"", mtime=EPOCH) * 100_000
    assert time.monotonic() - began < 20


def test_a_bomb_is_left_alone() -> None:
    bomb = member(bytes(1 << 20)) * 1000
    out, report = normalize(bomb)
    assert out is bomb
    assert "unpacks to more" in report.skipped[0].reason


def test_a_bomb_of_a_tar_keeps_its_content() -> None:
    bomb = member(tarball() + bytes(40 << 20))
    out, report = normalize(bomb)
    assert out == member(tarball() + bytes(40 << 20), mtime=EPOCH)
    assert "ready to hold" in report.skipped[0].reason


# The content


def pigz(data: bytes, *options: str) -> bytes:
    return subprocess.run(["pigz", "-9n", *options], input=data, check=True, capture_output=True).stdout


ENCODERS: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    **{f"gzip-{level}": (lambda data, level=level: member(data, mtime=0, level=level), 5000) for level in range(1, 10)},
    "gzip-memory": (lambda data: member(data, mtime=0, memory=9), 300_000),
    "gzip-python": (lambda data: gzip.compress(data, 6, mtime=0), 300_000),
    "bzip2-1": (lambda data: bz2.compress(data, 1), 300_000),
    "bzip2-9": (bz2.compress, 300_000),
    **{f"xz-{preset}": (lambda data, p=preset: lzma.compress(data, preset=p), 50_000) for preset in range(10)},
    "xz-9e": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), 50_000),
    "xz-crc32": (lambda data: lzma.compress(data, check=lzma.CHECK_CRC32), 50_000),
    "xz-sha256": (lambda data: lzma.compress(data, check=lzma.CHECK_SHA256), 50_000),
    "xz-none": (lambda data: lzma.compress(data, check=lzma.CHECK_NONE), 50_000),
    **{
        f"zstd-{level}": (lambda data, n=level: zstandard.ZstdCompressor(level=n).compress(data), 50_000)
        for level in (1, 3, 6, 9, 19)
    },
    "zstd-checked": (lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data), 300_000),
    "zstd-unsized": (lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data), 300_000),
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_tar_inside_is_normalized_and_compressed_as_before(encoder: str) -> None:
    encode, size = ENCODERS[encoder]
    out, report = normalize(encode(tarball(size=size)), name="x.tar.gz")
    assert not report.skipped
    assert out == encode(tarball(EPOCH, size))
    assert [(change.path, change.handler) for change in report.changes] == [
        ("x.tar.gz!/x.tar", "tar"),
        ("x.tar.gz", encoder.partition("-")[0]),
    ]
    assert normalize(out)[0] is out


@pytest.mark.skipif(shutil.which("pigz") is None, reason="needs pigz on PATH")
def test_what_pigz_wrote_is_written_like_pigz() -> None:
    out, report = normalize(pigz(tarball(size=400_000)))
    assert not report.skipped
    assert out == pigz(tarball(EPOCH, 400_000))


@pytest.mark.skipif(shutil.which("xz") is None, reason="needs xz on PATH")
@pytest.mark.parametrize("options", [["-T1"], ["-T2"], ["-T2", "--block-size=100KiB"], ["-T2", "-0", "--check=crc32"]])
def test_what_xz_wrote_with_any_threads_is_written_like_xz(options: list[str]) -> None:
    def xz(data: bytes) -> bytes:
        return subprocess.run(["xz", "-c", *options], input=data, check=True, capture_output=True).stdout

    packed = xz(tarball(size=350_000))
    if find_xz(packed, tarball(size=350_000), lambda size: None) is None:
        pytest.skip("this xz writes other bytes than Python's liblzma")
    out, report = normalize(packed)
    assert not report.skipped
    assert out == xz(tarball(EPOCH, 350_000))
    assert lzma.decompress(out) == tarball(EPOCH, 350_000)


@pytest.mark.parametrize("program", ["gzip", "busybox gzip", "gzip -9", "pigz"])
def test_a_tarball_of_a_gzip_program_is_written_by_that_program_again(program: str) -> None:
    """`tar -czf` in a recipe is the common case: GNU gzip's own deflate is in no library."""
    if shutil.which(program.split(maxsplit=1)[0]) is None:
        pytest.skip(f"needs {program.split(maxsplit=1)[0]} on PATH")

    def pack(content: bytes) -> bytes:
        return subprocess.run([*program.split(), "-c"], input=content, capture_output=True, check=True).stdout

    out, report = normalize(pack(tarball(LATE, 400_000)))
    assert not report.skipped
    assert out[10:] == pack(tarball(EPOCH, 400_000))[10:]


def flushed(content: bytes, mtime: int) -> bytes:
    """A gzip member of an encoder that nobody pinned: it ends a block now and then."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(content[:700]), packer.flush(zlib.Z_FULL_FLUSH), packer.compress(content[700:])]
    out = b"".join(parts) + packer.flush()
    return out[:4] + mtime.to_bytes(4, "little") + out[8:]


def test_an_unknown_encoder_keeps_its_bytes_and_the_report_says_so() -> None:
    out, report = normalize(flushed(tarball(), LATE))
    assert out == flushed(tarball(), EPOCH), "the header's leak goes anyway"
    assert [change.handler for change in report.changes] == ["gzip"]
    assert "no pinned encoder reproduces its stream" in report.skipped[0].reason


@pytest.mark.parametrize("encoder", ["bzip2-9", "xz-6", "zstd-3", "gzip-9"])
def test_content_without_leaks_is_not_touched(encoder: str) -> None:
    encode, _ = ENCODERS[encoder]
    for content in (tarball(EPOCH), b"plain text", b"", bytes(3000)):
        packed = encode(content)
        out, report = normalize(packed)
        assert out is packed
        assert not report.skipped


@pytest.mark.parametrize("encoder", ["bzip2-9", "xz-6", "zstd-3"])
def test_padding_stays_and_several_streams_are_left_alone(encoder: str) -> None:
    encode, _ = ENCODERS[encoder]
    packed = encode(tarball())
    assert normalize(packed + bytes(8))[0] == encode(tarball(EPOCH)) + bytes(8)
    out, report = normalize(packed + packed)
    assert out == packed + packed
    assert "several" in report.skipped[0].reason
    with pytest.raises(FormatError):
        normalize(packed[:-3])


@pytest.mark.parametrize("encoder", ["bzip2-9", "xz-0", "zstd-3"])
def test_a_bomb_in_any_format_is_left_alone(encoder: str) -> None:
    bomb = ENCODERS[encoder][0](tarball() + bytes(40 << 20))
    out, report = normalize(bomb)
    assert out is bomb
    assert "unpacks to more" in report.skipped[0].reason


# Peers' fixtures, and real files


def test_the_expected_output_of_strip_nondeterminism(corpus: Path) -> None:
    for path in sorted((corpus / "strip-nondeterminism/fixtures/gzip").glob("*.in")):
        assert normalize(path.read_bytes(), timestamps="set")[0] == path.with_suffix(".out").read_bytes()


def test_the_expected_output_of_add_determinism(corpus: Path) -> None:
    data = (corpus / "add-determinism/empty.gz").read_bytes()
    out, _ = normalize(data, epoch=1234567, handlers="leaks")
    assert out == data[:4] + (1234567).to_bytes(4, "little") + data[8:]
    assert normalize(out, epoch=1234567, handlers="leaks")[0] is out


def test_published_packages_are_left_alone(corpus: Path) -> None:
    paths = sorted(corpus.glob("apk-v2/alpine-3.19-x86_64/*.apk"))[:20]
    for path in paths:
        data = path.read_bytes()
        out, report = normalize(data, epoch=1)
        assert out is data
        assert report.skipped


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.parametrize("encoder", ["bzip2-9", "xz-0", "zstd-3", "gzip-9"])
def test_hostile_files_raise_nothing_but_a_format_error(encoder: str, data: st.DataObject) -> None:
    packed = ENCODERS[encoder][0](tarball(size=700))
    if encoder == "gzip-9":
        packed += member(tarball(), flags=2 | 4 | 8 | 16, fields=EXTRA + b"name\0comment\0??")
    hostile = bytearray(packed)
    for _ in range(data.draw(st.integers(0, 3))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.integers(0, 255))
    check_cut(data, hostile)
