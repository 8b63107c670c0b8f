"""Content of no known format: the strings in it that differ, and the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Final, Literal, NamedTuple

from buildinfo.verify.explain.dissect.patience import stretches
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

MAX_STRINGS: Final = 4000
"""Most strings of a side, those that both have left out, that are aligned."""
MAX_FOUND: Final = 1_000_000
"""Most strings of a side that are looked for."""
MAX_UNLIKE: Final = 2 << 20
"""Most bytes of unlike pieces that are gone through one by one."""
_HEADER: Final = 64
"""By how much a length may be larger than what it is of."""
_MOST_SUMS: Final = 200
_ORDERS: Final[tuple[Literal["little", "big"], ...]] = ("little", "big")
_PIECE: Final = 4096
_GAP: Final = 4
"""Equal bytes between two differing ones that do not part them."""
_STRING: Final = re.compile(rb"[\t\x20-\x7e]{6,}")
_REACH: Final = 512
"""Bytes around a difference in which its string is looked for."""


def hunks(before: bytes, after: bytes, place: Place, *, name: str = "bytes") -> Iterator[Hunk]:
    """Strings (kind `string`) and other bytes (kind `bytes`) that differ.

    Args:
        name: what the hunks are called: a section, for example.
    """
    found = in_place(before, after, place, name) if len(before) == len(after) else _strings(before, after, place, name)
    yield from found


def in_place(before: bytes, after: bytes, place: Place, name: str) -> Iterator[Hunk]:
    """Contents of one length: what differs, place by place."""
    last = 0
    for start, end in _runs(before, after):
        if start < last:
            continue
        old, new = _around(before, start, end), _around(after, start, end)
        if old is not None and new is not None and old[0] == new[0]:
            last = max(old[1], new[1])
            yield from line_hunks(before[old[0] : old[1]], after[new[0] : new[1]], "string", name, place)
            rest = before[old[1] : last], after[new[1] : last]
            if any(side.strip(b"\0") for side in rest):  # behind the shorter one stands something else
                yield Hunk("bytes", name, *rest, f"{place.where}@{min(old[1], new[1]):#x}", place.file)
        else:
            yield Hunk(
                "bytes", name, before[start:end][:400], after[start:end][:400], f"{place.where}@{start:#x}", place.file
            )


def strings(data: bytes) -> list[bytes]:
    """The printable strings of a content, in order, so many of them as can be looked at."""
    if len(data) < MAX_FOUND:  # so small that it cannot hold too many
        return _STRING.findall(data)
    return [match[0] for match in islice(_STRING.finditer(data), MAX_FOUND)]


def _runs(before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
    """The stretches in which two contents of one length differ; of very unlike ones the last goes to the end."""
    start = end = -1
    looked = 0
    for base in range(0, len(before), _PIECE):
        old, new = before[base : base + _PIECE], after[base : base + _PIECE]
        if old == new:
            continue
        looked += len(old)
        if looked > MAX_UNLIKE:
            yield (base if start < 0 else start), len(before)
            return
        for at in [index for index, both in enumerate(zip(old, new, strict=True)) if both[0] != both[1]]:
            if start >= 0 and base + at - end > _GAP:
                yield start, end
                start = -1
            if start < 0:
                start = base + at
            end = base + at + 1
    if start >= 0:
        yield start, end


def _around(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The printable string that a stretch lies in."""
    low = max(0, start - _REACH)
    window = data[low : min(len(data), end + _REACH)]
    for match in _STRING.finditer(window):
        if match.start() <= start - low and match.end() >= end - low:
            return low + match.start(), low + match.end()
    return None


class _Piece(NamedTuple):
    """A printable string, or what stands between two."""

    data: bytes
    is_text: bool


def _strings(before: bytes, after: bytes, place: Place, name: str) -> Iterator[Hunk]:
    """Contents of unequal lengths: strings and numbers that differ, each with what stands in its place."""
    old, new = _pieces(before), _pieces(after)
    found = stretches([piece.data for piece in old], [piece.data for piece in new])
    paired = [
        (place_, first, second) for a, b, c, d in found for place_, first, second in _paired(old, new, (a, b), (c, d))
    ]
    changed = [len(second) - len(first) for _, first, second in paired if first != second]
    lengths = _sums(changed) | {len(after) - len(before)}
    for (at, is_text), first, second in paired:
        one, other = _uncounted(first, second) if is_text else (first, second)
        if one == other:
            continue
        if is_text and one and other:
            yield from line_hunks(one, other, "string", name, place)
        elif not _are_lengths(first, second, lengths, len(before)):
            yield Hunk("bytes", name, first[:400], second[:400], f"{place.where}@{at:#x}", place.file)


def _pieces(data: bytes) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    for match in _STRING.finditer(data):
        if match.start() > at:
            pieces.append(_Piece(data[at : match.start()], is_text=False))
        pieces.append(_Piece(match[0], is_text=True))
        at = match.end()
    if at < len(data):
        pieces.append(_Piece(data[at:], is_text=False))
    return pieces


Differing = tuple[tuple[int, bool], bytes, bytes]
"""Where a piece stands in the first content, whether it is a text, and what it is on both sides."""


def _paired(old: list[_Piece], new: list[_Piece], olds: tuple[int, int], news: tuple[int, int]) -> Iterator[Differing]:
    """What stands in each other's place in a stretch; all of it together where that is not told."""
    first, second = old[slice(*olds)], new[slice(*news)]
    start = sum(len(piece.data) for piece in old[: olds[0]])
    if [piece.is_text for piece in first] != [piece.is_text for piece in second]:
        yield (start, False), b"".join(piece.data for piece in first), b"".join(piece.data for piece in second)
        return
    for one, other in zip(first, second, strict=True):
        if one.data != other.data:
            yield (start, one.is_text), one.data, other.data
        start += len(one.data)


def _uncounted(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Two texts without a printable byte before each that is its length."""
    lengths = {side[0] - len(side) for side in (old, new) if side}
    return (old[1:], new[1:]) if len(lengths) == 1 and old[0] != new[0] and abs(old[0] - len(old)) <= 2 else (old, new)


def _sums(changes: list[int]) -> set[int]:
    """By how much what holds one change, or some behind each other, becomes longer."""
    found: set[int] = set()
    for start in range(len(changes) if len(changes) <= _MOST_SUMS else 0):
        found.update(accumulate(changes[start:]))
    return found | set(changes)


def _are_lengths(old: bytes, new: bytes, lengths: set[int], size: int) -> bool:
    """Whether numbers that differ are lengths of what became longer or shorter: as much larger, not more than all."""
    if len(old) != len(new):
        return False
    done = 0
    for start, end in _runs(old, new):
        if start < done:
            continue
        for width, at in ((size_, at) for size_ in (1, 2, 4, 8) for at in range(max(done, end - size_), start + 1)):
            values = [[int.from_bytes(side[at : at + width], order) for side in (old, new)] for order in _ORDERS]
            if at + width <= len(old) and any(
                after - before in lengths and before <= size + _HEADER for before, after in values
            ):
                done = at + width
                break
        else:
            return False
    return True
