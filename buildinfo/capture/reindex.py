"""Indices that say something else of a package than what it is now, and making them anew as abuild does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from buildinfo.apk.index import read_index
from buildinfo.apk.pkginfo import parse_pkginfo
from buildinfo.apk.segments import read_head
from buildinfo.apk.signed import read_signed
from buildinfo.apk.tar import TarReader
from buildinfo.apk.v2 import read_package
from buildinfo.capture.signing import require_holds, require_private
from buildinfo.errors import FormatError, MissingToolError, UnreadableError
from buildinfo.leftovers import create_folder, lock, part_name, sweep

INDEX: Final = "APKINDEX.tar.gz"
#: The v3 index, which abuild makes besides with ABUILD_V3_INDEX.
INDEX_V3: Final = "Packages.adb"


def stale(packages: Iterable[Path]) -> dict[Path, str]:
    """The indices that do not have these packages as they are: index -> why.

    A folder without an index has no stale one. Compared are identity (``C:``) and size (``S:``), which apk trusts. A v3
    index is not read: it is stale if it is older than a package.

    Raises:
        FormatError: an index or a package is malformed.
    """
    found: dict[Path, str] = {}
    folders: dict[Path, list[Path]] = {}
    for file in sorted(packages):
        folders.setdefault(file.parent, []).append(file)
    for folder, files in folders.items():
        for index, why in (
            (folder / INDEX, _why_stale(folder / INDEX, files)),
            (folder / INDEX_V3, _why_old(folder / INDEX_V3, files)),
        ):
            if why is not None:
                found[index] = why
    return found


def _why_stale(index: Path, files: list[Path]) -> str | None:
    if not index.is_file():
        return None
    records = {(record.get("P"), record.get("V")): record for record in read_index(index).records}
    for file in files:
        package = read_package(file, members=False)
        record = records.get((package.pkginfo.pkgname, package.pkginfo.pkgver))
        if record is None:
            return f"it has no {file.name}"
        if (record.get("C"), record.get("S")) != (package.identity, str(package.size)):
            return f"it has another {file.name}"
    return None


def _why_old(index: Path, files: list[Path]) -> str | None:
    if not index.is_file():
        return None
    made = index.stat().st_mtime_ns
    return next((f"it is older than {file.name}" for file in files if file.stat().st_mtime_ns > made), None)


def mend(folder: Path, packages: Iterable[Path], *, key: str = "", sign: bool = True, own: bool = True) -> list[Path]:
    """Make the indices of a folder anew, if one of them does not have these packages as they are.

    Two of these at once do it one after the other, so that the last index has what both have changed.

    Args:
        folder: the folder of one architecture.
        packages: what the indices have to have; others in the folder get into them as well.
        key: the private key that abuild signs with; empty, or gone, for the one that is configured.
        sign: whether to sign at all.
        own: whether the packages are of builds of the user's own; otherwise nothing is signed that the very key did not
            sign before.

    Returns:
        The indices that were made; all of the folder, or none.

    Raises:
        FormatError: an index or a package is malformed.
        MissingToolError: apk or abuild-sign is not there.
        UnreadableError: one of them failed; the old indices are as they were.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock(descriptor)
        if not stale(packages):
            return []
        known = key if key and Path(key).is_file() else ""
        if sign and not own:
            known = known or _configured_key(folder)
            _require_signed(folder, known)
        return _make(folder, known, sign=sign)
    finally:
        os.close(descriptor)


def _require_signed(folder: Path, key: str) -> None:
    """See to it that the old index was signed with a key. What is in a v3 index is not read, so none is signed.

    Raises:
        FormatError: it is no index.
        UnreadableError: it was not, or others can write to the folder.
    """
    require_private(folder)
    index = read_signed(folder / INDEX) if (folder / INDEX).is_file() else None
    if index is None or not index.signatures or (folder / INDEX_V3).is_file():
        what = "its index is not known to be yours, and the build was not"
        raise UnreadableError(what, where=folder, mend="make it yourself, or use --unsigned")
    require_holds(key, index.signatures[0], index.digests)


def _make(folder: Path, key: str, *, sign: bool) -> list[Path]:
    sweep(folder)
    beside = folder / part_name()
    try:
        held = create_folder(beside)
    except OSError as error:
        raise UnreadableError(f"no index can be written: {error.strerror}", where=folder) from error
    try:
        made = []
        for name, make in ((INDEX, _make_v2), (INDEX_V3, _make_v3)):
            if (folder / name).is_file():
                make(folder, beside / name, key, sign=sign)
                (beside / name).chmod(0o644)
                made.append(name)
        return [(beside / name).replace(folder / name) for name in made]
    except OSError as error:
        raise UnreadableError(f"no index can be written: {error.strerror}", where=folder) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(held)


def _make_v2(folder: Path, target: Path, key: str, *, sign: bool) -> None:
    options = ["--no-warnings", "--quiet", "--rewrite-arch", folder.name, "--description", _description(folder)]
    environment = _environment(folder)
    trust = [] if sign else ["--allow-untrusted"]
    output = str(target.relative_to(folder))
    _run(["apk", *trust, "index", *options, "--output", output, *_names(folder)], folder, environment)
    if sign:
        environment["TMPDIR"] = str(target.parent)  # what it leaves goes with ours
        _run(["abuild-sign", "-q", *(["-k", key] if key else []), target.name], target.parent, environment)


def _make_v3(folder: Path, target: Path, key: str, *, sign: bool) -> None:
    options = ["--quiet", "--description", _description(folder)]
    options += ["--pkgname-spec", f"{folder.name}/${{name}}-${{version}}.apk"]
    output = str(target.relative_to(folder))
    signing = ["--sign-key", key or _configured_key(folder)] if sign else ["--allow-untrusted"]
    _run(["apk", "mkndx", *signing, *options, "--output", output, *_names(folder)], folder, _environment(folder))


def _names(folder: Path) -> list[str]:
    return [f"./{path.name}" for path in sorted(folder.glob("*.apk"))]


def _description(folder: Path) -> str:
    index = folder / INDEX
    return (read_index(index).description or "") if index.is_file() else folder.parent.name


def _environment(folder: Path) -> dict[str, str]:
    """The caller's, with the newest build time of the packages: the same packages give the same index."""
    newest = max((_build_time(path) for path in folder.glob("*.apk")), default=0)
    kept = {name: value for name, value in os.environ.items() if name not in ("PIGZ", "GZIP", "TAR_OPTIONS")}
    return {**kept, "SOURCE_DATE_EPOCH": str(newest)}


def _build_time(path: Path) -> int:
    """`builddate` of a package; 0 where it is none that can be read, which apk may judge."""
    try:
        for member, data in TarReader([read_head(path)[-1]], where=path):
            if member.name == ".PKGINFO":
                return parse_pkginfo(b"".join(data), where=path).builddate or 0
    except FormatError:
        pass
    return 0


def _configured_key(folder: Path) -> str:
    from buildinfo.install.situation import Situation

    key = Situation(os.environ).value("PACKAGER_PRIVKEY")
    if not key:
        raise UnreadableError("no key is known to sign its index with", where=folder, mend="set PACKAGER_PRIVKEY")
    return key


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError as error:
        raise MissingToolError("is not there", where=command[0], mend="install it") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise UnreadableError(f"{command[0]} failed: {said[-1]}", where=folder)
