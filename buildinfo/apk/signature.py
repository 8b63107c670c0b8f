"""Signatures inside v2 packages and indices: tar entries named `.SIGN.<type>.<key name>`.

Source: apk-tools 2.14 `package.c` (`apk_sign_ctx_process_file`), abuild's `abuild-sign`. The types seen
are RSA (over SHA-1) and RSA256; the key name is the file name of the public key under `/etc/apk/keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from buildinfo.apk.tar import Member
from buildinfo.apk.tarheader import BLOCK
from buildinfo.errors import FormatError, UsageError

PREFIX: Final = ".SIGN."
MAX_SIGNATURE: Final = 1 << 16
"""Most bytes of one signature."""
MAX_KEY_NAME: Final = 200
"""Most bytes of a key's name: with the prefix it has to be a file name."""


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


def is_key_name(name: str) -> bool:
    """Whether a name can be that of a key: a plain file name, which leads nowhere else."""
    return name not in ("", ".", "..") and not any(letter in name for letter in "/\0\n")


def check_key_name(name: str) -> str:
    """The name of a key to sign with.

    Raises:
        UsageError: it is no plain, printable file name of at most `MAX_KEY_NAME` bytes.
    """
    if is_key_name(name) and name.isprintable() and len(name.encode()) <= MAX_KEY_NAME:
        return name
    raise UsageError(f"{name[:100]!r} is no name of a key: it has to be a plain file name", mend="use --name NAME")


def read_signature(member: Member, content: Iterator[memoryview], *, where: object = None) -> Signature:
    """Reads a `.SIGN.*` entry.

    Raises:
        FormatError: not a plain file of at most `MAX_SIGNATURE` bytes whose name has both parts.
    """
    kind, _, key_name = member.name.removeprefix(PREFIX).partition(".")
    if member.type != "file" or not is_signature(member) or not kind or not key_name:
        what = "an entry that is no signature"
    elif "/" in kind or not is_key_name(key_name):
        what = "a signature whose key name is no plain file name"
    elif member.size > MAX_SIGNATURE:
        what = f"a signature of more than {MAX_SIGNATURE} bytes"
    else:
        return Signature(kind, key_name, b"".join(content))
    raise FormatError(what, where=where, segment="signature", offset=member.offset)


def signature_tar(signatures: Iterable[Signature], epoch: int) -> bytes:
    """The cut tar of a signature segment, as `abuild-sign` of abuild 3.15 and later writes it.

    GNU tar writes it as root, without owner names, with `--format=posix` and access and change times of 0. A name that
    is too long for the header stands in a pax record.

    Args:
        signatures: the signatures.
        epoch: the time that it is stamped with, seconds since 1970-01-01 UTC.
    """
    return b"".join(_entry(signature, epoch) for signature in signatures)


def _entry(signature: Signature, epoch: int) -> bytes:
    name = signature.file_name.encode("utf-8", "surrogateescape")
    records = _record(b"path", name) if len(name) > 100 else b""
    records += _record(b"ctime", b"0") + _record(b"atime", b"0")
    return (
        _header(b"./PaxHeaders/" + name, b"x", len(records), epoch)
        + _padded(records)
        + _header(name, b"0", len(signature.data), epoch)
        + _padded(signature.data)
    )


def _header(name: bytes, flag: bytes, size: int, mtime: int) -> bytes:
    block = bytearray(BLOCK)
    block[: min(len(name), 100)] = name[:100]
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:148] = b"%011o\0%011o\0" % (size, mtime)
    block[148:157] = b" " * 8 + flag
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _record(key: bytes, value: bytes) -> bytes:
    """One pax record, its own length before it."""
    length = len(key) + len(value) + 3
    while len(record := b"%d %s=%s\n" % (length, key, value)) != length:
        length = len(record)
    return record


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK)
