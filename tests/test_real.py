"""The hooks on the real abuild: every mode leaves a record, and the packages are what they would be without."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, FILES, Builder, git, lacks_v3_index

from buildinfo.apk.keys import KeyFolder
from buildinfo.apk.v2 import read_package
from buildinfo.document import read
from buildinfo.signatures import verify

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

PACKAGES = ["x86_64/hello-1.2-r3.apk", "x86_64/hello-doc-1.2-r3.apk"]


def abuild(
    builder: Builder, folder: Path, *words: str, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
    return builder.run("abuild", *options, "-d", *words, cwd=folder, check=check, **environment)


def outputs(builder: Builder, name: str = "hello-1.2-r3.x86_64") -> list[str]:
    return [output.path for output in read(builder.record_file(name)).outputs]


def verified(builder: Builder) -> None:
    """Everybody who installs a package sees it verified by apk itself."""
    for package in builder.packages():
        subprocess.run(["apk", "verify", package], check=True, capture_output=True)


def without_hooks(builder: Builder) -> None:
    lines = builder.config.read_text().splitlines(keepends=True)
    builder.config.write_text("".join(line for line in lines if "# abuild-buildinfo" not in line))


def test_a_plain_build_leaves_a_record(real: Make) -> None:
    builder = real()
    done = abuild(builder, builder.aport())
    assert outputs(builder) == PACKAGES
    assert builder.captures() == []
    assert "abuild-buildinfo" not in done.stderr
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
    verified(builder)


def test_the_packager_signs_the_record_as_the_packages(real: Make, real_key: Path, tmp_path: Path) -> None:
    builder = real()
    done = abuild(builder, builder.aport(), BUILDINFO_SIGN="1")
    assert "abuild-buildinfo" not in done.stderr
    shutil.copy(f"{real_key}.pub", tmp_path)
    record = read(builder.record_file(), KeyFolder(tmp_path))
    assert {name for output in record.outputs for name in output.signatures} == {f"{real_key.name}.pub"}
    for package in builder.packages():
        assert verify(package, KeyFolder(tmp_path)).result == "holds"


def test_root_with_force_leaves_a_record(real: Make) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    builder = real(root=True)
    abuild(builder, builder.aport())
    assert outputs(builder) == PACKAGES
    assert "-F" in builder.record()["conditions"]["flags"]
    verified(builder)


@pytest.mark.parametrize("option", ["-K", "-v", "-q", "-k", "-c"])
def test_options_of_abuild_change_nothing(real: Make, option: str) -> None:
    builder = real()
    abuild(builder, builder.aport(), option)
    assert outputs(builder) == PACKAGES
    verified(builder)


def test_packing_alone_leaves_a_capture_to_finalize_by_hand(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    abuild(builder, folder, "fetch", "unpack", "prepare", "build", "rootpkg")
    assert not builder.record_file().exists()
    [capture] = builder.captures()
    abuild(builder, folder, "index")
    done = builder.run(builder.python, "-I", "-m", "buildinfo", "finalize", "--reindex", cwd=folder)
    assert str(builder.record_file()) in done.stdout
    assert outputs(builder) == PACKAGES
    assert not capture.exists()


def test_an_index_without_a_build_is_the_same_twice(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    abuild(builder, folder)
    index = builder.repodest / "main/x86_64/APKINDEX.tar.gz"
    made = []
    for _ in range(2):
        index.unlink()
        abuild(builder, folder, "index")
        made.append(index.read_bytes())
        subprocess.run(["sleep", "1.1"], check=True)
    assert made[0] == made[1]


def test_cleaning_packages_away_still_works(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    other = builder.aport(APKBUILD.replace("pkgname=hello", "pkgname=other"), FILES, name="other")
    abuild(builder, folder)
    abuild(builder, other)
    abuild(builder, folder, "cleanpkg")
    assert [path.name for path in builder.packages()] == ["other-1.2-r3.apk", "other-doc-1.2-r3.apk"]


def test_packages_for_another_architecture_are_recorded_there(real: Make) -> None:
    builder = real()
    abuild(builder, builder.aport(), CHOST="aarch64")
    assert outputs(builder, "hello-1.2-r3.aarch64") == [path.replace("x86_64", "aarch64") for path in PACKAGES]
    record = builder.record("hello-1.2-r3.aarch64")
    assert record["conditions"]["chost"] == "aarch64-alpine-linux-musl"


def test_a_cross_build_records_its_sysroot_too(real: Make) -> None:
    builder = real()
    database = builder.home / "sysroot-aarch64" / "lib" / "apk" / "db"
    database.mkdir(parents=True)
    (database / "installed").write_text("C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:zlib-dev\nV:1.3-r0\nA:aarch64\n\n")
    abuild(builder, builder.aport(), CHOST="aarch64")
    assert builder.record("hello-1.2-r3.aarch64")["sysroot"] == [
        {"name": "zlib-dev", "version": "1.3-r0", "checksum": "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    ]


def test_packages_in_several_folders_have_one_record(real: Make) -> None:
    builder = real()
    text = APKBUILD.replace('arch="noarch"', 'arch="all"').replace('"$pkgname-doc"', '"$pkgname-doc:doc:aarch64"')
    abuild(builder, builder.aport(text.replace("!check", "!check !tracedeps !archcheck")), CTARGET="aarch64")
    assert outputs(builder) == ["aarch64/hello-doc-1.2-r3.apk", "x86_64/hello-1.2-r3.apk"]
    assert not list((builder.repodest / "main/aarch64").glob("*.toml"))


def test_the_v3_index_is_made_too(real: Make) -> None:
    if reason := lacks_v3_index():
        pytest.skip(reason)
    builder = real()
    builder.config.write_text(builder.config.read_text() + "ABUILD_V3_INDEX=1\n")
    abuild(builder, builder.aport())
    assert outputs(builder) == PACKAGES
    assert (builder.repodest / "main/x86_64/Packages.adb").exists()


def test_several_builds_at_once_have_a_record_each(real: Make) -> None:
    builder = real()
    names = ["one", "two", "three"]
    folders = [builder.aport(APKBUILD.replace("pkgname=hello", f"pkgname={name}"), FILES, name=name) for name in names]
    environment = {**builder.environment, "HOME": str(builder.home), "REPODEST": str(builder.repodest)}
    running = [
        subprocess.Popen(["abuild", "-d"], cwd=folder, env=environment, user=builder.uid, stderr=subprocess.PIPE)
        for folder in folders
    ]
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0 or b"index" in said, said
    for name in names:
        assert outputs(builder, f"{name}-1.2-r3.x86_64") == [
            f"x86_64/{name}-1.2-r3.apk",
            f"x86_64/{name}-doc-1.2-r3.apk",
        ]


@pytest.mark.parametrize("caller", ["APK", "FAKEROOT", "ABUILD_LOG_CMD", "an empty logger", "all"])
def test_callers_that_export_their_own_programs_keep_them(real: Make, caller: str) -> None:
    builder = real()
    log = builder.home / "farm.log"
    logger = builder.home / "logger"
    logger.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    logger.chmod(0o755)
    values = {"APK": "apk --no-network", "FAKEROOT": "fakeroot", "ABUILD_LOG_CMD": f"{logger} farm7"}
    if caller == "an empty logger":
        values[caller := "ABUILD_LOG_CMD"] = ""
    chosen = values if caller == "all" else {caller: values[caller]}
    folder = builder.aport(APKBUILD.replace("build() {", 'build() {\n\tenv >"$startdir"/../seen'))
    (folder.parent / "seen").write_text("")
    builder.own()
    (folder.parent / "seen").chmod(0o666)
    done = abuild(builder, folder, **chosen)
    assert outputs(builder) == PACKAGES, done.stderr
    seen = (folder.parent / "seen").read_text().splitlines()
    for name, value in chosen.items():
        assert f"{name}={value}" in seen
    if chosen.get("ABUILD_LOG_CMD"):
        assert log.read_text() == "farm7 building main/hello-1.2-r3\n"


def test_a_failing_build_tells_the_callers_logger_and_keeps_the_capture(real: Make) -> None:
    builder = real()
    log = builder.home / "farm.log"
    logger = builder.home / "logger"
    logger.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    logger.chmod(0o755)
    folder = builder.aport(APKBUILD.replace("cp hello.sh hello", "false"))
    done = abuild(builder, folder, check=False, ABUILD_LOG_CMD=str(logger))
    assert done.returncode != 0
    assert log.read_text().splitlines() == ["building main/hello-1.2-r3", "ERROR: hello: build failed"]
    [capture] = builder.captures()
    assert (capture / "errors").read_text() == "ERROR: hello: build failed\n"
    assert not (capture / "complete").exists()


def test_build_sees_nothing_of_the_hooks_but_two_variables(real: Make) -> None:
    seen = {}
    for hooks in (True, False):
        builder = real("home")
        folder = builder.aport(APKBUILD.replace("build() {", 'build() {\n\tenv >"$srcdir"/../../seen'))
        (folder.parent / "seen").write_text("")
        builder.own()
        if not hooks:
            without_hooks(builder)
        abuild(builder, folder, MARK="x")
        seen[hooks] = set((folder.parent / "seen").read_text().splitlines())
        shutil.rmtree(builder.home)
    changed = {line.partition("=")[0] for line in seen[True] ^ seen[False]}
    assert changed <= {"SOURCE_DATE_EPOCH", "ABUILD_LAST_COMMIT"}


def test_packages_are_byte_for_byte_those_of_a_build_without_hooks(real: Make) -> None:
    """Unless they are normalized: abuild before 3.13 states a size that is not the same everywhere."""
    made = {}
    for hooks in (True, False):
        builder = real("home")
        folder = builder.aport(APKBUILD.replace("!check", "!check !normalize"))
        if not hooks:
            without_hooks(builder)
        abuild(builder, folder)
        made[hooks] = {path.name: path.read_bytes() for path in builder.packages()}
        shutil.rmtree(builder.home)
    assert made[True] == made[False]


def test_two_builds_of_one_commit_give_one_record(real: Make) -> None:
    first, second = real("alice"), real("bob")
    abuild(first, first.aport())
    folder = second.aport()
    os.utime(folder / "APKBUILD", (1, 1))
    second.repodest = second.home / "somewhere" / "else"
    abuild(second, folder, REPODEST=str(second.repodest), TZ="")
    assert first.record_file().read_bytes() == second.record_file().read_bytes()


def test_a_dirty_tree_keeps_the_time_of_its_commit(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    (folder / "untracked").write_text("x")
    builder.own()
    abuild(builder, folder)
    package = read_package(builder.repodest / "main" / PACKAGES[0])
    assert package.pkginfo.builddate == COMMIT_TIME
    assert package.pkginfo.commit == git(builder.aports, "rev-parse", "HEAD").strip() + "-dirty"


def test_a_repository_of_another_user_is_asked_again(real: Make) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to build in a folder of another user")
    builder = real(root=True)
    folder = builder.aport()
    subprocess.run(["chown", "-R", "daemon", builder.aports], check=True)
    abuild(builder, folder)
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
    assert read_package(builder.repodest / "main" / PACKAGES[0]).pkginfo.commit == builder.record()["source"]["commit"]


@pytest.mark.parametrize(
    "program", ["abuild-sign --help", "abuild -V", "abump -h", "apkgrel -h", "newapkbuild -h", "checkapk -h"]
)
def test_other_programs_see_nothing(real: Make, program: str) -> None:
    builder = real()
    folder = builder.aport()
    with_hooks = builder.run(*program.split(), cwd=folder, check=False)
    without_hooks(builder)
    without = builder.run(*program.split(), cwd=folder, check=False)
    assert (with_hooks.returncode, with_hooks.stdout, with_hooks.stderr) == (
        without.returncode,
        without.stdout,
        without.stderr,
    )
    assert builder.captures() == []


def test_the_stand_in_captures_what_the_real_abuild_does(real: Make, tmp_path: Path) -> None:
    """Tests that pass with the stand-in say something of the real one: same files, same variables in each."""
    one, other = real(), Builder(tmp_path / "home")
    shapes = []
    for builder, build in ((one, abuild), (other, Builder.build)):
        build(builder, builder.aport(), BUILDINFO_FINALIZE="0")
        [capture] = builder.captures()
        files = {path.relative_to(capture).as_posix() for path in capture.rglob("*") if path.is_file()}
        names = {
            file: {part.partition(b"=")[0] for part in (capture / file).read_bytes().split(b"\0")}
            for file in ("recipe", "repository", "paths", "local")
        }
        shapes.append((files, names))
    assert shapes[0][0] == shapes[1][0]
    for file, names in shapes[1][1].items():
        assert names <= shapes[0][1][file] | {b"SRCDEST"}, file


def test_a_recipe_that_makes_an_index_of_its_own_is_recorded_all_the_same(real: Make) -> None:
    builder = real()
    own = 'apk index --output own.tar.gz || true\n\tcd /tmp\n\tapk index --output "$srcdir"/own.tar.gz || true'
    text = APKBUILD.replace("cp hello.sh hello", f"cp hello.sh hello\n\t{own}")
    done = abuild(builder, builder.aport(text))
    assert "abuild-buildinfo" not in done.stderr
    assert outputs(builder) == PACKAGES


def test_a_file_that_tar_left_out_is_told_loudly(real: Make) -> None:
    """abuild itself says nothing: it ignores a tar that fails."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to put a failing tar before the real one for one user")
    builder = real()
    folder = builder.aport()
    shim = builder.home / "shim"
    shim.mkdir()
    (shim / "tar").write_text(
        '#!/bin/sh\ncase "$*" in *--xattrs-exclude*) set -- --exclude=usr/bin/hello "$@" ;; esac\nexec /bin/tar "$@"\n'
    )
    (shim / "tar").chmod(0o755)
    done = abuild(builder, folder, PATH=f"{shim}:{builder.environment['PATH']}")
    assert [line for line in done.stderr.splitlines() if line.startswith("abuild-buildinfo: ")] == [
        "abuild-buildinfo: hello-1.2-r3.x86_64.buildinfo.toml: hello-1.2-r3.apk stays as abuild made it: "
        "the tar that packed it left out usr/bin/hello",
        "abuild-buildinfo: hello-1.2-r3.x86_64.buildinfo.toml: missing-file: "
        "in the package tree but not in the package: hello: usr/bin/hello",
    ]
    assert "missing-file" in {taint["name"] for taint in builder.record()["taints"]}


