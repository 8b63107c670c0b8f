"""Keys: folders of public ones, and private ones to sign with. They come only from where the user says.

Source: apk-tools 2.14 `package.c` and 3.0 `crypto_openssl.c`: a signature names the file of the key that made it, and
apk looks for a file of just that name in its keys folder. RSA signatures are PKCS#1 v1.5 (RFC 8017, 8.2); DSA ones, DER
over SHA-1. The arithmetic is the `cryptography` library's, which is imported when the first key is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from buildinfo.apk.signature import is_key_name
from buildinfo.errors import FormatError, MissingToolError, UnreadableError, UsageError
from buildinfo.opening import read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import dsa, rsa, utils

MAX_KEY: Final = 1 << 16
"""Most bytes of a key file."""
SHORTEST: Final = 1024
"""Fewest bits of a key that is believed."""

HashName = Literal["sha1", "sha256", "sha512"]
TYPES: Final[Mapping[str, HashName]] = {"RSA": "sha1", "RSA256": "sha256", "RSA512": "sha512", "DSA": "sha1"}
"""The types of signature that apk knows, and what each hashes with."""
SigningType = Literal["RSA", "RSA256"]
"""The types that `abuild-sign` makes."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and the name of its file."""

    name: str
    key: rsa.RSAPublicKey | dsa.DSAPublicKey

    def mismatch(self, kind: str, data: bytes, digest: bytes) -> str | None:
        """Why a signature of type `kind` over this digest is not this key's; None if it is.

        Raises:
            MissingToolError: the library refuses the hash, as some systems make it do with SHA-1.
        """
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa

        try:
            if kind == "DSA" and isinstance(self.key, dsa.DSAPublicKey):
                self.key.verify(data, digest, _prehashed(TYPES[kind]))
            elif kind != "DSA" and isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(data, digest, padding.PKCS1v15(), _prehashed(TYPES[kind]))
            else:
                return f"{self.name} is no {kind[:3]} key"
        except InvalidSignature:
            return f"it was made by another key than {self.name}, or over something else"
        except UnsupportedAlgorithm as error:
            raise MissingToolError(f"{kind} signatures are switched off here: {error}", where="cryptography") from error
        return None


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An RSA key to sign with, and the file that it came from."""

    path: Path
    key: rsa.RSAPrivateKey

    @property
    def public_name(self) -> str:
        """The name that `abuild-sign` gives its public half: the file's, and `.pub`."""
        return f"{self.path.name}.pub"

    def sign(self, kind: SigningType, digest: bytes) -> bytes:
        """The signature of type `kind` over a digest; the same one every time.

        Raises:
            MissingToolError: the library refuses the hash.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import padding

        try:
            return self.key.sign(digest, padding.PKCS1v15(), _prehashed(TYPES[kind]))
        except UnsupportedAlgorithm as error:
            raise MissingToolError(f"{kind} signatures are switched off here: {error}", where="cryptography") from error

    def public_key(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self.public_name, self.key.public_key())


class KeyFolder:
    """A folder of public keys, each in a file of its name, as apk's own is.

    Args:
        path: the folder.

    Raises:
        UnreadableError: there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise UnreadableError("no such folder of keys", where=path, mend="name the folder that holds *.rsa.pub")
        self.path = path
        self._keys: dict[str, PublicKey | None] = {}

    def find(self, name: str) -> PublicKey | None:
        """The key of just this name, or None if the folder has none. A name that leads elsewhere finds nothing.

        Raises:
            FormatError: the file holds no RSA or DSA public key.
            UnreadableError: it cannot be read.
        """
        if name not in self._keys:
            self._keys[name] = read_public_key(self.path / name) if is_key_name(name) and self._has(name) else None
        return self._keys[name]

    def _has(self, name: str) -> bool:
        try:
            return (self.path / name).exists()
        except OSError:  # a name that no file can have
            return False


def read_public_key(path: Path) -> PublicKey:
    """Reads a public key in PEM form.

    Raises:
        FormatError: no RSA or DSA public key, or a short one.
        UnreadableError: it cannot be read.
    """
    data = _read(path)
    _require_library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, rsa

    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError("not a public key in PEM form", where=path) from error
    if not isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        raise FormatError("neither an RSA nor a DSA public key", where=path)
    if key.key_size < SHORTEST:
        raise FormatError(f"a key of {key.key_size} bits, which others can compute", where=path)
    return PublicKey(path.name, key)


def read_private_key(path: Path, passphrase: Callable[[], bytes] | None = None) -> PrivateKey:
    """Reads an RSA private key in PEM form.

    Args:
        path: the file.
        passphrase: asked if the key is encrypted; None if nobody can be asked.

    Raises:
        FormatError: no RSA private key, or the passphrase is wrong.
        UsageError: it is encrypted, and nobody can be asked.
        UnreadableError: it cannot be read.
    """
    data = _read(path)
    _require_library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    what = "not a private key in PEM form"
    try:
        try:
            key = serialization.load_pem_private_key(data, None)
        except TypeError as error:  # how the library says that it is encrypted
            if passphrase is None:
                mend = "run it in a terminal, or name a key without a passphrase"
                raise UsageError("the key is encrypted, and nobody can be asked", where=path, mend=mend) from error
            what = "the passphrase is wrong, or the key is damaged"
            key = serialization.load_pem_private_key(data, passphrase() or b"\0")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(what, where=path) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise FormatError("not an RSA private key", where=path, mend="make one with abuild-keygen")
    return PrivateKey(path, key)


def _prehashed(name: HashName) -> utils.Prehashed:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import utils

    if name == "sha512":
        return utils.Prehashed(hashes.SHA512())
    return utils.Prehashed(hashes.SHA256() if name == "sha256" else hashes.SHA1())


def _require_library() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingToolError("is not installed", where="cryptography", mend="apk add py3-cryptography") from error


def _read(path: Path) -> bytes:
    try:
        data = read_file(path, MAX_KEY)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error
    if len(data) > MAX_KEY:
        raise FormatError("too large for a key", where=path)
    return data
