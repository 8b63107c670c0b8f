"""Regular expressions that are compiled when they are first asked: most reports need few of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

Replacement = bytes | Callable[[re.Match[bytes]], bytes]


class Pattern:
    """A regular expression over bytes, with the methods of `re.Pattern`.

    Args:
        text: the expression.
        flags: as `re.compile` takes them.
    """

    def __init__(self, text: bytes, flags: int = 0) -> None:
        self._text = text
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[bytes]:
        return re.compile(self._text, self._flags)

    def match(self, text: bytes, at: int = 0) -> re.Match[bytes] | None:
        return self._compiled.match(text, at)

    def fullmatch(self, text: bytes) -> re.Match[bytes] | None:
        return self._compiled.fullmatch(text)

    def search(self, text: bytes) -> re.Match[bytes] | None:
        return self._compiled.search(text)

    def findall(self, text: bytes) -> list[Any]:
        return self._compiled.findall(text)

    def finditer(self, text: bytes) -> Iterator[re.Match[bytes]]:
        return self._compiled.finditer(text)

    def split(self, text: bytes) -> list[bytes]:
        return self._compiled.split(text)

    def sub(self, replacement: Replacement, text: bytes, count: int = 0) -> bytes:
        return self._compiled.sub(replacement, text, count)
