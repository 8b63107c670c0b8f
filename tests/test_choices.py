"""What the packager decided holds, whatever a recipe sets: where captures lie, strictness, the epoch, modes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, Builder
from sabotage import configure, contents, finalize, said, told_once, without_hooks

from buildinfo.document import read

Make = Callable[..., Builder]
Done = subprocess.CompletedProcess[str]

#: What recipes do to variables that say where things are, at their top or in build().
MOVES = {
    "state": 'export XDG_STATE_HOME="$srcdir"/state',
    "home": 'export HOME="$srcdir"/home; mkdir -p "$HOME"',
    "both": 'mkdir -p "$srcdir"; HOME="$srcdir" XDG_STATE_HOME=/nonexistent/state; export HOME XDG_STATE_HOME',
    "captures": "export BUILDINFO_CAPTURES=/nonexistent/captures BUILDINFO_FINALIZE=0 BUILDINFO_STRICT=1",
    "nothing": "unset HOME XDG_STATE_HOME BUILDINFO_CAPTURES",
}


def moved(where: str, move: str) -> str:
    if where == "top":
        return APKBUILD.replace("build() {", f"{MOVES[move]}\nbuild() {{")
    return APKBUILD.replace("build() {", f'build() {{\n\t{MOVES[move]}\n\tcd "$srcdir"')


@pytest.mark.parametrize("where", ["top", "build"])
@pytest.mark.parametrize("move", MOVES)
def test_a_recipe_moves_no_captures(builder: Builder, move: str, where: str) -> None:
    """community/zigbee2mqtt exports XDG_STATE_HOME: its record was lost in silence."""
    done = builder.build(builder.aport(moved(where, move)))
    assert done.stderr == ""
    assert builder.record()["epoch"]["rule"] == "commit"
    assert builder.captures() == []


@pytest.mark.real
@pytest.mark.parametrize("mode", ["user", "root"])
@pytest.mark.parametrize("where", ["top", "build"])
@pytest.mark.parametrize("move", ["state", "captures"])
def test_on_abuild_a_recipe_moves_no_captures(real: Make, move: str, where: str, mode: str) -> None:
    builder = build_as(real, mode)
    done = abuild(builder, builder.aport(moved(where, move)))
    assert said(done) == []
    read(builder.record_file())
    assert builder.captures() == []


def build_as(real: Make, mode: str, name: str = "home") -> Builder:
    if mode == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    return real(name, root=mode == "root")


def abuild(builder: Builder, folder: Path, *words: str, check: bool = True, **environment: str) -> Done:
    options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
    return builder.run("abuild", *options, "-d", *words, cwd=folder, check=check, **environment)


def test_settings_behind_our_line_count(builder: Builder) -> None:
    """The system's configuration has our line, the user's the settings: abuild reads the user's last."""
    place = builder.home / "elsewhere"
    builder.config.write_text(f"{builder.config.read_text()}BUILDINFO_CAPTURES={place}\nBUILDINFO_KEEP=1\n")
    builder.build(builder.aport())
    assert [path.name.rpartition(".")[0] for path in place.iterdir()] == ["hello-1.2-r3.x86_64"]


@pytest.mark.real
@pytest.mark.parametrize("when", ["package", "cleanup_srcdir"])
def test_a_lost_capture_fails_a_strict_build(real: Make, when: str) -> None:
    """Whatever took it away: a build that was announced has a record, or an error."""
    builder = build_as(real, "user")
    configure(builder, "BUILDINFO_STRICT=1")
    text = APKBUILD if when == "package" else f"{APKBUILD}\ncleanup_srcdir() {{\n\tdefault_cleanup_srcdir\n}}\n\n"
    done = abuild(
        builder, builder.aport(text.replace(f"{when}() {{", f'{when}() {{\n\trm -rf "$HOME"/.local')), check=False
    )
    assert done.returncode != 0
    assert "no record" in told_once(done)


@pytest.mark.real
@pytest.mark.parametrize("mode", ["user", "root"])
def test_an_index_made_past_the_hooks_is_told(real: Make, mode: str) -> None:
    """APK=/path/to/apk: the packages are published without a record, which strict mode must not let pass."""
    apk = str(shutil.which("apk"))
    builder = build_as(real, mode)
    folder = builder.aport()
    done = abuild(builder, folder, APK=apk)
    assert "no record" in told_once(done)
    assert finalize(builder, "--reindex").returncode == 0
    read(builder.record_file())
    configure(builder, "BUILDINFO_STRICT=1")
    done = abuild(builder, folder, "-f", check=False, APK=apk)
    assert done.returncode != 0
    assert "no record" in told_once(done)


