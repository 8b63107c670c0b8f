"""The checkout that somebody builds from: the hooks change nothing in it, and take of git only what it answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import COMMIT_TIME, Builder, git
from sabotage import said, without_hooks

Make = Callable[..., Builder]
#: Owner, group, mode, and content or target.
State = dict[str, tuple[int, int, int, bytes]]


def state(*folders: Path) -> State:
    """Every file and folder below some folders, as its owner finds it."""
    found: State = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            seen = path.lstat()
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            else:
                content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (seen.st_uid, seen.st_gid, seen.st_mode, content)
    return found


def differing(before: State, after: State) -> list[str]:
    """What there was and is not as it was; and what is new in a repository."""
    new = {path for path in after.keys() - before.keys() if "/.git" in path}
    return sorted(new | {path for path in before if after.get(path) != before[path]})


def stir(folder: Path) -> None:
    """Let git find times that its index does not have: it would refresh the index."""
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (1, 1))


def _plain(builder: Builder) -> list[Path]:
    return []


def _shared(builder: Builder) -> list[Path]:
    git(builder.aports, "config", "core.sharedRepository", "group")
    subprocess.run(["chmod", "-R", "g+w", builder.aports / ".git"], check=True)
    return []


def _split_index(builder: Builder) -> list[Path]:
    git(builder.aports, "update-index", "--split-index")
    return []


def _caches(builder: Builder) -> list[Path]:
    git(builder.aports, "config", "core.untrackedCache", "true")
    git(builder.aports, "config", "core.fsmonitor", "true")
    git(builder.aports, "update-index", "--untracked-cache")
    return []


def _packed(builder: Builder) -> list[Path]:
    git(builder.aports, "gc", "-q")
    git(builder.aports, "commit-graph", "write", "--reachable")
    return []


def _alternates(builder: Builder) -> list[Path]:
    first = builder.aports.rename(builder.home / "first")
    git(builder.home, "clone", "-q", "--shared", str(first), str(builder.aports))
    return [first]


def _worktree(builder: Builder) -> list[Path]:
    first = builder.aports.rename(builder.home / "first")
    git(first, "worktree", "add", "-q", "--detach", str(builder.aports))
    return [first]


KINDS = [_plain, _shared, _split_index, _caches, _packed, _alternates, _worktree]


def by_name(function: Callable[..., object]) -> str:
    return function.__name__.strip("_")


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_build_leaves_the_checkout_as_it_was(builder: Builder, kind: Callable[[Builder], list[Path]]) -> None:
    """Else a clone of mode 0644 gets an index of 0600, and who shares it is told "Permission denied"."""
    folder = builder.aport()
    others = kind(builder)
    stir(folder)
    before = state(builder.aports, *others)
    assert builder.build(folder).stderr == ""
    assert builder.record()["source"]["commit"] == git(builder.aports, "rev-parse", "HEAD").strip()
    assert differing(before, state(builder.aports, *others)) == []


@pytest.mark.real
@pytest.mark.parametrize("who", ["a user", "root", "root abroad"])
@pytest.mark.parametrize("kind", [_plain, _shared], ids=by_name)
def test_abuild_leaves_the_checkout(real: Make, who: str, kind: Callable[[Builder], list[Path]]) -> None:
    """Else `abuild -F` takes the index of a checkout away from its owner."""
    if who != "a user" and os.geteuid() != 0:
        pytest.skip("needs root")
    builder = real(root=who != "a user")
    folder = builder.aport()
    kind(builder)
    stir(folder)
    if who == "root abroad":
        subprocess.run(["chown", "-R", "daemon", builder.aports], check=True)
    before = state(builder.aports)
    options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
    assert said(builder.run("abuild", *options, "-d", cwd=folder)) == []
    changed = differing(before, state(builder.aports))
    assert [path for path in changed if Path(path).is_file() or "/.git" in path] == []
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}


#: What makes git say more than was asked, as lines of a user's configuration or of the environment.
CHATTER = {
    "a warning": ("[core]\n\tfsyncObjectFiles = true\n", {}),
    "a trace": ("", {"GIT_TRACE": "1"}),
    "a trace on our descriptor": ("", {"GIT_TRACE": "3", "GIT_TRACE2": "3"}),
    "a configured trace": ("[trace2]\n\tnormalTarget = 3\n", {}),
    "traces of all kinds": ("", {"GIT_TRACE_SETUP": "1", "GIT_TRACE2": "1", "GIT_TRACE2_EVENT": "1"}),
    "colours": ("[color]\n\tui = always\n[log]\n\tshowSignature = true\n[status]\n\tshort = true\n", {}),
    "another language": ("", {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}),
}


@pytest.mark.parametrize("chatter", CHATTER)
@pytest.mark.parametrize("depth", ["full", "shallow"])
def test_what_git_says_beside_its_answer_is_no_answer(builder: Builder, chatter: str, depth: str) -> None:
    """Else a record names another aport, and a commit where a clone was cut counts as the aport's own."""
    folder = builder.aport()
    if depth == "shallow":
        full = builder.aports.rename(builder.home / "full")
        git(builder.home, "clone", "-q", "--depth", "1", f"file://{full}", str(builder.aports))
        os.utime(folder / "APKBUILD", (86400, 86400))
    config, environment = CHATTER[chatter]
    (builder.home / ".gitconfig").write_text(config)
    builder.build(folder, **environment)
    record = builder.record()
    assert record["source"]["aport"] == "main/hello"
    assert record["source"]["commit"] == git(builder.aports, "rev-parse", "HEAD").strip()
    expected = {"value": 86400, "rule": "mtime"} if depth == "shallow" else {"value": COMMIT_TIME, "rule": "commit"}
    assert record["epoch"] == expected
    assert ("shallow-boundary" in {taint["name"] for taint in record["taints"]}) == (depth == "shallow")


