"""If these fail, a rebuilder's proof is worth nothing: a signature is put on, or believed of, what it is not over."""

from __future__ import annotations

import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path

import apkmaker as make
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st
from signers import Signer, dsa_key, public_pem, rsa_key, signer, unsigned_index, unsigned_package, with_signature

from buildinfo.apk.keys import KeyFolder, read_private_key, read_public_key
from buildinfo.apk.segments import iter_segments
from buildinfo.apk.signature import Signature, read_signature, signature_tar
from buildinfo.apk.tar import Member, TarReader
from buildinfo.apk.v2 import read_package
from buildinfo.errors import FormatError, IntegrityError, SignatureError, UnreadableError, UsageError
from buildinfo.signatures import add, extract, graft, list_signatures, strip, verify

RECORDS = b"C:Q1AAAA\nP:hello\nV:1.0-r0\nt:1700000000\n\n"


@pytest.fixture
def vendor(tmp_path: Path) -> Signer:
    return signer(tmp_path, "vendor")


@pytest.fixture
def rebuilder(tmp_path: Path) -> Signer:
    return signer(tmp_path, "rebuilder")


def signed_by(path: Path, who: Signer, kind: str = "RSA", name: str | None = None) -> Path:
    add(path, read_private_key(who.private), kind=kind, name=name)  # type: ignore[arg-type]  # also wrong ones
    return path


def reason(path: Path, who: Signer) -> str:
    """Why it does not hold."""
    found = verify(path, KeyFolder(who.folder))
    assert found.result == "does-not-hold"
    assert not found.verified
    return str(found.reason)


def holds(path: Path, who: Signer) -> bool:
    return verify(path, KeyFolder(who.folder)).result == "holds"


@pytest.mark.parametrize("kind", ["RSA", "RSA256"])
def test_what_is_signed_holds_with_that_key_and_no_other(
    tmp_path: Path, vendor: Signer, rebuilder: Signer, kind: str
) -> None:
    package = unsigned_package(tmp_path)
    assert reason(package, vendor) == "it has no signature"
    before = read_package(package)
    signed_by(package, vendor, kind)
    assert holds(package, vendor)
    assert f"no key in {rebuilder.folder} is that of .SIGN.{kind}." in reason(package, rebuilder)
    after = read_package(package)
    assert (after.unsigned_sha256, after.identity) == (before.unsigned_sha256, before.identity)


