"""`.PKGINFO`: the description of a package in its control segment.

Source: abuild's `create_apks`/`prepare_metafiles` (writer) and apk-tools' `read_info_line` (reader):
lines `key = value`, comments after `#`. Keys such as `depend` repeat. Two published packages of Alpine
3.13 (libblkid, libuuid 2.36.1-r1) hold a line without ` = `. apk passes over it; here it is shown with the value
before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from buildinfo.apk.fields import number
from buildinfo.errors import FormatError

MAX_SIZE: Final = 4 << 20
"""Most bytes of a `.PKGINFO`."""
MAX_LINES: Final = 10_000
"""Most lines of a `.PKGINFO`; Alpine's longest have some 500 relations."""
MAX_COMMENTS: Final = 100
"""Most comments of a `.PKGINFO`; abuild writes three."""


@dataclass(frozen=True, slots=True)
class PkgInfo:
    """A parsed `.PKGINFO`; `raw` is the file, byte for byte.

    `entries` are the (key, value) pairs in order, continuation lines joined to their value by newlines;
    `comments` are the comment lines with their `#`. Bytes that are not UTF-8 survive as surrogate escapes.
    """

    raw: bytes
    entries: tuple[tuple[str, str], ...]
    comments: tuple[str, ...]
    builddate: int | None
    size: int | None

    def get(self, key: str) -> str | None:
        """The value of `key`, the last one if it repeats (as apk reads it), or None."""
        return next((value for name, value in reversed(self.entries) if name == key), None)

    def all(self, key: str) -> tuple[str, ...]:
        """All values of `key`, in order."""
        return tuple(value for name, value in self.entries if name == key)

    @property
    def pkgname(self) -> str:
        return self.get("pkgname") or ""

    @property
    def pkgver(self) -> str:
        """Version and release, as in `1.2.3-r4`."""
        return self.get("pkgver") or ""

    @property
    def arch(self) -> str | None:
        """As the package says it: `noarch` stays `noarch`."""
        return self.get("arch")

    @property
    def origin(self) -> str | None:
        return self.get("origin")

    @property
    def packager(self) -> str | None:
        return self.get("packager")

    @property
    def commit(self) -> str | None:
        """40 hex digits, with `-dirty` after them for a changed tree; may be empty."""
        return self.get("commit")

    @property
    def datahash(self) -> str | None:
        """SHA-256 of the compressed data segment, lower-case hex."""
        return self.get("datahash")


def parse_pkginfo(raw: bytes, *, where: object = None) -> PkgInfo:
    """Parses a `.PKGINFO`.

    Args:
        raw: the content of the file.
        where: the package, for error messages.

    Raises:
        FormatError: too big, a NUL, no name or version, or a build time that is no number.
    """
    if len(raw) > MAX_SIZE or b"\0" in raw:
        raise _error(f".PKGINFO is longer than {MAX_SIZE} bytes or holds a NUL", where)
    if raw.count(b"\n") > MAX_LINES:
        raise _error(f".PKGINFO has more than {MAX_LINES} lines", where)
    keys: list[str] = []
    values: list[list[str]] = []  # lines of each value: joined once, however many they are
    comments: list[str] = []
    for line in raw.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("#"):
            comments.append(line)
        elif line:
            key, equals, value = line.partition(" = ")
            if equals or line.endswith(" ="):
                keys.append(key if equals else line[:-2])
                values.append([value])
            elif values:
                values[-1].append(line)
    if len(comments) > MAX_COMMENTS:
        raise _error(f".PKGINFO has more than {MAX_COMMENTS} comments", where)
    entries = [(key, "\n".join(lines)) for key, lines in zip(keys, values, strict=True)]
    last = dict(entries)
    for key in ("pkgname", "pkgver"):
        if not last.get(key):
            raise _error(f".PKGINFO has no {key}", where)
    return PkgInfo(
        raw,
        tuple(entries),
        tuple(comments),
        _builddate(last.get("builddate"), where),
        number(last.get("size")),
    )


def _builddate(value: str | None, where: object) -> int | None:
    """Stricter than apk, which takes the digits that it finds: files would get a time that nobody meant."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise _error(".PKGINFO: builddate is not a number", where)
    return int(value)


def _error(what: str, where: object) -> FormatError:
    return FormatError(what, where=where, segment="control")
