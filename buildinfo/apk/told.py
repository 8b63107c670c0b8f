"""Whether a file is a package, an index or the signatures of one: by its content, as apk takes it, never by its name.

Source: `apk_extract_v2_entry` in apk-tools 3.0: entries whose names begin with a dot and have no slash are those of the
signature and control segments, `.PKGINFO` among them makes a package, `APKINDEX` an index.
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO, Final, Literal

from buildinfo.apk.framing import GzipReader
from buildinfo.apk.segments import MAX_CONTROL_TAR, MAX_SIGNATURES
from buildinfo.apk.signature import is_signature
from buildinfo.apk.tar import TarReader
from buildinfo.apk.tarheader import BLOCK
from buildinfo.errors import BuildinfoError, UnreadableError
from buildinfo.opening import open_file
from buildinfo.places import Source

Told = Literal["package", "index", "signatures", "adb"]

_GZIP: Final = b"\x1f\x8b\x08"
_ADB: Final = b"ADB"
_LOOK: Final = 4096
"""Bytes looked at first."""
_IN_INDEX: Final = ("APKINDEX", "DESCRIPTION")


def told(content: bytes | BinaryIO) -> Told | None:
    """What a file is to apk; None if it is nothing of apk's.

    It is read up to the entry that tells, which in other files is the first. What is damaged before that is None.

    Args:
        content: the file, or all its bytes; read from where it stands.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    start = file.tell()
    head = file.read(_LOOK)
    file.seek(start)
    if head.startswith(_ADB):
        return "adb"
    return _told(GzipReader(file, where=None)) if head.startswith(_GZIP) and _may_hold_tar(head) else None


def told_path(path: Source) -> Told | None:
    """What a file is to apk; None if it is nothing of apk's, or cannot be read."""
    try:
        with open_file(path) as file:
            return told(file)
    except (OSError, UnreadableError):
        return None


def _may_hold_tar(head: bytes) -> bool:
    """Whether what is packed begins as a tar does, as far as the first bytes tell; most files end here."""
    try:
        plain = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, BLOCK)
    except zlib.error:
        return True  # the reader says what is wrong
    return len(plain) < BLOCK or plain.startswith(b"ustar", 257)


def _told(reader: GzipReader) -> Told | None:
    signed = read = 0
    try:
        while signed <= MAX_SIGNATURES and reader.next_member() is not None:
            chunks = reader.chunks()
            tar = TarReader(chunks)
            first = _telling(tar, MAX_CONTROL_TAR - read)
            if first != "signatures":
                return first
            for _ in chunks:
                pass
            read += tar.offset
            signed += 1
    except BuildinfoError:  # whoever reads it as a package says what is wrong
        return "package" if signed else None
    return "signatures" if signed else None


def _telling(tar: TarReader, most: int) -> Told | None:
    """What the entries of one gzip member tell; most bytes of them are looked at."""
    signature = False
    for member, _ in tar:
        signature = is_signature(member)
        if member.name == ".PKGINFO":
            return "package"
        if member.name in _IN_INDEX:
            return _index(tar, member.name)
        if not member.name.startswith(".") or "/" in member.name or tar.offset > most:
            return None
    return "signatures" if signature else None


def _index(tar: TarReader, first: str) -> Told | None:
    """A description alone is anybody's."""
    if first == "APKINDEX":
        return "index"
    following = next(iter(tar), None)
    return "index" if following is not None and following[0].name == "APKINDEX" else None
