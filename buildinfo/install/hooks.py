"""Switching the hooks on and off: the hook files, and the one marked line in an abuild.conf."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import buildinfo
from buildinfo.errors import BuildinfoError, MissingToolError, UnreadableError, UsageError
from buildinfo.install.change import Change
from buildinfo.install.guard import Open, below, open_to_others
from buildinfo.install.interpreter import check_own_python, python
from buildinfo.install.places import Scope, hook_sources, plain
from buildinfo.leftovers import remove_abandoned

#: What the line says about itself, so that disable gives back the bytes that enable found.
ADDED_NEWLINE = b"the newline before it"
ADDED_FILE = b"this file"
ADDED_FOLDER = b"this folder"

_MARKED = re.compile(
    rb"^[^\n]*_abuild_buildinfo[^\n]*# abuild-buildinfo(?:, which added (?P<added>[a-z ]*[a-z]))?[ \t\r]*$",
    re.MULTILINE,
)

_LINE = (
    "for _abuild_buildinfo in /.abuild-buildinfo/hook.sh {hook}; do "
    '[ ! -r "$_abuild_buildinfo" ] || {{ . "$_abuild_buildinfo"; break; }}; done; '
    "unset _abuild_buildinfo # abuild-buildinfo"
)

_PROGRAM = """\
# shellcheck shell=sh disable=SC2034 # hook.sh reads it
# Written by "abuild-buildinfo enable", version {version}: the Python that finalizes captures.
_buildinfo_python={python}
"""


def quoted(path: Path) -> str:
    """A path as one word of sh."""
    return "'" + str(path).replace("'", "'\\''") + "'"


# --- the line --------------------------------------------------------------------------------------------------------


def marked_lines(config: bytes) -> list[bytes]:
    """The lines of a configuration that are ours."""
    return [match.group() for match in _MARKED.finditer(config)]


def is_current(config: bytes, scope: Scope) -> bool:
    """Whether exactly the line that enable would write is in a configuration."""
    return with_line(config, scope, b"") == config


def with_line(config: bytes, scope: Scope, added: bytes) -> bytes:
    """A configuration with exactly one line of ours: where the last one stands now, else at the end.

    Args:
        config: the bytes of the file.
        scope: whose file it is.
        added: what had to be added for it, if anything; the newline is seen here.
    """
    found = list(_MARKED.finditer(config))
    if not found:
        if config and not config.endswith(b"\n"):
            config, added = config + b"\n", ADDED_NEWLINE
        return config + _line(scope, added) + b"\n"
    added = next((match["added"] for match in found if match["added"]), b"")
    last = found[-1]
    after = config[last.end() :] or b"\n"
    return _cut(config[: last.start()]) + _line(scope, added) + after


def without_line(config: bytes) -> tuple[bytes, bytes]:
    """A configuration without any line of ours.

    Returns:
        Its bytes, and what had been added with the line.
    """
    found = list(_MARKED.finditer(config))
    added = next((match["added"] for match in found if match["added"]), b"")
    left = _cut(config)
    if added == ADDED_NEWLINE and config[found[-1].end() :] in (b"", b"\n"):
        left = left.removesuffix(b"\n")
    return left, added


def _cut(config: bytes) -> bytes:
    return re.sub(_MARKED.pattern + rb"\n?", b"", config, flags=re.MULTILINE)


def _line(scope: Scope, added: bytes) -> bytes:
    line = os.fsencode(_LINE.format(hook=quoted(scope.folder / "hook.sh")))
    return line + (b", which added " + added if added else b"")


# --- the files -------------------------------------------------------------------------------------------------------


def hook_files(scope: Scope) -> dict[Path, bytes]:
    """Every file that enable installs, with what it should hold."""
    files = {scope.folder / source.name: source.read_bytes() for source in hook_sources()}
    program = _PROGRAM.format(version=buildinfo.__version__, python=quoted(python()))
    files[scope.folder / "program.sh"] = os.fsencode(program)
    return files


def installed_names() -> set[str]:
    """The names of all files that enable may have installed."""
    names = {"hook.sh", "capture.sh", "program.sh"}
    with suppress(MissingToolError):  # a broken installation can still be switched off
        names.update(source.name for source in hook_sources())
    return names


def read(path: Path) -> bytes | None:
    """The bytes of a file; None if it is not there.

    Raises:
        UnreadableError: if it is not a file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError("is not a regular file", where=path, mend="make it one, or name another")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        mend = "check its owner and mode, and those of the folders above it"
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path, mend=mend) from error


