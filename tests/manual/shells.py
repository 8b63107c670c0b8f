"""Asks real shells what they would complete."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

#: Notes every match instead of showing it, and says when the completion is over.
_ZSH = """\
PS1= PROMPT=
fpath=({functions} $fpath)
autoload -Uz compinit && compinit -u -D
setopt rcquotes
compadd () {{
	if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]]; then
		builtin compadd "$@"
		return $?
	fi
	typeset -a __hits
	builtin compadd -A __hits "$@"
	(( ! $#__hits )) || print -rl -- $__hits >>{found}
	builtin compadd "$@"
}}
finished () {{ print >{done} }}
zle -C tell complete-word told
told () {{ _main_complete; compstate[insert]=; compstate[list]=; finished }}
bindkey '^T' tell
print >{done}.ready
"""


def needed(shell: str) -> str:
    """The shell's path; skips the test where it is missing."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"needs {shell}")
    return found


def bash(folder: Path, script: Path, line: str) -> set[str]:
    """What bash completes at the end of a line, through readline's words as COMP_WORDBREAKS makes them."""
    ask = """\
. "$1"
read -ra COMP_WORDS <<<"${2//=/ = }"
[[ $2 != *[' '] ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p abuild-buildinfo | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""
    return _lines([needed("bash"), "--norc", "-c", ask, "bash", str(script), line], folder)


def fish(folder: Path, script: Path, line: str) -> set[str]:
    """What fish completes at the end of a line."""
    ask = f"source {script}; complete -C '{line}' | string replace -r '\\t.*' ''; or true"
    return _lines([needed("fish"), "--no-config", "-c", ask], folder)


def zsh(folder: Path, script: Path, line: str) -> set[str]:
    """What zsh completes at the end of a line that is typed at a terminal."""
    program = needed("zsh")
    place = script.parent / f"zsh.{time.monotonic_ns()}"
    place.mkdir()
    found, done = place / "found", place / "done"
    (place / "ask").write_text(_ZSH.format(functions=script.parent, found=found, done=done))
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(program, [program, "-f", "-i"], {"TERM": "dumb", "PATH": os.environ["PATH"], "HOME": str(place)})
    try:
        os.write(terminal, f" . {place / 'ask'}\n".encode())
        _await(terminal, Path(f"{done}.ready"))
        os.write(terminal, line.encode() + b"\x14")
        _await(terminal, done)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return set(found.read_text().splitlines()) if found.exists() else set()


def _await(terminal: int, file: Path) -> None:
    """Waits for a file, and reads what the shell writes meanwhile, so that it does not stop."""
    said = b""
    for _ in range(600):
        if file.exists():
            return
        if select.select([terminal], [], [], 0.05)[0]:
            said += os.read(terminal, 65536)
    raise AssertionError(f"zsh did not answer: {said[-500:]!r}")


def _lines(command: list[str], folder: Path) -> set[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return {line for line in done.stdout.splitlines() if line}
