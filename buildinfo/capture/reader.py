"""Reading a capture directory: docs/capture-format.md, format 1.

All text is decoded as UTF-8 with ``surrogateescape``, so that bytes which are not text survive.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from buildinfo.errors import CaptureError, UnreadableError

#: The formats this version reads: the current one and, once there is one, the one before it.
FORMATS = (1,)

#: Longest file of a capture that is read, bytes. An installed database of 5,000 packages has some 40 MB.
LARGEST = 256 * 1024 * 1024


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
    files: frozenset[str] = field(repr=False)

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
        return (self.path / name).read_bytes() if name in self.files else b""

    def text(self, name: str) -> str:
        """A file of the capture as text; empty if it has none of that name."""
        return self.raw(name).decode(errors="surrogateescape")

    def words(self, name: str) -> list[str]:
        """The words of a recipe variable, as the shell splits them."""
        return self.recipe.get(name, "").split()


def values(data: bytes) -> dict[str, str]:
    """Parse ``NAME=VALUE`` pairs with a NUL behind each."""
    pairs = (pair.partition("=") for pair in data.decode(errors="surrogateescape").split("\0")[:-1])
    return {name.removeprefix("_buildinfo_"): value for name, _, value in pairs}


def read_capture(path: Path) -> Capture:
    """Read a capture and check that it is complete and undamaged.

    Raises:
        UnreadableError: the directory cannot be read.
        CaptureError: it is no capture, incomplete, damaged, or of another format.
    """
    if not path.is_dir():
        raise UnreadableError("no such capture directory", where=path)
    hooks = _check_format(path)
    files = _check_files(path)

    def pairs(name: str) -> dict[str, str]:
        return values((path / name).read_bytes()) if name in files else {}

    for name in ("recipe", "repository", "epoch", "environment", "paths", "conditions", "local", "tree"):
        if name not in files:
            raise CaptureError(f"damaged: it has no file {name}", where=path, mend="build again")
    recipe = pairs("recipe")
    for name in ("pkgname", "pkgver", "pkgrel", "CARCH"):
        if not recipe.get(name):
            raise CaptureError(f"damaged: its recipe has no {name}", where=path, mend="build again")
    rule, _, seconds = (path / "epoch").read_text().strip().partition(" ")
    if rule not in ("caller", "commit", "mtime", "recipe") or not seconds.isdecimal():
        raise CaptureError(
            f"SOURCE_DATE_EPOCH was {seconds[:40]!r}, not a number of seconds", where=path, mend="build again"
        )
    return Capture(
        path=path,
        hooks=hooks,
        recipe=recipe,
        repository=pairs("repository"),
        epoch=(rule, int(seconds)),
        requested=pairs("requested"),
        environment=pairs("environment"),
        paths=pairs("paths"),
        conditions=pairs("conditions"),
        local=pairs("local"),
        observations=pairs("observations"),
        files=files,
    )


def _check_format(path: Path) -> str:
    try:
        lines = (path / "format").read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError("not a capture: it has no file format", where=path, mend="remove it") from error
    first = (lines or [""])[0].split()
    if first[:2] != ["abuild-buildinfo", "capture"] or len(first) != 3 or not first[2].isdecimal():
        raise CaptureError("not a capture: its file format is unknown", where=path, mend="remove it")
    if int(first[2]) not in FORMATS:
        known = ", ".join(map(str, FORMATS))
        raise CaptureError(
            f"capture format {first[2]} is not one this version reads ({known})",
            where=path,
            mend="finalize it with the program that belongs to its hooks",
        )
    return lines[1].split()[-1] if len(lines) > 1 and lines[1].startswith("hooks ") else "unknown"


def _check_files(path: Path) -> frozenset[str]:
    try:
        lines = (path / "complete").read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        raise CaptureError(
            "incomplete: the build ended before its packages were made", where=path, mend="remove it"
        ) from error
    files = set()
    for line in lines:
        checksum, _, name = line.partition("  ")
        file = path / name
        if len(checksum) != 64 or not name or file.is_symlink() or path not in file.resolve().parents:
            raise CaptureError("damaged: its list of files is not readable", where=path, mend="build again")
        if not file.is_file() or file.stat().st_size > LARGEST:
            raise CaptureError(f"damaged: {name} is missing or too large", where=path, mend="build again")
        if hashlib.sha256(file.read_bytes()).hexdigest() != checksum:
            raise CaptureError(f"damaged: {name} is not as it was written", where=path, mend="build again")
        files.add(name)
    return frozenset(files)
