"""The times and owners in the headers of a zip archive, and in their extra fields.

Sources: PKWARE's APPNOTE.TXT 6.3.10, sections 4.4.6, 4.5.5 and 4.5.7, and Info-ZIP's `proginfo/extrafld.txt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Final

from buildinfo.normalize.job import Job
from buildinfo.normalize.ziprecords import Member

FLOOR: Final = 315576060
"""1980-01-01 12:01 UTC, the earliest time that is written."""
CEILING: Final = 0xFFFFFFFF
"""2106-02-07, the latest one: extra fields have four bytes."""

_UNIX_TO_NT: Final = 11644473600
_FIELD: Final = Struct("<HH").unpack_from


@dataclass(frozen=True, slots=True)
class Clock:
    """The times to write.

    Attributes:
        limit: the epoch, in the bounds of the format, in seconds.
        dos: the same as the date and time of a header; such numbers rise with time.
        always: write it whatever was found.
    """

    limit: int
    dos: int
    always: bool

    @classmethod
    def of(cls, job: Job, before: int = 0) -> Clock:
        """The clock of a job; `before` seconds earlier."""
        limit = min(max(job.epoch, FLOOR), CEILING) - before
        at = datetime.fromtimestamp(limit, UTC)
        date = (at.year - 1980) << 9 | at.month << 5 | at.day
        return cls(limit, date << 16 | at.hour << 11 | at.minute << 5 | at.second >> 1, job.policy.timestamps == "set")

    def pick(self, found: int, limit: int) -> int:
        return limit if self.always else min(found, limit)


def stamp(member: Member, clock: Clock) -> bool:
    """Writes the times and owners of a member; tells whether its time changed."""
    changed = False
    for record, at in ((member.local, 10), (member.central, 12)):
        found = int.from_bytes(record[at : at + 4], "little")
        written = clock.pick(found, clock.dos)
        if written != found:
            record[at : at + 4] = written.to_bytes(4, "little")
            changed = True
        late = found >> 25 >= 2038 - 1980
        for kind, body in member.extras(record):
            record[body] = _clean_field(kind, record[body], clock, late)
    return changed


def _clean_field(kind: int, body: bytearray, clock: Clock, late: bool) -> bytearray:
    """An extra field without its leaks, of the same length.

    Args:
        late: times count without a sign, for the member is of 2038 or later.
    """
    match kind:
        case 0x5455:  # extended timestamp: flags, up to three times
            _clean_times(body, 1, (len(body) - 1) // 4, clock, late)
        case 0x5855 | 0x000D:  # Info-ZIP's first one, PKWARE's: two times, user, group
            _clean_times(body, 0, min(len(body) // 4, 2), clock, late)
            body[8:12] = bytes(len(body[8:12]))
        case 0x7855:  # Info-ZIP's second one: user, group
            body[:4] = bytes(len(body[:4]))
        case 0x7875:  # Info-ZIP's third one: version, user and group with their lengths
            _clean_owners(body)
        case 0x000A:  # NTFS: four bytes, then attributes
            _clean_ntfs(body, clock)
    return body


def _clean_times(body: bytearray, at: int, count: int, clock: Clock, late: bool) -> None:
    for place in range(at, at + 4 * count, 4):
        found = int.from_bytes(body[place : place + 4], "little", signed=not late)
        written = clock.pick(found, clock.limit)
        body[place : place + 4] = (written & 0xFFFFFFFF).to_bytes(4, "little")


def _clean_owners(body: bytearray) -> None:
    if body[:1] != b"\x01":
        return
    at = 1
    while at < len(body) and at + 1 + body[at] <= len(body):
        size = body[at]
        body[at + 1 : at + 1 + size] = bytes(size)
        at += 1 + size


def _clean_ntfs(body: bytearray, clock: Clock) -> None:
    limit = (clock.limit + _UNIX_TO_NT) * 10**7
    at = 4
    while at + 4 <= len(body):
        kind, size = _FIELD(body, at)
        at += 4
        if kind == 1 and size == 24 and at + size <= len(body):
            for place in range(at, at + size, 8):
                found = int.from_bytes(body[place : place + 8], "little")
                body[place : place + 8] = clock.pick(found, limit).to_bytes(8, "little")
        at += size
