"""The signature of a buildinfo: a file beside it, `X.buildinfo.toml.sig`. docs/buildinfo.md describes it.

One line names the format, the type and the key; the lines behind it are the signature in base64: RSA PKCS#1 v1.5 over
SHA-256 of the bytes of the `.toml`. So any program can check it, such as `openssl dgst -sha256 -verify`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import Final

from buildinfo.apk.keys import KeyFolder, PrivateKey
from buildinfo.apk.signature import check_key_name, is_key_name
from buildinfo.errors import FormatError, SignatureError, UnreadableError
from buildinfo.opening import read_file

SUFFIX: Final = ".sig"
FORMAT: Final = "abuild-buildinfo-signature"
VERSION: Final = 1
MAX_SIZE: Final = 1 << 16
"""Most bytes of a signature file."""
_WIDTH: Final = 76

_HEADER: Final = re.compile(rb"abuild-buildinfo-signature ([0-9]{1,6}) ([A-Z0-9]{1,16}) ([^\n]{1,255})\n").match
_LINES: Final = re.compile(rb"(?:[A-Za-z0-9+/=]{1,76}\n)+").fullmatch


def signature_path(record: Path) -> Path:
    """Where the signature of a record is."""
    return record.with_name(record.name + SUFFIX)


def sign_record(record: bytes, key: PrivateKey, name: str | None = None) -> bytes:
    """The signature file of a record; the same one every time.

    Args:
        record: the bytes of the `.toml`.
        key: the key.
        name: the file name of the public key where it is trusted; by default the private key's, and `.pub`.

    Raises:
        UsageError: the name cannot be that of a key.
        MissingToolError: the library refuses the hash.
    """
    key_name = check_key_name(key.public_name if name is None else name)
    text = base64.b64encode(key.sign("RSA256", hashlib.sha256(record).digest())).decode("ascii")
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join((f"{FORMAT} {VERSION} RSA256 {key_name}", *lines, "")).encode()


def check_record(record: bytes, signature: bytes, keys: KeyFolder, where: object) -> str:
    """Checks the signature of a record; gives the name of the key that made it.

    Args:
        record: the bytes of the `.toml`, the very ones that will be parsed.
        signature: the bytes of the signature file.
        keys: the keys that are trusted.
        where: the record, for error messages.

    Raises:
        SignatureError: it does not hold, is by nobody whose key is there, or is no signature.
        FormatError: it is of a newer format, or a key file holds no key.
    """
    kind, name, data = parse_signature(signature, where)
    key = keys.find(name)
    if key is None:
        raise SignatureError(f"signed by {name}, of whom {keys.path} has no key", where=where)
    reason = key.mismatch(kind, data, hashlib.sha256(record).digest())
    if reason is not None:
        raise SignatureError(f"its signature does not hold: {reason}", where=where)
    return name


def parse_signature(data: bytes, where: object = None) -> tuple[str, str, bytes]:
    """The type, the key's name and the bytes of a signature file.

    Raises:
        SignatureError: it is no signature file, or one of another type.
        FormatError: it is of a newer format.
    """
    header = _HEADER(data)
    if header is None or len(data) > MAX_SIZE:
        raise SignatureError("the file beside it is no signature of a buildinfo", where=where)
    if int(header[1]) != VERSION:
        what = f"signature format {int(header[1])} is not the one that this program reads ({VERSION})"
        raise FormatError(what, where=where, mend="update it")
    if header[2] != b"RSA256":
        raise SignatureError(f"signatures of type {header[2].decode()} are not accepted", where=where)
    lines = data[header.end() :]
    try:
        name = header[3].decode()
        signature = base64.b64decode(lines.replace(b"\n", b""), validate=True)
    except (UnicodeDecodeError, binascii.Error):
        name, signature = "", b""
    if not _LINES(lines) or not signature or not is_key_name(name):
        raise SignatureError("the signature beside it is malformed", where=where)
    return "RSA256", name, signature


def read_signature_file(record: Path) -> bytes:
    """The signature file beside a record.

    Raises:
        SignatureError: there is none.
        UnreadableError: it cannot be read.
    """
    path = signature_path(record)
    try:
        return read_file(path, MAX_SIZE)
    except FileNotFoundError:
        raise SignatureError(f"has no signature: {path.name} is not there", where=record) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error
