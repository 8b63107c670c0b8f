"""Content of no known format: the strings in it that differ, and the bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from buildinfo.verify.explain.dissect.aligned import opcodes
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.dissect.text import line_hunks
from buildinfo.verify.explain.hunk import Hunk

MAX_HUNKS: Final = 200
MAX_STRINGS: Final = 4000
"""Most strings of a side, those that both have left out, that are aligned."""
MAX_FOUND: Final = 200_000
"""Most strings of a side that are looked for."""
MAX_UNLIKE: Final = 2 << 20
"""Most bytes of unlike pieces that are gone through one by one."""
FEW: Final = 64
"""Most bytes that may follow from strings of other lengths."""
_ODD: Final = re.compile(rb"[^A-Za-z0-9 ./_:-]")
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
    yield from islice(found, MAX_HUNKS)


def in_place(before: bytes, after: bytes, place: Place, name: str) -> Iterator[Hunk]:
    """Contents of one length: what differs, place by place."""
    last = 0
    for start, end in _runs(before, after):
        if start < last:
            continue
        old, new = _around(before, start, end), _around(after, start, end)
        if old is not None and new is not None:
            last = max(old[1], new[1])
            yield from line_hunks(before[old[0] : old[1]], after[new[0] : new[1]], "string", name, place)
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


def _strings(before: bytes, after: bytes, place: Place, name: str) -> Iterator[Hunk]:
    """Contents of unequal lengths: the strings that only one side has, and whether anything else differs."""
    old, new = strings(before), strings(after)
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    for noise in [text for side in (gone, come) for text in side if not _is_written(text)]:
        gone.pop(noise, None)
        come.pop(noise, None)
    count = 0
    if not gone and not come and old != new:
        yield place.hunk("order", "strings", b"\n".join(old[:40]), b"\n".join(new[:40]))
        count += 1
    for first, second in _aligned(_only(old, gone), _only(new, come)):
        yield from line_hunks(first, second, "string", name, place)
        count += 1
    many = gone.total() + come.total() > FEW  # so much is no text of another length
    rests = (before, after) if many else (_without(before, gone), _without(after, come))
    if not count or rests[0] != rests[1]:
        follows = bool(count) and len(rests[0]) == len(rests[1]) and _few_differ(*rests)
        yield place.hunk("bytes", name, *rests, follows=follows)


def _is_written(text: bytes) -> bool:
    """Whether somebody may have written a string: in compressed data and code, printable bytes stand by chance."""
    return len(_ODD.findall(text)) * 4 <= len(text)


def _without(data: bytes, taken: Counter[bytes]) -> bytes:
    """A content without some of its strings."""
    left = dict(taken)

    def take(match: re.Match[bytes]) -> bytes:
        count = left.get(match[0], 0)
        left[match[0]] = count - 1
        return b"" if count > 0 else match[0]

    return _STRING.sub(take, data) if taken else data


def _few_differ(old: bytes, new: bytes) -> bool:
    """Whether so few bytes differ as hold lengths, places and checksums."""
    return sum(end - start for start, end in islice(_runs(old, new), FEW)) <= FEW


def _only(found: list[bytes], wanted: Counter[bytes]) -> list[bytes]:
    left = dict(wanted)
    kept = []
    for text in found:
        if left.get(text):
            left[text] -= 1
            kept.append(text)
    return kept[:MAX_STRINGS]


def _aligned(old: list[bytes], new: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    if len(old) == len(new):
        yield from zip(old, new, strict=True)
        return
    for tag, a, b, c, d in opcodes(old, new):
        if tag == "equal":
            continue
        for index in range(max(b - a, d - c)):
            yield old[a + index] if a + index < b else b"", new[c + index] if c + index < d else b""
