"""The settings of the hooks: shell variables named ``BUILDINFO_*``. hook.sh reads them by the same rules.

A yes or no is read as people write it. What is neither is told, and read so that nothing is lost, skipped or disclosed
by a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

PREFIX: Final = "BUILDINFO_"
#: Names of this project that no build reads.
OTHERS: Final = "BUILDINFO_TEST_"

_YES: Final = frozenset(("1", "y", "yes", "true", "on"))
_NO: Final = frozenset(("0", "n", "no", "false", "off"))


class Flag(NamedTuple):
    """What a yes or no is where it is not set or empty, and where it is neither."""

    default: bool
    unreadable: bool


FLAGS: Final[Mapping[str, Flag]] = {
    "BUILDINFO_STRICT": Flag(default=False, unreadable=True),
    "BUILDINFO_FINALIZE": Flag(default=True, unreadable=True),
    "BUILDINFO_KEEP": Flag(default=False, unreadable=True),
    "BUILDINFO_SIGN": Flag(default=False, unreadable=True),
    "BUILDINFO_OBSERVE": Flag(default=False, unreadable=False),
    "BUILDINFO_PATHS": Flag(default=False, unreadable=False),
    "BUILDINFO_QUIET": Flag(default=False, unreadable=False),
}
TEXTS: Final = (
    "BUILDINFO_CAPTURES",
    "BUILDINFO_ENVIRONMENT",
    "BUILDINFO_KEEP_PATHS",
    "BUILDINFO_LOG",
    "BUILDINFO_PATH_PATTERNS",
    "BUILDINFO_TOOLS",
)


def is_on(settings: Mapping[str, str], name: str) -> bool:
    """Whether the yes or no of this name in `FLAGS` is a yes."""
    flag = FLAGS[name]
    value = settings.get(name, "").lower()
    if not value:
        return flag.default
    return flag.unreadable if value not in _YES | _NO else value in _YES


def oddities(settings: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    """What the user would want to know of settings, one clause each; no value is shown.

    Args:
        settings: the values of those in `FLAGS` and `TEXTS` that are set.
        names: every name that is set, and begins with `PREFIX`.
    """
    for name, flag in FLAGS.items():
        if settings.get(name, "").lower() not in _YES | _NO | {""}:
            yield f"{name} is neither yes nor no, and read as {'yes' if flag.unreadable else 'no'}"
    log = settings.get("BUILDINFO_LOG", "")
    if log and not log.startswith("/"):
        yield "BUILDINFO_LOG is no absolute path, and nothing is written there"
    for name in sorted(set(names) - FLAGS.keys() - set(TEXTS)):
        if not name.startswith(OTHERS):
            yield f"no setting is named {name}"
