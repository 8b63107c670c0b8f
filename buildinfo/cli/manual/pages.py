"""The sources of the man pages, for scdoc: prose from man/, options and synopses from the parsers.

A page in man/ may hold these lines, each alone: `@head@` (its title, name and synopsis), `@options@`, `@status@`,
`@commands@` and `@settings@` (the table of docs/settings.md). A command without a page in man/ gets one made of
what its `--help` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from buildinfo.cli import PROGRAM
from buildinfo.cli.manual.tree import ROOT, Command, Option, called, program

_BARE: Final = (
    "@head@\n\n# DESCRIPTION\n\n@description@\n\n@options@\n\n@status@\n\n# SEE ALSO\n\n*abuild-buildinfo*(1)\n"
)
_SPECIAL: Final = re.compile(r"([\\*_~^#<>`])")
_LINK: Final = re.compile(r"\[([^]]*)\]\([^)]*\)")
_STATUS: Final = re.compile(r"Exit status: *(.*?)(?:\n\n|\Z)", re.DOTALL)
_USUAL: Final = (
    "0 it holds or is done, 1 it does not hold, 2 could not tell, with a line on standard error that says why."
)


def sources() -> dict[str, str]:
    """Every page: name (`abuild-buildinfo.1`) -> scdoc source."""
    top = program()
    bare = {f"{called(command)}.1": (_BARE, command) for command in top.verbs}
    commands = {f"{called(command)}.1": command for command in (top, *top.verbs)}
    written = {
        path.name.removesuffix(".scd"): (path.read_text("utf-8"), commands.get(path.name.removesuffix(".scd")))
        for path in sorted((ROOT / "man").glob("*.scd"))
    }
    return {name: _filled(text, command, top) for name, (text, command) in sorted({**bare, **written}.items())}


def escaped(text: str) -> str:
    """A text in which nothing is markup to scdoc."""
    return _SPECIAL.sub(r"\\\1", text)


def _filled(text: str, command: Command | None, top: Command) -> str:
    parts = {"settings": lambda: "\n".join(_settings()), "commands": lambda: "\n".join(_commands(top))}
    if command is not None:
        parts |= {
            "head": lambda: _head(command),
            "description": lambda: _description(command),
            "options": lambda: "\n".join(_all_options(command)),
            "status": lambda: f"# EXIT STATUS\n\n{_status(command)}",
        }
    return re.sub(r"^@([a-z]+)@$", lambda found: parts[found[1]](), text, flags=re.MULTILINE)


def _head(command: Command) -> str:
    name = called(command)
    summary = escaped(command.summary or "record builds of Alpine packages, and compare them")
    calls = "++\n".join(_call(one) for one in command.verbs if command.words) or _call(command)
    return f'{name}(1) "" "{PROGRAM}"\n\n# NAME\n\n{name} - {summary}\n\n# SYNOPSIS\n\n{calls}'


def _call(command: Command) -> str:
    """How a command is called, on one line of markup."""
    if not command.words:
        return f"*{PROGRAM}* _COMMAND_ [_WORD_]..."
    words = [f"*{' '.join((PROGRAM, *command.words))}*"]
    asked = [option for option in command.options if option.required]
    if len(asked) < len(command.options):
        words.append("[_OPTION_]...")
    words += [_spelt(option, option.flags[-1:]) for option in asked]
    for place in command.places:
        word = f"_{escaped(place.value.metavar)}_" + ("..." if place.many else "")
        words.append(word if place.required else f"[{word}]")
    return " ".join(words)


def _spelt(option: Option, flags: tuple[str, ...]) -> str:
    names = ", ".join(f"*{flag}*" for flag in flags)
    return names if option.value is None else f"{names} _{escaped(option.value.metavar)}_"


def _description(command: Command) -> str:
    """What `--help` says, without the exit status; a table in it stays one."""
    text = _STATUS.sub("", command.description).strip()
    blocks = re.split(r"\n\n+", text)
    return "\n\n".join(f"```\n{block}\n```" if block.startswith("  ") else escaped(block) for block in blocks)


def _status(command: Command) -> str:
    """What `--help` says of the exit status."""
    found = _STATUS.search(f"{command.description}\n\n{command.epilog}")
    if found is None:
        return _USUAL
    lines = [line.strip() for line in found[1].strip().splitlines()]
    return "++\n".join(escaped(line) for line in lines) if re.match(r"\d  ", lines[0]) else escaped(" ".join(lines))


def _all_options(command: Command) -> Iterator[str]:
    yield "# OPTIONS\n"
    yield from _options(command)
    for verb in command.verbs if command.words else ():
        yield f"## {escaped(' '.join(verb.words))}\n"
        yield f"{escaped(verb.summary[:1].upper() + verb.summary[1:])}.\n"
        yield from _options(verb)


def _options(command: Command) -> Iterator[str]:
    for place in command.places:
        yield f"_{escaped(place.value.metavar)}_\n\t{escaped(_sentence(place.help))}\n"
    for option in command.options:
        help_ = "Show the options and stop." if "--help" in option.flags else _sentence(option.help)
        words = option.value.words if option.value is not None and option.value.what == "words" else ()
        if any(word not in f"{help_} {option.value.metavar if option.value else ''}" for word in words):
            help_ = f"{help_} One of: {', '.join(words)}."
        yield f"{_spelt(option, option.flags)}\n\t{escaped(help_)}\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _commands(top: Command) -> Iterator[str]:
    for command in top.verbs:
        yield f"*{called(command)}*(1)\n\t{escaped(_sentence(command.summary))}\n"


def _settings() -> Iterator[str]:
    """The rows of the tables in docs/settings.md: variable, default, meaning, and what else a table has."""
    heads: list[str] = []
    for line in (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines():
        cells = [_LINK.sub(r"\1", cell).strip().replace("`", "") for cell in line.strip("|").split("|")]
        if line.startswith("| variable "):
            heads = cells
        elif line.startswith("| `"):
            variable, default, meaning, *more = cells
            text = [_sentence(meaning)] + ([f"Default: {default}."] if default else [])
            text += [f"{_sentence(head).rstrip('.')}: {cell}." for head, cell in zip(heads[3:], more, strict=True)]
            yield f"*{variable}*\n\t{escaped(' '.join(text))}\n"
