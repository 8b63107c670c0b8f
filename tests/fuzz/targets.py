"""What is fuzzed: for each reader and handler a function that takes any bytes, and raises only if a promise is broken.

The promises: nothing but FormatError comes out of malformed input; what was normalized once does not change again, and
does not grow out of proportion; what a tar, a zip or a package holds is what it held before.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apkmaker
import repair
import signing
import verifying
import zstandard
from jobs import EPOCH, normalize

from buildinfo.apk.index import read_index
from buildinfo.apk.installed import read_installed
from buildinfo.apk.pkginfo import PkgInfo, parse_pkginfo
from buildinfo.apk.segments import iter_segments
from buildinfo.apk.tar import Member, TarReader
from buildinfo.apk.tarpatch import NUMBERS, Headers
from buildinfo.apk.v2 import read_package
from buildinfo.capture.reader import values
from buildinfo.errors import FormatError
from buildinfo.normalize import jar
from buildinfo.normalize.job import Timestamps
from buildinfo.normalize.package import Settings, normalize_package
from buildinfo.normalize.registry import kind_of, select

POLICIES: tuple[tuple[str, Timestamps], ...] = (("leaks", "clamp"), ("all", "clamp"), ("all", "set"))
SLACK = 1 << 16
"""Bytes that a result may be larger than twice its input."""
PACKERS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: gzip.compress(data, 9, mtime=EPOCH + 1),
    lambda data: gzip.compress(data, 1, mtime=EPOCH + 1),
    lambda data: lzma.compress(data, preset=0),
    lambda data: zstandard.ZstdCompressor(level=3).compress(data),
    lambda data: bz2.compress(data, 1),
    lambda data: gzip.compress(data, 6, mtime=0) + gzip.compress(data, 6, mtime=EPOCH + 1),
)

Same = Callable[[bytes, bytes], None]


def _settles(data: bytes, same: Same | None = None) -> None:
    """Whatever the bytes are: they are refused, or a second pass changes nothing and `same` finds nothing lost."""
    for handlers, timestamps in POLICIES:
        options: dict[str, Any] = {"handlers": handlers, "timestamps": timestamps, "source_time": lambda: EPOCH}
        try:
            once, _ = normalize(data, **options)
        except FormatError:
            continue
        assert len(once) <= 2 * len(data) + SLACK
        twice, report = normalize(once, **options)
        assert twice == once, (handlers, timestamps)
        assert not report.changes
        if same and once is not data:
            same(data, once)


def _handler(name: str) -> Callable[[bytes], None]:
    mended = repair.REPAIRS.get(name, bytes)
    return lambda data: _settles(mended(data))


# Tar archives, alone and in packages.


def _payload(members: Iterator[tuple[Member, Iterator[memoryview]]]) -> list[tuple[object, ...]]:
    """What unpacking the members gives, but for what handlers may change: times, and content that one takes.

    A hard link is the file that it leads to.
    """
    files: dict[str, tuple[object, ...]] = {}
    found: list[tuple[object, ...]] = []
    for member, chunks in members:
        content: bytes | None = b"".join(chunks)
        if member.size and kind_of(content or b"", member.name):
            content = None
        own = (member.mode, member.uid, member.gid, member.uname, member.gname, sorted(member.xattrs.items()))
        what = ("file", content, *own)
        if member.type == "hardlink":
            what = files.get(member.linkname.rstrip("/"), ("missing", member.linkname))
        elif member.type == "file":
            files[member.name] = what
        else:
            what = (member.type, member.linkname, member.devmajor, member.devminor, *own)
        found.append((member.name, *what))
    return found


def _same_tar(before: bytes, after: bytes) -> None:
    old, new = (_payload(iter(TarReader([data]))) for data in (before, after))
    assert new == old


def _tar(data: bytes) -> None:
    kind = kind_of(data)
    _settles(repair.tar(data), _same_tar if kind and kind.name == "tar" else None)


def _tarpatch(data: bytes) -> None:
    """Patches of header blocks that the reader accepted are read back, and change nothing else."""
    with suppress(FormatError):
        for member, _ in TarReader([repair.tar(data)], keep_headers=True):
            _check_patches(member)


def _check_patches(member: Member) -> None:
    raw = member.raw_headers
    headers = Headers.parse(raw)
    assert len(headers.build()) == len(raw)
    assert headers.name.decode("utf-8", "surrogateescape") == member.name
    assert headers.linkname.decode("utf-8", "surrogateescape") == member.linkname
    headers.set_pax(headers.pax())
    headers.set_linkname(headers.linkname)
    for field in NUMBERS:
        if field == "mtime" and headers.extended:
            continue  # the extended headers get it as well
        if headers.gnu or field not in ("atime", "ctime"):
            with suppress(FormatError):
                headers.set_number(field, headers.number(field))
    unpadded = headers.build()
    assert unpadded == Headers.parse(raw).build()
    for time in (0, EPOCH, 1 << 40):
        headers = Headers.parse(raw)
        headers.set_number("mtime", time)
        headers.set_pax([record for record in headers.pax() if record[0] != b"mtime"])
        headers.drop_process_id()
        built = headers.build()
        ((again, _),) = TarReader([built, bytes(member.size + -member.size % 512)] if member.size < SLACK else [built])
        assert again.mtime == time
        assert (again.name, again.linkname, again.type, again.size) == (
            member.name,
            member.linkname,
            member.type,
            member.size,
        )
        headers.set_number("mtime", time)
        headers.drop_process_id()
        assert headers.build() == built


def _policy(handlers: str, timestamps: Timestamps) -> Callable[[PkgInfo], Any]:
    return lambda _: select(handlers, EPOCH, timestamps)


SETTINGS = (
    *(Settings(_policy(*words)) for words in POLICIES),
    Settings(_policy("all", "clamp"), users=frozenset({"hello"}), groups=frozenset({"hello"}), one_time=True),
)


def _package(data: bytes) -> None:
    """A package that can be read still can be afterwards, and installs the same."""
    whole = _packed(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "p.apk")
        path.write_bytes(whole)
        try:
            read_package(path, members=False)
        except FormatError:
            return
        old = _installs(path)
        for settings in SETTINGS:
            path.write_bytes(whole)
            done = normalize_package(path, settings)
            if not done.changed:
                assert path.read_bytes() == whole
                continue
            new = _installs(path)
            if settings.users:
                old, new = ([_without_ids(member) for member in members] for members in (old, new))
            assert sorted(map(repr, new)) == sorted(map(repr, old))
            once = path.read_bytes()
            assert len(once) <= 2 * len(whole) + SLACK
            again = normalize_package(path, settings)
            assert not again.changed
            assert not again.report.changes
            assert path.read_bytes() == once


def _without_ids(member: tuple[object, ...]) -> tuple[object, ...]:
    *rest, _uid, _gid, uname, gname, xattrs = member if len(member) > 5 else (*member, 0, 0, 0, 0, 0)
    return (*rest, uname, gname, xattrs)


def _installs(path: Path) -> list[tuple[object, ...]]:
    *_, data = (_payload(iter(segment.tar)) for segment in iter_segments(path))
    return data


def _packed(data: bytes) -> bytes:
    """The package that the bytes stand for: themselves, or, by the first of them, a data tar, a control tar or lines of
    .PKGINFO in a package that is otherwise right."""
    if not data or data[0] == 0x1F:
        return data
    kind, shape, rest = data[0] & 3, data[0] >> 2, data[1:]
    tar = repair.tar(rest) if kind in (0, 3) else apkmaker.DATA
    packed = gzip.compress(tar, 1 + shape % 9, mtime=0)
    lines = rest if kind == 2 else b"size = 21\n"
    info = (
        b"pkgname = hello\npkgver = 1-r0\n" + lines + b"\ndatahash = %s\n" % hashlib.sha256(packed).hexdigest().encode()
    )
    control = apkmaker.file(".PKGINFO", info, checksum=False) + (repair.tar(rest) if kind == 1 else b"")
    signature = apkmaker.gz(apkmaker.signature(".SIGN.RSA.joe.rsa.pub")) if shape & 1 else b""
    return signature + apkmaker.gz(control) + packed


# Archives whose content another program reads as well.


def _members(data: bytes) -> dict[str, bytes | None] | None:
    """What Python's zipfile reads; None for a member that a handler takes, and for what it cannot read at all."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if any(entry.file_size > SLACK for entry in archive.infolist()):
                return None
            contents = {name: archive.read(name) for name in names}
    except Exception:
        return None
    return {name: None if kind_of(content, name) else content for name, content in contents.items()}


