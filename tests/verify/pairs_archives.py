"""Pairs whose archives, images and catalogues inside the package differ: ar, zip, jar, gzip, png, mo, tar."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pairs_making import LATER, Factor, Place, at, files, run
from pairs_packing import EPOCH
from pairs_tree import prose, put

NOTES = ("alpha.txt", "beta.txt", "gamma.txt", "delta.txt")
JAVA = """\
package org.example;

/** Says hello. */
public final class Hello {
    private Hello() {
    }

    /** Says it. @param names to whom */
    public static void main(String[] names) {
        for (String name : names) {
            System.out.println("hello, " + name);
        }
    }
}
"""


def notes(work: Path, time: int = EPOCH, *, step: int = 0, **texts: str) -> None:
    """Files to put into an archive, `step` seconds between their times."""
    for number, name in enumerate(NOTES):
        path = put(work / name, texts.get(name.removesuffix(".txt"), prose(15, 20 + number)))
        os.utime(path, (time + step * number,) * 2)


def objects(work: Path, time: int = EPOCH, *, add: int = 3) -> Sequence[str]:
    """Object files, as a library's build leaves them."""
    for name in ("one", "two", "three"):
        put(work / f"{name}.c", f"int {name}(int n) {{ return n * {len(name) + add}; }}\n")
    run("gcc", "-O2", "-c", "one.c", "two.c", "three.c", cwd=work)
    for name in ("one.o", "two.o", "three.o"):
        (work / name).chmod(0o644)
        os.utime(work / name, (time, time))
    return ["one.o", "two.o", "three.o"]


def library(
    first: dict[str, int], second: dict[str, int], *, order: Sequence[int] = (0, 1, 2), umask: int = 0, how: str = "rcU"
) -> Place:
    """`ar` with `U`, or as where binutils was not configured to be deterministic; its index tells the clock."""

    def place(tree: Path, work: Path, again: bool) -> None:
        told = second if again else first
        members = objects(work, **told)
        if again:
            members = [members[place] for place in order]
            for name in members:
                (work / name).chmod(0o644 & ~umask)
        at(told.get("time", EPOCH) + 2, "ar", how, "libhello.a", *members, cwd=work)
        put(tree / "usr/lib/libhello.a", (work / "libhello.a").read_bytes())

    return place


def determined(tree: Path, work: Path, second: bool) -> None:
    """Made with D on one side."""
    at(EPOCH, "ar", "rcD" if second else "rcU", "libhello.a", *objects(work), cwd=work)
    put(tree / "usr/lib/libhello.a", (work / "libhello.a").read_bytes())


def zipped(first: dict[str, object], second: dict[str, object], order: Sequence[str] = NOTES) -> Place:
    def place(tree: Path, work: Path, again: bool) -> None:
        notes(work, **(second if again else first))  # type: ignore[arg-type]
        run("zip", "-q", "-X", "notes.zip", *(order if again else NOTES), cwd=work)
        put(tree / "usr/share/hello/notes.zip", (work / "notes.zip").read_bytes())

    return place


@cache
def classes() -> bytes:
    """The compiled class."""
    with TemporaryDirectory() as folder:
        source = put(Path(folder, "Hello.java"), JAVA)
        run("javac", "-d", ".", source, cwd=Path(folder))
        return Path(folder, "org/example/Hello.class").read_bytes()


def jar(tree: Path, work: Path, *, time: str, manifest: str) -> None:
    """A jar with a class in it; what the manifest says comes before what `jar` says of itself."""
    put(work / "classes/org/example/Hello.class", classes())
    put(work / "manifest", manifest)
    quick = ("-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto")
    run("jar", *quick, f"--date={time}", "-c", "-f", "hello.jar", "-m", "manifest", "-C", "classes", ".", cwd=work)
    put(tree / "usr/share/java/hello.jar", (work / "hello.jar").read_bytes())


def jars(first: str, second: str, times: tuple[str, str] = ("2024-02-03T04:05:06Z",) * 2) -> Place:
    return lambda tree, work, again: jar(tree, work, time=times[again], manifest=(first, second)[again])


