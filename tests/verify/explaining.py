"""Takes two contents apart and names the causes, as `verify` does, without the packages around them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from buildinfo.apk.pkginfo import parse_pkginfo
from buildinfo.verify.explain.dissect import content
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.engine import best_of
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk

PKGINFO = parse_pkginfo(b"pkgname = hello\npkgver = 1-r0\narch = x86_64\nsize = 1\n")
EVIDENCE = Evidence(PKGINFO, PKGINFO, [], None, None)


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = next((program for program in programs if shutil.which(program) is None), None)
    return pytest.mark.skipif(missing is not None, reason=f"needs {missing}")


def run(*command: str | Path, cwd: Path) -> None:
    subprocess.run(list(map(str, command)), cwd=cwd, check=True, capture_output=True)


def hunks(before: bytes, after: bytes, name: str = "usr/bin/hello") -> list[Hunk]:
    return list(content(before, after, Place(name, "", content)))


def causes(before: bytes, after: bytes, name: str = "usr/bin/hello") -> set[str]:
    """The causes of all that does not follow, with `unknown` among them."""
    found = hunks(before, after, name)
    roots = [hunk for hunk in found if not hunk.follows] or found
    return {name for hunk in roots for name in of_hunk(hunk)}


def of_hunk(hunk: Hunk) -> set[str]:
    return {cause.name for cause, _ in best_of(hunk, EVIDENCE)} or {"unknown"}


def of_string(before: str, after: str, name: str = ".rodata", kind: str = "string") -> set[str]:
    return of_hunk(Hunk(kind, name, before.encode(), after.encode(), file="usr/bin/hello"))
