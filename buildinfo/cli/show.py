"""``show``: what a file holds, for people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a buildinfo (or - for standard input), .apk, index, database, capture"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    from buildinfo import view

    shown = view.look(sys.stdin.buffer.read(view.LARGEST + 1) if args.file == "-" else Path(args.file))
    if args.json:
        json.dump(shown.data, sys.stdout, indent=2)
        print()
    else:
        for line in shown.lines:  # a name in a package may hold anything, also what steers a terminal
            print("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line))
    return 0
