"""If these fail, finalize breaks what the packages of a real build state of their own files, and signs the result."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import Builder

sys.path.insert(0, str(Path(__file__).resolve().parent / "normalize"))
from vouching import KINDS, LATER, Clock, Files

from buildinfo.apk.segments import open_package
from buildinfo.document import read
from buildinfo.verify.pair import verify_pair

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

RECIPE = """\
# Maintainer: Test Packager <packager@example.org>
pkgname=stated
pkgver=1
pkgrel=0
pkgdesc="states hashes of its own files"
url="https://example.org/stated"
arch="noarch"
license="MIT"
subpackages="$pkgname-doc"
source="vouching.py write.py"
options="!check OPTIONS"
builddir="$srcdir"

package() {
	python3 write.py "$pkgdir"
}

doc() {
	pkgdesc="$pkgdesc (documentation)"
	mkdir -p "$subpkgdir"/usr/share/doc/stated
	(cd "$pkgdir"/usr/share && sha256sum plain.gz) >"$subpkgdir"/usr/share/doc/stated/SHA256SUMS
}
"""

WRITE = """\
import pathlib, sys, time
import vouching
vouching.Clock.now = int(time.time()) & ~1
def put(files, folder):
    for name, data in files.items():
        path = pathlib.Path(sys.argv[1], folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
for number, kind in enumerate(vouching.KINDS):
    put(vouching.KINDS[kind]()[0], f"usr/lib/stated/{number}")
put({"usr/share/plain.gz": vouching.gzipped(b"plain"), "usr/share/named.gz": vouching.gzipped(b"named"),
     "usr/share/option.gz": vouching.gzipped(b"option"), "usr/share/free.gz": vouching.gzipped(b"free"),
     "usr/lib/stated/moment": b"%d" % vouching.Clock.now}, "")
"""


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    yield
    Clock.now = LATER


def files_of(package: Path) -> Files:
    files: Files = {}
    with open_package(package) as opened:
        for segment in opened.segments():
            for member, content in segment.tar:
                if segment.kind == "data" and member.type == "file":
                    files[member.name] = b"".join(content)
    return files


def test_what_a_build_states_of_its_files_holds(real: Make) -> None:
    if shutil.which("python3") is None:
        pytest.skip("needs python3 on PATH")
    builder = real()
    sources = {
        "write.py": WRITE,
        "vouching.py": Path(__file__).with_name("normalize").joinpath("vouching.py").read_text(),
    }
    recipe = RECIPE.replace("OPTIONS", "!normalize:usr/share/option*")
    folder = builder.aport(recipe, sources, name="stated")
    builds: list[Files] = []
    packages: list[Path] = []
    for out in ("one", "other"):
        builder.repodest = builder.home / out
        begun = int(time.time()) & ~1
        builder.run("abuild", "-d", "-f", cwd=folder, REPODEST=str(builder.repodest),
                    BUILDINFO_KEEP_PATHS="usr/share/named.gz etc/*")  # fmt: skip
        packages.append(builder.repodest / "main/x86_64/stated-1-r0.apk")
        builds.append(files_of(packages[-1]))
        while int(time.time()) & ~1 <= begun + 2:  # another even second, for zip
            time.sleep(0.2)
    for now in builds:
        Clock.now = int(now["usr/lib/stated/moment"])
        for number, kind in enumerate(KINDS):
            files, holds = KINDS[kind]()
            assert holds({name: now[f"usr/lib/stated/{number}/{name}"] for name in files}), kind

    assert builds[0]["usr/share/free.gz"] == builds[1]["usr/share/free.gz"]
    sums = files_of(packages[0].with_name("stated-doc-1-r0.apk"))["usr/share/doc/stated/SHA256SUMS"].decode()
    assert hashlib.sha256(builds[0]["usr/share/plain.gz"]).hexdigest() in sums
    record = read(builder.home / "one/main/x86_64/stated-1-r0.x86_64.buildinfo.toml")
    left = {str(entry.path): entry.reason for output in record.outputs for entry in output.left_alone}
    assert left["usr/share/plain.gz"].startswith("its SHA-256 is stated in stated-doc-1-r0.apk!/usr/share/doc")
    assert "usr/share/named.gz" in left["usr/share/named.gz"] and "usr/share/option*" in left["usr/share/option.gz"]

    pair = verify_pair(*packages)
    assert pair.verdict == "different"
    assert "vouched" in {cause.name for cause in pair.causes}
    subprocess.run(["apk", "verify", *packages], check=True, capture_output=True)
