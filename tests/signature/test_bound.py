"""If these fail, a record of the vendor's index tells apk something else of a package than what was reproduced, and the
rebuilder signs it; or a report is believed against the very files it is about.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import apkmaker as make
import pytest
from signers import Signer, index_record, signer, unsigned_index
from test_reproduced import program, report

from buildinfo.apk.index import raw_records, read_index
from buildinfo.apk.indexed import in_words, record_of
from buildinfo.apk.keys import read_private_key
from buildinfo.apk.v2 import read_package
from buildinfo.errors import IntegrityError
from buildinfo.reproduced import Reproduced, reproduced
from buildinfo.signatures import strip
from buildinfo.verify import verify
from buildinfo.verify.report import to_json

EXTRA = "provides = cmd:hello=1.0-r0\nprovides = greeter\ninstall_if = docs greeter\nprovider_priority = 10\n"


class Farm:
    """A package, its rebuild, and what `verify` says of them; all paths are relative to the current folder."""

    def __init__(self, extra: str = EXTRA) -> None:
        self.original, self.rebuilt = Path("vendor/hello-1.0-r0.apk"), Path("rebuilt/hello-1.0-r0.apk")
        self.original.parent.mkdir()
        self.rebuilt.parent.mkdir()
        self.original.write_bytes(make.package(extra=extra))
        strip(self.original, self.rebuilt)
        self.pair: dict[str, Any] = json.loads(to_json(verify(self.original, self.rebuilt)))["pairs"][0]
        self.rebuilder = signer(Path.cwd(), "rebuilder")

    def made(self, records: bytes, **pair: object) -> Reproduced:
        index = unsigned_index(Path.cwd(), records)
        return reproduced(index, report({**self.pair, **pair}), read_private_key(self.rebuilder.private))

    def kept(self, records: bytes, **pair: object) -> list[bytes]:
        Path("made.tar.gz").write_bytes(self.made(records, **pair).index)
        return list(raw_records(read_index(Path("made.tar.gz"))))

    def lose(self, *paths: Path) -> None:
        for path in paths or (self.original, self.rebuilt):
            path.unlink()


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:
    monkeypatch.chdir(tmp_path)
    return Farm()


@pytest.fixture(params=["at hand", "gone"])
def either(request: pytest.FixtureRequest, farm: Farm) -> Farm:
    """The files are where the report says, or only the report is there."""
    if request.param == "gone":
        farm.lose()
    return farm


LIES: list[dict[str, str | None]] = [
    {"P": "openssl"},
    {"P": "../hello"},
    {"V": "3.9-r0"},
    {"V": "1.0-r0 "},
    {"A": "aarch64"},
    {"A": "noarch"},
    {"A": None},
    {"S": "1"},
    {"I": "1"},
    {"T": "fixed CVE"},
    {"U": "https://evil.example.org"},
    {"L": "MIT"},
    {"o": "openssl"},
    {"o": None},
    {"m": "Eve <eve@example.org>"},
    {"t": "1800000000"},
    {"t": None},
    {"c": "f" * 40},
    {"k": "100"},
    {"k": None},
    {"D": None},
    {"D": "busybox"},
    {"D": "so:libc.musl-x86_64.so.1 busybox evil"},
    {"D": "so:libc.musl-x86_64.so.1 busybox>1"},
    {"D": "so:libc.musl-x86_64.so.1 !busybox"},
    {"D": "so:libc.musl-x86_64.so.1 busybox busybox"},
    {"D": "so:libc.musl-x86_64.so.1\tbusybox"},
    {"p": "cmd:hello=1.0-r0 greeter openssl=3.9"},
    {"p": "cmd:hello=9.0-r0 greeter"},
    {"p": "cmd:hello greeter"},
    {"i": "docs"},
    {"i": None},
    {"C": "Q1" + "a" * 27 + "="},
    {"P": "hello\0"},
    {"P": "hello\r"},
    {"T": "Says hello\r"},
]


@pytest.mark.parametrize("lies", LIES, ids=[ascii(lies) for lies in LIES])
def test_a_record_that_says_something_else_is_left_out(either: Farm, lies: dict[str, str | None]) -> None:
    records = unbound(either)
    assert either.kept(records) == [records], "what the package says of itself gets in"
    assert either.kept(unbound(either, **lies)) == []


def unbound(farm: Farm, **lies: str | None) -> bytes:
    """The record of the package in an index, even where the package is gone."""
    gone = not farm.original.exists()
    if gone:
        farm.original.write_bytes(make.package(extra=EXTRA))
    text = index_record(farm.original, **lies)
    if gone:
        farm.original.unlink()
    return text


SPELLINGS = {
    "of a field that repeats the last counts": lambda text: b"V:0.9-r0\n" + text,
    "lists add up": lambda text: text.replace(b" busybox\n", b"\nD:busybox\n"),
    "another order": lambda text: b"".join(sorted(text.splitlines(keepends=True)[:-1])) + b"\n",
    "a field that apk passes over": lambda text: b"r:openssl\nz:1\nF:usr/bin\n" + text,
    "operators in other words": lambda text: text.replace(b"cmd:hello=1.0-r0", b"cmd:hello==1.0-r0"),
    "numbers in other words": lambda text: text.replace(b"k:10\n", b"k:010x\n"),
    "blanks": lambda text: text.replace(b" greeter\n", b"  greeter \n"),
    "a line that ends a record": lambda text: b"\n \n" + text[:-1] + b"x\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_apk_reads_alike_is_written_as_apk_writes_it(either: Farm, spelling: str) -> None:
    """Nothing of the vendor's spelling gets through: there apk's versions, and others, may read something else."""
    plain = unbound(either)
    odd = SPELLINGS[spelling](plain)
    assert odd != plain
    assert either.kept(odd) == [plain]


def test_a_field_that_keeps_apk_from_installing_is_not_dropped(farm: Farm) -> None:
    assert farm.kept(b"X:1\n" + index_record(farm.original)) == []


def test_of_two_records_only_the_true_one_stays(either: Farm) -> None:
    plain, liar = unbound(either), unbound(either, V="9.9-r0")
    assert either.kept(liar + plain) == [plain]
    assert either.kept(plain + liar) == [plain]
    found = either.made(plain + plain).report
    assert [package.why for package in found.packages] == [None, "it stands there twice"]


@pytest.mark.parametrize(
    ("others", "said", "kept"),
    [("x86_64", "x86_64", True), ("x86_64", "noarch", True), ("x86_64", "riscv64", False), (None, "riscv64", True)],
)
def test_what_is_for_every_arch_is_for_that_of_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str | None, said: str, kept: bool
) -> None:
    """`apk index --rewrite-arch` gives it the one; any other is a lie."""
    monkeypatch.chdir(tmp_path)
    farm = Farm("arch = noarch\n")
    more = b"" if others is None else index_record(farm.original, P="other", A=others)
    text = index_record(farm.original, A=said)
    assert farm.kept(more + text) == ([text] if kept else [])


NO_RECORD: list[object] = [
    None,
    {},
    [],
    "C:",
    {"C": "Q1" + "a" * 27 + "="},
    {"V": "9.9-r0"},
    {"P": "a\nP:openssl"},
    {"T": 1},
    {"z": "1"},
    {"S": "-1"},
]


@pytest.mark.parametrize("record", NO_RECORD, ids=map(ascii, NO_RECORD))
def test_without_package_and_record_nothing_is_bound(farm: Farm, record: object) -> None:
    """Where the package is not at hand, only its record in the report says what it is."""
    text = index_record(farm.original)
    if isinstance(record, dict) and record:
        record = {**farm.pair["record"], **record}
    assert farm.kept(text, record=record) == [text], "the package itself says it"
    farm.lose()
    assert farm.kept(text, record=record) == []
    assert farm.made(text, record=record).report.packages[0].why is not None


def test_the_package_counts_and_not_what_the_report_says_of_it(farm: Farm) -> None:
    lie = {**farm.pair["record"], "V": "9.9-r0"}
    assert farm.kept(index_record(farm.original, V="9.9-r0"), record=lie) == []
    farm.lose(farm.rebuilt)
    assert farm.kept(index_record(farm.original, V="9.9-r0"), record=lie) == []


def test_it_says_what_it_checked(farm: Farm) -> None:
    text = index_record(farm.original)
    for check in ("compared", "original", "nothing"):
        found = farm.made(text).report
        assert (found.packages[0].check, found.unchecked) == (check, int(check != "compared"))
        farm.lose(farm.rebuilt if check == "compared" else farm.original) if check != "nothing" else None


def test_a_verdict_is_not_believed_where_the_files_say_another(farm: Farm) -> None:
    """The report calls two packages the same that are not."""
    text = index_record(farm.original)
    farm.rebuilt.write_bytes(make.package(data=make.ended(make.file("usr/bin/hello", b"another"))))
    digest = make.hashlib.sha256(farm.rebuilt.read_bytes()).hexdigest()
    found = farm.made(text, rebuilt_sha256=digest).report
    assert [(package.kept, package.verdict) for package in found.packages] == [(False, "different")]
    assert "the report says identical-unsigned" in str(found.packages[0].why)
    with pytest.raises(IntegrityError, match="not the file that was verified"):
        farm.made(text)


def test_another_original_is_not_taken_for_the_one_that_was_verified(farm: Farm) -> None:
    text = index_record(farm.original)
    farm.original.write_bytes(make.package(extra=f"{EXTRA}license = MIT\n"))
    for _ in range(2):
        with pytest.raises(IntegrityError, match="not the file that was verified"):
            farm.made(text)
        farm.rebuilt.unlink(missing_ok=True)


def test_a_link_is_no_rebuild_whatever_the_report_says(farm: Farm) -> None:
    text = index_record(farm.original)
    farm.rebuilt.unlink()
    farm.rebuilt.symlink_to("../vendor/hello-1.0-r0.apk")
    found = farm.made(text, rebuilt_sha256=None, same_file=False).report
    assert [package.why for package in found.packages] == ["it was compared with itself"]


def test_no_pipe_and_no_folder_is_waited_for(farm: Farm) -> None:
    text = index_record(farm.original)
    farm.lose()
    os.mkfifo(farm.original)
    farm.rebuilt.mkdir()
    assert farm.kept(text) == [text]


def test_a_package_that_no_index_can_hold_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    farm = Farm("pkgname = ../hello\n")
    assert farm.kept(index_record(farm.original)) == []


def test_one_line_for_each_reason(farm: Farm) -> None:
    rebuilder = Signer(farm.rebuilder.private, farm.rebuilder.folder)
    unsigned_index(Path.cwd(), b"".join(index_record(farm.original, V=version) for version in ("7-r0", "8-r0")))
    Path("report.json").write_bytes(report(farm.pair))
    done = program(Path("APKINDEX.tar.gz"), Path("report.json"), rebuilder, Path("made.tar.gz"))
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == (
        "abuild-buildinfo: hello-7-r0 and 1 more: left out: its V: is not the package's"
    )


def test_the_record_is_what_apk_index_makes(farm: Farm, corpus: Path) -> None:
    """Of every package of the corpus that apk indexes."""
    apk = shutil.which("apk")
    if apk is None:
        pytest.skip("needs apk on PATH")
    folder = Path("all")
    folder.mkdir()
    for number, path in enumerate(sorted((corpus / "apk-v2/alpine-3.19-x86_64").glob("*.apk"))[::4]):
        shutil.copy(path, folder / f"{number}.apk")
    shutil.copy(farm.original, folder)
    names = sorted(map(str, folder.glob("*.apk")))
    command = [apk, "--allow-untrusted", "index", "--no-warnings", "--quiet", "-o", "all.tar.gz", *names]
    subprocess.run(command, check=True, capture_output=True)
    made = {record["C"]: record for record in read_index(Path("all.tar.gz")).records}
    assert len(made) == len(names)
    for name in names:
        package = read_package(Path(name), members=False)
        mine = record_of(package.identity, package.size, package.pkginfo.raw)
        assert mine == made[package.identity]
        assert in_words(mine) == mine
