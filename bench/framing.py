"""What the canonical framing costs: `buildinfo.apk.pigz` beside the pigz program, in one run.

    python bench/framing.py [--runs 5] [--size 120]

Prints the medians of alternating runs, their ratio and the bound. The payload is made of this machine's own
programs and texts, always in the same order. Both sides read it from a file and write to /dev/null, in wall
time; the processor time beside it shows what a busy machine took away. The start of the pigz process counts,
ours (Python, and the known answer once in a process) does not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from buildinfo.apk.pigz import Compressor, identity

READ_SIZE = 1 << 18
LARGEST = 2 << 20
PROGRAMS = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local/bin", "/usr/local/lib")
TEXTS = ("/usr/share", "/usr/include", "/etc")


def files(folders: tuple[str, ...]) -> Iterator[Path]:
    """The regular files below the folders, sorted."""
    for folder in folders:
        for root, names, inside in os.walk(folder):
            names.sort()
            for name in sorted(inside):
                path = Path(root, name)
                if not path.is_symlink() and path.is_file() and os.access(path, os.R_OK):
                    yield path


def payload(target: Path, size: int) -> None:
    """Programs and texts by turns, of each file at most 2 MB, `size` bytes in all."""
    left = size
    sources = [files(PROGRAMS), files(TEXTS)]
    with target.open("wb") as out:
        while left and sources:
            for source in list(sources):
                written = 0
                while written < LARGEST and left:
                    path = next(source, None)
                    if path is None:
                        sources.remove(source)
                        break
                    data = path.read_bytes()[: min(LARGEST, left)]
                    out.write(data)
                    written += len(data)
                    left -= len(data)


def ours(path: Path, threads: int, target: str = os.devnull) -> float:
    """Seconds."""
    start = time.perf_counter()
    with path.open("rb", buffering=0) as source, Path(target).open("wb", buffering=0) as out:
        compressor = Compressor(threads)
        while chunk := source.read(READ_SIZE):
            if ready := compressor.write(chunk):
                out.write(ready)
        out.write(compressor.finish())
    return time.perf_counter() - start


def theirs(path: Path, threads: int, target: str = os.devnull) -> float:
    """Seconds."""
    start = time.perf_counter()
    with path.open("rb") as source, Path(target).open("wb") as out:
        subprocess.run(["pigz", "-9", "-n", "-p", str(threads)], stdin=source, stdout=out, check=True)
    return time.perf_counter() - start


def cpu() -> float:
    """Seconds of processor that this process and its finished children took."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def row(what: str, ratio: float, bound: float, detail: str) -> None:
    print(f"{what:<30} {detail}  ratio {ratio:5.3f}  bound {bound:g}  {'reached' if ratio >= bound else 'MISSED'}")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=120, help="MB of payload")
    args = parser.parse_args()
    if shutil.which("pigz") is None:
        sys.exit("bench/framing.py: needs pigz on PATH")
    home = Path(tempfile.mkdtemp(prefix="buildinfo-bench.", dir="/var/tmp"))
    try:
        source = home / "payload"
        payload(source, args.size * 1_000_000)
        megabytes = source.stat().st_size / 1e6
        ours(source, 2, f"{home}/ours")  # warms up, too
        theirs(source, 2, f"{home}/theirs")
        same = digest(home / "ours") == digest(home / "theirs")
        print(f"payload {megabytes:.0f} MB, encoder {identity()}, {'bytes equal' if same else 'BYTES DIFFER'}")
        sides = (ours, theirs)
        times: dict[tuple[str, int], list[float]] = {(side.__name__, n): [] for side in sides for n in (1, 2)}
        work: dict[tuple[str, int], list[float]] = {key: [] for key in times}
        for turn in range(args.runs):
            for threads in (1, 2):
                for side in sides if turn % 2 else reversed(sides):
                    before = cpu()
                    times[side.__name__, threads].append(side(source, threads))
                    work[side.__name__, threads].append(cpu() - before)
        speed = {key: megabytes / statistics.median(values) for key, values in times.items()}
        for threads in (1, 2):
            mine, other = speed["ours", threads], speed["theirs", threads]
            burnt = [statistics.median(work[side, threads]) for side in ("ours", "theirs")]
            detail = f"ours {mine:6.2f}  pigz {other:6.2f} MB/s (processor {burnt[0]:.2f} and {burnt[1]:.2f} s)"
            row(f"recompression, {threads} thread{'s'[: threads - 1]}", mine / other, 0.95, detail)
        one, two = speed["ours", 1], speed["ours", 2]
        gain = speed["theirs", 2] / speed["theirs", 1]
        row("two threads over one", two / one, 1.9, f"{one:6.2f} -> {two:6.2f} MB/s (pigz gains {gain:.3f})")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
