"""``show``: what a file holds, for people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from buildinfo.cli.streams import plain
from buildinfo.cli.trust import add_trust_options, trusted_keys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a buildinfo (or - for standard input), .apk, index, database, capture"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    add_trust_options(parser)


def run(args: argparse.Namespace) -> int:
    from buildinfo import view

    source = sys.stdin.buffer.read(view.LARGEST + 1) if args.file == "-" else Path(args.file)
    shown = view.look(source, trusted_keys(args))
    if args.json:
        json.dump(shown.data, sys.stdout, indent=2)
        print()
    else:
        for line in shown.lines:  # a name in a package may hold anything, also what steers a terminal
            print(plain(line))
    return 0
