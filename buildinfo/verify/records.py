"""Two records of builds, side by side: in what their inputs, tools, packages, environments and outputs differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, Literal, TypeVar

from buildinfo.model import BuildInfo, Bytes, InstalledPackage, Tool
from buildinfo.verify.explain.evidence import Records
from buildinfo.verify.report import RecordDelta, Table, readable

_Item = TypeVar("_Item")

Sameness = Literal["same", "other outputs", "other environment", "other source", "other source and environment"]
"""What the three digests of two records say: `same` covers all three."""


def compare_records(original: BuildInfo, rebuilt: BuildInfo) -> list[RecordDelta]:
    """Every difference of two records, by table, then by name. What is a digest of other parts is left out."""
    return [
        *_fields("source", original.source, rebuilt.source),
        *_fields("epoch", original.epoch, rebuilt.epoch),
        *_items("input", original.inputs, rebuilt.inputs, lambda item: _text(item.name), lambda item: item.sha256),
        *_items("installed", original.installed, rebuilt.installed, lambda item: item.name, _package),
        *_items("sysroot", original.sysroot, rebuilt.sysroot, lambda item: item.name, _package),
        *_repositories(original, rebuilt),
        *_items("tool", original.tools, rebuilt.tools, lambda item: _text(item.name), _tool),
        *_mapping("environment", original.environment, rebuilt.environment),
        *_fields("condition", original.conditions, rebuilt.conditions),
        *_fields("normalization", original.normalization, rebuilt.normalization),
        *_fields("observation", original.observations, rebuilt.observations),
        *_items("taint", original.taints, rebuilt.taints, lambda item: item.name, lambda item: _text(item.reason)),
        *_items("output", original.outputs, rebuilt.outputs, lambda item: item.path, lambda item: item.unsigned_sha256),
    ]


def sameness(original: BuildInfo, rebuilt: BuildInfo) -> Sameness:
    """What the digests say: whether the same was built, in the same environment, with the same result."""
    old, new = original.digests, rebuilt.digests
    if old.source != new.source:
        return "other source" if old.environment == new.environment else "other source and environment"
    if old.environment != new.environment:
        return "other environment"
    return "same" if old.outputs == new.outputs else "other outputs"


def related(original: BuildInfo, rebuilt: BuildInfo) -> Records:
    """Two records with their differences, as `verify` takes them."""
    return Records(original, rebuilt, compare_records(original, rebuilt))


def _package(package: InstalledPackage) -> str:
    words = [package.version, package.checksum or "", package.arch or ""]
    return " ".join(word for word in words if word)


def _tool(tool: Tool) -> str:
    words = [_text(tool.banner) if tool.banner is not None else "", tool.package or ""]
    words.append(tool.checksum or tool.sha256 or "")
    return ", ".join([_text(tool.path), *(word for word in words if word)])


def _items(
    table: Table,
    old: Iterable[_Item],
    new: Iterable[_Item],
    name: Callable[[_Item], str],
    value: Callable[[_Item], str],
) -> Iterator[RecordDelta]:
    return _mapping(table, {name(item): value(item) for item in old}, {name(item): value(item) for item in new})


def _repositories(original: BuildInfo, rebuilt: BuildInfo) -> Iterator[RecordDelta]:
    old, new = (", ".join(map(_text, record.repositories)) for record in (original, rebuilt))
    if old != new:
        yield RecordDelta(table="repository", name="repositories", original=old or None, rebuilt=new or None)


def _fields(table: Table, old: Any, new: Any) -> Iterator[RecordDelta]:
    """The fields of a part of the record, which a record may lack."""
    names = [entry.name for entry in fields(old if old is not None else new)] if old is not new else []
    sides = ({name: _value(getattr(side, name)) for name in names} if side is not None else {} for side in (old, new))
    yield from _mapping(table, *({key: text for key, text in side.items() if text is not None} for side in sides))


def _mapping(table: Table, old: dict[str, Any], new: dict[str, Any]) -> Iterator[RecordDelta]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            values = (None if value is None else readable(_text(value)) for value in (before, after))
            yield RecordDelta(table=table, name=readable(name), original=next(values), rebuilt=next(values))


def _value(value: Any) -> str | None:
    """A field as text; None where it is empty."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, list):
        return ", ".join(_text(getattr(item, "path", item)) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value))
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Bytes):
        return f"base64 {value.base64}"
    return str(value)
