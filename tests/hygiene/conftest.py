"""One folder with an input of every kind, and a run of any command in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

for _room in ("apk", "signature", "normalize"):
    sys.path.insert(0, str(Path(__file__).parents[1] / _room))

import pytest  # noqa: E402
from world import World  # noqa: E402


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The inputs, which no test may change."""
    return World.made(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(pristine: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of them, in which the commands run."""
    copy = pristine.copied(tmp_path / "world")
    for name, value in copy.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(copy.folder)
    yield copy
