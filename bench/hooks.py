"""What the hooks cost: abuild with them minus without, side by side in one run.

    python bench/hooks.py [--runs 20] [--rootbld REPOSITORY]

Prints the medians of alternating runs, their difference and the bound. Needs the real abuild on PATH; run as
root it builds as an unprivileged user. The aports are made here: `one` (a shell script, one package) and `four`
(the same with three subpackages), both noarch.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from building import APKBUILD, STANDIN, Builder

SUBPACKAGES = ("doc", "extra", "more")


def apkbuild(name: str, subpackages: tuple[str, ...]) -> str:
    """An APKBUILD with a split function for each subpackage."""
    head, _, _ = APKBUILD.partition("doc() {")
    head = head.replace("pkgname=hello", f"pkgname={name}")
    words = " ".join(f"{name}-{part}:_{part}" for part in subpackages)
    head = head.replace('subpackages="$pkgname-doc"', f'subpackages="{words}"')
    return head + "".join(
        f'_{part}() {{\n\tinstall -Dm644 "$srcdir"/hello.txt "$subpkgdir"/usr/share/{part}/hello.txt\n}}\n\n'
        for part in subpackages
    )


def alternate(builder: Builder, command: list[str], folder: Path, runs: int) -> tuple[float, float]:
    """Medians in milliseconds of a build with and without hooks, in alternating runs after one that warms up."""
    enabled = builder.config.read_text()
    disabled = "".join(line for line in enabled.splitlines(True) if "# abuild-buildinfo" not in line)
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(runs + 1):
        for hooks in (True, False) if turn % 2 else (False, True):
            builder.config.write_text(enabled if hooks else disabled)
            start = time.perf_counter()
            builder.run(*command, cwd=folder)
            if turn:
                times[hooks].append((time.perf_counter() - start) * 1000)
    builder.config.write_text(enabled)
    return statistics.median(times[True]), statistics.median(times[False])


def taken(builder: Builder, command: list[str], folder: Path, runs: int) -> float:
    """Median milliseconds of a command."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        builder.run(*command, cwd=folder, check=False)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def row(what: str, mine: float, other: float, bound: float, unit: str = "ms") -> None:
    """One line: both sides, difference, ratio, bound."""
    difference = mine - other
    verdict = "reached" if difference <= bound else "MISSED"
    print(
        f"{what:<44} with {mine:8.1f}  without {other:8.1f}  difference {difference:7.1f} {unit}"
        f"  ratio {mine / other:5.2f}  bound {bound:g}  {verdict}"
    )


#: The tools of the sh measurement; what else is linked beside them no capture names.
MEGABYTES = 64
TOOLS = ("cc", "gcc", "ld", "as", "ar", "make", "tar", "pigz", "gzip", "apk", "sh", "fakeroot")
PROGRAMS = [
    "awk",
    "basename",
    "busybox",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "find",
    "getopt",
    "git",
    "grep",
    "head",
    "id",
    "install",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "openssl",
    "printf",
    "readlink",
    "realpath",
    "rm",
    "sed",
    "sha256sum",
    "sha512sum",
    "sleep",
    "sort",
    "stat",
    "touch",
    "tr",
    "true",
    "uname",
    "faked-sysv",
    "fakeroot-sysv",
]


