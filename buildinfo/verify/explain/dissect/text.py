"""Text: lines that differ, side by side, and what only stands in another order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from buildinfo.verify.explain.dissect.jsontext import spread
from buildinfo.verify.explain.dissect.longline import pieces
from buildinfo.verify.explain.dissect.patience import stretches
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

GENERATED: Final = "+generated"
"""Behind the flavor of a text that says that a program made it."""
FEWEST: Final = 3
"""Fewest items in other places that are an order: two exchanged words or lines are an edit."""
SOME: Final = "some lines"
"""Name of the order of lines where others differ as well: it counts only if those are explained."""
MAX_LINES: Final = 200_000
"""Most lines of a text; what has more is looked at as bytes."""
_TOKEN: Final = re.compile(rb"[A-Za-z0-9_./@:+~%$-]+")
_PROPERTY: Final = re.compile(rb"([\w.$-]+)\s*[=:]\s*(?:[^\\]|\\[^\r\n])*")
_MADE: Final = re.compile(
    rb"(?i)generated (by|using|with|from|on|automatically)|auto-?generated|do not (modify|edit)|name=.?generator|"
    rb"generator:|produced by|created (by|with|using)|doxygen|pod::man|help2man|docbook|asciidoctor|javadoc|%PDF-|%!PS|"
    rb"makeinfo|texi2any|sphinx|pandoc|scdoc|ronn|groff"
)
_FLAVORS: Final = (
    ("html", re.compile(rb"(?i)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype html|<html|<head)")),
    ("svg", re.compile(rb"(?is)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg")),
    ("man", re.compile(rb"(?s)(\s*(['.]\\\"[^\n]*|\.\s*)\n)*(\.(TH|Dd|if|de|ie|ds|nr|so)\b|'\\\")")),
    ("pdf", re.compile(rb"%PDF-")),
    ("postscript", re.compile(rb"%!PS")),
    ("info", re.compile(rb"This is [^\n]*, produced by (makeinfo|texi2any)")),
    ("rtf", re.compile(rb"\{\\rtf")),
    ("json", re.compile(rb"\s*[\[{]\s*[\"\[{\]}]")),
    ("script", re.compile(rb"#!")),
)


def is_text(data: bytes) -> bool:
    """Whether a content is text: no NUL, hardly a control character, and not too many lines."""
    head = data[:65536]
    if b"\0" in data or data.count(b"\n") > MAX_LINES:
        return False
    odd = sum(head.count(bytes((code,))) for code in (*range(9), *range(14, 27), *range(28, 32), 127))
    return odd * 50 <= len(head)


def flavor(data: bytes) -> str:
    """What kind of text it is: html, man, pdf and so on; plain for all else."""
    head = data[:4096]
    return next((name for name, pattern in _FLAVORS if pattern.match(head)), "plain")


def is_generated(data: bytes) -> bool:
    """Whether a text says at its beginning or end that a program made it."""
    return bool(_MADE.search(data[:4096]) or _MADE.search(data[-2048:]))


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """The differing lines. `name` of the hunks is the flavor of the text, `lines` or `tokens` of an order."""
    name = flavor(before)
    if is_generated(before) and is_generated(after):
        name += GENERATED
    old, new = before.split(b"\n"), after.split(b"\n")
    if before.replace(b"\r\n", b"\n") == after.replace(b"\r\n", b"\n"):
        yield place.hunk("text", "line ends", before, after)
        return
    if list(filter(None, old)) == list(filter(None, new)):
        yield place.hunk("text", "empty lines", b"%d lines" % len(old), b"%d lines" % len(new))
        return
    ordered = spread(before, after, place) if name.startswith("json") or place.name.endswith(".json") else None
    if ordered is not None:
        told, old, new = ordered
        yield from told
    elif sorted_entries(place.name, old, new):
        yield place.hunk("order", "entries", before, after)
        return
    if moved(old, new):
        yield _order(place, old, new)
        return
    yield from _blocks(old, new, name, place)


def sorted_entries(name: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether two files of properties hold the same entries, each on a line of its own, no key twice."""
    if not name.endswith(".properties") or Counter(old) != Counter(new):
        return False
    keys = [match[1] for line in old if (match := _PROPERTY.fullmatch(line))]
    whole = all(not line or line.startswith(b"#") or _PROPERTY.fullmatch(line) for line in old)
    return whole and len(keys) == len(set(keys))


