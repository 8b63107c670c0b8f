"""Whether apk installs the same from a package once it is written anew: as the model of apk's reading says.

Where members keep their order, each has to be read as before. Where they are sorted, what is installed in the end is
compared, and nothing may depend on their order: names that stand twice to apk, links whose target comes later, folders
behind what is in them. Contents count by where they come from, and a changed one is the same: what handlers make of a
file is no business of apk's.
"""

from __future__ import annotations

from collections.abc import Callable

from buildinfo.apk.reads.headers import MisreadError, Reading, astray, read_headers
from buildinfo.apk.reads.install import Installation, differences, is_alike
from buildinfo.apk.tar import Member
from buildinfo.normalize.job import LeftAlone

Expected = Callable[[Reading], Reading]
"""What normalizing means to make of an entry: other owners, for example."""


class Installs:
    """Compares what is read with what is written, entry by entry.

    Args:
        ordered: members are moved.
        expected: what is meant to change.
    """

    def __init__(self, ordered: bool, expected: Expected = lambda reading: reading) -> None:
        self._ordered = ordered
        self._expected = expected
        self._before = Installation()
        self._after = Installation()

    def read(self, member: Member, raw: bytes) -> None:
        """The next member in the old order, with its header blocks.

        Raises:
            LeftAlone: apk reads it otherwise than it is meant.
        """
        if self._ordered:
            self._before.entry(self._as_expected(_read(member, raw)), member.offset)

    def written(self, member: Member, raw: bytes, origin: int) -> None:
        """The next member in the new order.

        Args:
            member: as it stood in the package, or as sorting makes it.
            raw: its header blocks as they are to be written.
            origin: offset of the member that its content comes from.

        Raises:
            LeftAlone: apk would read it otherwise than before.
        """
        new = _canonical(_read(None, raw))
        if self._ordered:
            self._after.entry(new, origin)
        elif raw != member.raw_headers:
            old = self._as_expected(_read(member, member.raw_headers))
            if not is_alike([old], [new]):
                raise LeftAlone(f"apk would take {member.name} otherwise than now")
        else:
            _read(member, raw)

    def finish(self) -> None:
        """Compares all of it.

        Raises:
            LeftAlone: apk would install something else, or it depends on the order what it installs.
        """
        for path, why in differences(self._before, self._after):
            name = path.decode("utf-8", "backslashreplace")
            raise LeftAlone(f"in another order apk may install something else: {f'{name} ' if name else ''}{why}")

    def _as_expected(self, reading: Reading) -> Reading:
        return _canonical(self._expected(reading))


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
