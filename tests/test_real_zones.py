"""On the real abuild: two zones and two folders make one package, a failing tar none that looks whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from building import Builder

from buildinfo.apk.v2 import read_package
from buildinfo.document import read

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

RECIPE = """\
# Maintainer: Test Packager <packager@example.org>
pkgname=zones
pkgver=1
pkgrel=0
pkgdesc="archives and compiled Python"
url="https://example.org/zones"
arch="noarch"
license="MIT"
subpackages="$pkgname-pyc"
source="zones.py"
options="!check"
builddir="$srcdir"

build() {
	mkdir -p files
	echo old >files/old
	echo new >files/new
	touch -d @1000000000 files/old
	python3 -c "import zipfile; z = zipfile.ZipFile('zones.zip', 'w'); z.write('files/old'); z.write('files/new')"
	! command -v zip >/dev/null || zip -q -r info.zip files
	! command -v jar >/dev/null || jar cf zones.jar files
}

package() {
	install -Dm644 *.zip -t "$pkgdir"/usr/share/zones
	[ ! -e zones.jar ] || install -Dm644 zones.jar -t "$pkgdir"/usr/share/zones
	install -Dm644 zones.py -t "$pkgdir"/usr/lib/zones
	python3 -m compileall -q --invalidation-mode checked-hash "$pkgdir"/usr/lib/zones
}

pyc() {
	pkgdesc="compiled Python"
	amove usr/lib/zones/__pycache__
}
"""
SOURCE = "def hello(name):\n    return [each for each in name]\n"


def built(builder: Builder, text: str = RECIPE, **environment: str) -> Path:
    aport = builder.aport(text, {"zones.py": SOURCE}, name="zones")
    builder.run("abuild", "-d", "-f", *(["-F"] if builder.uid is None else []), cwd=aport, **environment)
    return builder.repodest / aport.parent.name / "x86_64"


def test_two_zones_and_two_folders_make_one_package(real: Make) -> None:
    folders = [
        built(real("a"), TZ="UTC"),
        built(real("another-folder"), TZ="Asia/Tokyo"),
        built(real("b"), TZ="America/New_York"),
    ]
    names = sorted(path.name for path in folders[0].glob("*.apk"))
    assert names == ["zones-1-r0.apk", "zones-pyc-1-r0.apk"]
    for name in names:
        assert len({read_package(folder / name).unsigned_sha256 for folder in folders}) == 1, name


def test_a_time_that_no_tar_header_holds(real: Make) -> None:
    """apk refuses numbers that are not octal: the package that abuild made has to stay what apk takes."""
    builder = real()
    aport = builder.aport(RECIPE, {"zones.py": SOURCE}, name="zones")
    done = builder.run("abuild", "-d", "-f", cwd=aport, check=False, SOURCE_DATE_EPOCH="8589934592")
    folder = builder.repodest / "main/x86_64"
    if "Failed to create index" in done.stderr:
        pytest.skip("needs an abuild whose own packages of that time apk reads, such as 3.15")
    assert done.returncode == 0, done.stderr
    for package in folder.glob("*.apk"):
        done = builder.run("apk", "verify", package, cwd=builder.home, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_tar_that_failed_makes_no_package_that_looks_whole(real: Make) -> None:
    """abuild has no pipefail: nobody else would see that the file is missing."""
    builder = real()
    programs = builder.home / "programs"
    programs.mkdir()
    tar = programs / "tar"
    # As where a file vanished: tar says so, goes on, and ends with 2.
    tar.write_text(
        f'#!/bin/sh\ncase "$*" in *--xattrs*) grep -zv zones.zip | {shutil.which("tar")} "$@"; exit 2 ;; esac\n'
        f'exec {shutil.which("tar")} "$@"\n'
    )
    tar.chmod(0o755)
    folder = built(builder, PATH=f"{programs}:{builder.environment['PATH']}")
    package = read_package(folder / "zones-1-r0.apk")
    assert "usr/share/zones/zones.zip" not in {member.name for member in package.members}
    outputs = {output.path: output for output in read(builder.record_file("zones-1-r0.x86_64")).outputs}
    left = [entry for entry in outputs["x86_64/zones-1-r0.apk"].left_alone if entry.handler == "package"]
    assert ["zones.zip" in str(entry.reason) for entry in left] == [True]
    assert package.pkginfo.size is not None
    assert package.pkginfo.size > package.installed_size
