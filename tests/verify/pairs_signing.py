"""RSA keys that are the same in every run, so that a signed pair can be made again byte for byte. For tests only."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cache

_BITS = 2048
_EXPONENT = 65537
_SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")
_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


@dataclass(frozen=True)
class RsaKey:
    """A key pair and the name that packages give it."""

    name: str
    modulus: int
    private: int

    def sign(self, content: bytes) -> bytes:
        """What `abuild-sign` makes by `openssl dgst -sha1 -sign`: PKCS #1 v1.5 (RFC 8017, 8.2)."""
        digest = _SHA1 + hashlib.sha1(content).digest()
        size = _BITS // 8
        block = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
        return pow(int.from_bytes(block, "big"), self.private, self.modulus).to_bytes(size, "big")


@cache
def rsa_key(name: str, seed: int) -> RsaKey:
    """The key of that seed."""
    numbers = random.Random(seed)
    first, second = _prime(numbers), _prime(numbers)
    return RsaKey(name, first * second, pow(_EXPONENT, -1, (first - 1) * (second - 1)))


def _prime(numbers: random.Random) -> int:
    half = _BITS // 2
    while True:
        found = numbers.getrandbits(half) | (3 << (half - 2)) | 1
        if all(found % small for small in _SMALL) and pow(2, found - 1, found) == 1 and found % _EXPONENT != 1:
            return found
