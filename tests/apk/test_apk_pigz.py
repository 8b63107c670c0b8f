"""If these fail, normalizing changes bytes that were canonical, or two machines frame one package differently."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import subprocess
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildinfo.apk import libz, pigz
from buildinfo.apk.framing import GzipReader
from buildinfo.apk.libz import JOB_SIZE, Library
from buildinfo.apk.pigz import HEADER, Compressor, Matcher, compress, identity
from buildinfo.errors import BuildinfoError, MissingToolError

CORPUS = Path(__file__).parents[2] / "../shared/corpus/apk-v2/alpine-3.19-x86_64"
PIGZ = shutil.which("pigz")
needs_pigz = pytest.mark.skipif(PIGZ is None, reason="needs the pigz program")

SIZES = (0, 1, 2, 100, 32767, 32768, 32769, 131071, 131072, 131073, 163840, 262143, 262144, 262145, 400_000)


def prose(size: int, seed: int = 1) -> bytes:
    """Made-up words; the same on every machine."""
    noise = hashlib.shake_256(b"prose %d" % seed).digest(size // 5 + 1)
    words = [hashlib.sha256(bytes([n])).hexdigest()[: 2 + n % 9].encode() for n in range(256)]
    return b" ".join(words[n] for n in noise)[:size]


def contents(size: int) -> dict[str, bytes]:
    mixed = random.Random(3)
    pieces = [prose(3000, 2), mixed.randbytes(2000), bytes(5000), b"\x7fELF\x02\x01\x01" * 99]
    mixture = b"".join(mixed.choice(pieces)[: mixed.randrange(5000)] for _ in range(size // 900 + 1))
    return {
        "prose": prose(size),
        "noise": hashlib.shake_256(b"noise").digest(size),
        "zeros": bytes(size),
        "mixture": (mixture * 2)[:size],
    }


#: SHA-256 of what pigz 2.6 with zlib 1.2.13 wrote.
PINNED = {
    ("prose", 0): "f61f27bd17de546264aa58f40f3aafaac7021e0ef69c17f6b1b4cd7664a037ec",
    ("prose", 1): "c16c9f045c69e7a629a155826000062c5ac01c6c361859117bd70cfad8738f0a",
    ("prose", 131072): "48d827c4af1f34bfec7120015929c420dddd0a7bfd1bde0c02ecf282517348c5",
    ("prose", 131073): "5adcb55ad008cb8c4df6d59823820e0f8e4c846e227ffbe6ece271d3b4422184",
    ("prose", 400_000): "81b683a7736fba17518d73ec9b7af93f5c8697ccf925d7512f7fdb8f0491591d",
    ("noise", 262144): "415744118b81eed9cf03e0a86a9905f7c71af245fc9fad80c8cffd8729a27b84",
    ("zeros", 300_000): "d4f65495716de45f000d9101dfbf7952785a8f4bc57ef711c4710484f11fdbe0",
}


def real(data: bytes, processes: int) -> bytes:
    assert PIGZ is not None
    environment = {name: value for name, value in os.environ.items() if name not in ("GZIP", "PIGZ")}
    command = [PIGZ, "-9n", "-p", str(processes)]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, env=environment).stdout


def streamed(data: bytes, threads: int, step: int) -> bytes:
    compressor = Compressor(threads)
    view = memoryview(data)
    return b"".join([*(compressor.write(view[i : i + step]) for i in range(0, len(data), step)), compressor.finish()])


def matched(data: bytes, raw: bytes, threads: int = 1, step: int = 50_000) -> bool:
    matcher = Matcher(threads)
    for i in range(0, max(len(data), len(raw)), step):
        matcher.compressed(raw[i : i + step])
        matcher.plain(data[i : i + step])
    return matcher.result()


@pytest.fixture
def fresh_engine() -> Iterator[None]:
    pigz._engine.cache_clear()
    yield
    pigz._engine.cache_clear()


@needs_pigz
@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_the_one_that_pigz_writes(size: int) -> None:
    for name, data in contents(size).items():
        expected = real(data, 2)
        assert compress(data) == expected, name
        assert compress(data, 2) == expected, name
        assert real(data, 1) == expected, name


@pytest.mark.parametrize(("name", "size"), PINNED)
def test_a_machine_without_pigz_writes_the_same_bytes(name: str, size: int) -> None:
    data = contents(size)[name]
    assert hashlib.sha256(compress(data)).hexdigest() == PINNED[name, size]


def test_the_number_of_threads_leaves_no_trace() -> None:
    data = contents(1_500_000)["mixture"]
    expected = compress(data)
    for threads in (2, 3, 8):
        assert streamed(data, threads, 70_000) == expected


def test_any_gzip_reads_it_back() -> None:
    for size in SIZES:
        for data in contents(size).values():
            assert gzip.decompress(compress(data, 2)) == data


DATA = contents(300_000)["mixture"]
WHOLE = compress(DATA)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 150_000), max_size=12), st.integers(1, 3))
def test_how_the_input_arrives_leaves_no_trace(sizes: list[int], threads: int) -> None:
    compressor = Compressor(threads)
    out, at = [], 0
    for size in sizes:
        out.append(compressor.write(memoryview(DATA)[at : at + size]))
        at += size
    out.append(compressor.write(DATA[at:]))
    out.append(compressor.finish())
    assert b"".join(out) == WHOLE


def test_one_thread_starts_no_other() -> None:
    compressor = Compressor(1)
    before = threading.active_count()
    compressor.write(DATA)
    assert threading.active_count() == before
    compressor.finish()


def test_no_thread_stays_behind() -> None:
    before = threading.active_count()
    streamed(DATA, 3, 1000)
    dropped = Compressor(3)
    dropped.write(DATA)
    dropped.close()
    assert threading.active_count() == before


def test_a_large_member_needs_no_more_memory_than_a_small_one() -> None:
    peaks = []
    for count in (20, 200):
        compressor, piece = Compressor(2), bytes(JOB_SIZE)
        tracemalloc.start()
        for _ in range(count):
            compressor.write(piece)
        compressor.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 4 << 20
    assert peaks[1] < peaks[0] * 1.5


@pytest.fixture
def tampered(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> None:
    """A zlib that writes other bytes, which unpack to the same content: those of level 6."""

    class Tampered(Library):
        def __init__(self) -> None:
            super().__init__()
            init = self.init
            self.init = lambda stream, _level, *rest: init(stream, 6, *rest)

    monkeypatch.setattr(pigz, "Library", Tampered)


@pytest.mark.usefixtures("tampered")
def test_a_zlib_that_writes_other_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for use in (lambda: compress(b"hello"), identity, Compressor, Matcher):
        with pytest.raises(MissingToolError, match=r"zlib .* writes other bytes .*install"):
            use()


def test_a_machine_without_zlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> None:
    monkeypatch.setattr(libz, "NAME", "libnone.so.1")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingToolError, match=r"libnone\.so\.1.*or a pigz"):
        compress(b"")


@needs_pigz
@pytest.mark.usefixtures("tampered")
def test_a_pigz_program_with_the_known_answer_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIGZ", "-1")
    assert identity().startswith("pigz ")
    assert identity().endswith(" (program)")
    assert streamed(DATA, 1, 70_000) == WHOLE
    assert streamed(b"", 2, 1) == real(b"", 1)
    assert matched(DATA, WHOLE)
    assert not matched(DATA, gzip.compress(DATA))


@pytest.mark.usefixtures("tampered")
@pytest.mark.parametrize(
    "script",
    [
        'case $1 in --version) echo "pigz 9.9";; *) exec gzip -1;; esac',
        'case $1 in --version) echo "pigz 9.9";; *) echo "no memory" >&2; exit 3;; esac',
    ],
)
def test_a_program_that_is_pigz_by_name_only_is_refused(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pigz"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MissingToolError, match=r"pigz 9\.9 \(program\) writes other|status 3: no memory"):
        compress(b"hello")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_zlib_is_an_error_and_not_a_short_file(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compressor = Compressor(threads)
    library = compressor._member._library
    monkeypatch.setattr(library, "deflate", lambda _stream, _flush: -4)
    with pytest.raises(BuildinfoError, match=r"zlib .*: deflate failed with code -4 \(not enough memory\)"):
        compressor.write(DATA)
        compressor.finish()
    compressor.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_canonical_stream_is_recognised_and_no_other(threads: int) -> None:
    for size in (0, 1, 131072, 300_000):
        for data in contents(size).values():
            raw = compress(data)
            assert matched(data, raw, threads)
            middle = len(raw) // 2
            flipped = raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]
            late = raw[:-1] + bytes([raw[-1] ^ 1])
            assert not matched(data, gzip.compress(data, 9, mtime=1), threads)
            for other in (flipped, late, raw[:-1], raw + b"\0", b"", HEADER, raw[1:]):
                assert not matched(data, other, threads)
            assert size == 0 or not matched(data[:-1], raw, threads)
            assert size < 300_000 or not matched(data, gzip.compress(data, 9, mtime=0), threads)


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs the gzip program")
def test_the_stream_of_gnu_gzip_is_not_taken_for_it() -> None:
    raw = subprocess.run(["gzip", "-9n"], input=DATA, stdout=subprocess.PIPE, check=True).stdout
    assert not matched(DATA, raw)


def test_one_side_may_run_ahead() -> None:
    for order in (("compressed", "plain"), ("plain", "compressed")):
        matcher = Matcher(2)
        for side in order:
            getattr(matcher, side)(WHOLE if side == "compressed" else DATA)
        assert matcher.result()
        assert matcher.result()
    matcher, piece = Matcher(), bytes(1 << 20)
    tracemalloc.start()
    for _ in range(100):
        matcher.compressed(piece)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    matcher.abandon()


def test_a_foreign_stream_costs_no_more_than_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    write = Compressor.write
    monkeypatch.setattr(Compressor, "write", lambda self, data: seen.append(len(data)) or write(self, data))
    noise = hashlib.shake_256(b"foreign").digest(2_000_000)
    foreign = compress(b"x" + noise[1:])
    seen.clear()
    assert not matched(noise, foreign)
    assert sum(seen) < 300_000
    seen.clear()
    assert not matched(noise, b"\x1f\x8b\x08\x08" + foreign[4:])
    assert sum(seen) == 0


def test_after_giving_up_nothing_is_compared() -> None:
    matcher = Matcher(2)
    matcher.compressed(WHOLE)
    matcher.plain(DATA[:200_000])
    matcher.abandon()
    matcher.plain(DATA[200_000:])
    assert not matcher.result()


def test_normalizing_what_alpine_published_changes_no_byte() -> None:
    packages = sorted(CORPUS.glob("*.apk"))
    if not packages:
        pytest.skip("no corpus folder ../shared/corpus/apk-v2/alpine-3.19-x86_64")
    assert len(packages) == 184
    for path in packages:
        reader = GzipReader(io.BytesIO(path.read_bytes()), where=path)
        members = 0
        while True:
            matcher = Matcher(os.cpu_count() or 1)
            reader.digests = [_Side(matcher)]
            if reader.next_member() is None:
                break
            for chunk in reader.chunks():
                matcher.plain(chunk)
            assert matcher.result(), (path, members)
            members += 1
        assert members == 3, path


class _Side:
    def __init__(self, matcher: Matcher) -> None:
        self.update = matcher.compressed
