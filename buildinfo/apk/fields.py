"""Records of `X:value` lines, as apk reads them: packages of an index and of the installed database.

Source: apk-tools 3.0 `database.c` (`apk_db_fdb_read`) and `package.c` (`apk_pkgtmpl_add_info`), 2.14 likewise, and
trials with both. A line of less than two bytes ends a record, and so does the end of the file behind a newline. A line
that is no `X:value` makes the whole file unreadable. A field may stand anywhere in its record; of one that repeats, the
last counts, but lists add up. Numbers end where the digits end. Fields that apk does not know it passes over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

END: Final = re.compile(rb"\n[^\n]?(?:\n|\Z)")
"""What stands between two records, or behind the last one."""
_LISTS: Final = frozenset("Dpir")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")


def read_fields(lines: Iterable[str]) -> dict[str, str]:
    """The fields of one record: letter -> value.

    Args:
        lines: its lines, none shorter than two bytes.

    Raises:
        ValueError: a line is no `X:value`.
    """
    fields: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for line in lines:
        if line[1:2] != ":":
            raise ValueError(line)
        letter, value = line[0], line[2:]
        fields[letter] = value
        if letter in _LISTS:
            lists.setdefault(letter, []).append(value)
    for letter, values in lists.items():
        fields[letter] = " ".join(values)
    return fields


def number(text: str | None) -> int | None:
    """A number as apk reads it; None where there is none."""
    match = _NUMBER.match(text or "")
    return int(match[0]) if match else None
