"""If this fails, docs/threat-model.md promises what no test holds."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/threat-model.md"


def test_every_test_that_the_threat_model_names_is_there() -> None:
    missing = []
    file = Path()
    named = re.findall(r"`(tests/[\w/.]+\.py)?(?:::(\w+))?`", PAGE.read_text())
    for path, test in named:
        file = TESTS.parent / path if path else file
        if path and not file.is_file():
            missing.append(path)
        elif test and f"def {test}(" not in file.read_text():
            missing.append(f"{file.relative_to(TESTS.parent)}::{test}")
    assert missing == []
    assert len([test for _, test in named if test]) > 50


def test_every_promise_names_a_test() -> None:
    promises = PAGE.read_text().partition("\n## What apk reads")[2].partition("\n## Against what")[0]
    assert [item for item in promises.split("\n- ")[1:] if "::test_" not in item and "(each test)" not in item] == []
