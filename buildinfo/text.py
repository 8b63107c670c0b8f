"""Text from files, for people and for programs: nothing in it steers a terminal, and no JSON has a lone surrogate.

A name is bytes and need not be UTF-8; Python's `surrogateescape` keeps such bytes as U+DC80 to U+DCFF. In JSON one is
`\\xNN`, two lower-case hexadecimal digits. A backslash that stands before such digits is `\\x5c`, so that the bytes can
be had again: whatever looks like `\\xNN` is the byte NN.
"""

from __future__ import annotations

import re
from typing import Any, Final

STEERING: Final = (
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
"""What steers a terminal or is not seen there: controls, marks that turn the direction of text, and what is no text.

Line ends are not among them. Written out, since what Python takes for printable depends on its version."""

# Patterns are compiled when they are needed first: most commands need none of them.


def plain(text: str) -> str:
    """Text in one line that steers no terminal; what it has to spell out is for people and cannot be taken back."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _spelled(letter) for letter in text)


def named(name: str) -> str:
    """The name of a file as reports have it: bytes that are not UTF-8, or steer a terminal, as `\\xNN`."""
    if name.isprintable() and "\\x" not in name:
        return name
    apart = re.sub(r"\\(?=x[0-9a-f]{2})", r"\\x5c", name)
    return "".join(letter if letter.isprintable() else _in_bytes(letter) for letter in apart)


def unnamed(text: str) -> str:
    """The name that `named`, or a JSON document, has so; bytes that are not UTF-8 are surrogates again."""
    if "\\x" not in text:
        return text
    data = text.encode("utf-8", "surrogatepass")
    found = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes((int(match[1], 16),)), data)
    return found.decode("utf-8", "surrogateescape")


def to_json(document: Any, *, indent: int | None = 2, exact: bool = False) -> str:
    """A document as JSON in ASCII, for any terminal and any reader; without a newline at its end.

    Args:
        document: what `json` takes; text in it may have surrogates.
        indent: spaces for each level; None for one line.
        exact: its text is UTF-8 already, and backslashes in it stay: a parsed record.
    """
    import json

    made = json.dumps(document, indent=indent, ensure_ascii=False)
    if not exact:
        made = re.sub(r"\\\\(?=x[0-9a-f]{2})", r"\\\\x5c", made)
    return re.sub("[^\n -~]", _in_json, made)


def safe_json(made: str) -> str:
    """JSON text in which strings have what steers a terminal as JSON spells it, bytes that are not UTF-8 as `\\xNN`."""
    return re.sub(STEERING, _in_json, made)


def safe_toml(made: str) -> str:
    """TOML text in which strings have what steers a terminal as TOML spells it."""
    return re.sub(STEERING, _in_toml, made)


def _in_json(match: re.Match[str]) -> str:
    letter = match[0]
    if "\ud800" <= letter <= "\udfff":
        return f"\\{_spelled(letter)}"
    return "".join(f"\\u{unit:04x}" for unit in _units(letter))


def _in_toml(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\u{number:04X}" if number < 1 << 16 else f"\\U{number:08X}"


def _units(letter: str) -> list[int]:
    """The UTF-16 code units of a letter."""
    data = letter.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def _spelled(letter: str) -> str:
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\u{number:04x}" if 0x80 <= number < 0x100 else ascii(letter)[1:-1]


def _in_bytes(letter: str) -> str:
    try:
        data = letter.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = letter.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)
