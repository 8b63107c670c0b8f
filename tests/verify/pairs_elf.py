"""Pairs whose programs were compiled or linked under other conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pairs_compiling import BUILDER, CI, PROGRAM, Compiling, compiling
from pairs_making import LATER, Factor, Missing, files, run
from pairs_packing import EPOCH
from pairs_tree import put

C = Compiling()
BARE = replace(C, tools=())
DEBUG = replace(C, flags=("-O2", "-g"), tools=())
HASHED = replace(C, link=("-Wl,--build-id=sha1",))
DATED = C.saying('"hello 1.2, built " __DATE__ " " __TIME__')
ABSOLUTE = replace(C, absolute=True)
#: The `.comment` of Alpine 3.19's and 3.21's gcc.
ALPINE_GCC = ("GCC: (Alpine 13.2.1_git20231014) 13.2.1 20231014", "GCC: (Alpine 14.2.0) 14.2.0")


def identified(identity: str) -> Compiling:
    """`--build-id=uuid` draws one at random; given by hand it stays the same from run to run."""
    return replace(C, link=(f"-Wl,--build-id=0x{identity}",))


def searching(path: str) -> Compiling:
    return replace(C, link=(*C.link, f"-Wl,-rpath,{path}"))


def commented(tree: Path, work: Path, second: bool) -> None:
    """One compiled file, with what two compilers would have written of themselves."""
    C.made(work)
    put(work / "comment", ALPINE_GCC[second].encode() + b"\0")
    run("objcopy", "--update-section", ".comment=comment", "hello", cwd=work)
    put(tree / PROGRAM, (work / "hello").read_bytes(), 0o755)


def by_gcc(tree: Path, work: Path, second: bool) -> None:
    """Two releases of GCC."""
    versions = [run(gcc, "-dumpversion", cwd=work) for gcc in ("gcc", "gcc-11")]
    if versions[0] == versions[1]:
        raise Missing("a gcc besides gcc-11")
    put(tree / PROGRAM, replace(C, compiler="gcc-11" if second else "gcc").made(work), 0o755)


def debug_apart(tree: Path, work: Path, second: bool) -> None:
    """As abuild's `default_dbg`: the debug information goes into a file of its own, which the program names by CRC."""
    replace(DEBUG, home=CI if second else BUILDER).made(work)
    run("objcopy", "--only-keep-debug", "hello", "hello-c.debug", cwd=work)
    run("objcopy", "--strip-debug", "--add-gnu-debuglink=hello-c.debug", "hello", cwd=work)
    put(tree / "usr/lib/debug/usr/bin/hello-c.debug", (work / "hello-c.debug").read_bytes())
    put(tree / PROGRAM, (work / "hello").read_bytes(), 0o755)


