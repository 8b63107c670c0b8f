"""Taking differences apart: what a file is, its content says, and the dissector of that format goes on.

A dissector is one function ``hunks(before, after, place)`` over the two contents. It knows its format and no causes,
touches no file, and refuses malformed input with `FormatError`: the file is then looked at as bytes. Adding a format
touches one new module and one row of `formats.FORMATS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import binary, text
from buildinfo.verify.explain.dissect.formats import dissector_of
from buildinfo.verify.explain.dissect.place import MAX_DEPTH, Place
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.found import Found


def dissect(found: Found, evidence: Evidence) -> Iterator[Hunk]:
    """The hunks of one difference; at least one."""
    difference = found.difference
    before, after = (_bytes(value) for value in (found.before, found.after))
    path = difference.path or ""
    if difference.layer == "control" and difference.field == "#comment":
        yield from _lines("comment", difference.field, before, after)
    elif difference.layer == "control" and difference.path is not None:
        yield from _script(found, evidence)
    elif difference.layer == "control":
        yield Hunk("pkginfo", difference.field or "", before, after)
    elif found.is_content and found.key is not None:
        yield from _file(found.key, path, evidence)
    elif difference.layer == "file":
        yield Hunk(difference.field or "presence", difference.field or "presence", before, after, file=path)
    else:
        where = difference.detail if found.before is found.after is None else ""
        yield Hunk(difference.layer, difference.field or "", before, after, file=path, where=where)


def content(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """The hunks of two contents; at least one where they differ."""
    if before == after:
        return
    dissector = dissector_of(before, after) if place.depth <= MAX_DEPTH and not place.effort.spent else None
    if dissector is not None:
        try:
            hunks = list(dissector(before, after, place))
        except FormatError:
            hunks = []
        if hunks:
            yield from hunks
            return
    plain = text if text.is_text(before) and text.is_text(after) else binary
    hunks = list(plain.hunks(before, after, place))
    yield from hunks or [place.hunk("bytes", "bytes", before, after)]


def _file(key: tuple[str, int], path: str, evidence: Evidence) -> Iterator[Hunk]:
    both = None if evidence.files is None else evidence.files.get(key)
    if both is None:
        yield Hunk("bytes", "too large to be looked into", b"", b"", file=path)
        return
    if evidence.files is not None and (reason := evidence.files.vouched(key)):
        yield Hunk("vouched", reason, b"", b"", where=reason, file=path)
    yield from content(*both, Place(path, "", content, effort=evidence.effort))


def _script(found: Found, evidence: Evidence) -> Iterator[Hunk]:
    """A script that changed, line by line; or one that only one side has."""
    name = found.difference.path or ""
    before, after = found.before, found.after
    if before is None or after is None:
        yield Hunk("script", "presence", _bytes(before), _bytes(after), file=name)
        return
    for hunk in content(_bytes(before), _bytes(after), Place(name, "", content, effort=evidence.effort)):
        yield Hunk("script" if hunk.kind == "text" else hunk.kind, name, hunk.before, hunk.after, file=name)


def _lines(kind: str, name: str, before: bytes, after: bytes) -> Iterator[Hunk]:
    """Comments: those that begin alike belong together."""
    old, new = (sorted(filter(None, side.split(b"\n"))) for side in (before, after))
    waiting: dict[bytes, deque[bytes]] = {}
    for line in new:
        waiting.setdefault(_beginning(line), deque()).append(line)
    for line in old:
        partners = waiting.get(_beginning(line))
        yield Hunk(kind, name, line, partners.popleft() if partners else b"")
    for line in sorted(chain.from_iterable(waiting.values())):
        yield Hunk(kind, name, b"", line)


def _beginning(line: bytes) -> bytes:
    words = line.split()
    return b"# DAY" if words[1:2] and words[1] in _DAYS else b" ".join(words[:2])


_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")


def _bytes(value: str | None) -> bytes:
    return b"" if value is None else value.encode("utf-8", "surrogateescape")
