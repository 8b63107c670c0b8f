"""What a builder farm relies on: settings that mean what they say, a log of every build, and nothing that piles up."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from building import APKBUILD, COMMIT_TIME, Builder
from sabotage import POISONS, configure, finalize, poison, program, said

from buildinfo.capture.settings import FLAGS, is_on
from buildinfo.document import read
from buildinfo.files import replace_file
from buildinfo.leftovers import create, create_folder, part_name, sweep
from buildinfo.schema import render

FAILS = APKBUILD.replace("cp hello.sh hello", "false")
FIXED = {"SOURCE_DATE_EPOCH": str(COMMIT_TIME), "ABUILD_LAST_COMMIT": "0" * 40}


def doctor(builder: Builder, *words: str, check: bool = True) -> str:
    done = builder.run(builder.python, "-I", "-m", "buildinfo", "doctor", *words, cwd=Path("/"), check=False)
    assert "Traceback" not in done.stderr
    assert not check or (done.returncode, done.stderr) == (0, "")
    return done.stdout


def schema(name: str) -> Any:
    return json.loads(render(name))


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
def test_the_shell_reads_a_yes_or_no_as_python_does(builders: Callable[..., Builder], shell: str) -> None:
    """Else a setting would be on in one half of the build and off in the other."""
    builder = builders("home", interpreter=shell)
    values = ["", "1", "0", "yes", "No", "TRUE", "false", "oN", "off", "y", "N", "2", "ja", "tru", " ", "yes please"]
    script = f"program=abuild; _abuild_buildinfo='{builder.hooks}/hook.sh'; . \"$_abuild_buildinfo\"\n"
    script += 'for value; do for rest in "no yes" "yes yes" "no no"; do\n'
    script += '_buildinfo_on "$value" "${rest% *}" "${rest#* }" && printf 1 || printf 0; done; done\n'
    words = [*shell.split(), "-c", script, "sh", *values]
    told = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}).stdout
    flags = ["BUILDINFO_STRICT", "BUILDINFO_FINALIZE", "BUILDINFO_OBSERVE"]
    assert [tuple(FLAGS[name]) for name in flags] == [(False, True), (True, True), (False, False)]
    assert told == "".join(str(int(is_on({name: value}, name))) for value in values for name in flags)


@pytest.mark.parametrize("value", ["true", "Yes", "on", "1", "ture"])
def test_strict_is_strict_however_it_is_written(builder: Builder, value: str) -> None:
    """A setting that fails open is worse than none."""
    configure(builder, f"BUILDINFO_STRICT={value}")
    poison(builder, "packing", POISONS["fails"])
    done = builder.build(builder.aport(), check=False)
    assert done.returncode != 0
    assert not builder.record_file().exists()


@pytest.mark.parametrize("value", ["no", "False", "off", "0", ""])
def test_and_a_no_is_a_no(builder: Builder, value: str) -> None:
    configure(builder, f"BUILDINFO_STRICT={value}")
    poison(builder, "packing", POISONS["fails"])
    builder.build(builder.aport())


@pytest.mark.parametrize(("value", "captures"), [("yes", 0), ("ON", 0), ("whatever", 0), ("no", 1), ("False", 1)])
def test_finalize_later_only_where_that_was_said(builder: Builder, value: str, captures: int) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE=value)
    assert len(builder.captures()) == captures
    assert builder.record_file().exists() == (not captures)


def test_keep_observe_and_paths_take_words(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_KEEP="yes", BUILDINFO_OBSERVE="True", BUILDINFO_PATHS="on")
    assert len(builder.captures()) == 1
    assert builder.record()["observations"]["user"]
    assert "startdir" in str(builder.record()["conditions"])


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
def test_what_no_setting_is_gets_told_once(builders: Callable[..., Builder], shell: str) -> None:
    """Else BUILDINFO_STRCT=1 would switch nothing on, for years."""
    builder = builders("home", interpreter=shell)
    configure(builder, "BUILDINFO_STRCT=1\nBUILDINFO_KEEP=perhaps\nTEXT='\nBUILDINFO_IN_A_TEXT=1\n'")
    done = builder.build(builder.aport(APKBUILD.replace("build() {", "build() {\n\texport BUILDINFO_LATER=1")))
    [line] = said(done)
    assert "no setting is named BUILDINFO_STRCT" in line
    assert "BUILDINFO_KEEP is neither yes nor no, and read as yes" in line
    assert "IN_A_TEXT" not in line and "perhaps" not in line
    assert len(builder.captures()) == 1


# --- what is told of a build ---------------------------------------------------------------------------------------


def test_one_line_says_that_it_went_well(builder: Builder) -> None:
    done = builder.build(builder.aport(), BUILDINFO_QUIET="")
    [line] = said(done)
    assert done.stdout == ""
    taints = ", ".join(taint["name"] for taint in builder.record().get("taints", [])) or "none"
    normalized = sum("changes" in output for output in builder.record()["outputs"])
    assert line == (
        f"abuild-buildinfo: hello-1.2-r3: record {builder.record_file()}; "
        f"{normalized} of 2 packages normalized; taints: {taints}"
    )


def test_the_line_can_be_switched_off_and_losses_cannot(builder: Builder) -> None:
    folder = builder.aport()
    assert builder.build(folder, BUILDINFO_QUIET="yes").stderr == ""
    program(builder, "exit 1")
    assert len(said(builder.build(folder, BUILDINFO_QUIET="yes"))) == 1


def test_every_build_has_a_line_in_the_log(builder: Builder) -> None:
    """A farm learns from one file what became of a thousand builds, also of those that came to nothing."""
    log = builder.home / "builds.jsonl"
    configure(builder, f"BUILDINFO_LOG='{log}' BUILDINFO_CAPTURES='{builder.home}/a \"b\"'")
    folder = builder.aport()
    builder.build(folder)
    builder.build(builder.aport(FAILS.replace("pkgname=hello", "pkgname=bad"), name="bad"), check=False)
    poison(builder, "packing", POISONS["fails"])
    builder.build(folder)
    builder.enable()
    program(builder, "exit 9")
    builder.build(folder)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, schema("build-log"))
    assert [(line["origin"], line["result"]) for line in lines] == [
        ("hello", "recorded"),
        ("bad", "failed"),
        ("hello", "error"),
        ("hello", "error"),
    ]
    assert lines[0]["record"] == str(builder.record_file())
    assert lines[0]["packages"] == [str(package) for package in builder.packages()]
    assert lines[1]["reason"] == "bad: all failed"
    assert {line["version"] for line in lines} == {"1.2-r3"} and {line["repository"] for line in lines} == {"main"}


def test_a_log_that_cannot_be_written_costs_no_build(builder: Builder) -> None:
    configure(builder, f"BUILDINFO_LOG='{builder.home}/nowhere/log'")
    [line] = said(builder.build(builder.aport()))
    assert "BUILDINFO_LOG cannot be written" in line
    read(builder.record_file())


def test_a_capture_names_no_log(builder: Builder) -> None:
    """It may come from anybody, and would have a line put into any file of the user."""
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0", BUILDINFO_LOG=str(builder.home / "log"))
    assert finalize(builder).returncode == 0
    assert not (builder.home / "log").exists()


def test_finalize_json_is_one_document(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    builder.build(builder.aport(FAILS.replace("pkgname=hello", "pkgname=bad"), name="bad"), check=False)
    broken = builder.captures()[1].with_name("zz-1-r0.x86_64.1")
    shutil.copytree(builder.captures()[1], broken)
    (broken / "recipe").unlink()
    done = finalize(builder, "--json")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    jsonschema.validate(report, schema("finalize"))
    found = {(build["origin"], build["result"]) for build in report["builds"]}
    assert found == {("hello", "recorded"), ("bad", "failed"), ("zz", "error")}
    assert json.loads(finalize(builder, "--json").stdout)["indices"] == []


# --- captures ------------------------------------------------------------------------------------------------------


def test_builds_that_failed_do_not_pile_up_and_are_passed_over(builder: Builder) -> None:
    """Else one failed build would make finalize fail until somebody removes a hidden folder."""
    folder = builder.aport(FAILS)
    for _ in range(5):
        builder.build(folder, check=False)
    [capture] = builder.captures()
    done = finalize(builder)
    assert done.returncode == 0
    [line] = said(done)
    assert f"{capture} is passed over: its build failed: ERROR: hello: all failed" in line
    assert finalize(builder, capture).returncode == 2  # asked for by name it is an error
    builder.build(builder.aport())
    assert builder.captures() == []


def test_another_version_and_what_is_complete_stay(builder: Builder) -> None:
    builder.build(builder.aport(FAILS.replace("pkgver=1.2", "pkgver=1.1")), check=False)
    folder = builder.aport()
    builder.build(folder, BUILDINFO_FINALIZE="0")
    kept = builder.captures()
    builder.build(folder)
    assert builder.captures() == kept and len(kept) == 2


def test_a_damaged_capture_still_fails(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    (builder.captures()[0] / "recipe").write_text("")
    assert finalize(builder).returncode == 2


def test_doctor_clean_removes_what_is_of_no_use_and_nothing_else(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    [useful] = builder.captures()
    builder.build(builder.aport(FAILS.replace("pkgname=hello", "pkgname=bad"), name="bad"), check=False)
    damaged = useful.with_name("zz-1-r0.x86_64.1")
    shutil.copytree(useful, damaged)
    (damaged / "recipe").unlink()
    replaced = useful.with_name("yy-1-r0.x86_64.1")
    shutil.copytree(useful, replaced)
    info = (replaced / "pkginfo/hello").read_text()
    (replaced / "pkginfo/hello").write_text(info.replace("datahash = ", "datahash = 0")[:-2] + "\n")
    _reseal(replaced)
    strange = useful.with_name("somebody's folder")
    strange.mkdir()
    running = useful.with_name(f"ww-1-r0.x86_64.{os.getpid()}")
    running.mkdir()
    before = builder.captures()
    doctor(builder, check=False)
    assert builder.captures() == before
    told = doctor(builder, "--clean")
    assert builder.captures() == sorted([useful, strange, running])
    for path in set(before) - set(builder.captures()):
        assert f"removed {path}: " in told
    assert "replaced by those of another build" in told and "all failed" in told and "damaged" in told
    assert finalize(builder, useful).returncode == 0
    assert doctor(builder, "--clean") == "nothing is left over\n"


def _reseal(capture: Path) -> None:
    names = [line.partition("  ")[2] for line in (capture / "complete").read_text().splitlines()]
    done = subprocess.run(["sha256sum", "--", *names], cwd=capture, capture_output=True, check=True)
    (capture / "complete").write_bytes(done.stdout)


def test_records_of_packages_that_are_gone(builder: Builder) -> None:
    """`abuild cleanpkg` removes the packages alone."""
    builder.build(builder.aport())
    builder.build(builder.aport(APKBUILD.replace("pkgname=hello", "pkgname=other"), name="other"))
    record, other = builder.record_file(), builder.record_file("other-1.2-r3.x86_64")
    signature = record.with_name(f"{record.name}.sig")
    signature.write_text("x")
    foreign = record.with_name("notes.buildinfo.toml")
    foreign.write_text("somebody's own\n")
    (record.parent / "hello-1.2-r3.apk").unlink()
    assert doctor(builder, "--clean") == "nothing is left over\n"  # hello-doc is still there
    (record.parent / "hello-doc-1.2-r3.apk").unlink()
    assert f"{record} is left over: the packages that it describes are gone: abuild-buildinfo doctor --clean" in doctor(
        builder, check=False
    )
    assert record.exists()
    told = doctor(builder, "--clean")
    assert f"removed {record}: " in told and f"removed {signature}: " in told
    assert not record.exists() and not signature.exists()
    assert other.exists() and foreign.exists()


# --- unfinished files ----------------------------------------------------------------------------------------------


def test_the_next_run_removes_what_a_killed_one_left_and_not_what_is_being_written(builder: Builder) -> None:
    folder = builder.aport()
    builder.build(folder)
    packages = builder.record_file().parent
    record = f".{builder.record_file().name}.4711.part"
    killed = [packages / part_name(), packages / record]
    for path in killed:
        path.write_bytes(b"half")
    left = packages / part_name()
    left.mkdir()
    (left / "APKINDEX.tar.gz").write_bytes(b"half")
    writing = packages / part_name()
    held = create(writing, 0o600)
    making = packages / part_name()
    held_too = create_folder(making)
    stranger = packages / ".hello.part"
    stranger.write_bytes(b"")
    builder.build(folder)
    assert [path for path in (*killed, left) if path.exists()] == []
    assert writing.exists() and making.exists() and stranger.exists()
    assert doctor(builder, "--clean") == "nothing is left over\n"
    os.close(held)
    os.close(held_too)
    told = doctor(builder, "--clean")
    assert f"removed {writing}: " in told and f"removed {making}: " in told
    assert stranger.exists()


def test_a_file_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    """Two that write one record at once both succeed; the second does not take the first's file for abandoned."""
    other = tmp_path / ".record.123.part"
    held = create(other, 0o644)
    replace_file(tmp_path / "record", b"mine")
    assert other.exists()
    os.close(held)
    replace_file(tmp_path / "record", b"mine")
    assert not other.exists()


