"""PNG images: what a user loses if they keep the time at which they were drawn, or lose anything else."""

from __future__ import annotations

import struct
import zlib

import pytest
from goldens import POLICIES, check_goldens, check_settles, mutated
from hypothesis import given, settings
from jobs import normalize

MAGIC = b"\x89PNG\r\n\x1a\n"
DONE = b"2015-02-05T18:09:31-00:00"
"""EPOCH as strip-nondeterminism writes it."""


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def image(*chunks: bytes) -> bytes:
    start = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\1\0\0\0\0")
    return MAGIC + start + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND")


def drawn(year: int, *rest: int) -> bytes:
    return chunk(b"tIME", struct.pack(">H5B", year, *rest))


LATE = drawn(2016, 7, 24, 11, 45, 1)
CLAMPED = drawn(2015, 2, 5, 18, 9, 31)
TEXT = chunk(b"tEXt", b"date:create\x002016-07-24T11:19:04+01:00")
PACKED = chunk(b"zTXt", b"Creation Time\0\0" + zlib.compress(b"Sun, 24 Jul 2016 11:19:04 GMT"))
UNICODE = chunk(b"iTXt", b"Creation Time\0\0\0en\0made\x002016:07:24 11:19:04")
UNICODE_PACKED = chunk(b"iTXt", b"Creation Time\0\1\0\0\0" + zlib.compress(b"2016-07-24 11:19"))
ODD = chunk(b"tEXt", b"Creation Time\0on a rainy day")
EVERYTHING = image(LATE, TEXT, PACKED, UNICODE, UNICODE_PACKED, ODD) + b"garbage"


def test_golden_files_of_strip_nondeterminism() -> None:
    """Debian's and Arch's tool would make another file of the same image."""
    check_goldens("png")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LATE, CLAMPED),
        (TEXT, chunk(b"tEXt", b"date:create\0" + DONE)),
        (PACKED, chunk(b"tEXt", b"Creation Time\0" + DONE)),
        (UNICODE, chunk(b"tEXt", b"Creation Time\0" + DONE)),
        (UNICODE_PACKED, chunk(b"tEXt", b"Creation Time\0" + DONE)),
    ],
    ids=["tIME", "tEXt", "zTXt", "iTXt", "iTXt packed"],
)
def test_a_time_after_the_epoch_is_clamped(before: bytes, after: bytes) -> None:
    """An image that the build draws differs in every build."""
    assert normalize(image(before), handlers="leaks")[0] == image(after)
    assert normalize(image(before), timestamps="set")[0] == image(after)


@pytest.mark.parametrize(
    "old",
    [
        drawn(2014, 12, 31, 23, 59, 60),
        drawn(2015, 0, 0, 0, 0, 0),
        chunk(b"tIME", b"short"),
        chunk(b"tEXt", b"date:modify\x002014-01-26T20:59:00+02:00"),
        chunk(b"tEXt", b"date:modify\x002015-02-05T19:09:31+01:00"),
        chunk(b"tEXt", b"Creation Time\x0031 Jan 2014 23:59:59 -0500"),
        chunk(b"tEXt", b"Comment\x002016-07-24T11:19:04+01:00"),
        chunk(b"tEXt", b"Creation Time\0"),
        chunk(b"zTXt", b"Creation Time\0\0no zlib"),
        chunk(b"iTXt", b"Creation Time\0"),
    ],
)
def test_other_times_keep_their_bytes(old: bytes) -> None:
    """An image that upstream drew long ago would change in every package."""
    data = image(old)
    assert normalize(data)[0] is data


def test_a_time_that_is_not_understood_is_reported() -> None:
    """A leak would stay without a word."""
    data = image(ODD)
    result, report = normalize(data)
    assert result is data
    assert "Creation Time" in report.skipped[0].reason
    assert DONE in normalize(data, timestamps="set")[0]


def test_garbage_after_the_image_is_kept() -> None:
    """A file that hides something behind an image would lose it (Debian's bug 802057)."""
    assert normalize(image(LATE) + LATE)[0] == image(CLAMPED) + LATE


@pytest.mark.parametrize(
    "data",
    [
        image(LATE)[:-12],
        image(LATE)[:-3],
        MAGIC,
        image(LATE, b"\xff\xff\xff\xfftEXtdate:create\0"),
        image(LATE[:-1] + b"\0"),
    ],
    ids=["no end", "cut", "empty", "huge", "checksum"],
)
def test_a_damaged_image_is_left_alone(data: bytes) -> None:
    """Damage would get a valid checksum, and be hidden by that."""
    result, report = normalize(data)
    assert result is data
    assert [skip.handler for skip in report.skipped] == ["png"]


@settings(max_examples=200, deadline=None)
@given(data=mutated(EVERYTHING, image(LATE), image(PACKED)), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile image would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)
