"""Causes that show where a file is vouched for, or vouches for another."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain.cause import MARK, Cause, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk

_LEAST, _MOST = 12, 64
"""Bytes of two raw digests that differ."""
_DIGEST: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z+/_-]{22,128}(?![0-9A-Za-z+/_-])")
"""What may be a digest in hex or base64, without its padding."""


class Vouched(Cause):
    name = "vouched"
    title = "a file was left as it was built, because a digest of it is stated elsewhere, or it is signed"
    advice = (
        "Normalizing must not touch it: what checks the digest would refuse it. Make it reproducible where it is built "
        "(SOURCE_DATE_EPOCH, sorted members), before the digest is taken; the other causes say in what it differs."
    )
    kinds = frozenset(("vouched",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.9


class StatedDigest(TextCause):
    name = "stated-digest"
    title = "a file states the digest of another one that differs"
    advice = "It follows from that other file: mend what makes that one differ."
    certainty = 0.95
    kinds = frozenset((*TextCause.kinds, "bytes"))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind != "bytes":
            return super().weigh(hunk, evidence)
        before, after = hunk.before, hunk.after
        if evidence.files is None or len(before) != len(after) or not _LEAST <= len(before) <= _MOST:
            return 0.0
        # Some of the first and of the last bytes of two digests may be the same.
        old, new = (
            {(text.find(part), len(text)) for text in side if part in text}
            for part, side in zip((before, after), evidence.files.stated_digests(), strict=True)
        )
        return self.certainty if old & new else 0.0

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if evidence.files is None or not (_DIGEST.search(before) and _DIGEST.search(after)):
            return before, after
        old, new = evidence.files.stated_digests()
        return _masked(before, old), _masked(after, new)


def _masked(text: bytes, digests: frozenset[bytes]) -> bytes:
    return _DIGEST.sub(lambda match: MARK if match[0] in digests else match[0], text)


CAUSES: Final[tuple[Cause, ...]] = (Vouched(), StatedDigest())
