"""What normalizing leaves alone in two packages, because somebody vouches for it, and digests of files in others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from buildinfo.normalize.digests import digests_of, spellings
from buildinfo.normalize.inside import parts
from buildinfo.normalize.job import Change, Report
from buildinfo.normalize.vouch import Search
from buildinfo.normalize.vouchnames import integrity_attribute, signed_names
from buildinfo.verify.contents import Contents, Key

Pair = tuple[bytes, bytes]

MAX_OPENED: Final = 64 << 20
"""Bytes of the largest file whose inner files' digests are looked for in text."""


def vouchers(sides: Sequence[Contents], reports: Sequence[Report], keys: Iterable[Key]) -> dict[str, str]:
    """Who vouches for contents that normalizing would change: their SHA-256 -> why they stay.

    Args:
        sides: the packages.
        reports: of each what normalizing its differing files would do.
        keys: these files.
    """
    found: dict[str, str] = {}
    keys = list(keys)
    for side, report in zip(sides, reports, strict=True):
        if not report.digests:
            continue
        search = Search([report])
        files = [(key[0], entry) for key in keys if (entry := side.file_of(key)) is not None]
        changes = [Change(path, "", entry.sha256.hex(), "") for path, entry in files]
        search.signed(dict(signed_names({path for path, _ in side.entries})), changes)
        search.package(side.path)
        found |= search.reasons(side.path.name)
        for _, entry in files:
            if reason := integrity_attribute(entry.member.xattrs):
                found[entry.sha256.hex()] = reason
    return found


def stated_digests(contents: Iterable[Pair], reports: Sequence[Report]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """How digests of differing files, and of what they hold, are spelled: in the original, and in the rebuild.

    Args:
        contents: the differing files on both sides.
        reports: what normalizing them would do, which knows archives inside archives.
    """
    digests: list[set[bytes]] = [set(), set()]
    for side, report in enumerate(reports):
        digests[side] |= {digest for each in (report.digests or {}).values() for digest in each.values()}
    for both in contents:
        for side, data in enumerate(both):
            digests[side] |= set(digests_of(data).values())
            if len(data) <= MAX_OPENED:
                for part in parts(data, ""):
                    if not part.names and part.data is not data:
                        digests[side] |= set(digests_of(part.data).values())
    old, new = (frozenset(text for each in side for text in spellings(each)) for side in digests)
    return old, new
