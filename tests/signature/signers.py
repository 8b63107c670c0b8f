"""Keys and signed packages for the tests: each made when a test asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import apkmaker as make
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from buildinfo.apk.v2 import read_package

_PKCS8 = serialization.PrivateFormat.PKCS8
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Signer:
    """Somebody with a key of their own, and a folder that trusts nobody else."""

    private: Path
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.private.name}.pub"


@cache
def rsa_key(who: str) -> rsa.RSAPrivateKey:
    """The key of somebody: the same one for the whole run."""
    return rsa.generate_private_key(65537, 2048)


@cache
def dsa_key() -> dsa.DSAPrivateKey:
    return dsa.generate_private_key(2048)


def public_pem(key: rsa.RSAPrivateKey | dsa.DSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: rsa.RSAPrivateKey, passphrase: bytes | None = None) -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        how = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(_PEM, _PKCS8, how)


def signer(folder: Path, who: str) -> Signer:
    """Writes somebody's private key, and a folder with the public one."""
    keys = folder / f"{who}-keys"
    keys.mkdir(parents=True)
    private = folder / f"{who}@example.org-12345678.rsa"
    private.write_bytes(private_pem(rsa_key(who)))
    made = Signer(private, keys)
    (keys / made.name).write_bytes(public_pem(rsa_key(who)))
    return made


def unsigned_package(folder: Path, name: str = "hello-1.0-r0.apk", *, extra: str = "") -> Path:
    """A package that nobody signed."""
    path = folder / name
    path.write_bytes(make.package(signatures=(), extra=extra))
    return path


def unsigned_index(folder: Path, text: bytes, *, description: bytes = b"test 1.0") -> Path:
    """An index that nobody signed."""
    path = folder / "APKINDEX.tar.gz"
    entries = [
        make.file(name, body, checksum=False) for name, body in (("DESCRIPTION", description), ("APKINDEX", text))
    ]
    path.write_bytes(make.gz(make.ended(*entries)))
    return path


def with_signature(unsigned: bytes, *entries: tuple[str, bytes]) -> bytes:
    """A file with these entries in one signature segment."""
    tar = b"".join(
        make.header(name, size=len(data), uname=b"", gname=b"") + make.padded(data) for name, data in entries
    )
    return make.gz(tar) + unsigned


def index_record(package: Path, **lies: str | None) -> bytes:
    """The record of a package as `apk index` writes it; some fields say something else, or are not there."""
    found = read_package(package)
    info = found.pkginfo
    values = {
        "C": found.identity,
        "P": info.pkgname,
        "V": info.pkgver,
        "A": info.arch,
        "S": str(found.size),
        "I": str(info.size or 0),
        "T": info.get("pkgdesc") or "",
        "U": info.get("url") or "",
        "L": info.get("license") or "",
        "o": info.origin,
        "m": info.get("maintainer"),
        "t": str(info.builddate),
        "c": info.commit,
        "k": info.get("provider_priority"),
        "D": " ".join(info.all("depend")) or None,
        "p": " ".join(info.all("provides")) or None,
        "i": " ".join(info.all("install_if")) or None,
    }
    said = {**values, **lies}
    return "".join(f"{key}:{value}\n" for key, value in said.items() if value is not None).encode() + b"\n"
