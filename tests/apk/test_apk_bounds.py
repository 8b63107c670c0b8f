"""If these fail, a small file that anybody may publish stalls whoever reads it, or takes all his memory."""

from __future__ import annotations

import gzip
import random
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from apkmaker import ended, file, header
from counting import grows

from buildinfo.apk.index import read_index
from buildinfo.apk.installed import read_installed
from buildinfo.apk.tar import TarReader
from buildinfo.document import parse
from buildinfo.errors import FormatError

LINEAR = 2.2
"""Most times as much that twice the input may take."""
MEMORY = 400 << 20
"""Bytes of address space that a small input has to do with; half of it is the interpreter and its libraries."""


def index(path: Path, records: bytes) -> Path:
    path.write_bytes(gzip.compress(ended(file("APKINDEX", records, checksum=False)), 9))
    return path


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command that has little memory."""
    return subprocess.run(
        [sys.executable, "-m", "buildinfo", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (b"P:a\nV:1\n\n" * 2_000_000, "more lines than a file of its size may have"),
        (b"P:a\nV:1\n\n" * 20_000, "more than 10.* of them in a file of this size"),
        (b"P:a\nV:1\n" + b"D:a\n" * 4_000_000 + b"\n", "more lines than a file of its size may have"),
    ],
    ids=["records", "records that few lines have", "lines of one record"],
)
def test_an_index_of_more_than_its_size_accounts_for_is_refused(tmp_path: Path, records: bytes, reason: str) -> None:
    """148 kB took 1.3 GB."""
    made = index(tmp_path / "APKINDEX.tar.gz", records)
    with pytest.raises(FormatError, match=reason):
        read_index(made)
    shown = run("signature", "list", made)
    assert shown.returncode in (0, 2)
    assert "memory" not in shown.stderr.lower()


def test_an_index_of_alpines_measure_is_read(tmp_path: Path) -> None:
    """Its largest have 25,000 packages, of 110 packed bytes each and more."""
    chance = random.Random(1)
    fields = "P:name{0}\nV:1.{0}-r0\nA:x86_64\nS:{0}\nI:{0}\nT:words\nL:MIT\no:name{0}\nC:Q1{1:040x}\nc:{2:040x}\n"
    records = "\n".join(fields.format(at, chance.getrandbits(160), chance.getrandbits(160)) for at in range(30_000))
    assert len(read_index(index(tmp_path / "APKINDEX.tar.gz", records.encode() + b"\n")).records) == 30_000


def test_lines_of_a_record_take_what_they_are_many() -> None:
    """5 MB of a database took more than forty seconds."""
    assert grows(lambda number: read_installed(b"P:a\nV:1\n" + b"D:a\n" * number + b"\n"), 2000) < LINEAR


def test_a_database_of_more_packages_than_its_size_accounts_for_is_refused() -> None:
    with pytest.raises(FormatError, match="more packages than a database of this size may have"):
        read_installed(b"P:a\nV:1\n\n" * 20_000)


@pytest.mark.parametrize(
    "data",
    [
        b"".join(b"k%d = 1\n" % at for at in range(30_000)),
        b"a." * 30_000 + b"b = 1\n",
        b"[" + b"a." * 30_000 + b"b]\n",
        b"".join(b"[a.b%d]\n" % at for at in range(60_000)),
        b"a = [" + b"{}," * 500_000 + b"]\n",
    ],
    ids=["keys", "a dotted key", "a dotted table", "tables", "a list of tables"],
)
def test_a_record_of_more_keys_and_tables_than_any_is_refused(data: bytes) -> None:
    """60 kB of one key took the parser of the standard library minutes, 2 MB of keys 250 MB."""
    with pytest.raises(FormatError, match="more keys or tables than a record of its size has"):
        parse(data, "a.buildinfo.toml")


def test_repeated_records_of_one_entry_count() -> None:
    body = b"6 a=b\n" * 2000
    tar = header("./PaxHeaders/x", size=len(body), flag=b"x") + body + bytes(-len(body) % 512) + header("f")
    with pytest.raises(FormatError, match="more than 1024 pax records"):
        list(TarReader([tar]))


def control(size: int) -> bytes:
    """A control segment with one script of so many bytes."""
    encoder = zlib.compressobj(9, zlib.DEFLATED, 31)
    info = b"pkgname = a\npkgver = 1-r0\nbuilddate = 1\n"
    parts = [encoder.compress(file(".PKGINFO", info, checksum=False) + header(".post-install", size=size))]
    parts += [encoder.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*parts, encoder.flush()])


@pytest.mark.parametrize("command", ["show", "verify", "signature list", "normalize --check"])
def test_a_control_segment_that_unpacks_to_much_is_refused(tmp_path: Path, command: str) -> None:
    """62 kB took 513 MB."""
    path = tmp_path / "a.apk"
    path.write_bytes(control(60 << 20))
    words = [*command.split(), path, *([path] if command == "verify" else [])]
    done = run(*words)
    assert done.returncode == 2
    assert "more than 8388608 bytes uncompressed in the control segment" in done.stderr + done.stdout
