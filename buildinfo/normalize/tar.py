"""Uncompressed tar archives, and so the content of every `.tar.gz` that a handler opens.

Only what is certainly not reproducible changes. Owners stay: a tar inside a package may be meant to carry them. The
zero blocks at the end stay as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import Final

from buildinfo.apk.tar import CHECKSUM_KEY, Member, TarReader
from buildinfo.apk.tarheader import BLOCK
from buildinfo.apk.tarpatch import Headers, Number
from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone, Signed, Skipped
from buildinfo.normalize.splice import Patch, spliced
from buildinfo.normalize.vouchnames import integrity_attribute, signed_among

_XATTRS: Final = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")
_TIMES: Final = frozenset({b"atime", b"ctime", b"LIBARCHIVE.creationtime"})
"""Times that no program can set back; abuild writes 0 for them."""
_HOST: Final = frozenset({b"SCHILY.dev", b"SCHILY.ino"})
"""Where the file lay on the machine that packed it."""
_GNU_TIMES: Final[tuple[Number, ...]] = ("atime", "ctime")
_PHAR: Final = ".phar/signature.bin"
_SECONDS: Final = re.compile(rb"(-?[0-9]+)(?:\.([0-9]*))?").fullmatch

Records = list[tuple[bytes, bytes]]


class Tar:
    """Clamps times, zeroes access and change times, drops process ids, sorts extended attributes."""

    name = "tar"

    def normalize(self, data: bytes, job: Job) -> bytes:
        patches: list[Patch] = []
        names: set[str] = set()
        reader = TarReader([data], keep_headers=True, stated_sizes=True)
        for member, chunks in reader:
            if member.offset == 0 and member.name.startswith(".SIGN."):
                raise LeftAlone("part of an Alpine package or index, which a signature covers")
            names.add(member.name)
            if member.path == _PHAR:
                raise Signed("it is signed")
            raw = member.raw_headers
            start = member.offset + len(raw)
            content = _content(member, b"".join(chunks), job) if member.size else None
            built = _headers(member, content, job)
            if built != raw:
                patches.append((member.offset, start, built))
            if content is not None:
                patches.append((start, start + member.size + -member.size % BLOCK, _padded(content)))
        if pair := signed_among(names):
            raise Signed(pair)
        return spliced(data, patches)


def _content(member: Member, old: bytes, job: Job) -> bytes | None:
    """The new content of a file, or None if it stays."""
    changes = len(job.report.changes)
    new = job.nested(old, member.name)
    if new is old:
        return None
    if reason := integrity_attribute(_attributes(member)):
        del job.report.changes[changes:]
        job.report.skipped.append(Skipped(f"{job.path}!/{member.name}" if job.path else member.name, Tar.name, reason))
        return None
    return new


def _attributes(member: Member) -> set[str]:
    """The names of its extended attributes, in either spelling."""
    return {*member.xattrs, *(key.partition(".xattr.")[2] for key in member.pax if ".xattr." in key)}


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def _headers(member: Member, content: bytes | None, job: Job) -> bytes:
    """The new header blocks of a member."""
    headers = Headers.parse(member.raw_headers)
    _set_times(headers, job)
    if member.type == "dir" and "size" not in member.pax and headers.number("size"):
        headers.set_number("size", 0)  # what the folder took up on some file system
    if headers.extended:
        headers.drop_process_id()
        headers.set_pax(_sorted_attributes(_records(headers.pax(), content)))
    if content is not None and "size" not in member.pax:
        headers.set_number("size", len(content))
    return headers.build()


def _set_times(headers: Headers, job: Job) -> None:
    """Sets the modification time in the blocks, and takes a record of a later one out: the block can state it."""
    records = headers.pax()
    record = dict(records).get(b"mtime")
    stated = headers.number("mtime")
    time = job.time(stated)
    if record is not None and not _may_stay(record, job):
        headers.set_pax([each for each in records if each[0] != b"mtime"])
        time = job.epoch
    if time != stated or any(job.time(other) != other for other in headers.extended_numbers("mtime") if other):
        headers.set_number("mtime", time)
    for field in _GNU_TIMES if headers.gnu else ():
        with contextlib.suppress(FormatError):
            if headers.number(field):
                headers.set_number(field, 0)


def _may_stay(record: bytes, job: Job) -> bool:
    """Whether the modification time of a record, which may have a fraction, is one that the job would write."""
    match = _SECONDS(record)
    if not match:
        return True
    seconds, fraction = int(match[1]), (match[2] or b"").strip(b"0")
    return job.time(seconds) == seconds and not (fraction and job.time(seconds + 1) != seconds + 1)


def _records(records: Records, content: bytes | None) -> Records:
    """The pax records without leaks."""
    new = dict.fromkeys(_TIMES, b"0")
    if content is not None:
        new[b"size"] = b"%d" % len(content)
        new[CHECKSUM_KEY.encode()] = hashlib.sha1(content, usedforsecurity=False).hexdigest().encode()
    return [(key, new.get(key, value)) for key, value in records if key not in _HOST]


def _sorted_attributes(records: Records) -> Records:
    """Extended attributes in order of their names, in the places that they take up; where some stand in two spellings,
    or twice, the order decides."""
    names = [key.partition(b".xattr.")[2] for key, _ in records if key.startswith(_XATTRS)]
    spellings = {key.partition(b".")[0] for key, _ in records if key.startswith(_XATTRS)}
    if len(spellings) > 1 or len(set(names)) < len(names):
        return records
    attributes = iter(sorted((each for each in records if each[0].startswith(_XATTRS)), key=lambda each: each[0]))
    return [next(attributes) if each[0].startswith(_XATTRS) else each for each in records]
