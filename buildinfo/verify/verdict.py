"""The verdict ladder: the strongest true statement about two packages. Each rung implies the next.

What each means is in docs/verify.md. A difference between two packages has a *gravity*: the strongest verdict that it
still allows. The verdict of a pair is the weakest that its differences allow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

Verdict = Literal["identical", "identical-unsigned", "identical-normalized", "payload-identical", "different"]

LADDER: Final[tuple[Verdict, ...]] = get_args(Verdict)
"""From strongest to weakest."""

DEFAULT: Final[Verdict] = "identical-unsigned"
"""What is asked for where nothing is said."""


def reaches(verdict: Verdict | None, bar: Verdict) -> bool:
    """Whether a verdict is as strong as the bar; what could not be read (None) reaches none."""
    return verdict is not None and LADDER.index(verdict) <= LADDER.index(bar)


def weakest(verdicts: Iterable[Verdict]) -> Verdict:
    """The weakest of some verdicts; `identical` of none."""
    return max(verdicts, key=LADDER.index, default="identical")
