"""Compiled Java. Source: The Java Virtual Machine Specification, 4.1 (minor and major version)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk


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
    for hunk in binary.hunks(before, after, place, name="class"):
        yield replace(hunk, follows=True)
