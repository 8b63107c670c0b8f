"""Every command under every bad condition: a line, the right status, nothing half-written and nothing lost."""

from __future__ import annotations

import gzip
import os
import random
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from world import COMMANDS, INPUTS, Done, World, slots

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "cut": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "a bit turned": lambda data: (
        data[: len(data) // 3] + bytes((data[len(data) // 3] ^ 16,)) + data[len(data) // 3 + 1 :]
    ),
    "more behind it": lambda data: data + b"\0trailing",
    "twice": lambda data: data + data,
    "zeros": lambda data: bytes(3000),
    "noise": lambda data: random.Random(1).randbytes(3000),
    "noise packed": lambda data: gzip.compress(random.Random(1).randbytes(3000), mtime=0),
    "text": lambda data: b"just text\n" * 9,
    "no UTF-8": lambda data: b"\xff\xfe" + data,
    "line ends of DOS": lambda data: data.replace(b"\n", b"\r\n"),
    "v3": lambda data: b"ADB." + data,
    "another input": lambda data: b"PK\x03\x04" + data,
}
LIMITS = {
    "files may have 10 bytes": (resource.RLIMIT_FSIZE, 10),
    "few files may be open": (resource.RLIMIT_NOFILE, 7),
    "no other process may be started": (resource.RLIMIT_NPROC, 0),
}
WRITING = [name for name, words in COMMANDS.items() if "{out}" in words] + ["normalize", "signature add", "enable"]


def sound(done: Done, allowed: tuple[int, ...] = (0, 1, 2)) -> bool:
    """Whether a command has said what it has to say, as it has to."""
    lines = done.err.splitlines()
    plain = "Traceback" not in done.err and "fault of this program" not in done.err
    told = all(line.startswith("abuild-buildinfo") or " file" in line for line in lines)
    return done.status in allowed and plain and told and bool(lines or done.status < 2)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what a command may write."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("home/")}


def stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What tells that a file of a folder was written to or replaced."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names if "/home/" not in f"{place}/" else ():
            status = os.stat(os.path.join(place, name))  # noqa: PTH116, PTH118  # thousands of times
            found[os.path.relpath(place, folder) + "/" + name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_input_is_told_and_nothing_is_written(world: World, pristine: World, how: str) -> None:
    wrong = []
    for name, words in COMMANDS.items():
        for slot in dict.fromkeys(slots(words)):
            if slot in ("keys", "capture"):
                continue
            path = world.folder / INPUTS[slot]
            held = path.read_bytes()
            path.write_bytes(DAMAGE[how](held))
            before = stamps(world.folder)
            done = world.run(*world.words(words))
            after = stamps(world.folder)
            failed = done.status == 2 or (done.status == 1 and name != "finalize")
            if not sound(done) or (failed and before != after):
                wrong.append((name, slot, done, {*after.items()} ^ {*before.items()}))
            (world.folder / "out" / "made").unlink(missing_ok=True)
            for file in {name for name, _ in {*after.items()} ^ {*before.items()}} & before.keys():
                shutil.copy(pristine.folder / file, world.folder / file)
            path.write_bytes(held)
    assert wrong == []


@pytest.mark.parametrize("where", ["/proc/made", "nowhere/made", "hello.apk/made", "x" * 300, "out"])
def test_where_nothing_can_be_written_nothing_is_lost(world: World, where: str) -> None:
    wrong = []
    before = files(world.folder)
    for name in WRITING:
        if "{out}" in COMMANDS[name]:
            done = world.run(*world.words(COMMANDS[name], out=where))
            if not sound(done, (2,)) or done.err.count("\n") != 1 or files(world.folder) != before:
                wrong.append((name, done))
    assert wrong == []


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    "name", ["normalize", "signature add", "signature graft", "index reproduced", "verify --batch"]
)
def test_a_limit_leaves_inputs_as_they_were(
    world: World, name: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the midst of a file is one of them."""
    for variable in [variable for variable in os.environ if variable.startswith("COVERAGE")]:
        monkeypatch.delenv(variable)  # what counts lines writes files of its own
    before = files(world.folder)
    which, value = LIMITS[limit]

    def limited() -> None:
        resource.setrlimit(which, (value, value))

    done = world.apart(*world.words(COMMANDS[name]), preexec_fn=limited)
    assert sound(done, (0, 1, 2)), done
    if done.status == 2:
        assert files(world.folder) == before
    if which == resource.RLIMIT_FSIZE and name != "verify --batch":
        assert (done.status, done.err.count("\n")) == (2, 1), done


@pytest.mark.parametrize(
    "variable", ["TMPDIR", "HOME", "XDG_STATE_HOME", "ABUILD_USERDIR", "SOURCE_DATE_EPOCH", "PATH"]
)
@pytest.mark.parametrize("value", ["", "/nonexistent", "/proc", "\x1b[31m\n", "hello.apk", "\udcff"])
def test_no_variable_makes_a_command_stumble(
    world: World, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    for name in (
        "doctor",
        "doctor --clean",
        "finalize",
        "verify",
        "normalize --output",
        "signature add",
        "show package",
    ):
        done = world.run(*world.words(COMMANDS[name]))
        assert sound(done), (name, done)
        (world.folder / "out" / "made").unlink(missing_ok=True)
    if variable != "PATH":
        with (world.folder / "signed.apk").open("rb") as file:
            done = world.apart("signature", "list", "-", stdin=file)
        assert sound(done, (0, 2)), done


@pytest.mark.parametrize("name", COMMANDS)
def test_words_that_make_no_sense_are_usage(world: World, name: str) -> None:
    words = world.words(COMMANDS[name])
    before = files(world.folder)
    for wrong in (
        ["--nonsense"],
        ["--json=1"],
        ["\udcff"] * 9 if words[0] in ("schema", "enable", "doctor") else ["-j"],
    ):
        done = world.run(*words, *wrong)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), done
    if words[1:]:
        done = world.run(words[0])
        assert sound(done, (0, 1, 2) if words[0] == "doctor" else (0, 2)), done
    assert files(world.folder) == before


def test_a_disk_that_is_full_keeps_what_there_was(world: World, small_disk: Callable[[Path, int], None]) -> None:
    place = world.folder / "small"
    small_disk(place, 12)
    for name in ("hello.apk", "loose.gz", "signed.apk"):
        shutil.copy(world.folder / name, place / name)
    with (place / "ballast").open("wb") as ballast:
        try:
            while True:
                os.write(ballast.fileno(), bytes(512))
        except OSError:
            pass
    before = files(place)
    for words in (
        "normalize --handlers all small/hello.apk small/loose.gz",
        f"signature add --key {INPUTS['key']} small/hello.apk",
        "signature strip -o small/made signed.apk",
        "verify --at-least different -o small/made hello.apk rebuilt.apk",
        f"index reproduced --from APKINDEX.tar.gz --report report.json --key {INPUTS['key']} -o small/made",
    ):
        done = world.apart(*words.split())
        assert sound(done, (2,)), (words, done)
        assert files(place) == before, words
