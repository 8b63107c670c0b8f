"""If these fail, docs/enforce.md promises what stock apk does not do, or its commands do not work.

The commands are taken from the page. A vendor is Alpine, with the packages of the corpus, or one who is made up here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apkmaker as make
import pytest
from building import CORPUS, ROOT
from signers import index_record, signer, unsigned_index

from buildinfo.apk.keys import read_private_key
from buildinfo.signatures import add, strip

PAGE = ROOT / "docs" / "enforce.md"
PACKAGES = ("musl-1.2.4_git20230717-r4", "zlib-1.3.1-r0", "alpine-keys-2.4-r1", "scanelf-1.3.7-r2")
NOT_REPRODUCED = "alpine-keys"


def blocks() -> list[tuple[str, str]]:
    """Who runs what, in the order of the page."""
    found = re.findall(r"^```sh\n# the (rebuilder|user)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == PAGE.read_text().count("```sh"), "every block says who runs it"
    return found


def script(commands: str) -> str:
    """The commands as a script that ends at the first that does not do what the page says."""
    lines = ["set -eu"]
    for line in commands.splitlines():
        command, refused, _ = line.partition(" # refused")
        lines.append(f"if {command}; then echo 'was not refused: {command}'; exit 9; fi" if refused else line)
    return "\n".join(lines)


@dataclass
class Stage:
    """A rebuilder's folder, and a user's root with an apk in it.

    `prefix` is what stands before the user's paths, for an apk that is not inside the root.
    """

    work: Path
    root: Path
    prefix: str

    def rebuilder(self, commands: str) -> str:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": programs}
        return self._done(["sh", "-c", script(commands)], cwd=self.work, env=environment)

    def user(self, commands: str) -> str:
        """Runs what the user does; the rebuilder's files have come to them."""
        for source, target in (("public", "reproduced"), ("cosigned", "cosigned")):
            if (self.work / source).is_dir() and not (self.root / "srv" / target).exists():
                shutil.copytree(self.work / source, self.root / "srv" / target)
        [key] = self.work.glob("*.rsa.pub")
        shutil.copy(key, self.root / "root")
        moved = re.sub(r"(?<=[ >])/(?=srv|root|etc)", f"{self.prefix}/", commands)
        command = (
            ["sh", "-c", script(moved)] if self.prefix else ["chroot", str(self.root), "/bin/sh", "-c", script(moved)]
        )
        return self._done(command, cwd=Path("/"), env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})

    @staticmethod
    def _done(command: list[str], cwd: Path, env: dict[str, str]) -> str:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(params=["apk 2.14", "apk 3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A user's root: with apk 2.14 in it, or to be used with the apk 3 on PATH."""
    if os.geteuid() != 0:
        pytest.skip("needs root to install packages")
    folder = tmp_path / "root"
    (folder / "root").mkdir(parents=True)
    (folder / "etc/apk/keys").mkdir(parents=True)
    prefix = ""
    if request.param == "apk 2.14":
        if not CORPUS.is_dir():
            pytest.skip("needs the minirootfs of the corpus")
        [archive] = (CORPUS / "rootfs").glob("*.tar.gz")
        subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    else:
        apk = shutil.which("apk")
        if (
            apk is None
            or "apk-tools 3"
            not in subprocess.run([apk, "--version"], capture_output=True, text=True, check=False).stdout
        ):
            pytest.skip("needs apk 3 on PATH")
        prefix = str(folder)
    (folder / "srv").mkdir(exist_ok=True)
    yield folder, prefix
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["Alpine", "made up"])
def stage(request: pytest.FixtureRequest, root: tuple[Path, str], tmp_path: Path) -> Stage:
    """What the page assumes: the vendor's packages, index and keys, and what came out of the rebuilds."""
    work = tmp_path / "work"
    for folder in ("vendor/x86_64", "rebuilt", "keys"):
        (work / folder).mkdir(parents=True)
    if request.param == "Alpine":
        if not CORPUS.is_dir():
            pytest.skip("needs the packages of the corpus")
        alpine(work)
    else:
        made_up(work, tmp_path)
    for path in (work / "vendor/x86_64").glob("*.apk"):
        if path.name.startswith(NOT_REPRODUCED):
            package(work / "rebuilt", path.stem, "another content")
        else:
            strip(path, work / "rebuilt" / path.name)
    shutil.copytree(work / "vendor", root[0] / "srv/vendor")
    shutil.copytree(work / "keys", root[0] / "etc/apk/keys", dirs_exist_ok=True)
    return Stage(work, *root)


def alpine(work: Path) -> None:
    for name in PACKAGES:
        shutil.copy(CORPUS / f"apk-v2/alpine-3.19-x86_64/{name}.apk", work / "vendor/x86_64")
    shutil.copy(CORPUS / "apkindex-v2/alpine-v3.19-main-x86_64.tar.gz", work / "vendor/x86_64/APKINDEX.tar.gz")
    for key in (CORPUS / "keys").glob("alpine-devel@*"):
        shutil.copy(key, work / "keys")


def made_up(work: Path, folder: Path) -> None:
    vendor = signer(folder, "vendor")
    shutil.copy(vendor.folder / vendor.name, work / "keys")
    records = b""
    for name in PACKAGES:
        path = package(work / "vendor/x86_64", name, "content")
        add(path, read_private_key(vendor.private))
        records += index_record(path)
    add(unsigned_index(work / "vendor/x86_64", records), read_private_key(vendor.private))


def package(folder: Path, name: str, content: str) -> Path:
    """An unsigned package with one file."""
    plain, version = re.fullmatch(r"(.+)-([^-]+-r\d+)", name).groups()  # type: ignore[union-attr]  # all names do
    entries = (make.directory("usr/"), make.directory("usr/share/"), make.file(f"usr/share/{plain}", content.encode()))
    data = make.gz(make.ended(*entries))
    info = make.pkginfo(make.hashlib.sha256(data).hexdigest()).decode()
    info = re.sub(r"depend = .*\n", "", info).replace("pkgname = hello", f"pkgname = {plain}")
    info = info.replace("pkgver = 1.0-r0", f"pkgver = {version}")
    path = folder / f"{name}.apk"
    path.write_bytes(make.gz(make.file(".PKGINFO", info.encode(), checksum=False)) + data)
    return path


def installed(folder: Path) -> set[str]:
    """The names of the packages that are installed in a root."""
    return set(re.findall(r"^P:(.+)$", (folder / "lib/apk/db/installed").read_text(), re.MULTILINE))


def test_every_command_of_the_page_does_what_it_says(stage: Stage) -> None:
    said = ""
    for who, commands in blocks():
        said += stage.rebuilder(commands) if who == "rebuilder" else stage.user(commands)
    system, other = stage.root / "srv/system", stage.root / "srv/other"
    assert "zlib" in installed(system)
    assert not {"alpine-keys", "scanelf"} & installed(system)
    assert installed(other) == {"musl", "zlib"}
    assert "alpine-keys (no such package)" in said
    assert "scanelf-1.3.7-r2" in said


def test_a_file_is_installed_when_it_is_the_right_one(stage: Stage) -> None:
    """What is refused on the page is refused for the reason given there, and for no other."""
    for who, commands in blocks():
        if who == "rebuilder":
            stage.rebuilder(commands)
    first = next(commands for who, commands in blocks() if who == "user")
    stage.user(first)
    stage.user("apk add --root /srv/system scanelf")
    assert "scanelf" in installed(stage.root / "srv/system")
    stage.user("cp /etc/apk/keys/* /srv/system/etc/apk/keys/")
    stage.user("apk add --root /srv/system --repositories-file /dev/null --repository /srv/vendor alpine-keys")
    assert "alpine-keys" in installed(stage.root / "srv/system"), "with the vendor's key all is as it was"


def test_an_empty_index_is_an_index(stage: Stage) -> None:
    for who, commands in blocks():
        if who == "rebuilder":
            nothing = "echo '{\"pairs\": []}' >report.json"
            stage.rebuilder(re.sub(r"^abuild-buildinfo verify --json .*$", nothing, commands, flags=re.MULTILINE))
    first = next(commands for who, commands in blocks() if who == "user")
    said = stage.user(f"{first.rstrip()} # refused")
    assert "zlib (no such package)" in said


LIES: dict[str, dict[str, str | None]] = {
    "another-name": {"P": "tool-by-name"},
    "newer": {"V": "9.9-r0"},
    "provider": {"p": "tool-by-provides=9.9-r0"},
    "preferred": {"p": "tool-by-priority", "k": "100"},
}
"""A package -> what the vendor's index says of it that it does not say itself."""


@pytest.mark.parametrize("stage", ["made up"], indirect=True)
def test_no_record_makes_apk_install_one_program_for_another(stage: Stage) -> None:
    """The vendor's index calls packages something else, and apk would install their files for what was asked."""
    folder = stage.work / "vendor/x86_64"
    records = b"".join(index_record(path) for path in sorted(folder.glob("*.apk")))
    for name, lies in LIES.items():
        path = package(folder, f"{name}-1.0-r0", name)
        records += index_record(path, **lies)
        for place in (stage.work / "rebuilt", stage.root / "srv/vendor/x86_64"):
            shutil.copy(path, place)
    shutil.copy(folder / "newer-1.0-r0.apk", stage.root / "srv/vendor/x86_64/newer-9.9-r0.apk")
    shutil.copy(folder / "another-name-1.0-r0.apk", stage.root / "srv/vendor/x86_64/tool-by-name-1.0-r0.apk")
    unsigned_index(folder, records)
    add(folder / "APKINDEX.tar.gz", read_private_key(stage.work.parent / "vendor@example.org-12345678.rsa"))
    shutil.copy(folder / "APKINDEX.tar.gz", stage.root / "srv/vendor/x86_64")
    for who, commands in blocks():
        if who == "rebuilder":
            stage.rebuilder(commands)
    for name in ("newer-9.9-r0", "tool-by-name-1.0-r0"):
        reproduced = stage.work / "public/x86_64"
        shutil.copy(folder / f"{'newer' if name[0] == 'n' else 'another-name'}-1.0-r0.apk", reproduced / f"{name}.apk")
    stage.user(next(commands for who, commands in blocks() if who == "user"))
    wanted = ("tool-by-name", "newer", "tool-by-provides", "tool-by-priority")
    for name in wanted:
        stage.user(f"apk add --root /srv/system {name} # refused")
    assert installed(stage.root / "srv/system") == {"zlib"}
    stage.user("mkdir -p /srv/trusting/etc/apk && cp -r /etc/apk/keys /srv/trusting/etc/apk/")
    options = "--root /srv/trusting --initdb --repositories-file /dev/null --repository /srv/vendor"
    stage.user(f"apk add {options} {' '.join(wanted)}")
    assert len(installed(stage.root / "srv/trusting")) == len(LIES), "who trusts the vendor gets them"
