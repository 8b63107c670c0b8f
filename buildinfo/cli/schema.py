"""``schema``: the JSON Schemas of the public documents."""

from __future__ import annotations

import argparse

from buildinfo.cli.output import put, tell


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="which; without it, list them")


def run(args: argparse.Namespace) -> int:
    from buildinfo import schema

    if args.name is None:
        for name, summary in schema.SCHEMAS.items():
            tell(f"{name}  {summary}")
    else:
        put(schema.render(args.name))
    return 0
