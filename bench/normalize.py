"""What normalizing and checking cost, side by side in one run.

    python bench/normalize.py [--runs 5] [--quick] [--only tree,digests,speed,hooks,memory]

- tree: the files of five real packages, and one small file, beside strip-nondeterminism (from PATH);
- digests: what of normalizing that tree, and a small package, is looking for digests that somebody states;
- speed: reading and checking a package of this machine's own programs, beside unpacking it with pigz;
- hooks: the real abuild with the hooks and without, for a package of 100 MB of programs;
- memory: peak and time of `normalize --check --handlers all` for packages of 100 KB to 1 GB (--quick: to 100 MB).

Prints medians of alternating runs, ratios and bounds; beside wall times also processor times, which say more where
the machine has other work. The corpus is expected in ../shared.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "apk"))
from apkmaker import directory, header, padded, pax
from building import Builder
from framing import PROGRAMS, files

from buildinfo.apk.v2 import read_package
from buildinfo.errors import FormatError
from buildinfo.normalize import package as package_module
from buildinfo.normalize import tree as tree_module
from buildinfo.normalize.job import Job
from buildinfo.normalize.paths import Request, find_files, normalize_file
from buildinfo.normalize.tree import normalize_files

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "apk-v2"
OURS = [str(Path(sys.executable).with_name("abuild-buildinfo"))]
EPOCH = 1700000000
TREE_FILES = 2281
MEGABYTE = 1_000_000
MEBIBYTE = 1 << 20
LARGEST = 4 * MEGABYTE

File = tuple[str, bytes]


def row(what: str, detail: str, value: float, bound: float, *, at_least: bool = False, unit: str = "") -> None:
    """One line: both sides, the figure, its bound."""
    reached = value >= bound if at_least else value <= bound
    limit = f"bound {'>=' if at_least else '<='} {bound:.4g}"
    print(f"{what:<40} {detail}  {value:.4g}{unit}  {limit}  {'reached' if reached else 'MISSED'}", flush=True)


def seconds(command: list[str], *, check: bool = True) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def medians(runs: int, *sides: Callable[[], float]) -> list[float]:
    """The median of each side, in alternating runs after one that warms up."""
    return [wall for wall, _ in both(runs, *sides)]


def both(runs: int, *sides: Callable[[], float]) -> list[tuple[float, float]]:
    """As `medians`; of each side the seconds that it gives, and those of processors."""
    times: list[list[tuple[float, float]]] = [[] for _ in sides]
    for turn in range(runs + 1):
        order = list(enumerate(sides))
        for number, side in order if turn % 2 else reversed(order):
            before = processor()
            taken = side()
            if turn:
                times[number].append((taken, processor() - before))
    return [
        (statistics.median(wall), statistics.median(busy)) for wall, busy in (zip(*each, strict=True) for each in times)
    ]


def processor() -> float:
    """Processor seconds of this process and of its children that ended."""
    return sum(os.times()[:4])


# A tree.


def five_packages() -> list[Path]:
    """Five real packages whose trees hold 2,281 files, hard links included, or about that many; the largest first."""
    counts: dict[Path, int] = {}
    for path in sorted(CORPUS.rglob("*.apk")):
        try:
            members = read_package(path).members
        except FormatError:  # some of the corpus are damaged on purpose
            continue
        counts[path] = sum(member.type in ("file", "hardlink") for member in members)
    largest = sorted(counts, key=lambda path: -counts[path])[:40]
    return list(
        min(
            itertools.combinations(largest, 5),
            key=lambda five: (
                abs(sum(counts[path] for path in five) - TREE_FILES),
                -min(counts[path] for path in five),
            ),
        )
    )


def unpack(package: Path, folder: Path) -> None:
    """The files of a package, as apk would install them."""
    folder.mkdir()
    with gzip.open(package) as stream, tarfile.open(fileobj=stream, ignore_zeros=True) as tar:
        for member in tar:
            if not member.name.startswith(".") and (member.isfile() or member.islnk() or member.isdir()):
                tar.extract(member, folder)


def regular_files(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def tree(home: Path, runs: int) -> None:
    """A whole tree and one small file, beside strip-nondeterminism."""
    if shutil.which("strip-nondeterminism") is None:
        print("tree: not measured: strip-nondeterminism is not on PATH")
        return
    packages = five_packages() if CORPUS.is_dir() else []
    if not packages:
        sys.exit("bench/normalize.py: needs the corpus in ../shared")
    original = home / "original"
    original.mkdir()
    for package in packages:
        unpack(package, original / package.stem)
    print(f"tree of {', '.join(package.name.partition('-r')[0] for package in packages)}")
    copy = home / "copy"

    def fresh() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", original, copy], check=True)

    def ours() -> float:
        fresh()
        return seconds([*OURS, "normalize", "--handlers", "all", "--epoch", str(EPOCH), str(copy)])

    def theirs() -> float:
        fresh()
        return seconds(["strip-nondeterminism", "-T", str(EPOCH), *regular_files(copy)])

    mine, other = medians(max(3, runs // 2), ours, theirs)
    count = len(regular_files(original))
    detail = f"ours {mine:.3f} s  strip-nondeterminism {other:.3f} s  times faster"
    row(f"{count} files, --handlers all", detail, other / mine, 10, at_least=True)

    for name, content in small_files().items():
        small = home / name

        def one(command: list[str], small: Path = small, content: bytes = content) -> float:
            small.write_bytes(content)
            return seconds([*command, str(small)])

        mine, other = medians(
            6 * runs,
            lambda: one([*OURS, "normalize", "--handlers", "all", "--epoch", str(EPOCH)]),
            lambda: one(["strip-nondeterminism", "-T", str(EPOCH)]),
        )
        detail = f"ours {mine * 1000:.1f} ms  strip-nondeterminism {other * 1000:.1f} ms  ratio"
        row(f"one small file, {len(content)} bytes of {name[6:]}", detail, mine / other, 1)


def small_files() -> dict[str, bytes]:
    """Small files in which something is to change."""
    text = "".join(f"{number} bottles of beer on the wall\n" for number in range(900)).encode()
    jar = Path(tempfile.mkstemp()[1])
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt", (2030, 1, 1, 0, 0, 0)), text[:900])
    archived = jar.read_bytes()
    jar.unlink()
    return {"small.gz": gzip.compress(text, mtime=1800000000), "small.zip": archived, "small.txt": text[:2000]}


# Digests.


def digests(home: Path, runs: int) -> None:
    """How long digests are looked for: in the tree, where nothing changes and where one file does, and in a package."""
    original = home / "searched"
    original.mkdir()
    for package in five_packages():
        unpack(package, original / package.stem)
    request = Request("all", epoch=EPOCH, check=True)
    late = gzip.compress(b"a page", mtime=EPOCH + 1)
    for what, extra, bound in (("nothing changes", b"", 0.05), ("one changes", late, 1.0)):
        (original / "page.gz").write_bytes(extra)
        whole, looking = looked_for(runs, lambda: list(normalize_files(find_files([original]), request, 1)))
        detail = f"whole {whole * 1000:.0f} ms, looking {looking * 1000:.1f} ms  share"
        row(f"{len(regular_files(original))} files, {what}", detail, looking / whole, bound)
    small = home / "small.apk"
    pack([("page.gz", late), *programs(MEGABYTE // 10)], small)
    whole, looking = looked_for(runs, lambda: normalize_file(small, request))
    detail = f"whole {whole * 1000:.1f} ms  looking"
    row("a small package, one file changes", detail, looking * 1000, 20, unit=" ms")


def looked_for(runs: int, work: Callable[[], object]) -> tuple[float, float]:
    """Medians of the seconds of some work in this process, and of those in which it looks for digests."""
    spent = 0.0

    def timed(inner: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            nonlocal spent
            start = time.perf_counter()
            try:
                return inner(*args)
            finally:
                spent += time.perf_counter() - start

        return run

    places = ((tree_module, "vouched_beside"), (package_module, "keep_vouched"), (Job, "_digest"))
    saved = [(owner, name, getattr(owner, name)) for owner, name in places]
    for owner, name, inner in saved:
        setattr(owner, name, timed(inner))
    try:
        done = []
        for _ in range(runs + 1):
            spent = 0.0
            start = time.perf_counter()
            work()
            done.append((time.perf_counter() - start, spent))
    finally:
        for owner, name, inner in saved:
            setattr(owner, name, inner)
    whole, looking = zip(*done[1:], strict=True)
    return statistics.median(whole), statistics.median(looking)


# Packages.


def programs(size: int) -> Iterator[File]:
    """This machine's programs and libraries, each at most 4 MB, `size` bytes in all; several times if need be."""
    left = size
    for turn in itertools.count():
        for path in files(PROGRAMS):
            with path.open("rb") as file:
                data = file.read(min(left, LARGEST))
            if data:
                yield f"{turn}{path}", data
                left -= len(data)
            if not left:
                return


