"""Which dates in a text may be times of a build: those that say so, and those that can be for when they are."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain import dates
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.pattern import Pattern

_TOLD: Final = Pattern(
    rb"(?i)(?<![a-z])(?:re)?(?:built|build|compil|generat|creat(?:ed|ion)|updat|produced|packag|configured|rendered|"
    rb"export|assembled|linked|installed|time\s?stamp|stamp|date\b|time\b|mtime|epoch|clock|started|finished|begun|"
    rb"ran\b|run at|moddate|now\b|today|%%|log\b)|_(?:date|time|stamp|epoch)\b|last.?modified"
)
"""Words that tell of the time at which something was made."""
SLACK: Final = 2 * 86400
"""Seconds that a time of a build may lie before SOURCE_DATE_EPOCH: zones, and clocks that are slow."""


def masked(text: bytes, mark: bytes, evidence: Evidence, *, told: bool = False) -> bytes:
    """A text with every date replaced that may be a time of the build.

    A date that no word tells of has to lie not much before the builddate: nothing is built before its last commit.

    Args:
        told: whether what surrounds the text says that its dates are such times.
    """
    told = told or bool(_TOLD.search(text))
    known = [date for date in evidence.builddates if date is not None]
    since = min(known) - SLACK if known else 0
    moments = dates.find(text)
    dated = told or any(moment.dated and moment.seconds + moment.length > since for moment in moments)

    def accepted(moment: dates.Moment) -> bool:
        return told or (dated and (not moment.dated or moment.seconds + moment.length > since))

    return dates.masked(text, mark, accepted)
