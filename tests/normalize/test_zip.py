"""Zip archives: what a user loses if they keep the time and user of the build, or come out broken."""

from __future__ import annotations

import importlib.util
import io
import marshal
import re
import struct
import time
import zipfile
import zipimport
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from goldens import POLICIES, check_goldens, check_settles, corpus, mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError

LATER = EPOCH + 100_000
OLD = (2001, 2, 3, 4, 5, 6)
AT_EPOCH = (2015, 2, 5, 18, 9, 30)
UNIX_TIMES = 0x5455
MANIFEST = "META-INF/MANIFEST.MF"
Entry = tuple[str, bytes]


def info(
    name: str, *, when: int | tuple[int, ...] = LATER, extra: bytes = b"", mode: int = 0o100664
) -> zipfile.ZipInfo:
    date = time.gmtime(when)[:6] if isinstance(when, int) else when
    entry = zipfile.ZipInfo(name, date)
    entry.create_system = 3
    entry.external_attr = mode << 16
    entry.extra = extra
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def archive(*entries: Entry | tuple[zipfile.ZipInfo, bytes], comment: bytes = b"", prefix: bytes = b"") -> bytes:
    """An archive as Python writes it; names alone stand for deflated files of LATER."""
    file = io.BytesIO()
    file.write(prefix)
    with zipfile.ZipFile(file, "w") as target:
        for entry, content in entries:
            target.writestr(info(entry) if isinstance(entry, str) else entry, content)
        target.comment = comment
    return file.getvalue()


class Pipe(io.BytesIO):
    """What cannot be rewound, so that data descriptors are written."""

    def seek(self, *place: int) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def streamed(*entries: Entry) -> bytes:
    file = Pipe()
    with zipfile.ZipFile(file, "w") as target:
        for name, content in entries:
            target.writestr(info(name), content)
    return file.getvalue()