def test_a_build_that_a_git_hook_starts_is_of_its_own_repository(builder: Builder) -> None:
    """git exports GIT_DIR and GIT_INDEX_FILE to its hooks, which are not about the aport."""
    folder = builder.aport()
    other = builder.home / "other"
    other.mkdir()
    git(other, "init", "-q")
    builder.build(folder, GIT_DIR=str(other / ".git"), GIT_INDEX_FILE="/nonexistent/index", GIT_WORK_TREE=str(other))
    assert builder.record()["source"]["commit"] == git(builder.aports, "rev-parse", "HEAD").strip()


def test_a_repository_that_only_the_caller_names_is_asked(builder: Builder) -> None:
    folder = builder.aport()
    commit = git(builder.aports, "rev-parse", "HEAD").strip()
    bare = (builder.aports / ".git").rename(builder.home / "bare.git")
    builder.build(folder, GIT_DIR=str(bare), GIT_WORK_TREE=str(builder.aports))
    assert builder.record()["source"]["commit"] == commit
    assert builder.record()["epoch"]["rule"] == "commit"


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"tab\there", b'quo"te', b"back\\slash", b"new\nline", b" blank "])
def test_tracked_names_of_any_bytes_are_recorded(builder: Builder, name: bytes) -> None:
    """Else one file with a Latin-1 name costs the aport every record."""
    folder = builder.aport()
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("x\n")
    (folder / "nested").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/nested/" + name)).write_text("y\n")
    git(builder.aports, "add", "-A")
    git(builder.aports, "commit", "-q", "-m", "main/hello: odd names")
    assert builder.build(folder).stderr == ""
    record = builder.record()
    kept = [entry for entry in record["inputs"] if entry["role"] == "other"]
    skipped = "unrecorded-input" in {taint["name"] for taint in record["taints"]}
    assert len(kept) == 2 or skipped
    dirty = Path(os.fsdecode(os.fsencode(folder) + b"/nested/" + name))
    dirty.write_text("z\n")
    assert builder.build(folder, check=True).stderr == ""
    assert len(builder.record()["source"]["dirty"]) == 1


def test_a_folder_of_a_name_that_is_no_text_is_recorded(builder: Builder) -> None:
    builder.aports = Path(os.fsdecode(os.fsencode(builder.home) + b"/aports-\xe9"))
    assert builder.build(builder.aport()).stderr == ""
    assert builder.record()["source"]["aport"] == "main/hello"


def test_what_a_program_writes_when_it_is_asked_is_readable(builder: Builder) -> None:
    """Compiler caches and wrappers make folders at their first call: nobody else could enter them."""
    shim = builder.home / "shim"
    shim.mkdir()
    for name in ("cc", "make", "git"):
        text = f'#!/bin/sh\n[ -e {shim}/{name}.seen ] || : >{shim}/{name}.seen\nexec /usr/bin/{name} "$@"\n'
        (shim / name).write_text(text)
        (shim / name).chmod(0o755)
    builder.build(builder.aport(), PATH=f"{shim}:/usr/sbin:/usr/bin:/sbin:/bin")
    modes = {path.name: path.stat().st_mode & 0o777 for path in shim.glob("*.seen")}
    assert modes == {"cc.seen": 0o644, "make.seen": 0o644, "git.seen": 0o644}


@pytest.mark.real
def test_the_real_abuild_without_hooks_changes_no_more(real: Make) -> None:
    """What abuild itself writes is its own affair: with hooks there is nothing that there is not without them."""
    changed = {}
    for hooks in (True, False):
        builder = real(f"hooks{hooks}")
        folder = builder.aport()
        stir(folder)
        if not hooks:
            without_hooks(builder)
        before = state(builder.aports)
        options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
        builder.run("abuild", *options, "-d", cwd=folder)
        changed[hooks] = {Path(path).relative_to(builder.home) for path in differing(before, state(builder.aports))}
        shutil.rmtree(builder.home)
    assert changed[True] <= changed[False]
