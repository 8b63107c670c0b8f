"""A broken hook, program or disk costs the record of a build, and never its packages."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, STANDIN, Builder
from sabotage import (
    GARBAGE,
    POISONS,
    RECIPES,
    configure,
    contents,
    finalize,
    litter,
    poison,
    program,
    reseal,
    said,
    told_once,
    without_hooks,
)

from buildinfo.apk.v2 import read_package
from buildinfo.document import read

STEPS = ["building", "packing", "packed"]
NAMES = ["main/x86_64/hello-1.2-r3.apk", "main/x86_64/hello-doc-1.2-r3.apk"]
FIXED = {"SOURCE_DATE_EPOCH": str(COMMIT_TIME), "ABUILD_LAST_COMMIT": "0" * 40}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The packages of a build without hooks."""
    builder = Builder(tmp_path_factory.mktemp("untouched") / "home")
    without_hooks(builder)
    builder.build(builder.aport(), **FIXED)
    packages = contents(builder)
    assert list(packages) == NAMES
    return packages


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Builder]:
    """A builder to whom permissions apply: nobody, where the tests run as root."""
    if os.geteuid() != 0:
        yield Builder(tmp_path / "home")
        return
    uid = pwd.getpwnam("nobody").pw_uid
    probe = f'test -r "{STANDIN}/abuild" && exec "{sys.executable}" -I -c "import buildinfo"'
    if subprocess.run(["sh", "-c", probe], user=uid, cwd="/", capture_output=True, check=False).returncode != 0:
        pytest.skip(f"needs a Python and a checkout that an unprivileged user may read, not {sys.executable}")
    folder = Path(tempfile.mkdtemp(prefix="buildinfo-test.", dir="/var/tmp"))
    folder.chmod(0o755)
    yield Builder(folder / "home", uid=uid)
    shutil.rmtree(folder)


def build(builder: Builder, **environment: str) -> subprocess.CompletedProcess[str]:
    return builder.build(builder.aport(), **FIXED, **environment)


def unharmed(builder: Builder, packages: dict[str, bytes]) -> None:
    """The packages are whole, and those of a build without hooks."""
    assert contents(builder) == packages
    for package in builder.packages():
        read_package(package)
    assert litter(builder) == []


# --- every step of the hooks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", POISONS)
def test_a_step_that_fails_costs_the_record_and_nothing_else(
    builder: Builder, untouched: dict[str, bytes], step: str, how: str
) -> None:
    poison(builder, step, POISONS[how])
    done = build(builder)
    unharmed(builder, untouched)
    assert f"the {step} step failed" in told_once(done)
    assert not builder.record_file().exists()


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
def test_every_shell_survives_a_step_that_is_killed(
    builders: Callable[..., Builder], untouched: dict[str, bytes], shell: str
) -> None:
    builder = builders("home", interpreter=shell)
    poison(builder, "packing", POISONS["is killed"])
    done = build(builder)
    unharmed(builder, untouched)
    assert "status 137" in told_once(done)


def test_what_a_step_prints_reaches_nobody(builder: Builder, untouched: dict[str, bytes]) -> None:
    for step in STEPS:
        poison(builder, step, GARBAGE)
    done = build(builder)
    unharmed(builder, untouched)
    assert (done.stdout, done.stderr) == ("", "")
    read(builder.record_file())


def test_after_a_step_that_failed_no_other_runs(builder: Builder) -> None:
    """A record made from the rest would say that the epoch was the caller's, and other half truths."""
    poison(builder, "building", POISONS["fails"])
    for step in ("packing", "packed"):
        poison(builder, step, ': >"$HOME/ran"')
    build(builder)
    assert not (builder.home / "ran").exists()


def test_the_user_is_led_to_the_reason(builder: Builder) -> None:
    poison(builder, "packing", POISONS["fails"])
    line = told_once(build(builder))
    [capture] = builder.captures()
    assert str(capture / "log") in line
    assert "the-reason" in (capture / "log").read_text()


@pytest.mark.parametrize("step", STEPS)
def test_strict_mode_fails_the_build_with_the_step(builder: Builder, step: str) -> None:
    configure(builder, "BUILDINFO_STRICT=1")
    poison(builder, step, POISONS["fails"])
    done = builder.build(builder.aport(), check=False)
    assert done.returncode != 0
    assert f"the {step} step failed" in told_once(done)


# --- every part of the installation ------------------------------------------------------------------------------


def _state_is_a_file(builder: Builder) -> None:
    builder.state.parent.mkdir(parents=True, exist_ok=True)
    builder.state.write_text("")