def changelog(first: dict[str, object], second: dict[str, object], *flags: str, plain: str = "-9") -> Place:
    """A compressed document, by gzip from a file: its name and time go into the header."""

    def place(tree: Path, work: Path, again: bool) -> None:
        told: dict[str, object] = {"time": EPOCH, "name": "ChangeLog", "text": prose(80, 30)}
        told |= second if again else first
        path = put(work / str(told["name"]), str(told["text"]))
        os.utime(path, (float(str(told["time"])),) * 2)
        packed = run("gzip", *((flags or (plain,)) if again else (plain,)), "-c", path.name, cwd=work)
        put(tree / "usr/share/doc/hello/ChangeLog.gz", packed)

    return place


def png(*chunks: tuple[bytes, bytes], shade: int = 0) -> bytes:
    """An image of 32 by 32, with further chunks before its pixels. Source: PNG specification, 5 and 11."""
    rows = b"".join(b"\0" + bytes((x * y + shade) % 256 for x in range(32)) for y in range(32))
    whole = [
        (b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)),
        *chunks,
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in whole
    )


def icons(first: bytes, second: bytes) -> Place:
    return lambda tree, work, again: put(tree / "usr/share/pixmaps/hello.png", second if again else first)


def text(key: str, value: str) -> tuple[bytes, bytes]:
    return b"tEXt", f"{key}\0{value}".encode()


def dated(date: str) -> tuple[tuple[bytes, bytes], ...]:
    """As ImageMagick before 7.1.1 writes them (`WriteOnePNGImage`)."""
    return text("date:create", date), text("date:modify", date), text("Software", "hello-draw 1.2")


PO = """\
msgid ""
msgstr ""
"Project-Id-Version: hello {version}\\n"
"POT-Creation-Mark: {date}\\n"
"PO-Revision-Date: 2023-11-12 13:14+0100\\n"
"Language: nds\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

msgid "hello"
msgstr "{moin}"

msgid "usage: hello [-v] [NAME]..."
msgstr "so geht dat: hello [-v] [NAAM]..."
"""


def catalogue(first: dict[str, str], second: dict[str, str]) -> Place:
    """By msgfmt. Since 0.20 it leaves `POT-Creation-Date` out, so it is given that line under another name."""

    def place(tree: Path, work: Path, again: bool) -> None:
        told = {"version": "1.2", "date": "2024-02-03 04:05+0000", "moin": "moin", **(second if again else first)}
        put(work / "nds.po", PO.format(**told))
        run("msgfmt", "-o", "nds.mo", "nds.po", cwd=work)
        made = (work / "nds.mo").read_bytes().replace(b"\nPOT-Creation-Mark: ", b"\nPOT-Creation-Date: ")
        put(tree / "usr/share/locale/nds/LC_MESSAGES/hello.mo", made)

    return place


def inner_tar(first: Sequence[str], second: Sequence[str], **edited: str) -> Place:
    """A tar inside the package, of files in some order."""

    def place(tree: Path, work: Path, again: bool) -> None:
        notes(work, **(edited if again else {}))  # type: ignore[arg-type]
        names = second if again else first
        packed = run("tar", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "-c", *names, cwd=work)
        put(tree / "usr/share/hello/notes.tar", packed)

    return place


MAIN = "Main-Class: org.example.Hello\nImplementation-Version: 1.2\n"
CREATED = "Created-By: {} (Alpine)\n" + MAIN

