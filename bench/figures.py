"""Start-up and size, side by side in one run.

    python bench/figures.py [--runs 20]

`--help` against a bare interpreter; a buildinfo with 250 installed packages as TOML and at zstd level 19. The
packages are every n-th of Alpine's own index in ../shared/corpus.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import zstandard

from buildinfo.apk.index import read_index
from buildinfo.document import dumps, read
from buildinfo.model import BuildInfo, InstalledPackage

ROOT = Path(__file__).resolve().parents[1]
INDEX = next(iter(sorted((ROOT.parent / "shared" / "corpus" / "apkindex-v2").glob("*v3.19-main*"))), ROOT / "none")


def milliseconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000


def start_up(runs: int) -> None:
    help_times, bare_times = [], []
    for _ in range(runs):
        bare_times.append(milliseconds([sys.executable, "-I", "-c", "pass"]))
        help_times.append(milliseconds([sys.executable, "-I", "-m", "buildinfo", "--help"]))
    mine, bare = statistics.median(help_times), statistics.median(bare_times)
    verdict = "reached" if mine <= 9 * bare else "MISSED"
    print(f"--help {mine:.1f} ms  bare interpreter {bare:.1f} ms  ratio {mine / bare:.2f}  bound 9  {verdict}")


def installed() -> list[InstalledPackage]:
    """250 real packages, each with its real checksum."""
    records = read_index(INDEX).records if INDEX.is_file() else ()
    step = max(1, len(records) // 250)
    return [InstalledPackage(name=r["P"], version=r["V"], checksum=r["C"]) for r in records[::step]][:250]


def size() -> None:
    record: BuildInfo = read(ROOT / "schemas" / "example.buildinfo.toml")
    packages = installed()
    if len(packages) < 250:
        sys.exit(f"bench/figures.py: needs the corpus in ../shared; it gave {len(packages)} of 250 packages")
    record.installed = packages
    data = dumps(record)
    packed = zstandard.ZstdCompressor(level=19).compress(data)
    for what, count, bound in (("TOML", len(data), 45_000), ("zstd -19", len(packed), 15_000)):
        print(f"250 packages, {what}: {count} bytes  bound {bound}  {'reached' if count <= bound else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()
    start_up(args.runs)
    size()


if __name__ == "__main__":
    main()
