"""Build a sample aport twice under different conditions, without and with the hooks, and compare.

Runs the real abuild where it is on PATH, else the stand-in of the tests, and says which. Everything happens in
a throw-away folder; nothing of the machine is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from buildinfo.verify import verify
from buildinfo.verify.explain.catalogue import CATALOGUE
from buildinfo.verify.report import Pair

ROOT = Path(__file__).resolve().parents[1]
APORTS = ROOT / "demo" / "aports"
STANDIN = ROOT / "tests" / "standin" / "abuild"
PROGRAM = [sys.executable, "-I", "-m", "buildinfo"]
DAY = 86_400


@dataclass(frozen=True)
class Conditions:
    """What differs between the two builds and should not matter."""

    folder: str
    later: int
    umask: int
    locale: str

    def __str__(self) -> str:
        return f"folder {self.folder}, +{self.later // DAY} days, umask {self.umask:03o}, locale {self.locale}"


FIRST = Conditions("alice", 0, 0o022, "C")
SECOND = Conditions("bob/elsewhere", 40 * DAY, 0o077, "C.UTF-8")


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: {' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")


def commit(place: Path, environment: dict[str, str]) -> None:
    """Put the sample aport under git, with one time and author everywhere."""
    shutil.copytree(APORTS, place)
    (place / ".gitignore").write_text("src/\npkg/\ntmp/\n")
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Demo"), ("EMAIL", "demo@example.org"), ("DATE", "@1706933106 +0000"))
    }
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "main/greeting: new aport"]):
        run(["git", *words], place, environment | identity)


def build(base: Path, key: Path | None, conditions: Conditions, hooks: bool) -> Path:
    """One build in a home of its own; returns the folder with the packages."""
    home = base / ("with" if hooks else "without") / conditions.folder
    (home / ".abuild").mkdir(parents=True)
    config = home / ".abuild" / "abuild.conf"
    if key is not None:
        config.write_text(f'PACKAGER_PRIVKEY="{key}"\nAPK="apk --keys-dir {key.parent}"\n')
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "REPODEST": str(home / "packages"),
        "SRCDEST": str(home / "distfiles"),
        "LC_ALL": conditions.locale,
        "PACKAGER": "Demo Packager <packager@example.org>",
        "JOBS": "2",
    }
    commit(home / "aports", environment)
    aport = home / "aports" / "main" / "greeting"
    # A left-over file that git does not know makes abuild fall back to the time of the APKBUILD.
    (aport / "notes.orig").write_text("left over from editing\n")
    time = 1_710_000_000 + conditions.later
    for name in ("APKBUILD", "greeting.txt"):
        os.utime(aport / name, (time, time))
    if hooks:
        run([*PROGRAM, "enable"], home, environment)
    previous = os.umask(conditions.umask)
    try:
        command = [str(STANDIN)] if key is None else ["abuild", *(["-F"] if os.geteuid() == 0 else []), "-d"]
        run(command, aport, environment)
    finally:
        os.umask(previous)
    return home / "packages" / "main" / "x86_64"


def in_words(pair: Pair) -> list[str]:
    """A pair of packages in lines: how strong a statement holds, and why no stronger one does."""
    named = [cause for cause in CATALOGUE if cause.name in {found.name for found in pair.causes}]
    return [f"{pair.package}: {pair.verdict}", *(f"  {cause.name}: {cause.title}" for cause in named)]


def make_key(base: Path) -> Path:
    """A signing key that lives as long as the demo."""
    key = base / "keys" / "demo.rsa"
    key.parent.mkdir()
    for words in (["genrsa", "-out", str(key), "2048"], ["rsa", "-in", str(key), "-pubout", "-out", f"{key}.pub"]):
        run(["openssl", *words], base, dict(os.environ))
    return key


def main() -> int:
    abuild = shutil.which("abuild")
    base = Path(tempfile.mkdtemp(prefix="abuild-buildinfo-demo."))
    try:
        key = None if abuild is None else make_key(base)
        version = "the stand-in (no abuild on PATH): its packages are unsigned"
        if abuild is not None:
            told = subprocess.run([abuild, "-V"], capture_output=True, text=True, check=True).stdout.strip()
            version = f"the real abuild: {told}"
        print(f"Building main/greeting with {version}.")
        print(f"  first   {FIRST}\n  second  {SECOND}\n")
        verdicts = {}
        for hooks in (False, True):
            folders = [build(base, key, conditions, hooks) for conditions in (FIRST, SECOND)]
            report = verify(*folders)
            verdicts[hooks] = report.summary
            print(f"{'With' if hooks else 'Without'} abuild-buildinfo, of the two builds `verify` says:")
            print("".join(f"  {line}\n" for pair in report.pairs for line in in_words(pair)))
        records = [folder / "greeting-2.1-r0.x86_64.buildinfo.toml" for folder in folders]
        print(f"The record of the second build, {records[1].name}:\n")
        subprocess.run([*PROGRAM, "show", records[1]], check=True)
        subprocess.run([*PROGRAM, "validate", *records], check=True, stdout=subprocess.DEVNULL)
        alike = list(verdicts[True]) == ["identical"]
        reproduced = alike and list(verdicts[False]) != ["identical"]
        print(
            "\nVerdict:",
            "reproduced" if reproduced else "NOT reproduced",
            "- other folder, time, umask and locale;",
            "identical packages" if alike else "not all packages are identical",
        )
        return 0 if reproduced else 1
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
