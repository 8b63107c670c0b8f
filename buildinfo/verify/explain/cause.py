"""What a cause is: a small class with a name, a detector, and the advice that mends it."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk

Masked = tuple[bytes, bytes]
"""Both sides of a hunk, with what a cause explains replaced by the same mark."""

MARK = b"\0"
"""Stands in for what is explained; no text holds it."""


class Cause:
    """One reason why two builds of the same source differ.

    Attributes:
        name: as reports and docs/causes.md call it.
        title: the cause in words, a clause: "the packages were built in different folders".
        advice: what mends it, in one or two sentences.
        kinds: the kinds of hunks that it may explain.
        is_carried: whether it is a value of the whole build that other causes carry into files.
        records: what of two buildinfos differs where this is the cause: `table` or `table:name`, any of them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    advice: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    is_carried: ClassVar[bool] = False
    records: ClassVar[tuple[str, ...]] = ()

    def mend(self, claimed: Collection[tuple[str, str]]) -> str:
        """The advice for what it explains: kinds and names of hunks. Some mends are true for some of them only."""
        return self.advice

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        """How sure it is that this cause alone explains a hunk: from 0, not at all, to 1."""
        raise NotImplementedError


class TextCause(Cause):
    """A cause that shows in text: in lines of text files, and in strings of others.

    Such causes go together: what one line holds may have several. `mask` replaces what this cause explains.
    """

    kinds: ClassVar[frozenset[str]] = frozenset(("text", "string"))
    certainty: ClassVar[float] = 0.9

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        """Both sides with every value that this cause explains replaced by `MARK`; as they are where there is none.

        Args:
            hunk: where the two are from. The sides may be masked already by other causes.
        """
        raise NotImplementedError

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        before, after = self.mask(hunk, hunk.before, hunk.after, evidence)
        return self.certainty if before == after else 0.0
