"""If these fail, a signature holds for what apk refuses, or reads as another package than the one that was signed."""

from __future__ import annotations

from pathlib import Path

import apkmaker as make
import pytest
from signers import signer, unsigned_index, unsigned_package

from buildinfo import signatures
from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.apk.signed import read_signed
from buildinfo.apk.signing import sign
from buildinfo.errors import SignatureError

RECORD = b"C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:a\nV:1-r0\n\n"


def segment(name: str, signature: bytes, how: str) -> bytes:
    """A signature segment that apk reads as another one, or as the end of the package."""
    block = make.header(name, size=len(signature))
    body = make.padded(signature)
    return {
        "right": block + body,
        "zero blocks behind it": block + body + bytes(1024),
        "size in a record": make.pax({"size": str(len(signature))}) + make.header(name) + body,
        "size in the header only": make.pax({"size": "0"}) + make.header(name, size=len(signature)),
        "name with a prefix": make.header(name, size=len(signature), prefix=b"usr", magic=make.GNU) + body,
        "type that apk passes over": make.header(name, size=len(signature), flag=b"\0") + body,
        "number that apk refuses": make.header(name, size=len(signature), uid=b"     0 \0") + body,
    }[how]


HOW = (
    "zero blocks behind it",
    "size in a record",
    "name with a prefix",
    "type that apk passes over",
    "number that apk refuses",
)


@pytest.mark.parametrize("kind", ["package", "index"])
@pytest.mark.parametrize("how", HOW)
def test_a_signature_that_apk_does_not_read_does_not_hold(kind: str, how: str, tmp_path: Path) -> None:
    joe = signer(tmp_path, "joe")
    path = unsigned_package(tmp_path) if kind == "package" else unsigned_index(tmp_path, RECORD)
    unsigned = path.read_bytes()
    made = sign(read_signed(path).digests, read_private_key(joe.private), "RSA")
    for spelled, result in (("right", "holds"), (how, "does-not-hold")):
        path.write_bytes(make.gz(segment(made.file_name, made.data, spelled)) + unsigned)
        assert signatures.verify(path, KeyFolder(joe.folder)).result == result


DATA = {
    "a file that apk passes over": make.header("usr/bin/x", flag=b"\0"),
    "a size that lies": make.pax({"size": "512"}) + make.header("usr/bin/x") + bytes(range(256)) * 2,
    "a number that apk refuses": make.header("usr/bin/x", uid=b"     0 \0"),
}


@pytest.mark.parametrize("name", DATA)
def test_the_data_has_to_be_read_as_it_is_meant_as_well(name: str, tmp_path: Path) -> None:
    joe = signer(tmp_path, "joe")
    path = tmp_path / "a.apk"
    path.write_bytes(make.package(data=make.ended(make.directory("usr/"), DATA[name]), signatures=()))
    made = sign(read_signed(path).digests, read_private_key(joe.private), "RSA")
    path.write_bytes(make.gz(segment(made.file_name, made.data, "right")) + path.read_bytes())
    done = signatures.verify(path, KeyFolder(joe.folder))
    assert (done.result, done.verified) == ("does-not-hold", False)
    assert "apk does not read it as it is meant: data segment: usr/bin/x" in str(done.reason)
    with pytest.raises(SignatureError, match="apk does not read it"):
        signatures.add(path, read_private_key(joe.private), name="other.rsa.pub")


def test_a_line_that_apk_stops_at_ends_what_the_signature_is_about(tmp_path: Path) -> None:
    joe = signer(tmp_path, "joe")
    path = unsigned_package(tmp_path, extra=f"# {'x' * 140_000}\n")
    made = sign(read_signed(path).digests, read_private_key(joe.private), "RSA")
    path.write_bytes(make.gz(segment(made.file_name, made.data, "right")) + path.read_bytes())
    done = signatures.verify(path, KeyFolder(joe.folder))
    assert done.result == "does-not-hold"
    assert "at which apk may stop reading" in str(done.reason)
