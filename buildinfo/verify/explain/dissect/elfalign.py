"""Aligns the data of two ELF files piece by piece: what stands between NULs.

Pieces that both sides hold are fixed; a text that became another one maps its beginning and its end. Numbers between
texts are compared in place. What a linker laid out in another order is found by its content.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from buildinfo.verify.explain.dissect.aligned import suffix
from buildinfo.verify.explain.dissect.elfmap import Gap, Map
from buildinfo.verify.explain.dissect.elfstrings import paired
from buildinfo.verify.explain.dissect.longline import LONG, differing
from buildinfo.verify.explain.dissect.patience import stretches

_PIECE: Final = re.compile(rb"[^\0]+")
_LETTERS: Final = bytes((9, 10, 13, *range(32, 127)))
_TEXT: Final = re.compile(
    rb"(?:[\t\n\r\x1b\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xf0[\x80-\xbf]{3}){4,}"
)
"""A text of some length."""
PADDING: Final = 64
"""Fewest NULs that are no padding."""
_FEWEST_MOVED: Final = 4
"""Fewest bytes of a piece that is looked for elsewhere; with a shorter one its neighbors are."""
_TAIL: Final = 8
"""Fewest bytes of a piece that differs and is looked for elsewhere, and those of its end by which it is."""


def align(  # noqa: PLR0917  # two sides of two things, and the map
    old: bytes,
    new: bytes,
    old_base: int,
    new_base: int,
    table: Map,
    anchors: list[tuple[int, int]] | None = None,
    *,
    free: bool,
) -> tuple[list[Gap], bool]:
    """Aligns two contents.

    Args:
        old_base, new_base: the addresses of both.
        table: gets what is found.
        anchors: offsets at which both are referred to, by which numbers are told apart.
        free: whether pieces may lie in another order.

    Returns:
        What differs, and whether pieces lie in another order.
    """
    table.paired = []
    table.point(old_base, new_base)
    table.point(old_base + len(old), new_base + len(new))
    if old == new:
        table.add(old_base, new_base, len(old))
        return [], False
    first, second = _Pieces(old), _Pieces(new)
    _name_alike(first, second)
    gaps: list[Gap] = []
    pairs, left = _aligned(first, second, anchors or [])
    for stretch in list(zip(*left, strict=True)) if anchors else ():
        parts = _by_anchors(first, second, *stretch, anchors or [])
        if parts:
            left[0].remove(stretch[0])
            left[1].remove(stretch[1])
        for one, other, size in parts:
            table.add(old_base + one, new_base + other, size)
            gaps.append(Gap(old_base + one, new_base + other, old[one : one + size], new[other : other + size]))
    for stretch in list(zip(*left, strict=True)):
        whole = _in_place(first, second, *stretch)
        if whole:
            left[0].remove(stretch[0])
            left[1].remove(stretch[1])
            table.add(old_base + whole[0], new_base + whole[1], whole[2])
            texts = old[whole[0] : whole[0] + whole[2]], new[whole[1] : whole[1] + whole[2]]
            gaps.append(Gap(old_base + whole[0], new_base + whole[1], *texts))
    wandered, alike = _wandered(first, second, *left) if free else ({}, {})
    for one, other in (*pairs, *wandered.items()):
        gaps += _gap(first, second, (one, one), (other, other), old_base, new_base, table)
    taken = {*wandered.values(), *alike.values()}
    for one, other in alike.items():
        gaps += _gaps(first, second, [one], [other], old_base, new_base, table)
    for (a, b), (c, d) in zip(*left, strict=True):
        olds = [at for at in range(a, b) if at not in wandered and at not in alike]
        news = [at for at in range(c, d) if at not in taken]
        gaps += _gaps(first, second, olds, news, old_base, new_base, table)
    pairs += wandered.items()
    pairs += [(at, other) for at, other in table.paired if at >= 0]
    gaps += _zeros(first, second, sorted(pairs), old_base, new_base, table)
    return gaps, bool(wandered)


Ranges = list[tuple[int, int]]


def _held(
    first: _Pieces, second: _Pieces, olds: tuple[int, int], news: tuple[int, int], anchors: list[tuple[int, int]] | None
) -> bool:
    """Whether a stretch is to be told by anchors."""
    texts = (*first.pieces[slice(*olds)], *second.pieces[slice(*news)])
    if any(_TEXT.fullmatch(text) for text in texts):
        return False
    return anchors is None or bool(_by_anchors(first, second, olds, news, anchors))


def _aligned(
    first: _Pieces, second: _Pieces, held: list[tuple[int, int]] | None
) -> tuple[list[tuple[int, int]], tuple[Ranges, Ranges]]:
    """Pieces that stand for each other in order, by texts first and by numbers between them; and what is left."""
    texts = [[at for at, piece in enumerate(side.pieces) if _TEXT.fullmatch(piece)] for side in (first, second)]
    names = [[side.names[at] for at in found] for side, found in zip((first, second), texts, strict=True)]
    fixed: list[tuple[int, int]] = []
    a = c = 0
    for w, x, y, z in stretches(*names):
        fixed += zip(texts[0][a:w], texts[1][c:y], strict=True)
        a, c = x, z
    fixed += zip(texts[0][a:], texts[1][c:], strict=True)
    pairs = list(fixed)
    left: tuple[Ranges, Ranges] = ([], [])
    a = c = 0
    for one, other in (*fixed, (len(first.pieces), len(second.pieces))):
        if first.data[first.end_of(a) : first.start(one)] == second.data[second.end_of(c) : second.start(other)]:
            pairs += zip(range(a, one), range(c, other), strict=True)
        elif _in_place(first, second, (a, one), (c, other)) or _held(first, second, (a, one), (c, other), held):
            left[0].append((a, one))
            left[1].append((c, other))
        else:
            inner = [
                (a + w, a + x, c + y, c + z) for w, x, y, z in stretches(first.names[a:one], second.names[c:other])
            ]
            begin, beyond = a, c
            for w, x, y, z in inner:
                pairs += zip(range(begin, w), range(beyond, y), strict=True)
                left[0].append((w, x))
                left[1].append((y, z))
                begin, beyond = x, z
            pairs += zip(range(begin, one), range(beyond, other), strict=True)
        a, c = one + 1, other + 1
    return sorted(pairs), left


def _in_place(
    first: _Pieces, second: _Pieces, olds: tuple[int, int], news: tuple[int, int]
) -> tuple[int, int, int] | None:
    """Where a stretch of numbers begins on both sides, and its length, without what fills the longer one up; None
    where that is not told, or where texts stand in it.
    """
    begin, beyond = first.end_of(olds[0]), second.end_of(news[0])
    sizes = first.start(olds[1]) - begin, second.start(news[1]) - beyond
    more = sizes[0] - sizes[1]
    texts = (*first.pieces[slice(*olds)], *second.pieces[slice(*news)])
    if abs(more) >= PADDING or not min(sizes) or any(_TEXT.fullmatch(text) for text in texts):
        return None
    longer, start, end = (first, begin, begin + sizes[0]) if more > 0 else (second, beyond, beyond + sizes[1])
    if not any(longer.data[start : start + abs(more)]):
        return begin + max(0, more), beyond + max(0, -more), min(sizes)
    return None if any(longer.data[end - abs(more) : end]) else (begin, beyond, min(sizes))


def numbers(old: bytes, new: bytes) -> list[tuple[int, int, int, int]]:
    """Where numbers stand whose places are not told by what stands around them: in the first, and in the second."""
    first, second = _Pieces(old), _Pieces(new)
    _name_alike(first, second)
    _, left = _aligned(first, second, None)
    return [
        (first.end_of(olds[0]), first.start(olds[1]), second.end_of(news[0]), second.start(news[1]))
        for olds, news in zip(*left, strict=True)
        if not _in_place(first, second, olds, news)
    ]


def _by_anchors(
    first: _Pieces, second: _Pieces, olds: tuple[int, int], news: tuple[int, int], anchors: list[tuple[int, int]]
) -> list[tuple[int, int, int]]:
    """Numbers part by part, as they are referred to; none where a part has two lengths."""
    begin, beyond = first.end_of(olds[0]), second.end_of(news[0])
    end, last = first.start(olds[1]), second.start(news[1])
    inside = [(one, other) for one, other in anchors if begin <= one < end and beyond <= other < last]
    if not inside:
        return []
    parts = []
    for (a, c), (b, d) in pairwise([(begin, beyond), *inside, (end, last)]):
        if b < a or d < c:
            return []
        size = min(b - a, d - c)
        # What fills the longer one up stands at the end, or before what both end with.
        behind = 0 if b - a == d - c else suffix(first.data[a:b], second.data[c:d], size)
        rest = first.data[a + size - behind : b - behind], second.data[c + size - behind : d - behind]
        if any(any(side) or len(side) >= PADDING for side in rest):
            return []
        parts += [(a, c, size - behind), (b - behind, d - behind, behind)]
    return [part for part in parts if part[2]]


def _name_alike(first: _Pieces, second: _Pieces) -> None:
    """Gives a text that became another one the same name on both sides."""
    counts = Counter(first.pieces), Counter(second.pieces)
    gone = [at for at, piece in enumerate(first.pieces) if piece not in counts[1] and _TEXT.fullmatch(piece)]
    come = [at for at, piece in enumerate(second.pieces) if piece not in counts[0] and _TEXT.fullmatch(piece)]
    places: dict[bytes, list[int]] = {}
    others: dict[bytes, list[int]] = {}
    for side, found, pieces in ((places, gone, first.pieces), (others, come, second.pieces)):
        for at in found:
            side.setdefault(pieces[at], []).append(at)
    for number, (one, other) in enumerate(
        paired([first.pieces[at] for at in gone], [second.pieces[at] for at in come])
    ):
        if one and other:
            first.names[places[one].pop(0)] = second.names[others[other].pop(0)] = b"\0%d" % number


def align_texts(old: bytes, new: bytes, table: Map) -> list[Gap]:
    """Aligns two tables of texts, whose order a linker chooses: each text lies where it lies."""
    sides = _Pieces(old), _Pieces(new)
    places: dict[bytes, list[int]] = {}
    for at, piece in enumerate(sides[1].pieces):
        places.setdefault(piece, []).append(at)
    left: list[int] = []
    for at, piece in enumerate(sides[0].pieces):
        if places.get(piece):
            other = places[piece].pop(0)
            table.add(sides[0].starts[at], sides[1].starts[other], len(piece) + 1, end=False)
        else:
            left.append(at)
    rest = sorted(at for found in places.values() for at in found)
    waiting: tuple[dict[bytes, list[int]], dict[bytes, list[int]]] = ({}, {})
    for side, found in ((0, left), (1, rest)):
        for at in found:
            waiting[side].setdefault(sides[side].pieces[at], []).append(at)
    gaps = []
    for one, other_text in paired([sides[0].pieces[at] for at in left], [sides[1].pieces[at] for at in rest]):
        first = waiting[0][one].pop(0) if one else None
        second = waiting[1][other_text].pop(0) if other_text else None
        a, c = (
            (sides[0].starts[first] if first is not None else 0),
            (sides[1].starts[second] if second is not None else 0),
        )
        if first is not None and second is not None:
            table.gap(a, a + len(one), c, c + len(other_text))
        gaps.append(Gap(a, c, one, other_text))
    return gaps


class _Pieces:
    """What stands between NULs."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pieces: list[bytes] = []
        self.starts: list[int] = []
        for match in _PIECE.finditer(data):
            piece, start = match[0], match.start()
            numbers = len(piece.rstrip(_LETTERS))
            if numbers and len(piece) - numbers >= _FEWEST_MOVED:  # a text right behind a number
                self.pieces += [piece[:numbers], piece[numbers:]]
                self.starts += [start, start + numbers]
            else:
                self.pieces.append(piece)
                self.starts.append(start)
        self.names = list(self.pieces)

    def near(self, at: int, step: int) -> bool:
        """Whether no more than padding parts a piece from the one before (`step` 1) or behind it (-1)."""
        return self.start(max(at, at - step)) - self.end(min(at, at - step)) < PADDING

    def start(self, at: int) -> int:
        return self.starts[at] if at < len(self.starts) else len(self.data)

    def end_of(self, at: int) -> int:
        """Where the piece before one ends."""
        return self.end(at - 1) if at else 0

    def end(self, at: int) -> int:
        return self.starts[at] + len(self.pieces[at])


