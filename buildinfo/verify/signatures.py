"""In what the signatures of two packages differ. Whether they verify is not asked here."""

from __future__ import annotations

from collections.abc import Sequence

from buildinfo.apk.segments import Segment
from buildinfo.apk.signature import Signature
from buildinfo.verify.report import Difference, readable, sha256_of

Signed = tuple[Sequence[Signature], Sequence[Segment]]
"""The signatures of a package, and the segments that hold them."""


def signature_differences(original: Signed, rebuilt: Signed) -> list[Difference]:
    """One difference for each name of a signature whose bytes are not on both sides; else how they are packed."""
    old, new = ({signature.file_name: signature.data for signature in side[0]} for side in (original, rebuilt))
    found = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        if name not in new:
            detail = "only the original is signed so"
        elif name not in old:
            detail = "only the rebuild is signed so"
        else:
            detail = "another signature by a key of the same name"
        found.append(
            Difference(
                layer="signature",
                path=readable(name),
                field=None,
                detail=detail,
                original=sha256_of(old.get(name)),
                rebuilt=sha256_of(new.get(name)),
            )
        )
    return found or _packed_otherwise(original[1], rebuilt[1])


def _packed_otherwise(original: Sequence[Segment], rebuilt: Sequence[Segment]) -> list[Difference]:
    """The same signatures in segments of other bytes."""
    if [segment.sha256 for segment in original] == [segment.sha256 for segment in rebuilt]:
        return []
    if [segment.tar_sha256 for segment in original] == [segment.tar_sha256 for segment in rebuilt]:
        field, what = "compression", "compressed in another way"
    else:
        field, what = "dialect", "in another order, or another dialect of tar"
    return [Difference(layer="framing", path=None, field=field, detail=f"signature: {what}")]