def test_a_co_signed_package_holds_with_either_key(tmp_path: Path, vendor: Signer, rebuilder: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    alone = package.read_bytes()
    signed_by(package, rebuilder, "RSA256")
    assert package.read_bytes().endswith(alone), "the vendor's file is all there, behind one more segment"
    assert holds(package, vendor)
    assert holds(package, rebuilder)
    assert [entry.type for entry in list_signatures(package).signatures] == ["RSA256", "RSA"]
    out = tmp_path / "out.apk"
    strip(package, out)
    assert out.read_bytes() == make.package(signatures=())


def test_several_signatures_in_one_segment_hold(tmp_path: Path, vendor: Signer, rebuilder: Signer) -> None:
    """Chainguard's indices have three in one."""
    package = unsigned_package(tmp_path)
    unsigned = package.read_bytes()
    entries = []
    for who in (vendor, rebuilder):
        signed_by(package, who)
        [first] = [signature for signature in read_package(package).signatures if signature.key_name == who.name]
        entries.append((first.file_name, first.data))
    package.write_bytes(with_signature(unsigned, *entries))
    assert holds(package, vendor)
    assert holds(package, rebuilder)


def test_the_same_key_signs_the_same_bytes_the_same(tmp_path: Path, vendor: Signer) -> None:
    first = signed_by(unsigned_package(tmp_path, "a.apk"), vendor)
    second = signed_by(unsigned_package(tmp_path, "b.apk"), vendor)
    assert first.read_bytes() == second.read_bytes()
    assert {member.mtime for member in read_signature_members(first)} == {1700000000}


def read_signature_members(path: Path) -> list[Member]:
    first = next(iter_segments(path))
    return [member for member, _ in first.tar]


@pytest.mark.parametrize("kind", ["RSA512", "DSA"])
def test_types_that_nobody_makes_any_more_are_verified(tmp_path: Path, vendor: Signer, kind: str) -> None:
    package = unsigned_package(tmp_path)
    control = read_package(package).control
    raw = package.read_bytes()[: control.size]
    if kind == "DSA":
        data = dsa_key().sign(raw, hashes.SHA1())
        (vendor.folder / vendor.name).write_bytes(public_pem(dsa_key()))
    else:
        data = rsa_key("vendor").sign(raw, padding.PKCS1v15(), hashes.SHA512())
    unsigned = package.read_bytes()
    package.write_bytes(with_signature(unsigned, (f".SIGN.{kind}.{vendor.name}", data)))
    if kind == "DSA":  # apk 2.14 takes none of them for a signature
        assert "DSA and nothing else" in reason(package, vendor)
    else:
        assert holds(package, vendor)
    package.write_bytes(with_signature(unsigned, (f".SIGN.RSA.{vendor.name}", data)))
    assert ".SIGN.RSA." in reason(package, vendor)
    package.write_bytes(with_signature(unsigned, (f".SIGN.{kind}.{vendor.name}", data[:-1])))
    assert "does not hold" in reason(package, vendor)


def test_a_signature_that_only_one_apk_knows_is_not_enough_and_does_no_harm(tmp_path: Path, vendor: Signer) -> None:
    package = unsigned_package(tmp_path)
    unsigned = package.read_bytes()
    raw = unsigned[: read_package(package).control.size]
    (vendor.folder / "joe.dsa.pub").write_bytes(public_pem(dsa_key()))
    both = (
        (".SIGN.DSA.joe.dsa.pub", dsa_key().sign(raw, hashes.SHA1())),
        (f".SIGN.RSA.{vendor.name}", rsa_key("vendor").sign(raw, padding.PKCS1v15(), hashes.SHA1())),
    )
    package.write_bytes(with_signature(unsigned, *both))
    assert holds(package, vendor)
    package.write_bytes(with_signature(unsigned, both[0]))
    assert not holds(package, vendor)


def test_a_type_that_apk_does_not_know_is_no_signature(tmp_path: Path, vendor: Signer) -> None:
    package = unsigned_package(tmp_path)
    package.write_bytes(with_signature(package.read_bytes(), (f".SIGN.ED25519.{vendor.name}", b"x" * 64)))
    assert "no key in" in reason(package, vendor)


# What must not hold.


def test_the_right_name_and_the_wrong_key_is_refused(tmp_path: Path, vendor: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    (vendor.folder / vendor.name).write_bytes(public_pem(rsa_key("mallory")))
    assert "made by another key" in reason(package, vendor)


def test_a_wrong_signature_is_refused_also_beside_a_good_one(tmp_path: Path, vendor: Signer, rebuilder: Signer) -> None:
    """apk takes the first whose key it has: a wrong one hides a good one, or is hidden by it."""
    package = signed_by(signed_by(unsigned_package(tmp_path), vendor), rebuilder)
    (rebuilder.folder / vendor.name).write_bytes(public_pem(rsa_key("mallory")))
    assert vendor.name in reason(package, rebuilder)


def test_the_signature_of_another_package_is_refused(tmp_path: Path, vendor: Signer) -> None:
    one = signed_by(unsigned_package(tmp_path, "one.apk"), vendor)
    other = unsigned_package(tmp_path, "other.apk", extra="depend = evil\n")
    signatures, out = tmp_path / "one.sigs", tmp_path / "out.apk"
    extract(one, signatures)
    forged = tmp_path / "forged.apk"
    forged.write_bytes(signatures.read_bytes() + other.read_bytes())
    assert "over something else" in reason(forged, vendor)
    with pytest.raises(SignatureError, match="the control segments differ"):
        graft(one, other, out)
    with pytest.raises(SignatureError, match="over something else"):
        graft(signatures, other, out, KeyFolder(vendor.folder))
    assert not out.exists()


def test_one_changed_byte_of_the_data_is_refused_wherever_it_is(tmp_path: Path, vendor: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    whole, start = package.read_bytes(), read_package(package).data.offset
    for at in range(start, len(whole), 7):
        package.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert "datahash" in reason(package, vendor), at
    package.write_bytes(whole[:-1])
    assert "datahash" in reason(package, vendor)
    package.write_bytes(whole + whole[start:])
    assert "datahash" in reason(package, vendor)


def test_another_datahash_is_refused(tmp_path: Path, vendor: Signer) -> None:
    """Somebody changes the data and lets .PKGINFO say so."""
    package = signed_by(unsigned_package(tmp_path), vendor)
    signatures = tmp_path / "sigs"
    extract(package, signatures)
    package.write_bytes(
        signatures.read_bytes() + make.package(signatures=(), data=make.ended(make.file("usr/evil", b"evil")))
    )
    read_package(package)
    assert "does not hold" in reason(package, vendor)


def test_a_signature_that_stands_twice_is_refused(tmp_path: Path, vendor: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    signatures, unsigned = tmp_path / "sigs", unsigned_package(tmp_path, "unsigned.apk")
    extract(package, signatures)
    twice = signatures.read_bytes() * 2
    package.write_bytes(twice + unsigned.read_bytes())
    assert "twice" in reason(package, vendor)
    signatures.write_bytes(twice)
    for source in (signatures, package):
        with pytest.raises(SignatureError, match="twice"):
            graft(source, unsigned, tmp_path / "out.apk")


def test_nobody_signs_twice_or_under_the_name_of_another(tmp_path: Path, vendor: Signer, rebuilder: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    before = package.read_bytes()
    with pytest.raises(SignatureError, match="already"):
        signed_by(package, vendor)
    with pytest.raises(SignatureError, match="another key of the same name"):
        signed_by(package, rebuilder, "RSA256", vendor.name)
    assert package.read_bytes() == before
    signed_by(package, vendor, "RSA256")
    assert holds(package, vendor)


@pytest.mark.parametrize(
    "name", ["../keys/evil.rsa.pub", "/etc/passwd", "a/b", ".", "..", "", "a\nb", "a\x1b[2J", "x" * 300]
)
def test_a_key_name_that_leads_elsewhere_is_refused(tmp_path: Path, vendor: Signer, name: str) -> None:
    package = unsigned_package(tmp_path)
    with pytest.raises(UsageError, match="no name of a key"):
        signed_by(package, vendor, name=name)
    if len(name) > 100 or name == "":
        return
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "evil.rsa.pub").write_bytes(public_pem(rsa_key("vendor")))
    assert KeyFolder(vendor.folder).find(name) is None
    if name.isprintable():
        package.write_bytes(with_signature(package.read_bytes(), (f".SIGN.RSA.{name}", b"x" * 256)))
        with pytest.raises(FormatError):
            verify(package, KeyFolder(vendor.folder))


def test_keys_come_from_nowhere_but_the_folder(tmp_path: Path, vendor: Signer) -> None:
    package = signed_by(unsigned_package(tmp_path), vendor)
    with pytest.raises(UnreadableError, match="no such folder"):
        KeyFolder(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    assert verify(package, KeyFolder(tmp_path / "empty")).result == "does-not-hold"
    (vendor.folder / vendor.name).write_text("-----BEGIN NONSENSE-----")
    with pytest.raises(FormatError, match="not a public key"):
        verify(package, KeyFolder(vendor.folder))


# Grafting.


def test_a_rebuild_with_the_original_signature_is_the_original(
    tmp_path: Path, vendor: Signer, rebuilder: Signer
) -> None:
    original = signed_by(unsigned_package(tmp_path, "original.apk"), vendor)
    rebuilt = signed_by(unsigned_package(tmp_path, "rebuilt.apk"), rebuilder)
    signatures, out = tmp_path / "sigs", tmp_path / "out.apk"
    extract(original, signatures)
    for source in (original, signatures):
        for keys, verified in ((None, False), (KeyFolder(vendor.folder), True)):
            done = graft(source, rebuilt, out, keys)
            assert out.read_bytes() == original.read_bytes()
            assert done.verified is verified
            assert done.reason == (None if verified else "signature not verified")
            out.unlink()
        with pytest.raises(SignatureError, match="no key in"):
            graft(source, rebuilt, out, KeyFolder(rebuilder.folder))
        assert not out.exists()


def test_a_rebuild_whose_data_is_damaged_gets_no_signature(tmp_path: Path, vendor: Signer) -> None:
    original = signed_by(unsigned_package(tmp_path, "original.apk"), vendor)
    signatures, rebuilt = tmp_path / "sigs", tmp_path / "rebuilt.apk"
    extract(original, signatures)
    whole = make.package(signatures=())
    rebuilt.write_bytes(whole[:-9] + b"x" + whole[-8:])
    for source in (original, signatures):
        with pytest.raises(SignatureError, match="datahash"):
            graft(source, rebuilt, tmp_path / "out.apk")


def test_what_has_no_signature_gives_none(tmp_path: Path, vendor: Signer) -> None:
    package = unsigned_package(tmp_path)
    with pytest.raises(SignatureError, match="no signature"):
        extract(package, tmp_path / "sigs")
    with pytest.raises(SignatureError, match="no signature"):
        graft(package, package, tmp_path / "out.apk")
    assert strip(package, tmp_path / "out.apk").reason == "it had no signature"
    assert (tmp_path / "out.apk").read_bytes() == package.read_bytes()
    assert not (tmp_path / "sigs").exists()


def test_nothing_is_signed_that_is_not_whole(tmp_path: Path, vendor: Signer) -> None:
    """A co-signature says: this is what I rebuilt. It must not end on a damaged download."""
    package = unsigned_package(tmp_path)
    damaged = bytearray(package.read_bytes())
    damaged[-20] ^= 1
    package.write_bytes(damaged)
    with pytest.raises((IntegrityError, FormatError)):
        signed_by(package, vendor)
    assert package.read_bytes() == damaged
    assert not list(tmp_path.glob(".*"))


# Indices.


def test_the_signature_of_an_index_covers_all_behind_it(tmp_path: Path, vendor: Signer, rebuilder: Signer) -> None:
    index = signed_by(signed_by(unsigned_index(tmp_path, RECORDS), vendor), rebuilder)
    assert holds(index, vendor)
    assert holds(index, rebuilder)
    whole = index.read_bytes()
    stripped = tmp_path / "stripped"
    strip(index, stripped)
    size = len(stripped.read_bytes())
    for at in range(len(whole) - size, len(whole), 3):
        index.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with suppress(FormatError):  # it cannot be read at all
            assert not holds(index, vendor)
    index.write_bytes(whole)
    graft(index, stripped, tmp_path / "out", KeyFolder(vendor.folder))
    assert (tmp_path / "out").read_bytes() == whole
    with pytest.raises(SignatureError, match="the other a package"):
        graft(index, unsigned_package(tmp_path), tmp_path / "out2")


def test_another_index_does_not_get_the_signature(tmp_path: Path, vendor: Signer) -> None:
    index = signed_by(unsigned_index(tmp_path, RECORDS), vendor)
    (tmp_path / "other").mkdir()
    other = unsigned_index(tmp_path / "other", RECORDS + RECORDS.replace(b"hello", b"evil"))
    with pytest.raises(SignatureError, match="the indices differ"):
        graft(index, other, tmp_path / "out")


# Whatever the bytes.


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_damage_behind_the_signatures_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    vendor = signer(folder, "vendor")
    package = signed_by(unsigned_package(folder), vendor)
    whole = package.read_bytes()
    head = len(whole) - len(make.package(signatures=()))
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(max_size=9).filter(lambda piece: piece != whole[at : at + 3]))
    package.write_bytes(whole[:at] + other + whole[at + 3 :])
    try:
        found = verify(package, KeyFolder(vendor.folder)).result
    except FormatError:
        return
    if found == "holds":
        assert at < head
        assert read_package(package).unsigned_sha256 == hashlib.sha256(whole[head:]).hexdigest()


@given(
    kind=st.sampled_from(["RSA", "RSA256"]),
    name=st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=60).filter(
        lambda name: name not in (".", "..")
    ),
    data=st.binary(min_size=1, max_size=1024),
    epoch=st.integers(0, 8**11 - 1),
)
def test_a_signature_is_read_as_it_was_written(kind: str, name: str, data: bytes, epoch: int) -> None:

    tar = signature_tar([Signature(kind, name, data)] * 2, epoch)
    for member, content in TarReader([tar]):
        assert read_signature(member, content) == Signature(kind, name, data)
        assert (member.mode, member.uid, member.uname, member.mtime) == (0o644, 0, "", epoch)


def test_a_short_key_is_not_believed(tmp_path: Path) -> None:
    """Keys of 512 bits are computed from their public halves within hours."""
    key = tmp_path / "short.rsa"
    subprocess.run(["openssl", "genrsa", "-out", key, "512"], check=True, capture_output=True)
    public = tmp_path / "short.rsa.pub"
    subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    with pytest.raises(FormatError, match="512 bits"):
        read_public_key(public)
