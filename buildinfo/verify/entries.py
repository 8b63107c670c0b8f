"""The entries of two archives: presence, type, links, content, and what their headers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from buildinfo.apk.tar import Member
from buildinfo.verify.contents import Contents, Entry, Key, linked_path
from buildinfo.verify.found import DIFFERENT, NORMALIZED, PAYLOAD, Found, differing
from buildinfo.verify.report import Difference, Layer, readable
from buildinfo.verify.verdict import Verdict

Same = Callable[[Key], bool]
"""Tells of a file whose content differs whether it is the same on both sides once it is normalized."""


def control_entries(original: Contents, rebuilt: Contents) -> Iterator[Found]:
    """What the headers of the control segment say, and what is no file there; files are compared elsewhere.

    apk installs and runs nothing of what is no file, but refuses a package for some of it.
    """
    for key in sorted(original.control.keys() | rebuilt.control.keys()):
        before, after = original.control.get(key), rebuilt.control.get(key)
        if before is None or after is None:
            if "file" not in {entry.member.type for entry in (before, after) if entry is not None}:
                yield _presence(key, before, after, "control")
            continue
        if before.headers != after.headers:
            what, other = (_said_of(entry.member) for entry in (before, after))
            if what != other:
                yield differing("control", readable(key[0]), "type", what, other, DIFFERENT, key=key)
            found = list(_headers(key, before, after, installed=False))
            if (
                what == other
                and not found
                and before.sha256 == after.sha256
                and not is_spelled_otherwise(before, after)
            ):
                found.append(_otherwise("control", key))
            yield from found


def data_entries(original: Contents, rebuilt: Contents, same_normalized: Same) -> Iterator[Found]:
    """Every difference of the entries of the data segment, by path."""
    comparison = _Comparison(original, rebuilt, same_normalized)
    for key in sorted(original.entries.keys() | rebuilt.entries.keys()):
        before, after = original.entries.get(key), rebuilt.entries.get(key)
        if before is None or after is None:
            yield _presence(key, before, after)
            continue
        found = list(comparison.payload(key, before, after))
        if before.headers != after.headers:
            found += _headers(key, before, after)
            found += comparison.attributes(key, before, after)
            if not found and not is_spelled_otherwise(before, after):
                found.append(_otherwise("metadata", key))
        yield from found


def differing_files(original: Contents, rebuilt: Contents) -> Iterator[Key]:
    """The files that are there on both sides with other content; of the names of one file the first."""
    comparison = _Comparison(original, rebuilt, lambda key: False)
    for key, before in original.entries.items():
        after = rebuilt.entries.get(key)
        if after is not None and comparison.content_differs(key, before, after):
            yield key


def is_spelled_otherwise(before: Entry, after: Entry) -> bool:
    """Whether two headers are other bytes for another reason than that a field says something else."""
    if before.headers == after.headers or before.member.type != after.member.type:
        return False
    if before.dialect != after.dialect:
        return True
    if before.member.mtime != after.member.mtime:  # mostly it is that
        return False
    old, new = (replace(entry.member, offset=0, pax={}, name=entry.member.path) for entry in (before, after))
    return old == new and before.records == after.records and _times(before) == _times(after)


def _times(entry: Entry) -> tuple[bytes | None, bytes | None]:
    return entry.member.pax.get("atime"), entry.member.pax.get("ctime")


def _otherwise(layer: Layer, key: Key) -> Found:
    """What is not understood is not the same."""
    return differing(layer, readable(key[0]), "header", "one", "another", DIFFERENT, key=key, apart=False)


def _said_of(member: Member) -> str:
    """What the headers say of an entry of the control segment that is no file."""
    words = [member.type, member.linkname] if member.linkname else [member.type]
    return " ".join([*words, f"{member.devmajor}:{member.devminor}"] if member.type in ("char", "block") else words)


def _presence(key: Key, before: Entry | None, after: Entry | None, layer: Layer = "file") -> Found:
    entry = before or after
    assert entry is not None
    side = "original" if after is None else "rebuild"
    again = f", copy {key[1] + 1}" if key[1] else ""
    detail = f"only in the {side}: {_described(entry)}{again}"
    old, new = (None if side is None else _described(side) for side in (before, after))
    difference = Difference(layer=layer, path=readable(key[0]), field=None, detail=detail, original=old, rebuilt=new)
    return Found(difference, DIFFERENT, None, old, new)


def _described(entry: Entry) -> str:
    member = entry.member
    text = f"{member.type}, mode {member.mode:04o}, {readable(member.uname)}:{readable(member.gname)}"
    return f"{text}, {member.size} bytes" if member.type == "file" else text


class _Comparison:
    """Types, links and content. Of hard links only which names share a file counts, not which of them comes first."""

    def __init__(self, original: Contents, rebuilt: Contents, same_normalized: Same) -> None:
        self._sides = original, rebuilt
        self._names = _shared_names(original), _shared_names(rebuilt)
        known = {names: names for names in {id(names): names for names in self._names[0].values()}.values()}
        same = {id(names): known.get(names, names) for names in {id(n): n for n in self._names[1].values()}.values()}
        self._names[1].update({path: same[id(names)] for path, names in self._names[1].items()})
        self._same_normalized = same_normalized

    def payload(self, key: Key, before: Entry, after: Entry) -> Iterator[Found]:
        old, new = before.member, after.member
        path = readable(key[0])
        if self._type_differs(key, before, after):
            kinds = self._kind(0, key, before), self._kind(1, key, after)
            yield differing("file", path, "type", *kinds, DIFFERENT, key=key)
            return
        if old.type == "symlink" and old.linkname != new.linkname:
            yield differing("file", path, "target", old.linkname, new.linkname, DIFFERENT, key=key)
        elif (old.devmajor, old.devminor) != (new.devmajor, new.devminor):
            devices = f"{old.devmajor}:{old.devminor}", f"{new.devmajor}:{new.devminor}"
            yield differing("file", path, "device", *devices, DIFFERENT, key=key)
        elif old.type != new.type or (old.type == "hardlink" and old.linkname != new.linkname):
            kinds = self._kind(0, key, before), self._kind(1, key, after)
            yield differing("framing", path, "link", *kinds, NORMALIZED, key=key)
        if self.content_differs(key, before, after):
            yield self._content(key)

    def content_differs(self, key: Key, before: Entry, after: Entry) -> bool:
        """Whether the content of a file differs, told of the first of its names only."""
        names = self._names[0].get(key[0])
        if names is None and self._names[1].get(key[0]) is None:
            return before.member.type == after.member.type == "file" and before.sha256 != after.sha256
        if self._type_differs(key, before, after) or names is None:
            return False
        first = names[0], 0
        return self._leads_elsewhere(key) and (key == first or not self._leads_elsewhere(first))

    def _leads_elsewhere(self, key: Key) -> bool:
        """Whether what a key names has other content on the other side."""
        old, new = (side.file_of(key) for side in self._sides)
        return (old and old.sha256) != (new and new.sha256)

    def attributes(self, key: Key, before: Entry, after: Entry) -> Iterator[Found]:
        """Extended attributes. GNU tar writes them with the file, and not with its other names; apk takes both."""
        old, new = (
            {**(side.file_of(key) or entry).member.xattrs, **entry.member.xattrs}
            for side, entry in zip(self._sides, (before, after), strict=True)
        )
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                values = f"{name}={_text(old.get(name))}", f"{name}={_text(new.get(name))}"
                yield differing("metadata", readable(key[0]), "xattr", *values, DIFFERENT, key=key)

    def _type_differs(self, key: Key, before: Entry, after: Entry) -> bool:
        old, new = before.member.type, after.member.type
        if old != new and {old, new} != {"file", "hardlink"}:
            return True
        # Equal names are one object: a file may have very many.
        return self._names[0].get(key[0]) is not self._names[1].get(key[0]) and old in ("file", "hardlink")

    def _content(self, key: Key) -> Found:
        old, new = (side.file_of(key) for side in self._sides)
        sizes = " -> ".join(dict.fromkeys(str(entry.member.size) if entry else "nothing" for entry in (old, new)))
        same = self._same_normalized(key)
        detail = f"content, {sizes} bytes{': equal once it is normalized' if same else ''}"
        hashes = (entry.sha256.hex() if entry else None for entry in (old, new))
        difference = Difference(
            layer="file",
            path=readable(key[0]),
            field=None,
            detail=detail,
            original=next(hashes),
            rebuilt=next(hashes),
        )
        return Found(difference, NORMALIZED if same else DIFFERENT, key)

    def _kind(self, side: int, key: Key, entry: Entry) -> str:
        if entry.member.type == "hardlink":
            return f"hard link to {entry.member.linkname}"
        others = len(self._names[side].get(key[0], ())) - 1
        return f"{entry.member.type} of {others + 1} names" if others > 0 else entry.member.type


def _shared_names(contents: Contents) -> dict[str, tuple[str, ...]]:
    """The names of each file that has several: path -> all of them, sorted."""
    leaders: dict[str, str] = {}
    names: dict[str, set[str]] = {}
    for (path, _), entry in contents.entries.items():
        if entry.member.type == "hardlink":
            target = linked_path(entry.member)
            leader = leaders.get(target, target)
            leaders[path] = leader
            names.setdefault(leader, {leader}).add(path)
    shared = (tuple(sorted(paths)) for paths in names.values())
    return {path: paths for paths in shared for path in paths}


def _headers(key: Key, before: Entry, after: Entry, *, installed: bool = True) -> Iterator[Found]:
    """What headers say besides type, links and content. The normalized headers tell what normalizing makes equal."""
    old, new = before.member, after.member
    path = readable(key[0])
    same_size = old.size == new.size and old.checksum == new.checksum
    times: Verdict = NORMALIZED if before.normal == after.normal and same_size else PAYLOAD

    def differs(field: str, first: str, second: str, gravity: Verdict) -> Iterator[Found]:
        if first != second:
            yield differing("metadata", path, field, first, second, gravity, key=key)

    yield from differs("mode", f"{old.mode:04o}", f"{new.mode:04o}", DIFFERENT)
    yield from differs("uname", old.uname, new.uname, DIFFERENT)
    yield from differs("gname", old.gname, new.gname, DIFFERENT)
    # Where there is no name, or the system lacks it, the number is the owner.
    yield from differs("uid", str(old.uid), str(new.uid), DIFFERENT if installed else PAYLOAD)
    yield from differs("gid", str(old.gid), str(new.gid), DIFFERENT if installed else PAYLOAD)
    yield from differs("mtime", str(old.mtime), str(new.mtime), times)
    for name in ("atime", "ctime"):
        if name in old.pax and name in new.pax:  # that one is missing is a matter of dialect
            yield from differs(name, _text(old.pax[name]), _text(new.pax[name]), times)
    records = before.records, after.records
    for name in sorted(records[0].keys() | records[1].keys()):
        first, second = (_text(side.get(name)) for side in records)
        yield from differs(name, first, second, PAYLOAD if name == "comment" else DIFFERENT)
    unchecked = old.type not in ("file", "symlink") or (old.checksum is None) != (new.checksum is None)
    if old.type == new.type and old.size == new.size and unchecked:
        yield from differs("checksum", str(old.checksum), str(new.checksum), PAYLOAD)


def _text(value: bytes | None) -> str:
    if value is None:
        return "none"
    return value.decode() if value.isascii() and value.decode().isprintable() else f"0x{value.hex()}"
