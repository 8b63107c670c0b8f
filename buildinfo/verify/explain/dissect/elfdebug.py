"""Strings that stand between other values: in old line tables, in `.debug_info`, in what Go writes of a build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from buildinfo.verify.explain.dissect.elftable import Elf, Section

MAX_FILES: Final = 200_000
_GO: Final = b"\xff Go buildinf:"
_GO_HEADER: Final = 32
_GO_INLINE: Final = 2
_GUARD: Final = 16
"""The text of a Go build stands between as many bytes of magic."""
_INLINE: Final = re.compile(rb"(?<![\x21-\x7e])[\x20-\x7e]{3,}(?=\0)")
PRODUCER: Final = re.compile(
    rb"GNU [A-Z]\w*[+\d]* \d|GNU AS \d|(?:[\w ]+ )?clang version \d|(?:clang )?LLVM \(rustc|rustc version|"
    rb"Go cmd/compile|(?:LDC|DMD|Free Pascal|Zig|zig|Swift version) "
)
"""How a `DW_AT_producer` begins: the compiler, and by GCC its options."""


def line_files(elf: Elf, section: Section) -> list[bytes]:
    """Folders and files of the line tables up to DWARF 4; later ones keep them in `.debug_line_str`.

    Source: DWARF 4, section 6.2.4.
    """
    return list(dict.fromkeys(_line_files(section.data, elf.order)))


def _line_files(data: bytes, order: Literal["little", "big"]) -> Iterator[bytes]:
    at = told = 0
    while at + 16 <= len(data) and told < MAX_FILES:
        length, width = int.from_bytes(data[at : at + 4], order), 4
        start = at + 4
        if length == 0xFFFFFFFF:
            length, width, start = int.from_bytes(data[at + 4 : at + 12], order), 8, at + 12
        version = int.from_bytes(data[start : start + 2], order)
        at = start + length
        if not 2 <= version <= 4:
            continue
        opcodes = start + 2 + width + 4 + (version == 4)
        if opcodes >= min(at, len(data)):
            return
        position = opcodes + max(data[opcodes], 1)
        for files in (False, True):
            while told < MAX_FILES:
                end = data.find(b"\0", position, at)
                if end <= position:
                    position += 1
                    break
                yield data[position:end][:4096]
                told += 1
                position = end + 1
                if files:
                    position = _after_numbers(data, position, 3)


def _after_numbers(data: bytes, at: int, count: int) -> int:
    """Behind so many LEB128 numbers."""
    for _ in range(count):
        at += next((width for width, byte in enumerate(data[at : at + 10], 1) if byte < 0x80), 10)
    return at


def inline(section: Section) -> list[bytes]:
    """Strings of `.debug_info` that tell of the build: compilers and paths. Names of variables are of no interest."""
    found: list[bytes] = _INLINE.findall(section.data)
    return [text for text in found if (text.startswith(b"/") and text.count(b"/") > 1) or PRODUCER.match(text)]


def go_build(section: Section) -> list[bytes]:
    """The lines of `.go.buildinfo`: the version of Go, and what `go version -m` shows.

    Source: `debug/buildinfo` of Go. Before 1.18 the section holds but pointers.
    """
    data = section.data
    if not data.startswith(_GO) or len(data) < _GO_HEADER or not data[15] & _GO_INLINE:
        return []
    version, at = _counted(data, _GO_HEADER)
    module, _ = _counted(data, at)
    if len(module) > 2 * _GUARD:
        module = module[_GUARD:-_GUARD]
    return [b"go\t" + version, *filter(None, module.split(b"\n"))]


def _counted(data: bytes, at: int) -> tuple[bytes, int]:
    """A text with its length before it, and where it ends."""
    length = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        length |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            break
    return data[at : at + length], at + length
