"""Fixtures: builders with the hooks enabled, on the stand-in and on the real abuild."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import CORPUS, ROOT, Builder
from hypothesis import settings

# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

#: The reason of a skip that no other machine set-up would mend: the abuild that is tested is older.
NEWER = re.compile(r"needs abuild \d+\.\d+ or newer.*")


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A builder on the stand-in."""
    return Builder(tmp_path / "home")


@pytest.fixture
def builders(tmp_path: Path) -> Callable[..., Builder]:
    """Makes further builders on the stand-in, each in a home of its own."""
    return lambda name, **options: Builder(tmp_path / name, **options)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], None]]:
    """Mounts a file system of so many KiB on a folder."""
    mounted: list[Path] = []

    def mount(folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs to mount a small file system")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real packages, indices and databases."""
    if not CORPUS.is_dir():
        pytest.skip("needs the corpus of real files in ../shared/corpus")
    return CORPUS


def _unprivileged() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


@pytest.fixture(scope="session")
def real_home() -> Iterator[Path]:
    """A folder that an unprivileged user may enter, where rootbld puts nothing of its own over it."""
    if shutil.which("abuild") is None:
        pytest.skip("needs the real abuild on PATH")
    place = "/srv" if os.access("/srv", os.W_OK) else "/var/tmp"
    folder = Path(tempfile.mkdtemp(prefix="buildinfo-test.", dir=place))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def real_key(real_home: Path) -> Iterator[Path]:
    """A signing key whose public half apk trusts while the tests run."""
    key = real_home / f"{real_home.name}.rsa"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", f"{key}.pub"], check=True, capture_output=True)
    key.chmod(0o644)
    trusted = Path("/etc/apk/keys", f"{key.name}.pub")
    if not os.access(trusted.parent, os.W_OK):
        pytest.skip("needs to put a test key into /etc/apk/keys")
    shutil.copy(f"{key}.pub", trusted)
    trusted.chmod(0o644)
    yield key
    trusted.unlink(missing_ok=True)


@pytest.fixture
def real(real_home: Path, real_key: Path, request: pytest.FixtureRequest) -> Callable[..., Builder]:
    """Makes builders on the real abuild, unprivileged ones where the tests run as root."""

    def make(name: str = "home", *, root: bool = False) -> Builder:
        home = real_home / f"{request.node.name.translate(str.maketrans('[]/ ', '____'))[:60]}.{name}"
        uid = None if root else _unprivileged()
        if uid is not None:
            probe = [sys.executable, "-I", "-c", "import buildinfo"]
            if subprocess.run(probe, user=uid, cwd="/", capture_output=True, check=False).returncode != 0:
                pytest.skip(
                    f"needs a Python and a checkout that an unprivileged user may read, not {sys.executable}, {ROOT}"
                )
        home.mkdir()
        made = Builder(home, uid=uid)
        tested = Path(str(shutil.which("abuild"))).parent
        # What rootbld of abuild before 3.18 asks for.
        (home / "distfiles").mkdir()
        made.environment["APORTSDIR"] = str(made.aports)
        made.environment["USER"] = pwd.getpwuid(os.geteuid() if uid is None else uid).pw_name
        made.environment["PATH"] = f"{tested}:/usr/sbin:/usr/bin:/sbin:/bin"
        for half in (real_key, Path(f"{real_key}.pub")):
            shutil.copy(half, made.config.parent)
        made.config.write_text(f'PACKAGER_PRIVKEY="{made.config.parent / real_key.name}"\n' + made.config.read_text())
        made.own()
        return made

    return make


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if a test is skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --no-skips a test that could not run is a failure, unless it asks for a newer abuild than is tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None:
        reasons = [skip_reason(report) for report in reporter.getreports("skipped")]
        if any(NEWER.fullmatch(reason) is None for reason in reasons):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def skip_reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not run, so that nobody takes it for passed."""
    for report in terminalreporter.getreports("skipped"):
        terminalreporter.write_line(f"not run: {report.nodeid}: {skip_reason(report)}")
