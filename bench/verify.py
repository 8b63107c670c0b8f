"""What comparing costs, side by side in one run.

    python bench/verify.py [--runs 5] [--quick] [--only pairs,small,equal]

- pairs: the real rebuilds of the corpus in one `verify --batch`, beside `diffoscope --text` run on each of them;
- small: one small pair by the command line, beside diffoscope;
- equal: two equal packages of 1 GB (--quick: 100 MB), and the same signed by another key: speed and peak memory, beside
  what reading both and one SHA-256 cost.

Prints medians of alternating runs, ratios and bounds. diffoscope is expected on PATH, the corpus in ../shared.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "apk"))
from apkmaker import file as member
from apkmaker import gz, header, pax, pkginfo, signature
from normalize import MEBIBYTE, MEGABYTE, OURS, medians, row, seconds

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
PIECE = 1 << 20


def rebuilds() -> list[tuple[Path, Path]]:
    """The real pairs of v2 packages."""
    with (CORPUS / "REBUILD-PAIRS.tsv").open() as file:
        rows = [line for line in csv.DictReader(file, delimiter="\t") if line["group"].startswith("apk-v2")]
    return [(CORPUS / line["group"] / line["a"], CORPUS / line["group"] / line["b"]) for line in rows]


def theirs(original: Path, rebuilt: Path) -> list[str]:
    return ["diffoscope", "--no-progress", "--text", os.devnull, str(original), str(rebuilt)]


def batch(home: Path, runs: int) -> None:
    pairs = rebuilds()
    listed = home / "pairs.tsv"
    listed.write_text("".join(f"{original}\t{rebuilt}\n" for original, rebuilt in pairs))
    ours = [*OURS, "verify", "--batch", str(listed), "--json", "--output", str(home / "report.json")]
    mine, other = medians(
        runs,
        lambda: seconds(ours, check=False),
        lambda: sum(seconds(theirs(*pair), check=False) for pair in pairs),
    )
    detail = f"ours {mine:.2f} s, diffoscope {other:.1f} s"
    row(f"{len(pairs)} real pairs, one batch", detail, other / mine, 50, at_least=True, unit="x")


def small(runs: int) -> None:
    original, rebuilt = min(rebuilds(), key=lambda pair: pair[0].stat().st_size)
    ours = [*OURS, "verify", str(original), str(rebuilt)]
    mine, other = medians(
        runs, lambda: seconds(ours, check=False), lambda: seconds(theirs(original, rebuilt), check=False)
    )
    detail = f"ours {mine * 1000:.0f} ms, diffoscope {other * 1000:.0f} ms"
    row(f"one pair of {original.stat().st_size} bytes", detail, mine / other, 1)


def equal(home: Path, runs: int, size: int) -> None:
    packages = [home / name for name in ("original.apk", "same.apk", "resigned.apk")]
    make(packages, size)
    for name, rebuilt in (("equal", packages[1]), ("signed by another key", packages[2])):
        command = [*OURS, "verify", str(packages[0]), str(rebuilt)]
        peaks = []

        def run(command: list[str] = command, peaks: list[int] = peaks) -> float:
            start = time.perf_counter()
            peaks.append(peak(command))
            return time.perf_counter() - start

        mine, reading = medians(runs, run, lambda rebuilt=rebuilt: read_both(packages[0], rebuilt))
        length = packages[0].stat().st_size / MEGABYTE
        detail = (
            f"{mine:.2f} s for {length:.0f} MB, reading both and one SHA-256 {reading:.2f} s ({mine / reading:.2f})"
        )
        row(f"two packages, {name}", detail, length / mine, 500, at_least=True, unit=" MB/s")
        row("  peak memory", "", statistics.median(peaks) / MEBIBYTE, 64, unit=" MiB")


def make(packages: list[Path], size: int) -> None:
    """Packages with one file that cannot be compressed; the last has another signature."""
    block = os.urandom(PIECE)
    count = size // PIECE
    sha1 = hashlib.sha1(usedforsecurity=False)
    for _ in range(count):
        sha1.update(block)
    head = pax({"APK-TOOLS.checksum.SHA1": sha1.hexdigest()}) + header("usr/big", size=count * PIECE)
    encoder = zlib.compressobj(1, zlib.DEFLATED, 31)
    data = packages[0].with_name("data")
    digest = hashlib.sha256()
    with data.open("wb") as file:
        for piece in (head, *(block for _ in range(count)), bytes(10240)):
            packed = encoder.compress(piece)
            digest.update(packed)
            file.write(packed)
        packed = encoder.flush()
        digest.update(packed)
        file.write(packed)
    control = gz(member(".PKGINFO", pkginfo(digest.hexdigest()), checksum=False))
    for path, key in zip(packages, ("one", "one", "another"), strict=True):
        with path.open("wb") as file, data.open("rb") as source:
            file.write(gz(signature(f".SIGN.RSA.{key}.rsa.pub")) + control)
            shutil.copyfileobj(source, file, PIECE)
    data.unlink()


def peak(command: list[str]) -> int:
    """Most bytes of memory that a command takes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return int(usage.ru_maxrss) * 1024


def read_both(original: Path, rebuilt: Path) -> float:
    """How long reading two files and hashing one takes."""
    start = time.perf_counter()
    digest = hashlib.sha256()
    with original.open("rb", buffering=0) as left, rebuilt.open("rb", buffering=0) as right:
        while piece := left.read(PIECE):
            digest.update(piece)
            right.read(PIECE)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smaller packages, and diffoscope once")
    parser.add_argument("--only", default="pairs,small,equal")
    args = parser.parse_args()
    parts = args.only.split(",")
    if not CORPUS.is_dir():
        sys.exit("bench/verify.py: needs the corpus in ../shared")
    if shutil.which("diffoscope") is None and {"pairs", "small"} & set(parts):
        print("pairs, small: not measured: diffoscope is not on PATH")
        parts = [part for part in parts if part not in ("pairs", "small")]
    with tempfile.TemporaryDirectory(prefix="bench-verify.") as folder:
        home = Path(folder)
        if "pairs" in parts:
            batch(home, 1 if args.quick else min(3, args.runs))
        if "small" in parts:
            small(args.runs)
        if "equal" in parts:
            equal(home, args.runs, (100 if args.quick else 1000) * MEGABYTE)


if __name__ == "__main__":
    main()
