"""U-Boot images: what a user loses if they keep the time of the build, or get a header that does not boot."""

from __future__ import annotations

import struct
import zlib

import pytest
from goldens import POLICIES, check_goldens, check_settles, mutated
from hypothesis import given, settings
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError


def image(time: int) -> bytes:
    content = b"kernel"
    fields = (time, len(content), 0x8000, 0x8000, zlib.crc32(content), b"\5\2\2\1", b"Linux")
    rest = struct.pack(">5I4s32s", *fields)
    checksum = zlib.crc32(b"\x27\x05\x19\x56" + bytes(4) + rest)
    return b"\x27\x05\x19\x56" + struct.pack(">I", checksum) + rest + content


def test_golden_files_of_strip_nondeterminism() -> None:
    """Debian's and Arch's tool would make another file of the same image."""
    check_goldens("uimage")


def test_a_time_after_the_epoch_is_clamped_with_its_checksum() -> None:
    """The image differs in every build, or U-Boot refuses it."""
    assert normalize(image(EPOCH + 9), handlers="leaks")[0] == image(EPOCH)
    assert normalize(image(EPOCH - 9), timestamps="set")[0] == image(EPOCH)


@pytest.mark.parametrize("time", [0, 1, EPOCH])
def test_other_times_keep_their_bytes(time: int) -> None:
    """An image without a time would get one; a deterministic one would change."""
    data = image(time)
    assert normalize(data)[0] is data
    if not time:
        assert normalize(data, timestamps="set")[0] is data


def test_a_wrong_checksum_is_left_alone() -> None:
    """Damage would get a valid checksum, or a file of another kind would be changed."""
    data = image(EPOCH + 9)[:20] + b"?" + image(EPOCH + 9)[21:]
    result, report = normalize(data)
    assert result is data
    assert "checksum" in report.skipped[0].reason


def test_a_header_that_is_cut_off_is_refused() -> None:
    """A damaged image would pass for one without a time."""
    with pytest.raises(FormatError):
        normalize(image(EPOCH)[:63])


@settings(max_examples=200, deadline=None)
@given(data=mutated(image(EPOCH + 9)), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile image would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)


def test_an_epoch_beyond_the_header_is_no_error() -> None:
    """One odd epoch would end the run with a traceback."""
    for epoch in (0, -1, 1 << 40):
        check_settles(image(EPOCH), epoch=epoch, timestamps="set", handlers="all")
