"""How much may be unpacked and looked into to explain one pair: bombs end here, not in hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 2 << 30
"""Most bytes, of both sides."""


HUNK: Final = 1000
"""What looking for the cause of a hunk takes, in bytes that could be unpacked meanwhile."""
TEXT: Final = 10_000
"""What it takes more where the hunk is of text."""
PER_BYTE: Final = 60
"""What each byte of such a text takes."""
DIFFERENCE: Final = 500
"""What telling a difference takes, likewise."""


@dataclass(slots=True)
class Effort:
    """What is left of it; shared by all that looks into one pair."""

    left: int = MOST

    @property
    def spent(self) -> bool:
        """Whether no more is unpacked, and no more causes are looked for."""
        return self.left <= 0

    def hunk(self, text: bool, size: int) -> None:
        """Counts one hunk more; `size` is in bytes, of both sides."""
        self.left -= HUNK + (TEXT + PER_BYTE * size if text else 0)
