"""Digests of contents, and finding them wherever they are stated: as text or raw, at any place of any file.

Every spelling of a digest has at least 16 bytes, so wherever it stands it covers one whole word of 8 bytes at a
multiple of 8. All such words of all spellings are one set, and data is searched by asking for its words in that set:
the time does not depend on how many digests are looked for. A hit is compared in full.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

Digests = Mapping[str, bytes]
"""The digests of one content: what each is called in reports -> the digest, raw."""

LONGEST: Final = 128
"""Bytes of the longest spelling: SHA-512 in hex."""

_ALGORITHMS: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_WORD: Final = 8
_MASK: Final = (1 << 8 * _WORD) - 1
_URL: Final = bytes.maketrans(b"+/", b"-_")


class Hit(NamedTuple):
    """A digest that is stated: the key of its content, what the digest is called, and where in the data it stands."""

    key: str
    name: str
    at: int


def digests_of(data: bytes) -> dict[str, bytes]:
    """The digests of a content. Git's name of it is one, too: SHA-1 behind a header (gitformat-loose(5))."""
    found = {name: hashlib.new(kind, data, usedforsecurity=False).digest() for name, kind in _ALGORITHMS.items()}
    named = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    named.update(data)
    found["git object name"] = named.digest()
    return found


def spellings(digest: bytes) -> tuple[bytes, ...]:
    """How a digest may be written: hex in either case, base64 and base64url without their padding, raw."""
    text = digest.hex().encode()
    coded = base64.b64encode(digest).rstrip(b"=")
    return tuple(dict.fromkeys((text, text.upper(), coded, coded.translate(_URL), digest)))


class Seeker:
    """Looks for the digests of contents.

    Args:
        contents: for each its key, whatever it is, and its digests.

    Attributes:
        found: key -> name of the digest that was found first; that content is looked for no longer.
    """

    def __init__(self, contents: Iterable[tuple[str, Digests]]) -> None:
        self.found: dict[str, str] = {}
        self._wanted: dict[int, list[tuple[bytes, str, str]]] = {}
        for key, digests in contents:
            for name, digest in digests.items():
                for spelling in spellings(digest):
                    for word in _words(spelling):
                        self._wanted.setdefault(word, []).append((spelling, key, name))
        self._set = frozenset(self._wanted)

    @property
    def done(self) -> bool:
        """Whether nothing is left to be looked for."""
        return not self._set

    def search(self, data: bytes | memoryview) -> list[Hit]:
        """The digests that data states and that were not found before, in the order of their places."""
        # What does not fill a word at the end is needed for none: see the module.
        words = memoryview(data)[: len(data) // _WORD * _WORD].cast("Q")
        if self._set.isdisjoint(words):
            return []
        hits: list[Hit] = []
        for number, word in enumerate(words):
            for spelling, key, name in self._wanted.get(word, ()):
                place = number * _WORD
                begin = max(0, place - len(spelling))
                near = bytes(data[begin : place + len(spelling)])
                at = near.find(spelling)
                if at >= 0 and key not in self.found:
                    hits.append(Hit(key, name, begin + at))
                    self.found[key] = name
        self._forget({hit.key for hit in hits})
        return hits

    def _forget(self, keys: set[str]) -> None:
        if keys:
            left = {word: [each for each in wanted if each[1] not in keys] for word, wanted in self._wanted.items()}
            self._wanted = {word: wanted for word, wanted in left.items() if wanted}
            self._set = frozenset(self._wanted)


def _words(spelling: bytes) -> Iterator[int]:
    """The words of which one stands at a multiple of 8 bytes wherever the spelling does, as this machine reads them."""
    start = int.from_bytes(spelling[: 2 * _WORD - 1], sys.byteorder)
    shifts = range(_WORD) if sys.byteorder == "little" else range(_WORD - 1, -1, -1)
    return (start >> 8 * shift & _MASK for shift in shifts)