def extra(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def contents(data: bytes) -> dict[str, bytes]:
    """What Python reads, all checksums verified."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        assert source.testzip() is None
        return {entry.filename: source.read(entry) for entry in source.infolist()}


def entries(data: bytes) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return source.infolist()


def names(data: bytes) -> list[str]:
    return [entry.filename for entry in entries(data)]


def reasons(data: bytes, **options: str) -> list[str]:
    """Why a file was left alone; it must have come back as it was."""
    result, report = normalize(data, **options)
    assert result is data
    return [skipped.reason for skipped in report.skipped]


INNER = archive(("inner.txt", b"inner" * 50))
PLAIN = archive(("b.txt", b"two" * 100), ("a/", b""), ("a/c.txt", b"three"), comment=b"kept")


@pytest.mark.parametrize("kind", ["zip", "jar", "jmod", "pyzip"])
def test_golden_files_of_strip_nondeterminism(kind: str) -> None:
    """Debian's and Arch's tool would make another file of the same archive."""
    check_goldens(kind)


def test_times_after_the_epoch_are_lowered_and_older_ones_kept() -> None:
    """Two builds of one package would differ by the time in their archives; dates of upstream would be lost."""
    data = archive(("new", b"1"), (info("old", when=OLD), b"2"))
    result, report = normalize(data, handlers="leaks")
    assert [entry.date_time for entry in entries(result)] == [AT_EPOCH, OLD]
    assert contents(result) == contents(data)
    assert [change.handler for change in report.changes] == ["zip"]
    assert [entry.date_time for entry in entries(normalize(data, timestamps="set")[0])] == [AT_EPOCH, AT_EPOCH]


def test_an_epoch_before_1980_does_not_wrap_around() -> None:
    """A time that DOS cannot tell would come out as one in 2107."""
    first = (1980, 1, 1, 0, 0, 0)
    data = archive(("new", b"1"), (info("first", when=first), b"2"))
    floor = (1980, 1, 1, 12, 1, 0)
    assert [entry.date_time for entry in entries(normalize(data, epoch=0)[0])] == [first, floor]
    assert [entry.date_time for entry in entries(normalize(data, epoch=0, timestamps="set")[0])] == [floor, floor]
    assert [entry.date_time[0] for entry in entries(normalize(data, epoch=1 << 40, timestamps="set")[0])] == [2106] * 2


NT = (LATER + 11644473600) * 10**7
NT_EPOCH = (EPOCH + 11644473600) * 10**7


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [
        (0x5455, struct.pack("<BII", 3, LATER, 1), struct.pack("<BII", 3, EPOCH, 1)),
        (0x5455, struct.pack("<Bi", 1, -5), struct.pack("<Bi", 1, -5)),
        (0x5455, b"\x01\xff", b"\x01\xff"),
        (0x5855, struct.pack("<IIHH", LATER, 7, 1000, 100), struct.pack("<IIHH", EPOCH, 7, 0, 0)),
        (0x7855, struct.pack("<HH", 1000, 100), bytes(4)),
        (0x7875, b"\x01\x04\xe8\x03\0\0\x02\x64\0", b"\x01\x04\0\0\0\0\x02\0\0"),
        (0x7875, b"\x02\x04\xe8\x03\0\0\x02\x64\0", b"\x02\x04\xe8\x03\0\0\x02\x64\0"),
        (0x7875, b"\x01\x09\xe8", b"\x01\x09\xe8"),
        (0x000A, struct.pack("<IHHQQQ", 0, 1, 24, NT, 5, NT), struct.pack("<IHHQQQ", 0, 1, 24, NT_EPOCH, 5, NT_EPOCH)),
        (0xCAFE, b"", b""),
        (0x6666, struct.pack("<I", LATER), struct.pack("<I", LATER)),
    ],
)
def test_times_and_users_in_extra_fields(kind: int, body: bytes, wanted: bytes) -> None:
    """The id of the user who built, or the time by another clock, would stay in local and central headers."""
    padding = b"\0\0\0"  # as zipalign leaves behind
    data = archive((info("f", extra=extra(kind, body) + padding), b"1"))
    result, _ = normalize(data, handlers="leaks")
    field = extra(kind, wanted) + padding
    assert result[31 : 31 + len(field)] == field
    assert entries(result)[0].extra == field


def test_a_clock_past_2038_is_no_time_before_1970() -> None:
    """Rebuilding on a machine whose clock runs ahead, as Debian tests, would show in the archive."""
    ahead = 2_300_000_000
    data = archive((info("f", when=ahead, extra=extra(UNIX_TIMES, struct.pack("<BI", 1, ahead))), b"1"))
    assert entries(normalize(data)[0])[0].extra == extra(UNIX_TIMES, struct.pack("<BI", 1, EPOCH))


def test_leaks_alone_leave_order_and_permissions() -> None:
    """Who asks for leaks only would get archives reordered."""
    result, _ = normalize(PLAIN, handlers="leaks")
    assert names(result) == names(PLAIN)
    assert [entry.external_attr for entry in entries(result)] == [entry.external_attr for entry in entries(PLAIN)]


def test_nothing_to_fix_gives_the_very_same_archive() -> None:
    """A file that is reproducible already would be rewritten for nothing, and signatures over it would break."""
    data = archive((info("b", when=OLD), b"1"), (info("a", when=OLD), b"2"), comment=b"kept")
    assert normalize(data, handlers="leaks")[0] is data
    empty = b"PK\x05\x06" + bytes(18)
    assert normalize(empty)[0] is empty


def test_members_are_ordered_and_permissions_normalized() -> None:
    """The order of readdir and the umask of the build would show."""
    data = archive(
        (info("z", mode=0o100600), b"1"),
        (info("tool", mode=0o100711), b"2"),
        (info("dir/", mode=0o040700), b""),
        (info("link", mode=0o120777), b"tool"),
        (info("nul", mode=0o020666), b""),
    )
    result, _ = normalize(data)
    assert [(entry.filename, entry.external_attr >> 16, entry.external_attr & 0xFFFF) for entry in entries(result)] == [
        ("dir/", 0o040755, 0x10),
        ("link", 0o120777, 0),
        ("nul", 0o020666, 0),
        ("tool", 0o100755, 0),
        ("z", 0o100644, 0),
    ]
    assert contents(result) == contents(data)
    assert normalize(result)[0] is result


def test_compressed_data_is_copied() -> None:
    """Another zlib than the one that wrote the archive would change all of it."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = deflate.compress(b"text " * 1000) + deflate.flush()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        target.writestr("b", b"text " * 1000)
        target.writestr("a", b"1")
    assert packed in file.getvalue()
    assert packed in normalize(file.getvalue())[0]


def test_names_are_not_judged() -> None:
    """An archive with odd names, which nothing here extracts, would be refused and keep its leaks."""
    data = archive(("/abs", b"1"), ("../up", b"2"), ("twice", b"3"), (b"\xc3\xa4".decode(), b"4"))
    assert contents(normalize(data)[0]) == contents(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_last_still_counts() -> None:
    """Sorting would swap them, and another file would be extracted."""
    data = archive(("b", b"first"), ("b", b"last"), ("a", b"1"))
    assert contents(normalize(data)[0]) == {"a": b"1", "b": b"last"}


def test_a_jar_has_its_manifest_first_and_no_traces_of_the_build() -> None:
    """`JarInputStream` would find no manifest; build user, time and path would stay."""
    manifest = (
        b"Manifest-Version: 1.0\r\nBuilt-By: someone with a name so long that it goes on\r\n  in the next line\r\n"
        b"bnd-lastmodified: 1700000000000\r\nBuilt-By-Tool: x\r\nX: 1\r\n Built-By: no\r\n\r\nName: a\r\n"
    )
    plexus = "org.codehaus.plexus.compiler.javac.JavacCompiler123arguments"
    command = f"/bin/sh -c cd /home/me/app && /usr/lib/jvm/java-8/bin/javac @/home/me/app/target/classes/{plexus}"
    data = archive(
        (MANIFEST, manifest), ("javac.sh", command.encode()), (plexus, b'"-d"\n"/home/me/app/target/classes"\n'),
        ("META-INF/LICENSE", b"2"), ("A.class", b"1"),
    )  # fmt: skip
    for handlers in ("leaks", "all"):
        read = contents(normalize(data, handlers=handlers)[0])
        assert read == {
            "A.class": b"1",
            "META-INF/LICENSE": b"2",
            MANIFEST: b"Manifest-Version: 1.0\r\nBuilt-By-Tool: x\r\nX: 1\r\n Built-By: no\r\n\r\nName: a\r\n",
        }
    whole = archive(("META-INF/", b""), (MANIFEST, b"X: 1\n"), ("META-INF/A", b"2"), ("A", b"1"))
    assert names(normalize(whole)[0]) == ["META-INF/", MANIFEST, "A", "META-INF/A"]


def test_other_archives_keep_what_only_jars_leak() -> None:
    """A script that happens to be named as Maven's would be lost."""
    data = archive(("javac.sh", b"1"), ("a", b"2"))
    assert contents(normalize(data)[0]) == contents(data)


@pytest.mark.parametrize("timestamps", ["clamp", "set"])
def test_clojure_sources_stay_older_than_their_classes(timestamps: str) -> None:
    """Clojure would compile them again at each start."""
    data = archive((MANIFEST, b"X: 1\n"), ("a.class", b"1"), ("a.clj", b"2"), (info("b.clj", when=OLD), b"3"))
    result, _ = normalize(data, timestamps=timestamps)
    dates = {entry.filename: entry.date_time for entry in entries(result)}
    assert dates["a.class"] == AT_EPOCH
    assert dates["a.clj"] == (*AT_EPOCH[:5], AT_EPOCH[5] - 2)


def test_the_type_of_an_epub_stays_first() -> None:
    """Readers that look for it at byte 38 would not take the book for one."""
    typed = info("mimetype")
    typed.compress_type = zipfile.ZIP_STORED
    data = archive((typed, b"application/epub+zip"), ("OEBPS/b", b"1"), ("META-INF/container.xml", b"2"))
    result, _ = normalize(data)
    assert result[30:58] == b"mimetypeapplication/epub+zip"
    assert names(result) == ["mimetype", "META-INF/container.xml", "OEBPS/b"]


def test_a_wheel_keeps_what_record_has_the_hash_of() -> None:
    """pip and auditors would find files that do not match RECORD."""
    wheel = archive(
        ("p-1.dist-info/RECORD", b"data.zip,sha256=...\n"),
        ("p-1.dist-info/WHEEL", b"Wheel-Version: 1.0\n"),
        ("z/data.zip", INNER),
        ("a.py", b"1"),
    )
    result, report = normalize(wheel)
    assert names(result) == ["a.py", "z/data.zip", "p-1.dist-info/WHEEL", "p-1.dist-info/RECORD"]
    assert contents(result) == contents(wheel)
    assert [(skipped.path, skipped.reason) for skipped in report.skipped] == [
        ("", "z/data.zip keeps its leaks, RECORD has its hash")
    ]
    assert [change.path for change in report.changes] == [""]


@pytest.mark.parametrize("make", [archive, streamed])
def test_archives_inside_archives(make: Callable[..., bytes]) -> None:
    """The leaks of a bundled archive would stay."""
    data = make(("lib/inner.zip", INNER), ("x", b"1"))
    result, report = normalize(data)
    inner = contents(result)["lib/inner.zip"]
    assert contents(inner) == contents(INNER)
    assert entries(inner)[0].date_time == AT_EPOCH
    assert contents(result)["x"] == b"1"
    assert [change.path for change in report.changes] == ["lib/inner.zip", ""]
    assert normalize(result)[0] is result


def test_a_stored_archive_inside_stays_stored() -> None:
    """Java could not load a nested jar without unpacking it."""
    stored = info("inner.jar")
    stored.compress_type = zipfile.ZIP_STORED
    inner = archive((MANIFEST, b"Built-By: me\nX: 1\n"))
    result, _ = normalize(archive((stored, inner)))
    assert entries(result)[0].compress_type == zipfile.ZIP_STORED
    assert contents(contents(result)["inner.jar"]) == {MANIFEST: b"X: 1\n"}


def test_a_compiled_module_in_an_archive_is_not_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would compile the module again at each start."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    source = b"x = 1\n"
    path = tmp_path / "m.py"
    path.write_bytes(source)
    header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, LATER, len(source))
    module = header + marshal.dumps(compile("x = 2\n", "m.py", "exec"))
    data = archive(("m.py", source), ("m.pyc", module), (info("o.py", when=OLD), b""), ("o.pyc", module))
    result, _ = normalize(data, handlers="leaks")
    (tmp_path / "m.zip").write_bytes(result)
    code = zipimport.zipimporter(str(tmp_path / "m.zip")).get_code("m")
    assert code is not None
    assert 2 in code.co_consts
    assert contents(result)["o.pyc"] == module


@pytest.mark.parametrize(
    "name",
    [
        "META-INF/KEY.SF",
        "META-INF/key.rsa",
        "META-INF/K.DSA",
        "META-INF/K.EC",
        "META-INF/SIG-K",
        "META-INF/cose.sig",
        "META-INF/documentsignatures.xml",
        "_xmlsignatures/sig1.xml",
        ".signature.p7s",
        "p-1.dist-info/RECORD.jws",
    ],
)
def test_signed_archives_are_left_alone(name: str) -> None:
    """The signature would no longer hold."""
    assert reasons(archive(("b", b"1"), (name, b"2"))) == ["it is signed"]


def insert_before_directory(data: bytes, piece: bytes) -> bytes:
    """Puts bytes between the last member and the central directory."""
    offset = int.from_bytes(data[-6:-2], "little")
    end = bytearray(data[offset:])
    end[-6:-2] = (offset + len(piece)).to_bytes(4, "little")
    return data[:offset] + piece + end


def test_android_packages_are_left_alone() -> None:
    """Android would refuse them, or could not map their libraries."""
    for name in ("classes.dex", "AndroidManifest.xml"):
        assert "Android" in reasons(archive((name, b"1")))[0]
    block = struct.pack("<QQ", 24, 24) + b"APK Sig Block 42"
    assert reasons(insert_before_directory(archive(("a", b"1")), block)) == ["it is signed"]


def test_encrypted_archives_are_left_alone() -> None:
    """Traditional encryption checks the password by the time of the member."""
    data = bytearray(archive(("a", b"1")))
    data[6] |= 1
    assert reasons(bytes(data)) == ["it is encrypted"]
    assert reasons(archive((info("a", extra=extra(0x9901, bytes(7))), b"1"))) == ["it is encrypted"]
    for name in ("diffoscope/encrypted1.zip", "diffoscope/encrypted2.zip"):
        assert reasons(corpus(name)) == ["it is encrypted"]


def test_streamed_archives() -> None:
    """Archives written to a pipe keep sizes behind the data; they would be refused, and keep their leaks."""
    data = streamed(("b", b"two" * 99), ("a", b"1"))
    assert data[6] & 8
    result, _ = normalize(data)
    assert contents(result) == contents(data)
    assert names(result) == ["a", "b"]
    bare = archive_without_magic_in_descriptors(data)
    assert names(normalize(bare)[0]) == ["a", "b"]
    assert contents(normalize(bare)[0]) == contents(data)


def archive_without_magic_in_descriptors(data: bytes) -> bytes:
    """The magic of data descriptors is optional."""
    cut = data.replace(b"PK\x07\x08", b"")
    first, second = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    gap = struct.pack("<I", struct.unpack_from("<I", data, second + 42)[0] - 4)
    at = second - 8
    cut = cut[: at + 42] + gap + cut[at + 46 :]
    return cut[:-6] + struct.pack("<I", first - 8) + cut[-2:]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python writes zip64 records as if four bytes were two bits."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 3)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)


@pytest.mark.usefixtures("wide")
def test_zip64() -> None:
    """Archives of more than 4 GB or 65535 members would come out broken."""
    data = archive(("b.zip", INNER), ("a", b"12345"), comment=b"kept")
    assert b"PK\x06\x06" in data
    for handlers in ("leaks", "all"):
        result, _ = normalize(data, handlers=handlers)
        assert contents(result)["a"] == b"12345"
        assert contents(contents(result)["b.zip"]) == contents(INNER)
        assert {entry.date_time for entry in entries(result)} == {AT_EPOCH}
        assert normalize(result, handlers=handlers)[0] is result
    locator = data.index(b"PK\x06\x07")
    assert reasons(data[: locator + 8] + b"\1" + data[locator + 9 :]) == ["its zip64 locator points elsewhere"]


@pytest.mark.usefixtures("wide")
def test_zip64_data_descriptors() -> None:
    """The sizes behind the data of a member would be those of its old content."""
    data = streamed(("b.zip", INNER), ("a", b"12345"))
    result, _ = normalize(data)
    assert contents(contents(result)["b.zip"]) == contents(INNER)
    size, packed = entries(result)[1].file_size, entries(result)[1].compress_size
    assert struct.pack("<4sIQQ", b"PK\x07\x08", zlib.crc32(contents(result)["b.zip"]), packed, size) in result


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize(("name", "prefix"), [("jmod", b"JM\1\0"), ("pyzip", b"#!/usr/bin/env python3\n")])
def test_modules_of_the_jdk_and_python_programs(name: str, prefix: bytes, absolute: bool) -> None:
    """They would lose their first bytes, or point beside their members."""
    members = (("__main__.py", b"print()"), (MANIFEST, b"Built-By: me\nX: 1\n"), ("a", b"1"))
    data = archive(*members, prefix=prefix) if absolute else prefix + archive(*members)
    result, report = normalize(data)
    assert [change.handler for change in report.changes] == [name]
    assert result.startswith(prefix + b"PK\x03\x04")
    assert contents(result) == {**dict(members), MANIFEST: b"X: 1\n"}
    assert names(result) == [MANIFEST, "__main__.py", "a"]
    offset = int.from_bytes(result[result.index(b"PK\x01\x02") + 42 :][:4], "little")
    assert offset == (len(prefix) if absolute else 0)


def test_bytes_between_members_stay_where_they_are() -> None:
    """Something that only its writer understands would be lost or moved."""
    data = insert_before_directory(PLAIN[: -len(b"kept") - 2] + b"\0\0", b"something else")
    result, _ = normalize(data)
    assert names(result) == names(data)
    assert len(result) == len(data)
    assert b"something elsePK\x01\x02" in result
    assert {entry.date_time for entry in entries(result)} == {AT_EPOCH}
    traces = archive((MANIFEST, b"X: 1\n"), ("javac.sh", b"cd /home"))
    assert b"something elsePK\x01\x02" in normalize(insert_before_directory(traces, b"something else"))[0]


def test_aligned_members_are_not_moved() -> None:
    """Programs that map them into memory would no longer find them at an even place."""
    data = archive((info("b", extra=extra(0xD935, b"\4\0")), b"1"), ("a.zip", INNER))
    result, _ = normalize(data)
    assert names(result) == ["b", "a.zip"]
    assert contents(result) == contents(data)


def edited(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def overlapping() -> bytes:
    """Two members that share one local header, as in bombs."""
    data = bytearray(archive(("a", b"1"), ("b", b"1")))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (overlapping(), "share bytes"),
        (edited(PLAIN, b"b.txt", b"c.txt"), "disagree"),
        (PLAIN + b"more", "follow its end record"),
        (edited(PLAIN, b"PK\x05\x06\0\0", b"PK\x05\x06\1\0"), "split"),
        (edited(PLAIN, b"PK\x01\x02", b"PK\x05\x05"), "no member"),
        (archive(("bomb.zip", b"PK\x03\x04" + bytes(1 << 25))), "unpacks to more"),
    ],
    ids=["overlap", "names", "trailing", "split", "signature", "bomb"],
)
def test_what_readers_may_understand_in_two_ways_is_left_alone(data: bytes, reason: str) -> None:
    """What was extracted before and after would differ."""
    assert any(reason in text for text in reasons(data))


