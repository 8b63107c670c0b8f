"""RSA keys that stay the same while the tests run, so that a signed pair can be made again byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1


@dataclass(frozen=True)
class RsaKey:
    """A key pair and the name that packages give it."""

    name: str
    private: RSAPrivateKey

    def sign(self, content: bytes) -> bytes:
        """What `abuild-sign` makes by `openssl dgst -sha1 -sign`: PKCS #1 v1.5 (RFC 8017, 8.2)."""
        return self.private.sign(content, PKCS1v15(), SHA1())


@cache
def rsa_key(name: str, number: int) -> RsaKey:
    """The key of that name and number."""
    return RsaKey(name, generate_private_key(65537, 2048))
