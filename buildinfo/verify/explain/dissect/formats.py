"""The table of formats that are taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

HEAD: Final = 1024

Dissector = Callable[[bytes, bytes, Place], Iterator[Hunk]]


class Format(NamedTuple):
    """A format: `takes` looks at the first `HEAD` bytes, `module` has the function `hunks`."""

    name: str
    takes: Callable[[bytes], bool]
    module: str


def _magic(*magics: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics, at)


def _pyc(head: bytes) -> bool:
    return head[2:4] == b"\r\n" and 3360 <= int.from_bytes(head[:2], "little") < 3800


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
)


def dissector_of(before: bytes, after: bytes) -> Dissector | None:
    """The dissector of the format that both contents have."""
    for entry in FORMATS:
        if entry.takes(before[:HEAD]) and entry.takes(after[:HEAD]):
            return _load(entry.module)
    return None


@cache
def _load(module: str) -> Dissector:
    hunks: Dissector = import_module(f"buildinfo.verify.explain.dissect.{module}").hunks
    return hunks
