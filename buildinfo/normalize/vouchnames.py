"""Names that tell of signatures, and attributes of integrity: what needs no content to be looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

SUFFIXES: Final = (".asc", ".sig", ".sign", ".signature", ".minisig", ".p7s", ".sigstore", ".sigstore.json")
"""What the name of a detached signature adds to that of the file."""
COMPRESSED: Final = ("", ".gz", ".xz", ".bz2", ".zst", ".lz", ".lzma")
"""What the name of a file adds to that of its content, which may be what is signed: kernel.org's `.tar.sign`."""
ATTRIBUTES: Final = ("security.ima", "security.evm")
"""Extended attributes that state a hash or a signature of a file."""


def signed_names(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The names that have a detached signature beside them, and its name.

    Args:
        names: a set or mapping with the names of all files.
    """
    for name in names:
        if name.endswith(SUFFIXES):
            stem = next(name[: -len(suffix)] for suffix in reversed(SUFFIXES) if name.endswith(suffix))
            yield from ((stem + suffix, name) for suffix in COMPRESSED if stem + suffix in names)


def signed_among(names: Collection[str]) -> str | None:
    """Why an archive with members of these names stays whole; None where no signature lies beside a file."""
    found = min(signed_names(names), default=None)
    return f"its member {found[0]} is signed by {found[1]}" if found else None


def integrity_attribute(attributes: Iterable[str]) -> str | None:
    """Why a file with these extended attributes stays as it is; None where nothing says so."""
    found = next((name for name in ATTRIBUTES if name in attributes), None)
    return f"its attribute {found} states a hash or a signature of it" if found else None