def entry(name: str, content: bytes) -> bytes:
    """A file as abuild packs it."""
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    records = pax({"ctime": "0", "atime": "0", "APK-TOOLS.checksum.SHA1": sha1})
    return bytes(records + header(name, size=len(content)) + padded(content))


def pack(contents: Iterable[File], target: Path) -> int:
    """Writes a v2 package with pigz, its members sorted as abuild sorts them; returns the bytes of its files."""
    size = count = length = 0
    data = target.with_suffix(".data")
    with data.open("wb") as out:
        process = subprocess.Popen(["pigz", "-9n"], stdin=subprocess.PIPE, stdout=out)
        assert process.stdin is not None
        length = process.stdin.write(directory("usr/"))
        for _, content in contents:
            length += process.stdin.write(entry(f"usr/{count:06d}", content))
            size += len(content)
            count += 1
        process.stdin.write(bytes(1024 + -(length + 1024) % 10240))
        process.stdin.close()
        assert process.wait() == 0
    with data.open("rb") as packed:
        digest = hashlib.file_digest(packed, "sha256").hexdigest()
        pkginfo = (
            "# Generated by abuild 3.15.0\npkgname = bench\npkgver = 1-r0\npkgdesc = bench\n"
            f"builddate = {EPOCH}\nsize = {size or 1}\narch = x86_64\norigin = bench\ndatahash = {digest}\n"
        ).encode()
        control = header(".PKGINFO", size=len(pkginfo)) + padded(pkginfo)
        with target.open("wb") as out:
            out.write(subprocess.run(["pigz", "-9n"], input=control, capture_output=True, check=True).stdout)
            packed.seek(0)
            shutil.copyfileobj(packed, out)
    data.unlink()
    return size


