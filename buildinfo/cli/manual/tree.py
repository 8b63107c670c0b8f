"""The commands, their options and what stands behind them, as data: the parsers read once for all who describe them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from buildinfo.cli import COMMANDS, PROGRAM, parser_for

ROOT: Final = Path(__file__).resolve().parents[3]
"""The source tree."""

What = Literal["words", "list", "files", "folders", "text"]


class Value(NamedTuple):
    """What stands behind an option, or in the place of a word without one.

    Attributes:
        metavar: what the help calls it.
        what: one of `words`; a `list` of them with commas; `files`, folders on the way; `folders`; or any text.
        words: the words to choose from.
        globs: names of the files that are meant, such as `*.apk`; empty for any.
    """

    metavar: str
    what: What
    words: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()


class Option(NamedTuple):
    """An option: its spellings, short ones first, and its value if it takes one."""

    flags: tuple[str, ...]
    help: str
    value: Value | None
    required: bool = False


class Place(NamedTuple):
    """A word, or as many as one likes, without an option."""

    value: Value
    help: str
    many: bool
    required: bool


class Command(NamedTuple):
    """A command, a verb of one, or the program itself (then `words` is empty)."""

    words: tuple[str, ...]
    summary: str
    description: str
    epilog: str
    options: tuple[Option, ...]
    places: tuple[Place, ...]
    verbs: tuple[Command, ...]

    @property
    def path(self) -> str:
        """How it is called, without the program's name."""
        return " ".join(self.words)

    def all(self) -> Iterator[Command]:
        """Itself and everything below it."""
        yield self
        for verb in self.verbs:
            yield from verb.all()


_PACKAGES: Final = ("*.apk",)
_SIGNED: Final = ("*.apk", "*.tar.gz")
_RECORDS: Final = ("*.buildinfo.toml",)
_FILES: Final[dict[str, tuple[str, ...]]] = {
    "A": _RECORDS,
    "APKINDEX": ("*.tar.gz",),
    "B": _RECORDS,
    "FILE": (),
    "KEY": ("*.rsa",),
    "ORIGINAL": _PACKAGES,
    "PATH": (),
    "REBUILT": _PACKAGES,
    "index reproduced --report": ("*.json",),
    "show FILE": (*_PACKAGES, *_RECORDS, "*.tar.gz", "*installed"),
    "signature FILE": _SIGNED,
    "signature ORIGINAL": _SIGNED,
    "signature REBUILT": _SIGNED,
    "validate FILE": _RECORDS,
    "verify --original-record": _RECORDS,
    "verify --rebuilt-record": _RECORDS,
}
"""Metavar, `COMMAND METAVAR` or `COMMAND VERB --option` -> names of the files that are meant; the last named wins."""
_FOLDERS: Final = frozenset({"CAPTURE", "DIR"})


def program() -> Command:
    """Everything that the program takes."""
    top = parser_for([])
    commands = tuple(_command(_verbs(parser_for([name]))[name], (name,), summary) for name, summary in COMMANDS.items())
    return Command((), "", top.description or "", top.epilog or "", _options(top, ()), (), commands)


def _command(parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str) -> Command:
    verbs = tuple(
        _command(verb, (*words, name), _summary(parser, name, verb.description or ""))
        for name, verb in _verbs(parser).items()
    )
    places = tuple(
        Place(_value(action, words), _text(action, parser), action.nargs in ("*", "+"), action.nargs not in ("*", "?"))
        for action in parser._actions
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
    )
    options = _options(parser, words)
    return Command(words, summary, parser.description or "", parser.epilog or "", options, places, verbs)


def _options(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(
        Option(
            tuple(action.option_strings),
            _text(action, parser),
            None if action.nargs == 0 else _value(action, words),
            action.required,
        )
        for action in parser._actions
        if action.option_strings and action.help != argparse.SUPPRESS
    )


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(next(found, {}))


def _summary(parser: argparse.ArgumentParser, verb: str, otherwise: str) -> str:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return next((str(choice.help) for choice in action._choices_actions if choice.dest == verb), otherwise)
    return otherwise


def _text(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _value(action: argparse.Action, words: tuple[str, ...]) -> Value:
    long = action.option_strings[-1] if action.option_strings else ""
    metavar = str(action.metavar or (long.lstrip("-") or action.dest).upper())
    if action.choices:
        choices = tuple(str(choice) for choice in action.choices)
        return Value(metavar if action.metavar else "|".join(choices), "words", choices)
    if long == "--handlers":
        return Value(metavar, "list", _handlers())
    if words == ("schema",):
        return Value(metavar, "words", tuple(path.name.partition(".")[0] for path in _schemas()))
    names = [metavar, *(f"{words[0]} {metavar}" for _ in words[:1]), f"{' '.join(words)} {long or metavar}"]
    globs = [_FILES[name] for name in names if name in _FILES]
    if globs:
        return Value(metavar, "files", (), globs[-1])
    if metavar in _FOLDERS:
        return Value(metavar, "folders")
    return Value(metavar, "files" if action.type is Path else "text")


def _handlers() -> tuple[str, ...]:
    from buildinfo.normalize.registry import NAMES

    names = sorted(NAMES)
    return ("all", "leaks", *names, *(f"+{name}" for name in names), *(f"-{name}" for name in names))


def _schemas() -> list[Path]:
    return sorted((ROOT / "schemas").glob("*.schema.json"))


def called(command: Command) -> str:
    """The name of a command's page, and how it is called with hyphens."""
    return "-".join((PROGRAM, *command.words))
