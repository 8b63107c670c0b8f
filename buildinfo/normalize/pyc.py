"""Compiled Python modules, of Python 3.6 to 3.14.

Sources: PEP 552 (the header), CPython's list of magic numbers (`Include/internal/pycore_magic_number.h`).

The leak is the time in the header. Python recompiles a module whose header does not give the modification time of its
source, so this writes the time that the package will give the source, and nothing where that is not known. What the
canonical form is tells `buildinfo.normalize.marshal`.

In finalize the folder of the build is known: code that says its source lies at `$pkgdir/PATH`, and is that of PATH in
the package, says `/PATH`. That is where it will lie, so tracebacks become right, too.
"""

from __future__ import annotations

import os
import re
import struct
from typing import Final, NamedTuple

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone
from buildinfo.normalize.marshal import Dialect, canonical, texts, with_filename
from buildinfo.normalize.sources import source_of

MAX_SIZE: Final = 8 << 20
"""Bytes of a module: far more than any that packages hold, and what is read of it stays below 300 MiB."""

_SHORT_HEADER: Final = 12
_HEADER: Final = 16
_MOST_FOLDERS: Final = 8
"""Folders of the build, as that of a subpackage, in which the source of a module is looked for."""
_CHECKED_BY_HASH: Final = (1, 3)

_3_6: Final = Dialect(head=20, tail=1)
_3_8: Final = Dialect(head=24, tail=1)
_3_11: Final = Dialect(head=20, tail=2)
_3_14: Final = Dialect(head=20, tail=2, slices=True)

VERSIONS: Final = (
    (range(3360, 3380), _SHORT_HEADER, _3_6),  # 3.6
    (range(3390, 3392), _SHORT_HEADER, _3_6),  # 3.7, before PEP 552
    (range(3392, 3395), _HEADER, _3_6),  # 3.7
    (range(3400, 3402), _HEADER, _3_6),  # 3.8, before PEP 570
    (range(3410, 3414), _HEADER, _3_8),  # 3.8
    (range(3420, 3426), _HEADER, _3_8),  # 3.9
    (range(3430, 3440), _HEADER, _3_8),  # 3.10
    (range(3494, 3496), _HEADER, _3_11),  # 3.11; the alphas before had five other layouts
    (range(3500, 3532), _HEADER, _3_11),  # 3.12
    (range(3550, 3572), _HEADER, _3_11),  # 3.13
    (range(3600, 3628), _HEADER, _3_14),  # 3.14
)
"""Magic numbers, size of the header, and layout of code objects."""


class Pyc:
    """The handler."""

    name = "pyc"

    def normalize(self, data: bytes, job: Job) -> bytes:
        magic = int.from_bytes(data[:2], "little")
        header, dialect = _version(magic)
        if len(data) < header:
            raise FormatError("ends inside its header", offset=len(data))
        if len(data) > MAX_SIZE:
            raise LeftAlone(f"it is larger than {MAX_SIZE >> 20} MiB")
        flags = 0 if header == _SHORT_HEADER else int.from_bytes(data[4:8], "little")
        if flags and flags not in _CHECKED_BY_HASH:
            raise FormatError(f"flags {flags:#x} in its header, which no Python knows", offset=4)
        if not data.startswith((b"c", b"\xe3"), header):  # four bytes alone do not make a file a module
            raise FormatError("no code object after the header", offset=header)
        result = data
        if job.form(self.name):
            try:
                result = _installed(canonical(data, header, dialect), header, dialect, job)
            except LeftAlone as reason:
                job.skipped(self.name, str(reason))
        if flags or job.source_time is None:
            return result
        return _with_time(result, header, job.source_time())


def _installed(data: bytes, header: int, dialect: Dialect, job: Job) -> bytes:
    """The module with the path of its source as it will be installed, where it has that in the package tree."""
    base = os.fsencode(job.policy.pkgbasedir)
    if not base or job.depth or base not in data:
        return data
    source = b"/" + source_of(job.path).encode("utf-8", "surrogateescape")
    pattern = re.escape(base) + rb"/[^/\0]+(?=" + re.escape(source) + rb")"
    folders = dict.fromkeys(match[0] for match in re.finditer(pattern, data))
    for folder in list(folders)[:_MOST_FOLDERS]:
        old = folder + source
        new = with_filename(data, header, dialect, old, source)
        if new is not data:
            return new
    return data


class Code(NamedTuple):
    """The code of a module in canonical form: its texts in order, and all of it but them."""

    texts: list[bytes]
    rest: bytes


def canonical_code(data: bytes) -> Code:
    """Takes the code of a module apart, brought to its canonical form.

    Raises:
        FormatError: malformed code.
        LeftAlone: of a Python that this program does not know, or with constants that have no canonical form.
    """
    header, dialect = _version(int.from_bytes(data[:2], "little"))
    code = canonical(data, header, dialect)
    rest = bytearray()
    done = header
    places = texts(code, header, dialect)
    for begin, _, end in places:
        rest += code[done:begin]
        done = end
    return Code([code[begin:end] for _, begin, end in places], bytes(rest + code[done:]))


def layout(magic: int) -> tuple[int, Dialect]:
    """The size of the header of a module with that magic number, and how its code is laid out.

    Raises:
        LeftAlone: of a Python that this program does not know.
    """
    return _version(magic)


def _version(magic: int) -> tuple[int, Dialect]:
    for magics, header, dialect in VERSIONS:
        if magic in magics:
            return header, dialect
    raise LeftAlone(f"compiled by a Python that this program does not know (magic {magic})")


def _with_time(data: bytes, header: int, seconds: int | None) -> bytes:
    """Python compares the lower 32 bits of the time of the source with those in the header."""
    if seconds is None:
        return data
    at = header - 8
    time = struct.pack("<I", seconds & 0xFFFFFFFF)
    return data if data.startswith(time, at) else data[:at] + time + data[at + 4 :]
