"""What an input may cost, by its size: work is counted, never timed, so that every machine comes to the same end.

The budget of a command: half a second, a second for each packed MB and one for each 50 unpacked MB of what it reads, in
128 MiB and three times the largest file that it has to hold. The costs here are those of a usual processor. A package
of 60,000 links alone, as abuild packs them in 18 to 47 bytes each, is read.
"""

from __future__ import annotations

from typing import Final

FREE: Final = 400_000
"""Microseconds of work that a package may make whatever its size: the rest of its half second goes to starting."""
PER_PACKED: Final = 1.0
"""Microseconds for each packed byte."""
PER_UNPACKED: Final = 0.02
"""Microseconds for each unpacked byte."""
ENTRY: Final = 15
"""Microseconds that the headers of an entry take; those of Alpine's packages pack to 100 bytes and more."""
RECORDS: Final = 25
"""Microseconds more that its pax records take."""
USUAL: Final = 4
"""Records of an entry that are among that."""
RECORD: Final = 15
"""Microseconds that each one more takes."""
FREE_MEMORY: Final = 64 << 20
"""Bytes that what is kept of the entries of a package may take whatever its size, by estimate."""
PER_PACKED_MEMORY: Final = 8
"""Such bytes for each packed byte; the entries of Alpine's packages need 2 to 7."""
KEPT: Final = 600
"""Bytes that an entry takes, its pax records apart."""
USUAL_BYTES: Final = 512
"""Bytes of pax records that are usual."""
LARGE: Final = 8
"""How often each byte beyond them is held while two packages are compared."""
FREE_DIFFERENCES: Final = 4000
"""Differences that are listed one by one whatever the size of the packages."""
PER_DIFFERENCE: Final = 24
"""Packed bytes of both packages for each one more; where all times of Alpine's packages differ, they are 200."""
EFFORT: Final = 50
"""Bytes that could be unpacked while one packed byte is read."""
FREE_EFFORT: Final = 6_000_000
"""Bytes worth of effort that looking for causes may take whatever the packages' size."""


class Work:
    """The work that one package makes while it is read, and the memory that its entries take, against its size."""

    __slots__ = ("_extended", "held", "spent")

    def __init__(self) -> None:
        self.spent = self.held = self._extended = 0

    def is_too_much(self, records: int, extended: int, packed: int, unpacked: int) -> bool:
        """Counts one entry more.

        Args:
            records: how many pax records it has.
            extended: bytes of all pax records so far.
            packed: bytes of the file.
            unpacked: bytes that were unpacked so far.
        """
        own, self._extended = extended - self._extended, extended
        self.spent += ENTRY + (RECORDS + RECORD * max(0, records - USUAL) if records else 0)
        self.held += KEPT + 2 * own + LARGE * max(0, own - USUAL_BYTES)
        return (
            self.spent > FREE + PER_PACKED * packed + PER_UNPACKED * unpacked
            or self.held > FREE_MEMORY + PER_PACKED_MEMORY * packed
        )


def most_differences(packed: int) -> int:
    """How many differences of two packages are listed one by one."""
    return FREE_DIFFERENCES + packed // PER_DIFFERENCE


def effort(packed: int, unpacked: int) -> int:
    """Effort for the causes of what differs in two packages, in bytes that could be unpacked meanwhile."""
    return FREE_EFFORT + EFFORT * packed // 2 + unpacked // 2
