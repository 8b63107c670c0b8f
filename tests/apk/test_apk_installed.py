"""If these fail, a buildinfo names the wrong build environment, or a build takes longer for it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildinfo.apk.installed import read_installed
from buildinfo.errors import BuildinfoError, FormatError, UnreadableError

MUSL = b"""C:Q1musl=
P:musl
V:1.2.4-r2
A:x86_64
S:400000
I:660000
o:musl
c:0123456789abcdef0123456789abcdef01234567
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1ld=
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q1libc=
F:etc
M:0:0:755

"""
BUSYBOX = b"""C:Q1busybox=
P:busybox
V:1.36.1-r15
A:x86_64
D:so:libc.musl-x86_64.so.1 musl>=1.2
F:
R:init
F:bin
R:busybox
a:0:0:755
Z:Q1bb=
F:lib
R:caf\xe9

"""
VIRTUAL = b"""C:Q1virtual=
P:.makedepends-hello
V:20240101.000000
A:noarch
D:gcc make

"""
ALL = MUSL + BUSYBOX + VIRTUAL


def test_packages_come_in_order_with_their_fields() -> None:
    database = read_installed(ALL)
    musl, busybox, virtual = database.packages
    assert (musl.name, musl.version, musl.arch, musl.checksum) == (
        "musl",
        "1.2.4-r2",
        "x86_64",
        "Q1musl=",
    )
    assert (musl.origin, musl.commit) == ("musl", "0123456789abcdef0123456789abcdef01234567")
    assert (musl.size, musl.installed_size) == (400000, 660000)
    assert (musl.depends, musl.provides) == ((), ("so:libc.musl-x86_64.so.1=1",))
    assert busybox.depends == ("so:libc.musl-x86_64.so.1", "musl>=1.2")
    assert (busybox.origin, busybox.commit, busybox.size) == (None, None, None)
    assert list(musl.fields) == list("CPVASIocp")
    assert [p.virtual for p in database.packages] == [False, False, True]
    assert database.get("busybox") is busybox
    assert database.get("gcc") is None
    assert virtual.depends == ("gcc", "make")


@pytest.mark.parametrize(
    ("path", "owner", "checksum"),
    [
        ("/bin/busybox", "busybox", "Q1bb="),
        ("bin/busybox", "busybox", "Q1bb="),
        ("/lib/libc.musl-x86_64.so.1", "musl", "Q1libc="),
        ("lib/caf\udce9", "busybox", None),
        ("/init", "busybox", None),
    ],
)
def test_a_file_is_traced_to_its_owner(path: str, owner: str, checksum: str | None) -> None:
    found = read_installed(ALL).owner_of(path)
    assert found is not None
    assert (found[0].name, found[1]) == (owner, checksum)


@pytest.mark.parametrize("path", ["/bin/sh", "/usr/bin/busybox", "/lib", "/", "", "/a\ud800", "bin"])
def test_what_nobody_owns_has_no_owner(path: str) -> None:
    assert read_installed(ALL).owner_of(path) is None


def test_an_empty_database_is_one() -> None:
    assert read_installed(b"").packages == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (MUSL[:-2], "does not end with a newline, line 1"),
        (MUSL + b"P:x\nV:1", "does not end with a newline, line 20"),
        (MUSL + b"P:x\n\n", "without name or version, line 20"),
        (b"P:x\nV:1\nhello\n\n", "line in a record, line 1"),
        (b"P:x\nV:1\nR:file\n\n", "misplaced"),
        (b"F:lib\nR:file\n\n", "misplaced"),
        (b"P:x\nV:1\nF:lib\nhello\n\n", "line in a record, line 1"),
        (b"\x1f\x8b\x08\x00\n\n", "malformed"),
    ],
    ids=range(8),
)
def test_what_is_no_database_is_refused_with_its_line(content: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        read_installed(content)


#: What apk 2.14 and 3.0.6 make of odd databases: the packages that `apk info -v` lists, tried with both.
C = b"C:Q1BYVuZVncbRFoc1LbTDeiB6xOcaY=\n"
ODD = {
    "a line twice": (C + b"P:a\nV:1-r0\nr:udev\nr:udev\nF:etc\n\n", ["a-1-r0"]),
    "a value twice": (C + b"P:a\nV:1-r0\nV:2-r0\nP:b\n\n", ["b-2-r0"]),
    "no empty line at the end": (C + b"P:a\nV:1-r0\n", ["a-1-r0"]),
    "many empty lines": (b"\n\n" + C + b"P:a\nV:1-r0\n\n\n\n", ["a-1-r0"]),
    "a line of one character": (C + b"P:a\nV:1-r0\n \n" + C + b"P:b\nV:2-r0\n\n", ["a-1-r0", "b-2-r0"]),
    "fields of a newer apk": (C + b"P:a\nV:1-r0\nx:lower\nW:upper\n0:digit\n\n", ["a-1-r0"]),
    "package lines behind the files": (C + b"P:a\nF:etc\nR:x\nV:1-r0\nT:late\n\n", ["a-1-r0"]),
    "numbers that are none": (C + b"P:a\nV:1-r0\nS:\nI:many\nq:x\n\n", ["a-1-r0"]),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_apk_reads_is_read(odd: str) -> None:
    """Else one odd line in the database of a builder costs every record of theirs."""
    data, names = ODD[odd]
    assert [f"{package.name}-{package.version}" for package in read_installed(data).packages] == names


@pytest.mark.parametrize("odd", ODD)
def test_apk_itself_reads_it_so(odd: str, tmp_path: Path) -> None:
    if shutil.which("apk") is None:
        pytest.skip("needs apk")
    data, names = ODD[odd]
    (tmp_path / "lib/apk/db").mkdir(parents=True)
    (tmp_path / "etc/apk").mkdir(parents=True)
    for file in ("etc/apk/world", "lib/apk/db/triggers"):
        (tmp_path / file).write_bytes(b"")
    (tmp_path / "etc/apk/arch").write_bytes(b"x86_64\n")
    (tmp_path / "lib/apk/db/installed").write_bytes(data)
    done = subprocess.run(["apk", "--root", tmp_path, "info", "-v"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == (names if odd != "a line of one character" else names[:1])  # one identity: one


def test_lists_add_up_and_numbers_end_where_their_digits_do() -> None:
    (package,) = read_installed(b"P:x\nV:1\nD:a b\nD:c\np:d\np:e=1\nS:12x\nS:13 \n\n").packages
    assert (package.depends, package.provides, package.size) == (("a", "b", "c"), ("d", "e=1"), 13)


def test_a_database_of_stock_apk_with_a_line_twice(corpus: Path) -> None:
    (package,) = read_installed(corpus / "reports/two-r.installed").packages
    assert (package.name, package.version, package.fields["r"]) == ("a", "1-r0", "udev udev")


def test_a_property_of_no_file_is_refused() -> None:
    database = read_installed(b"P:x\nV:1\nF:lib\nZ:Q1=\nR:file\n\n")
    with pytest.raises(FormatError, match="without a file"):
        database.owner_of("lib/file")


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="installed"):
        read_installed(tmp_path / "installed")
    (tmp_path / "installed").write_bytes(b"xyz\n")
    with pytest.raises(FormatError, match=str(tmp_path)):
        read_installed(tmp_path / "installed")


def test_a_full_build_environment_is_read_at_once() -> None:
    """300 packages, 3 MB: every build reads one, while its user waits."""
    files = b"".join(
        b"F:usr/lib/%04d\nR:name-of-a-file.so\na:0:0:755\nZ:Q1aaaaaaaaaaaaaaaaaaaaaaaaaaa=\n" % n for n in range(140)
    )
    head = b"C:Q1abc=\nP:package-%d\nV:1.2.3-r4\nA:x86_64\nS:100\nI:200\nT:text\nD:a b c d e f g\n"
    data = b"".join(head % n + files.replace(b"usr/lib", b"usr/lib%d" % n) + b"\n" for n in range(300))
    assert len(data) > 3_000_000
    start = time.process_time()
    database = read_installed(data)
    found = database.owner_of("/usr/lib299/0100/name-of-a-file.so")
    spent = time.process_time() - start
    assert found is not None and found[0].name == "package-299"
    assert spent < 0.5  # 0.03 s where this was written; slow machines are slow


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(ALL)), st.binary(max_size=9), st.integers(0, 40))
def test_any_damage_is_an_error_of_ours(at: int, junk: bytes, cut: int) -> None:
    with contextlib.suppress(BuildinfoError):
        database = read_installed(ALL[:at] + junk + ALL[at + cut :])
        for path in ("bin/busybox", "lib/libc.musl-x86_64.so.1", "init"):
            database.owner_of(path)
