"""The digest over the whole record: nothing may be taken out of it in silence."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from building import ROOT, Builder

from buildinfo.document import digests, load, parse, read
from buildinfo.errors import RecordError

EXAMPLE = ROOT / "schemas" / "example.buildinfo.toml"


def loaded(text: str) -> None:
    load(parse(text.encode(), "record"), "record")


@pytest.mark.parametrize(
    ("what", "without"),
    [
        ("a taint", r"\[\[taints\]\]\nname = .*\nreason = .*\n"),
        ("a condition", r"umask = .*\n"),
        ("a repository", r"repositories = \[\n(    .*\n)+\]\n"),
        ("who signed", r"signatures = \[\n    .*\n\]\n"),
    ],
)
def test_what_is_taken_out_of_a_record_shows(what: str, without: str) -> None:
    """A taint that somebody cut out would make the build look clean."""
    text = EXAMPLE.read_text()
    if what == "a taint" and "[[taints]]" not in text:
        text = whole(text.replace("[digests]", '[[taints]]\nname = "dirty"\nreason = "seen"\n\n[digests]'))
    loaded(text)
    cut, count = re.subn(without, 'umask = "0077"\n' if what == "a condition" else "", text, count=1)
    assert count == 1
    with pytest.raises(RecordError, match=r"digests\.document does not hold"):
        loaded(cut)


def whole(text: str) -> str:
    """The text with a digest of the whole that holds."""
    return re.sub(r'\ndocument = ".*"', f'\ndocument = "{digests(tomllib.loads(text))["document"]}"', text)


def test_an_added_part_shows_too() -> None:
    with pytest.raises(RecordError, match=r"digests\.document"):
        loaded(EXAMPLE.read_text() + "\n[later]\nadded = true\n")


def test_a_record_of_an_older_version_is_valid_without_it() -> None:
    text = EXAMPLE.read_text()
    older = re.sub(r'\ndocument = ".*"', "", text)
    assert older != text
    loaded(older)


def test_two_equal_builds_have_it_and_are_equal(tmp_path: Path) -> None:
    records = []
    for name in ("one", "another-home"):
        builder = Builder(tmp_path / name)
        builder.build(builder.aport())
        assert read(builder.record_file()).digests.document is not None
        records.append(builder.record_file().read_bytes())
    assert records[0] == records[1]


def test_the_program_in_the_manual_computes_all_four(tmp_path: Path) -> None:
    """Whoever writes a checker in another language starts from it."""
    manual = (ROOT / "docs" / "buildinfo.md").read_text()
    [script] = re.findall(r"```python\n(.*?)```", manual, re.DOTALL)
    (tmp_path / "check.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "check.py", EXAMPLE], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [
        (name, "True") for name in ("source", "environment", "outputs", "document")
    ]