def test_packing_alone_in_a_dirty_tree_uses_the_time_of_the_commit(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    (folder / "left-over").write_text("x")
    builder.own()
    os.utime(folder / "APKBUILD", (1234567890, 1234567890))
    abuild(builder, folder, "fetch", "unpack", "prepare", "build")
    abuild(builder, folder, "rootpkg")
    builder.run(builder.python, "-I", "-m", "buildinfo", "finalize", cwd=folder)
    record = builder.record()
    assert record["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
    assert "epoch-differs" not in {taint["name"] for taint in record["taints"]}


def test_a_package_finalized_by_hand_makes_a_stale_index_known_and_remade(real: Make) -> None:
    builder = real()
    folder = builder.aport()
    abuild(builder, folder)
    other = builder.aport(APKBUILD.replace("pkgname=hello", "pkgname=other"), FILES, name="other")
    abuild(builder, other, "fetch", "unpack", "prepare", "build", "rootpkg")
    index = builder.repodest / "main/x86_64/APKINDEX.tar.gz"
    before = index.read_bytes()
    program = [builder.python, "-I", "-m", "buildinfo", "finalize"]
    done = builder.run(*program, "--no-reindex", cwd=folder, check=False)
    assert done.returncode == 1
    assert f"{index} is stale: it has no other-" in done.stderr
    assert index.read_bytes() == before
    assert not any(path.is_dir() for path in builder.captures())
    done = builder.run(*program, "--reindex", cwd=folder)
    assert f"{index}: made anew" in done.stdout
    names = subprocess.run(["tar", "-xzOf", index, "APKINDEX"], capture_output=True, text=True, check=True).stdout
    assert {line for line in names.splitlines() if line.startswith("P:")} == {
        "P:hello",
        "P:hello-doc",
        "P:other",
        "P:other-doc",
    }
    subprocess.run(["apk", "verify", *builder.packages()], check=True, capture_output=True)
    again = index.read_bytes()
    abuild(builder, folder, "index")
    assert index.read_bytes() == again


def test_an_epoch_that_the_recipe_sets_is_told_as_that(real: Make) -> None:
    builder = real()
    abuild(builder, builder.aport(APKBUILD.replace("build() {", "export SOURCE_DATE_EPOCH=77\n\nbuild() {")))
    assert builder.record()["epoch"] == {"value": 77, "rule": "recipe"}
    assert "epoch-from-file-time" not in {taint["name"] for taint in builder.record().get("taints", [])}


def test_single_steps_as_root_know_that_nobody_set_the_epoch(real: Make) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    builder = real(root=True)
    folder = builder.aport()
    abuild(builder, folder, "fetch", "unpack", "prepare", "build", "rootpkg", "index")
    assert builder.record()["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
