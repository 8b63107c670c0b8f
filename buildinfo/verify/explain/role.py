"""What a text is for, by its path: what configures or runs is read by a program, and nothing in it is a mere trace."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from buildinfo.verify.explain.hunk import Hunk

Role = Literal["setting", "script", "other"]

_SETTING: Final = re.compile(
    r"(?:^|/)etc/|\.(?:conf|cfg|cnf|ini|ya?ml|toml|json|properties|rc|env|service|socket|timer|mount|target|rules|policy|"
    r"desktop|nft|zone|cron|crontab|plist|reg|xml)$|(?:^|/)\.?(?:crontab|sudoers|fstab|hosts|passwd|group|profile|\w+rc)$"
)
_SCRIPT: Final = re.compile(
    r"(?:^|/)(?:s?bin|libexec|init\.d|cron\.\w+|profile\.d)/|\.(?:sh|bash|zsh|fish|ash|ksh|csh|py|rb|pl|pm|t|lua|m?js|cjs|php|"
    r"tcl|awk|sed|ps1|bat|cmd|groovy|gradle|scm|el|r|jl|sql|mk|pre-install|post-install|pre-upgrade|post-upgrade|trigger)$|"
    r"^\.(?:pre|post)-|^\.trigger$|(?:^|/)Makefile$"
)


_RECORD: Final = re.compile(r"\.(?:json|properties|xml|plist|m?js|el)$")
_REMARK: Final = re.compile(
    rb"\s*(?:#(?!!|\s*(?:define|if\w*|include|elif|else|pragma|undef|error|line)\b)|//|/\*|\s\*\s|;|--|<!--|rem\s|%)",
    re.IGNORECASE,
)


def of(hunk: Hunk) -> Role:
    """What the text that a hunk is from is for."""
    if hunk.kind not in ("text", "script", "order"):
        return "other"
    if hunk.kind == "script" or hunk.name.startswith("script"):
        return "script"
    return _by_path((hunk.where or hunk.file).rpartition("!/")[2])


def is_settled(hunk: Hunk) -> bool:
    """Whether somebody goes by a line: it stands in what configures or runs, and is no remark there."""
    return of(hunk) != "other" and not all(_REMARK.match(side) for side in (hunk.before, hunk.after))


def is_dated(hunk: Hunk) -> bool:
    """Whether somebody may go by a time in a line that no word tells of; records of data have many that nobody does."""
    path = (hunk.where or hunk.file).rpartition("!/")[2]
    return is_settled(hunk) and (path.startswith("etc/") or not _RECORD.search(path))


def is_run(hunk: Hunk) -> bool:
    """Whether a line is of a script, and is no remark there."""
    return of(hunk) == "script" and not all(_REMARK.match(side) for side in (hunk.before, hunk.after))


@lru_cache(maxsize=4096)
def _by_path(path: str) -> Role:
    if _SETTING.search(path):
        return "setting"
    return "script" if _SCRIPT.search(path) else "other"
