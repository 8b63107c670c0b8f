"""bFLT programs (uClinux), revision 4: the build date in the header.

Source: elf2flt's `flat.h`, `struct flat_hdr`; all numbers are big-endian. A date of 0 means that there is none, so it
stays 0. No checksum covers the header.
"""

from __future__ import annotations

import struct
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone

HEADER: Final = struct.Struct(">4s15I")
"""magic rev entry data_start data_end bss_end stack_size reloc_start reloc_count flags build_date filler[5]"""
DATE: Final = 40
"""Where the build date stands."""
# What no program of a machine without memory management exceeds: the bounds by which strip-nondeterminism tells one.
MAX_OFFSET: Final = 0xFFFFFFF
MAX_STACK: Final = 0xFFFFFF
MAX_COUNT: Final = 0xFFFFFF
FLAGS: Final = 0x3F


class Bflt:
    """`bFLT`, revision 4."""

    name = "bflt"

    def normalize(self, data: bytes, job: Job) -> bytes:
        if len(data) < HEADER.size:
            raise FormatError("a bFLT header that is cut off", offset=len(data))
        magic, revision, *numbers = HEADER.unpack_from(data)
        if magic != b"bFLT" or revision != 4:
            raise FormatError("no bFLT program of revision 4", offset=0)
        entry, start, end, bss_end, stack, relocations, count, flags, old, *filler = numbers
        plausible = (
            all(offset < MAX_OFFSET for offset in (entry, start, end, bss_end, relocations))
            and stack < MAX_STACK
            and count < MAX_COUNT
            and flags <= FLAGS
            and not any(filler)
        )
        if not plausible:
            raise LeftAlone("its header is not that of a bFLT program")
        new = job.time(old) if old else 0
        if new == old:
            return data
        if not 0 <= new < 1 << 32:
            raise LeftAlone(f"{new} does not fit into a bFLT header")
        return data[:DATE] + struct.pack(">I", new) + data[DATE + 4 :]
