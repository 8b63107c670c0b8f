"""``schema``: the JSON Schemas of the public documents."""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="which; without it, list them")


def run(args: argparse.Namespace) -> int:
    from buildinfo import schema

    if args.name is None:
        for name, summary in schema.SCHEMAS.items():
            print(f"{name}  {summary}")
    else:
        sys.stdout.write(schema.render(args.name))
    return 0
