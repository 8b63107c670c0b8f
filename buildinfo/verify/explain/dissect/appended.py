"""Files with a signature behind their end: kernel modules, and kernels for which the same is done.

Source: Linux's `include/linux/module_signature.h` and `scripts/sign-file.c`: the signature, twelve bytes that end with
its size, and a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.formats import SIGNED
from buildinfo.verify.explain.dissect.pkcs7 import described
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_INFORMATION: Final = 12


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """A hunk of kind `file signature` where the signatures differ, and those of what is signed.

    Raises:
        FormatError: a signature that is cut off.
    """
    (old, signature), (new, other) = _parted(before), _parted(after)
    if signature != other:
        follows = old != new and None not in (signature, other)
        yield place.hunk("file signature", "appended", described(signature), described(other), follows=follows)
    if old != new:
        yield from place.enter(old, new, replace(place, depth=place.depth + 1))


def _parted(data: bytes) -> tuple[bytes, bytes | None]:
    """What is signed, and its signature."""
    if not data.endswith(SIGNED):
        return data, None
    end = len(data) - len(SIGNED) - _INFORMATION
    size = int.from_bytes(data[end + 8 : end + 12], "big")
    if end < size or not size:
        raise FormatError("an appended signature that is cut off", offset=end)
    return data[: end - size], data[end - size : end + _INFORMATION]
