"""``index``: indices of what was reproduced."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from buildinfo.cli.output import complain, tell, tell_json
from buildinfo.cli.streams import keys_in, readable, require_apart, source_date_epoch, writable

if TYPE_CHECKING:
    from buildinfo.signature_report import IndexReport

DESCRIPTION = """\
Writes the vendor's index with only the packages in it that were reproduced, signed by the rebuilder.

Packages are matched by their identity, the C: of the index. A record gets in only if it says of the package what the
package says itself; the packages stay the vendor's files. Where original and rebuild lie where the report says, they
are compared again. Whoever trusts the rebuilder's key alone can install what is in this index and nothing else.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from buildinfo.verify.verdict import DEFAULT, LADDER

    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    what = "the vendor's index, filtered to what was reproduced"
    command = verbs.add_parser("reproduced", help=what, formatter_class=parser.formatter_class)
    command.description = DESCRIPTION
    command.add_argument("--from", dest="source", metavar="APKINDEX", required=True, help="the vendor's index")
    command.add_argument(
        "--report", metavar="FILE", required=True, help="what verify --format json printed; - for standard input"
    )
    command.add_argument("--key", metavar="KEY", type=Path, required=True, help="RSA private key to sign with")
    command.add_argument("--name", metavar="NAME", help="of the public key; default: that of KEY, and .pub")
    command.add_argument(
        "--type", choices=("RSA", "RSA256"), default="RSA", help="RSA is over SHA-1; default: %(default)s"
    )
    command.add_argument(
        "--at-least",
        choices=LADDER,
        default=DEFAULT,
        metavar="VERDICT",
        help=f"{', '.join(LADDER)}; default: %(default)s",
    )
    command.add_argument("--keys", metavar="DIR", type=Path, help="the vendor's signature has to hold with these")
    command.add_argument("-o", "--output", metavar="FILE", required=True, help="the index to write; - for stdout")
    command.add_argument("--json", action="store_true", help="print one JSON document")


def _report(path: Path) -> bytes:
    from buildinfo.errors import UnreadableError
    from buildinfo.opening import read_file
    from buildinfo.reported import LARGEST

    try:
        return read_file(path, LARGEST)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error


def run(args: argparse.Namespace) -> int:
    from buildinfo.apk.keys import KeyFolder, read_private_key
    from buildinfo.cli.signature import ask_passphrase
    from buildinfo.errors import UsageError
    from buildinfo.files import replace_file
    from buildinfo.reproduced import reproduced

    if args.json and args.output == "-":
        raise UsageError("--json and the result cannot both go to standard output", mend="use -o FILE")
    if args.source == args.report == "-":
        raise UsageError("standard input can be read only once")
    require_apart(args.output, args.source, args.report, args.key, *keys_in(args.keys))
    with readable(args.source) as source, readable(args.report) as report, writable(args.output) as output:
        data = _report(report)
        made = reproduced(
            source,
            data,
            read_private_key(args.key, ask_passphrase(args.key)),
            at_least=args.at_least,
            keys=None if args.keys is None else KeyFolder(args.keys),
            kind=args.type,
            name=args.name,
            epoch=source_date_epoch(),
            where="standard input" if args.report == "-" else report,
        )
        replace_file(output, made.index)
    found = made.report
    found.index, found.output = args.source, args.output
    for line in _left_out(found):
        complain(line)
    if not found.kept:
        complain("nothing in this index reached the verdict: the result is empty")
    if args.json:
        from dataclasses import asdict

        tell_json(asdict(found))
        return 0
    if args.quiet:
        return 0
    notes = [f"{found.kept} of {found.kept + found.left_out} packages"]
    if found.unchecked:
        notes.append(f"{found.unchecked} of them by the report alone: original or rebuild is not at hand")
    if found.elsewhere:
        notes.append(f"{found.elsewhere} reproduced packages are not in this index")
    if not found.verified:
        notes.append(f"{args.source}: signature not verified")
    tell(f"{args.output}: {'; '.join(notes)}", beside=args.output == "-")
    return 0


def _left_out(report: IndexReport) -> Iterator[str]:
    """Why records are not kept, where the verdict does not say it: one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for package in report.packages:
        if package.why is not None:
            reasons.setdefault(str(package.why), []).append(str(package.package))
    for why, names in reasons.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more}: left out: {why}"
