"""If these fail, a folder that somebody made hangs, fells or leads astray who looks into it."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, Builder
from sabotage import change, finalize, name_tool, program, reseal, said

from buildinfo.capture.pending import running
from buildinfo.capture.reader import LARGEST, LARGEST_OF_ALL, MOST, read_capture
from buildinfo.document import read
from buildinfo.errors import CaptureError

MEMORY = 400 << 20
"""Most bytes of address space: 128 MiB, and thrice what is held of the largest file, with room for the program."""
RECIPE = APKBUILD.replace('subpackages="$pkgname-doc"', 'subpackages=""')


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, Path]:
    """A build whose capture is complete and not finalized; it is copied, and never changed."""
    builder = Builder(tmp_path_factory.mktemp("built") / "home")
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    return builder, capture


def command(builder: Builder, *words: str | Path, memory: int = MEMORY) -> subprocess.CompletedProcess[str]:
    """Run a command of ours that must end, in bounded memory, with at most one line for each thing that is wrong."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "buildinfo", *map(str, words)],
        env={"HOME": str(builder.home), "PATH": os.environ["PATH"], "REPODEST": str(builder.repodest)},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2), done.stderr
    return done


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a device")
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _folder(path: Path) -> None:
    path.mkdir()


KINDS: list[Callable[[Path], None]] = [_fifo, _device, _link, _folder]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.strip("_"))
def test_what_is_no_plain_file_is_not_opened_whatever_it_is_called(
    builder: Builder, kind: Callable[[Path], None]
) -> None:
    """A pipe would hold up the night's finalize for ever; a link would give away the file behind it."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [whole] = builder.captures()
    names = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
    names += map(Path, ("told", "tried", "errors", "normalized", "pkginfo", "log", "log"))
    for number, name in enumerate(names):
        broken = whole.with_name(f"broken{number}-1-r0.x86_64.99999999")
        shutil.copytree(whole, broken)
        if (broken / name).is_dir():
            shutil.rmtree(broken / name)
        else:
            (broken / name).unlink(missing_ok=True)
        kind(broken / name)
        for mark in ("tried", "told")[: number % 3]:  # what was said of it is looked for in its log
            if not (broken / mark).exists() and mark != name.name:
                (broken / mark).touch()
    kind(whole.with_name("x-1-r0.x86_64.1"))
    for words in (["doctor"], ["finalize", "--keep"], ["doctor", "--clean"]):
        command(builder, *words)
    assert "root:" not in "".join(path.read_text() for path in builder.repodest.rglob("*.toml"))


def test_a_capture_that_is_a_link_is_none(built: tuple[Builder, Path], tmp_path: Path) -> None:
    builder, capture = built
    (tmp_path / "link").symlink_to(capture)
    for verb in ("finalize", "show"):
        done = command(builder, verb, tmp_path / "link")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def sparse(capture: Path, name: str, size: int) -> None:
    with (capture / name).open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize(
    "sizes",
    [
        {"environment": LARGEST + 1},
        {"installed": 64 << 20, "sysroot": 64 << 20, "tree": 64 << 20},
        {"recipe": 1 << 40},
        {"tree": 64 << 20},
        {"installed": 64 << 20},
        {"environment": LARGEST, "conditions": LARGEST, "paths": LARGEST, "banners": LARGEST, "tools": LARGEST},
    ],
    ids="+".join,
)
def test_a_capture_of_sparse_files_takes_no_more_than_what_a_build_would_need(
    built: tuple[Builder, Path], tmp_path: Path, sizes: dict[str, int]
) -> None:
    """A few bytes on disk would take all memory of the machine."""
    builder, whole = built
    capture = tmp_path / whole.name
    shutil.copytree(whole, capture)
    for name, size in sizes.items():
        sparse(capture, name, size)
    if max(sizes.values()) <= LARGEST_OF_ALL:
        reseal(capture)
    for words in (["finalize", "--keep", "--packages", builder.repodest / "main"], ["show"]):
        done = command(builder, *words, capture)
        assert done.returncode == 2 or words == ["show"]
        assert done.stderr.count("\n") == (done.returncode == 2)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("environment", b"".join(b"V%d=\0" % number for number in range(MOST + 2))),
        ("status", b"?? a\0" * (MOST + 1)),
        ("tools", b"/a\n" * (MOST + 1)),
        ("inputs.sha256", b"a  b\n" * (MOST + 1)),
        ("banners", b"\0" * (MOST + 1)),
        ("tree", b"./hello/a\0" * 500_000),
        ("tree", b"".join(b"./p%d/a\0" % number for number in range(MOST + 1))),
        ("installed", b"P:a\nV:1\n\n" * (MOST + 2)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_lists_without_end_are_refused(built: tuple[Builder, Path], tmp_path: Path, name: str, data: bytes) -> None:
    builder, whole = built
    capture = tmp_path / whole.name
    shutil.copytree(whole, capture)
    (capture / name).write_bytes(data)
    reseal(capture)
    done = command(builder, "finalize", "--keep", "--packages", builder.repodest / "main", capture)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "entries in" in done.stderr


def test_one_file_is_not_read_for_each_line_that_names_it(built: tuple[Builder, Path], tmp_path: Path) -> None:
    _, whole = built
    shutil.copytree(whole, tmp_path / "capture")
    seal = tmp_path / "capture/complete"
    seal.write_text(seal.read_text() + seal.read_text().splitlines()[0] + "\n")
    with pytest.raises(CaptureError, match="list of files"):
        read_capture(tmp_path / "capture")


HUGE = "9" * 20_000


@pytest.mark.parametrize("value", [HUGE, "²", "-5", "1_0", "٣", "99999999999999999999"])
def test_a_number_that_is_none_is_left_out(builder: Builder, value: str) -> None:
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0", BUILDINFO_OBSERVE="1")
    [capture] = builder.captures()
    change(capture, "conditions", ("JOBS", value))
    change(capture, "observations", ("time", value))
    done = command(builder, "finalize", capture)
    assert (done.returncode, done.stderr) == (0, "")
    record = read(builder.record_file())
    assert record.conditions.jobs is None
    assert record.observations is not None and record.observations.time is None


@pytest.mark.parametrize("value", [HUGE, "-5", "1_0", "٣", "99999999999999999999"])
def test_a_size_that_is_none_is_damage(built: tuple[Builder, Path], tmp_path: Path, value: str) -> None:
    builder, whole = built
    capture = tmp_path / whole.name
    shutil.copytree(whole, capture)
    lines = (capture / "inputs.size").read_text().splitlines()
    (capture / "inputs.size").write_text("".join(f"{value} {line.partition(' ')[2]}\n" for line in lines))
    reseal(capture)
    done = command(builder, "finalize", "--packages", builder.repodest / "main", capture)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "do not fit together" in done.stderr


@pytest.mark.parametrize("seconds", ["253402300800", "999999999999", "-1", "1e9"])
def test_an_epoch_behind_which_there_are_no_dates_is_refused(
    built: tuple[Builder, Path], tmp_path: Path, seconds: str
) -> None:
    _, whole = built
    shutil.copytree(whole, tmp_path / "capture")
    (tmp_path / "capture/epoch").write_text(f"caller {seconds}\n")
    reseal(tmp_path / "capture")
    with pytest.raises(CaptureError, match="not a number of seconds"):
        read_capture(tmp_path / "capture")


@pytest.mark.parametrize("number", [HUGE, "²", "../../etc", ""])
def test_a_process_that_can_be_none_does_not_run(tmp_path: Path, number: str) -> None:
    (tmp_path / "local").write_bytes(f"_buildinfo_pid={number}\0".encode())
    assert not running(tmp_path)


@pytest.mark.parametrize("name", ["normalized", "0123456789abcdef.index", "hashes.json"])
@pytest.mark.parametrize("data", [b"[" * 100_000, b"9" * 20_000, b"[]", b'{"a": [1]}', b"\xff"])
def test_what_an_earlier_run_seems_to_have_noted_harms_nothing(builder: Builder, name: str, data: bytes) -> None:
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    place = {"normalized": capture, "hashes.json": builder.state}.get(name, capture.parent)
    (place / name).write_bytes(data)
    assert command(builder, "finalize").returncode == 0
    read(builder.record_file())


# --- files that tools.stat names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [_fifo, _device, _link], ids=lambda kind: kind.__name__.strip("_"))
@pytest.mark.parametrize("folder", ["plain", "link"])
def test_a_tool_that_is_no_plain_file_is_not_opened(
    builder: Builder, tmp_path: Path, kind: Callable[[Path], None], folder: str
) -> None:
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    tool = tmp_path / "bin/tool"
    tool.parent.mkdir()
    kind(tool)
    if folder == "link":
        (tmp_path / "way").symlink_to(tmp_path / "bin")
        tool = tmp_path / "way/tool"
    name_tool(capture, tool)
    assert command(builder, "finalize").returncode == 0
    [entry] = [entry for entry in read(builder.record_file()).tools if entry.path == str(tool)]
    assert entry.sha256 is None


@pytest.mark.parametrize("escape", ["link", "dots"])
def test_a_chroot_names_no_file_outside_of_it(builder: Builder, tmp_path: Path, escape: str) -> None:
    """Its build can put links into /tmp, and would learn the hash of any file of who builds from the record."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    secret, root = tmp_path / "secret", tmp_path / "root"
    secret.write_text("secret\n")
    (root / "tmp").mkdir(parents=True)
    (root / "tmp/link").symlink_to(tmp_path)
    path = "/tmp/link/secret" if escape == "link" else "/tmp/../../secret"
    name_tool(capture, secret)
    for name in ("tools", "tools.real", "tools.stat"):
        (capture / name).write_text((capture / name).read_text().replace(str(secret), path))
    (capture / "inner").write_text("")
    with (capture / "complete").open("a") as seal:
        seal.write(f"{hashlib.sha256(b'').hexdigest()}  inner\n")
    change(capture, "local", ("BUILD_ROOT", str(root)))
    assert command(builder, "finalize").returncode == 0
    [entry] = [entry for entry in read(builder.record_file()).tools if entry.path == path]
    assert entry.sha256 is None


