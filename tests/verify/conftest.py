"""Fixtures: pairs of packages that differ by one known thing, each made once in a session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).resolve().parents[1] / room) for room in ("apk", "normalize")]

from pairs import Factor, Missing, Pair


@pytest.fixture(scope="session")
def pair_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Factor], Pair]:
    """Makes a factor's pair, or skips the test and names the program that is not there."""
    root: Path = tmp_path_factory.mktemp("pairs")
    made: dict[tuple[str, str], Pair | str] = {}

    def make(factor: Factor) -> Pair:
        label = (factor.name, factor.title)
        if label not in made:
            folder = root / str(len(made))
            folder.mkdir()
            try:
                made[label] = factor.missing or factor.make(folder)
            except Missing as missing:
                made[label] = str(missing)
        found = made[label]
        if isinstance(found, str):
            pytest.skip(f"needs {found}")
        return found

    return make
