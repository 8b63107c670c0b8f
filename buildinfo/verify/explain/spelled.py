"""Times that no calendar spells: in hexadecimal, byte by byte, in halves, within names. Each is told by its value.

Sources: Emacs' `autoload.el` (times as lists of 16 bits), Groovy's `Verifier.java` (`__timeStamp__`), Qt's `rcc.cpp`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from buildinfo.verify.explain.pattern import Pattern

Near = Callable[[int], bool]


class _Spelling(NamedTuple):
    """How a time is written: `seconds` reads it."""

    pattern: Pattern
    seconds: Callable[[re.Match[bytes]], int]
    told: bool
    """Whether words beside it have to tell that it is one."""


def _bytes(match: re.Match[bytes]) -> int:
    return int.from_bytes(bytes(int(byte, 16) for byte in match[0].split(b",")), "big") // 1000


_SPELLINGS: Final = (
    _Spelling(Pattern(rb"(?<=\b0x)[0-9a-fA-F]{8}(?![0-9A-Za-z])"), lambda match: int(match[0], 16), told=True),
    _Spelling(Pattern(rb"(?:0x[0-9a-f]{1,2},){7}0x[0-9a-f]{1,2}(?=,?\s*$)"), _bytes, told=False),
    _Spelling(
        Pattern(rb"(?<=\()\d{5} \d{1,5}(?= \d+ \d+\))"),
        lambda match: (int(match[0].split()[0]) << 16) + int(match[0].split()[1]),
        told=False,
    ),
    _Spelling(Pattern(rb"(?<=neverHappen)\d{13}(?!\d)"), lambda match: int(match[0]) // 1000, told=False),
    _Spelling(Pattern(rb"(?<=[A-Za-z_])1\d{9}(?:\d{3})?(?![\w.])"), lambda match: int(match[0][:10]), told=True),
)


def masked(text: bytes, mark: bytes, near: Near, *, told: bool) -> bytes:
    """A text with such times replaced that lie near the time of the build."""
    for spelling in _SPELLINGS:
        if told or not spelling.told:
            text = _replaced(spelling, text, mark, near)
    return text


def _replaced(spelling: _Spelling, text: bytes, mark: bytes, near: Near) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        return mark if near(spelling.seconds(match)) else match[0]

    return spelling.pattern.sub(replace, text)
