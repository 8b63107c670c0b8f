"""A byte that does something, changed beside what differs for a known reason, is never fully explained.

MUTANTS=10000 pytest tests/verify/test_mutants.py tries as many, with SEED another set of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from mutating import explained, mutant, samples
from pairs import FACTORS, Factor, Pair

MUTANTS = int(os.environ.get("MUTANTS", "300"))
SEED = int(os.environ.get("SEED", "11"))
COMPILED = ("pyc-version",)
"""Of code for another version of an interpreter only texts and numbers are compared: docs/causes.md says so."""


def label(factor: Factor) -> str:
    return f"{factor.name}: {factor.title}"


@pytest.mark.parametrize("factor", [factor for factor in FACTORS if factor.name not in COMPILED], ids=label)
def test_no_mutant_is_fully_explained(factor: Factor, pair_of: Callable[[Factor], Pair]) -> None:
    chance = random.Random(f"{SEED} {label(factor)}")
    for sample in samples(*pair_of(factor)):
        if sample.old == sample.new:
            continue
        for _ in range(max(1, MUTANTS // 100)):
            changed = mutant(sample, chance)
            if changed is not None:
                assert not explained(sample, changed), (sample.path, _first(sample.new, changed))


def _first(one: bytes, other: bytes) -> tuple[int, bytes, bytes]:
    at = next(at for at, both in enumerate(zip(one, other, strict=True)) if both[0] != both[1])
    return at, one[max(0, at - 16) : at + 16], other[max(0, at - 16) : at + 16]
