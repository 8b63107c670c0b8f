"""``validate``: a buildinfo against its schema and its own digests, or a report of verify against its schema."""

from __future__ import annotations

import argparse
from pathlib import Path

from buildinfo.cli.output import complain, tell, tell_json
from buildinfo.cli.streams import read_once, waits
from buildinfo.cli.trust import add_trust_options, trusted_keys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a buildinfo or a report of verify (JSON); - for standard input"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    add_trust_options(parser)


def run(args: argparse.Namespace) -> int:
    from buildinfo.errors import BuildinfoError, RecordError, SignatureError, UsageError
    from buildinfo.validate import LARGEST, validate

    keys = trusted_keys(args)
    if keys is not None and "-" in args.files:
        raise UsageError("standard input has no signature beside it", mend="name the file")
    results = []
    for name in args.files:
        status, reason = 0, None
        try:
            if waits(name):
                where = "standard input" if name == "-" else name
                validate(read_once(name, LARGEST), where=where)
            else:
                validate(Path(name), keys)
        except (RecordError, SignatureError) as error:
            status, reason = 1, str(error)
        except BuildinfoError as error:
            status, reason = 2, str(error)
        results.append({"path": name, "result": ("valid", "invalid", "error")[status], "reason": reason})
        if reason is not None:
            complain(reason)
        elif not args.json:
            tell(f"{name}: valid")
    if args.json:
        tell_json({"files": results})
    worst = {str(result["result"]) for result in results}
    return 2 if "error" in worst else 1 if "invalid" in worst else 0
