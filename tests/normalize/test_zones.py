"""If these fail, two builds of one source in two time zones are two packages."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from goldens import corpus
from jobs import normalize

EPOCH = 1700000001
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "XXX-14", "XXX+12")
SUMMER = EPOCH - 120 * 86400
TIMES = {"new": EPOCH - 10, "odd": EPOCH - 9, "summer": SUMMER, "old": 1_000_000_001, "none": 0, "at": EPOCH}
PYTHON = (
    "import sys, zipfile\nwith zipfile.ZipFile('out.zip', 'w') as out:\n  for name in sys.argv[1:]: out.write(name)"
)
WRITERS = {
    "zip": ("zip", "-q", "out.zip"),
    "zip -X": ("zip", "-q", "-X", "out.zip"),
    "jar": ("jar", "cf", "out.zip"),
    "python": (sys.executable, "-c", PYTHON),
}


def packed(writer: str, zone: str, folder: Path) -> bytes:
    """What a program writes of the same files in a zone."""
    if shutil.which(WRITERS[writer][0]) is None:
        pytest.skip(f"needs {WRITERS[writer][0]} on PATH")
    folder.mkdir()
    for name, time in TIMES.items():
        if writer == "python" and name == "none":
            continue  # refused
        (folder / name).write_text(name * 9)
        (folder / name).chmod(0o644)
        os.utime(folder / name, (time, time))
    names = sorted(path.name for path in folder.iterdir())
    command = [*WRITERS[writer], *names]
    subprocess.run(command, cwd=folder, env={**os.environ, "TZ": zone}, check=True, capture_output=True)
    return (folder / "out.zip").read_bytes()


@pytest.mark.parametrize("writer", WRITERS)
def test_an_archive_packed_in_any_zone_becomes_one(writer: str, tmp_path: Path) -> None:
    made = {zone: packed(writer, zone, tmp_path / zone.replace("/", "_")) for zone in ZONES}
    assert len(set(made.values())) == len(ZONES)
    results = {normalize(data, epoch=EPOCH)[0] for data in made.values()}
    assert len(results) == 1
    (result,) = results
    assert normalize(result, epoch=EPOCH)[0] == result


def test_what_names_its_moment_in_utc_stays(tmp_path: Path) -> None:
    """A builder with TZ=UTC has nothing of a zone: not one byte of such times may change."""
    made = packed("zip", "UTC", tmp_path / "files")
    result, _ = normalize(made, epoch=EPOCH + 86400, handlers="zip")
    before, after = (zipfile.ZipFile(io.BytesIO(data)).infolist() for data in (made, result))
    assert {info.filename: info.date_time for info in after} == {info.filename: info.date_time for info in before}


def test_what_was_handed_over_becomes_one() -> None:
    files = [corpus(f"reports/zone-{zone}.zip") for zone in ("UTC", "New_York", "Tokyo")]
    assert len({normalize(data, epoch=EPOCH)[0] for data in files}) == 1


def test_leaks_alone_leave_zones(tmp_path: Path) -> None:
    """An archive that upstream packed has upstream's zone: official packages keep their bytes."""
    made = packed("zip -X", "Asia/Tokyo", tmp_path / "files")
    assert normalize(made, epoch=EPOCH + 86400, handlers="leaks")[0] == made


def test_a_module_in_an_archive_has_the_time_of_its_source() -> None:
    """Python would not take it, and compile the source again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        code = compile("x = 1\n", "m.py", "exec")
        import importlib._bootstrap_external as external

        pyc = bytes(external._code_to_timestamp_pyc(code, 1_600_000_000, 6))  # type: ignore[attr-defined]
        archive.writestr(zipfile.ZipInfo("m.py", (2020, 9, 13, 21, 26, 40)), "x = 1\n")
        archive.writestr(zipfile.ZipInfo("m.pyc", (2020, 9, 13, 21, 26, 40)), pyc)
    result, _ = normalize(out.getvalue(), epoch=EPOCH)
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        assert archive.getinfo("m.py").date_time == (2023, 11, 14, 22, 13, 20)
        assert struct.unpack("<I", archive.read("m.pyc")[8:12])[0] == EPOCH & ~1
