"""Dates and times in text: the spellings that build tools write, and the moments they stand for.

Sources: date(1), C's __DATE__ and __TIME__, RFC 5322, ISO 8601, PDF 32000-1 (7.9.4), SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from buildinfo.verify.explain.pattern import Pattern

_MONTHS: Final = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTH: Final = (
    rb"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    rb"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY: Final = rb"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}"
_CLOCK: Final = (
    rb"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-6]\d)(?:[.,]\d{1,9})?)?"
    rb"(?:\s?(?P<half>[ap]m))?"
)
_ZONE: Final = rb"(?P<zone>z|utc|gmt|[+-]\d\d:?\d\d|\b[a-z]{3,5}\b)"
ZONES: Final = {
    **{b"z": 0, b"utc": 0, b"gmt": 0, b"wet": 0, b"bst": 60, b"west": 60, b"cet": 60, b"cest": 120, b"eet": 120},
    **{b"eest": 180, b"msk": 180, b"ist": 330, b"hkt": 480, b"jst": 540, b"kst": 540, b"aest": 600, b"aedt": 660},
    **{b"nzst": 720, b"nzdt": 780, b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300, b"mst": -420, b"mdt": -360},
    **{b"pst": -480, b"pdt": -420, b"akst": -540, b"akdt": -480, b"hst": -600},
}
"""Minutes east of Greenwich of the abbreviations that date(1) writes."""

_PATTERNS: Final = tuple(
    Pattern(pattern, re.IGNORECASE)
    for pattern in (
        # Fri Apr  5 12:00:00 UTC 2024; Fri Apr  5 12:00:00 2024
        rb"(?:"
        + _DAY
        + rb",?\s+)?(?P<month>"
        + _MONTH
        + rb")\s+(?P<day>\d{1,2}),?\s+"
        + _CLOCK
        + rb"(?:\s+"
        + _ZONE
        + rb")?\s+(?P<year>(?:19|20)\d\d)\b",
        # Fri, 05 Apr 2024 12:00:00 +0000; 5 April 2024
        rb"(?:"
        + _DAY
        + rb",?\s+)?\b(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s.-]+(?P<month>"
        + _MONTH
        + rb")[\s.,-]+(?P<year>(?:19|20)\d\d)(?:(?:,|\s+at)?\s+(?:-\s+)?"
        + _CLOCK
        + rb"(?:\s*"
        + _ZONE
        + rb")?)?",
        # Apr  5 2024 - 12:00:00 +0000; April 5, 2024
        rb"(?:" + _DAY + rb",?\s+)?\b(?P<month>" + _MONTH + rb")\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+"
        rb"(?P<year>(?:19|20)\d\d)(?:(?:,|\s+at)?\s+(?:-\s+)?" + _CLOCK + rb"(?:\s*" + _ZONE + rb")?)?",
        # 2024-04-05T12:00:00Z; 2024/04/05
        rb"(?<![\d.])(?P<year>(?:19|20)\d\d)(?P<mark>[-/.])(?P<month>0[1-9]|1[0-2])(?P=mark)(?P<day>0[1-9]|[12]\d|3[01])"
        rb"(?:(?:[t ]|\s+|_)" + _CLOCK + rb"(?:\s?" + _ZONE + rb")?)?(?![\d])",
        # 05/04/2024, 05.04.2024
        rb"(?<![\d.])(?P<day>0[1-9]|[12]\d|3[01])(?P<mark>[/.])(?P<month>0[1-9]|1[0-2])(?P=mark)(?P<year>(?:19|20)\d\d)"
        rb"(?:[ t]+" + _CLOCK + rb"(?:\s?" + _ZONE + rb")?)?(?![\d.])",
        # 04/24/2024
        rb"(?<![\d.])(?P<month>0[1-9]|1[0-2])/(?P<day>1[3-9]|2\d|3[01])/(?P<year>(?:19|20)\d\d)"
        rb"(?:\s+" + _CLOCK + rb"(?:\s?" + _ZONE + rb")?)?(?![\d])",
        # April 2024
        rb"\b(?P<month>" + _MONTH + rb"),?\s+(?P<year>(?:19|20)\d\d)\b",
        # D:20240405120000+00'00', 20240405T120000Z, 20240405
        rb"(?<!\d)(?P<year>20[0-4]\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
        rb"(?:[t_-]?(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?"
        rb"(?P<zone>z|[+-]\d\d'?:?\d\d'?)?)?(?!\d)",
        # 1712318400, with a fraction or in milliseconds
        rb"(?<![\w.-])(?P<seconds>1[0-9]{9})(?:\d{3}(?!\d)|\d{6}(?!\d)|\.\d{1,9})?(?![\d-])",
        # 12:00:00
        rb"(?<![\d:])" + _CLOCK + rb"(?:\s" + _ZONE + rb")?(?![\d:])",
    )
)

FEWEST_DIGITS: Final = 3
"""Fewest digits of a date or time."""
_DIGIT: Final = Pattern(rb"[0-9]")
_DAY_LONG: Final = 86400


class Moment(NamedTuple):
    """A date that stands in a text.

    Attributes:
        start, end: where.
        seconds: the moment since 1970 UTC, with UTC where no zone is named; of a time without a date, since midnight.
        length: how many seconds the spelling leaves open: a day, a minute, a month.
        zoned: whether a zone is named.
        dated: whether it names a day or month, and not only a time of day.
    """

    start: int
    end: int
    seconds: int
    length: int
    zoned: bool
    dated: bool


@lru_cache(maxsize=1024)
def find(text: bytes) -> list[Moment]:
    """The dates in a text, in order; they do not overlap."""
    found: list[Moment] = []
    if len(_DIGIT.findall(text)) < FEWEST_DIGITS:
        return found
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                moment = _moment(match)
                if moment is not None:
                    found.append(moment)
    return sorted(found)


def masked(text: bytes, mark: bytes, accepted: Callable[[Moment], bool] = lambda moment: True) -> bytes:
    """A text with every date, or every accepted one, replaced by a mark."""
    parts: list[bytes] = []
    at = 0
    for moment in find(text):
        if accepted(moment):
            parts += [text[at : moment.start], mark]
            at = moment.end
    return b"".join((*parts, text[at:]))


def differing(before: bytes, after: bytes) -> list[tuple[Moment, Moment]]:
    """The dates of two texts that are told apart, pair by pair; empty where the texts differ in something else."""
    old, new = find(before), find(after)
    if len(old) != len(new) or masked(before, b"\0") != masked(after, b"\0"):
        return []
    pairs = zip(old, new, strict=True)
    return [(a, b) for a, b in pairs if before[a.start : a.end] != after[b.start : b.end]]


def is_of(moment: Moment, seconds: int | None) -> bool:
    """Whether a date is a spelling of a moment; a time alone, of its time of day."""
    if seconds is None:
        return False
    if not moment.dated:
        seconds %= _DAY_LONG
    return moment.seconds <= seconds < moment.seconds + moment.length


def _moment(match: re.Match[bytes]) -> Moment | None:
    fields = match.groupdict()
    start, end = match.span()
    if fields.get("seconds"):
        return Moment(start, end, int(fields["seconds"]), 1, True, True)
    zone = fields.get("zone")
    offset = _offset(zone) if zone else None
    if zone and offset is None:  # a word that happens to stand there
        end = match.start("zone")
        while end > start and match.string[end - 1 : end].isspace():
            end -= 1
    if not fields.get("year"):
        hour, minute, second = _clock(fields)
        length = 1 if fields.get("second") else 60
        return Moment(start, end, hour * 3600 + minute * 60 + second, length, offset is not None, False)
    try:
        hour, minute, second = _clock(fields)
        year, day = int(fields["year"]), int(fields.get("day") or 1)
        when = datetime(year, _month(fields["month"]), day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    length = 31 * _DAY_LONG if "day" not in fields else 1 if fields.get("second") else 60
    if not fields.get("hour") and "day" in fields:
        length = _DAY_LONG
    seconds = int((when - timedelta(minutes=offset or 0)).timestamp())
    return Moment(start, end, seconds, length, offset is not None, True)


def _month(text: bytes) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _clock(fields: dict[str, bytes]) -> tuple[int, int, int]:
    hour = int(fields.get("hour") or 0)
    half = (fields.get("half") or b"").lower()
    if half:
        hour = hour % 12 + (12 if half == b"pm" else 0)
    return hour, int(fields.get("minute") or 0), min(59, int(fields.get("second") or 0))


def _offset(zone: bytes) -> int | None:
    zone = zone.lower().replace(b"'", b"").replace(b":", b"")
    if zone[:1] in (b"+", b"-"):
        minutes = int(zone[1:3]) * 60 + int(zone[3:5] or 0)
        return -minutes if zone[:1] == b"-" else minutes
    return ZONES.get(zone)
