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
from typing import Any

from buildinfo import __version__
from buildinfo.cli.output import PROGRAM as PROGRAM
from buildinfo.cli.terminal import columns
from buildinfo.errors import BuildinfoError, SignatureError

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
    "validate": "check a buildinfo against its schema and its own digests, or a report against its schema",
    "signature": "list, take off, put back, add and verify signatures of packages and indices",
    "index": "write an index of what was reproduced",
    "schema": "print a JSON Schema, or list them",
}


#: Command -> what exit status 0, 1 and 2 mean, where its own help does not say it.
STATUS = {
    "enable": ("the hooks are on", "", "they could not be switched on"),
    "disable": ("the hooks are off", "", "they could not be switched off"),
    "finalize": ("every build has its buildinfo", "an index is stale", "a build could not be finished"),
    "normalize": ("done, or nothing would change", "--check: something would", "a file could not be read or written"),
    "show": ("it was read", "the signature that is asked for is missing or does not hold", "it cannot be read"),
    "validate": ("every file holds", "one does not", "one cannot be read, or is no buildinfo"),
    "signature": ("done, or it holds", "a signature does not hold", "a file could not be read or written"),
    "index": ("the index is written", "a signature does not hold", "something could not be read or written"),
    "schema": ("it is printed", "", "there is none of that name"),
}


_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end the program, unless whoever started it made it ignore them, as nohup does."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. Left alone, argparse imports shutil to find that out, for every option once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns(80) - 2)


class _Parser(argparse.ArgumentParser):
    """Options are never abbreviated: a script would mean another one once a longer one is added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says NoReturn; so do we
        from buildinfo.cli.output import tell

        tell(f"{self.prog}: {message} (see {self.prog} --help)", beside=True)
        self.exit(2)


def _joined(words: Sequence[str]) -> Iterator[str]:
    """The words, `--handlers -NAME` as one: argparse would take the second for an option."""
    rest = iter(words)
    for word in rest:
        if word == "--handlers" and (value := next(rest, None)) is not None:
            yield f"{word}={value}"
        else:
            yield word


def _complete(command: argparse.ArgumentParser, name: str) -> None:
    """Adds what every command has: -q, and what its exit status means."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                _complete(verb, name)
    if command.epilog is None and name in STATUS and "Exit status:" not in (command.description or ""):
        meanings = [f"  {status}  {meaning}" for status, meaning in enumerate(STATUS[name]) if meaning]
        command.epilog = "\n".join(["Exit status:", *meanings])
    what = "say nothing but errors; what --json, --format or -o asks for is written all the same"
    command.add_argument("-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help=what)


def _run(args: argparse.Namespace) -> int:
    """Runs the command; with -q what it says on standard output goes nowhere."""
    args.quiet = getattr(args, "quiet", False)
    run = _module(args.command).run
    if not args.quiet or getattr(args, "json", False) or args.command == "schema":
        return int(run(args))
    from buildinfo.cli.streams import quiet

    with quiet():
        return int(run(args))


def _end(number: int, _: object) -> None:
    """Ends as after an error, so that nothing half-written is left behind; nothing disturbs that."""
    for other in (signal.SIGINT, *_ENDING):
        signal.signal(other, _stay)
    sys.exit(128 + number)


def _stay(number: int, _: object) -> None:
    """Nothing: what ends already is not disturbed. (Python complains of signals that are ignored as they come.)"""


def _module(command: str) -> ModuleType:
    return import_module(f"buildinfo.cli.{command.replace('-', '_')}")


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these words; of the commands only the one they name knows its options."""
    parser = _Parser(
        prog=PROGRAM,
        description="Records how Alpine packages were built, so that anybody can build them again and compare.",
        formatter_class=_Help,
        epilog="Exit status: 0 it holds, 1 it does not hold, 2 could not tell.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {__version__}")
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
            _complete(command, name)
    return parser


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
    from buildinfo.cli import output

    output.prepare()
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        return output.finished(_status(words))
    except SystemExit as ended:  # --help, wrong words, and signals
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 2
        raise SystemExit(output.finished(status)) from None
    except KeyboardInterrupt:
        return 130


def _status(words: list[str]) -> int:
    """The exit status of a command; what goes wrong is a line on standard error, whatever it is."""
    from buildinfo.cli.output import complain

    try:
        return _run(_parsed(words))
    except BuildinfoError as error:
        complain(str(error))
        return 1 if isinstance(error, SignatureError) else 2
    except BrokenPipeError:  # nobody wants to know more
        return 2
    except OSError as error:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        complain(f"{where}{error.strerror or error}")
        return 2
    except Exception as error:
        reason = _last_resort(error)
    complain(reason)  # out here nothing holds the memory any more that was short
    return 2


def _last_resort(error: Exception) -> str:
    """What to say of an error that nobody has foreseen."""
    if sys.flags.dev_mode:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return "memory is short (raise the limit, or name fewer or smaller files)"
    if isinstance(error, ImportError):
        return f"a part of the program cannot be loaded: {error}"
    if isinstance(error, RecursionError):
        return "what it reads is nested too deeply"
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = "" if step is None else f", {os.path.basename(step.tb_frame.f_code.co_filename)}:{step.tb_lineno}"  # noqa: PTH119
    return f"a fault of this program: {type(error).__name__}: {str(error)[:200]}{place} (please report it)"


def _parsed(words: list[str]) -> argparse.Namespace:
    """What the words say.

    Raises:
        SystemExit: they make no sense, or ask for help alone.
    """
    parser = parser_for(words)
    args, surplus = parser.parse_known_args(list(_joined(words)))
    if surplus:
        unknown = [word for word in surplus if word.startswith("-") and word != "-"]
        said = _module(args.command).TOO_MANY if args.command == "verify" and not unknown else "unrecognized arguments"
        parser.error(f"{said}: {' '.join(unknown or surplus)}")
    if args.command is None:
        parser.error("no command is given")
    return args
