"""Normalization in finalize on the real abuild: one recipe with a file of every kind, built under varied conditions."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, Builder
from sabotage import without_hooks

from buildinfo.apk.index import read_index
from buildinfo.apk.pigz import compress
from buildinfo.apk.segments import read_head
from buildinfo.apk.v2 import Package, read_package
from buildinfo.document import read

pytestmark = pytest.mark.real

Make = Callable[..., Builder]

MIXED = """\
# Maintainer: Test Packager <packager@example.org>
pkgname=mixed
pkgver=1
pkgrel=0
pkgdesc="a file of every kind"
url="https://example.org/mixed"
arch="all"
license="MIT"
install="$pkgname.pre-install $pkgname.post-install"
triggers="$pkgname.trigger=/usr/share/mixed"
pkgusers="games"
pkggroups="games"
subpackages="$pkgname-dev $pkgname-doc $pkgname-openrc $pkgname-pyc"
source="hello.c mixed.py archives.py mixed.1 mixed.initd"
options="!check suid setcap"
builddir="$srcdir"

build() {
	cc $CFLAGS -static -o hello hello.c
	cc $CFLAGS -g -DLIBRARY -c -o debug.o "$srcdir"/hello.c
	mkdir data
	seq 40000 >data/numbers
	echo beta >data/beta
	touch -d @$(date +%s) debug.o data/*
	ar rcU libmixed.a debug.o
	tar -czf data.tar.gz data/numbers data/beta
	gzip -k data/numbers
	gzip -c data/numbers >named.gz
	python3 archives.py
}

package() {
	install -Dm4755 hello "$pkgdir"/usr/bin/mixed
	ln "$pkgdir"/usr/bin/mixed "$pkgdir"/usr/bin/mixed-again
	ln -s mixed "$pkgdir"/usr/bin/Mixed
	install -Dm755 hello "$pkgdir"/usr/sbin/mixed-raw
	setcap cap_net_raw=ep "$pkgdir"/usr/sbin/mixed-raw
	install -Dm644 libmixed.a debug.o -t "$pkgdir"/usr/lib
	install -Dm644 hello.c "$pkgdir"/usr/include/mixed.h
	install -Dm644 data.zip data.jar data.tar.gz data/numbers.gz named.gz -t "$pkgdir"/usr/share/mixed
	install -Dm644 data/numbers "$pkgdir"/usr/share/mixed/numbers
	setfattr -n user.one -v 1 "$pkgdir"/usr/share/mixed/numbers
	setfattr -n user.another -v 2 "$pkgdir"/usr/share/mixed/numbers
	install -Dm644 mixed.1 "$pkgdir"/usr/share/man/man1/mixed.1
	install -Dm755 mixed.initd "$pkgdir"/etc/init.d/mixed
	install -d -m700 "$pkgdir"/var/lib/mixed
	install -Dm640 data/beta "$pkgdir"/etc/mixed.conf
	chown -R games:games "$pkgdir"/var/lib/mixed "$pkgdir"/etc/mixed.conf
	local site="$pkgdir"/usr/lib/python3.11/site-packages
	install -Dm644 mixed.py -t "$site"
	touch -d @$(date +%s) "$site"/mixed.py
	python3 -m compileall -q -s "$pkgdir" --invalidation-mode timestamp "$site"
}
"""

SCRIPT = "#!/bin/sh\nexit 0\n"

MIXED_FILES = {
    "hello.c": (
        "#include <stdio.h>\n"
        "static const char *when = __DATE__ __TIME__;\n"
        "#ifdef LIBRARY\nint hello(void)\n#else\nint main(void)\n#endif\n"
        '{ return printf("hello %s\\n", when) < 0; }\n'
    ),
    "mixed.py": "import sys\n\n\ndef main(argv=sys.argv):\n    return [{'a': 1}.get(name) for name in argv]\n",
    "archives.py": (
        "from zipfile import ZIP_DEFLATED, ZipFile\n\n"
        "for name in ('data.zip', 'data.jar'):\n"
        "    with ZipFile(name, 'w', ZIP_DEFLATED) as archive:\n"
        "        if name.endswith('.jar'):\n"
        "            archive.writestr('META-INF/MANIFEST.MF', 'Manifest-Version: 1.0\\r\\n\\r\\n')\n"
        "        archive.write('data/numbers')\n"
        "        archive.write('data/beta')\n"
    ),
    "mixed.1": ".TH MIXED 1\n" + "".join(f".SH SECTION {n}\nThe {n}th of {n * n % 97} words.\n" for n in range(2000)),
    "mixed.initd": '#!/sbin/openrc-run\ncommand="/usr/bin/mixed"\n',
    "mixed.pre-install": SCRIPT,
    "mixed.post-install": SCRIPT,
    "mixed.trigger": SCRIPT,
}


LATE = 2000000000
"""A time after the commit's, which normalization replaces."""

SMALL = f"""\
# Maintainer: Test Packager <packager@example.org>
pkgname=small
pkgver=1
pkgrel=0
pkgdesc="times, and nothing else that differs between two builds"
url="https://example.org/small"
arch="noarch"
license="MIT"
source="small.py"
options="!check"
builddir="$srcdir"

package() {{
	touch -d @{LATE} "$srcdir"/small.py
	mkdir -p "$pkgdir"/usr/share/small
	cp -p "$srcdir"/small.py "$pkgdir"/usr/share/small/
	python3 -m compileall -q -s "$pkgdir" --invalidation-mode timestamp "$pkgdir"/usr/share/small
	gzip -c "$srcdir"/small.py >"$pkgdir"/usr/share/small/small.gz
}}
"""

SMALL_NAME = "small-1-r0"
PATH_IN_DEBUG_INFORMATION = {"mixed-dev"}
"""DWARF names the folder that the compiler worked in: its own output, which the recipe can ask it to leave out."""
ORDER_OF_RELATIONS = {"mixed"}
"""abuild sorts them in the locale of the build, which is a taint."""
COMMENT_WITH_A_DATE = {"mixed", "mixed-dev", "mixed-doc", "mixed-openrc", "mixed-pyc"}
"""abuild 3.12 and older writes one into .PKGINFO, in the language of the build."""

TOMORROW = ["env", "NO_FAKE_STAT=1", "faketime", "-f", "+1d"]
"""Another clock; the times of files are true, because not every program that sets or reads them is fooled."""
PRIVATE = ["sh", "-c", 'umask 077 && exec "$@"', "sh"]


def mixed(builder: Builder, text: str = MIXED) -> Path:
    return builder.aport(text, MIXED_FILES, name="mixed")


def small(builder: Builder, options: str = "") -> Path:
    text = SMALL.replace("!check", f"!check {options}".strip())
    return builder.aport(text, {"small.py": MIXED_FILES["mixed.py"]}, name="small")


def build(
    builder: Builder, folder: Path, out: str = "packages", *before: str, machine: str = "", **environment: str
) -> Path:
    """Build into a folder of its own, and return it.

    Args:
        before: goes before the command.
        machine: what root does first, in a namespace of its own for the host name and mounts.
    """
    builder.repodest = builder.home / out
    user = builder.uid
    command = [*before, "abuild", *(["-F"] if user is None and os.geteuid() == 0 else []), "-d", "-f"]
    if machine:
        command = ["unshare", "--uts", "--mount", "sh", "-c", f'{machine} && exec "$@"', "sh", *drop(user), *command]
        builder.uid = None
    try:
        builder.run(*command, cwd=folder, REPODEST=str(builder.repodest), **environment)
    finally:
        builder.uid = user
    return builder.repodest / folder.parent.name / "x86_64"


def drop(uid: int | None) -> list[str]:
    """What goes before a command to run it as a user, as `Builder.run` does."""
    if uid is None:
        return []
    groups = [f"--groups={entry.gr_gid}" for entry in grp.getgrall() if entry.gr_name == "abuild"]
    return ["setpriv", f"--reuid={uid}", f"--regid={pwd.getpwuid(uid).pw_gid}", *(groups or ["--clear-groups"])]


def finalize(builder: Builder, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return builder.run(builder.python, "-I", "-m", "buildinfo", "finalize", *words, cwd=builder.home, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.apk"))}


def packages(folder: Path) -> dict[str, Package]:
    return {path.name: read_package(path) for path in sorted(folder.glob("*.apk"))}


def differing(one: Path, other: Path) -> set[str]:
    """Names of the packages whose bytes differ, in two folders that hold packages of the same names."""
    first, second = packages(one), packages(other)
    assert first.keys() == second.keys()
    return {package.pkginfo.pkgname for name, package in first.items() if package.sha256 != second[name].sha256}


def handlers(builder: Builder, name: str) -> set[str]:
    """What changed anything in the packages of a build."""
    return {change.handler for output in read(builder.record_file(name)).outputs for change in output.changes}


def in_order(folder: Path, key: str, kind: str = "RSA") -> None:
    """Every package has its signature, by that key and of that kind; apk verifies it; the index knows the package."""
    made = packages(folder)
    for package in made.values():
        assert [(entry.type, entry.key_name) for entry in package.signatures] == [(kind, key)]
    subprocess.run(["apk", "verify", *sorted(folder.glob("*.apk"))], check=True, capture_output=True)
    records = {f"{record['P']}-{record['V']}.apk": record for record in read_index(folder / "APKINDEX.tar.gz").records}
    assert {name: (record["C"], record["S"]) for name, record in records.items()} == {
        name: (package.identity, str(package.size)) for name, package in made.items()
    }


def without_pigz(builder: Builder) -> str:
    """A PATH on which everything is but pigz: abuild takes GNU gzip then."""
    folder = builder.home / "bin"
    folder.mkdir()
    for place in builder.environment["PATH"].split(":"):
        for program in Path(place).iterdir():
            if program.name != "pigz" and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)


def locale(builder: Builder) -> dict[str, str]:
    """A locale that sorts otherwise than C where one can be made, else C.UTF-8."""
    folder = builder.home / "locale"
    folder.mkdir()
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "tr_TR", "-f", "UTF-8", folder / "tr_TR.UTF-8"], capture_output=True, check=False
    )
    builder.own()
    return {"LOCPATH": str(folder), "LC_ALL": "tr_TR.UTF-8"} if made else {"LC_ALL": "C.UTF-8"}


def other_numbers(builder: Builder) -> str:
    """What gives the user and the group of the recipe other ids, in a namespace of its own for mounts."""
    commands = []
    for file in ("passwd", "group"):
        copy = builder.home / file
        copy.write_text(re.sub(r"^games:x:\d+", "games:x:777", Path("/etc", file).read_text(), flags=re.M))
        copy.chmod(0o644)
        commands.append(f"mount --bind {copy} /etc/{file}")
    return " && ".join(commands)


def test_what_is_varied_does_not_show(real: Make, real_key: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to change the host name")
    if shutil.which("faketime") is None:
        pytest.skip("needs faketime")
    here, there = real("here"), real("some-where-else")
    folder, folder_there = mixed(here), mixed(there)
    gzip, numbers = without_pigz(here), other_numbers(here)
    tongue = locale(here)
    dated = 'echo "# $(date' in Path(str(shutil.which("abuild"))).read_text()
    by_tongue = (COMMENT_WITH_A_DATE if dated else ORDER_OF_RELATIONS) if "LOCPATH" in tongue else set()
    base = build(here, folder)
    seen = handlers(here, "mixed-1-r0.x86_64")
    assert {"ar", "gzip", "pyc", "tar", "zip"} <= seen
    assert "pax" not in seen  # the order of records is the one that tar wrote
    made = {
        "time": build(here, folder, "time", *TOMORROW),
        "zone": build(here, folder, "zone", TZ="Pacific/Kiritimati"),
        "locale": build(here, folder, "locale-varied", **tongue),
        "umask": build(here, folder, "umask", *PRIVATE),
        "jobs": build(here, folder, "jobs", JOBS="7"),
        "host": build(here, folder, "host", machine="hostname elsewhere"),
        "numbers": build(here, folder, "numbers", machine=numbers),
        "gzip": build(here, folder, "gzip", PATH=gzip),
        "path": build(there, folder_there),
        "all": build(
            there, folder_there, "all", *TOMORROW, *PRIVATE, machine=f"hostname elsewhere && {numbers}",
            TZ="Pacific/Kiritimati", JOBS="7", PATH=gzip, **tongue,
        ),
    }  # fmt: skip
    for condition, result in made.items():
        in_order(result, f"{real_key.name}.pub")
        expected = {
            "path": PATH_IN_DEBUG_INFORMATION,
            "locale": by_tongue,
            "all": PATH_IN_DEBUG_INFORMATION | by_tongue,
        }
        assert differing(base, result) == expected.get(condition, set()), condition


def test_a_path_that_the_compiler_leaves_out_does_not_show(real: Make) -> None:
    one, other = real("one"), real("the-other")
    text = MIXED.replace("-g -DLIBRARY", '-g -ffile-prefix-map="$srcdir"=. -DLIBRARY')
    assert differing(build(one, mixed(one, text)), build(other, mixed(other, text))) == set()


def test_without_normalizing_the_same_two_builds_differ(real: Make) -> None:
    """What the test above compares is not the same anyway."""
    builder = real()
    folder = mixed(builder, MIXED.replace("!check", "!check !normalize"))
    first = build(builder, folder, "first")
    assert handlers(builder, "mixed-1-r0.x86_64") == set()
    second = build(builder, folder, "second", TZ="Pacific/Kiritimati", PATH=without_pigz(builder))
    assert differing(first, second) >= {"mixed", "mixed-dev", "mixed-pyc"}


def test_what_abuild_packs_survives(real: Make) -> None:
    builder = real()
    folder = build(builder, mixed(builder))
    members = {member.name: member for package in packages(folder).values() for member in package.members}
    assert members["usr/bin/mixed"].mode & 0o7777 == 0o4755
    assert (members["usr/bin/mixed-again"].type, members["usr/bin/mixed-again"].linkname) == (
        "hardlink",
        "usr/bin/mixed",
    )
    assert members["usr/sbin/mixed-raw"].xattrs.keys() == {"security.capability"}
    assert list(members["usr/share/mixed/numbers"].xattrs) == ["user.another", "user.one"]
    assert members["var/lib/mixed/"].mode & 0o7777 == 0o700
    owned = {name for name, member in members.items() if (member.uname, member.gname) == ("games", "games")}
    assert owned == {"etc/mixed.conf", "var/lib/mixed/"}
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert {member.mtime for member in members.values()} == {COMMIT_TIME}
    scripts = [script.name for script in packages(folder)["mixed-1-r0.apk"].scripts]
    assert scripts == [".pre-install", ".post-install", ".trigger"]
    for program in ("mixed-1-r0.apk", "mixed-dev-1-r0.apk"):
        subprocess.run(["tar", "-xzf", folder / program, "-C", builder.home], capture_output=True, check=False)
    assert subprocess.run([builder.home / "usr/bin/mixed-again"], capture_output=True, check=False).returncode == 0
    subprocess.run(["ar", "p", builder.home / "usr/lib/libmixed.a", "debug.o"], capture_output=True, check=True)


def test_another_compressor_leaves_nothing_and_its_packages_verify(real: Make, real_key: Path) -> None:
    builder = real()
    aport = builder.aport()
    with_pigz, with_gzip = build(builder, aport, "pigz"), build(builder, aport, "gzip", PATH=without_pigz(builder))
    assert contents(with_pigz) == contents(with_gzip)
    assert handlers(builder, "hello-1.2-r3.x86_64") & {"framing", "size"}
    in_order(with_gzip, f"{real_key.name}.pub")


def test_a_key_of_another_kind_stays_of_that_kind(real: Make, real_key: Path) -> None:
    if "RSA256" not in Path(str(shutil.which("abuild-sign"))).read_text():
        pytest.skip("needs abuild 3.13 or newer, which knows RSA256")
    builder = real()
    builder.config.write_text(builder.config.read_text() + "sigtype=RSA256\n")
    folder = build(builder, small(builder))
    assert "pyc" in handlers(builder, f"{SMALL_NAME}.x86_64")
    in_order(folder, f"{real_key.name}.pub", "RSA256")


def test_the_index_of_the_same_run_knows_the_package_that_was_replaced(real: Make, real_key: Path) -> None:
    """apk keeps what an index says of a package that has the size it says and is older."""
    builder = real()
    aport = small(builder)
    index = build(builder, aport) / "APKINDEX.tar.gz"
    forged(builder, index)
    wrong = read_index(index).records[0]
    builder.run("abuild", "-d", "index", cwd=aport, REPODEST=str(builder.repodest))
    assert read_index(index).records[0]["C"] == wrong["C"]
    folder = build(builder, aport)
    assert "pyc" in handlers(builder, f"{SMALL_NAME}.x86_64")
    assert read_index(index).records[0]["S"] == wrong["S"]
    in_order(folder, f"{real_key.name}.pub")


def forged(builder: Builder, index: Path) -> None:
    """Makes an index give its package another identity, and makes it newer than any package of today."""
    commands = """
        tar -xzf APKINDEX.tar.gz APKINDEX DESCRIPTION
        sed -i 's/^C:Q1.../C:Q1AAA/' APKINDEX
        tar -czf APKINDEX.tar.gz DESCRIPTION APKINDEX
        abuild-sign -q APKINDEX.tar.gz
        touch -d "$1" APKINDEX.tar.gz
        rm APKINDEX DESCRIPTION
    """
    builder.run("sh", "-ec", commands, "sh", f"@{int(time.time()) + 1000}", cwd=index.parent)


@pytest.mark.parametrize("gzip", [False, True])
def test_normalize_switched_off_is_as_without_hooks(real: Make, gzip: bool) -> None:
    made = []
    for hooks in (True, False):
        builder = real()
        if not hooks:
            without_hooks(builder)
        environment = {"PATH": without_pigz(builder)} if gzip else {}
        made.append(contents(build(builder, small(builder, "!normalize"), **environment)))
        if hooks:
            assert "normalization" not in builder.record(f"{SMALL_NAME}.x86_64")
        shutil.rmtree(builder.home)
    assert made[0] == made[1]


def test_one_handler_switched_off_leaves_its_files_alone(real: Make) -> None:
    builder = real()
    before = times_in(build(builder, small(builder, "!normalize"), "off"))
    assert set(before.values()) == {LATE}
    after = times_in(build(builder, small(builder, "!normalize-pyc"), "pyc-off"))
    assert handlers(builder, f"{SMALL_NAME}.x86_64") == {"gzip", "size"}
    assert after == {**before, "gzip": COMMIT_TIME}
    assert builder.record(f"{SMALL_NAME}.x86_64")["normalization"]["off"] == ["pyc"]


def times_in(folder: Path) -> dict[str, int]:
    """The times that the compiled module and the compressed file hold."""
    package = folder / f"{SMALL_NAME}.apk"
    found = {}
    for member in read_package(package).members:
        if member.name.endswith((".pyc", ".gz")):
            data = subprocess.run(["tar", "-xzOf", package, member.name], capture_output=True, check=False).stdout
            kind, at = ("pyc", 8) if member.name.endswith(".pyc") else ("gzip", 4)
            found[kind] = int.from_bytes(data[at : at + 4], "little")
    return found


def test_a_package_that_cannot_be_signed_stays_and_is_recorded_as_it_is(real: Make, real_key: Path) -> None:
    builder = real()
    folder = build(builder, small(builder), BUILDINFO_FINALIZE="0")
    before = contents(folder)
    (builder.config.parent / real_key.name).unlink()
    done = finalize(builder)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"{SMALL_NAME}.apk stays as abuild made it: " in line
    assert real_key.name in line
    assert contents(folder) == before
    [output] = read(builder.record_file(f"{SMALL_NAME}.x86_64")).outputs
    assert output.sha256 == read_package(folder / f"{SMALL_NAME}.apk").sha256
    assert output.changes == []
    assert list(folder.glob(".*")) == []


def test_finalizing_twice_changes_nothing(real: Make) -> None:
    builder = real()
    folder = build(builder, small(builder), BUILDINFO_KEEP="1")
    record = builder.record_file(f"{SMALL_NAME}.x86_64")
    before, packed = record.read_bytes(), contents(folder)
    assert handlers(builder, f"{SMALL_NAME}.x86_64") == {"gzip", "pyc", "size"}
    [capture] = builder.captures()
    done = finalize(builder, capture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "unchanged" in done.stdout
    assert "normalized" not in done.stdout
    assert record.read_bytes() == before
    assert contents(folder) == packed


@pytest.mark.rootbld
def test_a_chroot_that_compresses_otherwise_gives_the_same_packages(real: Make) -> None:
    place = os.environ.get("BUILDINFO_TEST_ROOTBLD")
    if not place:
        pytest.skip("needs BUILDINFO_TEST_ROOTBLD, a repository that abuild rootbld can build a chroot from")
    builder = real()
    text = APKBUILD.replace("cp hello.sh hello", "{ cat hello.sh; seq 60000; } >hello")
    aport = builder.aport(text)
    native = build(builder, aport, "native")
    (aport.parent / ".rootbld-repositories").write_text(f"{place}/main\n")
    builder.repodest = builder.home / "packages"
    builder.run("abuild", "rootbld", cwd=aport, REPODEST=str(builder.repodest))
    inside = builder.repodest / "main" / "x86_64"
    assert handlers(builder, "hello-1.2-r3.x86_64") - {"size"} == {"framing"}
    subprocess.run(["apk", "verify", *inside.glob("*.apk")], check=True, capture_output=True)
    for name, package in packages(inside).items():
        outside = read_package(native / name)
        assert package.data.sha256 == outside.data.sha256
        assert described(inside / name) == described(native / name)
        *segments, control = read_head(inside / name)
        start = b"".join(compress(tar) for tar in (*segments, control))
        assert (inside / name).read_bytes().startswith(start)


def described(package: Path) -> list[str]:
    """The lines of .PKGINFO without its comments, which name the fakeroot."""
    text = subprocess.run(["tar", "-xzOf", package, ".PKGINFO"], capture_output=True, text=True, check=False).stdout
    return [line for line in text.splitlines() if not line.startswith("#")]
