"""What lies where in two ELF files: which address of the one is which address of the other."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple


class Gap(NamedTuple):
    """What differs between two contents: where it stands in each, and what it is."""

    old_at: int
    new_at: int
    old: bytes
    new: bytes


@dataclass
class Map:
    """Which address of the first file is which of the second."""

    blocks: list[tuple[int, int, int]] = field(default_factory=list)
    """Address in the first, in the second, and size of what is the same in both."""
    points: dict[int, set[int]] = field(default_factory=dict)
    """Addresses of what begins or ends with a piece that differs."""
    ends: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Pieces that differ: where each begins and ends, in the first and in the second."""
    paired: list[tuple[int, int]] = field(default_factory=list)
    """Pieces that differ and stand for each other, of what is aligned just now."""
    _starts: list[int] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)

    def add(self, old: int, new: int, size: int, *, end: bool = True) -> None:
        """A piece that is the same; `end`: what comes behind it in the one comes behind it in the other."""
        if size > 0:
            self.blocks.append((old, new, size))
        self.point(old, new)
        if end:
            self.point(old + size, new + size)

    def point(self, old: int, new: int) -> None:
        self.points.setdefault(old, set()).add(new)

    def gap(self, old: int, old_end: int, new: int, new_end: int) -> None:
        """A piece that differs."""
        self.point(old, new)
        self.point(old_end, new_end)
        self.ends.append((old, old_end, new, new_end))

    def close(self) -> None:
        """Ends the making; `same` may be asked from then on."""
        self.blocks.sort()
        self.ends.sort()
        self._starts = [block[0] for block in self.blocks]
        self._places = [end[0] for end in self.ends]

    def same(self, old: int, new: int) -> bool:
        """Whether two addresses are of one thing."""
        at = bisect_right(self._starts, old) - 1
        if at >= 0:
            start, other, size = self.blocks[at]
            if old < start + size:
                return new - other == old - start
        if new in self.points.get(old, ()):
            return True
        at = bisect_right(self._places, old) - 1
        if at < 0:
            return False
        start, end, other, other_end = self.ends[at]
        # Texts that end alike share their ends: a linker keeps the longer one only.
        return start <= old <= end and other <= new <= other_end and old - end == new - other_end

    def find(self, old: int) -> int | None:
        """Where what lies at an address lies in the second file, if it is the same there."""
        at = bisect_right(self._starts, old) - 1
        if at < 0:
            return None
        start, other, size = self.blocks[at]
        return other + old - start if old < start + size else None

    def shown(self, old: int) -> int | str:
        """As `find`, also for what begins or ends there, or ends with a text that differs."""
        found = self.find(old)
        if found is not None:
            return found
        points = self.points.get(old, set())
        if len(points) == 1:
            return next(iter(points))
        at = bisect_right(self._places, old) - 1
        if at >= 0 and not points:
            start, end, other, other_end = self.ends[at]
            if start <= old <= end and other <= old - end + other_end:
                return other_end - (end - old)
        return f"? {old:#x}"

    def ended(self, old: int, old_end: int, new: int, new_end: int) -> bool:
        """Whether stretches begin with one thing and end with one thing, and differ in between."""
        return self.same(old, new) and old_end in self.points and new_end in self.points[old_end]
