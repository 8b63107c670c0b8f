"""Static libraries: what a user loses if their members keep time and owner, or if their symbol tables break."""

from __future__ import annotations

import gzip

import pytest
from goldens import POLICIES, check_goldens, check_settles, corpus, mutated
from hypothesis import given, settings
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError

LATER = EPOCH + 1000


def member(name: bytes, content: bytes, *, mtime: int = LATER, owner: int = 1000, mode: bytes = b"100664") -> bytes:
    header = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, mtime, owner, owner, mode, len(content))
    return header + content + b"\n" * (len(content) % 2)


def archive(*members: bytes) -> bytes:
    return b"!<arch>\n" + b"".join(members)


NAMES = b"a_name_longer_than_fits.o/\n"
LONG = b"%-48s%-10d`\n" % (b"//", len(NAMES)) + NAMES + b"\n"
SYMBOLS = member(b"/", b"\0\0\0\1\0\0\0\x52main\0\0", owner=0, mode=b"0")
LIBRARY = archive(SYMBOLS, LONG, member(b"/0", b"\x7fELF one"), member(b"tool/", b"odd", mode=b"100775"))
BSD = archive(member(b"#1/20", b"__.SYMDEF SORTED\0\0\0\0" + bytes(8)), member(b"#1/12", b"name.o\0\0\0\0\0\0\x7fELF"))


def test_golden_files_of_strip_nondeterminism() -> None:
    """Debian's and Arch's tool would make another file of the same library."""
    check_goldens("ar")


def test_golden_files_of_add_determinism_without_canonical_forms() -> None:
    """Fedora's tool would make another file; it keeps modes, so this holds for leaks only."""
    empty, library = corpus("add-determinism/libempty.a"), corpus("add-determinism/testrelro.a")
    fixed = corpus("add-determinism/testrelro.fixed.a")
    assert normalize(empty, epoch=111, handlers="leaks")[0] == empty
    assert normalize(library, epoch=111, handlers="leaks")[0] == fixed
    assert normalize(fixed, epoch=111, handlers="leaks")[0] == fixed


def test_two_builders_get_one_library() -> None:
    """Two builds of one library differ by who built it, and when."""
    builds = [
        archive(member(b"a.o/", b"\x7fELF", mtime=mtime, owner=owner, mode=mode))
        for mtime, owner, mode in ((LATER, 1000, b"100664"), (LATER + 7, 300, b"100644"))
    ]
    first, second = (normalize(build)[0] for build in builds)
    assert first == second == archive(member(b"a.o/", b"\x7fELF", mtime=EPOCH, owner=0, mode=b"644"))


def test_leaks_keep_modes() -> None:
    """A default run would change what is the same in every build."""
    wanted = archive(member(b"a.o/", b"x", mtime=EPOCH, owner=0))
    assert normalize(archive(member(b"a.o/", b"x")), handlers="leaks")[0] == wanted


def test_tables_keep_their_bytes_and_places() -> None:
    """The linker would no longer find a symbol, or a member with a long name."""
    result, report = normalize(LIBRARY)
    assert len(result) == len(LIBRARY)
    assert LONG in result
    table = len(b"!<arch>\n")
    assert result[table + 40 : table + 76] == LIBRARY[table + 40 : table + 76]
    assert [change.handler for change in report.changes] == ["ar"]


@pytest.mark.parametrize("data", [LIBRARY, BSD], ids=["gnu", "bsd"])
def test_a_deterministic_library_keeps_its_bytes(data: bytes) -> None:
    """Every library that ar makes today (`D`: time 0, owner 0) would change its bytes."""
    done = archive(member(b"/", b"\0\0\0\0", mtime=0, owner=0, mode=b"0"), member(b"a.o/", b"x", mtime=0, owner=0))
    assert normalize(done, handlers="leaks")[0] is done
    once = normalize(data)[0]
    assert normalize(once)[0] is once


def test_blank_fields_stay_blank() -> None:
    """The tables of an import library, whose owner is blank, would become a file that its linker has not seen."""
    blank = archive(b"%-16s%-12d%-12s%-8s%-10d`\n" % (b"/", -1, b"", b"0", 2) + b"xy")
    assert normalize(blank)[0] is blank


def test_a_member_that_would_grow_is_left_as_it_is() -> None:
    """Offsets in the symbol table would point into the middle of other members."""
    packed = gzip.compress(b"x" * 100, mtime=LATER)
    named = packed[:3] + b"\x08" + packed[4:10] + b"name\0" + packed[10:]
    data = archive(member(b"a.gz/", named))
    result, report = normalize(data)
    assert len(result) == len(data)
    assert [change.handler for change in report.changes] == ["ar"]
    assert result.endswith(named + b"\n" * (len(named) % 2))
    assert [skip.handler for skip in report.skipped] == ["ar"]


def test_a_member_is_normalized_where_that_keeps_its_size() -> None:
    """The time inside a compressed member would still differ."""
    data = archive(member(b"#1/8", b"a.gz\0\0\0\0" + gzip.compress(b"x", mtime=LATER)))
    result, report = normalize(data)
    assert gzip.compress(b"x", mtime=EPOCH) in result
    assert [(change.handler, change.path) for change in report.changes] == [("gzip", "a.gz"), ("ar", "")]


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"!<thin>\n" + member(b"a.o/", b""), 0),
        (archive(member(b"a.o/", b"x"))[:40], 8),
        (archive(member(b"a.o/", b"x").replace(b"`\n", b"``")), 8),
        (archive(member(b"a.o/", b"xy"))[:-1], 8),
        (archive(member(b"a.o/", b"xy").replace(b"2         `", b"-2        `")), 8),
        (archive(member(b"a.o/", b"xy").replace(b"2         `", b"          `")), 8),
        (archive(member(b"a.o/", b"xy", mode=b"rwxr-xr-")), 8),
        (archive(member(b"#1/3", b"xy")), 8),
    ],
    ids=["thin", "header", "magic", "content", "negative", "no size", "mode", "name"],
)
def test_a_broken_archive_is_refused(data: bytes, offset: int) -> None:
    """A damaged library would be rewritten into one that looks whole."""
    with pytest.raises(FormatError) as refusal:
        normalize(data)
    assert refusal.value.offset == offset


def test_the_broken_archive_of_strip_nondeterminism_is_refused() -> None:
    """A negative size would make the reader run in a circle (Debian's bug 857975)."""
    with pytest.raises(FormatError):
        normalize(corpus("strip-nondeterminism/failures/ar/857975.a"))


@settings(max_examples=200, deadline=None)
@given(data=mutated(LIBRARY, BSD, archive()), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile library would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)
