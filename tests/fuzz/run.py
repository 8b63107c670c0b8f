"""Fuzzes targets, guided by coverage: tests/fuzz/run.py NAME...|all [--seconds N] [--folder DIR]

Inputs that reach new code are kept in DIR/NAME between runs; one that breaks a promise is written to DIR/NAME-crash-...
and ends that target's run. Needs atheris, of the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import hashlib
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1 << 15
"""Bytes of an input."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME|all")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (%(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/fuzz", help="%(default)s")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT / room) for room in ("", "tests/fuzz", "tests/normalize", "tests/apk", "tests/verify")]
    if len(given.names) == 1 and given.names != ["all"]:
        return fuzz(given.names[0], given.seconds, given.folder)
    from targets import TARGETS

    failed = 0
    for name in TARGETS if given.names == ["all"] else given.names:
        options = ["--seconds", str(given.seconds), "--folder", str(given.folder)]
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


if __name__ == "__main__":
    sys.exit(main())
