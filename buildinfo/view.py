"""Looking at a file, whatever it is: a buildinfo, package, index, installed database or capture.

What a file is, its content says; its name is not asked.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildinfo.errors import FormatError, UnreadableError, UsageError
from buildinfo.kind import misplaced

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder
    from buildinfo.apk.v2 import Segment

#: Longest buildinfo or database that is read, bytes.
LARGEST = 256 * 1024 * 1024

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file holds: ``data`` for JSON, ``lines`` for people."""

    data: Any
    lines: list[str]


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
        with source.open("rb") as stream:
            data = stream.read(2)
            if data != _GZIP:
                data += stream.read(LARGEST)
        return _compressed(source) if data == _GZIP else _by_content(data, source)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=source) from error


def _signed(source: Path | bytes, keys: KeyFolder) -> Shown:
    if isinstance(source, bytes):
        raise UsageError("standard input has no signature beside it", mend="name the file")
    from buildinfo import document

    parsed = document.parse(document.read_bytes(source, keys), source)
    document.load(parsed, source)
    return Shown(parsed, _record(parsed))


def _by_content(data: bytes, where: object) -> Shown:
    if data.startswith((_GZIP, b"ADB", b"PK")):
        raise FormatError("a package or index has to be named as a file, and v3 is not supported yet", where=where)
    if data[1:2] == b":" and data[:1].isalpha():
        return _database(data)
    from buildinfo import document

    parsed = document.parse(data, where)
    document.load(parsed, where)
    return Shown(parsed, _record(parsed))


def _compressed(path: Path) -> Shown:
    """A package or a v2 index; both are gzip members, and only a package has a .PKGINFO."""
    from buildinfo.apk.index import read_index
    from buildinfo.apk.v2 import read_package

    try:
        package = read_package(path)
    except FormatError as not_a_package:
        try:
            index = read_index(path)
        except FormatError:
            raise misplaced(path, "package") or not_a_package from None
        records = [dict(record) for record in index.records]
        lines = [f"index      {(index.description or '').strip()}", f"packages   {len(records)}"]
        lines += [f"  {record.get('P', '?')}-{record.get('V', '?')}  {record.get('C', '')}" for record in records]
        return Shown({"description": index.description, "packages": records}, lines)
    info = package.pkginfo
    members = [
        {
            "name": member.name,
            "type": member.type,
            "mode": f"{member.mode:04o}",
            "owner": f"{member.uname or member.uid}:{member.gname or member.gid}",
            "size": member.size,
            "target": member.linkname or None,
        }
        for member in package.members
    ]
    data = {
        "pkginfo": [list(entry) for entry in info.entries],
        "size": package.size,
        "sha256": package.sha256,
        "unsigned_sha256": package.unsigned_sha256,
        "identity": package.identity,
        "signatures": [f"{signature.type}.{signature.key_name}" for signature in package.signatures],
        "segments": {name: _segment(part) for name, part in (("control", package.control), ("data", package.data))},
        "scripts": [script.name for script in package.scripts],
        "members": members,
    }
    lines = [
        f"package    {info.pkgname}-{info.pkgver} ({info.arch})",
        f"origin     {info.origin}",
        f"built      {_time(info.builddate)}",
        f"identity   {package.identity}",
        f"sha256     {package.sha256}",
        f"unsigned   {package.unsigned_sha256}",
        f"signed by  {', '.join(signature.key_name for signature in package.signatures) or 'nobody'}",
        f"control    {package.control.size} bytes",
        f"data       {package.data.size} bytes, datahash holds",
        f"files      {len(package.members)}",
    ]
    lines += [
        f"  {member['mode']} {member['owner']:<12} {member['size']:>9} {member['name']}"
        + (f" -> {member['target']}" if member["target"] else "")
        for member in members
    ]
    return Shown(data, lines)


def _database(data: bytes) -> Shown:
    from buildinfo.apk.installed import read_installed

    database = read_installed(data)
    packages = [
        {"name": package.name, "version": package.version, "arch": package.arch, "checksum": package.checksum}
        for package in database.packages
    ]
    lines = [f"installed  {len(packages)} packages"]
    lines += [f"  {package['name']}-{package['version']}  {package['checksum'] or ''}" for package in packages]
    return Shown({"packages": packages}, lines)


def _capture(path: Path) -> Shown:
    from buildinfo.capture.reader import read_capture

    capture = read_capture(path)
    data = {
        "name": capture.name,
        "hooks": capture.hooks,
        "epoch": {"rule": capture.epoch[0], "value": capture.epoch[1]},
        "recipe": capture.recipe,
        "repository": capture.repository,
        "conditions": capture.conditions,
        "environment": capture.environment,
        "packages": [name.removeprefix("pkginfo/") for name in sorted(capture.files) if name.startswith("pkginfo/")],
    }
    lines = [
        f"capture    {capture.name}, complete",
        f"hooks      {capture.hooks}",
        f"epoch      {capture.epoch[1]} ({capture.epoch[0]})",
        f"commit     {capture.repository.get('commit') or 'unknown'}{capture.repository.get('dirty', '')}",
        f"packages   {' '.join(data['packages'])}",
    ]
    return Shown(data, lines)


def _record(document: Mapping[str, Any]) -> list[str]:
    source, epoch, conditions = document["source"], document["epoch"], document["conditions"]
    taints = document.get("taints", [])
    installed = document.get("installed", [])
    lines = [
        f"build      {source['origin']}-{source['version']} for {source['arch']}",
        f"aport      {source.get('aport', 'unknown')} at {source.get('commit') or 'no commit'}",
        f"epoch      {epoch['value']} = {_time(epoch['value'])} ({epoch['rule']})",
        f"abuild     {conditions['abuild']}, sandbox {conditions['sandbox']}, {conditions['compressor']}",
        f"inputs     {len(document['inputs'])}",
        *(f"  {entry['role']:<8} {entry['sha256'][:16]} {entry['name']}" for entry in document["inputs"]),
        f"installed  {len(installed)} packages, {sum('requested' in package for package in installed)} asked for",
        f"tools      {len(document.get('tools', []))}",
        f"variables  {len(document.get('environment', {}))}",
        f"outputs    {len(document['outputs'])}",
        *(line for output in document["outputs"] for line in _output(output)),
        f"taints     {len(taints) or 'none'}",
        *(f"  {taint['name']}: {taint['reason']}" for taint in taints),
    ]
    return lines + [f"digest     {value} {name}" for name, value in document["digests"].items()]


def _output(output: Mapping[str, Any]) -> list[str]:
    """A package of a record, and what normalization did to it."""
    changes = [f"{change['handler']} {_path(change['path'])}".rstrip() for change in output.get("changes", [])]
    skipped = [f"left alone {_path(entry['path'])}: {_path(entry['reason'])}" for entry in output.get("left_alone", [])]
    return [
        f"  {output['unsigned_sha256'][:16]} {output['path']}",
        *(f"    normalized: {change}" for change in changes),
        *(f"    {entry}" for entry in skipped),
    ]


def _path(value: Any) -> str:
    return value if isinstance(value, str) else repr(base64.b64decode(value["base64"]))


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "unknown"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds"


def _segment(part: Segment) -> dict[str, Any]:
    return {name: getattr(part, name) for name in ("offset", "size", "sha256", "tar_size", "tar_sha256")}
