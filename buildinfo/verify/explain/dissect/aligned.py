"""Which items of two sequences belong together, in bounded time whatever they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

COMMON: Final = 64
"""An item with more places on one side times places on the other tells nothing: it only extends what others align."""
_PIECE: Final = 1 << 12


def opcodes(old: Sequence[bytes], new: Sequence[bytes]) -> Sequence[tuple[str, int, int, int, int]]:
    """As `SequenceMatcher.get_opcodes`, whose time is cubic where items repeat."""
    first, second = Counter(old), Counter(new)
    common = {item for item in second if first[item] * second[item] > COMMON}
    return SequenceMatcher(common.__contains__, old, new, autojunk=False).get_opcodes()


def prefix(one: bytes, other: bytes) -> int:
    """How many bytes two contents share at their beginning."""
    at, shortest = 0, min(len(one), len(other))
    while at < shortest and one[at : at + _PIECE] == other[at : at + _PIECE]:
        at += _PIECE
    while at < shortest and one[at] == other[at]:
        at += 1
    return min(at, shortest)


def suffix(one: bytes, other: bytes, most: int) -> int:
    """How many bytes, at most so many, two contents share at their end."""
    count = 0
    while count + _PIECE <= most and (
        one[len(one) - count - _PIECE : len(one) - count] == other[len(other) - count - _PIECE : len(other) - count]
    ):
        count += _PIECE
    while count < most and one[-1 - count] == other[-1 - count]:
        count += 1
    return count
