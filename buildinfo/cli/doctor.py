"""``abuild-buildinfo doctor``: can the hooks work here, and what is left of builds?"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

from buildinfo.install.checks import examine
from buildinfo.install.situation import Situation


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check the configuration, the hook files, programs, the key, the environment and captures left behind. "
        "Each line begins with ok, warn or fail, and ends with the mend. Nothing is changed. "
        "Exit status: 0 without a fail, 1 with one."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    findings = examine(Situation(os.environ))
    if args.json:
        print(json.dumps({"checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            mend = "" if finding.mend is None else f": {finding.mend}"
            print(f"{finding.status:<5} {finding.detail}{mend}")
    return int(any(finding.status == "fail" for finding in findings))
