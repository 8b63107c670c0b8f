"""``signature``: list, take off, put back, add and verify the signatures of packages and indices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from buildinfo.cli.output import complain, tell, tell_json
from buildinfo.cli.streams import by_name, keys_in, readable, require_apart, source_date_epoch, writable

if TYPE_CHECKING:
    from buildinfo.errors import FormatError
    from buildinfo.signature_report import SignatureFile

DESCRIPTION = """\
Signatures of v2 packages and indices are data: they can be taken off and put back.

A rebuild whose control and data segments are the original's becomes the original, byte for byte, when the original's
signature is put on it: the strongest proof that there is. Keys are taken from where you say and from nowhere else.
"""

VERBS = {
    "list": "what signatures a file holds",
    "extract": "write the signatures of a file to a file of their own",
    "strip": "write a file without its signatures",
    "graft": "put the signatures of an original on its rebuild",
    "add": "sign in addition to the signatures that are there",
    "verify": "check signatures, and that what they cover is whole",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    verbs = parser.add_subparsers(prog=parser.prog, dest="verb", metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        description = summary[0].upper() + summary[1:] + "."
        command = verbs.add_parser(verb, help=summary, description=description, formatter_class=parser.formatter_class)
        if verb == "graft":
            what = "the signed original, or what extract wrote of it"
            command.add_argument("--from", dest="original", metavar="ORIGINAL", required=True, help=what)
        _add_files(command, verb)
        if verb in ("extract", "strip", "graft", "add"):
            in_place = "; default: in place" if verb == "add" else ""
            command.add_argument(
                "-o",
                "--output",
                metavar="FILE",
                required=verb != "add",
                help=f"the file to write; - for stdout{in_place}",
            )
        if verb in ("graft", "verify"):
            what = "folder of the public keys to verify with"
            command.add_argument("--keys", metavar="DIR", type=Path, required=verb == "verify", help=what)
        if verb == "add":
            command.add_argument("--key", metavar="KEY", type=Path, required=True, help="RSA private key to sign with")
            command.add_argument("--name", metavar="NAME", help="of the public key; default: that of KEY, and .pub")
            command.add_argument(
                "--type", choices=("RSA", "RSA256"), default="RSA", help="RSA is over SHA-1; default: %(default)s"
            )
        command.add_argument("--json", action="store_true", help="print one JSON document")


def _add_files(command: argparse.ArgumentParser, verb: str) -> None:
    what = "a package or index; - for standard input"
    if verb in ("list", "verify", "add"):
        command.add_argument("files", metavar="FILE", nargs="+", help=what)
    else:
        command.add_argument("files", metavar="REBUILT" if verb == "graft" else "FILE", nargs=1, help=what)


def run(args: argparse.Namespace) -> int:
    from buildinfo.errors import UsageError

    output = getattr(args, "output", None)
    if output is None and args.verb == "add" and "-" in args.files:
        output = "-"
    if output is not None and len(args.files) > 1:
        raise UsageError("-o and - go with a single FILE")
    if args.json and output == "-":
        raise UsageError("--json and the result cannot both go to standard output", mend="use -o FILE")
    if [*args.files, getattr(args, "original", None)].count("-") > 1:
        raise UsageError("standard input can be read only once")
    others = [name for name in (getattr(args, "original", None), getattr(args, "key", None)) if name is not None]
    require_apart(output, *args.files, *others, *keys_in(getattr(args, "keys", None)))
    verb = _verb(args)
    results = [_one(verb, name, output) for name in args.files]
    if args.json:
        from dataclasses import asdict

        tell_json({"files": [asdict(result) for result in results]})
    for result in results:
        _say(args, result, output)
    found = {result.result for result in results}
    return 2 if "error" in found else 1 if "does-not-hold" in found else 0


def _verb(args: argparse.Namespace) -> Callable[[Path, Path | None], SignatureFile]:
    """What is to be done with a file and an output, everything else being said."""
    from buildinfo import signatures
    from buildinfo.apk.keys import KeyFolder, read_private_key

    keys = KeyFolder(args.keys) if getattr(args, "keys", None) else None
    if args.verb == "list":
        return lambda path, _: signatures.list_signatures(path)
    if args.verb == "verify":
        assert keys is not None  # argparse requires it
        return lambda path, _, keys=keys: signatures.verify(path, keys)  # type: ignore[misc]  # a default that binds
    if args.verb == "add":
        key = read_private_key(args.key, ask_passphrase(args.key))
        epoch = source_date_epoch()
        return lambda path, output: signatures.add(
            path, key, kind=args.type, name=args.name, epoch=epoch, output=output
        )

    def written(path: Path, output: Path | None) -> SignatureFile:
        assert output is not None  # argparse requires it
        if args.verb == "graft":
            with readable(args.original) as original:
                return signatures.graft(original, path, output, keys)
        return (signatures.extract if args.verb == "extract" else signatures.strip)(path, output)

    return written


def _one(verb: Callable[[Path, Path | None], SignatureFile], name: str, output: str | None) -> SignatureFile:
    """The result for one file under the name that the user gave, whatever comes of it."""
    from buildinfo.errors import BuildinfoError, FormatError, SignatureError
    from buildinfo.model import as_text
    from buildinfo.signature_report import SignatureFile

    try:
        with readable(name) as path:
            if output is None:
                result = verb(path, None)
            else:
                with writable(output) as target:
                    result = verb(path, target)
    except BuildinfoError as error:
        if isinstance(error, FormatError):
            error = _misplaced(error, name) or error
        outcome = "does-not-hold" if isinstance(error, SignatureError) else "error"
        return SignatureFile(
            path=name,
            kind=None,
            result=outcome,  # type: ignore[arg-type]  # one of the results
            reason=as_text(str(error)),
            output=None,
            verified=False,
            signatures=[],
        )
    if isinstance(result.reason, str):
        result.reason = by_name(result.reason, path, name)
    result.path = name
    result.output = result.output and (output or result.output)
    return result


def _misplaced(error: FormatError, name: str) -> FormatError | None:
    """What to say instead where a file is neither a package nor an index."""
    from buildinfo.kind import kind_of, misplaced

    if name == "-" or kind_of(Path(name)) in ("empty", "v3", "zip", "index"):
        return None
    return misplaced(Path(name), "package")


def _say(args: argparse.Namespace, result: SignatureFile, output: str | None) -> None:
    """One line for a file, and one for each signature where they are asked for."""
    reason = "" if result.reason is None else str(result.reason)
    if result.result in ("error", "does-not-hold"):
        prefix = "" if reason.startswith(f"{result.path}: ") or result.path == "-" else f"{result.path}: "
        complain(prefix + reason)
        return
    if args.json or args.quiet:
        return
    done = {"listed": result.kind, "holds": "holds", "done": f"{result.output} written"}[result.result]
    line = f"{result.path}: {done}{f': {reason}' if reason else ''}"
    tell(line, beside=output == "-")
    if args.verb in ("list", "verify"):
        for entry in result.signatures:
            tell(f"  {entry.type:<6} {entry.key_name} {entry.size} bytes {entry.status}")


def ask_passphrase(path: Path) -> Callable[[], bytes] | None:
    """What asks for the passphrase of a key, where somebody sits at a terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None

    def ask() -> bytes:
        import getpass

        from buildinfo.text import plain

        return getpass.getpass(plain(f"Passphrase of {path}: ")).encode()

    return ask
