"""How wide the reader's terminal is. The help of every command asks, so nothing else is imported here."""

from __future__ import annotations

import os


def columns(otherwise: int) -> int:
    """How wide the reader's terminal is: what COLUMNS says, else what the terminal says, else `otherwise`."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isascii() and stated.isdecimal() and 0 < len(stated) < 6 and int(stated):
        return int(stated)
    try:
        return os.get_terminal_size(1).columns or otherwise
    except OSError:
        return otherwise
