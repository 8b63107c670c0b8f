"""Ways to break the hooks of a builder, and what must hold all the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from building import Builder

#: What the body of a step may do, as a line of sh at its beginning.
POISONS = {
    "fails": "echo the-reason >&2; return 1",
    "exits": "echo garbage; echo garbage >&2; exit 3",
    "is killed": "sh -c 'kill -9 $PPID'; sleep 9",
    "cannot write": ": >/nonexistent/file || return",
    "names an unset variable": "set -u; echo $_buildinfo_nonexistent",
    "does not parse": "eval 'if ('",
}
GARBAGE = "echo garbage; echo garbage >&2; trap 'echo garbage; echo garbage >&2' EXIT"

# Functions that do for abuild what they should, and fail where a step of the hooks calls them.
_CALLED = '{0}() {{ [ -z "${{_buildinfo_umask+x}}" ] || return 9; command {0} "$@"; }}'
_PROGRAMS = "sha256sum sha512sum cp mv mkdir find stat sed tr date git realpath readlink id uname head rm chmod cat cc"
_BUILTINS = "cd echo printf read umask wait true test"

#: What recipes do that could reach the hooks.
RECIPES = {
    "functions named like programs": "\n".join(map(_CALLED.format, _PROGRAMS.split())),
    "functions named like builtins": "\n".join(map(_CALLED.format, _BUILTINS.split())),
    "variables of the hooks": "_buildinfo_capture=/nonexistent _buildinfo_said=7 _buildinfo_status=1 "
    "_buildinfo_leader=1 _buildinfo_log_file=/nonexistent/log _buildinfo_word=index _buildinfo_newest=5\n"
    "export _buildinfo_epoch=1 _buildinfo_git=/bin/false _buildinfo_file=x _buildinfo_name=x _buildinfo_commit=x",
    "no globbing": "set -f",
    "a trace": "set -x",
    "aliases": "alias command=false eval=false exec=false unset=false sed=false stat=false",
    "a short PATH": "PATH=/usr/bin:/bin; export PATH",
    "another separator": "IFS=', '",
    "no clobbering": "set -C",
}


def poison(builder: Builder, step: str, line: str) -> None:
    """Put a line of sh at the beginning of the body of a step, in the builder's copy of the hooks."""
    file = builder.hooks / "capture.sh"
    head = f"_buildinfo_body_{step}() {{\n"
    text = file.read_text()
    assert text.count(head) == 1
    file.write_text(text.replace(head, f"{head}\t{line}\n"))


def program(builder: Builder, script: str) -> None:
    """Let finalize be run by a script of sh instead; ``$PYTHON "$@"`` in it is the real one."""
    file = builder.hooks / "python"
    file.write_text(f"#!/bin/sh\nPYTHON='{builder.python}'\n{script}\n")
    file.chmod(0o755)
    (builder.hooks / "program.sh").write_text(f"_buildinfo_python='{file}'\n")


def configure(builder: Builder, line: str) -> None:
    """Put a line before the others of the builder's abuild.conf."""
    builder.config.write_text(f"{line}\n{builder.config.read_text()}")


def without_hooks(builder: Builder) -> None:
    """Take the line of the hooks out of the builder's abuild.conf."""
    lines = builder.config.read_text().splitlines(keepends=True)
    builder.config.write_text("".join(line for line in lines if "# abuild-buildinfo" not in line))


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the hooks or the program told the user."""
    return [line for line in done.stderr.splitlines() if line.startswith("abuild-buildinfo:")]


def told_once(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that tells what failed and what to do."""
    [line] = said(done)
    assert "run: abuild-buildinfo " in line or "with: abuild-buildinfo doctor" in line, line
    assert "/dev/null/" not in line.replace("/dev/null/HOME-is-not-set", "")
    assert "garbage" not in done.stdout + done.stderr
    return line


def contents(builder: Builder) -> dict[str, bytes]:
    """The packages of a builder, byte for byte."""
    return {path.relative_to(builder.repodest).as_posix(): path.read_bytes() for path in builder.packages()}


def litter(builder: Builder) -> list[Path]:
    """Files beside the packages that are neither packages nor records nor an index."""
    known = (".apk", ".buildinfo.toml")
    return [
        path
        for path in builder.repodest.rglob("*")
        if path.is_file()
        and path.name not in ("APKINDEX.tar.gz", "Packages.adb")
        and (path.name.startswith(".") or not path.name.endswith(known))
    ]


def finalize(builder: Builder, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run finalize by hand."""
    return builder.run(builder.python, "-I", "-m", "buildinfo", "finalize", *words, cwd=Path("/"), check=False)


def reseal(capture: Path) -> None:
    """Make the seal hold again: whoever can write a capture can write its seal."""
    names = [line.partition("  ")[2] for line in (capture / "complete").read_text().splitlines()]
    sums = (f"{hashlib.sha256((capture / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (capture / "complete").write_text("".join(sums))


def change(capture: Path, name: str, *pairs: tuple[str, str]) -> None:
    """Give variables of a capture other values, and seal it anew."""
    data = dict(pair.split(b"=", 1) for pair in (capture / name).read_bytes().split(b"\0")[:-1])
    data |= {os.fsencode(key): os.fsencode(value) for key, value in pairs}
    (capture / name).write_bytes(b"".join(key + b"=" + value + b"\0" for key, value in data.items()))
    reseal(capture)


def name_tool(capture: Path, file: Path) -> None:
    """Have a capture name a file as one of the tools."""
    stat = file.lstat()
    for name, line in (
        ("tools", f"{file}\n"),
        ("tools.real", f"{file}\n"),
        ("tools.stat", f"{stat.st_size} {int(stat.st_mtime)} {file}\n"),
    ):
        (capture / name).write_text((capture / name).read_text() + line)
    reseal(capture)
