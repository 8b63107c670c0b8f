"""If these fail, who can write where captures go has the hooks write into files of the one who builds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, Builder
from sabotage import change, configure, contents, finalize, litter, said

from buildinfo.document import read

SHELLS = ["dash", "busybox ash", "bash"]


def _link(folder: Path) -> None:
    (folder.parent / "real").mkdir(parents=True)
    folder.symlink_to("real")


def _open(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o707)


def _open_to_group(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o720)


def _sticky(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o1777)


def _another_users(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a folder away")
    folder.mkdir(parents=True)
    os.chown(folder, 65534, 65534)


UNSAFE: list[Callable[[Path], None]] = [_link, _open, _open_to_group, _sticky, _another_users]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("unsafe", UNSAFE, ids=lambda unsafe: unsafe.__name__.strip("_"))
def test_nothing_is_captured_where_somebody_else_could_have_a_hand_in_it(
    builders: Callable[..., Builder], shell: str, unsafe: Callable[[Path], None]
) -> None:
    builder = builders("home", interpreter=shell)
    folder = builder.aport()
    unsafe(builder.state / "captures")
    done = builder.build(folder)
    [line] = said(done)
    assert f"no capture is written to {builder.state}/captures" in line
    assert "with: abuild-buildinfo doctor" in line
    assert len(builder.packages()) == 2
    assert litter(builder) == []
    assert not builder.record_file().exists()
    assert builder.captures() == []
    # In strict mode it is an error, and doctor and finalize say what is wrong.
    configure(builder, "BUILDINFO_STRICT=1")
    assert builder.build(folder, check=False).returncode != 0
    doctor = builder.run(builder.python, "-I", "-m", "buildinfo", "doctor", cwd=Path("/"), check=False)
    assert [line for line in doctor.stdout.splitlines() if line.startswith("fail ") and "/captures: " in line]
    done = finalize(builder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


WAITING = """
program=abuild pkgname=hello pkgver=1.2 pkgrel=3 CARCH=x86_64 _abuild_buildinfo=$1/hook.sh BUILDINFO_CAPTURES=$2
. "$_abuild_buildinfo"
$3 "$2/hello-1.2-r3.x86_64.$$"
_buildinfo_failed "ERROR: hello: it failed" || :
_buildinfo_event newest -o /nonexistent || :
"""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("owner", ["link", "folder of another"])
def test_what_waits_for_a_build_under_the_name_of_its_capture_is_not_written_to(
    builders: Callable[..., Builder], shell: str, owner: str
) -> None:
    """The number of a process can be guessed. abuild that fails early, or makes an index, announces no build before."""
    builder = builders("home", interpreter=shell)
    victim, captures = builder.home / "victim", builder.home / "captures"
    victim.mkdir()
    captures.mkdir(0o700)
    for name in ("errors", "log", "told"):
        (victim / name).write_text("precious\n")
    place = f"ln -s {victim}"
    if owner != "link":
        if os.geteuid() != 0:
            pytest.skip("needs root, to give a folder away")
        os.chown(victim, 65534, 65534)
        place = f"mv {victim}"
    words = [*shell.split(), "-c", WAITING, "sh", str(builder.hooks), str(captures), place]
    subprocess.run(words, capture_output=True, check=True, timeout=30, env={"PATH": os.environ["PATH"]})
    there = victim if owner == "link" else next(captures.iterdir())
    assert {path.name: path.read_text() for path in there.iterdir()} == dict.fromkeys(
        ("errors", "log", "told"), "precious\n"
    )


def test_the_captures_folder_is_made_for_its_owner_alone(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    assert (builder.state / "captures").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in builder.state.rglob("*")} == {0}


@pytest.mark.parametrize("where", ["environment", "configuration"])
def test_a_captures_folder_of_ones_choice_is_ones_own(builder: Builder, where: str) -> None:
    """Also where only abuild.conf says it, which no program but abuild reads."""
    place = builder.home / "my captures"
    environment = {}
    if where == "environment":
        environment["BUILDINFO_CAPTURES"] = str(place)
    else:
        configure(builder, f"BUILDINFO_CAPTURES='{place}'")
    folder = builder.aport()
    assert said(builder.build(folder, **environment)) == []
    read(builder.record_file())
    builder.record_file().unlink()
    before = contents(builder)
    builder.build(folder, BUILDINFO_FINALIZE="0", **environment)
    [capture] = place.iterdir()
    words = [builder.python, "-I", "-m", "buildinfo", "finalize", capture]
    done = builder.run(*words, cwd=Path("/"), check=False, **environment)
    assert (done.returncode, said(done)) == (0, [])
    read(builder.record_file())
    assert contents(builder) == before


# --- what a chroot left ----------------------------------------------------------------------------------------------


MERGE = """
set -eu
pkgname=hello pkgver=1.2 pkgrel=3 CARCH=x86_64 BUILD_ROOT=$1 _buildinfo_capture=$2
_buildinfo_hooks=0 _buildinfo_umask=022
set +eu
. "$3/capture.sh"
_buildinfo_body merge
"""
HELD = ("recipe", "repository", "epoch", "APKBUILD", "inputs.sha256", "tracked", "status", "format", "local")


def merged(builder: Builder, shell: str, left: dict[str, str], sparse: str = "") -> tuple[int, Path]:
    """Merge what the build in a chroot left; gives the status, and the capture of the outside."""
    root, outer = builder.home / "root", builder.home / "outer"
    inner = root / "tmp/.abuild-buildinfo/hello-1.2-r3.x86_64.17"
    (inner / "pkginfo").mkdir(parents=True)
    (outer / "pkginfo").mkdir(parents=True)
    for name in HELD:
        (outer / name).write_text("outside\n")
    (root / "lib/apk/db").mkdir(parents=True)
    (root / "lib/apk/db/installed").write_text("P:musl\n\n")
    (root / "etc/apk").mkdir(parents=True)
    (root / "etc/apk/world").write_text("build-base\n")
    (root / "etc/apk/repositories").write_text("https://u:p@example.org/main\n")
    honest = dict.fromkeys(("complete", "captured", "tree", "environment", "conditions", "pkginfo/hello"), "inside\n")
    for name, text in {**honest, **left}.items():
        (inner / name).write_text(text)
    if sparse:
        with (inner / sparse).open("wb") as file:
            file.truncate((64 << 20) + 1)
    words = [*shell.split(), "-c", MERGE, "sh", str(root), str(outer), str(builder.hooks)]
    done = subprocess.run(words, capture_output=True, check=False, timeout=30, env={"PATH": os.environ["PATH"]})
    return done.returncode, outer


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_chroot_leaves_replaces_nothing_that_was_captured_outside(builder: Builder, shell: str) -> None:
    forged = dict.fromkeys((*HELD, "finalized", "tried", "normalized", "told2", "reason", "errors", "new"), "inside\n")
    status, outer = merged(builder, shell, {**forged, "installed": "P:forged\n\n", "world": "forged\n"})
    assert status == 0
    assert {name for name in HELD if (outer / name).read_text() != "outside\n"} == {"local"}, "written anew"
    assert b"inside" not in (outer / "local").read_bytes()
    # The record would never be made of what is marked as finalized, or believe changes that nobody made.
    names = {path.name for path in outer.iterdir()}
    assert not names & {"finalized", "tried", "normalized", "told2", "reason", "errors", "new"}
    # What the chroot could not write is read by the outside.
    assert (outer / "installed").read_text() == "P:musl\n\n"
    assert (outer / "world").read_text() == "build-base\n"
    assert (outer / "installed.repositories").read_text() == "https://example.org/main\n"
    # And what only the inside knows is there, under the seal.
    for name in ("tree", "environment", "conditions", "pkginfo/hello", "inner"):
        assert (outer / name).read_text() == "inside\n"
        assert f"  {name}\n" in (outer / "complete").read_text()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_chroot_leaves_no_file_that_fills_the_disk(builder: Builder, shell: str) -> None:
    """A sparse file costs the build nothing, and a copy of it everything."""
    status, outer = merged(builder, shell, {}, sparse="usrlocal")
    assert status == 1
    assert not (outer / "usrlocal").exists()
    assert not (outer / "complete").exists()


def test_a_chroot_does_not_say_that_it_was_none(builder: Builder) -> None:
    """Nor that it had no network, where the recipe asked for it."""
    builder.build(builder.aport(APKBUILD.replace("!check", "!check net")), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    (capture / "inner").write_text("")
    with (capture / "complete").open("a") as seal:
        seal.write(f"{'0' * 64}  inner\n")
    change(capture, "conditions", ("_buildinfo_sandbox", "none"))
    assert finalize(builder).returncode == 0
    record = read(builder.record_file())
    assert record.conditions.sandbox == "rootbld+net"
    assert "network" in {taint.name for taint in record.taints}


def test_the_log_of_builds_names_no_folder_that_is_none(builder: Builder) -> None:
    log = builder.home / "builds.jsonl"
    configure(builder, f"BUILDINFO_LOG='{log}'")
    _open(builder.state / "captures")
    builder.build(builder.aport())
    [line] = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["result"], line["capture"].startswith(str(builder.state))) == ("error", True)
