"""Which stretches of two sequences differ, in time that grows with their length whatever they hold.

What stands once on either side is a fixed point; between fixed points the same is done again, then with pairs and
triples of items, which stand once where single ones do not. What stands between fixed points then differs as a whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

Stretch = tuple[int, int, int, int]
"""Where a stretch begins and ends on the first side, and on the second."""
_LONGEST: Final = 3
"""Items of the longest run that is looked for."""
_ROUNDS: Final = 8
"""How often what is left is parted again."""


def stretches(old: Sequence[bytes], new: Sequence[bytes]) -> list[Stretch]:
    """Where two sequences differ, in order: outside of these they are equal."""
    return list(_joined(_parted(old, new, (0, len(old), 0, len(new)), _ROUNDS)))


def _joined(found: Iterator[Stretch]) -> Iterator[Stretch]:
    """Stretches that touch on both sides are one."""
    last: Stretch | None = None
    for stretch in found:
        if last is not None and last[1] == stretch[0] and last[3] == stretch[2]:
            last = (last[0], stretch[1], last[2], stretch[3])
            continue
        if last is not None:
            yield last
        last = stretch
    if last is not None:
        yield last


def _parted(old: Sequence[bytes], new: Sequence[bytes], stretch: Stretch, rounds: int) -> Iterator[Stretch]:
    waiting = [(stretch, rounds)]
    while waiting:
        whole, left = waiting.pop()
        a, b, c, d = _trimmed(old, new, whole)
        if a == b and c == d:
            continue
        points = _fixed(old, new, (a, b, c, d)) if left and a < b and c < d else []
        if not points:
            yield a, b, c, d
            continue
        parts: list[Stretch] = []
        for first, second in [*points, (b, d)]:
            parts.append((a, first, c, second))
            a, c = first, second
        waiting += [(part, left - 1) for part in reversed(parts)]


def _trimmed(old: Sequence[bytes], new: Sequence[bytes], stretch: Stretch) -> Stretch:
    """Without what both share at their beginning and at their end."""
    a, b, c, d = stretch
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    return a, b, c, d


def _fixed(old: Sequence[bytes], new: Sequence[bytes], stretch: Stretch) -> list[tuple[int, int]]:
    """Places of what stands once on either side, in rising order on both."""
    a, b, c, d = stretch
    for width in range(1, _LONGEST + 1):
        sides = [_runs(side, low, high, width) for side, low, high in ((old, a, b), (new, c, d))]
        counts = [Counter(side) for side in sides]
        places = {item: at for at, item in enumerate(sides[1]) if counts[1][item] == 1}
        pairs = [(at, places[item]) for at, item in enumerate(sides[0]) if counts[0][item] == 1 and item in places]
        if pairs:
            return [(a + first, c + second) for first, second in _rising(pairs)]
    return []


def _runs(side: Sequence[bytes], low: int, high: int, width: int) -> list[tuple[bytes, ...]]:
    """All runs of so many items."""
    count = max(0, high - low - width + 1)
    return list(zip(*(side[low + shift : low + shift + count] for shift in range(width)), strict=True))


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs, which rise in their first place, that rises in the second, too."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        place = bisect_left(ends, second)
        before.append(at[place - 1] if place else -1)
        if place == len(ends):
            ends.append(second)
            at.append(index)
        else:
            ends[place], at[place] = second, index
    chosen, index = [], at[-1]
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]
