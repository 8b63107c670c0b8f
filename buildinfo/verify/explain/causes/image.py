"""Causes that show in images of boot loaders and kernels."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain import dates
from buildinfo.verify.explain.cause import MARK, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_BANNERS: Final = (
    # U-Boot SPL 2024.04 (Apr 05 2024 - 12:00:00 +0000): U_BOOT_DATE, U_BOOT_TIME, U_BOOT_TZ
    Pattern(
        rb"(?P<known>\b(?:U-Boot|barebox|Barebox)\b[^()\n]{0,60}\()"
        + _MONTH
        + rb" [ 0-3]\d \d{4} - \d\d:\d\d:\d\d(?: [+-]\d{4})?"
    ),
    # barebox 2024.04.0 #1 Fri Apr  5 12:00:00 UTC 2024; #1 SMP PREEMPT_DYNAMIC Fri Apr  5 12:00:00 UTC 2024
    Pattern(
        rb"(?P<known>#\d+[\w~.-]*(?: SMP)?(?: PREEMPT\w*)? )(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d\d? )?"
        + _MONTH
        + rb"[ \d]{0,4} (?:\d{4} )?\d\d:\d\d:\d\d (?:[A-Z]{2,5} |[+-]\d{4} ?)?(?:\d{4})?"
    ),
    # v2.10.0(release):v2.10.0, Built : 12:00:00, Apr  5 2024: TF-A
    Pattern(rb"(?P<known>\bBuilt ?: ?)\d\d:\d\d:\d\d, " + _MONTH + rb" [ 0-3]\d \d{4}"),
)


class ImageTime(TextCause):
    name = "image-time"
    title = "an image of a boot loader or kernel holds the time it was made"
    advice = (
        "Export SOURCE_DATE_EPOCH where mkimage and U-Boot's Makefile run; for Linux pass KBUILD_BUILD_TIMESTAMP="
        '"@$SOURCE_DATE_EPOCH" (with KBUILD_BUILD_USER and KBUILD_BUILD_HOST).'
    )
    kinds = frozenset(("text", "string", "uimage", "fdt"))
    certainty = 0.96
    records = ("epoch", "environment:SOURCE_DATE_EPOCH", "environment:KBUILD_BUILD_TIMESTAMP")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if hunk.kind == "text" and b"Linux version" not in before and b"U-Boot" not in before:
            return before, after
        for banner in _BANNERS:
            if banner.search(before) and banner.search(after):
                before, after = banner.sub(_kept, before), banner.sub(_kept, after)
        return before, after

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "uimage":
            return self.certainty if hunk.name == "time" else 0.0
        if hunk.kind != "fdt":
            return super().weigh(hunk, evidence)
        if hunk.name == "timestamp" and all(side.isdigit() for side in (hunk.before, hunk.after) if side):
            return self.certainty
        return (
            0.9
            if dates.differing(hunk.before, hunk.after) and hunk.name in ("description", "version", "comment")
            else 0.0
        )


def _kept(match: re.Match[bytes]) -> bytes:
    return match["known"] + MARK


CAUSES: Final[tuple[TextCause, ...]] = (ImageTime(),)
