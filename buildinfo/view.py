"""Looking at a file, whatever it is: a buildinfo, package, index, installed database or capture.

What a file is, its content says; its name is not asked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from buildinfo import view_lines
from buildinfo.errors import FormatError, UnreadableError, UsageError
from buildinfo.kind import misplaced
from buildinfo.opening import read_file
from buildinfo.shown import (
    ShownCapture,
    ShownDatabase,
    ShownEpoch,
    ShownIndex,
    ShownInstalled,
    ShownMember,
    ShownPackage,
    ShownSegment,
)

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder
    from buildinfo.apk.v2 import Segment

#: Longest buildinfo or database that is read, bytes.
LARGEST = 256 * 1024 * 1024

_RELATIONS: Final = ("provides", "replaces", "install_if", "provider_priority", "replaces_priority")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file holds: ``data`` for JSON, ``lines`` for people; ``exact`` data is a parsed document."""

    data: Any
    lines: list[str]
    exact: bool = False


def look(source: Path | bytes, keys: KeyFolder | None = None) -> Shown:
    """Find out what a file is and describe it.

    Args:
        source: a file or capture directory, or the bytes of a buildinfo or installed database.
        keys: only a buildinfo will do, and the signature beside it has to hold with these.

    Raises:
        UnreadableError: it cannot be read.
        FormatError: it is none of the kinds, or malformed.
        RecordError: a buildinfo that does not hold.
        SignatureError: it has no signature, or one that does not hold.
        UsageError: a signature is required of what has no file.
    """
    if keys is not None:
        return _signed(source, keys)
    if isinstance(source, bytes):
        return _by_content(source, "standard input")
    if source.is_dir():
        if (error := misplaced(source, "capture")) is not None:
            raise error
        return _capture(source)
    try:
        if read_file(source, 1) == _GZIP:
            return _compressed(source)
        return _by_content(read_file(source, LARGEST), source)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=source) from error


def _signed(source: Path | bytes, keys: KeyFolder) -> Shown:
    if isinstance(source, bytes):
        raise UsageError("standard input has no signature beside it", mend="name the file")
    from buildinfo import document

    parsed = document.parse(document.read_bytes(source, keys), source)
    document.load(parsed, source)
    return Shown(parsed, view_lines.record(parsed), exact=True)


def _by_content(data: bytes, where: object) -> Shown:
    if data.startswith((_GZIP, b"ADB", b"PK")):
        raise FormatError("a package or index has to be named as a file, and v3 is not supported yet", where=where)
    if data[1:2] == b":" and data[:1].isalpha():
        return _database(data, where)
    from buildinfo import document

    parsed = document.parse(data, where)
    document.load(parsed, where)
    return Shown(parsed, view_lines.record(parsed), exact=True)


def _compressed(path: Path) -> Shown:
    """A package or a v2 index; both are gzip members, and only a package has a .PKGINFO."""
    from buildinfo.apk.index import read_index
    from buildinfo.apk.reads.info import read_info
    from buildinfo.apk.told import told_path
    from buildinfo.apk.v2 import read_package

    try:
        package = read_package(path)
    except FormatError as not_a_package:
        if told_path(path) == "package":  # it is not read a second time
            raise misplaced(path, "package") or not_a_package from None
        try:
            index = read_index(path)
        except FormatError:
            raise misplaced(path, "package") or not_a_package from None
        records = [dict(record) for record in index.records]
        shown = ShownIndex(kind="index", description=index.description, packages=records)
        return Shown(asdict(shown), view_lines.index(shown))
    info = package.pkginfo
    depends = info.all("depend")
    relations = {
        "depend": [name for name in depends if not name.startswith("!")],
        "conflicts": [name[1:] for name in depends if name.startswith("!")],
        **{key: list(info.all(key)) for key in _RELATIONS},
    }
    made = ShownPackage(
        kind="package",
        name=info.pkgname,
        version=info.pkgver,
        arch=info.arch,
        origin=info.origin,
        description=info.get("pkgdesc"),
        url=info.get("url"),
        license=info.get("license"),
        maintainer=info.get("maintainer"),
        packager=info.packager,
        commit=info.commit,
        builddate=info.builddate,
        installed_size=info.size,
        relations={key: values for key, values in relations.items() if values},
        triggers=[folder.decode("utf-8", "surrogateescape") for folder in read_info(info.raw).triggers],
        scripts=[script.name for script in package.scripts],
        pkginfo=[list(entry) for entry in info.entries],
        size=package.size,
        sha256=package.sha256,
        unsigned_sha256=package.unsigned_sha256,
        identity=package.identity,
        signatures=[f"{signature.type}.{signature.key_name}" for signature in package.signatures],
        segments={"control": _segment(package.control), "data": _segment(package.data)},
        members=[
            ShownMember(
                name=member.name,
                type=member.type,
                mode=f"{member.mode:04o}",
                owner=f"{member.uname or member.uid}:{member.gname or member.gid}",
                size=member.size,
                target=member.linkname or None,
            )
            for member in package.members
        ],
        misread=package.refused,
    )
    return Shown(asdict(made), view_lines.package(made))


def _database(data: bytes, where: object) -> Shown:
    from buildinfo.apk.installed import read_installed

    try:
        database = read_installed(data)
    except FormatError as error:
        raise FormatError(error.what, where=where) from error
    shown = ShownDatabase(
        kind="database",
        packages=[
            ShownInstalled(name=package.name, version=package.version, arch=package.arch, checksum=package.checksum)
            for package in database.packages
        ],
    )
    return Shown(asdict(shown), view_lines.database(shown))


def _capture(path: Path) -> Shown:
    from buildinfo.capture.reader import read_capture

    capture = read_capture(path)
    shown = ShownCapture(
        kind="capture",
        name=capture.name,
        hooks=capture.hooks,
        epoch=ShownEpoch(rule=capture.epoch[0], value=capture.epoch[1]),
        recipe=dict(capture.recipe),
        repository=dict(capture.repository),
        conditions=dict(capture.conditions),
        environment=dict(capture.environment),
        packages=[name.removeprefix("pkginfo/") for name in sorted(capture.files) if name.startswith("pkginfo/")],
    )
    return Shown(asdict(shown), view_lines.capture(shown))


def _segment(part: Segment) -> ShownSegment:
    return ShownSegment(
        offset=part.offset, size=part.size, sha256=part.sha256, tar_size=part.tar_size, tar_sha256=part.tar_sha256
    )
