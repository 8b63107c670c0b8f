"""The tools of a build: who owns each, and what it says of itself.

The owner comes from the copied database; a file that nobody owns is hashed, if it is still there and as
the hooks saw it. Hashes are remembered between builds by (path, size, times, inode), since a compiler has
some 30 MB and does not change.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from buildinfo.apk.installed import InstalledDatabase
from buildinfo.capture.folder import is_systems, open_below, read_plain
from buildinfo.capture.reader import Capture
from buildinfo.capture.redact import Placeholders
from buildinfo.errors import UnreadableError
from buildinfo.files import replace_file
from buildinfo.model import Tool, as_text

#: What GCC's other drivers run, beside the C compiler proper. Which of them are there, the database says.
_COMPILERS = ("cc1plus", "cc1obj", "cc1objplus", "f951", "gnat1", "d21", "go1", "lto1", "collect2")

#: Entries that the memory of hashes keeps at most, and its most bytes.
_REMEMBERED = 2000
_LARGEST_MEMORY: Final = 4 << 20
#: Most bytes that are hashed for one record. A compiler has some 30 MB, a large one 200.
_MOST_HASHED: Final = 2 << 30


def read_tools(
    capture: Capture,
    database: InstalledDatabase | None,
    placeholders: Placeholders,
    root: Path | None,
    memory: Path | None,
) -> list[Tool]:
    """The tools of a capture, sorted by name.

    Args:
        capture: the capture.
        database: the installed packages of the environment that built, if it had a database.
        placeholders: for tools in a home and banners that name their file.
        root: the root that built, where tools that nobody owns are hashed; None for a capture that was handed over:
            of these only programs of the system are.
        memory: file that remembers hashes between builds; None to remember nothing.
    """
    paths = dict.fromkeys(capture.lines("tools"))
    targets = _targets(capture)
    banners = _banners(capture)
    unowned = _Hashes(root, capture, memory)
    tools = []
    for path in paths:
        name = path.rpartition("/")[2]
        target = targets.get(path, path)
        owner = None if database is None else database.owner_of(target) or database.owner_of(path)
        tool = Tool(name=as_text(name), path=as_text(placeholders.apply(path)))
        if target != path:
            tool.target = as_text(placeholders.apply(target))
        if banner := banners.get(name):
            tool.banner = as_text(placeholders.apply(banner))
        if owner is None:
            tool.sha256 = unowned.of(path, target)
        else:
            package, checksum = owner
            tool.package = f"{package.name}-{package.version}"
            tool.checksum = checksum
        tools.append(tool)
    unowned.save()
    tools += _compilers_proper(next((path for path in paths if path.endswith("/cc1")), None), database)
    return sorted(tools, key=lambda tool: (str(tool.name), str(tool.path)))


def _compilers_proper(cc1: str | None, database: InstalledDatabase | None) -> list[Tool]:
    """The compilers beside cc1 that packages own: hashing g++ says nothing of the program that compiles."""
    if cc1 is None or database is None:
        return []
    tools = []
    for name in _COMPILERS:
        path = f"{cc1.rpartition('/')[0]}/{name}"
        if owner := database.owner_of(path):
            package, checksum = owner
            tools.append(Tool(name=name, path=path, package=f"{package.name}-{package.version}", checksum=checksum))
    return tools


def _targets(capture: Capture) -> dict[str, str]:
    """Path on PATH -> the file behind its links: two lists in one order."""
    paths, real = (capture.lines(name) for name in ("tools", "tools.real"))
    return dict(zip(paths, real, strict=True)) if len(paths) == len(real) else {}


def _banners(capture: Capture) -> dict[str, str]:
    """Tool name -> the first line that is not empty of what ``--version`` printed."""
    parts = capture.split("banners", "\0")[:-1]
    banners = {}
    for name, output in zip(parts[::2], parts[1::2], strict=False):
        banners[name] = next((line.strip() for line in output.splitlines() if line.strip()), "")
    packages = [name for name in sorted(capture.files) if name.startswith("pkginfo/")]
    for line in capture.text(packages[0]).splitlines() if packages else []:
        if line.startswith("# using fakeroot"):
            banners["fakeroot"] = line.removeprefix("# using ")
    if version := capture.conditions.get("program_version"):
        banners["abuild"] = f"abuild {version}"
    return banners


class _Hashes:
    """SHA-256 of files that nobody owns, where they are as the hooks saw them.

    A capture names them: only plain files below the root are opened, and no link on the way is followed, since what
    built in a chroot may have put links there.
    """

    def __init__(self, root: Path | None, capture: Capture, memory: Path | None) -> None:
        self._root = root or Path("/")
        self._handed_over = root is None
        self._memory = memory
        self._left = _MOST_HASHED
        self._seen: dict[str, str] = {}
        for line in capture.lines("tools.stat"):
            stat, _, path = line.rpartition(" /")
            self._seen[f"/{path}"] = stat
        self._known: Mapping[str, str] = {}
        self._new: dict[str, str] = {}
        if memory is not None:
            try:
                known = json.loads(read_plain(memory, _LARGEST_MEMORY))
                self._known = {str(key): str(value) for key, value in known.items()}
            except (OSError, ValueError, AttributeError, RecursionError):
                self._known = {}

    def of(self, path: str, target: str) -> str | None:
        if path not in self._seen:
            return None
        file = self._root / target.lstrip("/")
        try:
            key = self._key(path, file, file.stat())
            known = None if key is None else self._new.get(key) or self._known.get(key)
            if self._handed_over and not is_systems(target):
                return None
            if known is None and key is not None:
                known = self._hash(path, file, target, key)
        except (OSError, ValueError):
            return None
        if known is not None and key is not None:
            self._new[key] = known
        return known

    def _key(self, path: str, file: Path, stat: os.stat_result) -> str | None:
        """What a hash is remembered under; None if the file is not as the hooks saw it."""
        if self._seen[path] != f"{stat.st_size} {int(stat.st_mtime)}":
            return None
        return f"{file} {stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"

    def _hash(self, path: str, file: Path, target: str, key: str) -> str | None:
        with os.fdopen(open_below(self._root, target), "rb", buffering=0) as stream:
            stat = os.fstat(stream.fileno())
            self._left -= stat.st_size
            if self._left < 0 or self._key(path, file, stat) != key:
                return None
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def save(self) -> None:
        """Remember the hashes for the next build; whoever cannot write them computes them again."""
        if self._memory is None or self._root != Path("/") or not (self._new.keys() - self._known.keys()):
            return
        entries = {**self._known, **self._new}
        kept = dict(list(entries.items())[-_REMEMBERED:])
        with suppress(UnreadableError):
            replace_file(self._memory, json.dumps(kept).encode(), 0o600)
