"""Reading a capture directory: docs/capture-format.md, format 1.

All text is decoded as UTF-8 with ``surrogateescape``, so that bytes which are not text survive. A capture may come from
anybody: what it names is not opened here, and what it holds is bounded before it is held.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from buildinfo.capture.folder import Folder, Identity
from buildinfo.errors import CaptureError, UnreadableError

#: The formats this version reads: the current one and, once there is one, the one before it.
FORMATS = (1,)

#: Longest file of a capture that is read, bytes; those of `LONGER` list what there may be much of.
LARGEST: Final = 4 << 20
#: An installed database of 5,000 packages has some 40 MB, the tree of 200,000 files some 16.
LONGER: Final = dict.fromkeys(("installed", "sysroot", "tree", "tracked", "inputs.skipped"), 64 << 20)
#: Most bytes of all files together.
LARGEST_OF_ALL: Final = 128 << 20
#: Most entries of a list, and words of a variable. The largest recipes have some 3,000 sources.
MOST: Final = 20_000
#: Most paths in the package trees, and tracked files that are not recorded.
MOST_PATHS: Final = 500_000
#: The last second of the year 9999, behind which many programs know no date.
LAST_SECOND: Final = 253_402_300_799


#: What may become part of a file name: abuild's own rule for names, versions and architectures.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")

STATES = ("tracked", "untracked", "none", "refused", "absent")
SANDBOXES = ("none", "rootbld", "rootbld+net")

_NET = re.compile(r"(?<!\S)net(?!\S)")
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
        identity: which folder it is.
        mine: whether the folder and all of its files are the caller's own, and nobody else may write to them.
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
    identity: Identity
    mine: bool
    _trees: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

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
        """The lines of a file of the capture. Only a newline ends one: names may hold what else breaks lines.

        Raises:
            CaptureError: too many.
        """
        return [line for line in self.split(name, "\n") if line]

    def split(self, name: str, end: str) -> list[str]:
        """The pieces of a file of the capture: `end` stands between them, and behind the last.

        Raises:
            CaptureError: too many.
        """
        text = self.text(name)
        self._bound(name, text.count(end), MOST_PATHS if name in LONGER else MOST)
        return text.split(end)

    def words(self, name: str, text: str | None = None) -> list[str]:
        """The words of a recipe variable, or of another text of that name, as the shell splits them.

        Raises:
            CaptureError: too many.
        """
        words = (self.recipe.get(name, "") if text is None else text).split(maxsplit=MOST)
        self._bound(name, len(words), MOST)
        return words

    def trees(self) -> Mapping[str, frozenset[str]]:
        """Package name -> the paths in its tree, from ``./PACKAGE/PATH`` entries.

        Raises:
            CaptureError: too many.
        """
        if not self._trees:
            data = self.raw("tree")
            self._bound("tree", data.count(b"\0"), MOST_PATHS)
            trees: dict[str, set[str]] = {}
            for entry in _ended(data):
                package, _, path = entry.removeprefix("./").partition("/")
                if path:
                    trees.setdefault(package, set()).add(path)
                    self._bound("tree", len(trees), MOST)
            self._trees.update((package, frozenset(paths)) for package, paths in trees.items())
        return self._trees

    def _bound(self, name: str, count: int, most: int) -> None:
        if count >= most:
            raise CaptureError(f"damaged: more than {most} entries in {name}", where=self.path, mend="build again")


def values(data: bytes) -> dict[str, str]:
    """Parse ``NAME=VALUE`` pairs with a NUL behind each; of more than `MOST` those behind are left out."""
    pairs = (pair.partition("=") for pair in data.decode(errors="surrogateescape").split("\0", MOST)[:-1])
    return {name.removeprefix("_buildinfo_"): value for name, _, value in pairs}


def _ended(data: bytes) -> Iterator[str]:
    """The pieces of a long file, each with a NUL behind it; they are not held beside it."""
    at = 0
    while (end := data.find(b"\0", at)) >= 0:
        yield data[at:end].decode(errors="surrogateescape")
        at = end + 1


def number(text: str, most: int) -> int | None:
    """A decimal number from 0 to `most`; None of all else."""
    if re.fullmatch("[0-9]{1,19}", text) is None or int(text) > most:
        return None
    return int(text)


def read_capture(path: Path) -> Capture:
    """Read a capture and check that it is complete and undamaged.

    A capture may come from anybody: only plain files of a bounded size are opened, none outside the directory, and
    what becomes part of a file name is checked.

    Raises:
        UnreadableError: the directory cannot be read.
        CaptureError: it is no capture, incomplete, damaged, or of another format.
    """
    try:
        folder = Folder(path)
    except OSError as error:
        if path.is_dir():
            what = "a link, and no capture directory" if path.is_symlink() else f"cannot be read: {error.strerror}"
            raise UnreadableError(what, where=path) from error
        raise UnreadableError("no such capture directory", where=path) from error
    with folder:
        hooks = _check_format(folder)
        contents = _read_files(folder)
        return _parse(folder, hooks, contents)


def _parse(folder: Folder, hooks: str, contents: dict[str, bytes]) -> Capture:
    path = folder.path

    def pairs(name: str) -> dict[str, str]:
        data = contents.get(name, b"")
        if data.count(b"\0") > MOST:
            raise CaptureError(f"damaged: more than {MOST} entries in {name}", where=path, mend="build again")
        return values(data)

    for name in ("recipe", "repository", "epoch", "environment", "paths", "conditions", "local", "tree"):
        if name not in contents:
            raise CaptureError(f"damaged: it has no file {name}", where=path, mend="build again")
    recipe, repository, conditions = pairs("recipe"), pairs("repository"), pairs("conditions")
    for name in ("pkgname", "pkgver", "pkgrel", "CARCH"):
        if not PLAIN_NAME.fullmatch(recipe.get(name, "")):
            raise CaptureError(f"damaged: its recipe has no plain {name}", where=path, mend="build again")
    if "inner" in contents:  # that it was a chroot, and with which network, the outside knows
        conditions["sandbox"] = "rootbld+net" if _NET.search(recipe.get("options", "")) else "rootbld"
    if repository.get("state") not in STATES or conditions.get("sandbox", "none") not in SANDBOXES:
        raise CaptureError("damaged: its repository or conditions make no sense", where=path, mend="build again")
    rule, _, text = contents["epoch"].decode(errors="replace").strip().partition(" ")
    seconds = number(text, LAST_SECOND)
    if rule not in ("caller", "commit", "mtime", "recipe") or seconds is None:
        what = f"SOURCE_DATE_EPOCH was {text[:40]!r}, not a number of seconds until the year 9999"
        raise CaptureError(what, where=path, mend="build again")
    return Capture(
        path=path,
        hooks=hooks,
        recipe=recipe,
        repository=repository,
        epoch=(rule, seconds),
        requested=pairs("requested"),
        environment=pairs("environment"),
        paths=pairs("paths"),
        conditions=conditions,
        local=pairs("local"),
        observations=pairs("observations"),
        files=contents,
        identity=folder.identity,
        mine=folder.mine,
    )


def _check_format(folder: Folder) -> str:
    path = folder.path
    mend = "remove it" if path.parent.name == "captures" else "name a capture directory"
    try:
        lines = folder.read("format", 1000).decode().splitlines()
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


def _read_files(folder: Folder) -> dict[str, bytes]:
    """The files that the seal names, each as it was written: name -> bytes."""
    path = folder.path
    try:
        seal = folder.read("complete", LARGEST).decode(errors="surrogateescape")
    except OSError as error:
        raise CaptureError(
            "incomplete: the build ended before its packages were made", where=path, mend="remove it"
        ) from error
    contents: dict[str, bytes] = {}
    left = LARGEST_OF_ALL
    if seal.count("\n") > MOST:
        raise CaptureError(f"damaged: it lists more than {MOST} files", where=path, mend="build again")
    for line in seal.split("\n")[:-1]:
        checksum, _, name = line.partition("  ")
        if len(checksum) != 64 or not _FILE.fullmatch(name) or name in contents:
            raise CaptureError("damaged: its list of files is not readable", where=path, mend="build again")
        try:
            data = folder.read(name, min(left, LONGER.get(name, LARGEST)))
        except OSError as error:
            raise CaptureError(
                f"damaged: {name} cannot be read: {error.strerror}", where=path, mend="build again"
            ) from error
        if hashlib.sha256(data).hexdigest() != checksum:
            raise CaptureError(f"damaged: {name} is not as it was written", where=path, mend="build again")
        left -= len(data)
        contents[name] = data
    return contents