# --- the verbs -------------------------------------------------------------------------------------------------------


def enable(scope: Scope) -> list[str]:
    """Install the hook files and add the line, all or nothing.

    Returns:
        What was done, one line each; empty if everything is as it should be.

    Raises:
        BuildinfoError: with nothing changed.
    """
    if "\n" in str(scope.config):
        raise UsageError("its name has a newline in it, which no line can hold", where=plain(scope.config))
    check_own_python()
    _require_guarded(scope)
    config = Path(os.path.realpath(scope.config))
    old = read(config)
    added = b"" if old is not None else ADDED_FILE if config.parent.is_dir() else ADDED_FOLDER
    done: list[str] = []
    with Change() as change:
        for path, content in hook_files(scope).items():
            held = read(path)
            if held != content:
                change.folder(scope.folder)
                change.write(path, content)
                done.append(f"{'installed' if held is None else 'updated'} {path}")
        new = with_line(old or b"", scope, added)
        if new != old:
            _allow(config)
            change.folder(config.parent)
            _parse(change.write(config, new), config)
            did = "updated the line in" if marked_lines(old or b"") else "added one line to"
            done.append(f"{did} {scope.config}")
        change.commit()
    return done


def disable(scope: Scope) -> list[str]:
    """Remove the line and the installed files; everything else stays as it is, to the byte.

    Returns:
        What was done, one line each; empty if there was nothing of ours.

    Raises:
        BuildinfoError: if the configuration cannot be changed, with nothing changed.
    """
    config = Path(os.path.realpath(scope.config))
    old = read(config) or b""
    new, added = without_line(old)
    done: list[str] = []
    if new != old:
        _allow(config)
        with Change() as change:
            change.write(config, new)
            change.commit()
        done.append(f"removed the line from {scope.config}")
    done.extend(_remove_files(scope))
    if not new and added in (ADDED_FILE, ADDED_FOLDER):
        config.unlink()
        done.append(f"removed {scope.config}, which enable had made and which was empty")
        if added == ADDED_FOLDER and not any(config.parent.iterdir()):
            config.parent.rmdir()
    return done


def _remove_files(scope: Scope) -> Iterator[str]:
    if not scope.folder.is_dir():
        return
    for name in sorted(installed_names()):
        path = scope.folder / name
        if path.is_file() or path.is_symlink():
            path.unlink()
            yield f"removed {path}"
        for unfinished in scope.folder.glob(f".{name}.*.new"):  # of an enable that was killed
            remove_abandoned(unfinished)
    if any(scope.folder.iterdir()):
        yield f"left {scope.folder}: it holds files of somebody else"
    else:
        scope.folder.rmdir()


def guarded(scope: Scope) -> Open | None:
    """What others can write of what every user's builds run; None of a user's own, which only that user's do."""
    return open_to_others([scope.config, *below(scope.folder)]) if scope.name == "system" else None


def _require_guarded(scope: Scope) -> None:
    """Refuse to let all users run what one of them can write."""
    found = guarded(scope)
    if found is not None:
        what = f"{found.why}, who could then run programs as every user that builds; nothing was changed"
        raise UnreadableError(what, where=plain(found.place), mend="give it to root, and take the right to write")


def _allow(config: Path) -> None:
    """Refuse a file that its owner made read-only: a rename would go over that."""
    if config.exists() and not os.access(config, os.W_OK):
        raise UnreadableError("is read-only, nothing was changed", where=config, mend="check its owner and mode")


def _parse(temporary: Path, config: Path) -> None:
    """Refuse what sh cannot parse, since every program of abuild would die of it."""
    try:
        parsed = subprocess.run(["sh", "-n", temporary], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return
    if parsed.returncode != 0:
        raise BuildinfoError(
            "sh cannot parse it with our line behind it, nothing was changed",
            where=config,
            mend="is there an open quote or block, or a backslash at its end?",
        )
