"""What a file is, in words, for people who named another one than they meant.

Its content says it; the beginning is enough. Nothing is checked: a file of a kind may still be damaged.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Final, Literal, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.opening import open_file

Name = Literal[
    "missing",
    "folder",
    "packages",
    "capture",
    "device",
    "empty",
    "package",
    "index",
    "v3",
    "zip",
    "elf",
    "gzip",
    "database",
    "buildinfo",
    "report",
    "json",
    "toml",
    "text",
    "bytes",
]


class Kind(NamedTuple):
    """What a file is.

    Attributes:
        words: as it stands in a sentence, with its article.
        use: the command that takes it, with FILE for its name; empty where there is none.
    """

    words: str
    use: str = ""


KINDS: Final[dict[Name, Kind]] = {
    "missing": Kind("nothing: there is no such file"),
    "folder": Kind("a folder"),
    "packages": Kind("a folder of packages", "verify FILE OTHER-FOLDER, or name a file in it"),
    "capture": Kind("a capture", "show FILE, or finalize FILE"),
    "device": Kind("a device, a pipe or a socket"),
    "empty": Kind("an empty file"),
    "package": Kind("a package", "show FILE, or verify FILE REBUILT"),
    "index": Kind("an index", "show FILE, or signature list FILE"),
    "v3": Kind("a file of apk v3 (ADB), which is not supported yet"),
    "zip": Kind("a zip archive", "normalize FILE"),
    "elf": Kind("a program or library (ELF)"),
    "gzip": Kind("a gzip file, and neither a package nor an index"),
    "database": Kind("an installed database of apk", "show FILE"),
    "buildinfo": Kind("a buildinfo", "show FILE, validate FILE, or compare-records FILE OTHER"),
    "report": Kind("a report of verify", "validate FILE"),
    "json": Kind("a JSON document"),
    "toml": Kind("a TOML document, and no buildinfo"),
    "text": Kind("a text file"),
    "bytes": Kind("a binary file of a kind that is not known here"),
}
"""Every kind that is told apart."""

_HEAD: Final = 64 * 1024
"""Bytes of a file that are looked at."""
_MAGICS: Final[tuple[tuple[bytes, Name], ...]] = (
    (b"ADB", "v3"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x7fELF", "elf"),
)


def kind_of(source: Path | bytes) -> Name:
    """What a file is, or the bytes of one."""
    if isinstance(source, bytes):
        return _by_content(source[:_HEAD])
    try:
        if source.is_dir():
            return _folder(source)
        if not source.is_file():
            return "device" if source.exists() else "missing"
        with open_file(source) as file:
            return _by_content(file.read(_HEAD) or b"")
    except OSError:
        return "bytes"


def misplaced(source: Path | bytes, wanted: Name, where: object = None) -> FormatError | None:
    """The error that says of a file what it is, where it is of another kind than the one that belongs there.

    Args:
        source: the file, or its bytes.
        wanted: the kind that belongs there.
        where: what the user called the file, where that is not its path.

    Returns:
        What it is not and what it is, and the command that takes it; None where it seems to be of the wanted kind,
        so that it is damaged rather than misplaced.
    """
    found = kind_of(source)
    if found in (wanted, "missing", "device"):
        return None
    kind = KINDS[found]
    name = source if where is None and isinstance(source, Path) else where
    use = f"use abuild-buildinfo {kind.use.replace('FILE', str(name))}" if kind.use else None
    return FormatError(f"not {KINDS[wanted].words}: {kind.words}", where=name, mend=use)


def _folder(path: Path) -> Name:
    with os.scandir(path) as entries:
        names = {entry.name for _, entry in zip(range(10000), entries, strict=False)}
    if "format" in names and {"pkginfo", "epoch"} & names:
        return "capture"
    return "packages" if any(name.endswith(".apk") for name in names) else "folder"


def _by_content(head: bytes) -> Name:
    if not head:
        return "empty"
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    if head.startswith(b"\x1f\x8b"):
        return _compressed(head)
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a letter is cut by the end of what is looked at
            return "bytes"
        text = head[: error.start].decode()
    return _text(text) if "\0" not in text else "bytes"


def _text(text: str) -> Name:
    start = text.lstrip()
    if start[1:2] == ":" and start[:1] in "CPVA":
        return "database"
    if start.startswith(("{", "[{", "[]")):
        return "report" if '"pairs"' in text else "json"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(line.startswith("format = ") for line in lines) and "[source]" in text:
        return "buildinfo"
    if all(line.startswith(("#", "[")) or " = " in line for line in lines[:5]):
        return "toml"
    return "text"


def _compressed(head: bytes) -> Name:
    """Which of apk's files the gzip members hold, by the name of the first entry that is no signature."""
    tar = b""
    rest = head
    while rest.startswith(b"\x1f\x8b") and len(tar) < _HEAD:
        member = zlib.decompressobj(31)
        try:
            tar += member.decompress(rest, _HEAD)
        except zlib.error:
            break
        rest = member.unused_data
    at = 0
    while at + 512 <= len(tar):
        name = tar[at : at + 100].split(b"\0")[0]
        if name in (b".PKGINFO", b"APKINDEX", b"DESCRIPTION"):
            return "package" if name == b".PKGINFO" else "index"
        size = tar[at + 124 : at + 135]
        if name and not name.startswith(b".SIGN.") and tar[at + 156 : at + 157] not in (b"x", b"g"):
            return "gzip"
        at += 512 + (int(size, 8) + 511) // 512 * 512 if name and size.strip(b" \0").isdigit() else 512
    return "package" if tar.startswith(b".SIGN.") else "gzip"
