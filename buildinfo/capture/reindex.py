"""Indices that say something else of a package than what it is now, and making them anew as abuild does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from buildinfo.apk.index import read_index
from buildinfo.apk.v2 import read_package
from buildinfo.errors import MissingToolError, UnreadableError

INDEX = "APKINDEX.tar.gz"


def stale(packages: Iterable[Path]) -> dict[Path, str]:
    """The folders whose index does not have these packages as they are: folder -> why.

    A folder without an index is not stale. Compared are identity (``C:``) and size (``S:``), which apk trusts.

    Raises:
        FormatError: an index or a package is malformed.
    """
    found: dict[Path, str] = {}
    for folder in sorted({package.parent for package in packages}):
        if not (folder / INDEX).is_file():
            continue
        records = {(record.get("P"), record.get("V")): record for record in read_index(folder / INDEX).records}
        for file in sorted(packages):
            if file.parent != folder:
                continue
            package = read_package(file, members=False)
            record = records.get((package.pkginfo.pkgname, package.pkginfo.pkgver))
            if record is None:
                found[folder] = f"it has no {file.name}"
            elif (record.get("C"), record.get("S")) != (package.identity, str(package.size)):
                found[folder] = f"it has another {file.name}"
    return found


def reindex(folder: Path, *, sign: bool = True) -> None:
    """Make the index of a folder anew from its packages, with the newest build time as its own.

    Raises:
        MissingToolError: apk or abuild-sign is not there.
        UnreadableError: one of them failed; the old index is as it was.
    """
    target = folder / INDEX
    description = (read_index(target).description or "") if target.is_file() else folder.parent.name
    packages = sorted(path.name for path in folder.glob("*.apk"))
    newest = max(read_package(folder / name, members=False).pkginfo.builddate or 0 for name in packages)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(newest)}
    beside = folder / f"{INDEX}.{os.getpid()}"
    options = ["--no-warnings", "--quiet", "--rewrite-arch", folder.name, "--description", description]
    try:
        _run(
            ["apk", "index", *options, "--output", beside.name, *(f"./{name}" for name in packages)],
            folder,
            environment,
        )
        if sign:
            _run(["abuild-sign", "-q", beside.name], folder, environment)
        beside.chmod(0o644)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise MissingToolError("is not there", where=command[0], mend="install it") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise UnreadableError(f"{command[0]} failed: {said[-1]}", where=folder)
