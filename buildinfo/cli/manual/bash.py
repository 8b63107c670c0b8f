"""Completion for bash. It works without the functions of bash-completion, too, and starts no Python."""

from __future__ import annotations

from typing import Final

from buildinfo.cli.manual.tree import Command, Value

_SCRIPT: Final = """\
# bash completion for abuild-buildinfo; made from the program's own options by "make manual"

# What a command takes: its options and verbs, and what stands in its N-th place.
_abuild_buildinfo_command() {{ # PATH N
	case $1 in
{commands}
	esac
}}

# What stands behind an option; false if nothing does.
_abuild_buildinfo_option() {{ # PATH OPTION
	case "$1 $2" in
{values}
	*) return 1 ;;
	esac
}}

# Names of files that match one of the patterns, any if none does, and folders.
_abuild_buildinfo_files() {{ # WORD [PATTERN]...
	local found='' pattern word=$1
	shift
	for pattern; do
		found+=$(compgen -f -X "!*/$pattern" -- "$word"; compgen -f -X "!$pattern" -- "$word")$'\\n'
	done
	[[ $found == *[^$'\\n']* ]] || found=$(compgen -f -- "$word")
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(printf '%s\\n' "$found" "$(compgen -d -- "$word")" | sed '/^$/d' | sort -u)
}}

_abuild_buildinfo() {{
	local IFS=$' \\t\\n' cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} before=''
	local path='' n=0 i word next flags='' verbs='' kind='' words=()
	COMPREPLY=()
	# "--option=value" is one word or three, as COMP_WORDBREAKS has it
	case $cur in
	=) cur='' ;;
	--*=*) prev=${{cur%%=*}} before=$prev= cur=${{cur#*=}} ;;
	*) [[ $prev != = ]] || prev=${{COMP_WORDS[COMP_CWORD - 2]}} ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${{COMP_WORDS[i]}} next=${{COMP_WORDS[i + 1]}}
		case $word in
		--) n=$((n + COMP_CWORD - i - 1)) prev='' && break ;;
		-?*)
			if _abuild_buildinfo_option "$path" "$word"; then
				[[ $next != = ]] || ((i++))
				((i++))
			fi
			;;
		=) ;;
		*)
			_abuild_buildinfo_command "$path" 0
			if [[ " $verbs " == *" $word "* ]]; then
				path+=${{path:+ }}$word
			else
				((n++))
			fi
			;;
		esac
	done
	verbs='' kind='' words=()
	if ! {{ [[ $prev == -?* ]] && _abuild_buildinfo_option "$path" "$prev"; }}; then
		_abuild_buildinfo_command "$path" "$n"
		if [[ $cur == -* ]]; then
			kind=words && read -ra words <<<"$flags"
		elif [[ $verbs ]]; then
			kind=words && read -ra words <<<"$verbs"
		fi
	fi
	case $kind in
	words) mapfile -t COMPREPLY < <(compgen -W "${{words[*]}}" -- "$cur") ;;
	list)
		[[ $cur != *,* ]] || before+=${{cur%,*}},
		mapfile -t COMPREPLY < <(compgen -W "${{words[*]}}" -- "${{cur##*,}}")
		compopt -o nospace 2>/dev/null
		;;
	folders)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	files) _abuild_buildinfo_files "$cur" "${{words[@]}}" ;;
	esac
	[[ ! $before || ${{#COMPREPLY[@]}} -eq 0 ]] || COMPREPLY=("${{COMPREPLY[@]/#/$before}}")
}}

complete -F _abuild_buildinfo abuild-buildinfo
"""


def script(program: Command) -> str:
    """The file for share/bash-completion/completions."""
    commands = "\n".join(_command(command) for command in program.all())
    values = "\n".join(
        f"\t{'|'.join(quoted(f'{command.path} {flag}') for flag in option.flags)}) {_kind(option.value)} ;;"
        for command in program.all()
        for option in command.options
        if option.value is not None
    )
    return _SCRIPT.format(commands=commands, values=values)


def quoted(text: str) -> str:
    """A text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _command(command: Command) -> str:
    flags = " ".join(flag for option in command.options for flag in option.flags)
    verbs = " ".join(verb.words[-1] for verb in command.verbs)
    lines = [f"\t{quoted(command.path)})", f"\t\tflags={quoted(flags)} verbs={quoted(verbs)}"]
    if command.places:
        lines.append("\t\tcase $2 in")
        for number, place in enumerate(command.places):
            lines.append(f"\t\t{'*' if place.many else number}) {_kind(place.value)} ;;")
        lines.append("\t\tesac")
    return "\n".join([*lines, "\t\t;;"])


def _kind(value: Value) -> str:
    words = " ".join(quoted(word) for word in (*value.words, *value.globs))
    return f"kind={value.what} words=({words})"
