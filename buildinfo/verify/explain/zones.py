"""Times without a zone: whether two of them are the same moment on the clocks of two zones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from buildinfo.verify.explain.evidence import Evidence

_QUARTER: Final = 900
"""Seconds: zones lie multiples of it apart."""
_FARTHEST: Final = 26 * 3600
"""Seconds between the first zone of the world and the last."""
_DAY: Final = 86400


def are_apart(seconds: int, evidence: Evidence) -> bool:
    """Whether clocks of two zones may show one moment so many seconds apart, and the records name two zones.

    Without records a whole day is none: builds of two days are likelier than islands on two sides of the date line.
    """
    if not seconds or abs(seconds) > _FARTHEST or seconds % _QUARTER:
        return False
    return name_two(evidence) if evidence.records is not None else abs(seconds) != _DAY


def name_two(evidence: Evidence) -> bool:
    """Whether there are records, and they name two zones."""
    return evidence.records is not None and bool(evidence.records.differing("condition", "zone"))


def seconds_of(text: bytes) -> int | None:
    """A time as `YYYY-MM-DD hh:mm:ss`, taken for UTC, in seconds; None if it is none."""
    try:
        return int(datetime.strptime(text.decode("ascii"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
