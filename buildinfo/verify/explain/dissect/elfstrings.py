"""The strings of a section, and which became which."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from buildinfo.verify.explain.dissect.elftable import STRINGS, Section

MAX_ALIKE: Final = 40
"""Most strings of a side that are compared each with each."""
LONG: Final = 400
"""Bytes of a string by which it is paired."""

_LETTER: Final = rb"(?:[\t\x1b\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2})"
STRING: Final = re.compile(rb"(?:" + _LETTER + rb"{6,}|(?<=\0)[\w./%:+-][\x20-\x7e]{2,4}(?=\0))")
"""A text among numbers: a short one only if it stands alone."""
_NUMBER: Final = re.compile(rb"[0-9a-fA-F]{8,}|\d+")
_MONTH: Final = re.compile(rb"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")

Changed = tuple[bytes, bytes]
"""A string on both sides; empty where a side has none."""


def is_table(section: Section) -> bool:
    """Whether a section holds nothing but strings, each ended by a NUL."""
    if section.allocated and section.kind != "SHT_STRTAB" and not section.name.startswith(".rodata.str"):
        return False  # a linker flags all of .rodata so where some of it is texts
    return section.kind == "SHT_STRTAB" or (bool(section.flags & STRINGS) and section.entry in (0, 1))


def strings(section: Section) -> list[bytes]:
    """The strings of a section, in order."""
    if is_table(section):
        return [text for text in section.data.split(b"\0") if text]
    return STRING.findall(section.data)


def changes(old: Iterable[bytes], new: Iterable[bytes]) -> Iterator[Changed]:
    """The strings that only one side has, each with the one that it became."""
    first, second = Counter(old), Counter(new)
    yield from paired(list((first - second).elements()), list((second - first).elements()))


def paired(gone: list[bytes], come: list[bytes]) -> Iterator[Changed]:
    """Pairs strings that only one side has: by the file that they name, by their form, by how they begin."""
    for key in (_file, _form, _beginning):
        pairs, gone, come = _by(key, gone, come)
        yield from pairs
    if len(gone) == len(come):
        yield from zip(gone, come, strict=True)
        return
    if max(len(gone), len(come)) <= MAX_ALIKE:
        for before in list(gone):
            best = max(come, key=lambda text: _alike(before, text), default=b"")
            if best and _alike(before, best) >= 0.5:
                gone.remove(before)
                come.remove(best)
                yield before, best
    yield from ((text, b"") for text in gone)
    yield from ((b"", text) for text in come)


def _by(
    key: Callable[[bytes], bytes], gone: list[bytes], come: list[bytes]
) -> tuple[list[Changed], list[bytes], list[bytes]]:
    """Pairs in order what has one key; what is left of both."""
    waiting: dict[bytes, list[bytes]] = {}
    for text in reversed(come):
        waiting.setdefault(key(text), []).append(text)
    pairs, left = [], []
    for text in gone:
        partners = waiting.get(key(text)) if key(text) else None
        if partners:
            pairs.append((text, partners.pop()))
        else:
            left.append(text)
    taken = Counter(after for _, after in pairs)
    return pairs, left, [text for text in come if not taken[text]]


def _file(text: bytes) -> bytes:
    """The last component of a path."""
    return _NUMBER.sub(b"0", text[-LONG:].rpartition(b"/")[2]) if b"/" in text else b""


def _form(text: bytes) -> bytes:
    return _MONTH.sub(b"M", _NUMBER.sub(b"0", text[:LONG].replace(b"  ", b" ")))


def _beginning(text: bytes) -> bytes:
    """The first word of several."""
    words = text[:LONG].split(maxsplit=1)
    return words[0] if len(words) > 1 else b""


def _alike(one: bytes, other: bytes) -> float:
    """How much two strings share at their beginning and at their end: from 0 to 1."""
    one, other = one[:LONG], other[:LONG]
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    return (start + end) / max(len(one), len(other), 1)


def _shared(one: bytes, other: bytes) -> int:
    """How much two strings share at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, both in pairs if both[0] != both[1]), min(len(one), len(other)))
