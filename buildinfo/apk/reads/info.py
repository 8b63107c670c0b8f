"""What apk reads of `.PKGINFO`.

Source: `apk_istream_get_delim` in `io.c`, `read_info_line` in `package.c` and `database.c` of apk-tools 2.14.4 and 3.0.
Lines end in newlines; one that does not fit the buffer ends reading. A line counts if it holds ` = ` and does not begin
with `#`. Of most keys the last value counts; relations add up.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_LINE: Final = 1 << 16
"""Bytes of a line that both apks are sure to read: their buffer has twice as many, and may be half full."""
LISTS: Final = frozenset((b"depend", b"provides", b"install_if", b"replaces"))
SINGLE: Final = frozenset(
    b"pkgname pkgver pkgdesc url size license arch origin maintainer builddate commit provider_priority "
    b"replaces_priority triggers datahash".split()
)
_LINES: Final = re.compile(rb"^(%s) = (.*)$" % b"|".join(sorted(LISTS | SINGLE)), re.MULTILINE).finditer
_LONG: Final = re.compile(rb"^[^\n]{%d}" % (MAX_LINE + 1), re.MULTILINE).search
_DIGITS: Final = re.compile(rb"[0-9]*").match


class Info(NamedTuple):
    """What a `.PKGINFO` says to apk.

    `values` are those of the keys that apk knows: one of `SINGLE`, those of `LISTS` in their order. `unpacks` says for
    apk 2.14 and 3.0 whether they unpack the package at all: one whose installed size is 0 they do not, and then run
    none of its scripts.
    """

    values: dict[bytes, tuple[bytes, ...]]
    unpacks: tuple[bool, bool]

    @property
    def triggers(self) -> tuple[bytes, ...]:
        """The folders that apk watches for the package."""
        return tuple(word for value in self.values.get(b"triggers", ()) for word in value.split(b" ") if word)


def refusal(raw: bytes) -> str | None:
    """Why apk does not read all of a `.PKGINFO`; None if it does."""
    if len(raw) > MAX_LINE and _LONG(raw):
        return f".PKGINFO has a line of more than {MAX_LINE} bytes, at which apk may stop reading it"
    return ".PKGINFO holds a NUL" if b"\0" in raw else None


def read_info(raw: bytes) -> Info:
    """What apk reads of a `.PKGINFO` that it reads whole: see `refusal`."""
    values: dict[bytes, list[bytes]] = {}
    for match in _LINES(raw):
        key, value = match.groups()
        if key in LISTS:
            values.setdefault(key, []).append(value)
        else:
            values[key] = [value]
    digits = _DIGITS(values.get(b"size", [b""])[-1])
    size = int(digits[0][-64:] or b"0") if digits else 0
    return Info({key: tuple(found) for key, found in values.items()}, (bool(size % (1 << 32)), bool(size % (1 << 64))))