def shell_side(home: Path, runs: int) -> None:
    """The stand-in with and without hooks, no finalize: 300 installed packages, 12 tools, no git, no sources."""
    (home / "db" / "installed").write_text(
        "".join(
            f"C:Q1{number:027d}=\nP:package{number}\nV:1.{number}-r0\nA:x86_64\nS:1000\nI:4000\nT:a package\n"
            + "".join(
                f"F:usr/share/{number}/{folder}\n" + "R:file\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 20
                for folder in range(4)
            )
            + "\n"
            for number in range(300)
        )
    )
    path = home / "path"
    path.mkdir()
    for name in (*TOOLS, *PROGRAMS):
        if found := shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            (path / name).symlink_to(found)
    builder = Builder(home / "shell", environment={"PATH": str(path), "BUILDINFO_FINALIZE": "0"})
    head, _, _ = apkbuild("one", ()).partition("build() {")
    recipe = head.replace('source="hello.sh hello.txt"', 'source=""')
    recipe += (
        'build() {\n\t:\n}\n\npackage() {\n\tmkdir -p "$pkgdir"/usr/bin\n\techo hello >"$pkgdir"/usr/bin/hello\n}\n'
    )
    folder = builder.aport(recipe)
    shutil.rmtree(builder.aports / ".git")
    standin = ["/bin/busybox", "ash", "-e", str(STANDIN / "abuild")]
    mine, other = alternate(builder, standin, folder, runs)
    # Apart, as promised: the question to git that abuild asks too, and the hashes of the recipe.
    git = taken(builder, ["git", "-C", str(folder), "rev-parse", "--show-prefix"], folder, runs)
    sums = "stat -c %s APKBUILD; sha256sum APKBUILD & sha512sum APKBUILD; wait"
    hashes = taken(builder, ["/bin/busybox", "ash", "-c", sums], folder, runs)
    hashes -= taken(builder, ["/bin/busybox", "ash", "-c", ":"], folder, runs)
    row("sh side: 300 packages, 12 tools", mine - git - hashes, other, 60)
    print(f"{'  apart from it':<44} git {git:.1f} ms, hashes of the recipe {hashes:.1f} ms")
    (folder / "big.bin").write_bytes(os.urandom(MEGABYTES << 20))
    (folder / "APKBUILD").write_text((folder / "APKBUILD").read_text().replace('source=""', 'source="big.bin"'))
    larger = alternate(builder, standin, folder, max(3, runs // 4))
    each = ((larger[0] - larger[1]) - (mine - other)) / MEGABYTES
    print(f"{'source hashing':<44} {each:.2f} ms/MB  bound 4  {'reached' if each <= 4 else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--shell", action="store_true", help=argparse.SUPPRESS)  # in a mount namespace of its own
    args = parser.parse_args()
    if args.shell:
        folder = Path(tempfile.mkdtemp(prefix="buildinfo-bench.", dir="/var/tmp"))
        (folder / "db").mkdir()
        subprocess.run(["mount", "--bind", folder / "db", "/lib/apk/db"], check=True)
        try:
            shell_side(folder, args.runs)
        finally:
            subprocess.run(["umount", "/lib/apk/db"], check=True)
            shutil.rmtree(folder, ignore_errors=True)
        return
    if shutil.which("abuild") is None:
        sys.exit("bench/hooks.py: needs the real abuild on PATH")
    home = Path(tempfile.mkdtemp(prefix="buildinfo-bench.", dir="/var/tmp"))
    home.chmod(0o755)
    key = home / "bench.rsa"
    trusted = Path("/etc/apk/keys/bench.rsa.pub")
    try:
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", f"{key}.pub"], check=True, capture_output=True)
        key.chmod(0o644)
        shutil.copy(f"{key}.pub", trusted)
        builder = Builder(home / "home", uid=pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None)
        builder.config.write_text(f'PACKAGER_PRIVKEY="{key}"\n' + builder.config.read_text())
        one = builder.aport(apkbuild("one", ()), name="one")
        four = builder.aport(apkbuild("four", SUBPACKAGES), name="four")
        first = alternate(builder, ["abuild", "-d", "-f"], one, args.runs)
        row("aport `one`, 1 package", *first, 350)
        fourth = alternate(builder, ["abuild", "-d", "-f"], four, args.runs)
        row("aport `four`, 4 packages", *fourth, 350 + 3 * 70)
        further = ((fourth[0] - fourth[1]) - (first[0] - first[1])) / 3
        print(f"{'each further package':<44} {further:.1f} ms  bound 70  {'reached' if further <= 70 else 'MISSED'}")
        share = (first[0] - first[1]) / 60_000 * 100
        print(f"{'of a build that takes 60 s':<44} {share:.2f} %  bound 3  {'reached' if share <= 3 else 'MISSED'}")
        if os.geteuid() == 0:
            Path("/lib/apk/db").mkdir(parents=True, exist_ok=True)
            again = [sys.executable, __file__, "--shell", "--runs", str(args.runs)]
            subprocess.run(["unshare", "--mount", *again], check=True)
        else:
            print("sh side: not measured, it needs root for a mount of its own")
    finally:
        trusted.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
