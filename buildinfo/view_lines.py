"""What a file holds as lines for people; none of them is made safe for a terminal here."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Final

from buildinfo.shown import ShownCapture, ShownDatabase, ShownIndex, ShownPackage

MOST_NAMED: Final = 4
"""Most files that are named of those that one handler changed."""


def package(shown: ShownPackage) -> list[str]:
    """A package: what it says of itself, what apk makes of it, and its files."""
    said = {
        "package": f"{shown.name}-{shown.version} ({shown.arch or 'no architecture'})",
        "describes": shown.description,
        "origin": shown.origin,
        "url": shown.url,
        "license": shown.license,
        "maintainer": shown.maintainer,
        "packager": shown.packager,
        "commit": shown.commit,
        "built": time(shown.builddate),
        "identity": shown.identity,
        "sha256": shown.sha256,
        "unsigned": shown.unsigned_sha256,
        "signed by": ", ".join(name.partition(".")[2] for name in shown.signatures) or "nobody",
        "size": f"{shown.size} bytes, {shown.installed_size or 0} bytes installed",
        **{name: " ".join(values) for name, values in shown.relations.items()},
        "scripts": " ".join(shown.scripts) or "none",
        "triggers": " ".join(shown.triggers),
        "control": f"{shown.segments['control'].size} bytes",
        "data": f"{shown.segments['data'].size} bytes, datahash holds",
        "files": str(len(shown.members)),
        "misread": shown.misread and f"apk does not read it as it is meant: {shown.misread}",
    }
    width = max(len(name) for name, value in said.items() if value)
    lines = [f"{name:<{max(10, width)}} {value}" for name, value in said.items() if value]
    for member in shown.members:
        target = f" -> {member.target}" if member.target else ""
        lines.append(f"  {member.mode} {member.owner:<12} {member.size:>9} {member.name}{target}")
    return lines


def index(shown: ShownIndex) -> list[str]:
    """An index, and the packages in it."""
    lines = [f"index      {(shown.description or '').strip()}", f"packages   {len(shown.packages)}"]
    return lines + [
        f"  {record.get('P', '?')}-{record.get('V', '?')}  {record.get('C', '')}" for record in shown.packages
    ]


def database(shown: ShownDatabase) -> list[str]:
    """An installed database, and the packages in it."""
    lines = [f"installed  {len(shown.packages)} packages"]
    return lines + [f"  {entry.name}-{entry.version}  {entry.checksum or ''}" for entry in shown.packages]


def capture(shown: ShownCapture) -> list[str]:
    """A capture that is complete."""
    return [
        f"capture    {shown.name}, complete",
        f"hooks      {shown.hooks}",
        f"epoch      {shown.epoch.value} = {time(shown.epoch.value)} ({shown.epoch.rule})",
        f"commit     {shown.repository.get('commit') or 'unknown'}{shown.repository.get('dirty', '')}",
        f"packages   {' '.join(shown.packages)}",
    ]


def record(document: Mapping[str, Any]) -> list[str]:
    """A buildinfo."""
    source, epoch, conditions = document["source"], document["epoch"], document["conditions"]
    taints = document.get("taints", [])
    installed = document.get("installed", [])
    dirty = source.get("dirty", [])
    lines = [
        f"build      {source['origin']}-{source['version']} for {source['arch']}",
        f"aport      {text(source.get('aport', 'unknown'))} at {source.get('commit') or 'no commit'}",
        *([f"not as committed  {len(dirty)}"] if dirty else []),
        *(f"  {entry['state']:<2} {text(entry['path'])}" for entry in dirty),
        f"epoch      {epoch['value']} = {time(epoch['value'])} ({epoch['rule']})",
        f"abuild     {conditions['abuild']}, sandbox {conditions['sandbox']}, {conditions['compressor']}",
        f"inputs     {len(document['inputs'])}",
        *(f"  {entry['role']:<8} {entry['sha256'][:16]} {text(entry['name'])}" for entry in document["inputs"]),
        f"installed  {len(installed)} packages, {sum('requested' in package for package in installed)} asked for",
        f"tools      {len(document.get('tools', []))}",
        f"variables  {len(document.get('environment', {}))}",
        f"outputs    {len(document['outputs'])}",
        *(line for output in document["outputs"] for line in _output(output)),
        f"taints     {len(taints) or 'none'}",
        *(f"  {taint['name']}: {text(taint['reason'])}" for taint in taints),
    ]
    return lines + [f"digest     {value} {name}" for name, value in document["digests"].items()]


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    """A package of a record, and what normalization did to it: the handlers with the files that each changed."""
    yield f"  {output['unsigned_sha256'][:16]} {output['path']}"
    changed: dict[str, list[str]] = {}
    for change in output.get("changes", []):
        changed.setdefault(change["handler"], []).append(text(change["path"]))
    for handler, paths in changed.items():
        yield f"    normalized by {handler}: {_named(paths)}"
    left: dict[str, list[str]] = {}
    for entry in output.get("left_alone", []):
        left.setdefault(text(entry["reason"]), []).append(text(entry["path"]))
    for reason, paths in left.items():
        yield f"    left alone: {_named(paths)}: {reason}"


def _named(paths: list[str]) -> str:
    """How many files, and the first of them; an empty path is the package itself."""
    names = [path or "the package" for path in dict.fromkeys(paths)]
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{len(names)} files ({', '.join(names[:MOST_NAMED])}{more})"


def text(value: Any) -> str:
    """A text of a record, which may be bytes that are not UTF-8."""
    return value if isinstance(value, str) else repr(base64.b64decode(value["base64"]))


def time(seconds: int | None) -> str:
    """Seconds since 1970 as a date in UTC."""
    if seconds is None:
        return "unknown"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds"