def speed(home: Path, runs: int) -> None:
    """Reading and checking a package in this process, beside unpacking it."""
    package = home / "speed.apk"
    size = pack(programs(150 * MEGABYTE), package) / MEGABYTE

    def reading() -> float:
        start = time.perf_counter()
        read_package(package)
        return time.perf_counter() - start

    def checking() -> float:
        start = time.perf_counter()
        assert normalize_file(package, Request(check=True, threads=2)).result == "unchanged"
        return time.perf_counter() - start

    def unpacking() -> float:
        return seconds(["pigz", "-dkc", str(package)])

    read, check, (unpacked, busy) = both(runs, reading, checking, unpacking)
    for what, (mine, cpu) in (("reading and verifying", read), ("normalize --check, leaks", check)):
        detail = (
            f"payload {size:.0f} MB: ours {mine:.2f} s (processor {cpu:.2f})  pigz -d {unpacked:.2f} s ({busy:.2f})"
        )
        detail += f"  ratio {mine / unpacked:.2f}; processor {size / cpu:.0f} MB/s, wall"
        row(what, detail, size / mine, 100, at_least=True, unit=" MB/s")
    package.unlink()


# The hooks.

RECIPE = """\
# Maintainer: Bench <bench@example.org>
pkgname=large
pkgver=1
pkgrel=0
pkgdesc="100 MB of programs"
url="https://example.org/large"
arch="all"
license="MIT"
source=""
options="!check !strip !tracedeps !fhs"

build() {
	:
}

package() {
	mkdir -p "$pkgdir"/usr/libexec/large
	cp -a PAYLOAD/. "$pkgdir"/usr/libexec/large/
}
"""


def hooks(home: Path, runs: int) -> None:
    """abuild with the hooks and without."""
    if shutil.which("abuild") is None or shutil.which("pigz") is None:
        print("hooks: not measured: abuild or pigz is not on PATH")
        return
    payload = home / "payload"
    payload.mkdir()
    size = 0
    for number, (_, content) in enumerate(programs(100 * MEGABYTE)):
        (payload / f"{number:04d}").write_bytes(content)
        size += len(content)
    key = home / "bench.rsa"
    trusted = Path("/etc/apk/keys/bench-normalize.rsa.pub")
    builder = Builder(home / "home", uid=pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None)
    try:
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        public = key.with_name("bench-normalize.rsa.pub")
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
        key = key.rename(key.with_name("bench-normalize.rsa"))
        key.chmod(0o644)
        shutil.copy(public, trusted)
        builder.config.write_text(f'PACKAGER_PRIVKEY="{key}"\n' + builder.config.read_text())
        folder = builder.aport(RECIPE.replace("PAYLOAD", str(payload)), {}, name="large")
        enabled = builder.config.read_text()
        disabled = "".join(line for line in enabled.splitlines(True) if "# abuild-buildinfo" not in line)

        def build(config: str) -> float:
            builder.config.write_text(config)
            start = time.perf_counter()
            builder.run("abuild", "-d", "-f", cwd=folder)
            return time.perf_counter() - start

        (mine, busy), (other, idle) = both(max(3, runs), lambda: build(enabled), lambda: build(disabled))
    finally:
        trusted.unlink(missing_ok=True)
    detail = f"with hooks {mine:.2f} s  without {other:.2f} s (processor {busy:.2f}, {idle:.2f}: {busy - idle:.2f})"
    what = f"abuild, {size / MEGABYTE:.0f} MB of programs"
    row(what, f"{detail}  extra", mine - other, 0.35 + 0.006 * size / MEGABYTE, unit=" s")
    row(what, f"{detail}  ratio", mine / other, 1.10)


