"""One-factor pairs: two real packages that differ because of one known thing. Who names causes has to pass.

Each pair of `FACTORS` is made by the real program, run twice with one thing varied; its `name` is the cause that has to
come first. Each pair of `NEAR` looks like its `name` and is not. In those of `MIXED` two things are varied. The pairs
know nothing of what looks at them.
"""

from __future__ import annotations

import pairs_archives
import pairs_contents
import pairs_documents
import pairs_elf
import pairs_framing
import pairs_headers
import pairs_languages
import pairs_nested
import pairs_pkginfo
import pairs_python
import pairs_text
from pairs_making import Factor, Missing
from pairs_mixed import MIXED, MIXED_FACTORS
from pairs_packing import Pair

__all__ = ["FACTORS", "MIXED", "MIXED_FACTORS", "NEAR", "Factor", "Missing", "Pair"]

_ROOMS = (
    pairs_framing,
    pairs_pkginfo,
    pairs_contents,
    pairs_python,
    pairs_elf,
    pairs_archives,
    pairs_documents,
    pairs_text,
    pairs_languages,
    pairs_nested,
    pairs_headers,
)

FACTORS: tuple[Factor, ...] = tuple(factor for room in _ROOMS for factor in room.FACTORS)
NEAR: tuple[Factor, ...] = tuple(factor for room in _ROOMS for factor in room.NEAR)
