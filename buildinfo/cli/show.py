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

    shown = view.look(sys.stdin.buffer.read() if args.file == "-" else Path(args.file))
    if args.json:
        json.dump(shown.data, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream here
        print("\n".join(shown.lines))
    return 0
