"""Captures that are finalized later, on the real abuild: stock apk installs what is in the repository afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, CORPUS, FILES, Builder, lacks_v3_index
from sabotage import finalize, litter, said

from buildinfo.apk.v2 import read_package
from buildinfo.document import read

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

# gzip writes the time of the clock into it: the package changes, its identity and size in the index with it.
CHANGES = APKBUILD.replace("\tcp hello.sh hello", "\tcp hello.sh hello\n\tcp hello.txt note\n\tgzip note").replace(
    "/hello.txt\n}\n\ndoc", '/hello.txt\n\tinstall -Dm644 note.gz "$pkgdir"/usr/share/hello/note.gz\n}\n\ndoc'
)


def abuild(builder: Builder, folder: Path, *words: str, **environment: str) -> None:
    options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
    builder.run("abuild", *options, "-d", *words, cwd=folder, **{"BUILDINFO_FINALIZE": "0", **environment})


def aport(builder: Builder, name: str = "hello") -> Path:
    return builder.aport(CHANGES.replace("pkgname=hello", f"pkgname={name}"), FILES, name=name)


def index(builder: Builder) -> Path:
    return builder.repodest / "main/x86_64/APKINDEX.tar.gz"


def installs(builder: Builder, key: Path, name: str = "hello", *, v3: bool = False) -> bool:
    """Whether stock apk adds a package from the repository, with nothing allowed that is not the default."""
    root = builder.home.parent / f"{builder.home.name}.root"
    shutil.rmtree(root, ignore_errors=True)
    (root / "etc/apk/keys").mkdir(parents=True)
    shutil.copy(f"{key}.pub", root / "etc/apk/keys")
    place = builder.repodest / "main/x86_64/Packages.adb" if v3 else builder.repodest / "main"
    user = [] if os.geteuid() == 0 else ["--usermode"]
    command = ["apk", "--root", root, "--arch", "x86_64", "--initdb", *user, "--no-scripts", "--no-cache"]
    command += ["--repositories-file", "/dev/null", "--repository", place, "add", name]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return done.returncode == 0 and (root / "usr/share/hello/note.gz").is_file()


@pytest.fixture(params=["user", "root"])
def builder(request: pytest.FixtureRequest, real: Make) -> Builder:
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    return real(root=request.param == "root")


def test_finalize_mends_the_index_that_it_makes_stale(builder: Builder, real_key: Path) -> None:
    abuild(builder, aport(builder))
    old = index(builder).read_bytes()
    done = finalize(builder, "--no-reindex")
    assert done.returncode == 1
    assert f"{index(builder)} is stale: it has another hello-1.2-r3.apk" in done.stderr
    assert index(builder).read_bytes() == old
    assert not installs(builder, real_key)  # that is why it matters
    done = finalize(builder, "--reindex")  # the captures are gone, and yet it knows
    assert (done.returncode, done.stderr) == (0, "")
    assert installs(builder, real_key)
    assert finalize(builder, "--reindex").stdout == "no captures are left behind\n"
    assert builder.captures() == litter(builder) == []


def test_single_steps_and_finalize_without_an_option(builder: Builder, real_key: Path) -> None:
    folder = aport(builder)
    abuild(builder, folder, "fetch", "unpack", "prepare", "build", "rootpkg")
    abuild(builder, folder, "index")
    done = finalize(builder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{index(builder)}: made anew" in done.stdout
    assert installs(builder, real_key)


def test_two_captures_get_one_index(real: Make, real_key: Path) -> None:
    builder = real()
    for name in ("hello", "other"):
        abuild(builder, aport(builder, name))
    counted = builder.home / "counted"
    shims = builder.home / "shims"
    shims.mkdir()
    (shims / "apk").write_text(f'#!/bin/sh\necho "$1" >>"{counted}"\nexec {shutil.which("apk")} "$@"\n')
    (shims / "apk").chmod(0o755)
    builder.own()
    builder.environment["PATH"] = f"{shims}:{builder.environment['PATH']}"
    done = finalize(builder)
    assert (done.returncode, done.stderr) == (0, "")
    assert counted.read_text().split().count("index") == 1
    assert installs(builder, real_key) and installs(builder, real_key, "other")


def test_the_v3_index_is_mended_too(real: Make, real_key: Path) -> None:
    if reason := lacks_v3_index():
        pytest.skip(reason)
    builder = real()
    abuild(builder, aport(builder), ABUILD_V3_INDEX="1")
    assert finalize(builder).returncode == 0
    assert installs(builder, real_key) and installs(builder, real_key, v3=True)


def test_apk_2_installs_it_as_well(real: Make, real_key: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not CORPUS.is_dir():
        pytest.skip("needs root to chroot, and the minirootfs in ../shared/corpus")
    builder = real()
    abuild(builder, aport(builder))
    assert finalize(builder).returncode == 0
    [archive] = (CORPUS / "rootfs").glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    shutil.copy(f"{real_key}.pub", tmp_path / "etc/apk/keys")
    shutil.copytree(builder.repodest, tmp_path / "srv/packages")
    apk = ["apk", "--repositories-file", "/dev/null", "-X", "/srv/packages/main", "--no-cache"]
    subprocess.run(["chroot", tmp_path, *apk, "add", "hello"], check=True, capture_output=True)
    assert (tmp_path / "usr/share/hello/note.gz").is_file()


# Killed at the nth rename that puts something into the folder of packages: a package, the record, the index.
_AT_RENAME = """\
import os, sys
from buildinfo.cli import main
left = int(sys.argv[1])
def watch(event, words):
    global left
    if event != "os.rename":
        return
    _, target, _, folder = words
    if folder >= 0:
        target = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), target)
    if "/packages/" in str(target):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(watch)
