"""Fuzzes targets, guided by coverage: tests/fuzz/run.py NAME...|all [--seconds N] [--folder DIR] [--costs]

Inputs that reach new code are kept in DIR/NAME between runs; one that breaks a promise is written to DIR/NAME-crash-...
and ends that target's run. Needs atheris, of the extra `fuzz`.

With --costs it looks for inputs that are slow or fat instead, guided by what they cost: each is measured against a
budget for its size, and what is over is written to DIR/NAME-costly-... That needs nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import pkgutil
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1 << 15
"""Bytes of an input."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME|all")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (%(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/fuzz", help="%(default)s")
    parser.add_argument("--costs", action="store_true", help="look for inputs that are slow or fat")
    parser.add_argument("--seed", type=int, default=1, help="of the choices of --costs (%(default)s)")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT / room) for room in ("", "tests/fuzz", "tests/normalize", "tests/apk", "tests/verify")]
    if len(given.names) == 1 and given.names != ["all"]:
        if given.costs:
            return weigh(given.names[0], given.seconds, given.folder, given.seed)
        return fuzz(given.names[0], given.seconds, given.folder)
    from targets import TARGETS

    failed = 0
    for name in TARGETS if given.names == ["all"] else given.names:
        options = ["--seconds", str(given.seconds), "--folder", str(given.folder), "--seed", str(given.seed)]
        options += ["--costs"] if given.costs else []
        failed |= subprocess.run([sys.executable, __file__, name, *options], check=False).returncode
    return min(failed, 1)


def fuzz(name: str, seconds: int, folder: Path) -> int:
    """Fuzzes one target; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["buildinfo"], enable_loader_override=False):
        import buildinfo.apk
        import buildinfo.capture.reader
        import buildinfo.normalize
        import buildinfo.verify.explain.causes
        import buildinfo.verify.explain.dissect

        explaining = buildinfo.verify.explain.dissect, buildinfo.verify.explain.causes
        for room in (buildinfo.apk, buildinfo.normalize, *explaining):
            for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
                __import__(module.name)
        from targets import TARGETS
    from seeds import seeds

    inputs = folder / name
    inputs.mkdir(parents=True, exist_ok=True)
    for seed in seeds(name):
        if len(seed) <= LONGEST:
            (inputs / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST,
        "timeout": 60,
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{folder}/{name}-",
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(inputs)], TARGETS[name])
    atheris.Fuzz()
    return 0


def weigh(name: str, seconds: int, folder: Path, seed: int) -> int:
    """Looks for costly inputs of one target; of every 16th it looks at the memory."""
    from costs import Growing, cost
    from seeds import seeds
    from targets import TARGETS

    folder.mkdir(parents=True, exist_ok=True)
    growing = Growing(seeds(name), random.Random(seed), 8 * LONGEST)
    end = time.monotonic() + seconds
    count, worst, found = 0, 0.0, 0
    while time.monotonic() < end:
        data = growing.next()
        taken = cost(TARGETS[name], data, memory=count % 16 == 0)
        count += 1
        over = taken.over(len(data))
        if over > worst / 2:
            growing.learn(data, over)
        if over > max(1.0, worst):
            again = cost(TARGETS[name], data, memory=not taken.seconds).over(len(data))  # other work may have slowed it
            if again > 1:
                found += 1
                (folder / f"{name}-costly-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
                print(f"{name}: {len(data)} bytes take {taken.seconds:.2f} s, {taken.memory >> 20} MiB", flush=True)
        worst = max(worst, over)
    print(f"{name}: {count} inputs, at most {worst:.2f} of the budget, {found} over it", flush=True)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
