"""``compare-records``: in what the buildinfos of two builds differ."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from buildinfo.cli.output import put
from buildinfo.cli.streams import readable
from buildinfo.cli.trust import add_trust_options, trusted_keys

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder
    from buildinfo.model import BuildInfo

DESCRIPTION = """\
Compares the buildinfos of two builds: sources, tools, environment, conditions, outputs.

Exit status: 0 if the digests of source, environment and outputs are all the same, 1 if one is not.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("original", metavar="A", help="a buildinfo; - for standard input")
    parser.add_argument("rebuilt", metavar="B", help="the buildinfo of another build")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_trust_options(parser)


def run(args: argparse.Namespace) -> int:
    from buildinfo.errors import UsageError
    from buildinfo.verify.report import to_json
    from buildinfo.verify.reports.records import compared, render

    names = [args.original, args.rebuilt]
    if names == ["-", "-"]:
        raise UsageError("standard input can be read only once")
    keys = trusted_keys(args)
    if keys is not None and "-" in names:
        raise UsageError("standard input has no signature beside it", mend="name the file")
    first, second = (_read(name, keys) for name in names)
    report = compared(args.original, first, args.rebuilt, second)
    put(to_json(report) if args.json else render(report))
    return int(not all(report.same.values()))


def _read(name: str, keys: KeyFolder | None) -> BuildInfo:
    from buildinfo.document import read

    with readable(name) as path:
        return read(path, keys)
