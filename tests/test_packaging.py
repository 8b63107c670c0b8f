"""The aport of this project: the real abuild makes packages of it, and what they install works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from building import ROOT, Builder
from releasing import made

import buildinfo
from buildinfo.apk.v2 import Package, read_package

#: abuild builds with the machine's own Python, as on Alpine, and not with that of the tests.
PYTHON = Path("/usr/bin/python3")
NAME = "abuild-buildinfo"
APKBUILD = ROOT / "packaging" / "APKBUILD"


def test_the_aport_is_of_this_version() -> None:
    assert re.findall(r"^pkgver=(.*)$", APKBUILD.read_text(), re.MULTILINE) == [buildinfo.__version__]


@pytest.fixture
def built(real: Callable[..., Builder], tmp_path: Path) -> Builder:
    """Somebody who has built the aport as `make aport` makes it."""
    for module in ("gpep517", "installer"):
        pytest.importorskip(module, reason=f"needs {module}")
    if not PYTHON.exists() or _version(PYTHON) != sysconfig.get_python_version():
        pytest.skip(f"needs {PYTHON} to be of the version that runs the tests")
    builder = real()
    aport = builder.aports / "main" / NAME
    aport.mkdir(parents=True)
    shutil.copy(next(made(tmp_path / "copy", 0o022, 1_700_000_000, "UTC").glob("*.tar.gz")), aport)
    text = APKBUILD.read_text()
    (aport / "APKBUILD").write_text(f'{text}options="!tracedeps" # no package is installed here\n')
    builder.own()
    programs = Path(builder.home, "bin")
    programs.mkdir()
    (programs / "gpep517").write_text(f'#!/bin/sh\nexec {PYTHON} -m gpep517 "$@"\n')
    (programs / "gpep517").chmod(0o755)
    environment = {
        "PATH": f"{programs}:{builder.environment['PATH']}",
        "PYTHONPATH": sysconfig.get_path("purelib"),  # the tests' modules stand for py3-gpep517 and so on
        "DEB_PYTHON_INSTALL_LAYOUT": "deb",  # Debian's Python would choose /usr/local
    }
    force = ["-F"] if builder.uid is None else []
    builder.run("abuild", *force, "checksum", cwd=aport, **environment)
    builder.run("abuild", *force, "-d", cwd=aport, **environment)
    return builder


def _version(python: Path) -> str:
    command = [python, "-c", "import sysconfig; print(sysconfig.get_python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _files(package: Package) -> set[str]:
    return {member.name for member in package.members if not member.name.endswith("/")}


@pytest.mark.real
def test_abuild_makes_packages_that_work(built: Builder, tmp_path: Path) -> None:
    paths = {path.name.removesuffix(f"-{buildinfo.__version__}-r0.apk"): path for path in built.packages()}
    parts = ("", "-bash-completion", "-doc", "-fish-completion", "-pyc", "-zsh-completion")
    assert set(paths) == {f"{NAME}{part}" for part in parts}

    packages = {name: read_package(path) for name, path in paths.items()}
    main = packages[NAME]
    assert set(main.pkginfo.all("depend")) >= {"python3", "py3-pydantic", "py3-cryptography", "py3-elftools"}
    assert {"usr/bin/abuild-buildinfo", "usr/share/abuild-buildinfo/hooks/hook.sh"} <= _files(main)
    assert not any("__pycache__" in name or name.startswith("usr/share/man") for name in _files(main))
    assert {"usr/share/man/man1/abuild-buildinfo-verify.1.gz", "usr/share/man/man5/buildinfo.toml.5.gz"} <= _files(
        packages[f"{NAME}-doc"]
    )
    for shell, place in (
        ("bash", "bash-completion/completions/abuild-buildinfo"),
        ("fish", "fish/vendor_completions.d/abuild-buildinfo.fish"),
        ("zsh", "zsh/site-functions/_abuild-buildinfo"),
    ):
        assert _files(packages[f"{NAME}-{shell}-completion"]) == {f"usr/share/{place}"}

    record = built.repodest / "main" / "x86_64" / f"{NAME}-{buildinfo.__version__}-r0.x86_64.buildinfo.toml"
    assert record.exists(), "the hooks recorded the build of their own package"

    python = _installed(tmp_path / "root", [paths[NAME], paths[f"{NAME}-pyc"]])
    user = Builder(tmp_path / "user")
    shutil.rmtree(user.hooks)
    user.config.unlink()
    said = user.run(python, "-I", "-m", "buildinfo", "enable", cwd=tmp_path).stdout
    assert "installed" in said
    assert f"'{python}'" in (user.hooks / "program.sh").read_text()
    checks = user.run(python, "-I", "-m", "buildinfo", "doctor", cwd=tmp_path, check=False).stdout
    assert re.search(r"^ok .*hook", checks, re.MULTILINE), checks
    user.build(user.aport())
    assert user.record()["generator"] == f"{NAME} {buildinfo.__version__}"


def _installed(root: Path, packages: list[Path]) -> Path:
    """A Python whose prefix is a root with these packages, and which finds what they depend on in that of the tests."""
    root.mkdir()
    for package in packages:
        subprocess.run(["tar", "-xzf", package, "-C", root, "--warning=no-unknown-keyword"], check=True)
    usr = root / "usr"
    found = next((usr / "lib").glob("python3*/*-packages"))
    site = usr / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    (site / "dependencies.pth").write_text(f"{found}\n{sysconfig.get_path('purelib')}\n")
    (usr / "pyvenv.cfg").write_text(f"home = {PYTHON.parent}\n")
    python = usr / "bin" / "python3"
    python.symlink_to(PYTHON)
    assert Path(sys.prefix) != usr
    return python
