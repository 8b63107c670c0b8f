"""apk's walk over a package: whether it reads the segments as those of this package, entry by entry.

Source: `apk_tar_parse`, and `apk_sign_ctx_process_file`, `apk_sign_ctx_mpart_cb` in apk-tools 2.14.4 `package.c` and
3.0 `extract_v2.c`. To apk all segments are one tar: of two zero blocks the second ends it, wherever they stand. Until
the first entry that is no `.SIGN.*` it looks for signatures; an entry before the data segment that is not hidden, or
lies in a folder, begins the data of a package of another age.
"""

from __future__ import annotations

from typing import Final, Literal

from buildinfo.apk.reads.headers import MisreadError, Reading, astray, read_headers
from buildinfo.apk.tar import Member
from buildinfo.apk.tarheader import BLOCK

SegmentKind = Literal["signature", "control", "data", "index"]
"""An index is one tar of its own, of signatures and files that are not hidden."""

ENDS: Final = 2
"""Zero blocks that end the tar."""


class Walk:
    """What apk sees of a package, fed with its entries in their order.

    Attributes:
        refused: why apk does not read the package as it is meant, of the first entry where that is so; None if it does.
    """

    def __init__(self) -> None:
        self.refused: str | None = None
        self._zeros = 0

    def entry(self, kind: SegmentKind, member: Member) -> Reading | None:
        """The next entry as apk reads it, with its `raw_headers`; None from where on apk does not read it as meant."""
        if self.refused is not None:
            return None
        try:
            reading = read_headers(member.raw_headers)
        except MisreadError as error:
            self.refuse(f"{kind} segment: {member.name}: {error}")
            return None
        why = astray(reading, member)
        if self._zeros >= ENDS:
            why = "it stands behind two zero blocks, which are the end to apk"
        elif why is None and kind != "data":
            why = _unlike(reading, member, hidden=kind != "index")
        if why is None:
            return reading
        self.refuse(f"{kind} segment: {member.name}: {why}")
        return None

    def ended(self, trailer: int) -> None:
        """A segment, or another gzip member, ended with so many zero bytes, and more follows."""
        self._zeros += trailer // BLOCK

    def refuse(self, why: str | None) -> None:
        """Notes another reason, if there is one."""
        if self.refused is None:
            self.refused = why


def _unlike(reading: Reading, member: Member, *, hidden: bool) -> str | None:
    """Why an entry is another one to apk, or one that does not belong before the data segment."""
    name = reading.name.decode("utf-8", "surrogateescape")
    if name != member.name:
        return f"apk reads the name {name}"
    if member.type == "file" and reading.link is not None:
        return "a link to apk"
    if hidden and (not name.startswith(".") or "/" in name):
        return "what is not hidden begins the data of a package to apk"
    if name == ".INSTALL":
        return "apk 3.0 refuses it"
    return None
