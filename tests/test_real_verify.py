"""Verify on the real abuild: one thing is varied, and that is what the report names, with the records beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from building import Builder
from sabotage import without_hooks

from buildinfo.document import read
from buildinfo.verify.pair import verify_pair
from buildinfo.verify.records import related
from buildinfo.verify.report import Pair

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

TOLD = """\
# Maintainer: Test Packager <packager@example.org>
pkgname=told
pkgver=1
pkgrel=0
pkgdesc="tells what it was built with"
url="https://example.org/told"
arch="all"
license="MIT"
source="told.c told.py"
options="!check !tracedeps !dbg"
builddir="$srcdir"
provides="told-b told-a"

build() {
	gcc -O1 -g -o told told.c
	gcc -O1 -g -o library.o -c told.c
	ar rcD libtold.a library.o
	seq 40000 >numbers
}

package() {
	install -Dm755 told "$pkgdir"/usr/bin/told
	install -Dm644 libtold.a -t "$pkgdir"/usr/lib
	install -Dm644 told.py numbers -t "$pkgdir"/usr/share/told
	python3 -m compileall -q -s "$pkgdir" --invalidation-mode checked-hash "$pkgdir"/usr/share/told
}
"""
FILES = {
    "told.c": '#include <stdio.h>\nint main(void) { return puts("told " __DATE__) < 0; }\n',
    "told.py": "def told():\n    return 'told'\n",
}
PACKAGE = "told-1-r0"


WITHOUT_PATHS = TOLD.replace(" -g ", " ")


def built(builder: Builder, recipe: str = TOLD, **environment: str) -> Path:
    """The package of a build."""
    folder = builder.aport(recipe, FILES, name="told")
    for name, change in list(environment.items()):
        if name == "LEFT_OVER":
            (folder / change).write_text("left over\n")
            builder.own()
            del environment[name]
    # What abuild takes the epoch from where the tree is not as committed.
    os.utime(folder / "APKBUILD", (1710000000, 1710000000 + len(builder.home.name)))
    options = ["-F"] if builder.uid is None and os.geteuid() == 0 else []
    builder.run("abuild", *options, "-d", cwd=folder, **environment)
    [package] = builder.packages()
    return package


def names(pair: Pair) -> list[str]:
    return [cause.name for cause in pair.causes]


def compared(real: Make, hooks: bool = False, **environment: str) -> Pair:
    """Two builders, of whom the second varies something."""
    packages = []
    for name, varied in (("first", {}), ("second.one", environment)):
        builder = real(name)
        if not hooks:
            without_hooks(builder)
        packages.append(built(builder, **varied))
    return verify_pair(*packages)


def test_two_plain_builds_with_the_hooks_differ_in_the_build_path_alone(real: Make) -> None:
    """The folder differs, and the compiler writes it into debug information."""
    pair = compared(real, hooks=True)
    assert pair.verdict == "different"
    # abuild strips the program: what is left of the path is the id that was hashed over it.
    assert set(names(pair)) == {"build-path", "build-id"}
    assert {difference.path for difference in pair.differences if difference.layer == "file"} <= {
        "usr/bin/told",
        "usr/lib/libtold.a",
    }


@pytest.mark.parametrize(
    ("cause", "environment"),
    [
        ("packager", {"PACKAGER": "Somebody Else <else@example.org>"}),
        ("dirty-tree", {"LEFT_OVER": "notes.orig"}),
        ("epoch-rule", {"SOURCE_DATE_EPOCH": "1700000000"}),
    ],
)
def test_what_was_varied_is_named(real: Make, cause: str, environment: dict[str, str]) -> None:
    pair = compared(real, **environment)
    assert {cause, "build-path"} <= set(names(pair))
    assert "unknown" not in names(pair)


def test_without_pigz_the_compressor_is_all_that_differs(real: Make) -> None:
    packages = []
    for name in ("first", "second"):
        builder = real(name)
        without_hooks(builder)
        if name == "second":
            hidden = builder.home / "bin"
            hidden.mkdir()
            for folder in (Path(str(shutil.which("abuild"))).parent, Path("/usr/bin")):  # the tested abuild first
                for tool in folder.iterdir():
                    if tool.name != "pigz" and not (hidden / tool.name).is_symlink():
                        (hidden / tool.name).symlink_to(tool)
            builder.environment["PATH"] = f"{hidden}:/sbin"
        packages.append(built(builder, recipe=WITHOUT_PATHS))
    pair = verify_pair(*packages)
    assert pair.verdict == "identical-normalized"
    assert names(pair) == ["compressor"]


def test_the_records_of_both_builds_stand_beside_the_causes(real: Make) -> None:
    builders = [real("first"), real("second")]
    packages = [
        built(builders[0]),
        built(builders[1], PACKAGER="Somebody Else <else@example.org>", BUILDINFO_PATHS="1"),
    ]
    records = [builder.record_file("told-1-r0.x86_64") for builder in builders]
    pair = verify_pair(*packages, related(*map(read, records)))
    assert names(pair)[0] == "packager"
    assert pair.causes[0].weight == 1.0
    assert ("environment", "PACKAGER") in {(delta.table, delta.name) for delta in pair.records or ()}
    done = subprocess.run(
        [builders[0].python, "-m", "buildinfo", "compare-records", "--json", *records],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "PACKAGER" in done.stdout


def test_a_rebuild_by_somebody_else_becomes_the_original(real: Make, tmp_path: Path) -> None:
    """The strongest proof: the vendor's signature on the rebuilder's bytes is the vendor's file."""
    vendor, rebuilder = real("vendor"), real("rebuild")
    key = tmp_path / "rebuilder.rsa"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    original, rebuilt = (built(builder, recipe=WITHOUT_PATHS) for builder in (vendor, rebuilder))
    program = [vendor.python, "-m", "buildinfo"]
    for words in (
        ["signature", "strip", rebuilt, "-o", tmp_path / "stripped.apk"],
        ["signature", "add", "--key", key, tmp_path / "stripped.apk"],
    ):
        subprocess.run([*program, *words], check=True, capture_output=True)
    done = subprocess.run(
        [*program, "verify", "--json", original, tmp_path / "stripped.apk"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["pairs"][0]["verdict"] == "identical-unsigned"
    grafted = tmp_path / "grafted.apk"
    subprocess.run(
        [*program, "signature", "graft", "--from", original, tmp_path / "stripped.apk", "-o", grafted],
        check=True,
        capture_output=True,
    )
    assert grafted.read_bytes() == original.read_bytes()
    subprocess.run(["apk", "verify", grafted], check=True, capture_output=True)
