"""The doctor's checks of abuild.conf and of what enable installed beside it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import buildinfo
from buildinfo.capture.settings import FLAGS, PREFIX, TEXTS, oddities
from buildinfo.errors import MissingToolError
from buildinfo.install import hooks
from buildinfo.install.guard import open_to_others
from buildinfo.install.interpreter import closed_to_others, lacking_in, needed_by, version_in
from buildinfo.install.places import Scope, hook_sources, old_user_config, other_user_scopes, plain
from buildinfo.install.situation import Finding, Situation
from buildinfo.opening import read_file

ENABLE = "abuild-buildinfo enable"
LARGEST_HOOK = 1 << 20
"""Most bytes of a hook file that are looked at."""


def enabled(situation: Situation) -> Iterator[Finding]:
    """Is the line in a configuration that abuild reads, and does abuild's shell get to it?"""
    for scope in situation.enabled:
        if not hooks.is_current(situation.configs[scope], scope):
            yield Finding("enabled", "warn", f"the line in {scope.config} is stale", ENABLE + scope.flag)
    yield from _unread(situation)
    if not situation.enabled:
        yield Finding("enabled", "fail", "the hooks are not enabled", ENABLE)
        return
    if situation.answers is None:
        yield Finding(
            "enabled",
            "fail",
            "abuild's shell does not get through the configuration",
            "look for a command in it that fails, which ends every abuild",
        )
        return
    names = [f"for the {scope.name} in {scope.config}" for scope in situation.enabled]
    detail = "the hooks are enabled " + " and ".join(names)
    if len(names) > 1:
        detail += "; the system's win, since abuild reads them first"
    if situation.answers["_buildinfo_dir"]:
        yield Finding("enabled", "ok", detail)
    elif all((scope.folder / "hook.sh").is_file() for scope in situation.enabled):
        mend = "see whether something above the line ends the file or swallows it; disable and enable moves it"
        yield Finding("enabled", "fail", f"{detail}, but abuild's shell does not load them", mend)
    else:
        scope = situation.enabled[0]
        yield Finding("enabled", "fail", f"{detail}, but the hook file is gone", ENABLE + scope.flag)


def _unread(situation: Situation) -> Iterator[Finding]:
    """Lines of ours in a configuration of the user that abuild passes by."""
    for scope in other_user_scopes(situation.environ):
        if scope.config.is_file() and hooks.marked_lines(scope.config.read_bytes()):
            detail = f"the line in {scope.config} has no effect, abuild reads {situation.scopes[1].config}"
            yield Finding("enabled", "warn", detail, "abuild-buildinfo disable, then enable")
    answers = situation.answers
    user = situation.scopes[1]
    if answers is not None and Path(answers["ABUILD_USERCONF"]) != user.config:
        system = situation.scopes[0].config
        if user in situation.enabled or not situation.enabled:
            detail = f"{system} chooses another folder of the user (ABUILD_USERDIR or ABUILD_USERCONF)"
            mend = f"export the same in your environment, then {ENABLE}; or {ENABLE} --system"
            yield Finding("enabled", "warn", detail, mend)


def hook_copies(situation: Situation) -> Iterator[Finding]:
    """Are the installed hook files those of this program?"""
    for scope in situation.enabled:
        mend = ENABLE + scope.flag
        good = True
        for source in hook_sources():
            copy = scope.folder / source.name
            try:
                same = read_file(copy, LARGEST_HOOK) == source.read_bytes()
            except OSError as error:
                good = False
                yield Finding("hooks", "fail", f"{copy} cannot be read: {error.strerror}", mend)
                continue
            if not same:
                good = False
                yield Finding("hooks", "warn", f"{copy} is of another version", mend)
            closed = closed_to_others(copy) if scope.name == "system" else None
            if closed is not None:
                good = False
                detail = f"{closed} keeps other users out, who build without the hooks"
                yield Finding("hooks", "fail", detail, f"chmod a+rX {shlex.quote(str(closed))}")
        found = hooks.guarded(scope)
        if found is not None:
            good = False
            detail = f"{found.place} {found.why}, who can run programs as every user that builds"
            mend = f"give it to root: chown root {shlex.quote(str(found.place))}, and chmod go-w"
            yield Finding("hooks", "fail", detail, mend)
        if good:
            yield Finding("hooks", "ok", f"the hook files in {scope.folder} are this version's")


def program(situation: Situation) -> Iterator[Finding]:
    """Can the hooks call this version of the program?"""
    for scope in situation.enabled:
        mend = ENABLE + scope.flag
        python = _named_python(scope)
        if python is None:
            yield Finding("program", "fail", f"{scope.folder / 'program.sh'} names no Python", mend)
            continue
        try:
            version = version_in(python)
            lacking = lacking_in(python) if version == buildinfo.__version__ else []
        except MissingToolError as error:
            yield Finding("program", "fail", f"{python}, which finalizes captures, {error.what}", mend)
            continue
        if lacking:
            yield Finding("program", "fail", f"{python} lacks {', '.join(lacking)}", "install what it lacks")
        elif version != buildinfo.__version__:
            detail = f"{python} has version {version}, this is {buildinfo.__version__}"
            yield Finding("program", "warn", detail, mend)
        else:
            yield Finding("program", "ok", f"{python} finalizes captures, version {version}")
        closed = closed_to_others(*needed_by(python)) if scope.name == "system" else None
        if closed is not None:
            detail = f"{closed} keeps other users out, whose builds leave no record"
            yield Finding("program", "warn", detail, f"install the program elsewhere, then {mend}")
        found = open_to_others(needed_by(python)) if scope.name == "system" else None
        if found is not None:
            detail = f"{found.place} {found.why}, who can run programs as every user that builds"
            yield Finding("program", "warn", detail, f"install the program elsewhere, then {mend}")


