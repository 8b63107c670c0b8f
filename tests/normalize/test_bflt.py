"""bFLT programs: what a user loses if they keep the time of the build, or if another file is taken for one."""

from __future__ import annotations

import struct

import pytest
from goldens import POLICIES, check_goldens, check_settles, mutated
from hypothesis import given, settings
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError


def program(date: int, *, flags: int = 1, filler: int = 0) -> bytes:
    numbers = (4, 64, 96, 100, 104, 4096, 100, 0, flags, date, filler, 0, 0, 0, 0)
    return b"bFLT" + struct.pack(">15I", *numbers) + bytes(40)


def test_golden_files_of_strip_nondeterminism() -> None:
    """Debian's and Arch's tool would make another file of the same program."""
    check_goldens("bflt")


def test_a_date_after_the_epoch_is_clamped() -> None:
    """The program differs in every build."""
    assert normalize(program(EPOCH + 9), handlers="leaks")[0] == program(EPOCH)
    assert normalize(program(EPOCH - 9), timestamps="set")[0] == program(EPOCH)


@pytest.mark.parametrize("date", [0, 1, EPOCH])
def test_other_dates_keep_their_bytes(date: int) -> None:
    """A program without a date would get one; a deterministic one would change."""
    data = program(date)
    assert normalize(data)[0] is data
    if not date:
        assert normalize(data, timestamps="set")[0] is data


@pytest.mark.parametrize("data", [program(EPOCH + 9, flags=64), program(EPOCH + 9, filler=1)], ids=["flags", "filler"])
def test_what_only_looks_like_a_program_is_left_alone(data: bytes) -> None:
    """Eight bytes at the start of any file would be enough to change it."""
    result, report = normalize(data)
    assert result is data
    assert [skip.handler for skip in report.skipped] == ["bflt"]


def test_a_header_that_is_cut_off_is_refused() -> None:
    """A damaged program would pass for one without a date."""
    with pytest.raises(FormatError):
        normalize(program(EPOCH)[:63])


@settings(max_examples=200, deadline=None)
@given(data=mutated(program(EPOCH + 9)), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile program would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)


def test_an_epoch_beyond_the_header_is_no_error() -> None:
    """One odd epoch would end the run with a traceback."""
    for epoch in (0, -1, 1 << 40):
        check_settles(program(EPOCH), epoch=epoch, timestamps="set", handlers="all")
