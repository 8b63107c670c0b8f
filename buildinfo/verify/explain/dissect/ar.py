"""Static libraries. Source: ar(5); System V name table, BSD long names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.members import Member, compare, most_members
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

_HEADER = 60
_LONGEST = 4096
"""Most bytes of a long name that are read."""
_FIELDS = {"mtime": slice(16, 28), "uid": slice(28, 34), "gid": slice(34, 40), "mode": slice(40, 48)}
_TABLES = (b"/", b"//", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED")


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `ar`, and those of the members.

    Raises:
        FormatError: one of them is no whole archive.
    """
    sides = [_members(side, most_members(place)) for side in (before, after)]
    old, new = ([member for member in side if member.name not in _TABLES] for side in sides)
    found = list(compare("ar", old, new, place))
    yield from found
    old, new = ([member for member in side if member.name in _TABLES] for side in sides)
    symbols = [_symbols(side) for side in sides]
    if Counter(symbols[0]) != Counter(symbols[1]):
        yield from _other_symbols(symbols[0], symbols[1], place)
    elif not found and [member.content for member in old] != [member.content for member in new]:
        yield place.hunk("ar", "symbol table", *(b"".join(member.content for member in side) for side in (old, new)))
    for side in (old, new):
        for member in side:
            member.content = b""
    yield from compare("ar", old, new, place)


def _symbols(members: Sequence[Member]) -> list[tuple[bytes, bytes]]:
    """The symbols of the table, each with the member that it is said to be of."""
    table = next((member for member in members if member.name in (b"/", b"/SYM64/")), None)
    if table is None:
        return []
    width = 4 if table.name == b"/" else 8
    names = {member.offset: member.name for member in members}
    count = int.from_bytes(table.content[:width], "big")
    if width * (count + 1) > len(table.content):
        return [(b"", table.content)]
    symbols = table.content[width * (count + 1) :].split(b"\0")
    places = (int.from_bytes(table.content[at : at + width], "big") for at in range(width, width * (count + 1), width))
    return list(zip(symbols, (names.get(place, b"?") for place in places), strict=False))


def _other_symbols(old: list[tuple[bytes, bytes]], new: list[tuple[bytes, bytes]], place: Place) -> Iterator[Hunk]:
    """Symbols that only one side has, each with the one in its place."""
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    sides = ([symbol for symbol in side if left[symbol]] for side, left in ((old, gone), (new, come)))
    for first, second in zip_longest(*sides, fillvalue=(b"", b"")):
        yield from line_hunks(first[0], second[0], "string", ".strtab", place.part("symbol table"))


def _members(data: bytes, most: int) -> list[Member]:
    members: list[Member] = []
    long_names = b""
    at = 8
    while at < len(data):
        header = data[at : at + _HEADER]
        digits = header[48:58].strip()
        if len(header) < _HEADER or header[58:60] != b"`\n" or not digits.isdigit():
            raise FormatError("no ar member", offset=at)
        size = int(digits)
        content = data[at + _HEADER : at + _HEADER + size]
        if len(content) < size or len(members) >= most:
            raise FormatError("a cut ar member, or too many", offset=at)
        name = header[:16].rstrip()
        if name == b"//":
            long_names = content
        elif name.startswith(b"#1/") and name[3:].isdigit():
            length = int(name[3:])
            name, content = content[:length].rstrip(b"\0"), content[length:]
        elif name[:1] == b"/" and name[1:].isdigit():
            start = int(name[1:])
            end = long_names.find(b"\n", start, start + _LONGEST)
            name = long_names[start : start + _LONGEST if end < 0 else end].removesuffix(b"/")
        elif name not in _TABLES:
            name = name.removesuffix(b"/")
        fields = {key: header[where].strip() for key, where in _FIELDS.items()}
        members.append(Member(name, fields, content, at))
        at += _HEADER + size + size % 2
    return members
