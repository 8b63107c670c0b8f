"""Long lines and strings: each stretch that differs for itself, with what stands around it; nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from buildinfo.verify.explain.dissect.aligned import prefix, suffix
from buildinfo.verify.explain.dissect.patience import Stretch, stretches

LONG: Final = 400
"""Bytes of a line that is looked at as a whole."""
_AROUND: Final = 100
"""Bytes on either side of a stretch by which it is told what it is."""
_WORD_AROUND: Final = 400
"""Most bytes of a word that a stretch is widened to."""
_TOKEN: Final = re.compile(rb"\w+|\W")
_PARTS: Final = (b" ", b"\t", b'"', b"'", b"\0", b",", b";", b"<", b">")


def pieces(before: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The stretches in which two lines differ: what stands between two of them is the same on both sides."""
    if max(len(before), len(after)) <= LONG:
        yield before, after
        return
    start = prefix(before, after)
    end = suffix(before, after, min(len(before), len(after)) - start)
    start, end = max(0, start - _WORD_AROUND), max(0, end - _WORD_AROUND)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    for a, b, c, d in _widened(old, new, differing(old, new)):
        yield old[a:b], new[c:d]


def differing(old: bytes, new: bytes) -> list[Stretch]:
    """Where two texts differ, word by word."""
    first, second = _TOKEN.findall(old), _TOKEN.findall(new)
    ends = [[0, *accumulate(map(len, side))] for side in (first, second)]
    return [(ends[0][a], ends[0][b], ends[1][c], ends[1][d]) for a, b, c, d in stretches(first, second)]


def _widened(old: bytes, new: bytes, found: list[Stretch]) -> list[Stretch]:
    """With what is the same around each, to where words end; those that meet become one."""
    wide: list[Stretch] = []
    for index, (a, b, c, d) in enumerate(found):
        before = found[index - 1] if index else (0, 0, 0, 0)
        behind = found[index + 1] if index + 1 < len(found) else (len(old), len(old), len(new), len(new))
        left, right = _left(old, before[1], a), _right(old, b, behind[0])
        stretch = (a - left, b + right, c - left, d + right)
        if wide and wide[-1][1] >= stretch[0]:
            last = wide.pop()
            stretch = (last[0], stretch[1], last[2], stretch[3])
        wide.append(stretch)
    return wide


def _left(text: bytes, low: int, at: int) -> int:
    """How far a stretch is widened to the left: at least to the beginning of its word."""
    low = max(low, at - _WORD_AROUND)
    near = max(low, at - _AROUND)
    start = max(low, *(text.rfind(part, low, near) + 1 for part in _PARTS))
    return at - start


def _right(text: bytes, at: int, high: int) -> int:
    high = min(high, at + _WORD_AROUND)
    near = min(high, at + _AROUND)
    ends = [end for part in _PARTS if (end := text.find(part, near, high)) >= 0]
    return min(ends, default=high) - at