def _state_is_read_only(builder: Builder) -> None:
    (builder.state / "captures").mkdir(parents=True)
    builder.own()
    (builder.state / "captures").chmod(0o500)


def _no_home(builder: Builder) -> None:
    builder.environment |= {"HOME": "", "ABUILD_USERDIR": str(builder.config.parent)}


def _home_is_nowhere(builder: Builder) -> None:
    builder.environment |= {"HOME": "/nonexistent/home", "ABUILD_USERDIR": str(builder.config.parent)}


def _relative_captures(builder: Builder) -> None:
    configure(builder, "BUILDINFO_CAPTURES=captures")


def _no_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").unlink()


def _secret_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").chmod(0)


def _broken_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").write_text("_buildinfo_body() {\n\tcase in ((\n")


def _empty_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").write_text("")


def _no_program_sh(builder: Builder) -> None:
    (builder.hooks / "program.sh").unlink()


def _no_python(builder: Builder) -> None:
    (builder.hooks / "program.sh").write_text("_buildinfo_python=/nonexistent/python\n")


def _failing_program(builder: Builder) -> None:
    program(builder, "echo garbage; echo garbage >&2; exit 1")


def _killed_program(builder: Builder) -> None:
    program(builder, "kill -9 $$")


def _raising_program(builder: Builder) -> None:
    program(builder, '$PYTHON -c "raise KeyError(1)"')


FAULTS: list[Callable[[Builder], None]] = [
    _state_is_a_file,
    _state_is_read_only,
    _no_home,
    _home_is_nowhere,
    _relative_captures,
    _no_capture_sh,
    _secret_capture_sh,
    _broken_capture_sh,
    _empty_capture_sh,
    _no_program_sh,
    _no_python,
    _failing_program,
    _killed_program,
    _raising_program,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_").replace("_", " "))
def test_a_broken_installation_is_told_once_and_costs_no_package(
    plain: Builder, untouched: dict[str, bytes], fault: Callable[[Builder], None]
) -> None:
    folder = plain.aport()
    fault(plain)
    done = plain.build(folder, **FIXED)
    unharmed(plain, untouched)
    told_once(done)
    assert not plain.record_file().exists()
    # And in strict mode it costs the build.
    configure(plain, "BUILDINFO_STRICT=1")
    done = plain.build(folder, check=False, **FIXED)
    assert done.returncode != 0
    told_once(done)


def test_a_program_that_is_mended_finalizes_what_was_left(builder: Builder, untouched: dict[str, bytes]) -> None:
    _no_python(builder)
    line = told_once(build(builder))
    [capture] = builder.captures()
    assert f"run: abuild-buildinfo finalize '{capture}'" in line
    assert finalize(builder, capture).returncode == 0
    read(builder.record_file())
    assert builder.captures() == []
    unharmed(builder, untouched)


def test_without_the_hook_file_abuild_is_as_before(builder: Builder, untouched: dict[str, bytes]) -> None:
    (builder.hooks / "hook.sh").unlink()
    done = build(builder)
    unharmed(builder, untouched)
    assert done.stderr == ""


def test_a_log_that_cannot_be_written_costs_nothing(builder: Builder, untouched: dict[str, bytes]) -> None:
    poison(builder, "building", 'rm -f "$_buildinfo_capture/log"; mkdir "$_buildinfo_capture/log"')
    done = build(builder)
    unharmed(builder, untouched)
    assert done.stderr == ""
    read(builder.record_file())


# --- disks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 40, 80, 120])
def test_a_full_state_folder_gives_a_whole_record_or_none(
    builders: Callable[..., Builder], untouched: dict[str, bytes], small_disk: Callable[[Path, int], None], size: int
) -> None:
    """A record that lost a part to a full disk would be a lie about the build."""
    builder, roomy = builders("home"), builders("roomy")
    small_disk(builder.state, size)
    done = build(builder)
    unharmed(builder, untouched)
    if builder.record_file().exists():
        build(roomy)
        assert builder.record_file().read_bytes() == roomy.record_file().read_bytes()
        assert done.stderr == ""
    else:
        told_once(done)


@pytest.mark.parametrize("size", [12, 16])
def test_a_full_package_folder_keeps_its_packages_and_no_half_record(
    builder: Builder, untouched: dict[str, bytes], small_disk: Callable[[Path, int], None], size: int
) -> None:
    small_disk(builder.repodest, size)
    line = told_once(build(builder))
    unharmed(builder, untouched)
    assert "finalize" in line
    assert not builder.record_file().exists()
    assert len(builder.captures()) == 1


def test_a_package_folder_that_became_read_only_keeps_the_capture(plain: Builder, untouched: dict[str, bytes]) -> None:
    folder = plain.repodest / "main" / "x86_64"
    program(plain, f'chmod 555 {folder}; $PYTHON "$@"; status=$?; chmod 755 {folder}; exit $status')
    told_once(build(plain))
    unharmed(plain, untouched)
    assert not plain.record_file().exists()
    [capture] = plain.captures()
    assert "Permission denied" in (capture / "log").read_text()
    assert finalize(plain).returncode == 0
    read(plain.record_file())


# --- kill -9 -------------------------------------------------------------------------------------------------------

_AT_FSYNC = """\
exec $PYTHON -I -c '
import os, sys, time
from buildinfo.cli import main
def stop(descriptor):
    open(sys.argv[1], "w").close()
    time.sleep(60)
os.fsync = stop
main(sys.argv[5:])
' "{reached}" "$@"
"""


@pytest.mark.parametrize("moment", ["building", "build()", "packing", "packed", "finalize", "writing"])
def test_a_build_that_is_killed_leaves_nothing_half(builder: Builder, untouched: dict[str, bytes], moment: str) -> None:
    reached = builder.home / "reached"
    stop = f': >"{reached}"; sleep 60'
    text = APKBUILD
    if moment in STEPS:
        poison(builder, moment, stop)
    elif moment == "build()":
        text = APKBUILD.replace("build() {", f"build() {{\n\t[ -e {reached} ] || {{ {stop}; }}")
    elif moment == "finalize":
        program(builder, stop)
    else:
        program(builder, _AT_FSYNC.format(reached=reached))
    folder = builder.aport(text)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(builder.home), **FIXED}
    running = subprocess.Popen(
        [STANDIN / "abuild"], cwd=folder, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
    )
    _until(reached.exists)
    during = finalize(builder)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    # While it ran, nobody took its capture for one that was left behind.
    assert (during.returncode, during.stdout, during.stderr) == (0, "no captures are left behind\n", "")

    assert not builder.record_file().exists()
    assert [path for path in builder.repodest.rglob("*.apk") if path.name.startswith(".")] == []
    [capture] = builder.captures()
    done = finalize(builder)
    assert "Traceback" not in done.stderr
    if moment in ("finalize", "writing"):
        assert (done.returncode, done.stderr) == (0, "")
        read(builder.record_file())
        assert builder.captures() == []
        unharmed(builder, untouched)
    else:
        assert done.returncode == 0
        [line] = said(done)
        assert f"{capture} is passed over: its build ended before it had packages" in line
        assert builder.captures() == [capture]
    builder.enable()
    assert said(builder.build(folder, **FIXED)) == []
    assert builder.captures() == []
    read(builder.record_file())
    unharmed(builder, untouched)


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


# --- captures ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, Path]:
    """A build whose capture is complete and not finalized."""
    builder = Builder(tmp_path_factory.mktemp("captured") / "home")
    build(builder, BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    return builder, capture


def test_a_damaged_capture_is_refused_by_name(captured: tuple[Builder, Path], tmp_path: Path) -> None:
    builder, capture = captured
    before = contents(builder)
    free = {"log", "errors", "told", "tried"}
    damaged: list[Path] = []

    def copy() -> Path:
        damaged.append(tmp_path / f"damaged{len(damaged)}")
        shutil.copytree(capture, damaged[-1])
        return damaged[-1]

    for file in sorted(path.relative_to(capture) for path in capture.rglob("*") if path.is_file()):
        if file.as_posix() in free:
            continue
        (copy() / file).unlink()
        data = (capture / file).read_bytes()
        if data:
            (copy() / file).write_bytes(data[: len(data) // 2])
            flipped = bytearray(data)
            flipped[len(data) // 2] ^= 1
            (copy() / file).write_bytes(flipped)
            (copy() / file).write_bytes(b"\xff\0" * 50)
    done = finalize(builder, *damaged)
    assert done.returncode == 2
    lines = said(done)
    assert done.stdout == ""
    assert done.stderr.splitlines() == lines
    assert [line for line, path in zip(lines, damaged, strict=True) if f"{path}:" not in f"{line}:"] == []
    assert contents(builder) == before
    assert not builder.record_file().exists()


def test_a_capture_without_its_first_file_is_still_seen(captured: tuple[Builder, Path]) -> None:
    """Disk or kill can leave a folder with nothing in it: nobody should have to find it by chance."""
    builder, capture = captured
    bare = capture.with_name("bare-1-r0.x86_64.99999999")
    bare.mkdir()
    try:
        done = finalize(builder, "--keep")
        assert done.returncode == 0
        [line] = said(done)
        assert str(bare) in line
    finally:
        bare.rmdir()
        builder.record_file().unlink(missing_ok=True)
        (capture / "finalized").unlink(missing_ok=True)


def test_a_capture_of_a_newer_format_is_left_alone(builder: Builder, untouched: dict[str, bytes]) -> None:
    file = builder.hooks / "capture.sh"
    file.write_text(file.read_text().replace("_buildinfo_format=1\n", "_buildinfo_format=7\n"))
    told_once(build(builder))
    unharmed(builder, untouched)
    [capture] = builder.captures()
    done = finalize(builder)
    assert done.returncode == 2
    [line] = said(done)
    assert str(capture) in line
    assert "format 7" in line
    assert builder.captures() == [capture]


def test_stale_hooks_are_named(builder: Builder) -> None:
    file = builder.hooks / "hook.sh"
    file.write_text(file.read_text().replace("_buildinfo_hooks=", "_buildinfo_hooks=0.0.1+", 1))
    build(builder, BUILDINFO_FINALIZE="0")
    done = finalize(builder)
    assert done.returncode == 0
    [line] = said(done)
    assert "0.0.1" in line
    assert "run abuild-buildinfo enable" in line


def test_a_process_number_that_comes_again_harms_no_capture(builder: Builder) -> None:
    """What a dead build with the same number left behind is moved aside, and not mixed with the new one."""
    old = '"$HOME/.local/state/abuild-buildinfo/captures/hello-1.2-r3.x86_64.$$"'
    configure(builder, f'[ -n "$FAKEROOTKEY" ] || {{ mkdir -p {old}; : >{old}/told; echo old >{old}/complete; }}')
    done = build(builder)
    assert done.stderr == ""
    read(builder.record_file())
    moved = [path for path in builder.captures() if path.name.count(".") == 4]
    assert [(path / "complete").read_text() for path in moved] == ["old\n"]


# --- surroundings --------------------------------------------------------------------------------------------------


def test_without_git_there_is_a_record_that_says_so(builder: Builder, untouched: dict[str, bytes]) -> None:
    tools = builder.home / "tools"
    tools.mkdir()
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for file in Path(folder).iterdir():
            if not file.name.startswith("git") and not (tools / file.name).is_symlink():
                (tools / file.name).symlink_to(file)
    done = build(builder, PATH=str(tools))
    unharmed(builder, untouched)
    assert done.stderr == ""
    assert "git-absent" in {taint["name"] for taint in builder.record()["taints"]}


@pytest.mark.parametrize("folders", ["one", "two"])
def test_builds_of_one_aport_at_once_have_a_record_each(
    builder: Builder, untouched: dict[str, bytes], folders: str
) -> None:
    """Both have begun before either packs; where they share a folder, the second replaces what the first made."""
    gate = builder.home / "gate"
    gate.mkdir()
    wait = 'until [ -e "$GATE" ]; do sleep 0.1; done'
    text = APKBUILD.replace("build() {", f'build() {{\n\t: >"$GATE.reached"; {wait}')
    folder = builder.aport(text)
    copy = builder.home / "copy"
    shutil.copytree(builder.aports, copy)
    running = []
    for number, place in enumerate([folder, copy / "main" / "hello"]):
        repodest = builder.home / ("packages" if folders == "one" else f"packages{number}")
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(builder.home),
            "REPODEST": str(repodest),
            "GATE": str(gate / str(number)),
            **FIXED,
        }
        process = subprocess.Popen([STANDIN / "abuild"], cwd=place, env=environment, stderr=subprocess.PIPE)
        running.append((process, repodest))
    _until(lambda: len(list(gate.glob("*.reached"))) == 2)
    assert len(builder.captures()) == 2
    records = set()
    for number, (process, repodest) in enumerate(running):
        (gate / str(number)).write_text("")
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, b"")
        builder.repodest = repodest
        unharmed(builder, untouched)
        read(builder.record_file())
        records.add(builder.record_file().read_bytes())
    assert len(records) == 1
    assert builder.captures() == []


# --- recipes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_whatever_a_recipe_does_its_build_is_as_before_and_recorded(tmp_path: Path, recipe: str, shell: str) -> None:
    begin, end = APKBUILD.split("build() {")
    made = []
    for hooks in (True, False):
        builder = Builder(tmp_path / f"home{hooks}", interpreter=shell)
        folder = builder.aport(f"{begin}{RECIPES[recipe]}\nbuild() {{{end}")
        if not hooks:
            without_hooks(builder)
        done = builder.build(folder, **FIXED)
        made.append(contents(builder))
        if hooks:
            assert said(done) == []
            read(builder.record_file())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("name", "folder"), [("gtk+3.0", "aports"), ("Lib_x.y--z++", "aports"), ("hello", "my aports 'n' $HOME")]
)
def test_odd_names_and_folders_are_recorded(builder: Builder, name: str, folder: str) -> None:
    builder.aports = builder.home / folder
    place = builder.aport(APKBUILD.replace("pkgname=hello", f"pkgname='{name}'"), name=name)
    done = builder.build(place)
    assert done.stderr == ""
    record = builder.record(f"{name}-1.2-r3.x86_64")
    assert record["source"]["aport"] == f"main/{name}"
    assert [output["path"] for output in record["outputs"]] == [
        f"x86_64/{name}-1.2-r3.apk",
        f"x86_64/{name}-doc-1.2-r3.apk",
    ]


@pytest.mark.parametrize(
    ("source", "name", "url"),
    [
        ("other.txt::https://example.org/a::b/hello.txt", "other.txt", "https://example.org/a::b/hello.txt"),
        ("other.txt::http://[::1]:8000/hello.txt", "other.txt", "http://[::1]:8000/hello.txt"),
        ("https://example.org/dir/other.txt", "other.txt", "https://example.org/dir/other.txt"),
    ],
)
def test_a_fetched_source_goes_by_the_name_that_abuild_gives_it(
    builder: Builder, source: str, name: str, url: str
) -> None:
    distfiles = builder.home / "distfiles"
    distfiles.mkdir()
    (distfiles / name).write_text("fetched\n")
    # The stand-in fetches nothing and copies what stands in source from the aport's folder.
    text = APKBUILD.replace('source="hello.sh hello.txt"', f'source="hello.sh hello.txt {source}"')
    folder = builder.aport(text)
    file = folder / source
    file.parent.mkdir(parents=True)
    file.write_text("fetched\n")
    builder.build(folder)
    inputs = {entry["name"]: entry for entry in builder.record()["inputs"]}
    assert inputs[name]["url"] == url


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("recipe", b"pkgname=hello", b"pkgname=../../../EVIL"),
        ("recipe", b"pkgname=hello", b"pkgname=*"),
        ("recipe", b"CARCH=x86_64", b"CARCH=../.."),
        ("pkginfo/hello", b"arch = x86_64", b"arch = ../../x"),
        ("pkginfo/hello", b"pkgname = hello", b"pkgname = ../hello"),
        ("repository", b"state=tracked", b"sta=tracked"),
        ("conditions", b"sandbox=none", b"sandbox=zzzz"),
        ("epoch", b"commit 1", b"commit " + b"1" * 5000),
        ("epoch", b"commit 1", b"commit \xe9"),
    ],
)
def test_a_capture_made_to_deceive_is_refused(builder: Builder, file: str, before: bytes, after: bytes) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    data = (capture / file).read_bytes()
    assert before in data
    (capture / file).write_bytes(data.replace(before, after))
    reseal(capture)
    there = set(builder.home.parent.rglob("*"))
    done = builder.run(builder.python, "-I", "-m", "buildinfo", "finalize", capture, cwd=builder.home, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert set(builder.home.parent.rglob("*")) == there


@pytest.mark.parametrize("file", ["format", "complete", "local", "recipe"])
@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_what_is_no_plain_file_is_not_read(builder: Builder, file: str, kind: str) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    (capture / file).unlink()
    if kind == "fifo":
        os.mkfifo(capture / file)
    elif kind == "link":
        (capture / file).symlink_to("/etc/passwd")
    else:
        (capture / file).mkdir()
    for command in ("finalize", "show"):
        done = builder.run(builder.python, "-I", "-m", "buildinfo", command, capture, cwd=builder.home, check=False)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1


def test_one_bad_capture_does_not_stop_the_others(builder: Builder) -> None:
    folder = builder.aport()
    for _ in range(3):
        builder.build(folder, BUILDINFO_FINALIZE="0")
    _, bad, _ = builder.captures()
    (bad / "recipe").unlink()
    done = builder.run(
        builder.python, "-I", "-m", "buildinfo", "finalize", *builder.captures(), cwd=folder, check=False
    )
    assert done.returncode == 2
    assert builder.captures() == [bad]
