"""The overrides on the real abuild: whatever happens in one, every package verifies, and the index is there."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, FILES, Builder
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
    said,
    told_once,
    without_hooks,
)

from buildinfo.apk.index import read_index
from buildinfo.document import read

pytestmark = pytest.mark.real

Make = Callable[..., Builder]
Done = subprocess.CompletedProcess[str]

FIXED = {"SOURCE_DATE_EPOCH": str(COMMIT_TIME), "ABUILD_LAST_COMMIT": "0" * 40}
STEPS = {"native": ["building", "packing", "packed"], "root": ["building", "packing", "packed"]}
STEPS["rootbld"] = ["building", "chroot", "packing", "packed", "merge"]
ALL = [(mode, step) for mode, steps in STEPS.items() for step in steps]
HOW = ["fails", "is killed"]

_made: dict[str, dict[str, set[bytes]]] = {}
_numbers = itertools.count()


@pytest.fixture(params=["native", "root", pytest.param("rootbld", marks=pytest.mark.rootbld)])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def builder_of(real: Make, mode: str, name: str = "home") -> Builder:
    """A builder for a mode; the test is skipped by name where that mode cannot run."""
    if mode == "rootbld" and not os.environ.get("BUILDINFO_TEST_ROOTBLD"):
        pytest.skip("needs BUILDINFO_TEST_ROOTBLD, a package repository that abuild rootbld can build a chroot from")
    if mode == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    builder = real(f"{name}{next(_numbers)}", root=mode == "root")
    if mode == "rootbld":
        builder.environment |= {"mirror": os.environ["BUILDINFO_TEST_ROOTBLD"], "USER": "builder"}
        (builder.aports / "main").mkdir(parents=True)
        (builder.aports / "main" / ".rootbld-repositories").write_text("$mirror/main\n")
    return builder


def abuild(builder: Builder, mode: str, folder: Path, *words: str, check: bool = True, **environment: str) -> Done:
    options = {"native": ["-d"], "root": ["-F", "-d"], "rootbld": []}[mode]
    words = words or (("rootbld",) if mode == "rootbld" else ())
    return builder.run("abuild", *options, *words, cwd=folder, check=check, **{**FIXED, **environment})


def unharmed(real: Make, builder: Builder, mode: str) -> None:
    """The packages verify, each is as abuild or an undisturbed finalize makes it, and they are in the index."""
    if mode not in _made:
        both: dict[str, set[bytes]] = {}
        for hooks in (True, False):
            other = builder_of(real, mode, "untouched")
            if not hooks:
                without_hooks(other)
            abuild(other, mode, other.aport())
            for name, data in contents(other).items():
                both.setdefault(name, set()).add(data)
        assert len(both) == 2
        _made[mode] = both
    found = contents(builder)
    assert found.keys() == _made[mode].keys()
    assert [name for name, data in found.items() if data not in _made[mode][name]] == []
    for package in builder.packages():
        done = subprocess.run(["apk", "verify", package], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("OK\n")
    index = read_index(builder.repodest / "main/x86_64/APKINDEX.tar.gz")
    assert [record.get("P") for record in index.records] == ["hello", "hello-doc"]
    assert litter(builder) == []


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("mode", "step"), [pytest.param(*pair, marks=pytest.mark.rootbld if pair[0] == "rootbld" else ()) for pair in ALL]
)
def test_a_step_that_fails_costs_the_record_and_nothing_else(real: Make, mode: str, step: str, how: str) -> None:
    builder = builder_of(real, mode)
    poison(builder, step, POISONS[how])
    done = abuild(builder, mode, builder.aport())
    assert f"the {step} step failed" in told_once(done)
    assert not builder.record_file().exists()
    unharmed(real, builder, mode)


@pytest.mark.parametrize(
    ("mode", "step"), [pytest.param(*pair, marks=pytest.mark.rootbld if pair[0] == "rootbld" else ()) for pair in ALL]
)
def test_strict_mode_fails_the_build_with_the_step(real: Make, mode: str, step: str) -> None:
    builder = builder_of(real, mode)
    configure(builder, "BUILDINFO_STRICT=1")
    poison(builder, step, POISONS["fails"])
    done = abuild(builder, mode, builder.aport(), check=False)
    assert done.returncode != 0
    assert f"the {step} step failed" in told_once(done)


def test_what_a_step_prints_reaches_nobody(real: Make, mode: str) -> None:
    builder = builder_of(real, mode)
    for step in STEPS[mode]:
        poison(builder, step, GARBAGE)
    done = abuild(builder, mode, builder.aport())
    assert "garbage" not in done.stdout + done.stderr
    assert said(done) == []
    read(builder.record_file())
    unharmed(real, builder, mode)


def _no_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").unlink()


def _broken_capture_sh(builder: Builder) -> None:
    (builder.hooks / "capture.sh").write_text("_buildinfo_body() {\n\tcase in ((\n")


def _state_is_a_file(builder: Builder) -> None:
    builder.state.parent.mkdir(parents=True)
    builder.state.write_text("")


def _no_program(builder: Builder) -> None:
    (builder.hooks / "program.sh").write_text("_buildinfo_python=/nonexistent/python\n")


def _killed_program(builder: Builder) -> None:
    program(builder, "kill -9 $$")


@pytest.mark.parametrize(
    "fault",
    [_no_capture_sh, _broken_capture_sh, _state_is_a_file, _no_program, _killed_program],
    ids=lambda fault: fault.__name__.strip("_").replace("_", " "),
)
def test_a_broken_installation_is_told_once_and_costs_no_package(
    real: Make, mode: str, fault: Callable[[Builder], None]
) -> None:
    builder = builder_of(real, mode)
    folder = builder.aport()
    fault(builder)
    builder.own()
    done = abuild(builder, mode, folder)
    told_once(done)
    assert not builder.record_file().exists()
    unharmed(real, builder, mode)
    if mode != "rootbld":  # strict mode: the same, and it costs the build
        configure(builder, "BUILDINFO_STRICT=1")
        done = abuild(builder, mode, folder, "-f", check=False)
        assert done.returncode != 0
        told_once(done)


def test_packing_alone_as_root_tells_of_a_failure_once(real: Make) -> None:
    builder = builder_of(real, "root")
    poison(builder, "packing", POISONS["fails"])
    told_once(abuild(builder, "root", builder.aport(), "fetch", "unpack", "prepare", "build", "rootpkg"))


@pytest.mark.parametrize("how", HOW)
def test_an_index_of_old_packages_is_made_whatever_happens(real: Make, how: str) -> None:
    builder = builder_of(real, "native")
    folder = builder.aport()
    abuild(builder, "native", folder)
    index = builder.repodest / "main/x86_64/APKINDEX.tar.gz"
    index.unlink()
    poison(builder, "newest", POISONS[how])
    done = builder.run("abuild", "-d", "index", cwd=folder)
    assert "the newest step failed" in told_once(done)
    unharmed(real, builder, "native")
    configure(builder, "BUILDINFO_STRICT=1")
    assert builder.run("abuild", "-d", "index", cwd=folder, check=False).returncode != 0
    assert index.exists()


def test_a_build_that_is_killed_leaves_nothing_half(real: Make) -> None:
    """kill -9 while finalize runs: packages there, no record, no index; by hand there is a record."""
    builder = builder_of(real, "native")
    reached = builder.home / "reached"
    program(builder, f': >"{reached}"; sleep 60')
    folder = builder.aport()
    environment = {
        **builder.environment,
        "HOME": str(builder.home),
        "REPODEST": str(builder.repodest),
        **FIXED,
    }
    running = subprocess.Popen(
        ["abuild", "-d"],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        user=builder.uid,
        group=pwd.getpwuid(builder.uid).pw_gid,
        extra_groups=[],
    )
    for _ in range(600):
        if reached.exists():
            break
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not builder.record_file().exists()
    assert finalize(builder).returncode == 0
    read(builder.record_file())
    builder.enable()
    builder.own()
    assert said(abuild(builder, "native", folder, "-f")) == []
    unharmed(real, builder, "native")


def test_without_a_key_abuild_says_so_and_the_hooks_add_nothing(real: Make) -> None:
    messages = []
    for hooks in (True, False):
        builder = real("home")
        lines = builder.config.read_text().splitlines(keepends=True)
        builder.config.write_text("".join(line for line in lines if "PACKAGER_PRIVKEY" not in line))
        if not hooks:
            without_hooks(builder)
        done = abuild(builder, "native", builder.aport(), check=False)
        messages.append((done.returncode, done.stdout, done.stderr))
        assert builder.captures() == []
        shutil.rmtree(builder.home)
    assert messages[0] == messages[1]
    assert messages[0][0] != 0


def test_whatever_a_recipe_does_its_build_is_as_before_and_recorded(real: Make) -> None:
    """All at once, but for what abuild itself does not survive (it packs nothing where a recipe turns globbing off)."""
    begin, end = APKBUILD.replace("!check", "!check !normalize").split("build() {")
    tricks = "\n".join(text for name, text in RECIPES.items() if name not in ("another separator", "no globbing"))
    made = []
    for hooks in (True, False):
        builder = builder_of(real, "native")
        folder = builder.aport(f"{begin}{tricks}\nbuild() {{{end}")
        if not hooks:
            without_hooks(builder)
        done = abuild(builder, "native", folder)
        made.append(contents(builder))
        if hooks:
            assert said(done) == []
            read(builder.record_file())
    assert made[0] == made[1]


def test_a_renamed_source_and_a_folder_with_blanks_are_recorded(real: Make) -> None:
    builder = real()
    builder.aports = builder.home / "my 'own' aports"
    (builder.home / "distfiles").mkdir(exist_ok=True)
    (builder.home / "distfiles" / "other.txt").write_text(FILES["hello.txt"])
    source = 'source="hello.sh hello.txt'
    text = APKBUILD.replace(source, f"{source} other.txt::https://user:geheim@example.org/a::b/hello.txt?key=geheim")
    text = text.replace("pkgname=hello", "pkgname=gtk+3.0")
    folder = builder.aport(text, name="gtk+3.0")
    checksums = builder.run("sha512sum", "other.txt", cwd=builder.home / "distfiles").stdout
    recipe = (folder / "APKBUILD").read_text().removesuffix('"\n')
    (folder / "APKBUILD").write_text(f'{recipe}{checksums}"\n')
    done = abuild(builder, "native", folder)
    assert said(done) == []
    inputs = {entry["name"]: entry for entry in builder.record("gtk+3.0-1.2-r3.x86_64")["inputs"]}
    assert inputs["other.txt"]["url"] == "https://example.org/a::b/hello.txt?key=geheim"
    assert inputs["other.txt"]["declared"]["value"] == inputs["other.txt"]["sha512"]