def _wandered(
    first: _Pieces, second: _Pieces, old: list[tuple[int, int]], new: list[tuple[int, int]]
) -> tuple[dict[int, int], dict[int, int]]:
    """Pieces that lie elsewhere: those that are told by their content, and their neighbors; and those that differ."""
    olds = [at for a, b in old for at in range(a, b)]
    news = [at for c, d in new for at in range(c, d)]
    counts = Counter(first.names[at] for at in olds), Counter(second.names[at] for at in news)
    places: dict[bytes, list[int]] = {}
    for at in news:
        places.setdefault(second.names[at], []).append(at)
    found: dict[int, int] = {}
    taken: set[int] = set()
    for at in olds:
        piece = first.names[at]
        if len(first.pieces[at]) >= _FEWEST_MOVED and counts[0][piece] == counts[1][piece]:
            found[at] = places[piece].pop(0)
            taken.add(found[at])
    free = set(olds), set(news)
    alike = _alike(first, second, [at for at in olds if at not in found], [at for at in news if at not in taken])
    for at, other in [*found.items(), *alike.items()]:
        for step in (-1, 1):
            one, two = at + step, other + step
            while (
                one in free[0]
                and two in free[1]
                and one not in found
                and two not in taken
                and first.names[one] == second.names[two]
                and first.near(one, step)
                and second.near(two, step)
            ):
                found[one] = two
                taken.add(two)
                one, two = one + step, two + step
    return found, {at: other for at, other in alike.items() if at not in found and other not in taken}