# Memory.


#: Starts a program and prints its seconds and its peak: Linux counts the peak of who started it as its own.
LAUNCHER = """\
import os, sys, time
start = time.perf_counter()
silent = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def checked(package: Path) -> tuple[float, float]:
    """Seconds and peak memory in MiB of checking a package in a process of its own."""
    command = [sys.executable, "-ISc", LAUNCHER, *OURS, "normalize", "--check", "--handlers", "all", str(package)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"bench/normalize.py: checking {package.name} ended with {done.returncode}")
    taken, peak = done.stdout.split()
    return float(taken), int(peak) / 1024


def memory(home: Path, runs: int, quick: bool) -> None:
    """Peak memory and time, by size."""
    package = home / "memory.apk"
    pack([], package)
    base = statistics.median(checked(package)[0] for _ in range(max(3, runs)))
    rates: dict[int, float] = {}
    for size in (MEGABYTE // 10, MEGABYTE, 10 * MEGABYTE, 100 * MEGABYTE, *(() if quick else (1000 * MEGABYTE,))):
        pack(programs(size), package)
        largest = max(len(content) for _, content in programs(min(size, 40 * MEGABYTE)))
        done = [checked(package) for _ in range(1 if size > 200 * MEGABYTE else max(3, runs // 2))]
        taken = statistics.median(value for value, _ in done)
        rates[size] = (taken - base) / size * MEGABYTE * 1000
        detail = f"{taken:.2f} s, {rates[size]:.1f} ms/MB  peak"
        row(
            f"payload of {size / MEGABYTE:g} MB",
            detail,
            max(peak for _, peak in done),
            64 + 3 * largest / MEBIBYTE,
            unit=" MiB",
        )
    middle, last = rates[10 * MEGABYTE], rates[max(rates)]
    row("time linear in bytes", f"{middle:.1f} ms/MB at 10 MB, {last:.1f} at the largest  ratio", last / middle, 1.25)
    for what, content in single_files(home).items():
        size = pack([(what, content)], package)
        taken, peak = checked(package)
        bound = 64 + 3 * size / MEBIBYTE
        row(f"one {what} of {size / MEGABYTE:.0f} MB", f"{taken:.2f} s  peak", peak, bound, unit=" MiB")
    pack(((f"{number}", b"%d\n" % number) for number in range(100_000)), package)
    taken, peak = checked(package)
    row("100000 entries", f"{taken:.2f} s  peak", peak, 128, unit=" MiB")
    package.unlink()


def single_files(home: Path) -> dict[str, bytes]:
    """Large files that a handler takes."""
    made: dict[str, bytes] = {}
    archive = home / "single"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for number, (_, content) in enumerate(programs(250 * MEGABYTE)):
            packed.writestr(zipfile.ZipInfo(f"{number}", (2030, 1, 1, 0, 0, 0)), content)
    made["zip"] = archive.read_bytes()
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, (_, content) in enumerate(programs(100 * MEGABYTE)):
            path = home / "member"
            path.write_bytes(content)
            tar.add(path, f"{number}")
    made["tar"] = archive.read_bytes()
    archive.unlink()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--only", default="tree,digests,speed,hooks,memory", metavar="PART,...")
    args = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="buildinfo-bench.", dir="/var/tmp"))
    home.chmod(0o755)
    parts: dict[str, Callable[[], None]] = {
        "tree": lambda: tree(home, args.runs),
        "digests": lambda: digests(home, args.runs),
        "speed": lambda: speed(home, args.runs),
        "hooks": lambda: hooks(home, args.runs),
        "memory": lambda: memory(home, args.runs, args.quick),
    }
    try:
        for part in args.only.split(","):
            parts[part]()
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
