"""Edits that look like what a build leaves behind: none of them is told with harmless causes alone."""

from __future__ import annotations

import io
import marshal
import struct
import tarfile
import zipfile
import zlib
from importlib.util import MAGIC_NUMBER

import pytest
from explaining import causes

from buildinfo.verify.explain.dissect import content
from buildinfo.verify.explain.dissect.place import Place

LINES = "".join(f"built part {number} on {{}}\n" for number in range(700))
UUIDS = ("0d6f1a52-7b0e-4c1d-9f57-3a2c5be0c8d1", "c41f7f0b-58f2-4b6a-8a35-d1e6790e2b4f")
DATES = ("2024-02-03 04:05:06", "2024-02-11 06:08:10")


def of(before: str | bytes, after: str | bytes, name: str) -> set[str]:
    both = (side.encode() if isinstance(side, str) else side for side in (before, after))
    return causes(*both, name)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("etc/pam.d/su", "auth a\nauth b\nauth c\nauth d\n", "auth b\nauth c\nauth d\nauth a\n"),
        ("usr/lib/hello/run.sh", "a\nb x\nc\nd\n", "b x\nc\nd\na\n"),
        ("usr/share/java/classpath", "a/x.jar\na/y.jar\na/z.jar\n", "a/z.jar\na/x.jar\na/y.jar\n"),
        ("usr/share/hello/words.txt", "use one, two, three\n", "use three, one, two\n"),
        ("usr/lib/hello/m.py", "f(one, two, three, four)\n", "f(two, one, four, three)\n"),
        ("usr/lib/hello/m.py", "T = ('one', 'two', 'three')\n", "T = ('three', 'one', 'two')\n"),
        ("usr/lib/hello/m.py", "T = {'a': 'x', 'b': 'y', 'c': 'z'}\n", "T = {'a': 'z', 'b': 'x', 'c': 'y'}\n"),
        ("etc/hello.json", '{"a": "x", "b": "y", "c": "z"}', '{"c": "z", "b": "x", "a": "y"}'),
        ("etc/hello.json", '{"a": 1, "a": 2, "b": 3, "c": 4}', '{"a": 2, "a": 1, "c": 4, "b": 3}'),
    ],
)
def test_an_order_that_counts(name: str, before: str, after: str) -> None:
    assert "unknown" in of(before, after, name)


def test_an_order_that_says_nothing() -> None:
    members = '{"a": ["x", "y"], "b": {"d": 1, "c": 2}}', '{"b": {"c": 2, "d": 1}, "a": ["x", "y"]}'
    assert of(*members, "usr/share/hello/index.json") == {"hash-seed-order"}
    assert of(f"setIndex({members[0]})", f"setIndex({members[1]})", "usr/share/doc/i.js") == {"hash-seed-order"}
    entries = "a=1\nb: 2\nc=3\nd=4\n", "d=4\na=1\nc=3\nb: 2\n"
    assert of(*entries, "usr/share/hello/words.properties") == {"hash-seed-order"}
    assert of(*entries, "usr/share/hello/words.sh") == {"unknown"}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("etc/hello.conf", "hostname = ann1\n", "hostname = joe1\n"),
        ("etc/hello.conf", "user: ann\n", "user: joe\n"),
        ("usr/bin/backup", "rsync /srv ann@store1:/srv\n", "rsync /srv joe@store2:/srv\n"),
        ("etc/security/limits.conf", "* soft nproc 8\n", "* soft nproc 80\n"),
        ("etc/hello.conf", "plugin = /usr/lib/hello/a.so\n", "plugin = /tmp/usr/lib/hello/a.so\n"),
        ("usr/bin/hello", "exec /home/ann/hello/bin/x\n", "exec /home/joe/hello/bin/x\n"),
        ("usr/bin/hello", "LD_PRELOAD=/tmp/a/x.so hello\n", "LD_PRELOAD=/tmp/b/x.so hello\n"),
        ("usr/bin/hello", '[ "$now" -gt 1706933106 ] && exit\n', '[ "$now" -gt 1707631690 ] && exit\n'),
        ("etc/hello.conf", "expires: 2024-02-03\n", "expires: 2024-02-11\n"),
        ("usr/lib/hello/m.py", "if time.time() > 1706933106:\n", "if time.time() > 1707631690:\n"),
        ("usr/lib/hello/m.py", "LAST_DAY = '2024-02-03'\n", "LAST_DAY = '2024-02-11'\n"),
        ("usr/share/hello/cmd", "ssh ann@store1 ls\n", "ssh joe@store2 ls\n"),
        ("etc/fstab", f"UUID={UUIDS[0]} / ext4\n", f"UUID={UUIDS[1]} / ext4\n"),
        ("usr/bin/hello", "export PATH=/home/ann/bin:$PATH\n", "export PATH=/home/joe/bin:$PATH\n"),
        ("usr/share/hello/x.txt", "valid until 2024-02-03\n", "valid until 2024-02-11\n"),
    ],
)
def test_a_setting_or_a_command_is_no_trace(name: str, before: str, after: str) -> None:
    assert of(before, after, name) == {"unknown"}


@pytest.mark.parametrize(
    ("cause", "name", "before", "after"),
    [
        (
            "build-path",
            "usr/bin/hello-config",
            "-I/home/ann/aports/a/src/a-1.0/h\n",
            "-I/builds/aports/a/src/a-1.0/h\n",
        ),
        (
            "build-path",
            "usr/lib/hello/m.py",
            "'/home/ann/aports/a/src/a-1.0/h',\n",
            "'/builds/aports/a/src/a-1.0/h',\n",
        ),
        ("text-time", "usr/lib/hello/m.py", "build_time = '2024-02-03'\n", "build_time = '2024-02-11'\n"),
        ("text-time", "usr/share/hello/x.json", '"x": "2024-02-03T04:05:06Z"', '"x": "2024-02-11T06:08:10Z"'),
        ("text-time", "usr/share/hello/log", "Start time: Feb 03 2024 04:05\n", "Start time: Feb 11 2024 06:08\n"),
    ],
)
def test_a_trace_in_what_is_set_or_run_is_one_where_words_or_its_form_tell(
    cause: str, name: str, before: str, after: str
) -> None:
    assert of(before, after, name) == {cause}


