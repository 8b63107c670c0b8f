"""If these fail, what names causes is tested against pairs that are not what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pairs import FACTORS, MIXED, MIXED_FACTORS, NEAR, Factor, Pair
from pairs_making import files

from buildinfo.apk.v2 import read_package

SAME = files("", "nothing is varied", lambda tree, work, second: None)
BOTH = tuple(factor for _, factor in MIXED_FACTORS)


def hashes(pair: Pair) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in pair]


def label(factor: Factor) -> str:
    return f"{factor.name}: {factor.title}"


def test_builds_without_variation_are_identical(pair_of: Callable[[Factor], Pair]) -> None:
    first, second = hashes(pair_of(SAME))
    assert first == second


@pytest.mark.parametrize("factor", FACTORS + NEAR + BOTH, ids=label)
def test_a_pair_is_two_packages_that_differ_in_the_same_way_each_time(
    factor: Factor, tmp_path: Path, pair_of: Callable[[Factor], Pair]
) -> None:
    pair = pair_of(factor)
    assert [read_package(path).pkginfo.get("origin") for path in pair] == ["hello", "hello"]
    first, second = hashes(pair)
    assert first != second
    assert hashes(factor.make(tmp_path)) == [first, second]


def test_every_cause_has_a_near_miss() -> None:
    assert {factor.name for factor in FACTORS} == {factor.name for factor in NEAR}
    assert {name for names, _ in MIXED for name in names} <= {factor.name for factor in FACTORS}
    assert len({label(factor) for factor in FACTORS + NEAR + BOTH}) == len(FACTORS + NEAR + BOTH)