def test_the_only_copy_of_something_is_never_removed(builder: Builder) -> None:
    """Written over in part: the file beside it is what its owner has left."""
    builder.build(builder.aport())
    packages = builder.record_file().parent
    target = packages / "file"
    target.write_bytes(b"new cont old tail")
    whole = packages / f".abuild-buildinfo.{'0' * 16}.{target.stat().st_ino}.whole"
    whole.write_bytes(b"new content")
    assert sweep(packages) == []
    told = doctor(builder, "--clean")
    assert f"left {whole}: a run was interrupted while it wrote over file" in told
    assert whole.read_bytes() == b"new content"
    target.write_bytes(b"new content")
    assert sweep(packages) == [whole]
    assert not whole.exists()


def test_what_was_just_created_is_not_lost_to_a_sweep(tmp_path: Path) -> None:
    """Between creating a file and locking it, another may find it; then a new one is made."""
    path = tmp_path / part_name()
    seen = []

    def flock(descriptor: int, operation: int, old: Any = fcntl.flock) -> None:
        if not seen:
            seen.append(descriptor)
            path.unlink()
        old(descriptor, operation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        os.close(create(path, 0o600))
    assert path.exists()


def test_normalize_takes_no_unfinished_file_for_one_of_the_tree(tmp_path: Path) -> None:
    """It is removed when something is written there, and must not be missed then."""
    left, whole = tmp_path / part_name(), tmp_path / f".abuild-buildinfo.{'0' * 16}.7.whole"
    stale = b"\x1f\x8b\x08\x00\xff\xff\xff\x6f\x02\x03\x03\x00" + bytes(8)
    for path in (left, tmp_path / "a.gz"):
        path.write_bytes(stale)
    whole.write_bytes(stale * 2)
    command = [sys.executable, "-m", "buildinfo", "normalize", "--epoch", str(COMMIT_TIME), "--json", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [file["path"] for file in json.loads(done.stdout)["files"]] == [str(tmp_path / "a.gz")]
    assert (tmp_path / "a.gz").read_bytes() != stale
    assert not left.exists() and whole.read_bytes() == stale * 2
