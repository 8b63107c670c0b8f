"""The ``# secfixes:`` comment of an APKBUILD as data.

Grammar and deviations: found in real aports (linux-lts, git, python3, ncurses and the security database). As abuild
reads it (``check_secfixes_comment``), the block goes to the first line that does not begin with ``#``: a bare ``#`` or
a remark is a line in it, and a file may have several. Stripped of its leading ``#`` the block is YAML, a mapping from
version to a list of strings; it is read by hand, since a YAML reader turns the version ``0`` into a number and fails on
what people really wrote.
"""

from __future__ import annotations

import re

from buildinfo.model import Fix, SecurityFixes, Text, as_text

_BEGIN = re.compile(r"#\s*secfixes:(?:\s.*)?")
#: abuild wants a colon behind it; where that is missing, what follows still is of no other version.
_VERSION = re.compile(r"#\s+([0-9][^\s:]*)\s*:?\s*(?:#.*)?")
_ITEM = re.compile(r"#\s+-\s+(.*?)\s*")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_REMARK = re.compile(r"\([^)]*\)?")
REJECTED = "0"


def parse(apkbuild: str) -> SecurityFixes | None:
    """Find and read the block.

    Args:
        apkbuild: the text of an APKBUILD.

    Returns:
        None where there is no block.
    """
    fixed: list[Fix] = []
    rejected: list[Text] = []
    version: str | None = None
    inside = found_any = False
    for line in apkbuild.split("\n"):
        if _BEGIN.fullmatch(line):
            inside = found_any = True
            version = None
        elif not line.startswith("#"):
            inside = False
        elif inside and (found := _VERSION.fullmatch(line)):
            version = found.group(1)
            if version != REJECTED:
                fixed.append(Fix(version=version))
        elif inside and version is not None and (found := _ITEM.fullmatch(line)):
            item = _item(found.group(1))
            if version == REJECTED:
                rejected += item.ids
                rejected += item.aliases
            else:
                _extend(fixed[-1], item)
    if not found_any:
        return None
    return SecurityFixes(fixed=fixed, rejected=rejected)


def _item(text: str) -> Fix:
    """One list item: several ids may stand in it, remarks in parentheses behind or between them."""
    fix = Fix(version="", remarks=[as_text(remark.strip()) for remark in _REMARK.findall(text)])
    for word in (word.strip(",;") for word in _REMARK.sub(" ", text).split()):
        if _CVE.fullmatch(word):
            fix.ids.append(word)
        elif "-" in word and any(letter.isdigit() for letter in word):
            fix.aliases.append(as_text(word))
        else:
            fix.remarks.append(as_text(word))
    return fix


def _extend(fix: Fix, item: Fix) -> None:
    fix.ids += [entry for entry in dict.fromkeys(item.ids) if entry not in fix.ids]
    for into, new in ((fix.aliases, item.aliases), (fix.remarks, item.remarks)):
        into += [entry for entry in new if entry not in into]
