"""If these fail, somebody installs another thing than what the verdict was about, by stock apk (tried with 2.14.4)."""

from __future__ import annotations

import gzip
import json
import struct
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import apkmaker
import pytest
import zstandard
from apkmaker import directory, ended, gz, hardlink, header, padded, pax, symlink

from buildinfo.apk.pkginfo import parse_pkginfo
from buildinfo.errors import UnreadableError
from buildinfo.normalize.registry import select
from buildinfo.verify.contents import SMALL, Contents
from buildinfo.verify.equal import Opening
from buildinfo.verify.explain.dissect import content
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.effort import Effort
from buildinfo.verify.explain.engine import best_of
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.files import same_normalized
from buildinfo.verify.pair import verify_pair
from buildinfo.verify.reading import Reader
from buildinfo.verify.report import Pair

Verify = Callable[[bytes, bytes], Pair]
EVIL = header("usr/bin/evil", mode=0o4755)
"""A file whose content is the header of another."""


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    def verify(original: bytes, rebuilt: bytes) -> Pair:
        for name, data in (("a.apk", original), ("b.apk", rebuilt)):
            (tmp_path / name).write_bytes(data)
        return verify_pair(tmp_path / "a.apk", tmp_path / "b.apk")

    return verify


def package(*entries: bytes, extra: str = "") -> bytes:
    return apkmaker.package(data=ended(directory("usr/"), directory("usr/bin/"), *entries), extra=extra)


def plain(name: str, content: bytes = b"hi\n", records: dict[str, str] | None = None, **fields: object) -> bytes:
    """A file without a checksum, so that nothing but the verdict can tell what it holds."""
    head = pax(records) if records else b""
    return head + header(name, **{"size": len(content), **fields}) + padded(content)  # type: ignore[arg-type]


def long_link(target: bytes) -> bytes:
    return header("././@LongLink", size=len(target) + 1, flag=b"K", magic=apkmaker.GNU) + padded(target + b"\0")


def chained(content: bytes) -> list[bytes]:
    names = [f"usr/bin/{letter}" for letter in "zyxwvutsrqponml"]
    links = [hardlink(name, before) for before, name in pairwise(names)]
    return [plain(names[0], content), *links]


def twice(content: bytes) -> list[bytes]:
    return [plain("usr/bin/b", b"good"), hardlink("usr/bin/a", "usr/bin/b"), plain("usr/bin/b", content)]


FILE = plain("usr/bin/a")
LINK = hardlink("usr/bin/b", "usr/bin/a")
ROOT = {"uname": "root", "gname": "root"}


def setuid(uid: int, records: dict[str, str] | None = None) -> bytes:
    return plain("a", records=records, mode=0o4755, uid=uid, uname=b"", gname=b"")


B, C = (header(f"usr/bin/{name}", flag=b"1", linkname="usr/bin/a", mode=mode) for name, mode in (("b", 7), ("c", 1)))

