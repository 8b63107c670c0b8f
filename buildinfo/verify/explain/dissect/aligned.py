"""What two contents share at their ends."""

from __future__ import annotations

from typing import Final

_PIECE: Final = 1 << 12


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
