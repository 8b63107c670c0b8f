"""What became of builds: for ``finalize --json``, for the log of a farm, and in one line for people."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from buildinfo.errors import UnreadableError
from buildinfo.parts import about, part
from buildinfo.text import to_json

Result = Literal["recorded", "incomplete", "failed", "error"]


@part
class BuildOutcome:
    """What became of one build, or of its capture."""

    result: Result = about(
        "recorded: its record is there; incomplete: it is, and something could not be done, such as signing; "
        "failed: the build ended before its packages were made; error: no record, though there are packages."
    )
    origin: str | None = about("What was built; null where that is not known.")
    version: str | None = about("pkgver-rPKGREL.")
    arch: str | None = about("CARCH.")
    repository: str | None = about("The folder below REPODEST.", default=None)
    capture: str = about("The capture, whether it is still there or not.")
    record: str | None = about("The buildinfo.", default=None)
    written: bool = about("Whether the bytes of the buildinfo changed.", default=False)
    packages: list[str] = about("The packages of the build.", default_factory=list)
    normalized: list[str] = about("Those of them whose bytes changed.", default_factory=list)
    left_alone: int = about("How many files in packages were left alone for a reason.", default=0)
    taints: list[str] = about("Names of what spoils the record.", default_factory=list)
    notes: list[str] = about("What the user should know, one line each.", default_factory=list)
    reason: str | None = about("Why it failed, or has no record.", default=None)


@part
class LogLine(BuildOutcome):
    """One line of the file that BUILDINFO_LOG names: one for each build, a JSON object."""

    time: int = about("When the line was written: seconds since 1970-01-01 UTC.")


@part
class IndexOutcome:
    """An index that did not have a package as it is now."""

    path: str = about("The index.")
    result: Literal["made-anew", "stale", "error"] = about("stale: left as it is, as was asked.")
    reason: str | None = about("In what it was stale, or why it could not be made.")


@part
class FinalizeReport:
    """What `finalize --json` prints."""

    builds: list[BuildOutcome] = about("One for each capture that was named or left behind.")
    indices: list[IndexOutcome] = about("Those that were stale.")


def in_one_line(outcome: BuildOutcome) -> str:
    """What a packager wants to know of a build that went well."""
    parts = [f"record {outcome.record}"]
    parts.append(f"{len(outcome.normalized)} of {len(outcome.packages)} packages normalized")
    if outcome.left_alone:
        parts[-1] += f", {outcome.left_alone} {'file' if outcome.left_alone == 1 else 'files'} left alone"
    parts.append(f"taints: {', '.join(outcome.taints) or 'none'}")
    return f"{outcome.origin}-{outcome.version}: {'; '.join(parts)}"


def log(outcome: BuildOutcome, settings: Mapping[str, str]) -> None:
    """Append a line to the log that BUILDINFO_LOG names, if it names one.

    Raises:
        UnreadableError: it cannot be written.
    """
    path = settings.get("BUILDINFO_LOG", "")
    if not path.startswith("/"):
        return
    line = to_json({"time": int(time.time()), **asdict(outcome)}, indent=None) + "\n"
    try:
        # A pipe that nobody reads is an error, not a build that hangs.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY, 0o644)
        try:
            # At once: builds that end together do not mix their lines.
            if os.write(descriptor, line.encode()) < len(line):
                raise OSError(errno.ENOSPC, "only a part of the line fits")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableError(f"BUILDINFO_LOG cannot be written: {error.strerror}", where=path) from error
