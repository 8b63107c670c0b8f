"""What is released: that it is whole, and the same bytes whoever makes it."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from building import ROOT
from releasing import made, tracked

from buildinfo.cli import COMMANDS


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("dist") / "one", 0o022, 1_700_000_000, "UTC")


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


@pytest.fixture(scope="module")
def sdist(dist: Path) -> dict[str, bytes | None]:
    """Path -> content; None for what is no file."""
    found: dict[str, bytes | None] = {}
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        for member in archive:
            file = archive.extractfile(member)
            found[member.name.partition("/")[2]] = None if file is None else file.read()
    return found


def test_another_folder_umask_time_and_zone_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    other = made(tmp_path / "elsewhere" / "two", 0o077, 1_750_000_001, "Asia/Tokyo")
    assert sorted(path.name for path in other.iterdir()) == sorted(path.name for path in dist.iterdir())
    for path in dist.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_the_sdist_is_the_checkout_byte_for_byte(sdist: dict[str, bytes | None]) -> None:
    """Tests, documents and all: what is missing cannot be packaged or tested, what is too much was never looked at."""
    added = {"PKG-INFO", "setup.cfg"}
    files = {name: content for name, content in sdist.items() if content is not None and name not in added}
    files = {name: content for name, content in files.items() if not name.startswith("abuild_buildinfo.egg-info/")}
    rendered = {name for name in files if name.startswith("man/") and not name.endswith(".scd")}
    assert sorted(files.keys() - rendered) == tracked()
    assert [name for name in tracked() if files[name] != (ROOT / name).read_bytes()] == []


def test_whoever_installs_the_sdist_needs_no_scdoc(sdist: dict[str, bytes | None]) -> None:
    assert {f"man/abuild-buildinfo-{name}.1" for name in COMMANDS} < sdist.keys()
    page = sdist["man/abuild-buildinfo-verify.1"]
    assert page is not None
    assert b".TH" in page


def test_the_wheel_has_everything_that_is_not_python(wheel: zipfile.ZipFile) -> None:
    names = {name.partition(".data/data/share/")[2] or name for name in wheel.namelist()}
    assert names >= {
        *(f"abuild-buildinfo/hooks/{path.name}" for path in (ROOT / "abuild-hooks").glob("*.sh")),
        *(f"man/man1/abuild-buildinfo-{name}.1" for name in COMMANDS),
        "man/man1/abuild-buildinfo.1",
        "man/man5/abuild-buildinfo-settings.5",
        "man/man5/buildinfo.toml.5",
        "bash-completion/completions/abuild-buildinfo",
        "zsh/site-functions/_abuild-buildinfo",
        "fish/vendor_completions.d/abuild-buildinfo.fish",
        "buildinfo/py.typed",
    }
    data = [path for path in (ROOT / "buildinfo").rglob("*.*") if path.suffix in (".css", ".js")]
    assert {str(path.relative_to(ROOT)) for path in data} <= names
    assert not any(name.startswith(("tests/", "buildinfo/cli/manual")) for name in names)


def test_the_wheel_says_its_licence_as_spdx(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License"] is None
    assert wheel.read(name.replace("METADATA", "licenses/LICENSE")) == (ROOT / "LICENSE").read_bytes()


def test_pages_and_completions_need_only_the_standard_library(tmp_path: Path) -> None:
    """A wheel is built where nothing else is installed; so is what --help and TAB are made of."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from buildinfo.cli.manual.__main__ import main; "
    for what in ("pages", "completions"):
        command = [sys.executable, "-I", "-S", "-c", f"{program} sys.exit(main([{what!r}, {str(tmp_path)!r}]))"]
        assert subprocess.run(command, check=False).returncode == 0
