"""Aports and builders for the tests: tiny real ones, made anew by each test that needs them."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOOKS = ROOT / "abuild-hooks"
STANDIN = ROOT / "tests" / "standin"
CORPUS = ROOT.parent / "shared" / "corpus"

#: The time of the commit in every test aport: 2024-02-03 04:05:06 UTC.
COMMIT_TIME = 1706933106

APKBUILD = """\
# Maintainer: Test Packager <packager@example.org>
pkgname=hello
pkgver=1.2
pkgrel=3
pkgdesc="says hello"
url="https://example.org/hello"
arch="noarch"
license="MIT"
subpackages="$pkgname-doc"
source="hello.sh hello.txt"
options="!check"
builddir="$srcdir"

# secfixes:
#   1.2-r0:
#     - CVE-2024-0001

build() {
	cp hello.sh hello
}

package() {
	install -Dm755 hello "$pkgdir"/usr/bin/hello
	install -Dm644 hello.txt "$pkgdir"/usr/share/doc/hello/hello.txt
}

doc() {
	pkgdesc="$pkgdesc (documentation)"
	mkdir -p "$subpkgdir"/usr/share
	mv "$pkgdir"/usr/share/doc "$subpkgdir"/usr/share/
}
"""

FILES = {"hello.sh": "#!/bin/sh\necho hello\n", "hello.txt": "It says hello.\n"}


def git(folder: Path, *words: str, **options: Any) -> str:
    """Run git with a fixed identity and time."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_DATE": f"@{COMMIT_TIME} +0000",
        "GIT_COMMITTER_DATE": f"@{COMMIT_TIME} +0000",
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, **options).stdout


@dataclass
class Builder:
    """Somebody who builds: a home, a configuration with the hooks, and a place for packages.

    Attributes:
        home: their home; everything of theirs is below it.
        uid: the user to run as; None for the one who runs the tests.
        interpreter: the shell that runs the stand-in; empty to run its first line's.
    """

    home: Path
    uid: int | None = None
    interpreter: str = ""
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.home / ".abuild" / "abuild.conf"
        self.config.parent.mkdir(parents=True)
        self.hooks = self.home / ".abuild" / "abuild-buildinfo"
        self.repodest = self.home / "packages"
        self.state = self.home / ".local" / "state" / "abuild-buildinfo"
        self.aports = self.home / "aports"
        self.enable()
        self.own()

    def enable(self) -> None:
        """Install the hooks as ``enable`` does, but with an interpreter of the test's choice."""
        shutil.copytree(HOOKS, self.hooks, dirs_exist_ok=True)
        (self.hooks / "program.sh").write_text(f"_buildinfo_python='{self.python}'\n")
        with self.config.open("a") as config:
            config.write(': "${BUILDINFO_QUIET=1}"\n')  # what else the hooks say is what tests look for
            config.write(
                f"for _abuild_buildinfo in /.abuild-buildinfo/hook.sh '{self.hooks}/hook.sh'; do "
                '[ ! -r "$_abuild_buildinfo" ] || { . "$_abuild_buildinfo"; break; }; done; '
                "unset _abuild_buildinfo # abuild-buildinfo\n"
            )

    def own(self) -> None:
        """Give everything below the home to the user who builds."""
        if self.uid is not None:
            subprocess.run(["chown", "-R", f"{self.uid}:{pwd.getpwuid(self.uid).pw_gid}", self.home], check=True)

    def aport(self, apkbuild: str = APKBUILD, files: dict[str, str] | None = None, *, name: str = "hello") -> Path:
        """Commit an aport and return its folder."""
        folder = self.aports / "main" / name
        folder.mkdir(parents=True, exist_ok=True)
        files = FILES if files is None else files
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        sources = re.search(r'^source="([^"]*)"', apkbuild, re.M)
        names = [name for name in (sources.group(1).split() if sources else []) if name in files]
        sums = "".join(f"{hashlib.sha512(files[name].encode()).hexdigest()}  {name}\n" for name in names)
        (folder / "APKBUILD").write_text(f'{apkbuild}sha512sums="\n{sums}"\n' if sums else apkbuild)
        if not (self.aports / ".git").exists():
            git(self.aports, "init", "-q", "-b", "master")
            (self.aports / ".gitignore").write_text("src/\npkg/\ntmp/\n")
        git(self.aports, "add", "-A")
        git(self.aports, "commit", "-q", "-m", f"main/{name}: new aport")
        self.own()
        return folder

    def run(
        self, *command: str | Path, cwd: Path, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the builder, with nothing in the environment but what is said here."""
        whole = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "REPODEST": str(self.repodest),
            "SRCDEST": str(self.home / "distfiles"),
            **self._coverage(),
            **self.environment,
            **environment,
        }
        user: dict[str, Any] = {}
        if self.uid is not None:
            groups = [entry.gr_gid for entry in grp.getgrall() if entry.gr_name == "abuild"]  # abuild-apk asks for it
            user = {"user": self.uid, "group": pwd.getpwuid(self.uid).pw_gid, "extra_groups": groups}
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={name: value for name, value in whole.items() if value is not None},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=300,
            **user,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done

    def _coverage(self) -> dict[str, str]:
        """What makes coverage count in children; another user cannot write where it collects."""
        if self.uid is not None:
            return {}
        return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}

    def build(self, folder: Path, *, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Build with the stand-in."""
        words = [*self.interpreter.split(), str(STANDIN / "abuild")]
        if self.interpreter:
            words.insert(len(words) - 1, "-e")
        return self.run(*words, cwd=folder, check=check, **environment)

    def captures(self) -> list[Path]:
        """The captures left behind."""
        folder = self.state / "captures"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def packages(self) -> list[Path]:
        """The packages that were made."""
        return sorted(self.repodest.glob("*/*/*.apk"))

    def record_file(self, name: str = "hello-1.2-r3.x86_64") -> Path:
        """The buildinfo of a build."""
        return self.repodest / "main" / name.rpartition(".")[2] / f"{name}.buildinfo.toml"

    def record(self, name: str = "hello-1.2-r3.x86_64") -> dict[str, Any]:
        """The parsed buildinfo of a build."""
        return tomllib.loads(self.record_file(name).read_text())


def lacks_v3_index() -> str | None:
    """Why the abuild on PATH makes no v3 index; None if it does."""
    text = Path(str(shutil.which("abuild"))).read_text()
    return None if "ABUILD_V3_INDEX" in text else "needs abuild 3.18 or newer, which makes v3 indices"
