"""Archives behind programs: what a user loses if they keep the time of the build, or no longer start."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import EPOCH, normalize
from packing import Item, Packing

from buildinfo.apk.v2 import read_package
from buildinfo.normalize.package import Settings, normalize_package
from buildinfo.normalize.registry import select

SCRIPT = b'#!/bin/sh\n# no exit\nexec java -jar "$0" "$@"\nexit 1\n'
MAIN = b"print(6 * 7)\n"


def zipped(year: int, *, method: int = zipfile.ZIP_DEFLATED, content: bytes = MAIN, names: str = "za") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", (year, 3, 4, 5, 6, 8)), content)
        for name in names:
            archive.writestr(zipfile.ZipInfo(f"{name}.txt", (year, 3, 4, 5, 6, 8)), b"text of " + name.encode())
    return file.getvalue()


def behind(stub: bytes, archive: bytes, *, own: bool) -> bytes:
    """An archive behind a program; its offsets count from its own start, or from that of the file."""
    if own:
        return stub + archive
    file = io.BytesIO()
    file.write(stub)
    with zipfile.ZipFile(file, "a") as target, zipfile.ZipFile(io.BytesIO(archive)) as source:
        for member in source.infolist():
            target.writestr(member, source.read(member))
    return file.getvalue()


def elf(reaching: int = 0) -> bytes:
    """An ELF program of one segment, which may reach past its end."""
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 200 + reaching, 200, 4096) + b"\x90" * 80


def pe(checksum: int = 0) -> bytes:
    optional = bytearray(b"\x0b\x02".ljust(240, b"\0"))
    optional[64:68] = checksum.to_bytes(4, "little")
    header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, len(optional), 0x22)
    return b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little") + header + optional


def dates(data: bytes) -> set[int]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {member.date_time[0] for member in archive.infolist()}


STUBS = {"script": SCRIPT, "batch": b"@java -jar %0 %*\r\n@exit\r\n", "elf": elf(), "pe": pe()}


@pytest.mark.parametrize("own", [True, False], ids=["own offsets", "offsets of the file"])
@pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS)
def test_two_builds_become_one_and_no_byte_before_the_archive_changes(stub: bytes, own: bool) -> None:
    results = [normalize(behind(stub, zipped(year), own=own))[0] for year in (2021, 2022)]
    assert results[0] == results[1]
    assert results[0].startswith(stub)
    assert dates(results[0]) == {2015}


@pytest.mark.parametrize("line", [b"#!/usr/bin/env -S python3 -sE\n", b"#! /usr/bin/lua5.4\n", b"#!/opt/app/run\n"])
def test_a_line_that_names_any_interpreter(line: bytes) -> None:
    results = [normalize(behind(line, zipped(year), own=False))[0] for year in (2021, 2022)]
    assert results[0] == results[1]
    assert dates(results[0]) == {2015}


def test_a_program_still_runs(tmp_path: Path) -> None:
    program = tmp_path / "program"
    stub = f'#!/bin/sh\nexec "{sys.executable}" "$0" "$@"\n'.encode()
    program.write_bytes(normalize(behind(stub, zipped(2022), own=False))[0])
    program.chmod(0o755)
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"42\n"


def test_nothing_moves_for_the_program_may_know_its_place() -> None:
    data = behind(SCRIPT, zipped(2022), own=False)
    result, _ = normalize(data)
    assert len(result) == len(data)
    for side in (data, result):
        with zipfile.ZipFile(io.BytesIO(side)) as archive:
            assert [member.filename for member in archive.infolist()] == ["__main__.py", "z.txt", "a.txt"]
            assert archive.getinfo("z.txt").header_offset == data.index(b"z.txt") - 30


def test_an_archive_inside_that_would_get_another_size_stays() -> None:
    inner = zlib.compress(b"")  # no archive: nothing to do
    nested = zipped(2022, names="".join(chr(letter) for letter in range(98, 122)), content=inner)
    stored, _ = normalize(behind(SCRIPT, zipped(2022, method=zipfile.ZIP_STORED, content=nested), own=False))
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        assert dates(archive.read("__main__.py")) == {2015}
    deflated = behind(SCRIPT, zipped(2022, content=nested), own=False)
    result, report = normalize(deflated)
    assert len(result) == len(deflated)
    assert dates(result) == {2015}
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        kept = archive.read("__main__.py") == nested
    assert kept == any("another size" in skipped.reason for skipped in report.skipped)


def vouching() -> dict[str, bytes]:
    archive = zipped(2022)
    known = hashlib.sha256(archive).hexdigest().encode()
    return {
        "a script that sums it up": b'#!/bin/sh\n[ "$(tail -n +3 "$0" | cksum)" = "1 2" ] || exit\n',
        "a script that names its hash": b"#!/bin/sh\nknown=" + known + b"\nexit\n",
        "a program that holds its hash": elf() + hashlib.sha256(archive).digest(),
        "a program that holds its checksum": elf() + zlib.crc32(archive).to_bytes(4, "little"),
        "a segment that reaches into it": elf(len(archive)),
        "a header that sums it up": pe(0x1234),
    }


@pytest.mark.parametrize("name", vouching())
def test_what_the_program_may_check_is_left_alone(name: str) -> None:
    data = behind(vouching()[name], zipped(2022), own=True)
    result, report = normalize(data)
    assert result is data
    assert [skipped.handler for skipped in report.skipped] == ["stubzip"]


def test_what_only_ends_like_an_archive_is_no_broken_one() -> None:
    data = b"#!/bin/sh\necho hello\nexit\n" + b"PK\x05\x06" + bytes(8) + b"\xff\xff\0\0\xff\xff\0\0\0\0"
    assert normalize(data)[0] is data
    empty = SCRIPT + b"PK\x05\x06" + bytes(18)
    assert normalize(empty)[0] is empty


def test_large_ones_in_a_package(tmp_path: Path) -> None:
    """The end tells what it is, and stands far behind what was read first."""
    stub = SCRIPT + b"# a long script\n" * 40_000
    results = []
    for year in (2021, 2022):
        path = tmp_path / f"{year}.apk"
        content = behind(stub, zipped(year), own=False)
        path.write_bytes(Packing().package([Item("program", content=content)]))
        normalize_package(path, Settings(lambda info: select("all", EPOCH)))
        results.append(path.read_bytes())
        read_package(path)
    assert results[0] == results[1]


@pytest.mark.skipif(shutil.which("java") is None or shutil.which("jar") is None, reason="needs java and jar")
def test_java_starts_a_jar_behind_a_script(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    subprocess.run(["jar", "cf", "a.jar", "notes.txt"], cwd=tmp_path, check=True)
    path = tmp_path / "run.jar"
    path.write_bytes(normalize(SCRIPT + (tmp_path / "a.jar").read_bytes())[0])
    listed = subprocess.run(["jar", "tf", path], capture_output=True, text=True, check=True).stdout
    assert "notes.txt" in listed


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_broken_ones_end_without_a_traceback(data: st.DataObject) -> None:
    good = bytearray(behind(data.draw(st.sampled_from(list(STUBS.values()))), zipped(2022), own=True))
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=6)):
        good[at] = data.draw(st.integers(0, 255))
    result, _ = normalize(bytes(good))
    assert normalize(result)[0] == result


def test_the_reports(corpus: Path) -> None:
    for name in ("zipapp-{}.pyz", "shell-{}.jar"):
        sides = [normalize((corpus / "reports" / name.format(side)).read_bytes())[0] for side in "ab"]
        assert sides[0] == sides[1]


def test_the_signature_before_a_browser_extension_holds() -> None:
    """A browser would refuse the extension: the header of a CRX file signs the archive behind it."""
    header = b"Cr24" + (3).to_bytes(4, "little") + (8).to_bytes(4, "little") + b"\0signed\0"
    data = header + zipped(2023)
    result, report = normalize(data)
    assert result is data
    assert [entry.handler for entry in report.skipped] == ["stubzip"]
