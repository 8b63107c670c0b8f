"""Where a dissector is, and how it goes on inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from buildinfo.verify.explain.dissect.aligned import prefix
from buildinfo.verify.explain.effort import Effort
from buildinfo.verify.explain.hunk import Hunk

MAX_DEPTH: Final = 8
"""How many files deep a file is looked into."""
MAX_UNPACKED: Final = 256 << 20
"""Most bytes that one file inside another may unpack to."""
WINDOW: Final = 400
"""Most bytes of a value in a hunk."""


_RAW: Final = frozenset(("bytes", "elf"))
_WHOLE: Final = frozenset((".comment", "sections", "flags", "segments"))


@dataclass(frozen=True, slots=True)
class Place:
    """The place of two contents that differ.

    Attributes:
        file: path of the file in the package.
        where: the place inside that file: `lib.a!/main.o`.
        enter: takes the contents at another place apart, by what they are.
        depth: how many files deep.
        effort: what may still be unpacked.
    """

    file: str
    where: str
    enter: Callable[[bytes, bytes, Place], Iterator[Hunk]]
    depth: int = 0
    effort: Effort = field(default_factory=Effort)

    @property
    def name(self) -> str:
        """The path of what is here, as a hint at what it is."""
        return (self.where or self.file).rpartition("!/")[2]

    def inside(self, name: str, before: bytes, after: bytes) -> Iterator[Hunk]:
        """The hunks of a file inside this one."""
        if before != after:
            self.effort.left -= len(before) + len(after)
            where = f"{self.where}!/{name}" if self.where else name
            yield from self.enter(before, after, replace(self, where=where, depth=self.depth + 1))

    def part(self, name: str) -> Place:
        """A part of this file, such as a section."""
        return replace(self, where=f"{self.where}:{name}" if self.where else name)

    def hunk(self, kind: str, name: str, before: bytes, after: bytes, *, follows: bool = False) -> Hunk:
        """One value here; of long bytes, which no cause reads, what stands around the first one that differs."""
        if kind in _RAW and name not in _WHOLE and max(len(before), len(after)) > WINDOW:
            shared = prefix(before, after)
            start = 0 if shared == min(len(before), len(after)) else max(0, shared - WINDOW // 4)
            before, after = before[start : start + WINDOW], after[start : start + WINDOW]
        return Hunk(kind, name, before, after, self.where, self.file, follows)