def _alike(first: _Pieces, second: _Pieces, olds: list[int], news: list[int]) -> dict[int, int]:
    """Pieces that differ and may be of one thing: there is one of their length and end, or of their length."""
    found: dict[int, int] = {}
    for width in (_TAIL, 0):
        sides = [
            defaultdict[tuple[int, bytes], list[int]](list),
            defaultdict[tuple[int, bytes], list[int]](list),
        ]
        taken = set(found.values())
        for side, pieces, places in ((0, first, olds), (1, second, news)):
            for at in places:
                piece = pieces.pieces[at]
                if len(piece) >= _TAIL and (at not in found if not side else at not in taken):
                    sides[side][len(piece), piece[len(piece) - width :]].append(at)
        for key, places in sides[0].items():
            if len(places) == len(sides[1].get(key, ())) == 1:
                found[places[0]] = sides[1][key][0]
    return found


def _gaps(  # noqa: PLR0917  # two sides of three things, and the map
    first: _Pieces, second: _Pieces, olds: list[int], news: list[int], old_base: int, new_base: int, table: Map
) -> Iterator[Gap]:
    """Pieces of one stretch that differ: one by one where there are as many, else as a whole."""
    if len(olds) == len(news):
        for one, other in zip(olds, news, strict=True):
            table.paired.append((one, other))
            yield from _gap(first, second, (one, one), (other, other), old_base, new_base, table)
    elif not olds or not news:
        for side, places, base in ((first, olds, old_base), (second, news, new_base)):
            for at in places:
                text = (side.pieces[at], b"") if side is first else (b"", side.pieces[at])
                yield Gap(base + side.starts[at], base + side.starts[at], *text)
    else:
        ends = ((olds[0], olds[-1]), (news[0], news[-1]))
        yield from _gap(first, second, *ends, old_base, new_base, table)


