"""The rooms of the tests whose makers give the seeds."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / room) for room in ("fuzz", "normalize", "apk", "verify")]