def _same_zip(before: bytes, after: bytes) -> None:
    old = _members(before)
    if old is None:
        return
    new = _members(after)
    assert new is not None
    manifest = jar.MANIFEST.decode()
    if manifest in old:
        old[manifest] = new.get(manifest)
        old = {name: content for name, content in old.items() if name in new}
    assert new == old


def _zip(data: bytes) -> None:
    data = repair.zipped(data)
    kind = kind_of(data)
    _settles(data, _same_zip if kind and kind.handler.startswith("zip:") else None)


def _compressed(data: bytes) -> None:
    if data and kind_of(data) is None:
        data = PACKERS[data[0] % len(PACKERS)](repair.tar(data[1:]))
    _settles(data)


# Readers.


def _index(data: bytes) -> None:
    if data.startswith(b"ustar"):
        data = gzip.compress(repair.tar(data[5:]), 1)
    elif not data.startswith(b"\x1f"):
        data = gzip.compress(apkmaker.ended(apkmaker.file("APKINDEX", data, checksum=False)), 1)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(FormatError):
            assert all(record["P"] and record["V"] for record in read_index(Path(file.name)).records)


def _texts(data: bytes) -> None:
    """The descriptions of packages, and the values of a capture."""
    with suppress(FormatError):
        info = parse_pkginfo(data)
        assert info.raw == data
        assert info.pkgname and info.pkgver
    with suppress(FormatError):
        database = read_installed(data)
        assert all(database.get(package.name) for package in database.packages)
        for path in ("init", "bin/busybox", "/lib/ld-musl-x86_64.so.1", "lib/caf\udce9", "etc"):
            with suppress(FormatError):
                database.owner_of(path)
    assert not any("\0" in text for pair in values(data).items() for text in pair)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "ar": _handler("ar"),
    "compressed": _compressed,
    "tar": _tar,
    "cpio": _handler("cpio"),
    "zip": _zip,
    "pyc": _handler("pyc"),
    "png": _handler("png"),
    "gettext": _handler("gettext"),
    "javadoc": _handler("javadoc"),
    "images": _handler("uimage"),
    "package": _package,
    "tarpatch": _tarpatch,
    "index": _index,
    "texts": _texts,
    "signed": signing.signed,
    "recordsignature": signing.record_signature,
    "report": signing.report,
    "verify": verifying.verified(_packed),
    "dissect": verifying.dissected,
}
"""Name -> what takes the bytes."""
