"""Build a sample aport twice under different conditions, without and with the hooks, and compare.

Runs the real abuild where it is on PATH, else the stand-in of the tests, and says which. Everything happens in
a throw-away folder; nothing of the machine is changed. With `--report FILE` the HTML report of a package built
without the hooks is kept, which is the picture in the README.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from buildinfo.document import read
from buildinfo.model import BuildInfo

ROOT = Path(__file__).resolve().parents[1]
APORTS = ROOT / "demo" / "aports"
STANDIN = ROOT / "tests" / "standin" / "abuild"
PROGRAM = [sys.executable, "-I", "-m", "buildinfo"]
DAY = 86_400
EXCERPT = 24
"""Lines of the report that are shown."""

_LOCAL = "This machine has files of its own below /usr/local, which {} before others. No package owns them, so nobody "
_LOCAL += "can install them. In `abuild rootbld` there are none."
#: Taint -> where it comes from here.
WHY = {
    "dirty-tree": "The demo leaves notes.orig in the folder, which git does not know, as editors do. Without it abuild "
    "would take the time of the commit; with it abuild alone takes the time of a file, and the two builds differ.",
    "unowned-tool": "Nobody can install these tools from an Alpine repository: no package of apk's database owns them. "
    "To be expected where abuild does not run on Alpine; on Alpine, or in `abuild rootbld`, packages own them.",
    "usr-local-headers": _LOCAL.format("compilers see"),
    "usr-local-libraries": _LOCAL.format("linkers see"),
    "usr-local-programs": _LOCAL.format("PATH finds"),
}


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
    if key is None:
        sleep(1)  # what the stand-in unpacks has the time of now, which a gzip header tells to the second
    previous = os.umask(conditions.umask)
    try:
        command = [str(STANDIN)] if key is None else ["abuild", *(["-F"] if os.geteuid() == 0 else []), "-d"]
        run(command, aport, environment)
    finally:
        os.umask(previous)
    return home / "packages" / "main" / "x86_64"


def hashes(folders: list[Path]) -> dict[str, list[str]]:
    """Package -> its SHA-256 in each folder."""
    names = sorted(path.name for path in folders[0].glob("*.apk"))
    return {name: [hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in folders] for name in names}


def show_hashes(found: dict[str, list[str]]) -> None:
    for name, (first, second) in found.items():
        print(f"  {name}: {'the same' if first == second else 'NOT the same'}")
        print(f"    first   {first}\n    second  {second}")
    print()


def show_report(folders: list[Path], page: Path | None) -> None:
    """What `verify` says of one package in two folders, shortened, and all of it as a page."""
    name = max(path.name for path in folders[0].glob("*.apk"))  # the one with a gzip file in it
    pair = [folder / name for folder in folders]
    if page is not None:
        subprocess.run([*PROGRAM, "verify", *pair, "--format", "html", "--output", page], check=False)
    done = subprocess.run([*PROGRAM, "verify", *pair], capture_output=True, text=True, check=False)
    lines = done.stdout.replace(f"{folders[0].parents[4]}/", "").splitlines()
    print(f"Why? From the report of `abuild-buildinfo verify first/{name} second/{name}`:\n")
    print("\n".join(f"  | {line}".rstrip() for line in lines[:EXCERPT]))
    print(f"  | ... {len(lines) - EXCERPT} more lines\n" if len(lines) > EXCERPT else "")


def why(record: BuildInfo) -> Iterator[str]:
    """Every taint of the record, and where it comes from in this demo, in plain words."""
    for taint in record.taints:
        yield f"  {taint.name}: {taint.reason}"
        reason = WHY.get(taint.name, "It comes from this machine and would be the same in a build of your own.")
        yield textwrap.indent(textwrap.fill(reason, 96), "      ")
    if not record.taints:
        yield "  none: a build elsewhere with the same packages should give the same bytes"


def make_key(base: Path) -> Path:
    """A signing key that lives as long as the demo."""
    key = base / "keys" / "demo.rsa"
    key.parent.mkdir()
    for words in (["genrsa", "-out", str(key), "2048"], ["rsa", "-in", str(key), "-pubout", "-out", f"{key}.pub"]):
        run(["openssl", *words], base, dict(os.environ))
    return key


def main() -> int:
    parser = argparse.ArgumentParser(description="Build a sample twice, without and with the hooks, and compare.")
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="keep the HTML report of a package built without hooks"
    )
    page = parser.parse_args().report
    abuild = shutil.which("abuild")
    base = Path(tempfile.mkdtemp(prefix="abuild-buildinfo-demo."))
    try:
        key = None if abuild is None else make_key(base)
        version = "the stand-in (no abuild on PATH): its packages are unsigned"
        if abuild is not None:
            told = subprocess.run([abuild, "-V"], capture_output=True, text=True, check=True).stdout.strip()
            version = f"the real abuild: {told}"
        print(f"One commit of main/greeting is built twice with {version}.")
        print(f"  first   {FIRST}\n  second  {SECOND}\n")

        print("1. WITHOUT abuild-buildinfo. SHA-256 of the packages:\n")
        before = [build(base, key, conditions, False) for conditions in (FIRST, SECOND)]
        without = hashes(before)
        show_hashes(without)
        show_report(before, page)

        print("2. WITH abuild-buildinfo (`abuild-buildinfo enable`, nothing else changed):\n")
        after = [build(base, key, conditions, True) for conditions in (FIRST, SECOND)]
        hooked = hashes(after)
        show_hashes(hooked)

        records = [folder / "greeting-2.1-r0.x86_64.buildinfo.toml" for folder in after]
        print(f"3. THE RECORD that each build leaves beside its packages, {records[1].name}:\n")
        sys.stdout.flush()
        subprocess.run([*PROGRAM, "show", records[1]], check=True)
        subprocess.run([*PROGRAM, "validate", *records], check=True, stdout=subprocess.DEVNULL)
        print("\nA taint says why a build elsewhere may still give other packages. Why each is there:\n")
        print("\n".join(why(read(records[1]))))

        alike = all(first == second for first, second in hooked.values())
        reproduced = alike and any(first != second for first, second in without.values())
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
