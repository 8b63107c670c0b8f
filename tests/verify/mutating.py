"""One functional byte changed at a random place of a file that differs for a known reason."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from buildinfo.verify.contents import read_contents
from buildinfo.verify.explain.dissect import content
from buildinfo.verify.explain.dissect.elftable import read
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.engine import best_of
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.files import Files

HELD = (b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh", b"PK", b"!<arch>", b"0707", b"\x89PNG")
"""What is compressed or holds other files: a byte of its own is none that does anything."""
LOADED_NAMES = (".text", ".rodata", ".data", ".init", ".fini", ".plt")
TEXT = re.compile(rb"[\x20-\x7e]+")
IDLE = frozenset(b"\0\x90\xcc")


class Sample(NamedTuple):
    """A file on both sides, and what is known of its packages."""

    path: str
    old: bytes
    new: bytes
    evidence: Evidence


def samples(original: Path, rebuilt: Path) -> Iterator[Sample]:
    """The files that both packages hold."""
    first, second = read_contents(original), read_contents(rebuilt)
    keys = [key for key in first.entries if key in second.entries and first.file_of(key) and second.file_of(key)]
    evidence = Evidence(first.pkginfo, second.pkginfo, [], None, None)
    with Files(first, second, keys) as files:
        for key in keys:
            both = files.get(key)
            if both is not None and min(map(len, both)) > 8:
                yield Sample(key[0], *both, evidence)


def mutant(sample: Sample, chance: random.Random) -> bytes | None:
    """The second side with one byte changed; None where none was found that does anything."""
    data = sample.new
    if data.startswith(HELD) or b"PK\5\6" in data or data[257:262] == b"ustar":
        return None
    for _ in range(20):
        at = chance.choice(_places(data, chance)) if data.startswith(b"\x7fELF") else chance.randrange(len(data))
        if not _is_idle(sample, at):
            return data[:at] + bytes((data[at] ^ chance.randrange(1, 256),)) + data[at + 1 :]
    return None


def explained(sample: Sample, new: bytes) -> bool:
    """Whether all that differs has a cause."""
    found = list(content(sample.old, new, Place(sample.path, "", content)))
    roots = [hunk for hunk in found if not hunk.follows] or found
    return all(best_of(hunk, sample.evidence) for hunk in roots)


def _places(data: bytes, chance: random.Random) -> range:
    """The bytes of one section that is loaded, or of one that tells of the program."""
    held = [
        section for section in read(data).sections if section.kind not in ("SHT_NOBITS", "SHT_NULL") and section.size
    ]
    loaded = [section for section in held if section.allocated and section.name.startswith(LOADED_NAMES)]
    section = chance.choice(loaded or [section for section in held if section.name.startswith(".debug_info")])
    return range(section.offset, section.offset + section.size)


def _is_idle(sample: Sample, at: int) -> bool:
    """Whether a byte is of what differs anyway, or does nothing."""
    old, new = sample.old, sample.new
    if new.startswith(b"\x7fELF") or b"\0" in new:
        # What stands around it has to be on the other side, too.
        low = max(0, at - 200)
        text = next((run for run in TEXT.finditer(new, low, at + 200) if run.start() <= at < run.end()), None)
        is_trace = text is not None and bool(re.search(rb"\d:\d\d|/[^/]+/", text[0]))
        return is_trace or new[at] in IDLE or new[max(0, at - 12) : at + 12] not in old
    start, end = new.rfind(b"\n", 0, at) + 1, new.find(b"\n", at)
    line = new[start : end if end >= 0 else len(new)]
    return line not in old or bool(re.search(rb"\d{4}|\d:\d\d|@|/", line))
