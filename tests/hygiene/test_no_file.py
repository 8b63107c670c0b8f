"""What is no file is refused in a line, by every command and for each of its inputs; nothing waits for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from world import COMMANDS, INPUTS, World, slots


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # relative: the whole path may be too long for one


KINDS = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/ptmx"),
    "nothing": lambda path: None,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "folder": lambda path: path.mkdir(),
}
PLACES = [(name, slot) for name, command in COMMANDS.items() for slot in dict.fromkeys(slots(command))]
FOLDERS = ("keys", "capture")
"""Inputs that are folders."""


def _removed(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_refused_in_a_line(world: World, kind: str) -> None:
    """A pipe that somebody put into a folder of packages would hold up a farm for ever."""
    wrong = []
    for name, slot in PLACES:
        if kind == "folder" and (slot in FOLDERS or name.startswith("normalize")):
            continue
        words = world.words(COMMANDS[name], **{slot: "odd"})
        for path in (world.folder / "odd", world.folder / "out" / "made"):
            if path.is_symlink() or path.exists():
                _removed(path)
        KINDS[kind](world.folder / "odd")
        done = world.run(*words)
        if done.status != 2 or done.err.count("\n") != 1 or (world.folder / "out" / "made").exists():
            wrong.append((name, slot, done))
    assert wrong == []


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_lies_beside_is_no_file_either(world: World, kind: str) -> None:
    """Signatures beside records, keys in their folder, packages in trees, what a list names, and configurations."""
    make = KINDS[kind]
    places: dict[str, str] = {
        "one.buildinfo.toml.sig": "show --require-signature --keys us-keys one.buildinfo.toml",
        f"us-keys/{INPUTS['key']}.pub": "signature verify --keys us-keys signed.apk",
        "rebuilt.apk": "verify --batch pairs",
        "old/x86_64/rebuilt.apk": "verify old new",
        "home/.abuild/abuild.conf": "enable",
        "capture/recipe": "show capture",
        "capture/complete": "finalize capture",
    }
    for folder in ("old", "new"):
        (world.folder / folder / "x86_64").mkdir(parents=True)
        (world.folder / folder / "x86_64" / "rebuilt.apk").write_bytes((world.folder / "rebuilt.apk").read_bytes())
    wrong = []
    for place, words in places.items():
        path = world.folder / place
        held = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        os.chdir(path.parent)
        make(Path(path.name))
        os.chdir(world.folder)
        done = world.run(*words.split())
        if done.status != 2 or done.err.count("\n") != 1:
            wrong.append((place, done))
        path.unlink()
        if held is not None:
            path.write_bytes(held)
    assert wrong == []


def test_a_tree_with_a_pipe_in_it_is_normalized_around_it(world: World) -> None:
    (world.folder / "tree").mkdir()
    os.mkfifo(world.folder / "tree" / "f.apk")
    done = world.run("normalize", "tree")
    assert (done.status, done.out) == (0, "")
    assert (world.folder / "tree" / "f.apk").is_fifo()


def test_a_pipe_that_nobody_reads_gets_no_report(world: World) -> None:
    os.mkfifo(world.folder / "pipe")
    done = world.run("verify", "--at-least", "different", "-o", "pipe", "hello.apk", "rebuilt.apk")
    assert (done.status, done.err) == (2, "abuild-buildinfo: pipe: cannot be written: nobody reads this pipe\n")


@pytest.mark.parametrize(
    "words",
    ["show {}", "validate {}", "compare-records one.buildinfo.toml {}", "verify --batch {}", "verify {} rebuilt.apk"],
)
def test_what_a_shell_gives_as_a_pipe_is_read(world: World, words: str) -> None:
    """`show <(command)`: that pipe is the caller's own."""
    file = "pairs" if "--batch" in words else "hello.apk" if "rebuilt" in words else "one.buildinfo.toml"
    reading, writing = os.pipe()
    data = (world.folder / file).read_bytes()
    if os.fork() == 0:  # a pipe holds only so much
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            stream.write(data)
        os._exit(0)
    os.close(writing)
    os.set_inheritable(reading, True)
    done = world.apart(*words.format(f"/dev/fd/{reading}").split(), pass_fds=[reading])
    os.close(reading)
    os.wait()
    assert (done.status, done.err) == (0 if "verify" not in words else 1, ""), done


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder"])
def test_the_doctor_looks_at_no_file_that_is_none(world: World, kind: str) -> None:
    """It is asked where something is wrong."""
    home = world.folder / "home"
    assert world.run("enable").status == 0
    (home / "state" / "abuild-buildinfo" / "captures").mkdir(parents=True)
    capture = home / "state" / "abuild-buildinfo" / "captures" / "hello-1.2-r3.x86_64.1"
    (world.folder / "capture").rename(capture)
    hooks = home / ".abuild" / "abuild-buildinfo"
    places = [hooks / "program.sh", *(capture / name for name in ("log", "format", "local"))]
    for path in places:  # abuild itself waits for the configuration, and for hook.sh
        held = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        os.chdir(path.parent)
        KINDS[kind](Path(path.name))
        os.chdir(world.folder)
        done = world.run("doctor")
        assert done.status in (0, 1), (path, done)
        assert done.err == "", (path, done)
        _removed(path)
        if held is not None:
            path.write_bytes(held)
