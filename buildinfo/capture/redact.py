"""What a record may say of paths and URLs: never a home, a user's name in a path, or a credential."""

from __future__ import annotations

import re
from collections.abc import Mapping

from buildinfo.capture.addresses import addresses
from buildinfo.capture.secrets import cut_secrets

#: Variables whose value may begin a path in another value, as placeholders in that value.
PREFIXES = ("startdir", "srcdir", "builddir", "pkgbasedir", "tmpdir", "REPODEST", "SRCDEST", "CBUILDROOT", "HOME")

_JOBS = re.compile(r"(-j\s*)?(\d+)")
_JOB_VARIABLES = frozenset(
    ["MAKEFLAGS", "SAMUFLAGS", "GNUMAKEFLAGS", "CARGO_BUILD_JOBS", "CMAKE_BUILD_PARALLEL_LEVEL", "CTEST_PARALLEL_LEVEL"]
)


def public_url(value: str) -> str:
    """A URL that an APKBUILD says: without user information. Query and fragment name what is fetched."""
    return "".join(addresses(value, queries=True))


def remote_url(value: str) -> str | None:
    """The URL of a git remote that others can use; None for a folder of this machine.

    ``user@host:path`` loses its user.
    """
    value = value.strip()
    if value.startswith("file:"):
        return None
    if "://" in value:
        return cut_secrets(value)
    match = re.fullmatch(r"(?:[^@/:\s]+@)?([^@/:\s]+:[^:@\s][^@\s]*)", value)
    return cut_secrets(match.group(1)) if match else None


class Placeholders:
    """Replaces known paths by ``{startdir}`` and so on, the longest first.

    A known path is replaced wherever it ends as a path does, whatever stands before it (``-I/home/...``):
    better an odd record than a name that was not to be told. A brace that stands
    in a value is doubled, so that the value can be had back.

    Args:
        paths: variable name -> path, several mappings where the inside and the outside of rootbld differ;
            the first that has a path gives it its name.
    """

    def __init__(self, *paths: Mapping[str, str]) -> None:
        named: dict[str, str] = {}
        for mapping in paths:
            for name in PREFIXES:
                path = mapping.get(name, "").rstrip("/")
                if path.startswith("/"):
                    named.setdefault(path, name)
        self._named = named
        longest_first = "|".join(map(re.escape, sorted(named, key=len, reverse=True)))
        self._pattern = re.compile(f"(?:{longest_first})(?=$|[^A-Za-z0-9_.~+-])") if named else None

    def apply(self, value: str) -> str:
        """The value with known paths replaced."""
        value = value.replace("{", "{{")
        if self._pattern is None:
            return value
        shorter = re.sub(r"(?<!:)//+", "/", re.sub(r"/(?:\./)+", "/", value))
        if self._pattern.search(shorter):  # another spelling of a path that was not to be told
            value = shorter
        return self._pattern.sub(lambda match: "{" + self._named[match.group(0)] + "}", value)


def jobs(name: str, value: str, *counts: str) -> str:
    """The value of a variable with the number of jobs replaced by ``{jobs}``, where it is nothing else.

    Args:
        name: the variable.
        value: its value.
        counts: JOBS, and the number of processors: before 3.18 abuild makes the others of that, whatever JOBS says.
    """
    match = _JOBS.fullmatch(value)
    if name in _JOB_VARIABLES and match and match.group(2) in counts:
        return f"{match.group(1) or ''}{{jobs}}"
    return value
