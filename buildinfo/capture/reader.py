"""Reading a capture directory: docs/capture-format.md, format 1.

All text is decoded as UTF-8 with ``surrogateescape``, so that bytes which are not text survive.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from buildinfo.errors import CaptureError, UnreadableError

#: The formats this version reads: the current one and, once there is one, the one before it.
FORMATS = (1,)

#: Longest file of a capture that is read, bytes. An installed database of 5,000 packages has some 40 MB.
LARGEST = 256 * 1024 * 1024


#: What may become part of a file name: abuild's own rule for names, versions and architectures.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")

STATES = ("tracked", "untracked", "none", "refused", "absent")
SANDBOXES = ("none", "rootbld", "rootbld+net")

_FILE = re.compile(r"(pkginfo/)?[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Capture:
    """A complete capture whose checksums hold.

    Attributes:
        path: the directory.
        hooks: version of the hook files that wrote it.
        recipe: the APKBUILD's values as abuild's shell held them.
        repository: what git said; always has ``state``.
        epoch: the rule that fired, and the seconds.
        local: what only finalize on the same machine needs.
        files: every file of the capture, name -> bytes.
    """

    path: Path
    hooks: str
    recipe: dict[str, str]
    repository: dict[str, str]
    epoch: tuple[str, int]
    requested: dict[str, str]
    environment: dict[str, str]
    paths: dict[str, str]
    conditions: dict[str, str]
    local: dict[str, str]
    observations: dict[str, str]
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def name(self) -> str:
        """ORIGIN-VERSION.ARCH, as in the file name of the buildinfo."""
        return f"{self.recipe['pkgname']}-{self.version}.{self.recipe['CARCH']}"

    @property
    def version(self) -> str:
        """pkgver-rPKGREL."""
        return f"{self.recipe['pkgver']}-r{self.recipe['pkgrel']}"

    def raw(self, name: str) -> bytes:
        """The bytes of a file of the capture; empty if it has none of that name."""
        return self.files.get(name, b"")

    def text(self, name: str) -> str:
        """A file of the capture as text; empty if it has none of that name."""
        return self.raw(name).decode(errors="surrogateescape")

    def lines(self, name: str) -> list[str]:
        """The lines of a file of the capture. Only a newline ends one: names may hold what else breaks lines."""
        return [line for line in self.text(name).split("\n") if line]

    def words(self, name: str) -> list[str]:
        """The words of a recipe variable, as the shell splits them."""
        return self.recipe.get(name, "").split()


def values(data: bytes) -> dict[str, str]:
    """Parse ``NAME=VALUE`` pairs with a NUL behind each."""
    pairs = (pair.partition("=") for pair in data.decode(errors="surrogateescape").split("\0")[:-1])
    return {name.removeprefix("_buildinfo_"): value for name, _, value in pairs}


def package_trees(capture: Capture) -> dict[str, frozenset[str]]:
    """Package name -> the paths in its tree, from ``./PACKAGE/PATH`` entries."""
    trees: dict[str, set[str]] = {}
    for entry in capture.text("tree").split("\0"):
        package, _, path = entry.removeprefix("./").partition("/")
        if path:
            trees.setdefault(package, set()).add(path)
    return {package: frozenset(paths) for package, paths in trees.items()}


def read_capture(path: Path) -> Capture:
    """Read a capture and check that it is complete and undamaged.

    A capture may come from anybody: only plain files of a bounded size are opened, none outside the directory, and
    what becomes part of a file name is checked.

    Raises:
        UnreadableError: the directory cannot be read.
        CaptureError: it is no capture, incomplete, damaged, or of another format.
    """
    if not path.is_dir():
        raise UnreadableError("no such capture directory", where=path)
    hooks = _check_format(path)
    contents = _read_files(path)

    def pairs(name: str) -> dict[str, str]:
        return values(contents[name]) if name in contents else {}

    for name in ("recipe", "repository", "epoch", "environment", "paths", "conditions", "local", "tree"):
        if name not in contents:
            raise CaptureError(f"damaged: it has no file {name}", where=path, mend="build again")
    recipe, repository, conditions = pairs("recipe"), pairs("repository"), pairs("conditions")
    for name in ("pkgname", "pkgver", "pkgrel", "CARCH"):
        if not PLAIN_NAME.fullmatch(recipe.get(name, "")):
            raise CaptureError(f"damaged: its recipe has no plain {name}", where=path, mend="build again")
    if repository.get("state") not in STATES or conditions.get("sandbox", "none") not in SANDBOXES:
        raise CaptureError("damaged: its repository or conditions make no sense", where=path, mend="build again")
    rule, _, seconds = contents["epoch"].decode(errors="replace").strip().partition(" ")
    if rule not in ("caller", "commit", "mtime", "recipe") or not re.fullmatch("[0-9]{1,12}", seconds):
        raise CaptureError(
            f"SOURCE_DATE_EPOCH was {seconds[:40]!r}, not a number of seconds", where=path, mend="build again"
        )
    return Capture(
        path=path,
        hooks=hooks,
        recipe=recipe,
        repository=repository,
        epoch=(rule, int(seconds)),
        requested=pairs("requested"),
        environment=pairs("environment"),
        paths=pairs("paths"),
        conditions=conditions,
        local=pairs("local"),
        observations=pairs("observations"),
        files=contents,
    )


def read_plain(path: Path, limit: int) -> bytes:
    """Read a plain file that is no link, of at most ``limit`` bytes.

    Raises:
        OSError: it cannot be read, or is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, "too large", str(path))
    return data


def _check_format(path: Path) -> str:
    mend = "remove it" if path.parent.name == "captures" else "name a capture directory"
    try:
        lines = read_plain(path / "format", 1000).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError("not a capture: it has no file format", where=path, mend=mend) from error
    first = (lines or [""])[0].split()
    if first[:2] != ["abuild-buildinfo", "capture"] or len(first) != 3 or not re.fullmatch("[0-9]{1,6}", first[2]):
        raise CaptureError("not a capture: its file format is unknown", where=path, mend=mend)
    if int(first[2]) not in FORMATS:
        known = ", ".join(map(str, FORMATS))
        raise CaptureError(
            f"capture format {first[2]} is not one this version reads ({known})",
            where=path,
            mend="finalize it with the program that belongs to its hooks",
        )
    hooks = lines[1].split() if len(lines) > 1 else []
    return hooks[1] if len(hooks) == 2 and hooks[0] == "hooks" else "unknown"


def _read_files(path: Path) -> dict[str, bytes]:
    """The files that the seal names, each as it was written: name -> bytes."""
    try:
        seal = read_plain(path / "complete", LARGEST).decode(errors="surrogateescape")
    except OSError as error:
        raise CaptureError(
            "incomplete: the build ended before its packages were made", where=path, mend="remove it"
        ) from error
    contents = {}
    for line in seal.split("\n")[:-1]:
        checksum, _, name = line.partition("  ")
        if len(checksum) != 64 or not _FILE.fullmatch(name):
            raise CaptureError("damaged: its list of files is not readable", where=path, mend="build again")
        try:
            if (path / name).parent.is_symlink():
                raise OSError(errno.ELOOP, "a link", name)
            data = read_plain(path / name, LARGEST)
        except OSError as error:
            raise CaptureError(
                f"damaged: {name} cannot be read: {error.strerror}", where=path, mend="build again"
            ) from error
        if hashlib.sha256(data).hexdigest() != checksum:
            raise CaptureError(f"damaged: {name} is not as it was written", where=path, mend="build again")
        contents[name] = data
    return contents
