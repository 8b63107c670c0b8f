"""The times and owners in the headers of a zip archive, and in their extra fields.

Sources: PKWARE's APPNOTE.TXT 6.3.10, sections 4.4.6, 4.5.5 and 4.5.7, and Info-ZIP's `proginfo/extrafld.txt`.

The time of a header is that of a wall clock in a zone that nothing names. Where an extra field has UTC, the canonical
form is the same moment in UTC. Where none has, the moment is unknown: two builds of one file in two zones state two
times, and only one time for all of them is the same in every zone. That is the epoch, as for the files of the package.
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

_NONE: Final = 0x00210000
"""1980-01-01 00:00: what writers put where there is no time, or one that DOS cannot tell."""
_FIRST: Final = 315532800
"""The same in seconds."""
_QUARTER: Final = 900
"""Seconds: zones differ by multiples of it."""
_UNIX_TO_NT: Final = 11644473600
_FIELD: Final = Struct("<HH").unpack_from


@dataclass(frozen=True, slots=True)
class Clock:
    """The times to write.

    Attributes:
        limit: the epoch, in the bounds of the format, in seconds.
        dos: the same as the date and time of a header; such numbers rise with time.
        always: write it whatever was found.
        zoneless: bring the times of headers to the same in every zone.
    """

    limit: int
    dos: int
    always: bool
    zoneless: bool

    @classmethod
    def of(cls, job: Job, before: int = 0, *, zoneless: bool = False) -> Clock:
        """The clock of a job; `before` seconds earlier."""
        limit = min(max(job.epoch, FLOOR), CEILING) - before
        return cls(limit, _dos(limit), job.policy.timestamps == "set", zoneless)

    def pick(self, found: int, limit: int) -> int:
        return limit if self.always else min(found, limit)


def stamp(member: Member, clock: Clock, *, owned: bool = False) -> int | None:
    """Writes the times and owners of a member.

    Args:
        member: the member.
        clock: the times.
        owned: its owners stay.

    Returns:
        Its new time in seconds, as its header has it taken for UTC; None where that is the old one.
    """
    new = _zoneless(member, clock) if clock.zoneless else None
    changed = None
    for record, at in ((member.local, 10), (member.central, 12)):
        found = int.from_bytes(record[at : at + 4], "little")
        written = clock.pick(found, clock.dos) if new is None else new
        if written != found:
            record[at : at + 4] = written.to_bytes(4, "little")
            changed = _seconds(written)
        late = found >> 25 >= 2038 - 1980
        for kind, body in member.extras(record):
            record[body] = _clean_field(kind, record[body], clock, late, owned)
    return changed


def _zoneless(member: Member, clock: Clock) -> int | None:
    """What the headers are to have for a time in every zone; None where they have no time to speak of."""
    found = int.from_bytes(member.central[12:16], "little")
    if found == _NONE and int.from_bytes(member.local[10:14], "little") == _NONE:
        return None
    utc = _utc(member, found >> 25 >= 2038 - 1980)
    if utc is None or clock.pick(utc, clock.limit) != utc:
        return clock.dos
    if utc < _FIRST:
        return _NONE
    wall = _seconds(found)
    rounded = None if wall is None else (wall - utc + 1) % _QUARTER - 1  # writers round to even seconds, up or down
    return _dos(max(_FIRST, utc + rounded if rounded in (-1, 0, 1) else utc))


def _utc(member: Member, late: bool) -> int | None:
    """The time of modification in UTC, where an extra field has it."""
    for record in (member.local, member.central):
        for kind, body in member.extras(record):
            field = bytes(record[body])
            if kind == 0x5455 and len(field) >= 5 and field[0] & 1:
                return int.from_bytes(field[1:5], "little", signed=not late)
            if kind in (0x5855, 0x000D) and len(field) >= 8:
                return int.from_bytes(field[4:8], "little", signed=not late)
            if kind == 0x000A and len(field) >= 32 and field[4:8] == b"\1\0\x18\0":
                return int.from_bytes(field[8:16], "little") // 10**7 - _UNIX_TO_NT
    return None


def _dos(seconds: int) -> int:
    """The date and time of a header, in UTC."""
    at = datetime.fromtimestamp(min(seconds, CEILING), UTC)
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return date << 16 | at.hour << 11 | at.minute << 5 | at.second >> 1


def _seconds(dos: int) -> int | None:
    """The date and time of a header taken for UTC, in seconds; None where it is none."""
    date, time = dos >> 16, dos & 0xFFFF
    try:
        at = datetime(
            *((date >> 9) + 1980, date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2), tzinfo=UTC
        )
    except ValueError:
        return None
    return int(at.timestamp())


def _clean_field(kind: int, body: bytearray, clock: Clock, late: bool, owned: bool) -> bytearray:
    """An extra field without its leaks, of the same length.

    Args:
        late: times count without a sign, for the member is of 2038 or later.
        owned: user and group stay.
    """
    if owned and kind in (0x7855, 0x7875):
        return body
    match kind:
        case 0x5455:  # extended timestamp: flags, up to three times
            _clean_times(body, 1, (len(body) - 1) // 4, clock, late)
        case 0x5855 | 0x000D:  # Info-ZIP's first one, PKWARE's: two times, user, group
            _clean_times(body, 0, min(len(body) // 4, 2), clock, late)
            if not owned:
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
