"""Objects and sets as JSON, JavaScript and Python spell them, with their members sorted: their order says nothing.

Lists, tuples, calls and blocks keep their order; a member of an object stays with its key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_MOST: Final = 1 << 20
_DEEPEST: Final = 60
_TOKEN: Final = re.compile(rb"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{}\[\]():,]|[-+]?[\w.$]+|\s+|.", re.DOTALL)
_KEY: Final = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[A-Za-z_$][\w$]*|\d+")
_VALUE: Final = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[-+]?\d[\w.+-]*|true|false|null|None|True|False")
_ENDS: Final = {b"{": b"}", b"[": b"]", b"(": b")"}


class _Odd(Exception):
    """What is no literal."""


@lru_cache(maxsize=256)
def sorted_members(text: bytes) -> bytes:
    """A text in which the members of every object and set that holds literals only are sorted."""
    if len(text) > _MOST or b"{" not in text:
        return text
    tokens: list[bytes] = _TOKEN.findall(text)
    parts: list[bytes] = []
    at = 0
    while at < len(tokens):
        if tokens[at] == b"{":
            try:
                value, at = _group(tokens, at, 0)
            except _Odd:
                value, at = tokens[at], at + 1
            parts.append(value)
        else:
            parts.append(tokens[at])
            at += 1
    return b"".join(parts)


def _group(tokens: list[bytes], at: int, depth: int) -> tuple[bytes, int]:
    """A group from its bracket on, and where it ends."""
    opening = tokens[at]
    if depth > _DEEPEST:
        raise _Odd
    end, items, at = _ENDS[opening], [], _blank(tokens, at + 1)
    while at < len(tokens) and tokens[at] != end:
        item, at = _item(tokens, at, depth, keyed=opening == b"{")
        items.append(item)
        at = _blank(tokens, at)
        if at < len(tokens) and tokens[at] == b",":
            at = _blank(tokens, at + 1)
        elif at >= len(tokens) or tokens[at] != end:
            raise _Odd
    if at >= len(tokens):
        raise _Odd
    if opening == b"{":
        keys = [key for key, _ in items]
        if len(set(keys)) != len(keys) or len({value is None for _, value in items}) > 1:
            raise _Odd  # the last of equal keys counts
        items.sort()
    shown = [key if value is None else key + b": " + value for key, value in items]
    return opening + b", ".join(shown) + end, at + 1


def _item(tokens: list[bytes], at: int, depth: int, *, keyed: bool) -> tuple[tuple[bytes, bytes | None], int]:
    token = tokens[at]
    if keyed and _KEY.fullmatch(token):
        behind = _blank(tokens, at + 1)
        if behind < len(tokens) and tokens[behind] == b":":
            value, at = _value(tokens, _blank(tokens, behind + 1), depth)
            return (token, value), at
    value, at = _value(tokens, at, depth)
    return (value, None), at


def _value(tokens: list[bytes], at: int, depth: int) -> tuple[bytes, int]:
    if at >= len(tokens):
        raise _Odd
    if tokens[at] in _ENDS:
        return _group(tokens, at, depth + 1)
    if not _VALUE.fullmatch(tokens[at]):
        raise _Odd
    return tokens[at], at + 1


def _blank(tokens: list[bytes], at: int) -> int:
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    return at
