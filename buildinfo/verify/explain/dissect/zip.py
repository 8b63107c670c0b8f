"""Zip archives, jars, wheels, jmod files, also behind a program: read with the standard library's zipfile, bounded.

What stands before the first member is taken apart for itself; what stands between members belongs to no cause.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from buildinfo.errors import FormatError
from buildinfo.normalize import ziprecords
from buildinfo.normalize.job import LeftAlone
from buildinfo.verify.explain.dissect.members import Member, compare, most_members
from buildinfo.verify.explain.dissect.place import MAX_UNPACKED, Place
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.unpack import LEAST

_CENTRAL = b"PK\1\2"
_TIMES = (0x5455, 0x000A, 0x5855)
"""Extra fields that hold times: extended timestamp, NTFS, Info-ZIP Unix."""
_OWNERS = (0x7875,)
"""Extra fields that hold numeric ids: Info-ZIP Unix."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Hunks of kind `zip`, those of what stands before the archive, and those of the members.

    Raises:
        FormatError: one of them is no whole archive.
    """
    try:
        (old, comment, start), (new, other_comment, other_start) = (_members(side, place) for side in (before, after))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise FormatError(f"broken zip archive ({error})") from None
    if comment != other_comment:
        yield place.hunk("zip", "comment", comment, other_comment)
    yield from place.inside("stub", before[:start], after[:other_start])
    gaps = _between(before), _between(after)
    if gaps[0] != gaps[1]:
        yield place.hunk("bytes", "between members", *gaps)
    yield from compare("zip", list(old), list(new), place)
    packed = {member.name: size for member, size in old.items()}
    contents = {member.name: member.content for member in old}
    for member, size in new.items():
        if contents.get(member.name) == member.content and packed[member.name] != size:
            sizes = b"%d bytes" % packed[member.name], b"%d bytes" % size
            yield place.part(member.name.decode("utf-8", "replace")).hunk("compression", "zip", *sizes)


def _between(data: bytes) -> bytes:
    """What belongs to no record of an archive; nothing of one that is read in two ways."""
    try:
        return b"".join(member.tail for member in ziprecords.read(data).members)
    except (FormatError, LeftAlone):
        return b""


def _members(data: bytes, place: Place) -> tuple[dict[Member, int], bytes, int]:
    """The members with their compressed sizes, the comment, and where the archive starts."""
    members: dict[Member, int] = {}
    left = min(MAX_UNPACKED, max(LEAST, place.effort.left))
    if data.count(_CENTRAL) > most_members(place):
        raise FormatError("too many zip members")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        for info in infos:
            left -= info.file_size
            place.effort.left -= info.file_size
            if left < 0:
                raise FormatError("a zip archive that unpacks to too much")
            with archive.open(info) as stream:
                content = stream.read(info.file_size + 1)
            name = info.filename.encode("utf-8", "surrogateescape")
            members[Member(name, _fields(info), content)] = info.compress_size
        start = min((info.header_offset for info in infos), default=max(0, archive.start_dir))
        return members, archive.comment, start


def _fields(info: zipfile.ZipInfo) -> dict[str, bytes]:
    extras = _extras(info.extra)
    return {
        "time": b"%04d-%02d-%02d %02d:%02d:%02d" % info.date_time,
        "extra times": b"".join(value for key, value in extras if key in _TIMES),
        "owner": b"".join(value for key, value in extras if key in _OWNERS),
        "extra": b"".join(value for key, value in extras if key not in _TIMES and key not in _OWNERS),
        "mode": b"%o" % (info.external_attr >> 16),
        "attributes": b"%x" % (info.external_attr & 0xFFFF),
        "system": b"%d" % info.create_system,
        "version": b"%d/%d" % (info.create_version, info.extract_version),
        "flags": b"%x" % info.flag_bits,
        "method": b"%d" % info.compress_type,
        "comment": info.comment,
    }


def _extras(raw: bytes) -> list[tuple[int, bytes]]:
    found = []
    at = 0
    while at + 4 <= len(raw):
        length = int.from_bytes(raw[at + 2 : at + 4], "little")
        found.append((int.from_bytes(raw[at : at + 2], "little"), raw[at + 4 : at + 4 + length]))
        at += 4 + length
    return found
