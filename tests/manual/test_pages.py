"""The man pages: that they render, name every option, and show commands that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from building import HOOKS, ROOT

from buildinfo.cli import COMMANDS, PROGRAM, parser_for
from buildinfo.cli.manual import pages
from buildinfo.cli.manual.tree import called, program

PAGES = pages()
#: What scdoc writes between all paragraphs, whatever its source.
OF_SCDOC = "skipping paragraph macro: PP "


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if shutil.which("scdoc") is None:
        pytest.skip("needs scdoc")
    folder = tmp_path_factory.mktemp("man")
    for name, source in PAGES.items():
        done = subprocess.run(["scdoc"], input=source.encode(), capture_output=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
        (folder / name).write_bytes(done.stdout)
    return {name: folder / name for name in PAGES}


def test_there_is_a_page_for_the_program_each_command_and_each_format() -> None:
    commands = {f"{PROGRAM}-{name}.1" for name in COMMANDS}
    assert set(PAGES) == commands | {f"{PROGRAM}.1", f"{PROGRAM}-settings.5", "buildinfo.toml.5"}


def test_man_renders_them_without_a_warning(rendered: dict[str, Path]) -> None:
    if shutil.which("groff") is None:
        pytest.skip("needs groff")
    for path in rendered.values():
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", path], capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_mandoc_which_alpine_has_takes_them(rendered: dict[str, Path]) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc")
    command = ["mandoc", "-T", "lint", "-W", "warning", *rendered.values()]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    assert [line for line in said if OF_SCDOC not in line] == []


@pytest.mark.parametrize("command", program().verbs, ids=lambda command: command.path)
def test_a_page_names_every_option_and_verb(command: object) -> None:
    page = PAGES[f"{called(command)}.1"]  # type: ignore[arg-type]
    for part in command.all():  # type: ignore[attr-defined]
        assert f"*{PROGRAM} {part.path}*" in page or part.verbs
        for option in part.options:
            assert ", ".join(f"*{flag}*" for flag in option.flags) in page


def test_every_setting_that_the_hooks_read_is_described() -> None:
    read = {name for path in HOOKS.glob("*.sh") for name in re.findall(r"\bBUILDINFO_[A-Z_]*[A-Z]\b", path.read_text())}
    described = set(re.findall(r"^\*(BUILDINFO_[A-Z_]+)\*$", PAGES[f"{PROGRAM}-settings.5"], re.MULTILINE))
    assert described == read, "docs/settings.md has the table"


def _shown() -> list[str]:
    """The commands that the pages and the documents show, one line each."""
    texts = [*PAGES.values(), *(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))]
    blocks = [block for text in texts for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return sorted({line.strip() for line in lines if line.strip().startswith(f"{PROGRAM} ")})


@pytest.mark.parametrize("line", _shown())
def test_what_the_documents_show_is_what_the_program_takes(line: str) -> None:
    words = shlex.split(re.split(r" (?:\||>|&&|;) ?", line)[0], comments=True)[1:]
    parser_for(words).parse_args(words)