def with_counts(data: bytes, count: int) -> bytes:
    at = data.rindex(b"PK\x05\x06") + 8
    return data[:at] + struct.pack("<HH", count, count) + data[at + 4 :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PLAIN[:200], "the archive is cut at byte 200"),
        (PLAIN[:40] + PLAIN[40:].replace(b"PK\x03\x04", b"PK\x03\x05"), "no local header where"),
        (with_counts(PLAIN, 4), "holds 3 members, not 4"),
        (INNER[:-6] + struct.pack("<IH", 1 << 20, 0), "does not lie before"),
    ],
    ids=["cut", "header", "count", "offset"],
)
def test_a_damaged_archive_is_refused(data: bytes, message: str) -> None:
    """The damage would be hidden."""
    with pytest.raises(FormatError, match=message):
        normalize(data)


def test_a_member_that_does_not_match_its_checksum_is_refused() -> None:
    """It would get a checksum that matches."""
    data = bytearray(archive(("inner.zip", INNER)))
    for magic, at in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        data[data.index(magic) + at] ^= 1
    with pytest.raises(FormatError, match="checksum"):
        normalize(bytes(data))


def test_a_zip_that_holds_itself_ends() -> None:
    """A quine would be unpacked for ever."""
    data = corpus("diffoscope/quine.zip")
    result, report = normalize(data)
    assert [skipped.reason for skipped in report.skipped] == ["it lies more than 8 archives deep"]
    assert normalize(result)[0] == result


