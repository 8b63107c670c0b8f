"""``finalize``: captures become buildinfos beside their packages."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from buildinfo.cli.output import complain, tell, tell_json

if TYPE_CHECKING:
    from buildinfo.capture.outcome import BuildOutcome, IndexOutcome

DESCRIPTION = """\
Makes a buildinfo of each capture, beside its packages, which become deterministic. An index that does not have them
as they are now is made anew and signed, once for all captures. Captures of builds that failed are passed over.

Exit status: 0 done, 1 an index is stale and left so (--no-reindex), 2 something could not be done.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("captures", metavar="CAPTURE", nargs="*", type=Path, help="default: all that are left behind")
    parser.add_argument("--packages", metavar="DIR", type=Path, help="folder with the ARCH folders that hold them")
    index = parser.add_mutually_exclusive_group()
    index.add_argument("--reindex", action="store_true", help="make every index that an earlier run left stale, too")
    index.add_argument("--no-reindex", action="store_true", help="leave a stale index as it is, and name it")
    parser.add_argument(
        "--unsigned", action="store_true", help="do not sign: packages that change lose their signature"
    )
    parser.add_argument("--sign", action="store_true", help="sign the buildinfo with the packager's key")
    parser.add_argument("--keep", action="store_true", help="do not remove the capture")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--before-index", action="store_true", help=argparse.SUPPRESS)  # the hooks: apk index comes


def run(args: argparse.Namespace) -> int:
    from buildinfo.capture.batch import Batch

    def report(outcome: BuildOutcome | IndexOutcome) -> None:
        _complain(outcome)
        if not args.json:
            _print(outcome)

    batch = Batch(os.environ, report, packages=args.packages, unsigned=args.unsigned, sign=args.sign, keep=args.keep)
    for capture in args.captures:
        batch.capture(capture, before_index=args.before_index)
    if not args.captures:
        batch.left_behind()
    if args.before_index:
        _tell_of_success(batch.report.builds)
    else:
        batch.indices(mend=not args.no_reindex, everything=args.reindex or not args.captures)
    if args.json:
        from dataclasses import asdict

        tell_json(asdict(batch.report))
    elif not batch.report.builds and not batch.report.indices:
        tell("no captures are left behind")
    return batch.status


def _print(outcome: BuildOutcome | IndexOutcome) -> None:
    """What was done."""
    if hasattr(outcome, "path"):
        if outcome.result == "made-anew":
            tell(f"{outcome.path}: made anew")
    elif outcome.record is not None:
        tell(f"{outcome.record}: {'written' if outcome.written else 'unchanged'}")
        for package in outcome.normalized:
            tell(f"{package}: normalized")


def _complain(outcome: BuildOutcome | IndexOutcome) -> None:
    """What the user should know."""
    if hasattr(outcome, "path"):
        if outcome.result == "stale":
            complain(f"{outcome.path} is stale: {outcome.reason} (run finalize --reindex)")
        elif outcome.result == "error":
            mend = "when that is mended, run finalize again"
            complain(f"{outcome.path} is stale and could not be made anew: {outcome.reason} ({mend})")
    elif outcome.record is not None:
        for note in outcome.notes:
            complain(f"{Path(outcome.record).name}: {note}")
    elif outcome.result == "failed":
        complain(f"{outcome.capture} is passed over: {outcome.reason} (doctor --clean removes it)")
    else:
        for line in (outcome.reason, *outcome.notes):
            complain(str(line))


def _tell_of_success(builds: list[BuildOutcome]) -> None:
    """At the index abuild's own output goes on; one line says where the record is."""
    from buildinfo.capture.outcome import in_one_line
    from buildinfo.capture.settings import is_on

    if not is_on(os.environ, "BUILDINFO_QUIET"):
        for outcome in builds:
            if outcome.record is not None:
                complain(in_one_line(outcome))
