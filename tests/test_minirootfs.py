"""The hooks in a real Alpine: busybox ash, its tools and its installed database, in a chroot."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import APKBUILD, FILES, HOOKS, STANDIN, Builder

from buildinfo.apk.installed import read_installed
from buildinfo.capture.finalize import finalize
from buildinfo.document import read


@pytest.fixture(scope="module")
def alpine(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to chroot")
    root = tmp_path_factory.mktemp("alpine")
    [archive] = (corpus / "rootfs").glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", root], check=True)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def build(alpine: Path) -> Path:
    """Run the stand-in in the chroot and return the capture it left. The packages are not the point."""
    home = alpine / "home" / "builder"
    shutil.rmtree(home, ignore_errors=True)
    (home / ".abuild").mkdir(parents=True)
    shutil.copytree(HOOKS, home / ".abuild" / "abuild-buildinfo")
    (home / ".abuild" / "abuild.conf").write_text(
        "_abuild_buildinfo=/home/builder/.abuild/abuild-buildinfo/hook.sh\n"
        '. "$_abuild_buildinfo"\nunset _abuild_buildinfo\nBUILDINFO_FINALIZE=0\n'
    )
    # busybox find and tar cannot do what create_apks asks of them: stand in for that step alone.
    text = STANDIN.joinpath("abuild").read_text()
    start, end = text.index('\t\t(cd "$datadir"'), text.index('\t\tmkdir -p "$REPODEST/$repo/$CARCH"')
    shorter = (
        text[:start]
        + '\t\tcd "$control"; : >control.tar.gz; : >data.tar.gz; echo "datahash = none" >>.PKGINFO\n'
        + text[end:]
    )
    shutil.copytree(STANDIN, home / "standin")
    (home / "standin" / "abuild").write_text(shorter)
    aport = home / "aports" / "main" / "hello"
    aport.mkdir(parents=True)
    (aport / "APKBUILD").write_text(APKBUILD.replace('"$pkgname-doc"', '""'))
    for name, content in FILES.items():
        (aport / name).write_text(content)
    command = "cd /home/builder/aports/main/hello && exec /home/builder/standin/abuild"
    done = subprocess.run(
        ["chroot", alpine, "/bin/busybox", "ash", "-c", command],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/builder"},
        capture_output=True,
        text=True,
        check=False,
    )
    captures = list((home / ".local/state/abuild-buildinfo/captures").glob("*"))
    assert len(captures) == 1, done.stderr
    assert (captures[0] / "complete").exists(), done.stderr + (captures[0] / "log").read_text()
    return captures[0]


def test_the_facts_are_those_that_python_reads_from_the_root(alpine: Path) -> None:
    capture = build(alpine)
    assert (capture / "installed").read_bytes() == (alpine / "lib/apk/db/installed").read_bytes()
    assert (capture / "installed.repositories").read_text() == (alpine / "etc/apk/repositories").read_text()
    database = read_installed(alpine / "lib/apk/db/installed")
    tools = (capture / "tools").read_text().splitlines()
    real = (capture / "tools.real").read_text().splitlines()
    assert "/bin/sh" in tools
    assert "/sbin/apk" in tools
    for tool, target in zip(tools, real, strict=True):
        assert (alpine / target.lstrip("/")).is_file()
        owner = database.owner_of(target)
        if tool in ("/bin/sh", "/bin/tar", "/usr/bin/awk", "/bin/gzip"):
            assert owner is not None
            assert owner[0].name == "busybox"
        if tool == "/sbin/apk":
            assert owner is not None
            assert owner[0].name == "apk-tools"
    banners = (capture / "banners").read_bytes().decode().split("\0")
    assert any(banner.startswith("apk-tools 2.14") for banner in banners)
    variables = dict(part.split("=", 1) for part in (capture / "environment").read_bytes().decode().split("\0") if part)
    assert variables["CFLAGS"] == "-Os"
    assert "HOME" not in variables


def test_hashes_of_busybox_are_those_of_python(alpine: Path) -> None:
    capture = build(alpine)
    aport = alpine / "home/builder/aports/main/hello"
    for algorithm in ("sha256", "sha512"):
        listed = dict(reversed(line.split("  ")) for line in (capture / f"inputs.{algorithm}").read_text().splitlines())
        assert set(listed) == {"APKBUILD", *FILES}
        for name, value in listed.items():
            assert value == hashlib.new(algorithm, (aport / name).read_bytes()).hexdigest()


def test_a_capture_of_real_alpine_becomes_a_record_with_owners(alpine: Path, tmp_path: Path) -> None:
    """The packages come from a build outside: what is looked at is the environment."""
    capture = build(alpine)
    builder = Builder(tmp_path / "home")
    builder.build(builder.aport(APKBUILD.replace('"$pkgname-doc"', '""')), BUILDINFO_FINALIZE="0")
    [outside] = builder.captures()
    shutil.copytree(outside / "pkginfo", capture / "pkginfo", dirs_exist_ok=True)
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(capture)}\n"
        for path in sorted(capture.rglob("*"))
        if path.is_file() and path.name not in ("log", "complete", "told", "tried", "errors")
    )
    (capture / "complete").write_text(sums)
    record = read(finalize(capture, {}, repodest=builder.repodest / "main").record)
    assert len(record.installed) == len(read_installed(alpine / "lib/apk/db/installed").packages)
    owned = {tool.name: tool.package for tool in record.tools}
    assert str(owned["sh"]).startswith("busybox-")
    assert str(owned["apk"]).startswith("apk-tools-2.14")
    unowned = {name for name, package in owned.items() if package is None}
    assert unowned == {"fakeroot"}, "the minirootfs has none: the stand-in brings its own"
    assert "usr-local-programs" not in {taint.name for taint in record.taints}
