"""How much may be unpacked to look into the files of one pair: bombs end here, not in hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 2 << 30
"""Most bytes, of both sides."""


@dataclass(slots=True)
class Effort:
    """What is left of it; shared by all that looks into one pair."""

    left: int = MOST

    @property
    def spent(self) -> bool:
        """Whether no more is unpacked."""
        return self.left <= 0
