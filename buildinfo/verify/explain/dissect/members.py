"""What archives have in common: members with fields and content, in an order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_MEMBERS: Final = 200_000
MEMBER: Final = 4000
"""What a member takes, in bytes that could be unpacked meanwhile."""
FEWEST: Final = 100
"""Members that are looked at whatever is left of the effort."""
_HASH: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9a-f]{8,64}(?![0-9A-Za-z])")


@dataclass(slots=True, eq=False)
class Member:
    """One member: `fields` of its header that are compared, its content as far as it can be had, and where it begins
    where anything refers to that."""

    name: bytes
    fields: dict[str, bytes] = field(default_factory=dict)
    content: bytes = b""
    offset: int = 0


def most_members(place: Place) -> int:
    """How many members an archive may have that is looked into."""
    return min(MAX_MEMBERS, max(FEWEST, place.effort.left // (2 * MEMBER)))


def compare(kind: str, old: Sequence[Member], new: Sequence[Member], place: Place) -> Iterator[Hunk]:
    """The hunks of two archives: `order`, `KIND` for fields, `member` for members of one side, and the contents'."""
    place.effort.left -= MEMBER * (len(old) + len(new))
    first, second = _numbered(old), _numbered(new)
    names = [name for name in first if name in second], [name for name in second if name in first]
    if names[0] != names[1]:
        start = next(at for at, both in enumerate(zip(*names, strict=True)) if both[0] != both[1])
        listed = (b"\n".join(name for name, _ in side[start : start + 20]) for side in names)
        yield place.hunk("order", f"members:{kind}", *listed)
    pairs = [(first[name], second[name]) for name in names[0]]
    gone = [first[name] for name in first if name not in second]
    come = [second[name] for name in second if name not in first]
    renamed = _renamed(gone, come)
    for before, after in renamed:
        yield place.hunk("member", kind, before.name, after.name)
    pairs += renamed
    told_of = {id(member) for both in renamed for member in both}
    for member in gone:
        if id(member) not in told_of:
            yield place.hunk("member", kind, member.name, b"")
    for member in come:
        if id(member) not in told_of:
            yield place.hunk("member", kind, b"", member.name)
    for before, after in pairs:
        yield from _fields(kind, before, after, place)
    for before, after in pairs:
        yield from place.inside(before.name.decode("utf-8", "surrogateescape"), before.content, after.content)


def _renamed(gone: Sequence[Member], come: Sequence[Member]) -> list[tuple[Member, Member]]:
    """Members of one side whose names differ in a hash only, where there is one of them on either side."""
    forms = [Counter(_HASH.sub(b"#", member.name) for member in side) for side in (gone, come)]
    partners = {_HASH.sub(b"#", member.name): member for member in come}
    pairs = []
    for member in gone:
        form = _HASH.sub(b"#", member.name)
        if form != member.name and forms[0][form] == forms[1][form] == 1:
            pairs.append((member, partners[form]))
    return pairs


def _numbered(members: Sequence[Member]) -> dict[tuple[bytes, int], Member]:
    """By name, and how often it stood before."""
    seen: dict[bytes, int] = {}
    numbered = {}
    for member in members:
        count = seen.get(member.name, 0)
        seen[member.name] = count + 1
        numbered[member.name, count] = member
    return numbered


def _fields(kind: str, old: Member, new: Member, place: Place) -> Iterator[Hunk]:
    name = old.name.decode("utf-8", "surrogateescape")
    for key in dict.fromkeys([*old.fields, *new.fields]):
        before, after = old.fields.get(key, b""), new.fields.get(key, b"")
        if before != after:
            yield place.part(name).hunk(kind, key, before, after)