@pytest.mark.real
@pytest.mark.parametrize("mode", ["user", "root"])
def test_the_environment_of_build_is_that_without_hooks(real: Make, mode: str) -> None:
    """And what is recorded is what build() had, not what a child of abuild made of it."""
    text = APKBUILD.replace('arch="noarch"', 'arch="all"').replace("!check", "!check !tracedeps !archcheck !strip")
    text = text.replace('"$pkgname-doc"', '"$pkgname-doc $pkgname-dbg:_dbg"')
    text = text.replace("build() {", 'build() {\n\tenv -0 >"$startdir"/../seen')
    text += '\n_dbg() {\n\tinstall -Dm644 "$srcdir"/hello.txt "$subpkgdir"/usr/lib/debug/x\n}\n\n'
    seen: dict[bool, dict[str, str]] = {}
    for hooks in (True, False):
        builder = build_as(real, mode)
        folder = builder.aport(text)
        (folder.parent / "seen").write_text("")
        builder.own()
        if not hooks:
            without_hooks(builder)
        abuild(builder, folder, MARK="x")
        pairs = (folder.parent / "seen").read_bytes().decode().split("\0")
        seen[hooks] = dict(pair.partition("=")[::2] for pair in pairs if pair)
        if hooks:
            recorded = builder.record()["environment"]
        shutil.rmtree(builder.home)
    names = {name for name in seen[True].keys() | seen[False].keys() if seen[True].get(name) != seen[False].get(name)}
    assert names <= {"SOURCE_DATE_EPOCH", "ABUILD_LAST_COMMIT"}
    assert seen[True]["CFLAGS"].split().count("-g") == 1
    assert {name: recorded[name] for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS")} == {
        name: seen[True][name] for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS")
    }


@pytest.mark.real
def test_root_and_a_user_build_in_one_environment(real: Make) -> None:
    """Else nobody but root can be told to have rebuilt what root built."""
    text = APKBUILD.replace('arch="noarch"', 'arch="all"').replace("!check", "!check !tracedeps !archcheck !strip")
    text = text.replace('"$pkgname-doc"', '"$pkgname-doc $pkgname-dbg:_dbg"')
    text += '\n_dbg() {\n\tinstall -Dm644 "$srcdir"/hello.txt "$subpkgdir"/usr/lib/debug/x\n}\n\n'
    records = []
    for mode in ("user", "root"):
        builder = build_as(real, mode, mode)
        abuild(builder, builder.aport(text), JOBS="7")
        records.append(builder.record())
    assert records[0]["environment"] == records[1]["environment"]
    assert records[0]["tools"] == records[1]["tools"]
    assert records[0]["environment"]["MAKEFLAGS"] == "-j{jobs}"


# --- the epoch -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(" 100000000", 100000000), ("100000000\n", 100000000), ("0100000000", 100000000), ("0", 0), ("000", 0)],
)
def test_an_odd_spelling_of_an_epoch_is_the_number_it_means(builder: Builder, value: str, seconds: int) -> None:
    """Else apk reads no build time in the packages, and finalize refuses the record after a whole build."""
    done = builder.build(builder.aport(), SOURCE_DATE_EPOCH=value)
    assert done.stderr == ""
    assert builder.record()["epoch"] == {"value": seconds, "rule": "caller"}
    assert "epoch-differs" not in {taint["name"] for taint in builder.record().get("taints", [])}


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_epoch_is_none(builder: Builder, value: str) -> None:
    builder.build(builder.aport(), SOURCE_DATE_EPOCH=value)
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}


