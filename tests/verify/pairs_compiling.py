"""A small program in C, compiled by the real compiler under conditions that a caller varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pairs_making import Factor, files, run
from pairs_packing import EPOCH
from pairs_tree import put, words

BUILDER = "/home/buildozer/aports/main/hello/src/hello-1.2"
"""Where Alpine's builders, and rootbld, build."""
CI = "/builds/alpine/aports/main/hello/src/hello-1.2"
"""Where Alpine's CI builds."""
PROGRAM = "usr/bin/hello-c"

MAIN = """\
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hello.h"

#ifndef BANNER
#define BANNER "hello 1.2"
#endif

static int usage(FILE *to)
{
\tfprintf(to, "usage: hello [-v] [NAME]...\\n");
\treturn to == stderr;
}

int main(int argc, char **argv)
{
\tint i;

\tif (argc > 1 && !strcmp(argv[1], "-h"))
\t\treturn usage(stdout);
\tif (argc > 1 && !strcmp(argv[1], "-v"))
\t\treturn puts(BANNER) < 0;
\tif (argc < 2)
\t\treturn usage(stderr);
\tfor (i = 1; i < argc; i++)
\t\tgreet(argv[i], word((unsigned)i));
\treturn EXIT_SUCCESS;
}
"""
GREET = """\
#include <assert.h>
#include <stdio.h>
#include "hello.h"

static int greeted;

void greet(const char *name, const char *with)
{
\tassert(name && with);
\tif (greeted++ > 40)
\t\tprintf("and ");
\tprintf("%s, %s!\\n", with, name);
}

int greetings(void)
{
\treturn greeted * 3;
}
"""
HEADER = "void greet(const char *name, const char *with);\nint greetings(void);\nconst char *word(unsigned n);\n"


def _table() -> str:
    told = words(200, 5)
    lines = "".join(f'\t"{word}",\n' for word in told)
    return (
        f'#include "hello.h"\n\nstatic const char *const words[] = {{\n{lines}}};\n\n'
        f"const char *word(unsigned n)\n{{\n\treturn words[n % {len(told)}];\n}}\n"
    )


SOURCES = {"main.c": MAIN, "greet.c": GREET, "words.c": _table(), "hello.h": HEADER}


@dataclass(frozen=True)
class Compiling:
    """How the program is compiled.

    Attributes:
        home: where the sources seem to lie. They lie in the work folder, which `-ffile-prefix-map` renames: that
            gives the bytes that the other folder would have given, and is not recorded in `DW_AT_producer`.
        absolute: the compiler is given absolute paths, as CMake does; `__FILE__` is what it was given.
        objects: what is compiled and linked, in this order.
        tools: run on the program afterwards, which stands where a command says `{}`.
    """

    compiler: str = "gcc"
    home: str = BUILDER
    absolute: bool = False
    flags: tuple[str, ...] = ("-O2",)
    link: tuple[str, ...] = ("-Wl,--build-id=none",)
    objects: tuple[str, ...] = ("main.c", "greet.c", "words.c")
    sources: dict[str, str] = field(default_factory=lambda: dict(SOURCES))
    epoch: int | None = EPOCH
    tools: tuple[tuple[str, ...], ...] = (("strip", "{}"),)

    def made(self, work: Path) -> bytes:
        """The program."""
        for name, text in self.sources.items():
            put(work / name, text)
        given: Sequence[str | Path] = [work / name for name in self.objects] if self.absolute else self.objects
        command = [self.compiler, *self.flags, f"-ffile-prefix-map={work}={self.home}", *given, *self.link]
        epoch = None if self.epoch is None else str(self.epoch)
        run(*command, "-o", "hello", cwd=work, SOURCE_DATE_EPOCH=epoch)
        for tool in self.tools:
            run(*(word.replace("{}", "hello") for word in tool), cwd=work)
        return (work / "hello").read_bytes()

    def editing(self, name: str, old: str, new: str) -> Compiling:
        """With a changed source."""
        assert old in self.sources[name]
        return replace(self, sources={**self.sources, name: self.sources[name].replace(old, new)})

    def renaming(self, old: str, new: str) -> Compiling:
        """With another name for a source."""
        sources = {new if name == old else name: text for name, text in self.sources.items()}
        return replace(self, sources=sources, objects=tuple(new if name == old else name for name in self.objects))

    def saying(self, banner: str) -> Compiling:
        """With another text for `hello -v`; an expression in C."""
        return replace(self, flags=(*self.flags, f"-DBANNER={banner}"))


def compiling(
    name: str,
    title: str,
    original: Compiling,
    rebuilt: Compiling,
    *,
    needs: tuple[str, ...] = (),
    before: Callable[[Path], object] | None = None,
) -> Factor:
    """A package with the program, compiled in two ways; `before` runs in the work folder first."""

    def place(tree: Path, work: Path, second: bool) -> None:
        if before:
            before(work)
        put(tree / PROGRAM, (rebuilt if second else original).made(work), 0o755)

    return files(name, title, place, needs=("gcc", "strip", *needs))
