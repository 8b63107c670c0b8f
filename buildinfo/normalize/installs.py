"""Whether apk installs the same from a package once it is written anew: as the model of apk's reading says.

Each member has to be read as before; contents do not count, what handlers make of a file is no business of apk's. Where
members are sorted, nothing may depend on their order either: names that stand twice to apk, links whose target comes
later, folders behind what is in them. Of hard links another one becomes the file: there what is installed is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from buildinfo.apk.reads.headers import MisreadError, Reading, astray, read_headers
from buildinfo.apk.reads.install import Installation, differences, is_alike
from buildinfo.apk.tar import Member
from buildinfo.apk.tarheader import BLOCK
from buildinfo.normalize.job import LeftAlone
from buildinfo.normalize.order import Entry, sort_key

_TIME: Final = slice(136, 156)
"""Where a header block has the time, and its checksum behind that."""

Expected = Callable[[Reading], Reading]
"""What normalizing means to make of an entry: other owners, for example."""


class Installs:
    """Compares what is read with what is written, entry by entry.

    Args:
        sorted_entries: the members, where they are moved; None where they keep their order.
        expected: what is meant to change.
    """

    def __init__(
        self, sorted_entries: Sequence[Entry] | None = None, expected: Expected = lambda reading: reading
    ) -> None:
        self._ordered = sorted_entries is not None
        self._expected = expected
        self._linked = _linked(sorted_entries or ())
        self._whole = Installation()
        self._before = Installation()
        self._after = Installation()

    def read(self, member: Member) -> None:
        """The next member in the old order; to be told only where they are moved.

        Raises:
            LeftAlone: apk reads it otherwise than it is meant.
        """
        reading = _read(member, member.raw_headers)
        self._whole.entry(_lean(reading))
        if self._is_compared(member):
            self._before.entry(_canonical(self._expected(reading)), member.offset)

    def written(self, member: Member, raw: bytes, origin: int) -> None:
        """The next member in the new order.

        Args:
            member: as it stood in the package, or as sorting makes it.
            raw: its header blocks as they are to be written.
            origin: offset of the member that its content comes from.

        Raises:
            LeftAlone: apk would read it otherwise than before.
        """
        compared = self._ordered and self._is_compared(member)
        if not compared and _has_another_time(member.raw_headers, raw):
            return
        new = _canonical(_read(None, raw))
        if compared:
            self._after.entry(new, origin)
        elif not is_alike([_canonical(self._expected(_read(member, member.raw_headers)))], [new]):
            raise LeftAlone(f"apk would take {member.name} otherwise than now")

    def finish(self) -> None:
        """Looks at all of it, at the end.

        Raises:
            LeftAlone: apk would install something else, or it depends on the order what it installs.
        """
        reasons = [f"{path.decode('utf-8', 'backslashreplace')}: {why}" for path, why in self._whole.failed.items()]
        reasons += self._whole.doubts
        reasons += [why for _, why in differences(self._before, self._after)]
        if reasons:
            raise LeftAlone(f"in another order apk may install something else: {reasons[0]}")

    def _is_compared(self, member: Member) -> bool:
        """Whether an entry is one of several names of a file, or a folder, which those need."""
        return member.type == "dir" or sort_key(member.name) in self._linked


def _linked(entries: Iterable[Entry]) -> set[bytes]:
    """The names of files that have several."""
    return {key for entry in entries if entry.target is not None for key in (entry.key, entry.target)}


def _lean(reading: Reading) -> Reading:
    """The same without what takes room and raises no doubt."""
    return reading._replace(uname=b"", gname=b"", xattrs=(), checksum=reading.checksum and b"")


def _has_another_time(old: bytes, new: bytes) -> bool:
    """Whether header blocks differ in nothing but the time of the entry, if at all: apk reads the same of them."""
    own = len(old) - BLOCK
    if len(new) != len(old) or old[own + _TIME.stop :] != new[own + _TIME.stop :]:
        return False
    return old[: own + _TIME.start] == new[: own + _TIME.start]


def _read(member: Member | None, raw: bytes) -> Reading:
    """What apk reads of an entry; `member` is what it is meant to be, where that has to be the same."""
    try:
        reading = read_headers(raw)
    except MisreadError as error:
        name = "a member" if member is None else member.name
        raise LeftAlone(f"apk does not read {name} as it is meant: {error}") from None
    if member is not None and (why := astray(reading, member)) is not None:
        raise LeftAlone(f"apk does not read {member.name} as it is meant: {why}")
    return reading


def _canonical(reading: Reading) -> Reading:
    """The same with its attributes sorted, if their order decides nothing."""
    if len({name for name, _ in reading.xattrs}) < len(reading.xattrs):
        return reading
    return reading._replace(xattrs=tuple(sorted(reading.xattrs)))
