"""Digests that are not those of a file: of what an archive is to a program that checks it.

Given where a change would change them, for then whoever states them refuses the archive. Sources: the JDK's
`jdk.internal.module.ModuleHashes`; Go's `golang.org/x/mod/sumdb/dirhash` and the module reference ("Module zip files");
hex_core's `hex_tarball.erl`.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo
    from zipfile import ZipFile

_MOST: Final = 1 << 30
"""Bytes that an archive may unpack to for its digests."""
_MODULE: Final = "module-info.class"
_CLASSES: Final = "classes/"
_HEX: Final = ("VERSION", "metadata.config", "contents.tar.gz")


def derived(handler: str, before: bytes, after: bytes) -> Mapping[str, bytes]:
    """The digests of an archive that a change makes others: name -> digest of what was before.

    Args:
        handler: name of the row that changed it.
        before, after: the archive.
    """
    digests, marks = _DIGESTS.get(handler, (None, ()))
    if digests is None or not any(mark in before for mark in marks):
        return {}
    import tarfile
    import zipfile

    try:
        old = digests(before)
        new = digests(after) if old else {}
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError):
        return {}  # what cannot be read, no program checks
    return {name: digest for name, digest in old.items() if new.get(name) != digest}


def _zip(data: bytes) -> dict[str, bytes]:
    import zipfile

    found: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if sum(info.file_size for info in archive.infolist()) > _MOST:
            return {}
        for start in ("", _CLASSES):
            if start + _MODULE in names:
                found["module hash"] = _module_hash(archive, start, folders=True)
                found["module hash of its files"] = _module_hash(archive, start, folders=False)
        # Every name begins with MODULE@VERSION/.
        if names and all("@v" in name for name in names):
            found["go.sum hash"] = _directory_hash(archive)
    return found


def _module_hash(archive: ZipFile, start: str, *, folders: bool) -> bytes:
    """SHA-256 over names and contents of the resources of a module, sorted; of a jar folders are among them."""
    digest = hashlib.sha256()
    for name in sorted(archive.namelist()):
        if name.startswith(start) and (folders or not name.endswith("/")):
            digest.update(name.removeprefix(start).encode("utf-8", "surrogateescape"))
            digest.update(archive.read(name))
    return digest.digest()


def _directory_hash(archive: ZipFile) -> bytes:
    """What go.sum has behind `h1:`: SHA-256 over the lines that sha256sum would print, sorted by name."""
    lines = (f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in sorted(archive.namelist()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).digest()


def _tar(data: bytes) -> dict[str, bytes]:
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        # A package of hex has four members, of which CHECKSUM is one.
        first = [member for member, _ in zip(archive, range(5), strict=False)]
        members = {member.name: member for member in first}
        if len(members) != 4 or "CHECKSUM" not in members or not members.keys() >= set(_HEX):
            return {}
        contents = (_content(archive, members[name]) for name in _HEX)
        return {"inner checksum": hashlib.sha256(b"".join(contents)).digest()}


def _content(archive: TarFile, member: TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


_ZIPPED: Final = (_MODULE.encode(), b"@v")
_DIGESTS: Final[Mapping[str, tuple[Callable[[bytes], dict[str, bytes]], tuple[bytes, ...]]]] = {
    "zip": (_zip, _ZIPPED),
    "jmod": (_zip, _ZIPPED),
    "pyzip": (_zip, _ZIPPED),
    "tar": (_tar, (b"metadata.config\0",)),
}
"""For a handler's archives, and what one holds that has such digests."""