def test_many_members_are_quick() -> None:
    """A hostile or merely large archive would hold up the build."""
    data = archive(*((f"{number:x}", b"") for number in range(70_000)))
    start = time.process_time()
    result, _ = normalize(data)
    assert time.process_time() - start < 60
    assert len(entries(result)) == 70_000
    assert names(result) == sorted(names(data))


SEEDS = (
    PLAIN,
    archive(("b.zip", INNER), (MANIFEST, b"Built-By: me\nX: 1\n"), ("javac.sh", b"1"), (info("d/"), b"")),
    streamed(("b.zip", INNER), ("a.clj", b"1")),
    archive((info("f", extra=extra(UNIX_TIMES, struct.pack("<BI", 1, LATER)) + extra(1, bytes(16))), b"1")),
    insert_before_directory(INNER, b"gap"),
    b"JM\1\0" + INNER,
    b"#!/usr/bin/python3\n" + INNER,
)


@st.composite
def records_damaged(draw: st.DrawFn) -> bytes:
    """An archive with a few bytes changed in its records, which hold lengths, offsets and flags."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    records = [match.start() for match in re.finditer(b"PK[\1\3\5\7]", data)]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.sampled_from(records)) + draw(st.integers(4, 50))
        new = draw(st.one_of(st.binary(min_size=1, max_size=2), st.just(b"\xff" * 4)))
        data[at : at + len(new)] = new
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(data=st.one_of(mutated(*SEEDS), records_damaged()), **POLICIES)
def test_damage_is_refused_or_settles(data: bytes, timestamps: str, handlers: str) -> None:
    """A hostile archive would end the run with a traceback, or differ after each run."""
    check_settles(data, timestamps=timestamps, handlers=handlers)
