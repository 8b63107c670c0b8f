"""Processes that die and memory that runs short cost the pair that was being compared, and no other."""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packing import EPOCH, Item, Packing
from world import INPUTS, World

from buildinfo.parallel import shared_out
from buildinfo.verify.batch import Match, compare_all

KEY = INPUTS["key"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, None])
@pytest.mark.parametrize("fatal", [{0}, {7, 8, 199}, set(range(0, 200, 9)), set(range(200))])
def test_an_item_that_kills_its_process_is_the_only_one_lost(number: int | None, fatal: set[int]) -> None:
    def work(item: int) -> int:
        if item in fatal:
            if number is None:
                os._exit(3)
            faulthandler.disable()  # which pytest has enabled
            os.kill(os.getpid(), number)
            time.sleep(60)
        return item

    found = list(shared_out(work, range(200), 2, lost=lambda item, why: -1 if why else 0))
    assert found == [-1 if item in fatal else item for item in range(200)]


def test_a_process_that_dies_while_it_sends_is_not_begun_anew_for_ever() -> None:
    class Fatal:
        def __reduce__(self) -> str:
            os._exit(9)

    found = list(shared_out(lambda item: Fatal(), range(4), 2, lost=lambda item, why: why))
    assert found == ["its process ended with status 9"] * 4


def test_a_pair_whose_process_dies_is_named_and_the_others_are_compared(tmp_path: Path) -> None:
    """A farm would learn nothing of a whole release because of one package."""
    matches = []
    for number in range(24):
        path = tmp_path / f"{number}.apk"
        path.write_bytes(Packing(mtime=EPOCH - number).package())
        matches.append(Match(path, tmp_path / "0.apk"))

    def records(original: Path, rebuilt: Path) -> None:
        if original.name in ("5.apk", "6.apk", "23.apk"):
            os.kill(os.getpid(), signal.SIGKILL)

    report = compare_all(matches, jobs=2, records=records)
    dead = {pair.original: pair.error for pair in report.pairs if pair.verdict is None}
    assert [Path(name).name for name in dead if name] == ["5.apk", "6.apk", "23.apk"]
    for name, error in dead.items():
        assert error and "SIGKILL" in error, name
    assert (report.errors, report.summary["unreadable"], len(report.pairs)) == (3, 3, 24)


def test_a_batch_with_a_dead_process_has_a_whole_report_and_status_2(world: World) -> None:
    lines = [f"{name}.apk\trebuilt.apk\n" for name in ("hello", "signed") for _ in range(400)]
    (world.folder / "list").write_text("".join(lines))
    with world.start("verify", "--batch", "list", "-j", "2", "--json") as process:
        children: list[str] = []
        while len(children) < 2 and process.poll() is None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        time.sleep(0.05)
        os.kill(int(children[0]), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert len(report["pairs"]) == len(lines)
    if report["errors"]:  # else it had no pair at that moment
        assert process.returncode == 2
        assert err.decode().count("\n") == report["errors"] == 1
        assert "SIGKILL" in err.decode()


@pytest.mark.parametrize("megabytes", [36, 60])
def test_a_limit_of_memory_is_told_in_a_line(world: World, megabytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files that unpack to more than that."""
    for variable in [variable for variable in os.environ if variable.startswith("COVERAGE")]:
        monkeypatch.delenv(variable)  # what counts lines needs memory of its own

    for name, byte in (("large", b"a"), ("other", b"b")):
        (world.folder / f"{name}.apk").write_bytes(Packing().package([Item("big", content=byte * (24 << 20))]))
    (world.folder / "deep.json").write_text('{"pairs": [' + "0, " * 1_000_000 + "0]}")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    for words in (
        ["verify", "large.apk", "other.apk"],
        ["normalize", "--check", "--handlers", "all", "large.apk"],
        ["show", "large.apk"],
        ["index", "reproduced", "--from", "APKINDEX.tar.gz", "--report", "deep.json", "--key", KEY, "-o", "x"],
        ["validate", "deep.json"],
    ):
        done = world.apart(*words, preexec_fn=limit)
        assert "Traceback" not in done.err, done
        assert done.status in (0, 1) or (done.status, done.err.count("\n")) == (2, 1), (words, done)


@pytest.mark.parametrize("words", ["normalize --handlers all noise.apk", "verify --json noise.apk other.apk"])
def test_where_no_thread_can_be_started_it_goes_on_without(world: World, words: str) -> None:
    """Limits of memory and of processes leave room for none, and the result is the same."""
    noise = random.Random(1)
    item = Item("big", content=noise.randbytes(3 << 20))
    for name, when in (("noise", EPOCH), ("other", EPOCH - 9)):
        (world.folder / f"{name}.apk").write_bytes(Packing(mtime=when).package([item]))
    before = (world.folder / "noise.apk").read_bytes()
    results = []
    for size in (1 << 20, 1 << 46):  # of a stack, for which there is room or not
        (world.folder / "noise.apk").write_bytes(before)
        program = "import sys, threading; threading.stack_size(int(sys.argv[1])); from buildinfo.cli import main; "
        command = [sys.executable, "-c", program + "sys.exit(main(sys.argv[2:]))", str(size), *words.split()]
        done = subprocess.run(command, cwd=world.folder, capture_output=True, check=False)
        assert (done.stderr.count(b"Traceback"), done.returncode in (0, 1)) == (0, True), done
        results.append((done.returncode, done.stdout, (world.folder / "noise.apk").read_bytes()))
    assert results[0] == results[1]