def moved(old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether the same lines stand in another order."""
    return _displaced(old, new) and Counter(old) == Counter(new)


def _displaced(old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether at least so many items stand in other places as make an order, and no exchange."""
    return len(old) == len(new) and sum(a != b for a, b in zip(old, new, strict=True)) >= FEWEST


def line_hunks(before: bytes, after: bytes, kind: str, name: str, place: Place) -> Iterator[Hunk]:
    """One line on both sides; of a long one each stretch that differs."""
    for old, new in pieces(before, after):
        yield place.hunk(kind, name, old, new)


def _shared(before: Sequence[object], after: Sequence[object]) -> tuple[int, int]:
    """How much two sequences share at their beginning, and at their end behind that."""
    shortest = min(len(before), len(after))
    start = 0
    while start < shortest and before[start] == after[start]:
        start += 1
    end = 0
    while end < shortest - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, end


def _blocks(old: list[bytes], new: list[bytes], name: str, place: Place) -> Iterator[Hunk]:
    pairs = [(old[a:b], new[c:d]) for a, b, c, d in stretches(old, new)]
    gone = Counter(line for before, _ in pairs for line in before)
    come = Counter(line for _, after in pairs for line in after)
    wandered = gone & come
    for blank in [line for line in wandered if len(line) < 3]:
        del wandered[blank]
    sides = [[line for pair in pairs for line in pair[side] if line in wandered] for side in (0, 1)]
    if wandered and _displaced(*sides):
        name_of_order = "lines" if gone == come else SOME
        yield place.hunk("order", name_of_order, *(b"\n".join(side) for side in sides))
    else:
        wandered.clear()
    left = [dict(wandered), dict(wandered)]
    for before, after in pairs:
        yield from _paired(_without(before, left[0]), _without(after, left[1]), name, place)


def _paired(old: list[bytes], new: list[bytes], name: str, place: Place) -> Iterator[Hunk]:
    """Lines of one stretch, each with the one that it became."""
    if len(old) != len(new):
        old, new = _aligned(old, new)
    for before, after in zip(old, new, strict=True):
        if before != after:
            yield from line_hunks(before, after, "text", name, place)


def _aligned(old: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Two stretches of unequal length, with empty lines where one has no partner: those most alike go together."""
    left, right = [], []
    longer, shorter = (old, new) if len(old) > len(new) else (new, old)
    at = 0
    for index, line in enumerate(shorter):
        room = len(longer) - at - (len(shorter) - index)
        options = longer[at : at + min(room, 10) + 1]
        best = max(range(len(options)), key=lambda option: _likeness(options[option], line))
        for extra in options[:best]:
            left.append(extra)
            right.append(b"")
        left.append(options[best])
        right.append(line)
        at += best + 1
    left += longer[at:]
    right += [b""] * (len(longer) - at)
    return (left, right) if longer is old else (right, left)


def _likeness(one: bytes, other: bytes) -> float:
    first, second = set(_TOKEN.findall(one[:500])), set(_TOKEN.findall(other[:500]))
    return len(first & second) / (len(first | second) or 1)


def _without(lines: list[bytes], moved: dict[bytes, int]) -> list[bytes]:
    kept = []
    for line in lines:
        if moved.get(line):
            moved[line] -= 1
        else:
            kept.append(line)
    return kept


def _order(place: Place, old: list[bytes], new: list[bytes]) -> Hunk:
    start, end = _shared(old, new)
    return place.hunk(
        "order", "lines", b"\n".join(old[start : len(old) - end]), b"\n".join(new[start : len(new) - end])
    )
