"""The command line: one module per command, and no logic.

Each command module has ``configure(parser)`` and ``run(args) -> int``. A module is imported
only when its command is named, so that ``--help`` stays instant.

Exit status everywhere: 0 it holds / done, 1 it does not hold, 2 could not tell.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

from buildinfo import __version__
from buildinfo.errors import BuildinfoError

PROGRAM = "abuild-buildinfo"

#: Command name -> what it does, in the order of the manual.
COMMANDS = {
    "enable": "switch the hooks on for this user, or with --system for all",
    "disable": "switch the hooks off again",
    "doctor": "check keys, configuration, hooks, tools and captures left behind",
    "finalize": "turn captures into a buildinfo beside its packages",
    "normalize": "make packages, archives and trees deterministic",
    "show": "show a buildinfo, package, index, installed database or capture",
    "validate": "check a buildinfo against its schema and its own digests",
    "schema": "print a JSON Schema, or list them",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says NoReturn; so do we
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _joined(words: Sequence[str]) -> Iterator[str]:
    """The words, `--handlers -NAME` as one: argparse would take the second for an option."""
    rest = iter(words)
    for word in rest:
        if word == "--handlers" and (value := next(rest, None)) is not None:
            yield f"{word}={value}"
        else:
            yield word


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words behind the program's name; default ``sys.argv[1:]``.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _Parser(
        prog=PROGRAM,
        description="Records how Alpine packages were built, so that anybody can build them again and compare.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 it holds, 1 it does not hold, 2 could not tell.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    named = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == named:
            import_module(f"buildinfo.cli.{name}").configure(command)
    try:
        args = parser.parse_args(list(_joined(words)))
        if args.command is None:
            parser.error("no command is given")
        return int(import_module(f"buildinfo.cli.{args.command}").run(args))
    except BuildinfoError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"{PROGRAM}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