def test_what_stands_behind_many_traces_is_looked_at() -> None:
    sides = [LINES.format(*[date] * 700) for date in DATES]
    assert of(*sides, "usr/share/hello/log.txt") == {"text-time"}
    assert of(f"{sides[0]}stay\n", f"{sides[1]}rm -rf /srv\n", "usr/share/hello/log.txt") == {"text-time", "unknown"}


def test_what_stands_far_behind_a_trace_in_its_line_is_looked_at() -> None:
    sides = [f'{{"built": "{date}", "words": [{", ".join(map(str, range(9000)))}], "allow": "%s"}}' for date in DATES]
    assert of(sides[0] % "none", sides[1] % "none", "usr/share/hello/x.json") == {"text-time"}
    assert of(sides[0] % "none", sides[1] % "all", "usr/share/hello/x.json") == {"text-time", "unknown"}


def archived(mode: int = 0o644, device: int = 1, link: str = "") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("hello")
        member.mode = mode
        tar.addfile(member)
        node = tarfile.TarInfo("node")
        node.type, node.devmajor, node.devminor = tarfile.CHRTYPE, 1, device
        tar.addfile(node)
        if link:
            other = tarfile.TarInfo("link")
            other.type, other.linkname = tarfile.SYMTYPE, link
            tar.addfile(other)
    return held.getvalue()


def test_what_a_member_is_and_may_do_is_no_trace() -> None:
    assert of(archived(), archived(0o664), "usr/share/x.tar") == {"member-mode"}
    assert of(archived(), archived(0o4644), "usr/share/x.tar") == {"unknown"}
    assert of(archived(), archived(0o755), "usr/share/x.tar") == {"unknown"}
    assert of(archived(), archived(device=3), "usr/share/x.tar") == {"unknown"}
    assert "unknown" in of(archived(), archived(link="/etc/shadow"), "usr/share/x.tar")


def zipped(mode: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        member = zipfile.ZipInfo("hello")
        member.external_attr = mode << 16
        archive.writestr(member, "/etc/passwd")
    return held.getvalue()


def test_a_member_of_a_zip_archive_that_becomes_a_link() -> None:
    assert of(zipped(0o100644), zipped(0o120644), "usr/share/x.zip") == {"unknown"}
    assert of(zipped(0o100644), zipped(0o100664), "usr/share/x.zip") == {"member-mode"}


def compiled(words: object) -> bytes:
    code = compile("x = WORDS\n", "hello.py", "exec")
    return MAGIC_NUMBER + bytes(12) + marshal.dumps(code.replace(co_consts=(words, None)))


def test_a_tuple_in_compiled_python_keeps_its_order() -> None:
    assert of(compiled(("a", "b", "c")), compiled(("c", "a", "b")), "usr/lib/hello/x.pyc") == {"unknown"}


def test_the_hunks_of_a_long_line_are_all_that_differs() -> None:
    words = [f"w{number}" for number in range(4000)]
    other = [f"x{word}" if number % 500 == 7 else word for number, word in enumerate(words)]
    old, new = " ".join(words).encode(), " ".join(other).encode()
    found = list(content(old, new, Place("usr/share/x.txt", "", content)))
    assert len(found) == 8
    for hunk in found:
        assert old.count(hunk.before) == 1
        old = old.replace(hunk.before, hunk.after)
    assert old == new


def java(version: int, text: bytes, number: int) -> bytes:
    pool = b"\1" + len(text).to_bytes(2, "big") + text + b"\3" + number.to_bytes(4, "big")
    return b"\xca\xfe\xba\xbe\0\0" + version.to_bytes(2, "big") + b"\0\3" + pool + bytes(version)


def test_texts_and_numbers_of_a_class_for_another_java_are_compared() -> None:
    assert of(java(52, b"hello", 7), java(61, b"hello", 7), "usr/share/A.class") == {"compiler"}
    assert of(java(52, b"hello", 7), java(61, b"hallo", 7), "usr/share/A.class") == {"compiler", "unknown"}
    assert of(java(52, b"hello", 7), java(61, b"hello", 9), "usr/share/A.class") == {"compiler", "unknown"}


def uimage(time: int, data: bytes, more: int = 0) -> bytes:
    checksum = (zlib.crc32(data) + more) & 0xFFFFFFFF
    fields = struct.pack(">7I4B32s", 0x27051956, 0, time, len(data), 0, 0, checksum, 5, 2, 2, 0, b"hello")
    return fields[:4] + struct.pack(">I", zlib.crc32(fields)) + fields[8:] + data


def test_a_checksum_that_does_not_hold_follows_from_nothing() -> None:
    old = uimage(1706933106, b"a" * 99)
    assert of(old, uimage(1707631690, b"a" * 99), "boot/uImage") == {"image-time"}
    assert "unknown" in of(old, uimage(1707631690, b"a" * 99, 1), "boot/uImage")


def test_modes_of_compiled_python_that_there_are_not() -> None:
    old, new = compiled("a"), compiled("a")
    assert of(old, new[:4] + b"\x03" + new[5:], "usr/lib/hello/x.pyc") == {"pyc-flags"}
    assert "unknown" in of(old, new[:4] + b"\xab" + new[5:], "usr/lib/hello/x.pyc")
