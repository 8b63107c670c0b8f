"""The Python that the hooks call: this one, as ``python -I -m buildinfo``."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import buildinfo
from buildinfo.errors import MissingToolError
from buildinfo.install.places import NAME, absolute

_VERSION = "import buildinfo; print(buildinfo.__version__)"

#: Prints the distributions that we need and that are not there.
_LACKING = f"""
import re
from importlib import metadata
try:
    needed = metadata.requires("{NAME}") or []
except metadata.PackageNotFoundError:
    needed = []
for need in needed:
    if "extra ==" not in need:
        name = re.match("[A-Za-z0-9._-]+", need)[0]
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            print(name)
"""

_MEND = f"install {NAME} into a venv or for all users, not into a user site: python -I does not look there"


def python() -> Path:
    """This interpreter, not resolved: the python of a venv has to stay the venv's.

    Raises:
        MissingToolError: if it does not know its own path.
    """
    if not sys.executable:
        raise MissingToolError("this Python does not know its own path", mend="call it by its absolute path")
    return absolute(sys.executable)


def version_in(interpreter: Path) -> str:
    """The version of us that a Python imports when it is called as the hooks call it.

    Raises:
        MissingToolError: if it does not run, or cannot import us.
    """
    words = _ask(interpreter, _VERSION)
    if not words:
        raise MissingToolError("cannot import buildinfo when called with -I", where=interpreter, mend=_MEND)
    return words[0]


def lacking_in(interpreter: Path) -> list[str]:
    """The names of the libraries that we need and that such a Python lacks.

    Raises:
        MissingToolError: if it does not run.
    """
    return _ask(interpreter, _LACKING)


def _ask(interpreter: Path, question: str) -> list[str]:
    try:
        answer = subprocess.run(
            [interpreter, "-I", "-c", question],
            capture_output=True,
            check=False,
            cwd="/",
            timeout=60,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingToolError("does not run", where=interpreter, mend=_MEND) from error
    return answer.stdout.split() if answer.returncode == 0 else []


def check_own_python() -> None:
    """Refuse to name a Python to the hooks that would not find this version of us.

    Raises:
        MissingToolError: if it would not.
    """
    version = version_in(python())
    if version != buildinfo.__version__:
        what = f"imports buildinfo {version} when called with -I, but this is {buildinfo.__version__}"
        raise MissingToolError(what, where=python(), mend=_MEND)


def needed_by(interpreter: Path) -> tuple[Path, ...]:
    """What a user has to be able to read to call a Python for us."""
    return interpreter, interpreter.resolve(), Path(buildinfo.__file__).resolve()


def closed_to_others(*paths: Path) -> Path | None:
    """The first of some files, or of the folders on the way to them, that keeps other users out."""
    for path in paths:
        for place in (*reversed(path.parents), path):
            wanted = stat.S_IROTH if place == path else stat.S_IXOTH
            if not place.stat().st_mode & wanted:
                return place
    return None
