"""PNG images: the time of the last change, and texts that hold a time.

Sources: the PNG specification (ISO/IEC 15948), 5.3 chunk layout, 11.3.3 textual information, 11.3.5 tIME. Texts are
those that ImageMagick (`date:create`, `date:modify`, `date:timestamp`) and the specification (`Creation Time`) name.
What follows IEND is not part of the image and is kept.
"""

from __future__ import annotations

import re
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone

MAGIC: Final = b"\x89PNG\r\n\x1a\n"
FRAME: Final = 12
"""Bytes of a chunk besides its content: length, type, checksum."""
MAX_TEXT: Final = 256
"""Bytes of the longest text that is taken for a time."""

_HEAD: Final = struct.Struct(">I4s")
_TIME: Final = struct.Struct(">H5B")
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")
_KEYWORD: Final = re.compile(rb"(date:[^\0]{1,74}|Creation Time)\0").match
_ZONE: Final = r" ?(?:Z|GMT|UTC?|(?P<sign>[+-])(?P<zh>[0-9]{2}):?(?P<zm>[0-9]{2}))?"
_CLOCK: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?)?"
_ISO: Final = re.compile(rf"(?P<year>[0-9]{{4}})([-:])(?P<month>[0-9]{{2}})\2(?P<day>[0-9]{{2}})[T ]{_CLOCK}{_ZONE}")
_RFC1123: Final = re.compile(
    rf"(?:[A-Z][a-z]{{2}}, )?(?P<day>[0-9]{{1,2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) {_CLOCK}{_ZONE}"
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Png:
    """`89 PNG`."""

    name = "png"

    def normalize(self, data: bytes, job: Job) -> bytes:
        if not data.startswith(MAGIC):
            raise FormatError("no PNG image", offset=0)
        parts: list[bytes] = []
        kept = 0
        at = len(MAGIC)
        while True:
            if len(data) - at < FRAME:
                raise LeftAlone(f"it is cut off: no IEND chunk up to byte {at}")
            length, kind = _HEAD.unpack_from(data, at)
            end = at + FRAME + length
            if end > len(data):
                raise LeftAlone(f"the chunk at byte {at} reaches past the end of the file")
            if kind == b"IEND":
                break
            if kind == b"tIME" or kind in _TEXTS:
                old = data[at:end]
                body = old[8:-4]
                new = _chunk(b"tIME", _time(body, job)) if kind == b"tIME" else self._text(kind, body, job)
                if new is not None and new[8:-4] != body:
                    # A fresh checksum would hide damage.
                    if old != _chunk(kind, body):
                        raise LeftAlone(f"the checksum of the chunk at byte {at} does not hold")
                    parts += [data[kept:at], new]
                    kept = end
            at = end
        return b"".join([*parts, data[kept:]]) if parts else data

    def _text(self, kind: bytes, body: bytes, job: Job) -> bytes | None:
        """The chunk to write for a text; None to keep it."""
        match = _KEYWORD(body)
        if not match:
            return None
        found = _parsed(_readable(kind, body[match.end() :]))
        if _moves(found, job):
            return _chunk(b"tEXt", match[0] + _epoch(job).strftime("%Y-%m-%dT%H:%M:%S-00:00").encode())
        if found is None:
            job.skipped(self.name, f"its text {match[1].decode('ascii', 'replace')!r} is no time that is understood")
        return None


def _moves(found: int | None, job: Job) -> bool:
    return job.policy.timestamps == "set" or (found is not None and found > job.epoch)


def _epoch(job: Job) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=job.epoch)
    except OverflowError:
        raise LeftAlone(f"{job.epoch} is no time that an image can hold") from None


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _HEAD.pack(len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def _time(body: bytes, job: Job) -> bytes:
    """The content of tIME; one that is no time stays, but for `set`."""
    if len(body) != _TIME.size:
        return body
    found = _seconds(_TIME.unpack(body))
    return _TIME.pack(*_epoch(job).timetuple()[:6]) if _moves(found, job) else body


def _readable(kind: bytes, body: bytes) -> str:
    """The text of a text chunk, after its keyword; empty if it cannot be read."""
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = body[:1] == b"\1"
        body = b"\0" + body[2:].split(b"\0", 2)[-1]
    if packed:
        try:
            body = b"\0" + zlib.decompressobj().decompress(body[1 : MAX_TEXT * 4], MAX_TEXT + 1)
        except zlib.error:
            return ""
    if kind != b"tEXt":
        body = body[1:]
    return "" if len(body) > MAX_TEXT else body.decode("latin-1").strip()


def _parsed(text: str) -> int | None:
    match = _ISO.fullmatch(text) or _RFC1123.fullmatch(text)
    if not match:
        return None
    month = match["month"]
    if not month.isdigit():
        if month not in _MONTHS:
            return None
        month = str(_MONTHS.index(month) + 1)
    clock = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    seconds = _seconds((int(match["year"]), int(month), int(match["day"]), *clock))
    if seconds is None or not match["sign"]:
        return seconds
    offset = int(match["zh"]) * 3600 + int(match["zm"]) * 60
    return seconds + offset if match["sign"] == "-" else seconds - offset


def _seconds(fields: tuple[int, ...]) -> int | None:
    """Seconds since 1970-01-01 UTC of a year, month, day, hour, minute and second, or None if there is no such time.

    A leap second counts as the one before.
    """
    year, month, day, hour, minute, second = fields
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1)