@pytest.mark.parametrize("value", ["1e9", "0x10", "-5", "+1", "1.5", "tomorrow", "1 2", "9" * 30, "\x1b[31m"])
def test_what_is_no_epoch_is_told_in_one_line_before_the_build(builder: Builder, value: str) -> None:
    folder = builder.aport(APKBUILD.replace("build() {", "build() {\n\techo built >&2"))
    configure(builder, "BUILDINFO_STRICT=1")
    done = builder.build(folder, check=False, SOURCE_DATE_EPOCH=value)
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "SOURCE_DATE_EPOCH is '" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("behind", [False, True])
def test_an_epoch_of_the_configuration_is_the_callers(builder: Builder, behind: bool) -> None:
    text = builder.config.read_text()
    line = "SOURCE_DATE_EPOCH=77\n"
    builder.config.write_text(text + line if behind else line + text)
    builder.build(builder.aport())
    assert builder.record()["epoch"] == {"value": 77, "rule": "caller"}


# --- names and modes -----------------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize("name", ["./X", "X", "absolute", "../other/X"])
def test_an_apkbuild_of_another_name_is_the_recipe(real: Make, name: str) -> None:
    """APKBUILD=./X: the file that was built is the recipe, and not some other input."""
    builder = build_as(real, "user")
    folder = builder.aport()
    place = folder / "X"
    if "/other/" in name:
        place = folder.parent / "other" / "X"
        shutil.copytree(folder, place.parent)
    (place.parent / "APKBUILD").rename(place)
    builder.own()
    done = abuild(builder, folder, APKBUILD=str(place) if name == "absolute" else name)
    assert said(done) == []
    recipes = [entry["name"] for entry in builder.record()["inputs"] if entry["role"] == "recipe"]
    assert recipes == ["X"]


@pytest.mark.parametrize("umask", ["077", "0", "0777", "027"])
@pytest.mark.parametrize("where", ["top", "build"])
def test_the_record_can_be_read_as_the_packages_can(builder: Builder, umask: str, where: str) -> None:
    """umask 077 in a recipe gives a repository whose records nobody may fetch."""
    line = f"umask {umask}"
    text = APKBUILD.replace("build() {", f"{line}\nbuild() {{" if where == "top" else f"build() {{\n\t{line}")
    if umask == "0777":
        text = text.replace("cp hello.sh hello", "cp hello.sh hello; chmod 755 hello")
        if os.geteuid() != 0:
            pytest.skip("needs root: nobody else reads what umask 0777 leaves")
    builder.build(builder.aport(text))
    assert builder.record_file().stat().st_mode & 0o777 == 0o644


@pytest.mark.real
def test_on_abuild_the_record_can_be_read(real: Make) -> None:
    builder = build_as(real, "user")
    abuild(builder, builder.aport(APKBUILD.replace("build() {", "build() {\n\tumask 077")))
    modes = {path.stat().st_mode & 0o777 for path in [*builder.packages(), builder.record_file()]}
    assert modes == {0o644}


def test_finalize_by_hand_under_a_private_umask_gives_the_mode_of_the_packages(builder: Builder) -> None:
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    command = f"umask 077; exec '{builder.python}' -I -m buildinfo finalize"
    builder.run("sh", "-c", command, cwd=builder.home)
    assert builder.record_file().stat().st_mode & 0o777 == 0o644


@pytest.mark.real
@pytest.mark.parametrize("line", ["ABUILD_LOG_CMD=true", "export ABUILD_LOG_CMD=:", "ABUILD_LOG_CMD=", "set -a"])
def test_a_logger_in_the_recipe(real: Make, line: str) -> None:
    builder = build_as(real, "user")
    folder = builder.aport(APKBUILD.replace("build() {", f"{line}\nbuild() {{"))
    (folder / "left-over").write_text("x")  # abuild alone would take the time of the APKBUILD
    builder.own()
    done = abuild(builder, folder)
    assert said(done) == []
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}


# --- what abuild made ----------------------------------------------------------------------------------------------


def test_packages_that_cannot_be_read_are_not_called_whole(builder: Builder) -> None:
    """abuild ignores a tar and a gzip that fail: it makes packages of 60 bytes, and ends well."""
    folder = builder.aport()
    shim = builder.home / "shim"
    shim.mkdir()
    (shim / "tar").write_text("#!/bin/sh\nexit 1\n")
    (shim / "tar").chmod(0o755)
    done = builder.build(folder, check=False, PATH=f"{shim}:/usr/sbin:/usr/bin:/sbin:/bin")
    assert all(len(data) < 100 for data in contents(builder).values())
    line = told_once(done)
    assert "whole" not in line
    assert "hello-1.2-r3.apk" in line