def _gap(  # noqa: PLR0917  # two sides of three things, and the map
    first: _Pieces,
    second: _Pieces,
    olds: tuple[int, int],
    news: tuple[int, int],
    old_base: int,
    new_base: int,
    table: Map,
) -> Iterator[Gap]:
    a, b, c, d = first.starts[olds[0]], first.end(olds[1]), second.starts[news[0]], second.end(news[1])
    old, new = first.data[a:b], second.data[c:d]
    if old == new:
        table.add(old_base + a, new_base + c, len(old))
        return
    if max(len(old), len(new)) <= LONG:
        table.gap(old_base + a, old_base + b, new_base + c, new_base + d)
        yield Gap(old_base + a, new_base + c, old, new)
        return
    at, other = 0, 0
    for w, x, y, z in differing(old, new):
        table.add(old_base + a + at, new_base + c + other, w - at)
        table.gap(old_base + a + w, old_base + a + x, new_base + c + y, new_base + c + z)
        yield Gap(old_base + a + w, new_base + c + y, old[w:x], new[y:z])
        at, other = x, z
    table.add(old_base + a + at, new_base + c + other, len(old) - at)


def _zeros(  # noqa: PLR0917  # two sides of two things, and the map
    first: _Pieces, second: _Pieces, pairs: list[tuple[int, int]], old_base: int, new_base: int, table: Map
) -> Iterator[Gap]:
    """Maps NULs between pieces; those of other lengths that are no padding differ."""
    ends = (len(first.pieces), len(second.pieces))
    for (one, other), (behind, beyond) in zip([(-1, -1), *pairs], [*pairs, ends], strict=True):
        begin = first.end(one) if one >= 0 else 0, second.end(other) if other >= 0 else 0
        next_one, next_other = (min(one + 1, ends[0]), min(other + 1, ends[1]))
        stop = first.start(next_one), second.start(next_other)
        lengths = stop[0] - begin[0], stop[1] - begin[1]
        table.add(old_base + begin[0], new_base + begin[1], min(lengths))
        adjacent = behind - one == 1 and beyond - other == 1
        if adjacent and lengths[0] != lengths[1]:
            table.point(old_base + stop[0], new_base + stop[1])
            if max(lengths) >= PADDING:
                yield Gap(old_base + begin[0], new_base + begin[1], *(bytes(size) for size in lengths))
