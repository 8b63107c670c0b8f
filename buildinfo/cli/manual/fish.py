"""Completion for fish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buildinfo.cli import PROGRAM
from buildinfo.cli.manual.tree import Command, Option, Value

_HEAD: Final = """\
# fish completion for abuild-buildinfo; made from the program's own options by "make manual"

# The command, and the verb of one, that stand before the cursor; how many words stand behind them in $places.
function __abuild_buildinfo_path
    set -g __abuild_buildinfo_places 0
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$path $word"
            case {valued}
                set skip 1
                continue
            case '* -?*'
                continue
            case {verbs}
                set path (string trim -- "$path $word")
                continue
        end
        set __abuild_buildinfo_places (math $__abuild_buildinfo_places + 1)
    end
    echo "$path"
end

function __abuild_buildinfo_at
    test (__abuild_buildinfo_path) = "$argv[1]"
end

# True in the N-th place of a command, counted from 0; without N in every place.
function __abuild_buildinfo_place
    __abuild_buildinfo_at $argv[1]; or return
    test (count $argv) = 1; or test $__abuild_buildinfo_places = $argv[2]
end

# Files that end so first, then others, and folders.
function __abuild_buildinfo_files
    for ending in $argv
        __fish_complete_suffix $ending
    end
end

complete -c abuild-buildinfo -f
"""


def script(program: Command) -> str:
    """The file for share/fish/vendor_completions.d."""
    valued = [
        quoted(f"{command.path} {flag}")
        for command in program.all()
        for option in command.options
        if option.value is not None
        for flag in option.flags
    ]
    verbs = [quoted(f"{command.path} {verb.words[-1]}") for command in program.all() for verb in command.verbs]
    head = _HEAD.format(valued=" ".join(valued), verbs=" ".join(verbs))
    return head + "\n".join(line for command in program.all() for line in _command(command)) + "\n"


def quoted(text: str) -> str:
    """A text as one word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _command(command: Command) -> Iterator[str]:
    start = f"complete -c {PROGRAM} -n "
    at = f"__abuild_buildinfo_at {quoted(command.path)}"
    for verb in command.verbs:
        yield f'{start}"{at}" -a {verb.words[-1]} -d {quoted(verb.summary)}'
    for option in command.options:
        yield f'{start}"{at}" {_option(option)}'
    for number, place in enumerate(command.places):
        behind = "" if place.many else f" {number}"
        where = f"__abuild_buildinfo_place {quoted(command.path)}{behind}"
        yield f'{start}"{where}" {_value(place.value)}'


def _option(option: Option) -> str:
    words = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    if option.value is not None:
        words.append(f"-r {_value(option.value)}")
    return " ".join([*words, f"-d {quoted(option.help)}"])


def _value(value: Value) -> str:
    if value.what == "words":
        return f"-f -a {quoted(' '.join(value.words))}"
    if value.what == "list":
        printed = f"printf %s\\\\n {' '.join(value.words)}"
        return f"-f -a {quoted(f'(__fish_complete_list , {quoted(printed)})')}"
    if value.what == "folders":
        return "-f -a '(__fish_complete_directories)'"
    if value.what == "files":
        endings = " ".join(glob.removeprefix("*") for glob in value.globs)
        return f"-f -k -a '(__abuild_buildinfo_files {endings})'" if endings else "-F"
    return "-f"
