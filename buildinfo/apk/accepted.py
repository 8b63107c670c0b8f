"""What apk's tar reader takes of the headers of one member; what we write is judged by it, not by tar's standard.

Source: `apk_tar_parse` in apk-tools 3.0 (`tar.c`). 2.14 refuses less, and reads wrong numbers and names instead.
"""

from __future__ import annotations

import re
from typing import Final

from buildinfo.apk.tarpatch import NUMBERS, Headers, Number

MAX_PATH: Final = 4096 - 10
"""Names and link targets have to be shorter than this."""
_READ: Final[tuple[Number, ...]] = ("mode", "uid", "gid", "size", "mtime", "devmajor", "devminor")
_OCTAL: Final = re.compile(rb"[0-7]*[ \0]*").fullmatch
_TYPES: Final = frozenset(b"01234567")
_LONG_LINK: Final = ord("K")


def refusal(raw: bytes) -> str | None:
    """Why apk would not read these header blocks as they are meant; None if it does.

    Args:
        raw: the header blocks of one member, as `Member.raw_headers` has them.
    """
    headers = Headers.parse(raw)
    for block in (*(block for block, _ in headers.extended), bytes(headers.block)):
        for field in _READ:
            if not _OCTAL(block, NUMBERS[field].start, NUMBERS[field].stop):
                return f"{field} is no octal number that fits its field"
        if block[156] == _LONG_LINK:
            return "a long link target in GNU's way, which it cuts"
    if len(raw) > MAX_PATH and max(len(headers.name), len(headers.linkname)) >= MAX_PATH:
        return f"a name of {MAX_PATH} bytes or more"
    if headers.block[156] not in _TYPES:
        return "a type that it passes over"
    return None
