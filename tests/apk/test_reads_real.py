"""If these fail, the model of apk's reading says something else than what the real apk-tools install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from differing import Trial
from realapk import Program, programs

SEED = 4
PAIRS = 60


@pytest.fixture(scope="module", params=["2.14", "3.0"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    if os.geteuid() != 0:
        pytest.skip("needs root: apk gives files their owners")
    rootfs = None
    if request.param == "2.14":
        [rootfs] = (request.getfixturevalue("corpus") / "rootfs").glob("*.tar.gz")
    for found in programs(rootfs, tmp_path_factory.mktemp("alpine")):
        if found.apk == request.param:
            yield found
            return
    pytest.skip("needs apk-tools 3 on PATH")


def test_the_model_installs_what_apk_installs(program: Program, tmp_path: Path) -> None:
    """Packages at random, half of them with a trick: same files, modes, owners, scripts, triggers, database; and what
    is graded above `different` leaves the same. A long run: `make fuzz-apk`."""
    trial = Trial(SEED, [program], tmp_path / "trial")
    trial.batch(PAIRS)
    assert trial.wrong == []
    assert trial.counts["the same"] > PAIRS / 2
    assert sum(trial.counts[f"pairs {verdict}"] for verdict in ("payload-identical", "identical-normalized"))