main(["finalize"])
"""


@pytest.mark.parametrize("renames", range(5))
def test_a_finalize_that_is_killed_is_done_again(real: Make, real_key: Path, renames: int) -> None:
    builder = real()
    for name in ("hello", "other"):
        abuild(builder, aport(builder, name))
    killed = builder.run(builder.python, "-I", "-c", _AT_RENAME, str(renames), cwd=builder.home, check=False)
    assert killed.returncode == -signal.SIGKILL
    done = finalize(builder)
    assert (done.returncode, done.stderr) == (0, "")
    assert installs(builder, real_key) and installs(builder, real_key, "other")
    assert builder.captures() == litter(builder) == []


def test_a_folder_that_cannot_be_written_is_told_and_done_later(real: Make, real_key: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to whom the packages do not belong")
    builder = real()
    abuild(builder, aport(builder))
    folder = index(builder).parent
    folder.chmod(0o555)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = finalize(builder)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert installs(builder, real_key)
    folder.chmod(0o755)
    assert finalize(builder).returncode == 0
    assert installs(builder, real_key)


def test_a_key_that_is_missing_is_a_failure_that_can_be_mended(real: Make, real_key: Path) -> None:
    builder = real()
    abuild(builder, aport(builder))
    before = [package.read_bytes() for package in builder.packages()]
    key = builder.config.parent / real_key.name
    key.rename(f"{key}.away")
    done = finalize(builder)
    assert done.returncode == 2
    assert (lines := said(done))  # a line for each package that would change: two with abuild 3.11
    assert all("stays as abuild made it" in line and real_key.name in line for line in lines)
    assert [package.read_bytes() for package in builder.packages()] == before
    assert installs(builder, real_key)
    Path(f"{key}.away").rename(key)
    done = finalize(builder)
    assert (done.returncode, done.stderr) == (0, "")
    assert [package.read_bytes() for package in builder.packages()] != before
    assert installs(builder, real_key)


def test_a_key_that_goes_before_the_index_keeps_the_captures(real: Make, real_key: Path) -> None:
    builder = real()
    abuild(builder, aport(builder))
    key = builder.config.parent / real_key.name
    take_away = (
        "import pathlib, sys\nfrom buildinfo.capture import batch\nfrom buildinfo.cli import main\n"
        "def gone(self, item, old=batch.Batch._make):\n"
        "    pathlib.Path(sys.argv[1]).rename(sys.argv[1] + '.away')\n    return old(self, item)\n"
        "batch.Batch._make = gone\nsys.exit(main(['finalize']))\n"
    )
    done = builder.run(builder.python, "-I", "-c", take_away, key, cwd=builder.home, check=False)
    assert done.returncode == 2
    [line] = said(done)
    assert f"{index(builder)} is stale and could not be made anew" in line
    assert len(builder.captures()) == 1
    assert not installs(builder, real_key)
    Path(f"{key}.away").rename(key)
    assert finalize(builder).returncode == 0
    assert installs(builder, real_key)
    assert builder.captures() == litter(builder) == []


def test_one_line_at_the_index_says_where_the_record_is(real: Make) -> None:
    builder = real()
    folder = aport(builder)
    done = builder.run("abuild", "-d", cwd=folder, BUILDINFO_QUIET="no")
    [line] = said(done)
    told = f"abuild-buildinfo: hello-1.2-r3: record {re.escape(str(builder.record_file()))}"
    assert re.match(f"{told}; [12] of 2 packages normalized", line)
    assert all(taint.name in line for taint in read(builder.record_file()).taints)
    assert "abuild-buildinfo" not in done.stdout
    assert all(read_package(package) for package in builder.packages())
