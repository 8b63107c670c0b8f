"""apk's database of installed packages, `/lib/apk/db/installed`.

Source: apk-tools 2.14 `database.c`: one record of `X:value` lines per package (:mod:`buildinfo.apk.fields`).
Per directory there is `F:` (and `M:` owner and mode), per file in it `R:`, `a:` (owner and mode) and `Z:` (checksum).
Package lines are parsed at once; of the file lines, which are most of the text, only the directories that somebody asks
for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buildinfo.apk.fields import END, number, read_fields
from buildinfo.errors import FormatError, UnreadableError
from buildinfo.opening import read_file

MAX_SIZE: Final = 1 << 26
"""Most bytes of a database; a full desktop has some 10 MB."""

FREE_RECORDS: Final = 10_000
"""Packages that a database may have whatever its size."""
PER_RECORD: Final = 64
"""Bytes of it for each package more; Alpine's take 400 and more."""

_FILE_LINES: Final = (b"F:", b"M:", b"R:", b"a:", b"Z:")
_NOT_A_FILE_LINE: Final = re.compile(rb"\n(?![FMRaZ]:)([^\n]*)")
_BLANK: Final = re.compile(rb"[^\n]?\n|[^\n]\Z")
_DIRECTORY: Final = re.compile(rb"\nF:([^\n]*)")


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One installed package.

    `checksum` is the text of `C:` verbatim (what it hashes depends on the package format), `size` and
    `installed_size` are bytes (`S:`, `I:`), `depends` and `provides` the words of `D:` and `p:`,
    `fields` all package lines by their letter: of one that repeats the last, of lists all.
    A virtual package (its name begins with a dot, such as `.makedepends-NAME`) stands for a request, not for a file.
    """

    name: str
    version: str
    arch: str | None
    checksum: str | None
    origin: str | None
    commit: str | None
    depends: tuple[str, ...]
    provides: tuple[str, ...]
    size: int | None
    installed_size: int | None
    fields: Mapping[str, str]

    @property
    def virtual(self) -> bool:
        return self.name.startswith(".")


class InstalledDatabase:
    """The installed packages in the order of the database, and who owns which file."""

    __slots__ = ("_data", "_directories", "_files", "_starts", "_where", "packages")

    def __init__(self, packages: tuple[InstalledPackage, ...], starts: list[int], data: bytes, where: object) -> None:
        self.packages = packages
        self._starts = starts
        self._data = data
        self._where = where
        self._directories: dict[bytes, list[int]] | None = None
        self._files: dict[bytes, dict[bytes, tuple[int, bytes | None]]] = {}

    def get(self, name: str) -> InstalledPackage | None:
        """The package of this exact name."""
        return next((package for package in self.packages if package.name == name), None)

    def owner_of(self, path: str) -> tuple[InstalledPackage, str | None] | None:
        """The package that owns a file, and the file's checksum (`Z:`, verbatim) if it has one.

        Args:
            path: from the root, with or without a leading slash; symbolic links on the way are not
                followed, so `/bin/x` is not `/usr/bin/x`.

        Returns:
            None for directories and for files of no package.

        Raises:
            FormatError: the lines of that directory are in no order that makes sense.
        """
        try:
            directory, _, name = path.strip("/").encode("utf-8", "surrogateescape").rpartition(b"/")
        except UnicodeEncodeError:
            return None
        found = self._directory(directory).get(name)
        if found is None:
            return None
        at, checksum = found
        package = self.packages[bisect_right(self._starts, at) - 1]
        return package, None if checksum is None else checksum.decode("utf-8", "surrogateescape")

    def _directory(self, directory: bytes) -> dict[bytes, tuple[int, bytes | None]]:
        """Name -> (offset of its directory's lines, checksum) of all files in a directory."""
        files = self._files.get(directory)
        if files is None:
            files = self._files[directory] = {}
            if self._directories is None:
                self._directories = {}
                for match in _DIRECTORY.finditer(self._data):
                    self._directories.setdefault(match[1], []).append(match.start())
            for at in self._directories.get(directory, ()):
                for name, checksum in self._file_lines(at):
                    files.setdefault(name, (at, checksum))
        return files

    def _file_lines(self, at: int) -> Iterator[tuple[bytes, bytes | None]]:
        """(name, checksum) of the files below the `F:` line whose preceding newline is at `at`."""
        end = END.search(self._data, at)
        stop = end.start() if end else len(self._data)
        following = self._data.find(b"\nF:", at + 1, stop)
        name: bytes | None = None
        checksum: bytes | None = None
        for line in self._data[at + 1 : stop if following < 0 else following].split(b"\n"):
            letter = line[:1]
            if letter == b"R":
                if name is not None:
                    yield name, checksum
                name, checksum = line[2:], None
            elif letter in (b"a", b"Z"):
                if name is None:
                    raise _error("a file's property without a file", self._data, at, self._where)
                if letter == b"Z":
                    checksum = line[2:]
        if name is not None:
            yield name, checksum


def read_installed(source: Path | bytes) -> InstalledDatabase:
    """Reads an installed database.

    Args:
        source: its file, or its content.

    Raises:
        FormatError: a malformed line or record (with its line number), or a cut file.
        UnreadableError: the file cannot be read.
    """
    where: object = "installed database" if isinstance(source, bytes) else source
    data = source if isinstance(source, bytes) else _load(source)
    if len(data) > MAX_SIZE:
        raise FormatError(f"an installed database of more than {MAX_SIZE} bytes", where=where)
    packages: list[InstalledPackage] = []
    starts: list[int] = []
    at = 0
    while at < len(data):
        if blank := _BLANK.match(data, at):
            at = blank.end()
            continue
        end = END.search(data, at)
        if end is None:
            raise _error("the last record is cut: it does not end with a newline", data, at, where)
        if len(starts) >= FREE_RECORDS + len(data) // PER_RECORD:
            raise _error("more packages than a database of this size may have", data, at, where)
        starts.append(at)
        packages.append(_record(data, at, end.start(), where))
        at = end.end()
    return InstalledDatabase(tuple(packages), starts, data, where)


def _load(path: Path) -> bytes:
    try:
        return read_file(path, MAX_SIZE)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error


def _record(data: bytes, at: int, stop: int, where: object) -> InstalledPackage:
    """Parses the package lines of the record data[at:stop], which may also stand behind lines about files."""
    files = data.find(b"\nF:", at, stop)
    head = data[at : stop if files < 0 else files].split(b"\n")
    if any(line[:2] in _FILE_LINES for line in head):
        raise _error("a misplaced line about a file in a record", data, at, where)
    others = [match[1] for match in _NOT_A_FILE_LINE.finditer(data, files, stop)] if files >= 0 else []
    try:
        fields = read_fields(line.decode("utf-8", "surrogateescape") for line in (*head, *others))
    except ValueError:
        raise _error("a malformed line in a record", data, at, where) from None
    if not fields.get("P") or not fields.get("V"):
        raise _error("a record without name or version", data, at, where)
    return InstalledPackage(
        name=fields["P"],
        version=fields["V"],
        arch=fields.get("A"),
        checksum=fields.get("C"),
        origin=fields.get("o"),
        commit=fields.get("c"),
        depends=tuple(fields.get("D", "").split()),
        provides=tuple(fields.get("p", "").split()),
        size=number(fields.get("S")),
        installed_size=number(fields.get("I")),
        fields=fields,
    )


def _error(what: str, data: bytes, at: int, where: object) -> FormatError:
    """A complaint about the line, or the record, that begins at `at`."""
    line = data.count(b"\n", 0, at) + 1
    return FormatError(f"{what}, line {line}", where=where, offset=at)
