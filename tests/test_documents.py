"""What the documents promise: that what they link to is there, and that what they quote is real."""

from __future__ import annotations

import re

import pytest
from building import ROOT

from buildinfo.cli import COMMANDS

DOCUMENTS = [ROOT / "README.md", ROOT / "schemas" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: object) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())  # type: ignore[attr-defined]
    assert [link for link in links if not (document.parent / link).exists()] == []  # type: ignore[attr-defined]


def test_the_record_in_the_readme_is_a_part_of_a_real_one() -> None:
    shown = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    real = (ROOT / "schemas" / "example.buildinfo.toml").read_text().splitlines()
    assert [line for line in shown[1].splitlines() if line not in real] == []


def test_the_picture_has_words_for_those_who_do_not_see_it() -> None:
    words = re.search(r"!\[([^]]*)\]\(docs/report\.png\)", README)
    assert words is not None
    assert "payload-identical" in words[1]
    assert (ROOT / "docs" / "report.png").stat().st_size < 150_000


def test_every_command_is_in_the_list() -> None:
    listed = re.findall(r"^\| `([a-z-]+)", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert list(dict.fromkeys(listed)) == list(COMMANDS)