FACTORS: tuple[Factor, ...] = (
    files("ar-metadata", "times of the members", library({}, {"time": LATER}), needs=("ar", "gcc", "faketime")),
    files(
        "ar-metadata",
        "modes of the members: another umask",
        library({}, {}, umask=0o77),
        needs=("ar", "gcc", "faketime"),
    ),
    files("ar-metadata", "made with D or with U", determined, needs=("ar", "gcc", "faketime")),
    files("zip-times", "zip: one time for all", zipped({}, {"time": LATER}), needs=("zip",)),
    files("zip-times", "zip: each file its own time", zipped({}, {"step": 62}), needs=("zip",)),
    files(
        "zip-times", "jar", jars(MAIN, MAIN, ("2024-02-03T04:05:06Z", "2024-02-11T06:08:10Z")), needs=("jar", "javac")
    ),
    files(
        "zip-order",
        "as a folder listed them",
        zipped({}, {}, ("gamma.txt", "alpha.txt", "delta.txt", "beta.txt")),
        needs=("zip",),
    ),
    files("jar-manifest", "Built-By", jars("Built-By: ann\n" + MAIN, "Built-By: joe\n" + MAIN), needs=("jar", "javac")),
    files(
        "jar-manifest",
        "Created-By",
        jars(CREATED.format("17.0.10+7"), CREATED.format("21.0.2+13")),
        needs=("jar", "javac"),
    ),
    files(
        "jar-manifest",
        "Bnd-LastModified and Build-Jdk",
        jars(
            "Bnd-LastModified: 1706933106000\nBuild-Jdk: 17.0.10\n" + MAIN,
            "Bnd-LastModified: 1707631690000\nBuild-Jdk: 17.0.11\n" + MAIN,
        ),
        needs=("jar", "javac"),
    ),
    files("gzip-header", "the time of the file", changelog({}, {"time": LATER})),
    files("gzip-header", "its name", changelog({}, {"name": "ChangeLog.1"})),
    files("gzip-header", "gzip with and without -n", changelog({}, {}, "-9", "-n")),
    files(
        "png-date",
        "tIME",
        icons(
            *(
                png((b"tIME", struct.pack(">HBBBBB", *time)))
                for time in ((2024, 2, 3, 4, 5, 6), (2024, 2, 11, 6, 8, 10))
            )
        ),
    ),
    files(
        "png-date",
        "tEXt date:create and date:modify",
        icons(png(*dated("2024-02-03T04:05:06+00:00")), png(*dated("2024-02-11T06:08:10+00:00"))),
    ),
    files(
        "png-date",
        "tEXt Creation Time",
        icons(
            *(
                png(text("Creation Time", time))
                for time in ("Sat, 03 Feb 2024 04:05:06 +0000", "Sun, 11 Feb 2024 06:08:10 +0000")
            )
        ),
    ),
    files("mo-date", "POT-Creation-Date", catalogue({}, {"date": "2024-02-11 06:08+0000"}), needs=("msgfmt",)),
    files(
        "mo-date",
        "POT-Creation-Date in another zone",
        catalogue({}, {"date": "2024-02-03 06:05+0200"}),
        needs=("msgfmt",),
    ),
    files("readdir-order", "a tar inside, as a folder listed it", inner_tar(NOTES, [NOTES[n] for n in (2, 0, 3, 1)])),
)

NEAR: tuple[Factor, ...] = (
    files("ar-metadata", "a member's code", library({}, {"add": 4}, how="rcD"), needs=("ar", "gcc", "faketime")),
    files(
        "ar-metadata",
        "the order of the members",
        library({}, {}, order=(2, 0, 1), how="rcD"),
        needs=("ar", "gcc", "faketime"),
    ),
    files("zip-times", "a member's content", zipped({}, {"beta": prose(15, 99)}), needs=("zip",)),
    files("zip-times", "the order of the members", zipped({}, {}, NOTES[::-1]), needs=("zip",)),
    files("zip-order", "a member's content", zipped({}, {"beta": prose(15, 99)}), needs=("zip",)),
    files("zip-order", "a member less", zipped({}, {}, NOTES[1:]), needs=("zip",)),
    files("jar-manifest", "the version", jars(MAIN, MAIN.replace("1.2", "1.3")), needs=("jar", "javac")),
    files("jar-manifest", "the class to run", jars(MAIN, MAIN.replace("Hello", "HelloAgain")), needs=("jar", "javac")),
    files("gzip-header", "the content", changelog({}, {"text": prose(80, 31)})),
    files("gzip-header", "the level", changelog({}, {}, "-1")),
    files("png-date", "a pixel", icons(*(png(*dated("2024-02-03T04:05:06+00:00"), shade=shade) for shade in (0, 1)))),
    files(
        "png-date", "another text", icons(*(png(text("Title", title)) for title in ("hello in blue", "hello in green")))
    ),
    files("mo-date", "a translation", catalogue({}, {"moin": "moin moin"}), needs=("msgfmt",)),
    files("mo-date", "the version", catalogue({}, {"version": "1.3"}), needs=("msgfmt",)),
)
