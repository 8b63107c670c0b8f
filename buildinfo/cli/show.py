"""``show``: what a file holds, for people."""

from __future__ import annotations

import argparse
from pathlib import Path

from buildinfo.cli.output import tell, tell_json
from buildinfo.cli.streams import read_once, waits
from buildinfo.cli.trust import add_trust_options, trusted_keys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a buildinfo (or - for standard input), .apk, index, database, capture"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    add_trust_options(parser)


def run(args: argparse.Namespace) -> int:
    from buildinfo import view

    source = read_once(args.file, view.LARGEST) if waits(args.file) else Path(args.file)
    shown = view.look(source, trusted_keys(args))
    if args.json:
        tell_json(shown.data, exact=shown.exact)
    else:
        for line in shown.lines:
            tell(line)
    return 0
