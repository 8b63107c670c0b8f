"""The order of members: sorted by path, bytewise, and of hard links to one file the first is the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Final, NamedTuple

from buildinfo.apk.tar import CHECKSUM_KEY, Member, TarReader
from buildinfo.apk.tarheader import BLOCK, XATTR_PREFIX
from buildinfo.apk.tarpatch import Headers

PIECE: Final = 1 << 18

Content = Iterator[bytes | memoryview]


class Entry(NamedTuple):
    """A member: its sort key, its place in the tar, the target's key if it is a hard link, whether it is a file, and
    the mode and owner that it states."""

    key: bytes
    offset: int
    target: bytes | None
    plain: bool
    inode: tuple[int, int, int, str, str]


def sort_key(name: str) -> bytes:
    """What members are sorted by: abuild sorts the paths that `find` prints, which end in no slash."""
    return name.rstrip("/").encode("utf-8", "surrogateescape")


def is_sorted(entries: Sequence[Entry]) -> bool:
    """Whether members stand in canonical order."""
    files: set[bytes] = set()
    before = b""
    for entry in entries:
        if entry.key <= before or (entry.target is not None and entry.target not in files):
            return False
        before = entry.key
        if entry.plain:
            files.add(entry.key)
    return True


def sortable(entries: Sequence[Entry]) -> bool:
    """Whether sorting keeps the meaning: no path stands twice, each hard link leads to a file of the package and states
    its mode and owner, as GNU tar writes them: of the name that becomes the file they begin to count."""
    files = {entry.key: entry.inode for entry in entries if entry.plain}
    unique = len({entry.key for entry in entries}) == len(entries)
    return unique and all(entry.target is None or files.get(entry.target) == entry.inode for entry in entries)


def sorted_members(plain: IO[bytes], entries: Sequence[Entry]) -> Iterator[tuple[int, Member, Content]]:
    """The members of a tar in canonical order.

    Args:
        plain: the uncompressed tar.
        entries: its members; has to be `sortable`.

    Returns:
        For each the offset of the member that its content comes from, itself, and its content.
    """
    order = sorted(entries)
    files = {entry.key: entry for entry in order if entry.plain}
    first: dict[bytes, Entry] = {}
    for entry in order:
        first.setdefault(entry.target or entry.key, entry)
    for entry in order:
        leader = first[entry.target or entry.key]
        member, content = _read(plain, entry.offset)
        if leader is entry and entry.target is not None:
            file = files[entry.target]
            original, content = _read(plain, file.offset)
            yield file.offset, _as_file(member, original), content
        elif leader is entry:
            yield entry.offset, member, content
        else:
            yield entry.offset, _as_link(member, leader.key), iter(())


def _read(plain: IO[bytes], offset: int) -> tuple[Member, Content]:
    plain.seek(offset)
    return next(iter(TarReader(_pieces(plain), keep_headers=True)))


def _pieces(plain: IO[bytes]) -> Iterator[bytes]:
    """What follows: little at first, as most members are small."""
    size = 8 * BLOCK
    while piece := plain.read(size):
        yield piece
        size = PIECE


def _as_file(link: Member, file: Member) -> Member:
    """The hard link as the file whose content it shares."""
    if link.type == "file":
        return link
    headers = Headers.parse(link.raw_headers)
    headers.set_type(b"0")
    headers.set_linkname(b"")
    headers.set_number("size", file.size)
    content = Headers.parse(file.raw_headers)
    if content.legacy_checksum:
        headers.set_legacy_checksum(content.legacy_checksum)
    own = [(key, value) for key, value in headers.pax() if key != b"linkpath" and not _is_content(key)]
    headers.set_pax([*own, *((key, value) for key, value in content.pax() if _is_content(key))])
    return _reread(link, headers)


def _as_link(member: Member, target: bytes) -> Member:
    """The member as a hard link to `target`."""
    headers = Headers.parse(member.raw_headers)
    headers.set_type(b"1")
    headers.set_number("size", 0)
    headers.set_pax([(key, value) for key, value in headers.pax() if not _is_content(key)])
    headers.set_linkname(target)
    return _reread(member, headers)


def _is_content(key: bytes) -> bool:
    """Whether a pax record goes with the content: GNU tar writes extended attributes with the file, not with links."""
    return key == CHECKSUM_KEY.encode() or key.startswith(XATTR_PREFIX.encode())


def _reread(member: Member, headers: Headers) -> Member:
    """The member that the changed headers describe."""
    changed, _ = next(iter(TarReader([headers.build()], keep_headers=True)))
    return replace(changed, offset=member.offset)
