"""``abuild-buildinfo doctor``: can the hooks work here, and what is left of builds?"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from buildinfo.cli.output import tell, tell_json
from buildinfo.install.checks import examine
from buildinfo.install.situation import Situation

DESCRIPTION = """\
Checks the configuration, the hook files, programs, the key, the environment and what is left behind. Each line begins
with ok, warn or fail, and ends with the mend. Nothing is changed. Exit status: 0 without a fail, 1 with one.

With --clean nothing is checked. What nobody needs any more is removed, each with the reason: captures of builds that
failed or that cannot be finalized any more, unfinished files whose writers are gone, records of packages that are gone.
What may be of use stays. Exit status: 0, 2 if something cannot be removed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--json", action="store_true", help="print one JSON document")

    parser.add_argument("--clean", action="store_true", help="remove what is left over, instead of checking")


def run(args: argparse.Namespace) -> int:
    if args.clean:
        return _clean(Situation(os.environ), as_json=args.json)
    findings = examine(Situation(os.environ))
    if args.json:
        tell_json({"checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mend = "" if finding.mend is None else f": {finding.mend}"
            tell(f"{finding.status:<5} {finding.detail}{mend}")
    return int(any(finding.status == "fail" for finding in findings))


def _clean(situation: Situation, *, as_json: bool) -> int:
    from buildinfo.install.leftovers import everything, remove

    removed: list[dict[str, str]] = []
    left: list[dict[str, str]] = []
    status = 0
    for item in list(everything(situation)):
        entry = {"path": str(item.path), "why": item.why}
        if item.mend is not None:
            left.append({**entry, "mend": item.mend})
        elif remove(item):
            removed.append(entry)
        else:
            left.append({**entry, "mend": "it cannot be removed: check owner and mode, of the folder too"})
            status = 2
    if as_json:
        tell_json({"removed": removed, "left": left})
    else:
        for entry in removed:
            tell(f"removed {entry['path']}: {entry['why']}")
        for entry in left:
            tell(f"left {entry['path']}: {entry['why']}: {entry['mend']}")
        if not removed and not left:
            tell("nothing is left over")
    return status
