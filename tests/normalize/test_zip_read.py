"""If these fail, two archives that a program reads differently are taken for the same, or become the same."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import warnings
import zipfile
from pathlib import Path

import pytest
from jobs import normalize
from test_zip import MANIFEST, Entry, archive, entries, extra, info, names, reasons

Entries = list[Entry | tuple[zipfile.ZipInfo, bytes]]


def made(*members: Entry | tuple[zipfile.ZipInfo, bytes], comment: bytes = b"", prefix: bytes = b"") -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names that stand twice
        return archive(*members, comment=comment, prefix=prefix)


def modes(data: bytes) -> list[int]:
    return [entry.external_attr >> 16 for entry in entries(data)]


@pytest.mark.parametrize("mode", [0o104755, 0o102755, 0o106711, 0o101777, 0o104644, 0o120777, 0o020666, 0o060660])
def test_special_bits_and_types_stay_and_count(mode: int) -> None:
    """Whoever unpacks it as root gets a setuid program, or none."""
    for handlers in ("all", "zip"):
        assert modes(normalize(made((info("x", mode=mode), b"1")), handlers=handlers)[0]) == [mode]
    stub = made((info("x", mode=mode), b"1"), prefix=b"#!/bin/sh\nexit\n")
    assert modes(normalize(stub)[0]) == [mode]


@pytest.mark.parametrize("kind", [0x5855, 0x7855, 0x7875])
def test_whose_a_setuid_program_is_stays(kind: int) -> None:
    """unzip -X gives it back to its owner: it would be root's."""
    body = {0x5855: bytes(8) + b"\xe8\3\xe8\3", 0x7855: b"\xe8\3\xe8\3", 0x7875: b"\1\2\xe8\3\2\xe8\3"}[kind]
    for mode, kept in ((0o104755, True), (0o100755, False)):
        result, _ = normalize(made((info("x", mode=mode, extra=extra(kind, body)), b"1")))
        assert (b"\xe8\3" in entries(result)[0].extra) == kept


@pytest.mark.parametrize(("name", "mode"), [("x/", 0o100644), ("x", 0o040755), ("x/", 0o043777)])
def test_what_its_name_and_its_mode_say_differently_stays(name: str, mode: int) -> None:
    """One program makes a folder, another a file."""
    assert modes(normalize(made((info(name, mode=mode), b"")))[0]) == [mode]


def test_a_folder_of_dos_stays_one() -> None:
    entry = info("x")
    entry.external_attr |= 0x10
    assert entries(normalize(made((entry, b"")))[0])[0].external_attr == entry.external_attr


def unicode_name(name: str, other: str) -> zipfile.ZipInfo:
    return info(name, extra=extra(0x7075, b"\1" + struct.pack("<I", 0) + other.encode()))


@pytest.mark.parametrize(
    "members",
    [
        [("x", b"1"), ("b", b"2"), ("x", b"3")],
        [("x/y", b"1"), ("b", b"2"), ("x//y", b"3")],
        [("x", b"1"), ("b", b"2"), ("./x", b"3")],
        [("x", b"1"), ("b", b"2"), ("y/../x", b"3")],
        [("y\\x", b"1"), ("b", b"2"), ("y/x", b"3")],
        [("x", b"1"), ("b", b"2"), ("/x", b"3")],
        [("x", b"1"), ("b", b"2"), ("x/", b"")],
        [("x\u0308", b"1"), ("b", b"2"), ("\u1e8d", b"3")],
        [("x", b"1"), ("b", b"2"), (unicode_name("c", "x"), b"3")],
        [(info("x", mode=0o120777), b"/etc"), ("b", b"2"), ("x/passwd", b"3")],
        [("META-INF/versions/9/x", b"1"), ("b", b"2"), ("meta-inf/Versions/9/x", b"3")],
        [("mimetype", b"application/epub+zip"), ("b", b"1")],
        [("b", b"1"), (info("mimetype"), b"application/epub+zip")],
    ],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_where_the_order_decides_it_stays(members: Entries, turned: bool) -> None:
    """One program takes the first of two, another the last; what comes first tells what an archive is."""
    stored = [(zipfile.ZipInfo(name) if name == "mimetype" else name, content) for name, content in members]
    ordered = stored[::-1] if turned else stored
    data = made(*ordered)
    assert names(normalize(data)[0]) == names(data)


@pytest.mark.parametrize("name", [MANIFEST, "META-INF/manifest.mf"])
def test_a_manifest_that_is_not_found_in_a_stream_stays_so(name: str) -> None:
    """Java's JarInputStream knows it in the first place, or behind META-INF/: elsewhere it counts for others only."""
    hidden = made(("a", b"1"), ("META-INF/", b""), (name, b"X: 1\n"))
    result, report = normalize(hidden)
    assert names(result) == names(hidden)
    assert "manifest" in report.skipped[0].reason
    assert names(normalize(made((name, b"X: 1\n"), ("b", b"1"), ("a", b"1")))[0])[0] == name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("javac.sh", b"#!/bin/sh\nrm -rf /\n"),
        ("javac.sh", b"cd /home"),
        ("javac.sh", b"/bin/sh -c cd /a && /b/javac @/a/JavacCompiler1arguments; evil @JavacCompiler1arguments"),
        ("org.codehaus.plexus.compiler.javac.JavacCompiler123arguments", b"whatever\n"),
        ("org.codehaus.plexus.compiler.javac.JavacCompiler123arguments", b'"-x"\n'),
    ],
)
def test_what_only_has_the_name_of_a_leftover_is_not_dropped(name: str, content: bytes) -> None:
    """A program of the jar may run it, or read it."""
    assert name in names(normalize(made((MANIFEST, b"X: 1\n"), (name, content)))[0])


