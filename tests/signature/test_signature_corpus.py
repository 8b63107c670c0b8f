"""If these fail, the signature of a real package cannot be carried to its rebuild, or is believed of another."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from signers import Signer, signer

from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.apk.pigz import compress
from buildinfo.apk.segments import read_head
from buildinfo.apk.signature import signature_tar
from buildinfo.apk.v2 import read_package
from buildinfo.errors import FormatError, SignatureError
from buildinfo.signatures import add, extract, graft, list_signatures, strip, verify

DAMAGED = {"aws-c-s3-0.4.9-r0.apk", "neon-4604-r0.apk"}
"""Their data is not what their datahash says (section 7 of the corpus's README)."""


@pytest.fixture
def rebuilder(tmp_path: Path) -> Signer:
    return signer(tmp_path, "rebuilder")


def packages(corpus: Path) -> list[Path]:
    found = [path for folder in ("apk-v2", "apk-v2-rebuilds") for path in sorted((corpus / folder).rglob("*.apk"))]
    assert len(found) > 200
    return found


def test_every_signed_package_comes_back_byte_for_byte(corpus: Path, tmp_path: Path) -> None:
    done = 0
    signatures, stripped, out = tmp_path / "sigs", tmp_path / "stripped", tmp_path / "out"
    for path in packages(corpus):
        whole = path.read_bytes()
        strip(path, stripped)
        if not list_signatures(path).signatures:
            assert stripped.read_bytes() == whole
            continue
        assert whole.endswith(stripped.read_bytes())
        assert len(stripped.read_bytes()) < len(whole)
        assert graft(path, stripped, out).output == str(out)
        assert out.read_bytes() == whole, path
        out.unlink()
        extract(path, signatures)
        assert signatures.read_bytes() + stripped.read_bytes() == whole
        if path.name in DAMAGED:
            with pytest.raises(SignatureError, match="datahash"):
                graft(signatures, stripped, out)
        else:
            graft(signatures, stripped, out)
            assert out.read_bytes() == whole, path
        done += 1
    assert done > 200


def test_packages_hold_with_the_key_that_signed_them(corpus: Path) -> None:
    """`apk verify` says the same of each of these with the same folder of keys."""
    keys = KeyFolder(corpus / "keys")
    found = {path: verify(path, keys) for path in packages(corpus)}
    held = {path for path, result in found.items() if result.result == "holds"}
    for path in packages(corpus):
        names = [entry.key_name for entry in list_signatures(path).signatures]
        known = [name for name in names if (corpus / "keys" / str(name)).exists()]
        assert (path in held) == bool(known and path.name != "hello-wolfi-2.12.1-r0.apk"), found[path]
    assert sum(path.parent.name.startswith("alpine-") for path in held) > 150


def test_a_key_of_the_right_name_that_is_another_key_is_refused(corpus: Path) -> None:
    found = verify(corpus / "apk-v2/apko-testdata/hello-wolfi-2.12.1-r0.apk", KeyFolder(corpus / "keys"))
    assert found.result == "does-not-hold"
    assert "melange.rsa.pub does not hold: it was made by another key" in str(found.reason)


def test_indices_hold_with_the_key_that_signed_them(corpus: Path, tmp_path: Path) -> None:
    keys = KeyFolder(corpus / "keys")
    found = {path.name: verify(path, keys) for path in sorted((corpus / "apkindex-v2").iterdir())}
    unknown = {"apko-three-signatures.tar.gz", "incus-abuild3.17-aarch64.tar.gz"}
    last = "apko-single-member-sig-last.tar.gz"
    assert {name for name, result in found.items() if result.result != "holds"} == {*unknown, last}
    assert "where apk does not look" in str(found[last].reason)
    assert [entry.status for entry in found[last].signatures] == ["unseen"]
    assert len(found["apko-three-signatures.tar.gz"].signatures) == 3
    for path in sorted((corpus / "apkindex-v2").iterdir()):
        strip(path, tmp_path / "stripped")
        if path.name == last:
            with pytest.raises(SignatureError, match="no signature where apk looks"):
                extract(path, tmp_path / "sigs")
            continue
        graft(path, tmp_path / "stripped", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == path.read_bytes()


def test_another_build_does_not_get_the_signature(corpus: Path, tmp_path: Path) -> None:
    """Published rebuilds of the same name and version, which differ."""
    tried = 0
    for folder in sorted((corpus / "apk-v2-rebuilds").iterdir()):
        builds = sorted(folder.glob("*.apk"))
        for one, other in pairwise(builds):
            if read_package(one).identity == read_package(other).identity:
                continue
            with pytest.raises(SignatureError, match="the control segments differ"):
                graft(one, other, tmp_path / "out")
            tried += 1
    assert tried > 20
    assert not (tmp_path / "out").exists()


def test_our_signature_segment_is_what_abuild_wrote_since_3_15(corpus: Path) -> None:
    """Alpine's own writer: the same tar from the same signature, key name and time, and the same framing with pigz."""
    tars = framed = 0
    for path in packages(corpus):
        package = read_package(path) if path.name not in DAMAGED else None
        if package is None or not any("abuild 3.1" in comment for comment in package.pkginfo.comments):
            continue
        head = path.read_bytes()[: package.control.offset]
        *segments, _ = read_head(path)
        if len(segments) != 1 or b"PaxHeaders" not in segments[0]:
            continue
        assert signature_tar(package.signatures, package.pkginfo.builddate or 0) == segments[0], path
        tars += 1
        framed += compress(segments[0]) == head
    assert tars > 10
    assert framed == tars


def test_v3_is_named_as_such(corpus: Path, tmp_path: Path, rebuilder: Signer) -> None:
    path = next((corpus / "apk-v3").rglob("*.apk"))
    with pytest.raises(FormatError, match="v3 not supported yet"):
        verify(path, KeyFolder(corpus / "keys"))
    with pytest.raises(FormatError, match="v3 not supported yet"):
        add(path, read_private_key(rebuilder.private), output=tmp_path / "out")


def test_co_signing_changes_nothing_but_the_signatures(corpus: Path, tmp_path: Path, rebuilder: Signer) -> None:
    key = read_private_key(rebuilder.private)
    for path in sorted((corpus / "apk-v2/alpine-3.19-x86_64").glob("*.apk"))[:40]:
        out = tmp_path / "out"
        add(path, key, output=out)
        assert out.read_bytes().endswith(path.read_bytes())
        for folder in (rebuilder.folder, corpus / "keys"):
            assert verify(out, KeyFolder(folder)).result == "holds"
