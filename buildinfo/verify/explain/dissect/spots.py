"""Fields at known places of binary formats: times, identifiers, signatures, checksums.

A format tells where its fields are. What differs in them is told field by field; then all of them are blanked out on
both sides, and what still differs is told as of any binary: a field never hides what stands beside it. A checksum
follows only where it holds on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import binary
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_SPOTS: Final = 100_000

What = Literal["time", "id", "sum"]
Rest = Callable[[bytes, bytes, Place], Iterator[Hunk]]


class Spot(NamedTuple):
    """One field of a file.

    Attributes:
        start, end: where it stands.
        what: what it is; a `sum` is a checksum over other parts of the file.
        name: as the format calls it.
        shown: its value for people.
        holds: whether a checksum is right.
    """

    start: int
    end: int
    what: What
    name: str
    shown: bytes
    holds: bool = True


def compare(
    form: str,
    spots: Callable[[bytes], Iterable[Spot]],
    before: bytes,
    after: bytes,
    place: Place,
    *,
    rest: Rest = binary.hunks,
) -> Iterator[Hunk]:
    """Hunks of kind `field`, named `FORM:time`, `FORM:id` or `FORM:sum`, and those of all else.

    Args:
        form: the format, as causes know it.
        spots: finds the fields of a file.
        rest: takes apart what differs beside the fields.

    Raises:
        FormatError: a file is not of the format, or the two have different fields.
    """
    old, new = _found(spots, before), _found(spots, after)
    if [spot[:4] for spot in old] != [spot[:4] for spot in new]:
        raise FormatError(f"the two have different fields ({form})")
    for first, second in zip(old, new, strict=True):
        if before[first.start : first.end] == after[second.start : second.end]:
            continue
        if first.what != "sum":
            yield place.part(first.name).hunk("field", f"{form}:{first.what}", first.shown, second.shown)
        elif first.holds and second.holds:
            yield place.part(first.name).hunk("field", f"{form}:sum", first.shown, second.shown, follows=True)
        else:
            yield place.part(first.name).hunk("bytes", "checksum that does not hold", first.shown, second.shown)
    masked = _masked(before, old), _masked(after, new)
    if masked[0] != masked[1]:
        yield from rest(*masked, place)


def _found(spots: Callable[[bytes], Iterable[Spot]], data: bytes) -> list[Spot]:
    found: list[Spot] = []
    for spot in spots(data):
        if not 0 <= spot.start <= spot.end <= len(data):
            raise FormatError("a field that lies outside of its file", offset=len(data))
        found.append(spot)
        if len(found) > MAX_SPOTS:
            raise FormatError("too many fields")
    return found


def _masked(data: bytes, spots: Iterable[Spot]) -> bytes:
    blank = bytearray(data)
    for spot in spots:
        blank[spot.start : spot.end] = bytes(spot.end - spot.start)
    return bytes(blank)


def number(data: bytes, at: int, width: int, order: Literal["little", "big"] = "little") -> int:
    """A number of a header.

    Raises:
        FormatError: the file ends before it.
    """
    if at < 0 or at + width > len(data):
        raise FormatError("a header that is cut off", offset=len(data))
    return int.from_bytes(data[at : at + width], order)


def moment(seconds: int) -> bytes:
    """A time, given in seconds since 1970, for people: what is no time of this age as its number."""
    if not 0 < seconds < 1 << 33:
        return b"%d" % seconds
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S").encode()


def time_spot(
    data: bytes, at: int, name: str, *, width: int = 4, order: Literal["little", "big"] = "little", since: int = 0
) -> Spot:
    """A field with seconds since some time before or after 1970."""
    return Spot(at, at + width, "time", name, moment(number(data, at, width, order) + since))


def id_spot(data: bytes, at: int, width: int, name: str) -> Spot:
    """A field with an identifier."""
    return Spot(at, at + width, "id", name, data[at : at + width].hex().encode())


def sum_spot(data: bytes, at: int, width: int, name: str, *, right: bool) -> Spot:
    """A field with a checksum."""
    return Spot(at, at + width, "sum", name, data[at : at + width].hex().encode(), right)
