"""Times for people: what headers and .PKGINFO say in seconds, as a date."""

from __future__ import annotations

import datetime
import re
from typing import Final

FIELDS: Final = frozenset(("mtime", "atime", "ctime", "builddate"))
"""Fields whose values are seconds since 1970."""

_SECONDS: Final = re.compile(r"(-?[0-9]{1,12})(\.[0-9]+)?").fullmatch


def moment(value: str) -> str:
    """Seconds since 1970 as a date in UTC; what is no such number, or beyond the year 9999, stays as it is."""
    found = _SECONDS(value)
    if found is None:
        return value
    try:
        time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(found[1]))
    except OverflowError:
        return value
    return f"{time:%Y-%m-%d %H:%M:%S}{found[2] or ''}Z" if time.year > 999 else value