def _named_python(scope: Scope) -> Path | None:
    try:
        text = os.fsdecode(read_file(scope.folder / "program.sh", LARGEST_HOOK))
        values = re.findall(r"^_buildinfo_python=(.*)$", text, re.MULTILINE)
        words = shlex.split(values[-1]) if values else []
    except (OSError, ValueError):
        return None
    return Path(words[0]) if len(words) == 1 and words[0].startswith("/") else None


def syntax(situation: Situation) -> Iterator[Finding]:
    """Do the shells that abuild's programs run in parse the configurations?"""
    shells = {"sh": ["sh"], "busybox ash": ["busybox", "ash"]}
    for scope in situation.scopes:
        if scope not in situation.configs:
            if scope.config.is_file():
                yield Finding("config", "fail", f"{scope.config} cannot be read", "check its owner and mode")
            continue
        broken = False
        for name, words in shells.items():
            if situation.find(words[0]) is None:
                continue
            parsed = situation.run(*words, "-n", str(scope.config))
            if parsed is None or parsed.returncode == 0:
                continue
            broken = True
            line = re.search(r": (?:line )?([0-9]+): ", parsed.stderr)
            where = f" at line {line[1]}" if line else ""
            yield Finding("config", "fail", f"{name} cannot parse {scope.config}{where}", "mend the file")
        if not broken:
            yield Finding("config", "ok", f"{scope.config} parses")


def settings(situation: Situation) -> Iterator[Finding]:
    """Is every setting of the hooks one that they know, and read as it was meant? No value is shown."""
    values = {name: situation.value(name) for name in (*FLAGS, *TEXTS)}
    clauses = list(oddities(values, situation.setting_names))
    for clause in clauses:
        name = next(word for word in clause.split() if word.startswith(PREFIX))
        mend = "write yes or no" if name in FLAGS else "see the settings in README.md"
        yield Finding("settings", "warn", f"{clause}{_set_where(situation, name)}", mend)
    if not clauses:
        yield Finding("settings", "ok", "every setting of the hooks is one that they know")


def bypass(situation: Situation) -> Iterator[Finding]:
    """Does anything go round the hooks? No value is shown, only where it was set."""
    if not situation.enabled:
        return
    found = False
    for name, function, loss in (
        ("FAKEROOT", "fakeroot", "so nothing is captured"),
        ("APK", "apk", "so nothing is finalized"),
    ):
        words = situation.value(name).split()
        if words and words[0] != function:
            found = True
            detail = f"{name}{_set_where(situation, name)} calls something else than {function}, {loss}"
            yield Finding("bypass", "fail", detail, f"unset it, or let it begin with the word {function}")
    for place, text in _lines_after(situation):
        function_found = re.match(r"\s*(?:alias\s+(apk|fakeroot|bwrap)=|(apk|fakeroot|bwrap)\s*\(\))", text)
        if function_found:
            found = True
            detail = f"{place} defines {function_found[1] or function_found[2]} again, over ours"
            yield Finding("bypass", "fail", detail, "move it above the marked line, or remove it")
    if not found:
        yield Finding("bypass", "ok", "nothing goes round the hooks")


def _set_where(situation: Situation, name: str) -> str:
    """The place of the last assignment of a variable, as words for a report."""
    assigned = re.compile(rf"\s*(?:export\s+|readonly\s+)?{name}=")
    for place, text in reversed(list(_lines(situation))):
        if assigned.match(text):
            return f" ({place})"
    return " (in the environment)" if situation.environ.get(name) else ""


def _lines(situation: Situation) -> Iterator[tuple[str, str]]:
    for scope, config in situation.configs.items():
        for number, line in enumerate(config.decode("utf-8", "replace").split("\n"), 1):
            yield f"{plain(scope.config)} line {number}", line


def _lines_after(situation: Situation) -> Iterator[tuple[str, str]]:
    """What abuild reads behind the line that loads the hooks."""
    loaded = False
    for place, text in _lines(situation):
        if loaded:
            yield place, text
        loaded = loaded or bool(hooks.marked_lines(text.encode()))


def user_folder(situation: Situation, version: tuple[int, int]) -> Iterator[Finding]:
    """abuild before 3.18 does not know ~/.config/abuild."""
    if situation.environ.get("ABUILD_USERCONF") or situation.environ.get("ABUILD_USERDIR"):
        return
    user, old = situation.scopes[1], old_user_config(situation.environ)
    if version < (3, 18) and user.config != old and user in situation.enabled:
        detail = f"this abuild reads {old}, not {user.config}"
        yield Finding("abuild", "fail", detail, f"ABUILD_USERDIR={shlex.quote(str(old.parent))} {ENABLE}")
