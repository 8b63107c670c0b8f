"""The smallest piece of a difference that a cause can be told by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hunk:
    """One value on both sides.

    Attributes:
        kind: what it is a value of; docs/causes.md lists the kinds and their names.
        name: which value of that kind: a key of .PKGINFO, a field of a header, a section of an ELF file.
        before, after: the value in the original and in the rebuild; empty where a side has none. Of text a line, of
            other content at most some hundred bytes around what differs.
        where: the place inside the file, for people: `lib.a!/main.o:.comment`; empty for a difference as a whole.
        file: path of the file in the package; empty for the package as a whole.
        follows: the value follows from other content of the same file, as a checksum or an offset does: it is a
            reason of its own only where nothing else differs.
    """

    kind: str
    name: str
    before: bytes
    after: bytes
    where: str = ""
    file: str = ""
    follows: bool = False
