"""What TAB gives in bash, zsh and fish: what a user would otherwise look up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import shells

from buildinfo.cli import COMMANDS, main
from buildinfo.cli.manual.tree import program
from buildinfo.normalize.registry import NAMES
from buildinfo.verify.verdict import LADDER

SHELLS = {
    "bash": (shells.bash, "bash-completion/completions/abuild-buildinfo"),
    "fish": (shells.fish, "fish/vendor_completions.d/abuild-buildinfo.fish"),
    "zsh": (shells.zsh, "zsh/site-functions/_abuild-buildinfo"),
}
Ask = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    subprocess.run([sys.executable, "-m", "buildinfo.cli.manual", "completions", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody stands who types."""
    folder = tmp_path_factory.mktemp("folder")
    for name in ("one.apk", "two.apk", "one.buildinfo.toml", "APKINDEX.tar.gz", "my.rsa", "notes.txt"):
        (folder / name).touch()
    (folder / "packages").mkdir()
    return folder


@pytest.fixture(params=sorted(SHELLS))
def ask(request: pytest.FixtureRequest, share: Path, folder: Path) -> Ask:
    shell, script = SHELLS[request.param]
    return lambda words: {
        # A shell that has the rest of the word already gives only what comes behind it, or the whole word.
        match.rpartition("=")[2].rpartition(",")[2].rstrip("/")
        for match in shell(folder, share / script, f"abuild-buildinfo {words}")
    }


def test_commands_come_first(ask: Ask) -> None:
    assert ask("") >= set(COMMANDS)
    assert ask("ver") == {"verify"}


@pytest.mark.parametrize("command", [command for command in program().all() if command.words], ids=lambda it: it.path)
def test_every_option_of_every_command_is_known(share: Path, folder: Path, command: object) -> None:
    """In bash: the same list makes the others."""
    flags = {flag for option in command.options for flag in option.flags}  # type: ignore[attr-defined]
    script = share / SHELLS["bash"][1]
    assert shells.bash(folder, script, f"abuild-buildinfo {command.path} -") == flags  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("verify --at-l", {"--at-least"}),
        ("verify --at-least identical-", {"identical-unsigned", "identical-normalized"}),
        ("verify --at-least ", set(LADDER) | {"different"}),
        ("verify --format=s", {"sarif"}),
        ("verify --original-record x --format h", {"html"}),
        ("signature ", {"list", "extract", "strip", "graft", "add", "verify"}),
        ("signature graft --fr", {"--from"}),
        ("signature add --type RSA2", {"RSA256"}),
        ("index rep", {"reproduced"}),
        ("index reproduced --at-least pay", {"payload-identical"}),
        ("normalize --handlers gz", {"gzip"}),
        ("normalize --handlers all,-gz", {"-gzip"}),
        ("normalize --timestamps ", {"clamp", "set"}),
        ("schema ver", {"verify"}),
    ],
)
def test_words_are_completed(ask: Ask, typed: str, given: set[str]) -> None:
    assert ask(typed) == given


def test_all_handlers_are_offered(ask: Ask) -> None:
    assert ask("normalize --handlers ") >= NAMES | {"all", "leaks"}


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("verify o", {"one.apk"}),
        ("verify one.apk -j 2 tw", {"two.apk"}),
        ("verify --output verify ", {"one.apk", "two.apk", "packages"}),
        ("signature verify --keys p", {"packages"}),
        ("signature verify A", {"APKINDEX.tar.gz"}),
        ("signature add --key ", {"my.rsa", "packages"}),
        ("validate one", {"one.buildinfo.toml"}),
        ("show ", {"one.apk", "two.apk", "one.buildinfo.toml", "APKINDEX.tar.gz", "packages"}),
        ("finalize --packages ", {"packages"}),
        ("normalize n", {"notes.txt"}),
    ],
)
def test_files_are_of_the_kind_that_is_meant(
    ask: Ask, request: pytest.FixtureRequest, typed: str, given: set[str]
) -> None:
    """fish names those of the kind first, and others behind them."""
    found = ask(typed)
    if "[fish-" in request.node.name and "finalize" not in typed:
        assert found >= given
    else:
        assert found == given


def test_bash_completion_finds_the_file_where_it_is_installed(share: Path, folder: Path) -> None:
    """By its name alone, as bash-completion loads it at the first TAB."""
    loader = Path("/usr/share/bash-completion/bash_completion")
    if not loader.exists():
        pytest.skip("needs bash-completion")
    name = "abuild-buildinfo"
    ask = f". {loader}; _completion_loader {name} 2>/dev/null || _comp_load {name}; complete -p {name}"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_DIRS": str(share)}
    done = subprocess.run(
        [shells.needed("bash"), "-c", ask], env=environment, capture_output=True, text=True, check=False
    )
    assert "-F _abuild_buildinfo abuild-buildinfo" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_completions_tell_options_as_the_program_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is read from the parsers is what --help says of them."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    said = capsys.readouterr().out
    command = next(command for command in program().verbs if command.words == (name,))
    assert all(flag in said for option in command.options for flag in option.flags)
    assert all(verb.words[-1] in said for verb in command.verbs)


def test_the_script_for_bash_is_sound(share: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck")
    command = ["shellcheck", "--shell=bash", "--exclude=SC2034", share / SHELLS["bash"][1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == ""
