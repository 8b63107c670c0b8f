"""Signals end every command that writes as an error does; what kill -9 leaves the next run removes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from world import INPUTS, World

KEY = INPUTS["key"]
WRITING = {
    "normalize": "normalize loose.gz",
    "normalize package": "normalize --handlers all hello.apk",
    "normalize -o": "normalize -o out/made loose.gz",
    "signature add": f"signature add --key {KEY} hello.apk",
    "signature extract": "signature extract -o out/made signed.apk",
    "signature strip": "signature strip -o out/made signed.apk",
    "signature graft": "signature graft --from signed.apk -o out/made hello.apk",
    "index reproduced": f"index reproduced --from APKINDEX.tar.gz --report report.json --key {KEY} -o out/made",
    "verify -o": "verify --at-least different -o out/made hello.apk rebuilt.apk",
    "verify -o html": "verify --at-least different --format html -o out/ hello.apk rebuilt.apk",
}
ENDING = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}

#: Runs the program until it is about to have a new file on disk, and there waits.
_STOP = """\
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from buildinfo.cli import main
def stop(descriptor):
    open(sys.argv[1], "w").close()
    time.sleep(60)
os.fsync = stop
sys.exit(main(sys.argv[2:]))
"""


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, but for what the test itself puts there."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "reached")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def interrupted(world: World, words: str, number: int) -> tuple[int, str]:
    """Runs a command up to the point where its result is written beside, and sends it a signal."""
    reached = world.folder / "reached"
    reached.unlink(missing_ok=True)
    command = [sys.executable, "-c", _STOP, str(reached), *words.split()]
    with subprocess.Popen(command, cwd=world.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        wait_for(reached.exists)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    return process.returncode, err.decode()


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(1000):
        if happened():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


@pytest.mark.parametrize("name", WRITING)
def test_a_signal_leaves_everything_as_it_was(world: World, name: str) -> None:
    """A terminal that is closed, a shutdown, an interrupt: nothing half-written, nothing beside."""
    before = files(world.folder)
    for number, status in ENDING.items():
        assert interrupted(world, WRITING[name], number) == (status, "")
        assert files(world.folder) == before


@pytest.mark.parametrize("name", WRITING)
def test_what_kill_leaves_is_removed_by_the_next_run(world: World, name: str) -> None:
    before = set(files(world.folder))
    assert interrupted(world, WRITING[name], signal.SIGKILL) == (-signal.SIGKILL, "")
    assert len(files(world.folder)) == len(before) + 1
    assert world.apart(*WRITING[name].split()).status == 0
    assert {path for path in files(world.folder) if path not in before} <= {"out/made", "out/index.html"}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("words", ["normalize -", "signature list -", "verify - rebuilt.apk", "verify --batch -"])
def test_what_waits_for_standard_input_is_removed(
    world: World, words: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.folder / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    with world.start(*words.split(), stdin=subprocess.PIPE) as process:
        wait_for(lambda: any(place.iterdir()))
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert err == b""
    if number == signal.SIGKILL:
        assert list(place.iterdir()) != []
        world.apart(*words.split(), stdin=subprocess.DEVNULL)
    assert list(place.iterdir()) == []


def test_two_signals_at_once_clean_up_once(world: World) -> None:
    """As a service manager sends them."""
    before = files(world.folder)
    reached = world.folder / "reached"
    command = [sys.executable, "-c", _STOP, str(reached), *WRITING["normalize"].split()]
    with subprocess.Popen(command, cwd=world.folder, stderr=subprocess.PIPE) as process:
        wait_for(reached.exists)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert (process.returncode in ENDING.values(), err) == (True, b"")
    assert files(world.folder) == before


def test_a_hangup_that_is_ignored_stays_ignored(world: World) -> None:
    """nohup is for this."""
    place = world.folder / "long"
    with world.start("normalize", "-o", "out/made", "-", stdin=subprocess.PIPE, preexec_fn=_ignore) as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate((world.folder / "loose.gz").read_bytes(), timeout=20)
    assert (process.returncode, err) == (0, b""), out
    assert (world.folder / "out" / "made").exists() and not place.exists()


def _ignore() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_processes_of_a_batch_end_with_it(world: World) -> None:
    """Killed with kill -9, too: they would go on for hours, for nobody."""
    (world.folder / "list").write_text("hello.apk\trebuilt.apk\n" * 20_000)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        children: list[str] = []
        with world.start("verify", "--batch", "list", "-j", "2", "--json", stdout=subprocess.DEVNULL) as process:
            while len(children) < 2 and process.poll() is None:
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.send_signal(number)
            process.wait(20)
        assert len(children) == 2
        wait_for(lambda children=children: not any(_runs(int(child)) for child in children))  # type: ignore[misc]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
