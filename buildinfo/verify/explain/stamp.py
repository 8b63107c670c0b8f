"""Which dates in a text may be times of a build: those that say so, and those that can be for when they are."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain import dates, role, spelled
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_TOLD: Final = Pattern(
    rb"(?i)(?<![a-z])(?:re)?(?:built|build|compil|generat|creat(?:ed|ion)|updat|produced|packag|configured|rendered|"
    rb"export|assembled|linked|installed|time\s?stamp|stamp|date\b|time\b|mtime|epoch|clock|started|finished|begun|"
    rb"ran\b|run at|moddate|now\b|today|%%|log\b)|_(?:date|time|stamp|epoch)\b|last.?modified"
)
"""Words that tell of the time at which something was made."""
SLACK: Final = 2 * 86400
"""Seconds that a time of a build may lie before SOURCE_DATE_EPOCH: zones, and clocks that are slow."""


LATEST: Final = 400 * 86400
"""Seconds that a time of a build may lie behind SOURCE_DATE_EPOCH: that of a commit, which is built for some months."""
_EARLIEST: Final = 3650 * 86400
_SCHEDULE: Final = Pattern(
    rb"(?i)(?<![a-z])(?:expir\w*|valid\w*|not[ _-]?(?:before|after)|until|till|deadline|sunset|cut[ _-]?off|eol|"
    rb"end[ _-]of[ _-](?:life|support)|schedul\w*|cron\w*|due|renew\w*|retire\w*|oncalendar|embargo|grace|trial|lease|"
    rb"activat\w*|trigger\w*|revok\w*|rotat\w*|(?:start|stop|end|begin|from|to|after|before|next|first|last|limit|max|min|"
    rb"when|since)(?:[ _-]?(?:date|at|on))?[\"']?\s*[:=])"
)
"""Words that say that a time is when something shall happen."""
_COMPARED: Final = Pattern(
    rb"-(?:gt|lt|ge|le|eq|ne|nt|ot)\b|\[\[? |\\[<>]|[^-=<>]>=?\s*[\"']?\d|<=?\s*[\"']?\d|\d[\"']?\s*[<>]|"
    rb"(?<!\w)(?:if|elif|while|"
    rb"unless|test|assert|sleep|touch|faketime)(?!\w)"
)
"""What a program does with a time that it goes by."""


def is_schedule(hunk: Hunk, text: bytes) -> bool:
    """Whether a text says by its words that its times are when something shall happen, or ends."""
    if _SCHEDULE.search(text):
        return True
    return role.is_run(hunk) and bool(_COMPARED.search(text))


def masked(text: bytes, mark: bytes, evidence: Evidence, *, told: bool = False, settled: bool = False) -> bytes:
    """A text with every date replaced that may be a time of the build.

    Such a date lies near the builddate. One that no word tells of has to lie not much before it: nothing is built
    before its last commit.

    Args:
        told: whether what surrounds the text says that its dates are such times.
        settled: whether it is of a file in which only such dates are traces that words tell of.
    """
    told = told or bool(_TOLD.search(text))
    if settled and not told:
        return text
    known = [date for date in evidence.builddates if date is not None]
    since, until = (min(known) - SLACK, max(known) + LATEST) if known else (0, 1 << 40)
    moments = dates.find(text)
    dated = told or any(moment.dated and moment.seconds + moment.length > since for moment in moments)

    def accepted(moment: dates.Moment) -> bool:
        if not moment.dated:
            return dated
        return moment.seconds < until and moment.seconds + moment.length > (since - _EARLIEST if told else since)

    since_told = since - _EARLIEST if told else since
    text = spelled.masked(text, mark, lambda seconds: bool(known) and since_told < seconds < until, told=told)
    return dates.masked(text, mark, accepted)
