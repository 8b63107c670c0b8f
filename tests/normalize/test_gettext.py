"""Message catalogs: what a user loses if they keep the time of the build, or if a string moves."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from goldens import POLICIES, check_settles, mutated
from hypothesis import given, settings
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError

ORDERS = {"little": "<", "big": ">"}
LATE = b"Project-Id-Version: x\nPOT-Creation-Date: 2016-07-24 11:45+0200\nPO-Revision-Date: 2016-07-25 00:00-0730\n"
CLAMPED = b"Project-Id-Version: x\nPOT-Creation-Date: 2015-02-05 20:09+0200\nPO-Revision-Date: 2015-02-05 10:39-0730\n"


def catalog(header: bytes, order: str = "little", *, revision: int = 0) -> bytes:
    """As msgfmt lays it out: header, two tables, the hash table, the strings."""
    pairs = ((b"", header), (b"yes", b"j\xe4"))
    tables = 28 + 16 * len(pairs)
    at = tables + 12
    rows: list[int] = []
    strings = b"".join(original + b"\0" for original, _ in pairs) + b"".join(text + b"\0" for _, text in pairs)
    for text in (*(pair[0] for pair in pairs), *(pair[1] for pair in pairs)):
        rows += (len(text), at)
        at += len(text) + 1
    numbers = (0x950412DE, revision, len(pairs), 28, 28 + 8 * len(pairs), 3, tables)
    return struct.pack(f"{ORDERS[order]}{7 + len(rows) + 3}I", *numbers, *rows, 0, 2, 1) + strings


@pytest.mark.parametrize("order", ORDERS)
def test_dates_after_the_epoch_are_clamped_in_place(order: str) -> None:
    """A catalog whose template the build writes anew differs in every build."""
    result, _ = normalize(catalog(LATE, order), handlers="leaks")
    assert result == catalog(CLAMPED, order)
    assert normalize(result)[0] is result


def test_set_changes_older_dates_too() -> None:
    """Catalogs that were made at two times would not become one."""
    old = b"POT-Creation-Date: 2001-01-01 00:00+0000\n"
    assert normalize(catalog(old), timestamps="set")[0] == catalog(b"POT-Creation-Date: 2015-02-05 18:09+0000\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"2016-07-24 11:45", b"2015-02-05 18:09"),
        (b"2016-07-24 11:45:59+0000", b"2015-02-05 18:09:31+0000"),
        (b"2016-07-24T11:45+02:00\r", b"2015-02-05T20:09+02:00\r"),
        (b"2016-07-24 11:45 GMT+0100", b"2015-02-05 19:09 GMT+0100"),
        (b"2016-07-24 11:45Z", b"2015-02-05 18:09Z"),
    ],
)
def test_spellings_keep_their_length(before: bytes, after: bytes) -> None:
    """The strings behind the header would be read from the wrong place."""
    line = b"PO-Revision-Date: %s\n"
    assert normalize(catalog(line % before))[0] == catalog(line % after)


@pytest.mark.parametrize(
    "header",
    [
        b"PO-Revision-Date: 2015-02-05 19:09+0100\n",
        b"PO-Revision-Date: YEAR-MO-DA HO:MI+ZONE\n",
        b"PO-Revision-Date: 2016-07-24 11:45SAST\n",
        b"PO-Revision-Date: 2016-13-24 11:45+0000\n",
        b"X-PO-Revision-Date: 2016-07-24 11:45+0000\n",
        b"",
    ],
)
def test_other_headers_keep_their_bytes(header: bytes) -> None:
    """A translator's own header would change in every package."""
    data = catalog(header)
    assert normalize(data)[0] is data


def test_a_header_in_another_encoding_is_read() -> None:
    """The catalogs of a project that does not use UTF-8 would stay irreproducible."""
    name = b"Last-Translator: J\xfcrgen\n"
    assert normalize(catalog(name + LATE))[0] == catalog(name + CLAMPED)


def test_an_unknown_revision_is_left_alone() -> None:
    """A format of the future would be patched where it holds something else."""
    data = catalog(LATE, revision=2 << 16)
    result, report = normalize(data)
    assert result is data
    assert "revision" in report.skipped[0].reason


def patched(at: int, value: int) -> bytes:
    data = bytearray(catalog(LATE))
    struct.pack_into("<I", data, at, value)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [catalog(LATE)[:20], patched(8, 1 << 31), patched(12, 4000), patched(44, 4000), patched(48, 20)],
    ids=["header", "strings", "table", "translation", "overlap"],
)
def test_a_broken_catalog_is_refused(data: bytes) -> None:
    """A date would be written over a table."""
    with pytest.raises(FormatError):
        normalize(data)


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="needs msgfmt")
@pytest.mark.parametrize("order", ORDERS)
def test_what_msgfmt_writes_differs_in_nothing_but_dates(tmp_path: Path, order: str) -> None:
    """Our picture of the format would be one of our own making."""
    for name, header in (("late", LATE), ("clamped", CLAMPED)):
        lines = "".join(f'"{line}\\n"\n' for line in header.decode().splitlines())
        source = tmp_path / f"{name}.po"
        source.write_text(f'msgid ""\nmsgstr ""\n{lines}\nmsgid "yes"\nmsgstr "ja"\n')
        command = ["msgfmt", f"--endianness={order}", "-o", str(tmp_path / f"{name}.mo"), str(source)]
        subprocess.run(command, check=True)
    late, clamped = ((tmp_path / f"{name}.mo").read_bytes() for name in ("late", "clamped"))
    assert late != clamped
    assert normalize(late)[0] == clamped
    assert normalize(clamped)[0] is clamped


@settings(max_examples=200, deadline=None)
@given(data=mutated(catalog(LATE), catalog(LATE, "big")), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile catalog would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)


def test_dates_at_the_end_of_time_are_no_error() -> None:
    """One odd epoch or date would end the run with a traceback."""
    data = catalog(b"POT-Creation-Date: 9999-12-31 23:59-2359\n")
    for epoch in (EPOCH, 0, -(1 << 50), 1 << 50):
        for timestamps in ("clamp", "set"):
            check_settles(data, epoch=epoch, timestamps=timestamps, handlers="all")
