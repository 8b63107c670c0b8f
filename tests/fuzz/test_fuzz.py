"""If these fail, some file ends a run with a traceback, differs after each run, or loses what it holds.

A short look at every target of `run.py`, and all that longer ones found.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
from costs import Growing, cost
from goldens import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seeds import seeds
from targets import TARGETS

FINDINGS = sorted((Path(__file__).parent / "findings").glob("*-*"))


@cache
def damaged(name: str) -> st.SearchStrategy[bytes]:
    return mutated(*seeds(name))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_hold(name: str) -> None:
    for seed in seeds(name)[:20]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_damaged_seeds_hold(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(damaged(name)))


def test_what_is_fat_is_found() -> None:
    """The fuzzer that looks for costly inputs would else find none, and say so."""
    assert cost(lambda data: bytearray(300 << 20) and None, b"x", memory=True).over(1) > 1
    assert cost(lambda data: None, b"x", memory=True).over(1) < 0.1
    growing = Growing([b"abc"], Random(1), 1 << 12)
    inputs = [growing.next() for _ in range(200)]
    assert len(set(inputs)) > 100
    assert max(map(len, inputs)) > 500


@pytest.mark.parametrize("path", FINDINGS, ids=[path.name for path in FINDINGS])
def test_findings_hold(path: Path) -> None:
    """Each file once broke a promise of the target that its name begins with."""
    TARGETS[path.name.partition("-")[0]](path.read_bytes())