@pytest.mark.parametrize(
    "manifest",
    [
        b"Built-By:me\nX: 1\n",
        b" Built-By: me\nX: 1\n",
        b"X: 1\n\nBuilt-By: me\nName: a\n",
        b"X: 1\nBuilt-By: me",
        b"X: 1\nBuilt-By: m\0e\n",
        b"X: 1\n\n Built-By: me\n",
        b"X: 1\nBnd-LastModified: yesterday\n",
        b"X: 1\nBuilt-By: " + b"me" * 300 + b"\n",
        b"\nX: 1\nBuilt-By: me\n",
    ],
)
def test_a_manifest_that_java_refuses_is_not_mended(manifest: bytes) -> None:
    """A jar that does not run would become one that does."""
    data = made((MANIFEST, manifest))
    with zipfile.ZipFile(io.BytesIO(normalize(data)[0])) as read:
        assert read.read(MANIFEST) == manifest


def test_java_refuses_those_manifests(tmp_path: Path) -> None:
    """Else the rule would have no reason."""
    if shutil.which("java") is None:
        pytest.skip("needs java on PATH")
    source = tmp_path / "Read.java"
    source.write_text(
        "import java.util.jar.*; public class Read { public static void main(String[] a) throws Exception {"
        " int n = 0; for (String f : a) try { new JarFile(f).getManifest(); n++; } catch (java.io.IOException e) { }"
        " System.out.println(n); } }"
    )
    jars = []
    refused = (b"Built-By:me\nX: 1\n", b"X: 1\n\nBuilt-By: me\nName: a\n", b"\nX: 1\nBuilt-By: me\n")
    for number, manifest in enumerate(refused):
        path = tmp_path / f"{number}.jar"
        path.write_bytes(made((MANIFEST, manifest)))
        jars.append(path)
    done = subprocess.run(["java", source, *jars], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_an_end_record_in_a_comment_is_left_alone() -> None:
    """Python takes the last one: it reads other members than `unzip`."""
    inner = made(("evil", b"1"))
    end = inner[inner.rindex(b"PK\5\6") :]
    assert "comment" in reasons(made(("a", b"1"), comment=end + b"more"))[0]


def place(name: str) -> str:
    """Where an unpacker puts a member."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def read(data: bytes) -> list[object]:
    """What several readers make of an archive, but for what is a leak."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [(entry.filename, source.read(entry).replace(BUILDER, b"")) for entry in source.infolist()]
        kinds = {entry.filename: entry.external_attr >> 16 & 0o177000 for entry in source.infolist()}
    backwards = members[::-1]
    head = [name.lower() for name, _ in members[:2]]
    manifest = head[:1] == [MANIFEST.lower()] or head == ["meta-inf/", MANIFEST.lower()]
    jars = [name for name, _ in members if name.endswith(".jar")] if MANIFEST in kinds else []
    placed = [{place(name): content for name, content in order} for order in (members, backwards)]
    return [kinds, dict(members), dict(backwards), *placed, manifest, head[:1] == ["mimetype"], jars]


BUILDER = b"Built-By: me\n"
NAMES = (
    "a",
    "b",
    "a/",
    "a/b",
    "./a",
    "x/../a",
    "a\\b",
    "mimetype",
    "META-INF/",
    MANIFEST,
    "javac.sh",
    "c.jar",
    "d.jar",
)


def test_no_reader_sees_another_archive_and_no_two_that_differ_become_one() -> None:
    """Archives at random, of names that get into each other's way."""
    rng = random.Random(1)
    seen: dict[bytes, list[object]] = {}
    for _ in range(800):
        members: Entries = []
        for name in rng.choices(NAMES, k=rng.randint(1, 5)):
            entry = info(name, mode=rng.choice((0o100644, 0o100755, 0o104755, 0o120777, 0o040755)))
            members.append((entry, rng.choice((b"1", b"2", b"X: 1\n" + BUILDER))))
        before = made(*members)
        after = normalize(before)[0]
        assert read(after) == read(before)
        assert seen.setdefault(after, read(before)) == read(before)
    assert len(seen) < 800  # some become one
