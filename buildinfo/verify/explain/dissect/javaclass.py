"""Compiled Java. Source: The Java Virtual Machine Specification, 4.1 (minor and major version)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_UTF8: Final = 1
_SIZES: Final = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
"""Bytes of a constant behind its tag."""
_NUMBERS: Final = (3, 4, 5, 6)
_OWN: Final = re.compile(
    rb"java/|[(\[]|L[\w/$]+;$|.*\x01|(?:append|toString|valueOf|getClass|requireNonNull|<init>|StackMapTable|InnerClasses|"
    rb"BootstrapMethods|MethodHandles|Lookup|makeConcatWithConstants|metafactory|Nest(?:Host|Members)|Record|Permitted\w+|"
    rb"access\$\d+|\$values|\$\w+|ordinal|clone)$",
    re.DOTALL,
)
"""Names of Java's own library, of attributes, and of what compilers add."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """A hunk of kind `class`, name `version`, from which the code follows; else what differs in strings and bytes.

    Raises:
        FormatError: one of them ends inside its header.
    """
    if min(len(before), len(after)) < 10:
        raise FormatError("the file ends inside the header")
    old, new = (int.from_bytes(side[6:8], "big") for side in (before, after))
    if old == new:
        yield from binary.hunks(before, after, place, name="class")
        return
    yield place.hunk("class", "version", b"version %d" % old, b"version %d" % new)
    first, second = Counter(_constants(before)), Counter(_constants(after))
    sides = (sorted((one - other).elements()) for one, other in ((first, second), (second, first)))
    for one, other in zip_longest(*sides, fillvalue=b""):
        kind = "string" if one[:1] == other[:1] == b"t" else "bytes"
        yield place.part("constants").hunk(kind, "class", one[1:], other[1:])


def _constants(data: bytes) -> Iterator[bytes]:
    """Texts and numbers of the constant pool that are no matter of the version. Source: JVM specification, 4.4."""
    count, at, index = int.from_bytes(data[8:10], "big"), 10, 1
    while index < count:
        tag = data[at] if at < len(data) else 0
        if tag == _UTF8:
            end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
            text = data[at + 3 : end]
            if not _OWN.match(text):
                yield b"t" + text
        elif tag in _SIZES:
            end = at + 1 + _SIZES[tag]
            if tag in _NUMBERS:
                yield data[at:end]
        else:
            raise FormatError(f"a constant of an unknown kind {tag}", offset=at)
        at, index = end, index + (2 if tag in (5, 6) else 1)
