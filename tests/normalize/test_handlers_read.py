"""If these fail, two files that a program takes differently become the same, or one becomes another to it."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from jobs import EPOCH, normalize
from test_ar import archive as ar_archive
from test_ar import member as ar_member
from test_png import chunk, image
from test_pyc import compiled

LATER = EPOCH + 100_000


@pytest.mark.parametrize("mode", [b"104755", b"102755", b"101777", b"120777", b"4755"])
def test_special_bits_of_an_ar_member_stay_and_count(mode: bytes) -> None:
    """ar gives them to what it unpacks: as root a setuid program."""
    data = ar_archive(ar_member(b"x/", b"12", mode=mode))
    assert mode.ljust(8) in normalize(data)[0]


def test_ar_unpacks_the_same_modes(tmp_path: Path) -> None:
    """What ar makes of the bits is the reason of the rule."""
    if shutil.which("ar") is None:
        pytest.skip("needs ar on PATH")
    path = tmp_path / "x.a"
    for data in (raw := ar_archive(ar_member(b"x/", b"12", mode=b"104755")), normalize(raw)[0]):
        path.write_bytes(data)
        subprocess.run(["ar", "x", path], cwd=tmp_path, check=True)
        assert (tmp_path / "x").stat().st_mode & 0o7777 == 0o4755


def test_a_gzip_member_that_states_its_size_keeps_it() -> None:
    """BGZF has the size of each member in an extra field: samtools would find no following one."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as target:
        for number in range(9):
            info = tarfile.TarInfo(f"m{number}")
            info.mtime = LATER + number
            target.addfile(info)
    packed = gzip.compress(tar.getvalue(), 6, mtime=0)
    assert normalize(packed)[0] != packed
    field = b"BC\2\0" + struct.pack("<H", len(packed) + 8 - 1)
    stated = packed[:3] + b"\4" + packed[4:10] + struct.pack("<H", len(field)) + field + packed[10:]
    result, report = normalize(stated)
    assert result is stated
    assert "extra field" in report.skipped[0].reason


def record(text: bytes) -> bytes:
    """One pax record, its own length, of two digits, before it."""
    return b"%d %s\n" % (len(text) + 4, text)


def pax_tar(*records: bytes) -> bytes:
    """A tar with one file and these pax records."""
    body = b"".join(map(record, records))
    extended, plain = tarfile.TarInfo("x"), tarfile.TarInfo("file")
    extended.type, extended.size = tarfile.XHDTYPE, len(body)
    blocks = extended.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512) + plain.tobuf(tarfile.USTAR_FORMAT)
    return blocks + bytes(1024)


@pytest.mark.parametrize(
    "records",
    [
        (b"SCHILY.xattr.user.b=1", b"SCHILY.xattr.user.a=1", b"SCHILY.xattr.user.a=2"),
        (b"SCHILY.xattr.user.a=1", b"LIBARCHIVE.xattr.user.a=Mg"),
    ],
)
def test_attributes_that_stand_twice_keep_their_order(records: tuple[bytes, ...]) -> None:
    """The last one counts, whatever its spelling."""
    for data in (pax_tar(*records), pax_tar(*reversed(records))):
        assert normalize(data)[0] is data


def test_a_zip_archive_behind_a_compiled_module_stays(tmp_path: Path) -> None:
    """`python module.pyc` runs the archive, and not the module."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("__main__.py", "print('archive')")
    path = compiled(tmp_path, source="print('module')", checked=True)
    path.write_bytes(path.read_bytes() + file.getvalue())

    def said() -> str:
        return subprocess.run([sys.executable, path], capture_output=True, text=True, check=True).stdout

    before = said()
    path.write_bytes(normalize(path.read_bytes(), name="module.pyc")[0])
    assert said() == before == "archive\n"


def test_what_stands_behind_a_date_in_an_image_is_not_lost() -> None:
    """A text that begins with a date is none."""
    body = b"2030-01-01T00:00:00+00:00" + b" " * 400 + b"more"
    for piece in (
        chunk(b"tEXt", b"date:create\0" + body),
        chunk(b"zTXt", b"date:create\0\0" + zlib.compress(body)),
        chunk(b"iTXt", b"date:create\0\0\0\0\0" + body),
    ):
        data = image(piece)
        assert normalize(data)[0] is data


def test_a_message_that_lies_in_a_date_stays() -> None:
    """Two programs would say two things, and be taken for the same."""
    header = b"Project-Id-Version: x\nPO-Revision-Date: 2030-01-01 00:00+0000\n"
    start = 28 + 32
    ids = b"\0" + b"year\0"
    texts = start + len(ids)
    table = [0, start, 4, start + 1, len(header), texts, 4, texts + header.index(b"2030")]
    data = struct.pack("<7I", 0x950412DE, 0, 2, 28, 28 + 16, 0, 0) + struct.pack("<8I", *table) + ids + header + b"\0"
    result, report = normalize(data)
    assert result is data
    assert "another message" in report.skipped[0].reason
    table[7] = start
    data = data[:28] + struct.pack("<8I", *table) + data[60:]
    assert b"2030" not in normalize(data)[0]
