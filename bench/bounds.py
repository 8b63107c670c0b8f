"""Whether anything costs more than its size allows: the worst cases of every reader, side by side in one run.

    python bench/bounds.py [--only NAME,...] [--scale 1.0] [--list]

A line for each: packed and unpacked bytes, processor seconds and MiB of the command, both budgets and the ratio to the
worse of them. The budget: 0.5 s, 1 s for each packed MB and 1 s for each 50 unpacked MB, in 128 MiB and three times the
largest file that is held. A case may be refused, in one line. Exits with 1 if one is over, or ends with a traceback.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import worstfiles  # noqa: F401  # enters its cases
from worstcases import MAKERS, Case

OURS = str(Path(sys.executable).with_name("abuild-buildinfo"))
MEGABYTE, MEBIBYTE = 1_000_000, 1 << 20
LONGEST = 120
"""Processor seconds after which a case is given up."""
_WAITING = """
import os, resource, sys
child = os.fork()
if not child:
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[2], sys.argv[2:])
status, usage = os.wait4(child, 0)[1:]
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""A small process that runs the command: what a process held before it became another counts as the other's."""


def allowed(case: Case) -> tuple[float, float]:
    """Seconds and bytes that a case may take."""
    packed = sum(path.stat().st_size for path in case.words if isinstance(path, Path))
    seconds = 0.5 + packed / MEGABYTE + case.unpacked / (50 * MEGABYTE)
    return seconds, 128 * MEBIBYTE + 3 * max(case.largest, 0)


def measured(case: Case, log: Path) -> tuple[float, float, int]:
    """Seconds, bytes and exit status of the command."""
    with log.open("wb") as errors:
        command = [sys.executable, "-IS", "-c", _WAITING, str(LONGEST), OURS, *map(str, case.words)]
        told = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, check=True).stdout.split()
    return float(told[0]), float(told[1]) * 1024, int(told[2])


def run(name: str, scale: float) -> bool:
    """Makes a case, runs it and prints its line; whether it stayed in its budget."""
    make, number = MAKERS[name]
    with tempfile.TemporaryDirectory(prefix="bench-bounds.") as folder:
        case = make(Path(folder), max(1, int(number * scale)))
        packed = sum(path.stat().st_size for path in case.words if isinstance(path, Path))
        bounds, log = allowed(case), Path(folder, "log")
        seconds, memory, status = measured(case, log)
        said = log.read_text(errors="replace").strip().splitlines()
    ratio = max(seconds / bounds[0], memory / bounds[1])
    bad = ratio > 1 or status not in (0, 1, 2) or (status == 2 and len(said) > 1)
    print(
        f"{name:<30} packed {packed / 1000:>9.1f} kB, unpacked {case.unpacked / MEGABYTE:>6.1f} MB: "
        f"{seconds:6.2f} of {bounds[0]:5.2f} s, {memory / MEBIBYTE:5.0f} of {bounds[1] / MEBIBYTE:4.0f} MiB "
        f"{ratio:6.2f}  {'OVER' if bad else 'refused' if status == 2 else 'done'}",
        flush=True,
    )
    return not bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="names, or how they begin, with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="times the number that a case is made with")
    parser.add_argument("--list", action="store_true", help="only list the cases")
    parser.add_argument("--one", choices=sorted(MAKERS), help="this one only, in this process")
    args = parser.parse_args()
    names = [name for name in MAKERS if args.only is None or name.startswith(tuple(args.only.split(",")))]
    if args.list:
        print("\n".join(names))
        return
    if args.one:
        sys.exit(not run(args.one, args.scale))
    # Each in a process of its own: the memory of what makes a case would count as the command's.
    command = [sys.executable, __file__, "--scale", str(args.scale), "--one"]
    over = [name for name in names if subprocess.run([*command, name], check=False).returncode]
    sys.exit(f"over: {', '.join(over)}" if over else 0)


if __name__ == "__main__":
    main()
