"""If these fail, what names causes is tested against pairs that are not what they say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pairs import FACTORS, MIXED_FACTORS, NEAR, Factor, Missing, Pair
from pairs_making import files

from buildinfo.apk.v2 import read_package

SAME = files("", "nothing is varied", lambda tree, work, second: None)


def made(factor: Factor, folder: Path) -> Pair:
    """The pair, or a skip that names what is not there."""
    if factor.missing:
        pytest.skip(f"needs {factor.missing}")
    folder.mkdir()
    try:
        return factor.make(folder)
    except Missing as missing:
        pytest.skip(f"needs {missing}")


def hashes(pair: Pair) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in pair]


def label(factor: Factor) -> str:
    return f"{factor.name}: {factor.title}"


def test_builds_without_variation_are_identical(tmp_path: Path) -> None:
    first, second = hashes(made(SAME, tmp_path / "pair"))
    assert first == second


BOTH = tuple(factor for _, factor in MIXED_FACTORS)


@pytest.mark.parametrize("factor", FACTORS + NEAR + BOTH, ids=label)
def test_a_pair_is_two_packages_that_differ_in_the_same_way_each_time(factor: Factor, tmp_path: Path) -> None:
    pair = made(factor, tmp_path / "pair")
    assert [read_package(path).pkginfo.pkgname for path in pair] == ["hello", "hello"]
    first, second = hashes(pair)
    assert first != second
    assert hashes(made(factor, tmp_path / "again")) == [first, second]


def test_every_cause_has_a_near_miss() -> None:
    assert {factor.name for factor in FACTORS} - {factor.name for factor in NEAR} == set()
    assert len({label(factor) for factor in FACTORS + NEAR}) == len(FACTORS + NEAR)
