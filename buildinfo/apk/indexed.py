"""The record of a package in an index: made of the package, as `apk index` makes it, and compared with what one says.

Source: apk-tools 2.14 and 3.0 `package.c` (`read_info_line`, `apk_pkgtmpl_add_info`, `apk_pkg_write_index_header`,
`write_depends`). A record is a mapping of field letters to text. Of a package it has all fields that apk reads of an
index; what is empty or 0 is left out, but for `S I T U L`, which apk writes always.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from buildinfo.apk.fields import number

FIELDS: Final = "CPVASITULomtckDpi"
"""What apk reads of a record in an index, in the order in which it writes it."""
MAX_LINE: Final = 1 << 16
"""Most bytes of a line; apk stops reading at one that does not fit into its 128 KiB."""
NOARCH: Final = "noarch"

_ALWAYS: Final = "CPVSITUL"
_NUMBERS: Final = "SItk"
_LISTS: Final = "Dpi"
_KEYS: Final = {
    b"pkgname": "P",
    b"pkgver": "V",
    b"pkgdesc": "T",
    b"url": "U",
    b"size": "I",
    b"license": "L",
    b"arch": "A",
    b"depend": "D",
    b"install_if": "i",
    b"provides": "p",
    b"origin": "o",
    b"maintainer": "m",
    b"builddate": "t",
    b"commit": "c",
    b"provider_priority": "k",
}
_SHAPES: Final = {
    "C": re.compile(r"Q1[A-Za-z0-9+/]{27}="),
    "P": re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*"),
    "V": re.compile(r"[0-9][A-Za-z0-9_.~+-]*"),
    "A": re.compile(r"[A-Za-z0-9_.-]+"),
    **dict.fromkeys(_NUMBERS, re.compile(r"0|[1-9][0-9]{0,17}")),
}
_TEXT: Final = re.compile(r"[^\0-\x1f\x7f]*")
_PROSE: Final = re.compile(r"[^\0-\x08\x0a-\x1f\x7f]*")
"""A tab may stand in what only people read."""
_RELATION: Final = re.compile(r"(!?)([^<>=~]*)([<>=~]*)(.*)", re.DOTALL)


def record_of(identity: str, size: int, pkginfo: bytes) -> dict[str, str] | None:
    """The record of a package.

    Args:
        identity: its `C:`.
        size: of its file, bytes.
        pkginfo: its `.PKGINFO`. apk passes over lines without ` = `, takes the last of a key, and adds lists up.

    Returns:
        None where an index cannot hold it: a control character, a name that is none, an endless line.
    """
    found = {"C": identity, "S": str(size)}
    for line in pkginfo.split(b"\n"):
        if len(line) > MAX_LINE:
            return None
        key, equals, value = line.partition(b" = ")
        if equals and not line.startswith(b"#") and (letter := _KEYS.get(key)) is not None:
            text = value.decode("utf-8", "surrogateescape")
            if letter in _LISTS and text.startswith(" "):  # apk reads a relation without a name
                return None
            found[letter] = f"{found[letter]} {text}" if letter in _LISTS and letter in found else text
    made = _plain(found)
    return made if is_record(made) else None


def is_record(record: Mapping[str, str]) -> bool:
    """Whether a mapping is a record as `record_of` makes them."""
    if not set(record) <= set(FIELDS) or not set(_ALWAYS) <= set(record):
        return False
    for letter, value in record.items():
        shape = _SHAPES.get(letter) or (_PROSE if letter in "TULm" else _TEXT)
        if shape.fullmatch(value) is None or len(value) > MAX_LINE:
            return False
    return True


def in_words(record: Mapping[str, str] | None) -> dict[str, str] | None:
    """The record for a document of text; None where it holds something else than printable text."""
    if record is None or not all(value.isprintable() for value in record.values()):
        return None
    return dict(record)


def lie(said: Mapping[str, str], package: Mapping[str, str], places: Iterable[str]) -> str | None:
    """What a record of an index says that is not so; None if apk reads the same of it as of the package.

    Args:
        said: the record as apk reads it; fields that apk passes over are passed over.
        package: as `record_of` makes it.
        places: the architectures of the index: `apk index --rewrite-arch` gives one of them to what is `noarch`.
    """
    unknown = sorted(filter(_is_told, said))
    if unknown:
        return f"it has a field {ascii(unknown[0])[1:-1]}, with which apk installs nothing"
    read = _plain(said)
    for letter in FIELDS:
        mine, theirs = package.get(letter, ""), read.get(letter, "")
        if letter in _LISTS:
            same = Counter(map(_relation, _words(mine))) == Counter(map(_relation, _words(theirs)))
        elif letter == "A" and mine == NOARCH:
            same = theirs == NOARCH or theirs in places
        else:
            same = mine == theirs
        if not same:
            return f"its {letter}: is not the package's"
    return None


def written(said: Mapping[str, str], package: Mapping[str, str]) -> bytes:
    """The record of a package as a file APKINDEX has it, with the empty line that ends it.

    All of it is the package's. From the index it has the architecture, and the order of relations, once `lie` found
    nothing: so what `apk index` wrote is written again byte for byte.
    """
    fields = dict(package)
    if "A" in package:
        fields["A"] = said.get("A", package["A"])
    for letter in _LISTS:
        if letter in package:
            fields[letter] = _in_order(_words(package[letter]), _words(said[letter]))
    lines = [f"{letter}:{fields[letter]}\n" for letter in FIELDS if letter in fields]
    return ("".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _in_order(mine: list[str], theirs: list[str]) -> str:
    """The relations of a package in the order of others that are the same in other words."""
    waiting: dict[tuple[object, ...], list[str]] = {}
    for word in reversed(mine):
        waiting.setdefault(_relation(word), []).append(word)
    ordered = (waiting[_relation(word)].pop() for word in theirs)
    return " ".join(map(_in_apks_words, ordered))


def _plain(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields as apk writes what it read of them."""
    found: dict[str, str] = {}
    for letter in FIELDS:
        value = fields.get(letter, "")
        if letter in _NUMBERS:
            value = str(number(value) or 0)
            if letter in "tk" and value == "0":
                continue
        elif letter in _LISTS:
            value = " ".join(_words(value))
        if value or letter in _ALWAYS:
            found[letter] = value
    return found


def _words(value: str) -> list[str]:
    """The relations of a list; apk parts them at blanks and at nothing else."""
    return [word for word in value.split(" ") if word]


def _is_told(letter: str) -> bool:
    """Whether apk does not pass over a field that it does not know of an index."""
    return letter not in FIELDS and letter not in "FMRZ" and not ("a" <= letter <= "z")


def _relation(word: str) -> tuple[object, ...]:
    """What apk makes of a relation: `=~` is `~`, and `=>` is `>=`."""
    match = _RELATION.fullmatch(word)
    assert match is not None  # it matches everything
    conflict, name, operator, version = match.groups()
    signs = frozenset(operator) - ({"="} if "~" in operator else set())
    return conflict, name, signs, version


def _in_apks_words(word: str) -> str:
    conflict, name, signs, version = _relation(word)
    assert isinstance(signs, frozenset)
    operator = "><" if signs == {"<", ">"} else "".join(sign for sign in "<>=~" if sign in signs)
    return f"{conflict}{name}{operator}{version}"