DATA = {
    "owner in the header only": ([plain("a", records=ROOT)], [plain("a", records=ROOT, uname=b"nobody")]),
    "size in the header only": (
        [plain("usr/bin/a", EVIL, {"size": "512"})],
        [plain("usr/bin/a", EVIL, {"size": "512"}, size=0)],
    ),
    "target in the header only": (
        [long_link(b"good") + header("usr/bin/a", flag=b"2", linkname="good")],
        [long_link(b"good") + header("usr/bin/a", flag=b"2", linkname="evil")],
    ),
    "prefix where none is meant": (
        [header("usr/bin/a", magic=apkmaker.GNU)],
        [header("usr/bin/a", magic=apkmaker.GNU, prefix=b"usr")],
    ),
    "number that apk refuses": ([FILE], [plain("usr/bin/a", mode=b"    644\0")]),
    "type that apk passes over": ([FILE], [plain("usr/bin/a", flag=b"\0")]),
    "header that is an end to apk": (
        [plain("a", EVIL, {"path": "usr/bin/a"})],
        [plain("", EVIL, {"path": "usr/bin/a"})],
    ),
    "record that is empty": ([FILE], [plain("usr/bin/a", records={"path": ""})]),
    "file that is a link to apk": (
        [FILE, plain("usr/bin/b", b"good")],
        [FILE, plain("usr/bin/b", b"good", {"linkpath": "usr/bin/a"})],
    ),
    "attribute of a hard link": (
        [FILE, LINK],
        [FILE, pax({"SCHILY.xattr.security.capability": "evil"}) + LINK],
    ),
    "content behind a chain of hard links": (chained(b"good"), chained(b"evil")),
    "content of a second copy": (twice(b"good"), twice(b"evil")),
    "hard link to another copy": (
        [plain("usr/bin/b", b"good"), hardlink("usr/bin/a", "usr/bin/b"), plain("usr/bin/b", b"evil")],
        [plain("usr/bin/b", b"good"), plain("usr/bin/b", b"evil"), hardlink("usr/bin/a", "usr/bin/b")],
    ),
    "mode of the last hard link": ([FILE, B, C], [FILE, C, B]),
    "path that apk passes over": ([FILE], [plain("./usr/bin/a")]),
    "link with a slash": (
        [header("usr/bin/a", flag=b"2", linkname="x")],
        [header("usr/bin/a/", flag=b"2", linkname="x")],
    ),
    "hard link that leads nowhere": ([FILE, LINK], [FILE, hardlink("usr/bin/b", "./usr/bin/a")]),
    "owner without a name": ([setuid(0)], [setuid(65534)]),
    "owner without a name in a record": ([setuid(0, {"uid": "0"})], [setuid(65534, {"uid": "0"})]),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_what_apk_reads_otherwise_is_different(verify: Verify, name: str) -> None:
    original, rebuilt = (package(*entries) for entries in DATA[name])
    assert verify(original, rebuilt).verdict == "different"
    assert verify(rebuilt, original).verdict == "different"


@pytest.mark.parametrize(
    ("entry", "again"),
    [
        (plain("usr/bin/a"), plain("bin/a", prefix=b"usr")),
        (plain("usr/bin/a"), plain("usr/bin/a", flag=b"7")),
        (plain("usr/bin/a"), plain("usr/bin/a", magic=apkmaker.GNU)),
        (header("usr/bin/a/", flag=b"5"), header("usr/bin/a", flag=b"5")),
        (plain("usr/bin/a"), plain("usr/bin/a", records={"mtime": "1700000000"})),
    ],
)
def test_what_apk_reads_alike_is_not_different(verify: Verify, entry: bytes, again: bytes) -> None:
    assert verify(package(entry), package(again)).verdict == "payload-identical"


@pytest.mark.parametrize(
    ("first", "second"),
    [(b"", symlink("usr/evil", "/")), (b"", directory("evil/")), (symlink(".x", "a"), symlink(".x", "b"))],
)
def test_what_is_no_file_in_control_is_not_passed_over(verify: Verify, first: bytes, second: bytes) -> None:
    """The verdict was `identical`, of two files with other bytes; apk refuses one of the two."""
    data = gz(apkmaker.DATA)
    one, other = (gz(apkmaker.control(data) + more) + data for more in (first, second))
    assert verify(one, other).verdict == "different"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("triggers = /a\ntriggers = /b\n", "triggers = /b\ntriggers = /a\n", "different"),
        ("triggers = /a\ntriggers = \n", "triggers = /a\ntriggers =\n", "different"),
        ("pkgname = evil\npkgname = hello\n", "pkgname = hello\npkgname = evil\n", "payload-identical"),
    ],
)
def test_the_last_value_is_what_counts(verify: Verify, first: str, second: str, verdict: str) -> None:
    pair = verify(package(extra=first), package(extra=second))
    assert (pair.verdict, pair.relations_changed) == (verdict, "pkgname" in first)


def skipped(content: bytes) -> bytes:
    """A zstd frame that unpacking skips, such as one that holds the directory of a zip archive."""
    return b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


