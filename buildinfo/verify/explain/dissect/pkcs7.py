"""Signatures for people: whose they are, as far as that is easily told. Source: RFC 5652 (CMS), X.690 (DER)."""

from __future__ import annotations

import hashlib
from typing import Final

_COMMON_NAME: Final = b"\x06\x03\x55\x04\x03"
_SHORT: Final = 128


def described(signature: bytes | None) -> bytes:
    """A signature in words: the name that its certificate or signer has, and its size."""
    if signature is None:
        return b"no signature"
    at = signature.rfind(_COMMON_NAME)
    name = b""
    if at >= 0:
        start = at + len(_COMMON_NAME)
        size = int.from_bytes(signature[start + 1 : start + 2], "big")
        if size < _SHORT:
            name = signature[start + 2 : start + 2 + size]
    by = b" by " + name if name else b""
    digest = hashlib.sha256(signature).hexdigest()[:16].encode()
    return b"a signature%s of %d bytes (%s)" % (by, len(signature), digest)
