"""Completion for zsh."""

from __future__ import annotations

from typing import Final

from buildinfo.cli import PROGRAM
from buildinfo.cli.manual.bash import quoted
from buildinfo.cli.manual.tree import Command, Option, Value

_SCRIPT: Final = """\
#compdef abuild-buildinfo
# zsh completion for abuild-buildinfo; made from the program's own options by "make manual"

{functions}
{name} "$@"
"""

_VERBS: Final = """\
{name}() {{
	local curcontext=$curcontext state line ret=1
	local -a verbs=(
{verbs}
	)
	_arguments -C -S \\
{options} \\
		'1:{what}:->verb' '*::word:->rest' && ret=0
	case $state in
	verb) _describe -t commands {what} verbs && ret=0 ;;
	rest) (( $+functions[{name}_$line[1]] )) && {name}_$line[1] && ret=0 ;;
	esac
	return ret
}}
"""

_PLAIN: Final = """\
{name}() {{
	_arguments -S \\
{options}
}}
"""

_LIST: Final = """\
{name}() {{
	compadd "$@" -- {words}
}}
"""


def script(program: Command) -> str:
    """The file for share/zsh/site-functions."""
    functions = [_command(command) for command in program.all()]
    lists = {value.words for command in program.all() for value in _values(command) if value.what == "list"}
    functions += [_LIST.format(name=_list_name(words), words=" ".join(words)) for words in sorted(lists)]
    return _SCRIPT.format(functions="\n".join(functions), name=_name(program))


def _name(command: Command) -> str:
    return "_".join([f"_{PROGRAM}", *command.words])


def _list_name(words: tuple[str, ...]) -> str:
    return f"_abuild-buildinfo-list-{len(words)}"


def _values(command: Command) -> list[Value]:
    behind = [option.value for option in command.options if option.value is not None]
    return [*behind, *(place.value for place in command.places)]


def _command(command: Command) -> str:
    options = " \\\n".join(f"\t\t{_option(option)}" for option in command.options)
    if command.verbs:
        verbs = "\n".join(f"\t\t{quoted(f'{verb.words[-1]}:{_plain(verb.summary)}')}" for verb in command.verbs)
        what = "verb" if command.words else "command"
        return _VERBS.format(name=_name(command), verbs=verbs, options=options, what=what)
    for place in command.places:
        rank = "*" if place.many else "1" if place.required and place is command.places[0] else ""
        options += f" \\\n\t\t{quoted(f'{rank}:{_plain(place.value.metavar)}:{_action(place.value)}')}"
    return _PLAIN.format(name=_name(command), options=options)


def _option(option: Option) -> str:
    """One word of `_arguments` for an option, or braces that make several of it."""
    value = "" if option.value is None else f":{_plain(option.value.metavar)}:{_action(option.value)}"
    spelt = [flag + ("" if option.value is None else "=" if flag.startswith("--") else "+") for flag in option.flags]
    rest = f"[{_plain(option.help)}]{value}"
    if len(spelt) == 1:
        return quoted(spelt[0] + rest)  # in one pair of quotes: '' means another thing to those who set rcquotes
    return f"{quoted('(' + ' '.join(option.flags) + ')')}{{{','.join(spelt)}}}{quoted(rest)}"


def _plain(text: str) -> str:
    """A text without what means something to `_arguments`."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("[", "\\[").replace("]", "\\]")


def _action(value: Value) -> str:
    if value.what == "words":
        return f"({' '.join(value.words)})"
    if value.what == "list":
        return f"_sequence {_list_name(value.words)}"
    if value.what == "folders":
        return "_files -/"
    if value.what == "files":
        return f'_files -g "{" ".join(value.globs)}"' if value.globs else "_files"
    return " "
