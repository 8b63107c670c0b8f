"""What compilers tell of themselves in debug information, and Go of a build."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain.dissect.elftable import Section

_GO: Final = b"\xff Go buildinf:"
_GO_HEADER: Final = 32
_GO_INLINE: Final = 2
_GUARD: Final = 16
"""The text of a Go build stands between as many bytes of magic."""
PRODUCER: Final = re.compile(
    rb"GNU [A-Z]\w*[+\d]* \d|GNU AS \d|(?:[\w ]+ )?clang version \d|(?:clang )?LLVM \(rustc|rustc version|"
    rb"Go cmd/compile|(?:LDC|DMD|Free Pascal|Zig|zig|Swift version) "
)
"""How a `DW_AT_producer` begins: the compiler, and by GCC its options."""


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
