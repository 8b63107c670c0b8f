"""What archives have in common: members with fields and content, in an order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_FIELDS: Final = 30
"""Most members whose headers are told of, for each field."""
MAX_MEMBERS: Final = 200_000


@dataclass(slots=True)
class Member:
    """One member: `fields` of its header that are compared, and its content as far as it can be had."""

    name: bytes
    fields: dict[str, bytes] = field(default_factory=dict)
    content: bytes = b""


def compare(kind: str, old: Sequence[Member], new: Sequence[Member], place: Place) -> Iterator[Hunk]:
    """The hunks of two archives: `order`, `KIND` for fields, `member` for members of one side, and the contents'."""
    first, second = _numbered(old), _numbered(new)
    names = [name for name in first if name in second], [name for name in second if name in first]
    if names[0] != names[1]:
        start = next(at for at, both in enumerate(zip(*names, strict=True)) if both[0] != both[1])
        listed = (b"\n".join(name for name, _ in side[start : start + 20]) for side in names)
        yield place.hunk("order", f"members:{kind}", *listed)
    for name in [*(name for name in first if name not in second), *(name for name in second if name not in first)]:
        yield place.hunk("member", kind, name[0] if name in first else b"", name[0] if name in second else b"")
    told: dict[str, int] = {}
    for name in names[0]:
        yield from _fields(kind, first[name], second[name], place, told)
    for name in names[0]:
        yield from place.inside(name[0].decode("utf-8", "surrogateescape"), first[name].content, second[name].content)


def _numbered(members: Sequence[Member]) -> dict[tuple[bytes, int], Member]:
    """By name, and how often it stood before."""
    seen: dict[bytes, int] = {}
    numbered = {}
    for member in members:
        count = seen.get(member.name, 0)
        seen[member.name] = count + 1
        numbered[member.name, count] = member
    return numbered


def _fields(kind: str, old: Member, new: Member, place: Place, told: dict[str, int]) -> Iterator[Hunk]:
    name = old.name.decode("utf-8", "surrogateescape")
    for key in old.fields.keys() | new.fields.keys():
        before, after = old.fields.get(key, b""), new.fields.get(key, b"")
        if before != after:
            told[key] = told.get(key, 0) + 1
            if told[key] <= MAX_FIELDS:
                yield place.part(name).hunk(kind, key, before, after)