# --- what is written beside captures -------------------------------------------------------------------------------


def test_the_memory_of_hashes_overwrites_no_file(builder: Builder) -> None:
    """Its temporary name could be told before: hashes.json.PID, and a link of that name led anywhere."""
    victim = builder.home / "victim"
    victim.write_text("precious\n")
    folder = builder.aport(RECIPE)
    builder.build(folder)
    (builder.state / "hashes.json").write_text("{}")
    program(builder, f'ln -s {victim} {builder.state}/hashes.json.$$; exec $PYTHON "$@"')
    assert said(builder.build(folder)) == []
    assert victim.read_text() == "precious\n"
    assert json.loads((builder.state / "hashes.json").read_bytes())


def test_what_a_stranger_remembers_is_not_believed(builder: Builder, tmp_path: Path) -> None:
    """A folder `captures` beside a forged hashes.json would put any hash of any tool into the record."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    place = tmp_path / "captures" / capture.name
    shutil.copytree(capture, place)
    os.mkfifo(tmp_path / "hashes.json")
    assert command(builder, "finalize", "--keep", "--packages", builder.repodest / "main", place).returncode == 0
    builder.state.chmod(0o777)
    os.mkfifo(builder.state / "hashes.json")
    assert command(builder, "finalize").returncode == 0


def test_the_mark_of_a_kept_capture_is_put_through_no_link(built: tuple[Builder, Path], tmp_path: Path) -> None:
    builder, whole = built
    capture, victim = tmp_path / whole.name, tmp_path / "victim"
    shutil.copytree(whole, capture)
    (capture / "finalized").symlink_to(victim)
    command(builder, "finalize", "--keep", "--packages", builder.repodest / "main", capture)
    assert not victim.exists()


# --- signals -------------------------------------------------------------------------------------------------------

_SLOWLY = """
import os, sys, time
from buildinfo.cli import main
def stop(descriptor):
    open(sys.argv[1], "w").close()
    time.sleep(60)
os.fsync = stop
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_leaves_nothing_half(builder: Builder, number: signal.Signals) -> None:
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    reached = builder.home / "reached"
    before = set(builder.home.rglob("*"))
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _SLOWLY, reached, "finalize"],
        env={"HOME": str(builder.home), "PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
    )
    for _ in range(600):
        if reached.exists():
            break
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert b"Traceback" not in errors
    assert set(builder.home.rglob("*")) - {reached} == before
    assert finalize(builder).returncode == 0


def test_what_kill_leaves_is_removed_by_the_next_run(builder: Builder) -> None:
    """Also a capture of which a half had been removed."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    half = capture.with_name(".abuild-buildinfo.0123456789abcdef.part")
    shutil.copytree(capture, half)
    (half / "recipe").unlink()
    note = capture.with_name(".0123456789abcdef.index.12345.part")
    signing = builder.repodest / "main/x86_64/.abuild-buildinfo.fedcba9876543210.part"
    note.write_text("{")
    signing.mkdir()
    (signing / "control.tar.gz").write_text("x")
    done = finalize(builder)
    assert (done.returncode, said(done)) == (0, [])
    assert not half.exists()
    assert not note.exists()
    assert not signing.exists()
    assert list(capture.parent.iterdir()) == []
