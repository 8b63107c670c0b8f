"""abuild rootbld: the record is of the chroot that built, not of the machine around it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, Builder
from sabotage import finalize, said

from buildinfo.apk.installed import read_installed
from buildinfo.document import read

pytestmark = [pytest.mark.real, pytest.mark.rootbld]

Make = Callable[..., Builder]


@pytest.fixture
def repository() -> str:
    """Where rootbld finds abuild, alpine-base and build-base."""
    place = os.environ.get("BUILDINFO_TEST_ROOTBLD")
    if not place:
        pytest.skip("needs BUILDINFO_TEST_ROOTBLD, a repository that abuild rootbld can build a chroot from")
    return place


def prepare(builder: Builder, repository: str, apkbuild: str) -> Path:
    """An aport with the repositories that rootbld reads."""
    folder = builder.aport(apkbuild)
    (folder.parent / ".rootbld-repositories").write_text(f"{repository}/main\n")
    return folder


def rootbld(
    builder: Builder, repository: str, apkbuild: str = APKBUILD, **environment: str
) -> subprocess.CompletedProcess[str]:
    folder = prepare(builder, repository, apkbuild)
    return builder.run("abuild", "rootbld", cwd=folder, **environment)


def test_the_chroot_is_recorded(real: Make, repository: str) -> None:
    builder = real()
    done = rootbld(builder, repository)
    assert "abuild-buildinfo" not in done.stderr
    record = read(builder.record_file())
    assert record.conditions.sandbox == "rootbld"
    # abuild 3.12 and older builds at the path that it has outside, which is not told.
    assert record.conditions.paths.get("startdir") in ("/home/user/aports/main/hello", None)
    assert record.epoch.value == COMMIT_TIME
    assert record.epoch.rule == "commit"
    names = {package.name: package.requested for package in record.installed}
    assert {"abuild", "alpine-baselayout", "musl"} <= names.keys()
    assert not any(name.startswith(".") for name in names)
    assert names["build-base"]
    assert not names["musl"]
    assert builder.captures() == []


def test_a_clean_build_in_a_clean_chroot_has_no_taint(real: Make, repository: str) -> None:
    builder = real()
    rootbld(builder, repository)
    assert read(builder.record_file()).taints == []


def test_every_tool_of_the_chroot_has_an_owner(real: Make, repository: str) -> None:
    builder = real()
    rootbld(builder, repository)
    record = read(builder.record_file())
    installed = {f"{package.name}-{package.version}" for package in record.installed}
    assert {"tar", "apk", "abuild", "fakeroot", "cc"} <= {tool.name for tool in record.tools}
    assert {tool.package for tool in record.tools} <= installed


def test_the_network_taints(real: Make, repository: str) -> None:
    builder = real()
    rootbld(builder, repository, APKBUILD.replace("!check", "!check net"))
    record = read(builder.record_file())
    assert record.conditions.sandbox == "rootbld+net"
    assert "network" in {taint.name for taint in record.taints}


def test_two_chroots_of_one_commit_give_one_record(real: Make, repository: str) -> None:
    first, second = real("alice"), real("bob")
    rootbld(first, repository, TZ="UTC")
    second.repodest = second.home / "other" / "place"
    rootbld(second, repository, REPODEST=str(second.repodest), TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
    assert first.record_file().read_bytes() == second.record_file().read_bytes()


def test_the_database_is_the_chroots_own(real: Make, repository: str) -> None:
    builder = real()
    rootbld(builder, repository, BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    names = {package.name for package in read_installed(capture / "installed").packages}
    host = Path("/lib/apk/db/installed")
    outside = {package.name for package in read_installed(host).packages} if host.is_file() else set()
    assert "alpine-baselayout" in names
    assert names != outside


def test_a_failed_chroot_build_leaves_no_record_and_says_nothing_more(real: Make, repository: str) -> None:
    builder = real()
    folder = prepare(builder, repository, APKBUILD.replace("cp hello.sh hello", "false"))
    done = builder.run("abuild", "rootbld", cwd=folder, check=False)
    assert done.returncode != 0
    assert "abuild-buildinfo" not in done.stderr
    assert not builder.record_file().exists()
    [capture] = builder.captures()
    assert "rootbld failed" in (capture / "errors").read_text()


def test_build_in_the_chroot_sees_nothing_but_two_variables(real: Make, repository: str) -> None:
    seen = {}
    for hooks in (True, False):
        builder = real()
        if not hooks:
            lines = builder.config.read_text().splitlines(keepends=True)
            builder.config.write_text("".join(line for line in lines if "# abuild-buildinfo" not in line))
        text = APKBUILD.replace("cp hello.sh hello", "cp hello.sh hello\n\tenv | sort >hello.txt.env").replace(
            "install -Dm644 hello.txt ", "install -Dm644 hello.txt.env "
        )
        rootbld(builder, repository, text)
        package = next(path for path in builder.packages() if "doc" in path.name)
        seen[hooks] = set(
            subprocess.run(
                ["tar", "-xzOf", package, "usr/share/doc/hello/hello.txt"], capture_output=True, text=True, check=False
            ).stdout.splitlines()
        )
        shutil.rmtree(builder.home)
    assert seen[True]
    changed = {line.partition("=")[0] for line in seen[True] ^ seen[False]}
    assert changed <= {"SOURCE_DATE_EPOCH", "ABUILD_LAST_COMMIT"}


def test_the_compiler_proper_is_recorded_with_its_own_checksum(real: Make, repository: str) -> None:
    builder = real()
    rootbld(builder, repository)
    tools = {tool.name: tool for tool in read(builder.record_file()).tools}
    assert tools["cc1"].package == tools["gcc"].package
    assert tools["cc1"].checksum not in (None, tools["gcc"].checksum)
    assert tools["collect2"].path.rpartition("/")[0] == tools["cc1"].path.rpartition("/")[0]


def test_a_build_cannot_write_outside_its_chroot_through_the_capture(real: Make, repository: str) -> None:
    builder = real()
    victim = builder.home / "victim"
    victim.write_text("precious\n")
    trap = (
        "d=/tmp/.abuild-buildinfo/$pkgname-$pkgver-r$pkgrel.$CARCH.$$\n\tmkdir -p $d/pkginfo\n"
        f"\tln -s {victim} $d/local\n\tln -s {victim} $d/requested\n\t"
    )
    done = rootbld(builder, repository, APKBUILD.replace("build() {\n\t", "build() {\n\t" + trap))
    assert victim.read_text() == "precious\n"
    assert len([line for line in done.stderr.splitlines() if line.startswith("abuild-buildinfo: ")]) == 1
    assert builder.packages()


def test_a_build_forges_nothing_that_was_captured_outside(real: Make, repository: str) -> None:
    """Nor does it mark its capture as finalized, so that there would be no record of it."""
    builder = real()
    trap = (
        "d=/tmp/.abuild-buildinfo/$pkgname-$pkgver-r$pkgrel.$CARCH.$$\n\tmkdir -p $d/pkginfo\n"
        "\tfor f in recipe repository epoch APKBUILD inputs.sha256 finalized tried normalized; do\n"
        "\t\techo forged >$d/$f\n\tdone\n\t"
    )
    done = rootbld(builder, repository, APKBUILD.replace("build() {\n\t", "build() {\n\t" + trap))
    assert said(done) == []
    record = read(builder.record_file())
    assert (record.epoch.rule, record.epoch.value) == ("commit", COMMIT_TIME)
    assert record.source.origin == "hello"
    assert record.inputs[0].sha256 == hashlib.sha256((builder.aports / "main/hello/APKBUILD").read_bytes()).hexdigest()
    assert builder.captures() == []


def test_a_build_within_the_build_does_not_take_the_record(real: Make, repository: str) -> None:
    builder = real()
    inner = (
        "mkdir -p /tmp/n/x/aaa\n\tprintf 'pkgname=aaa\\npkgver=1\\npkgrel=0\\npkgdesc=a\\nurl=https://example.org\\n"
        'arch=noarch\\nlicense=MIT\\noptions=!check\\npackage() { mkdir -p "$pkgdir"; }\\n\' >/tmp/n/x/aaa/APKBUILD\n'
        "\t( cd /tmp/n/x/aaa && REPODEST=/tmp/n/out srcdir=/tmp/n/s pkgbasedir=/tmp/n/p abuild -d rootpkg ) || true\n\t"
    )
    rootbld(builder, repository, APKBUILD.replace("build() {\n\t", "build() {\n\t" + inner))
    assert [output.path for output in read(builder.record_file()).outputs] == [
        "x86_64/hello-1.2-r3.apk",
        "x86_64/hello-doc-1.2-r3.apk",
    ]


def test_what_bwrap_refuses_is_told_and_leaves_no_capture(real: Make, repository: str) -> None:
    """Root with -F: bwrap asks for more than abuild gives it. No capture may look like a build that goes on."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    builder = real(root=True)
    folder = prepare(builder, repository, APKBUILD)
    done = builder.run("abuild", "-F", "rootbld", cwd=folder, check=False)
    if done.returncode == 0:
        read(builder.record_file())  # a bwrap that does
    elif "Do not run abuild as root" in done.stderr:  # 3.11, which says so itself, in the chroot: a build that failed
        assert said(done) == []
        assert finalize(builder).returncode == 0
        return
    else:
        [line] = said(done)
        assert "no build began in the chroot" in line
        assert "as a user" in line
    assert builder.captures() == []
