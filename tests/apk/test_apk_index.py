"""If these fail, the packages of a repository cannot be looked up, or are looked up wrongly."""

from __future__ import annotations

from pathlib import Path

import apkmaker as make
import pytest

from buildinfo.apk.index import raw_records, read_index
from buildinfo.errors import BuildinfoError, FormatError

RECORDS = b"C:Q1abc=\nP:b\nV:1-r0\nS:100\nT:caf\xe9\n\nC:Q1def=\nP:a\nV:2-r0\nD:b so:c=1\n\n"
SIGN = make.signature(".SIGN.RSA.joe.rsa.pub")
DESCRIPTION = make.file("DESCRIPTION", b"v3.19", checksum=False)
INDEX = make.file("APKINDEX", RECORDS, checksum=False)


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "APKINDEX.tar.gz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (make.gz(SIGN) + make.gz(make.ended(DESCRIPTION, INDEX)), "v3.19"),
        (make.gz(SIGN) + make.gz(make.ended(INDEX)), None),
        (make.gz(make.ended(INDEX, DESCRIPTION, SIGN)), "v3.19"),
    ],
    ids=["abuild", "no description", "signature last in the only member"],
)
def test_every_layout_seen_is_read(tmp_path: Path, content: bytes, description: str | None) -> None:
    index = read_index(write(tmp_path, content))
    assert index.description == description
    assert [list(record) for record in index.records] == [list("CPVST"), list("CPVD")]
    assert index.records[1] == {"C": "Q1def=", "P": "a", "V": "2-r0", "D": "b so:c=1"}
    assert index.records[0]["T"].encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert [s.file_name for s in index.signatures] == [".SIGN.RSA.joe.rsa.pub"]


def packed(index: bytes) -> bytes:
    return make.gz(make.ended(make.file("APKINDEX", index, checksum=False)))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"ADBd" + bytes(60), "v3 index not supported yet"),
        (b"", "no APKINDEX"),
        (b"hello", "not a gzip member"),
        (make.gz(SIGN), "no APKINDEX"),
        (make.gz(make.ended(INDEX, INDEX)), "twice"),
        (make.gz(make.ended(make.symlink("APKINDEX", "/etc/passwd"))), "no file"),
        (packed(RECORDS[:-2]), "ends inside a record, line 10"),
        (packed(b"C:x\nP\n\n"), "line 2 ends a record without name"),
        (packed(b"C:x\nhello\n\n"), "malformed line before line 3"),
        (packed(b"C:x\nP:a\n\n"), "line 3 ends a record without name or version"),
        (make.gz(SIGN) * 40, "more than 32"),
        (packed(RECORDS) + b"junk", "bytes after"),
    ],
    ids=range(12),
)
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        read_index(write(tmp_path, content))


def test_what_apk_reads_is_read(tmp_path: Path) -> None:
    """Repeated and unknown fields, no empty line at the end: the last value counts, lists add up."""
    index = read_index(write(tmp_path, packed(b"C:x\nC:y\nP:a\nV:1\nD:b\nD:c\nz:new\n0:\n \n\nP:d\nV:2\n")))
    first = {"C": "y", "P": "a", "V": "1", "D": "b c", "z": "new", "0": ""}
    assert index.records == (first, {"P": "d", "V": "2"})
    assert b"".join(raw_records(index)).count(b"\n\n") == 2


def test_an_empty_repository_has_an_index(tmp_path: Path) -> None:
    assert read_index(write(tmp_path, packed(b""))).records == ()


def test_an_index_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = make.gz(SIGN) + make.gz(make.ended(DESCRIPTION, INDEX))
    for at in range(len(whole)):
        with pytest.raises(BuildinfoError):
            read_index(write(tmp_path, whole[:at]))
