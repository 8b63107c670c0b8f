"""Causes: who is told the wrong one mends the wrong thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pairs import FACTORS, MIXED_FACTORS, NEAR, Factor, Pair

from buildinfo.verify.explain.catalogue import CATALOGUE, page
from buildinfo.verify.pair import verify_pair


def label(factor: Factor) -> str:
    return f"{factor.name}: {factor.title}"


PairOf = Callable[[Factor], Pair]


def causes(pair: Pair) -> list[str]:
    return [cause.name for cause in verify_pair(*pair).causes]


@pytest.mark.parametrize("factor", FACTORS, ids=label)
def test_what_was_varied_is_the_first_cause(factor: Factor, pair_of: PairOf) -> None:
    report = verify_pair(*pair_of(factor))
    assert [cause.name for cause in report.causes][:1] == [factor.name]
    named = {index for cause in report.causes for index in cause.differences}
    assert named == set(range(len(report.differences)))
    assert report.causes[0].advice


@pytest.mark.parametrize("factor", NEAR, ids=label)
def test_a_cause_is_not_named_for_what_only_looks_like_it(factor: Factor, pair_of: PairOf) -> None:
    assert factor.name not in causes(pair_of(factor))


@pytest.mark.parametrize(("other", "factor"), MIXED_FACTORS, ids=[factor.title for _, factor in MIXED_FACTORS])
def test_two_causes_are_both_named(other: str, factor: Factor, pair_of: PairOf) -> None:
    assert {factor.name, other} <= set(causes(pair_of(factor)))


def test_every_cause_has_a_name_a_title_and_advice_of_its_own() -> None:
    assert len(CATALOGUE) >= 25
    assert len({cause.name for cause in CATALOGUE}) == len(CATALOGUE)
    for cause in CATALOGUE:
        assert cause.title
        assert cause.advice.endswith(".")
        assert cause.kinds


def test_the_page_of_causes_is_the_catalogue() -> None:
    assert (Path(__file__).parents[2] / "docs" / "causes.md").read_text() == page()
