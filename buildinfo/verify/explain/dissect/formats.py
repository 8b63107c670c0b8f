"""The table of formats that are taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from buildinfo.normalize.registry import HEAD as START
from buildinfo.normalize.registry import TAIL, kind_by_end, may_have_stub
from buildinfo.verify.explain.dissect.headers import is_known
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

HEAD: Final = 0x8006
"""As far as what tells an image of a CD stands."""
SIGNED: Final = b"~Module signature appended~\n"
"""How files end that have a signature behind them."""

Dissector = Callable[[bytes, bytes, Place], Iterator[Hunk]]


class Format(NamedTuple):
    """A format: `takes` looks at the first bytes, `HEAD` in most cases; `module` has the function `hunks`."""

    name: str
    takes: Callable[[bytes], bool]
    module: str


def _magic(*magics: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics, at)


def _pyc(head: bytes) -> bool:
    return head[2:4] == b"\r\n" and 3360 <= int.from_bytes(head[:2], "little") < 3800


def _detached(head: bytes) -> bool:
    return head.startswith((b"-----BEGIN PGP SIGNATURE", b"-----BEGIN SSH SIGNATURE", b"untrusted comment: ")) or (
        head[:1] == b"0" and b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" in head[:17]
    )


def _pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


FORMATS: Final = (
    Format("elf", _magic(b"\x7fELF"), "elf"),
    Format("compressed", _magic(b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"BZh"), "compressed"),
    Format("class", _magic(b"\xca\xfe\xba\xbe\0\0"), "javaclass"),
    Format("ar", _magic(b"!<arch>\n"), "ar"),
    Format("zip", _magic(b"PK\x03\x04", b"PK\x05\x06"), "zip"),
    Format("jmod", _magic(b"JM\x01\x00PK\x03\x04"), "zip"),
    Format("tar", _magic(b"ustar", at=257), "tar"),
    Format("cpio", _magic(b"070701", b"070702"), "cpio"),
    Format("pyc", _pyc, "pyc"),
    Format("png", _magic(b"\x89PNG\r\n\x1a\n"), "png"),
    Format("mo", _magic(b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"), "mo"),
    Format("uimage", _magic(b"\x27\x05\x19\x56"), "uimage"),
    Format("fdt", _magic(b"\xd0\x0d\xfe\xed"), "fdt"),
    Format("rockchip", _magic(b"RKNS"), "rockchip"),
    Format("pe", _magic(b"MZ"), "pe"),
    Format("font", _magic(b"\0\1\0\0", b"OTTO", b"true"), "sfnt"),
    Format("rcc", _magic(b"qres"), "rcc"),
    Format("pickle", _pickle, "pickle"),
    Format("header", is_known, "headers"),
    Format("signature", _detached, "detached"),
    Format("iso9660", _magic(b"CD001", at=0x8001), "iso9660"),
)


def dissector_of(before: bytes, after: bytes) -> Dissector | None:
    """The dissector of the format that both contents have."""
    if before.endswith(SIGNED) or after.endswith(SIGNED):
        return _load("appended")
    if _ends_as_zip(before) and _ends_as_zip(after):
        return _load("zip")
    for entry in FORMATS:
        if entry.takes(before[:HEAD]) and entry.takes(after[:HEAD]):
            return _load(entry.module)
    return None


def _ends_as_zip(data: bytes) -> bool:
    """Whether a zip archive stands behind a program or a text."""
    return may_have_stub(data[:START]) and kind_by_end(data[-TAIL:]) is not None


@cache
def _load(module: str) -> Dissector:
    hunks: Dissector = import_module(f"buildinfo.verify.explain.dissect.{module}").hunks
    return hunks