TARS = [ended(plain("x", b"x" * 999, mtime=1700000000 + late)) for late in (5, 77)]
PAGE = b'<html lang="%s">\n<!-- Generated by javadoc %s-->\n'
CONTENTS = {
    "code in the generator's comment": (PAGE % (b"en", b""), PAGE % (b"en", b'<?php system("evil"); ?> ')),
    "code in the language": (PAGE % (b"en", b""), PAGE % (b"{{ evil() }}", b"")),
    "skipped zstd frame": tuple(
        zstandard.ZstdCompressor().compress(tar) + skipped(word)
        for tar, word in zip(TARS, (b"good", b"evil"), strict=True)
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_no_content_hides_behind_what_normalizing_removes(verify: Verify, name: str) -> None:
    original, rebuilt = (package(plain("usr/bin/a", content)) for content in CONTENTS[name])
    assert verify(original, rebuilt).verdict == "different"


def test_no_name_of_a_key_or_record_steers_a_terminal(verify: Verify) -> None:
    entries = [plain("usr/bin/a", records={f"evil\x1b[2J\udcff{word}": "x"}) for word in "ab"]
    pair = verify(package(entries[0]), package(entries[1], extra="evil\x1b[2J\udcff = x\n"))
    text = json.dumps(asdict(pair), ensure_ascii=False)
    assert "evil" in text and text.isprintable()


def ar_member(name: bytes, body: bytes) -> bytes:
    return b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"644", len(body)) + body + b"\n" * (len(body) % 2)


def cpio(body: bytes) -> bytes:
    numbers = (0, 0o100644, 0, 0, 1, 0, len(body), 0, 0, 0, 0, 2, 0)
    return b"070701" + b"".join(b"%08x" % number for number in numbers) + b"a\0" + body


BOMBS = {
    "lines that repeat": (b"a\n" * 2999, b"a\nb\n" * 1400),
    "texts that repeat": (b"\0aaaaaaa" * 4000, b"\0aaaaaaa\0bbbbbbb" * 1900),
    "one long line": (b"ab " * (4 << 20), b"ab " * (4 << 20) + b"c"),
    "many empty lines": (b"\n" * (8 << 20), b"\n" * (8 << 20) + b"c"),
    "names in a library": tuple(
        b"!<arch>\n" + ar_member(b"//", b"name/\n" * 99999) + ar_member(b"/1", b"") * 20000 + ar_member(b"a/", end)
        for end in (b"x", b"y")
    ),
    "zeros behind a cpio archive": tuple(cpio(end) + bytes(32 << 20) for end in (b"good", b"evil")),
    "overlapping translations": tuple(
        struct.pack("<5I", 0x950412DE, 0, 9000, 28, 28) + struct.pack("<2I", 999999, 28) * 130000 + end
        for end in (b"x", b"y")
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_file_takes_minutes_to_explain(name: str) -> None:
    """Each of these took one, or gigabytes; the bound leaves room for slow machines."""
    before = time.process_time()
    assert list(content(*BOMBS[name], Place("usr/share/a", "", content)))
    assert time.process_time() - before < 10


class Swapping(Reader):
    """Puts another file in the place of the first, once it has read something of the second."""

    def __init__(self, after: str, target: Path, data: bytes) -> None:
        super().__init__()
        self.after, self.target, self.data = after, target, data

    def opening(self, path: Path) -> Opening:
        return self._swapped("opening", path, super().opening(path))

    def contents(self, path: Path) -> Contents:
        return self._swapped("contents", path, super().contents(path))

    def _swapped(self, what: str, path: Path, result: Any) -> Any:
        if what == self.after and path != self.target:
            self.target.write_bytes(self.data)
        return result


@pytest.mark.parametrize("after", ["opening", "contents"])
@pytest.mark.parametrize("same_control", [False, True])
def test_a_file_that_changes_while_it_is_read_has_no_verdict(tmp_path: Path, after: str, same_control: bool) -> None:
    """An index of what was reproduced would name the identity of one package, by the verdict about another."""
    large = plain("usr/bin/z", bytes(SMALL + 1))  # what is small is read once only
    evil, good = (
        package(plain("usr/bin/a", gzip.compress(word * 99, mtime=0)), large, extra=f"url = {word.hex()}\n")
        for word in (b"evil", b"good")
    )
    first, second = tmp_path / "a.apk", tmp_path / "b.apk"
    first.write_bytes(evil)
    second.write_bytes(good if same_control else package(plain("usr/bin/a", b"old"), large))
    with pytest.raises(UnreadableError, match="changes while it is read"):
        verify_pair(first, second, reader=Swapping(after, first, good))


def test_bombs_end_where_the_effort_for_a_pair_does() -> None:
    """A package of 30 kB, with a bomb in each of its files, took hours."""
    one, other = (gzip.compress(tar, mtime=0) for tar in TARS)
    policy = select("all", 1700000000)
    effort = Effort(4 * len(TARS[0]))
    assert same_normalized(one, other, "a.gz", policy, effort=effort)
    assert effort.spent
    assert not same_normalized(one, other, "a.gz", policy, effort=effort)
    effort = Effort(len(TARS[0]))
    assert "tar" not in {hunk.kind for hunk in content(one, other, Place("a.gz", "", content, effort=effort))}
    assert effort.spent
    assert {hunk.kind for hunk in content(one, other, Place("a.gz", "", content, effort=Effort()))} == {"tar"}


def test_very_many_names_of_one_file_take_no_hours(verify: Verify) -> None:
    links = [hardlink(f"usr/bin/{number}", "usr/bin/a") for number in range(10_000)]
    before = time.process_time()
    assert verify(package(FILE, *links), package(FILE, *reversed(links))).verdict == "identical-normalized"
    assert time.process_time() - before < 10


def test_no_line_takes_seconds_to_explain() -> None:
    info = parse_pkginfo(b"pkgname = a\npkgver = 1\n")
    evidence = Evidence(info, info, [], None, None)
    before = time.process_time()
    for piece in (b"a-", b"-j", b"/", b"host "):
        line = piece * (4000 // len(piece))
        for name in ("plain", ".rodata", "html"):
            best_of(Hunk("string", name, line + b"!x", line + b"?y"), evidence)
    assert time.process_time() - before < 5
