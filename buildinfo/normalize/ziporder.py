"""The order of the members of a zip archive, and where it has to stay because something is read by it.

Members are sorted by name. What readers want first stays first: the manifest of a jar, the type of an epub or
OpenDocument file, which no extra field may part from the start. Metadata of a wheel comes last, RECORD at the end of
it, as PEP 427 has it. Archives inside a jar keep their order in each folder: it may be a class path.

Sources: OpenJDK's `JarInputStream` (a manifest counts as the first member, or behind META-INF/ as the second),
`JarFile` and `ZipFile.Source` (which names META-INF is found under, whatever their case); Info-ZIP's
`proginfo/extrafld.txt` (0x7075, another name of a member) and `unzip` (names end at a NUL, backslashes may be slashes);
OCF 3.0 and OpenDocument 1.2, part 3 (`mimetype`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from buildinfo.normalize import jar
from buildinfo.normalize.ziprecords import STORED, Archive, Member

RECORD: Final = re.compile(rb"[^/]+\.dist-info/RECORD").fullmatch
"""The list of the files of a wheel, with their hashes."""

_DIST_INFO: Final = re.compile(rb"[^/]+\.dist-info/").match
_ALIGNING: Final = frozenset((0xD935, 0x4246))
"""Extra fields that align data: Android's zipalign, PyTorch."""
_JAR: Final = 0xCAFE
"""What `jar` puts into the first member, by which file(1) and others know a jar."""
_OTHER_NAME: Final = 0x7075
_ON_CLASS_PATH: Final = (b".jar", b".zip", b".war", b".rar")
_TYPE: Final = b"mimetype"
_LINK: Final = 0o120000
_CASELESS: Final = re.compile(r"meta-inf(/(manifest\.mf|index\.list|versions(/.*)?))?", re.DOTALL).fullmatch

Path = tuple[str, ...]


def aligned(archive: Archive) -> bool:
    """Whether members must not be moved, for extra fields align their data."""
    return any(kind in _ALIGNING for member in archive.members for kind, _ in member.extras(member.local))


def sort(archive: Archive) -> str | None:
    """Sorts the members.

    Returns:
        Why they keep their order although it is another one; None where it is, or becomes, the canonical one.
    """
    if aligned(archive) or archive.loose:
        return None
    names = {member.name for member in archive.members}
    ordered = sorted(archive.directory, key=_placing(archive, names))
    if _same(ordered, archive.members) and _same(ordered, archive.directory):
        return None
    why = _bound(archive, ordered)
    if why is None:
        archive.members = archive.directory = ordered
    return why


def _same(some: Sequence[Member], others: Sequence[Member]) -> bool:
    return all(one is other for one, other in zip(some, others, strict=True))


def _placing(archive: Archive, names: set[bytes]) -> Callable[[Member], tuple[bool, int, bytes, bool]]:
    """The sort key of a member."""
    typed = _typed(archive.members)
    manifest = jar.MANIFEST in names
    wheel = any(map(RECORD, names))

    def place(member: Member) -> tuple[bool, int, bytes, bool]:
        name = member.name
        rank = jar.place(name) if manifest else 0
        if wheel and _DIST_INFO(name):
            rank = 4 if RECORD(name) else 3
        folder, slash, _ = name.rpartition(b"/")
        on_path = manifest and name.endswith(_ON_CLASS_PATH)
        return member is not typed, rank, folder + slash if on_path else name, on_path

    return place


def _typed(members: Sequence[Member]) -> Member | None:
    """The first member, if it tells the type of the archive."""
    first = members[0] if members else None
    return first if first and first.name == _TYPE and first.method == STORED else None


def _bound(archive: Archive, ordered: Sequence[Member]) -> str | None:
    """Why another order may be read otherwise; None if nothing tells so."""
    if not archive.prefix and _manifest_seen(archive.members) != _manifest_seen(ordered):
        return "its order stays: a reader of streams would find a manifest that it does not find now, or none"
    first = archive.members[0]
    if (first.name == _TYPE) != (ordered[0].name == _TYPE):
        return "its order stays: it may tell its type by its first member"
    if ordered[0] is not first and any(kind == _JAR for kind, _ in first.extras(first.local)):
        return "its order stays: its first member says that it is a jar"
    return _collision(archive)


def _manifest_seen(members: Sequence[Member]) -> bytes | None:
    """The name of what a reader of streams takes for the manifest of a jar; None where it sees none."""
    for member in members[:2]:
        name = member.name.lower()
        if name == jar.MANIFEST.lower():
            return member.name
        if name != b"meta-inf/":
            return None
    return None


def _collision(archive: Archive) -> str | None:
    """Why the order of members decides what is read or unpacked; None if no two of them get into each other's way."""
    found: dict[Path, int] = {}
    solid: set[Path] = set()
    for number, member in enumerate(archive.members):
        for path in _paths(member):
            if found.setdefault(path, number) != number:
                return f"its order stays: {_shown(member)} stands in it twice, under one name or two"
            if not member.name.endswith((b"/", b"\\")):
                solid.add(path)
    # What begins with a path follows it at once.
    for path, following in pairwise(sorted(found)):
        if path in solid and following[: len(path)] == path:
            return f"its order stays: {'/'.join(path)!r} is a file, or a link, and a folder in it"
    return None


def _paths(member: Member) -> Iterator[Path]:
    """The paths that programs may take the name of a member for."""
    raw = member.name
    names = [raw]
    for header in (member.local, member.central):
        names += [bytes(header[body])[5:] for kind, body in member.extras(header) if kind == _OTHER_NAME]
    texts = {name.decode(code, "surrogateescape") for name in names for code in ("utf-8", "cp437")}
    yield from {_path(text) for text in texts}


def _path(text: str) -> Path:
    parts: list[str] = []
    for part in text.partition("\0")[0].replace("\\", "/").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(unicodedata.normalize("NFC", part))
    joined = "/".join(parts)
    return tuple(joined.lower().split("/")) if _CASELESS(joined.lower()) else tuple(parts)


def _shown(member: Member) -> str:
    return repr(member.name.decode("utf-8", "backslashreplace"))
