"""Signatures inside v2 packages and indices: tar entries named `.SIGN.<type>.<key name>`.

Source: apk-tools 2.14 `package.c` (`apk_sign_ctx_process_file`), abuild's `abuild-sign`. The types seen
are RSA (over SHA-1) and RSA256; the key name is the file name of the public key under `/etc/apk/keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from buildinfo.apk.tar import Member
from buildinfo.errors import FormatError

PREFIX: Final = ".SIGN."
MAX_SIGNATURE: Final = 1 << 16
"""Most bytes of one signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: its `type` ("RSA", "RSA256", ...), the name of its key, and its bytes."""

    type: str
    key_name: str
    data: bytes

    @property
    def file_name(self) -> str:
        """The name of the tar entry."""
        return f"{PREFIX}{self.type}.{self.key_name}"


def is_signature(member: Member) -> bool:
    """Whether the name of a tar entry says that it is a signature."""
    return member.name.startswith(PREFIX)


def read_signature(member: Member, content: Iterator[memoryview], *, where: object = None) -> Signature:
    """Reads a `.SIGN.*` entry.

    Raises:
        FormatError: not a plain file of at most `MAX_SIGNATURE` bytes whose name has both parts.
    """
    kind, _, key_name = member.name.removeprefix(PREFIX).partition(".")
    if member.type != "file" or not is_signature(member) or "/" in member.name or not kind or not key_name:
        what = "an entry that is no signature"
    elif member.size > MAX_SIGNATURE:
        what = f"a signature of more than {MAX_SIGNATURE} bytes"
    else:
        return Signature(kind, key_name, b"".join(content))
    raise FormatError(what, where=where, segment="signature", offset=member.offset)
