"""What the tests of one handler share: normalize some bytes as the command line would."""

from __future__ import annotations

from collections.abc import Callable

from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.job import Budget, Job, Report, Timestamps
from buildinfo.normalize.registry import select

EPOCH = 1423159771
"""The time that strip-nondeterminism's own tests use."""


def normalize(
    data: bytes,
    *,
    name: str = "",
    epoch: int = EPOCH,
    timestamps: Timestamps = "clamp",
    handlers: str = "all",
    source_time: Callable[[], int | None] | None = None,
) -> tuple[bytes, Report]:
    """Normalize one file; malformed input raises FormatError."""
    report = Report()
    job = Job(select(handlers, epoch, timestamps), name, report, Budget.of(len(data)), source_time=source_time)
    return normalize_content(data, job, strict=True), report
