"""Pairs whose compiled Python differs. Source: CPython's `py_compile`, `marshal.c`; PEP 552."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pairs_making import LATER, Factor, Missing, Place, files, run
from pairs_packing import EPOCH
from pairs_tree import put

from buildinfo.normalize.marshal import canonical
from buildinfo.normalize.pyc import VERSIONS

SITE = "/usr/lib/python3/site-packages"
MODULE = "usr/share/hello/greeter.pyc"
SOURCE = '''"""Says hello."""

import os
import sys

WORDS = {"hello": ("hello", "hi"), "moin": ("moin", "moin moin")}
DATA = "/usr/share/hello"


class Greeter:
    """Greets people."""

    def __init__(self, name, colour=False):
        self.name, self.colour = name, colour
        assert name, "nobody to greet"

    def greet(self, times=1):
        """Greets them, several times."""
        for number in range(times):
            word = WORDS["hello"][number % 2]
            print(f"{word}, {self.name}!", file=sys.stderr)  # over there
        return [line for line in self.words() if line.startswith("h")]

    def words(self):
        with open(os.path.join(DATA, "words")) as stream:
            yield from (line.strip() for line in stream if line != "hello")


def main(arguments=None):
    Greeter(*(arguments or sys.argv[1:])).greet(2)
'''

_COMPILE = """
import py_compile, sys
place, path, mode, optimize = sys.argv[1:]
mode = py_compile.PycInvalidationMode[mode]
py_compile.compile(place + "/greeter.py", place + "/greeter.pyc", path, True, int(optimize), mode)
"""


def compiled(
    work: Path,
    *,
    source: str = SOURCE,
    mode: str = "CHECKED_HASH",
    time: int = EPOCH,
    home: str = SITE,
    optimize: int = 0,
    python: str = sys.executable,
) -> bytes:
    """The module as `py_compile` compiles it for a path."""
    module = put(work / "greeter.py", source)
    os.utime(module, (time, time))
    words = (work, f"{home}/greeter.py", mode, str(optimize))
    run(python, "-I", "-S", "-c", _COMPILE, *words, cwd=work, SOURCE_DATE_EPOCH=None)
    return (work / "greeter.pyc").read_bytes()


def compiling(first: dict[str, Any], second: dict[str, Any]) -> Place:
    def place(tree: Path, work: Path, again: bool) -> None:
        put(tree / MODULE, compiled(work, **(second if again else first)))

    return place


def canonical_bits(tree: Path, work: Path, second: bool) -> None:
    """The bits of an object that is meant to be met again, as CPython left them, or as normalizing does."""
    made = compiled(work)
    magic = int.from_bytes(made[:2], "little")
    known = next(((header, dialect) for magics, header, dialect in VERSIONS if magic in magics), None)
    if known is None:
        raise Missing("a Python whose compiled files can be normalized")
    put(tree / MODULE, canonical(made, *known) if second else made)


@cache
def other_python() -> str:
    """A Python of another version: on PATH, or of pyenv."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [path for minor in range(8, 20) if (path := shutil.which(f"python3.{minor}"))]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found += sorted(str(path) for path in pyenv.glob("versions/3.*/bin/python3"))
    for path in found:
        told = subprocess.run([path, "-I", "--version"], capture_output=True, text=True, check=False).stdout
        version = re.fullmatch(r"Python (3\.(\d+))\.\d+\n", told)
        if version and version[1] != own and int(version[2]) >= 8:
            return path
    raise Missing("a second Python of another version")


def another_version(tree: Path, work: Path, second: bool) -> None:
    put(tree / MODULE, compiled(work, python=other_python() if second else sys.executable))


def changed(old: str, new: str) -> str:
    assert old in SOURCE
    return SOURCE.replace(old, new)


COMMENT = changed("# over there", "# not here")
OTHER_DATA = changed('DATA = "/usr/share/hello"', 'DATA = "/usr/share/words"')

FACTORS: tuple[Factor, ...] = (
    files(
        "pyc-time",
        "the source's modification time",
        compiling({"mode": "TIMESTAMP"}, {"mode": "TIMESTAMP", "time": LATER}),
    ),
    files(
        "pyc-time",
        "the same with -OO",
        compiling({"mode": "TIMESTAMP", "optimize": 2}, {"mode": "TIMESTAMP", "optimize": 2, "time": LATER}),
    ),
    files(
        "pyc-path",
        "compiled in another folder",
        compiling(
            {"home": "/home/buildozer/aports/main/hello/pkg/hello/usr/share/hello"},
            {"home": "/var/build/hello/pkg/hello/usr/share/hello"},
        ),
    ),
    files(
        "pyc-path",
        "with and without the package's folder",
        compiling(
            {"home": "/usr/share/hello"}, {"home": "/home/buildozer/aports/main/hello/pkg/hello/usr/share/hello"}
        ),
    ),
    files(
        "pyc-path",
        "a path of the same length",
        compiling({"home": "/home/ann/aports/pkg/hello"}, {"home": "/home/joe/aports/pkg/hello"}),
    ),
    files("pyc-flags", "by time or by hash", compiling({"mode": "TIMESTAMP"}, {"mode": "CHECKED_HASH"})),
    files("pyc-flags", "checked or unchecked hash", compiling({}, {"mode": "UNCHECKED_HASH"})),
    files("pyc-flags", "the bits for objects met again, left or normalized", canonical_bits),
    files("pyc-version", "compiled by another Python", another_version),
)

NEAR: tuple[Factor, ...] = (
    files("pyc-time", "hashes of sources that differ in a comment", compiling({}, {"source": COMMENT})),
    files(
        "pyc-time",
        "a source of another size, at the same time",
        compiling({"mode": "TIMESTAMP"}, {"mode": "TIMESTAMP", "source": COMMENT}),
    ),
    files("pyc-path", "a constant that is a path", compiling({}, {"source": OTHER_DATA})),
    files("pyc-flags", "another level of optimisation", compiling({}, {"optimize": 1})),
    files(
        "pyc-flags",
        "times, the flags are the same",
        compiling({"mode": "TIMESTAMP"}, {"mode": "TIMESTAMP", "time": LATER}),
    ),
    files("pyc-version", "other code of one Python", compiling({}, {"source": changed("greet(2)", "greet(3)")})),
)
