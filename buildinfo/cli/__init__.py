"""The command line: one module per command, and no logic.

Each command module has ``configure(parser)`` and ``run(args) -> int``. A module is imported
only when its command is named, so that ``--help`` stays instant.

Exit status everywhere: 0 it holds / done, 1 it does not hold, 2 could not tell.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType

from buildinfo import __version__
from buildinfo.errors import BuildinfoError, SignatureError

PROGRAM = "abuild-buildinfo"

#: Command name -> what it does, in the order of the manual.
COMMANDS = {
    "enable": "switch the hooks on for this user, or with --system for all",
    "disable": "switch the hooks off again",
    "doctor": "check keys, configuration, hooks, tools and captures left behind",
    "finalize": "turn captures into a buildinfo beside its packages",
    "normalize": "make packages, archives and trees deterministic",
    "verify": "compare packages with their rebuilds: how much is the same, and why not more",
    "compare-records": "compare the buildinfos of two builds",
    "show": "show a buildinfo, package, index, installed database or capture",
    "validate": "check a buildinfo against its schema and its own digests",
    "signature": "list, take off, put back, add and verify signatures of packages and indices",
    "index": "write an index of what was reproduced",
    "schema": "print a JSON Schema, or list them",
}


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. Left alone, argparse imports shutil to find that out, for every option once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


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


def _end(number: int, _: object) -> None:
    """Ends as after an error, so that nothing half-written is left behind."""
    sys.exit(128 + number)


def _module(command: str) -> ModuleType:
    return import_module(f"buildinfo.cli.{command.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words behind the program's name; default ``sys.argv[1:]``.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # Looking for garbage where there is none, at the end above all, would take as long as reading a small file.
        gc.set_threshold(5000)
        atexit.register(gc.freeze)
    signal.signal(signal.SIGTERM, _end)
    parser = _Parser(
        prog=PROGRAM,
        description="Records how Alpine packages were built, so that anybody can build them again and compare.",
        formatter_class=_Help,
        epilog="Exit status: 0 it holds, 1 it does not hold, 2 could not tell.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(prog=PROGRAM, dest="command", metavar="COMMAND", parser_class=_Parser)
    named = next((word for word in words if not word.startswith("-")), None)
    alone = words[:1] == [named] and named in COMMANDS  # nobody will see the others, and each takes time
    for name, summary in COMMANDS.items():
        if alone and name != named:
            continue
        description = summary[0].upper() + summary[1:] + "."
        command = commands.add_parser(name, help=summary, description=description, formatter_class=_Help)
        if name == named:
            _module(name).configure(command)
    try:
        args = parser.parse_args(list(_joined(words)))
        if args.command is None:
            parser.error("no command is given")
        return int(_module(args.command).run(args))
    except BuildinfoError as error:
        from buildinfo.cli.streams import plain

        print(f"{PROGRAM}: {plain(str(error))}", file=sys.stderr)
        return 1 if isinstance(error, SignatureError) else 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"{PROGRAM}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