FACTORS: tuple[Factor, ...] = (
    compiling("build-path", "debug information: the folder", replace(DEBUG, home=BUILDER), replace(DEBUG, home=CI)),
    compiling("build-path", "__FILE__ in assertions", ABSOLUTE, replace(ABSOLUTE, home=CI)),
    compiling(
        "build-path",
        "__FILE__ in assertions, paths of one length",
        replace(ABSOLUTE, home="/var/build-1/hello/src/hello-1.2"),
        replace(ABSOLUTE, home="/var/build-2/hello/src/hello-1.2"),
    ),
    compiling("build-path", "a run path into the build tree", searching(f"{BUILDER}/.libs"), searching(f"{CI}/.libs")),
    compiling(
        "build-path", "a banner that tells the folder", C.saying(f'"{BUILDER}/main.c"'), C.saying(f'"{CI}/main.c"')
    ),
    files("build-path", "debug information in a file of its own", debug_apart, needs=("gcc", "objcopy")),
    compiling("build-id", "drawn at random", identified("5be2c60a" * 5), identified("a0d41f93" * 5)),
    compiling(
        "build-id",
        "a hash over debug information that was taken off",
        replace(HASHED, flags=DEBUG.flags),
        replace(HASHED, flags=DEBUG.flags, home=CI),
    ),
    compiling("date-macro", "__DATE__ and __TIME__", DATED, replace(DATED, epoch=LATER)),
    compiling("date-macro", "__TIME__, the same day", DATED, replace(DATED, epoch=EPOCH + 3333)),
    compiling(
        "date-macro",
        "__DATE__ alone",
        C.saying('"hello 1.2 (" __DATE__ ")"'),
        replace(C.saying('"hello 1.2 (" __DATE__ ")"'), epoch=LATER),
    ),
    compiling(
        "date-macro",
        "with a build id that follows",
        *(replace(HASHED.saying('"built on " __DATE__ " at " __TIME__'), epoch=epoch) for epoch in (EPOCH, LATER)),
    ),
    files("compiler", "what two compilers write into .comment", commented, needs=("gcc", "objcopy", "strip")),
    files("compiler", "two releases of GCC", by_gcc, needs=("gcc", "gcc-11", "strip")),
    compiling("compiler", "GCC or clang", C, replace(C, compiler="clang"), needs=("clang",)),
    compiling(
        "compiler-flags", "one more option in DW_AT_producer", DEBUG, replace(DEBUG, flags=(*DEBUG.flags, "-fwrapv"))
    ),
    compiling(
        "compiler-flags",
        "another tuning in DW_AT_producer",
        DEBUG,
        replace(DEBUG, flags=(*DEBUG.flags, "-mtune=intel")),
    ),
    compiling("stripped", "stripped, or not", C, BARE),
    compiling("stripped", "debug information taken off, or not", replace(DEBUG, tools=(("strip", "-g", "{}"),)), DEBUG),
    compiling("readdir-order", "objects linked in another order", BARE, replace(BARE, objects=BARE.objects[::-1])),
    compiling("readdir-order", "objects linked in another order, stripped", C, replace(C, objects=C.objects[::-1])),
)

NEAR: tuple[Factor, ...] = (
    compiling("build-path", "another source file in one folder", ABSOLUTE, ABSOLUTE.renaming("greet.c", "greeting.c")),
    compiling(
        "build-path",
        "a data folder of the installed package",
        C.saying('"/usr/share/hello"'),
        C.saying('"/usr/share/hello-1"'),
    ),
    compiling("build-id", "follows from changed code", HASHED, HASHED.editing("greet.c", "greeted * 3", "greeted * 5")),
    compiling(
        "build-id",
        "follows from a changed word",
        HASHED,
        HASHED.editing("words.c", "return words[n", "return words[3 * n"),
    ),
    compiling(
        "date-macro",
        "a release's date, the level differs",
        *(C.saying(f'"hello 1.2 (Feb  3 2024) patch {level}"') for level in (7, 8)),
    ),
    compiling(
        "date-macro",
        "two versions that look like times",
        *(C.saying(f'"hello protocol {number}"') for number in ("1:20:33", "1:20:34")),
    ),
    compiling(
        "compiler", "a string about a compiler", *(C.saying(f'"needs GCC {number} or later"') for number in (12, 13))
    ),
    compiling("compiler", "another constant in the code", C, C.editing("greet.c", "greeted * 3", "greeted * 5")),
    compiling(
        "compiler-flags", "another constant, with debug information", DEBUG, DEBUG.editing("greet.c", "> 40", "> 41")
    ),
    compiling(
        "stripped",
        "one more symbol",
        BARE,
        replace(BARE, tools=(("objcopy", "--add-symbol", "marker=.text:0,function,local", "{}"),)),
    ),
    compiling("stripped", "both stripped, another constant", C, C.editing("greet.c", "> 40", "> 41")),
    compiling(
        "readdir-order", "another function, the same order", BARE, BARE.editing("greet.c", "greeted * 3", "greeted + 7")
    ),
)
