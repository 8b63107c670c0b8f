"""If these fail, two builders of one payload publish two different packages, or a package is harmed by normalizing."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import marshal
import os
import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from building import CORPUS
from packing import COMPRESSORS, EPOCH, PAYLOAD, Item, Packing, inflate_members

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.signature import Signature
from buildinfo.apk.v2 import read_package
from buildinfo.cli import main
from buildinfo.errors import FormatError, UnreadableError
from buildinfo.normalize.job import Policy
from buildinfo.normalize.package import Settings, normalize_package
from buildinfo.normalize.paths import Request, normalize_file
from buildinfo.normalize.registry import select

OFFICIAL = "apk-v2/alpine-3.19-x86_64"


def policy(_: PkgInfo) -> Policy:
    return select("all", EPOCH)


FINALIZE = Settings(policy, users=frozenset({"hello"}), groups=frozenset({"hello"}), one_time=True)
"""As finalize does it."""


def finalized(tmp_path: Path, packing: Packing, payload: list[Item] | None = None) -> bytes:
    path = tmp_path / "hello-1.2-r3.apk"
    path.write_bytes(packing.package(payload))
    normalize_package(path, FINALIZE)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]
    return path.read_bytes()


VARIANTS = {
    "order": Packing(seed=1),
    "another order": Packing(seed=7),
    "ids of the aport's own user": Packing(ids={"hello": 173}),
    "ids too big for octal": Packing(ids={"hello": 3_000_000}),
    "later times": Packing(mtime=EPOCH + 86400),
    "earlier times": Packing(mtime=EPOCH - 86400),
    "access times": Packing(times=b"1700000123.456789"),
    "process ids": Packing(process=4711),
    "pax order": Packing(shuffle_pax=True, seed=None),
    "size as du counts it": Packing(size=200704),
    "two end blocks": Packing(trailer=1024),
    **{f"compressed by {name}": Packing(function) for name, function in COMPRESSORS.items()},
    "all together": Packing(
        list(COMPRESSORS.values())[-1], 3, {"hello": 101}, EPOCH + 9, 4096, True, b"1", 31337, 1024
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_payload_gives_one_file(variant: str, tmp_path: Path) -> None:
    wanted = finalized(tmp_path, Packing(signed=False))
    VARIANTS[variant].signed = False
    assert finalized(tmp_path, VARIANTS[variant]) == wanted


def test_what_is_installed_is_what_was_packed(tmp_path: Path) -> None:
    """Content, modes, owners by name, links and attributes survive every step."""
    package = finalized(tmp_path, VARIANTS["all together"])
    with tarfile.open(fileobj=io.BytesIO(inflate_members(package)[-1])) as tar:
        members = {member.name: member for member in tar}
        assert list(members) == sorted(item.name for item in PAYLOAD)
        for item in PAYLOAD:
            member = members[item.name]
            assert (member.mode, member.uname, member.gname) == (item.mode, item.user, item.user)
            if item.kind == "hardlink":
                assert (member.islnk(), member.linkname) == (True, item.link)
            elif item.kind == "symlink":
                assert (member.issym(), member.linkname) == (True, item.link)
            elif item.kind == "file":
                assert tar.extractfile(member).read() == item.content  # type: ignore[union-attr]  # it is a file
                for key, value in item.xattrs.items():
                    assert member.pax_headers[f"SCHILY.xattr.{key}"].encode("utf-8", "surrogateescape") == value
    read_package(tmp_path / "hello-1.2-r3.apk")


@pytest.mark.parametrize("seed", range(6))
def test_links_stay_links_of_the_same_file_in_any_order(seed: int, tmp_path: Path) -> None:
    names = ["x/b", "x/a", "x/c", "x/long" + "n" * 120]
    payload = [Item("x", "dir", mode=0o755), Item(names[0], content=b"shared" * 99, xattrs={"user.k": b"v"})]
    payload += [Item(name, "hardlink", link=names[0]) for name in names[1:3]]
    wanted = finalized(tmp_path, Packing(signed=False), payload)
    assert finalized(tmp_path, Packing(seed=seed, signed=False), payload) == wanted
    with tarfile.open(fileobj=io.BytesIO(inflate_members(wanted)[-1])) as tar:
        first, *others = [member for member in tar if not member.isdir()]
        assert first.name == "x/a" and first.isreg() and {member.linkname for member in others} == {"x/a"}


def test_by_default_only_leaks_go_and_the_signature_stays_if_there_are_none(tmp_path: Path) -> None:
    """A packager who normalizes a foreign package must not lose its signature to matters of taste."""
    path = tmp_path / "p.apk"
    path.write_bytes(before := Packing(seed=1, size=200704, ids={"hello": 9}, trailer=1024).package())
    done = normalize_file(path, Request())
    assert (done.result, path.read_bytes()) == ("unchanged", before)


def test_a_leak_costs_the_signature_and_the_user_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.apk"
    path.write_bytes(before := Packing(mtime=EPOCH + 9).package())
    assert main(["normalize", "--check", str(path)]) == 1
    assert path.read_bytes() == before
    assert main(["normalize", str(path)]) == 0
    assert "signature became invalid" in capsys.readouterr().out
    package = read_package(path)
    assert {member.mtime for member in package.members} == {EPOCH}
    assert not package.signatures
    assert main(["normalize", "--check", str(path)]) == 0


def test_ids_are_not_touched_without_knowing_whose_they_are(tmp_path: Path) -> None:
    path = tmp_path / "p.apk"
    path.write_bytes(Packing(ids={"hello": 173}).package())
    normalize_file(path, Request(handlers="all"))
    assert {member.uid for member in read_package(path).members} == {0, 173}


def test_a_content_that_changes_keeps_its_checksums_right(tmp_path: Path) -> None:
    """apk verifies the SHA-1 of every file; the size of the package follows the content."""
    late = gzip.compress(b"late", mtime=EPOCH + 5)
    payload = [Item("a.gz", content=late), Item("b", content=b"b")]
    path = tmp_path / "p.apk"
    path.write_bytes(Packing().package(payload))
    done = normalize_file(path, Request())
    assert [(change.path, change.handler) for change in done.changes if change.path] == [("a.gz", "gzip")]
    package = read_package(path)
    new = gzip.compress(b"late", mtime=EPOCH)
    assert package.members[0].checksum == hashlib.sha1(new).hexdigest()
    assert [change.after for change in done.changes if change.path] == [hashlib.sha256(new).hexdigest()]


def test_a_compiled_file_gets_the_time_that_its_source_will_have(tmp_path: Path) -> None:
    """Otherwise Python compiles it again at every start."""
    code = marshal.dumps(compile("x = 1", "m.py", "exec"))
    compiled = importlib.util.MAGIC_NUMBER + bytes(4) + (EPOCH + 77).to_bytes(4, "little") + bytes(4) + code
    tag = f"__pycache__/m.{sys.implementation.cache_tag}.pyc"
    path = tmp_path / "p.apk"
    for payload in ([Item(tag, content=compiled), Item("m.py", content=b"x = 1")], [Item(tag, content=compiled)]):
        path.write_bytes(Packing(mtime=EPOCH + 88).package(payload))
        normalize_file(path, Request())
        with tarfile.open(fileobj=io.BytesIO(inflate_members(path.read_bytes())[-1])) as tar:
            data = tar.extractfile(tag).read()  # type: ignore[union-attr]  # it is a file
        assert int.from_bytes(data[8:12], "little") == EPOCH


def test_two_members_of_one_path_are_not_sorted(tmp_path: Path) -> None:
    """The later one counts: another order would be another package."""
    payload = [Item("b", content=b"1"), Item("a", content=b"2"), Item("b", content=b"3")]
    path = tmp_path / "p.apk"
    path.write_bytes(Packing().package(payload))
    done = normalize_package(path, FINALIZE)
    assert [member.name for member in read_package(path).members] == ["b", "a", "b"]
    assert done.stays and "order" in done.stays


def test_if_signing_fails_the_package_stays(tmp_path: Path) -> None:
    path = tmp_path / "p.apk"
    path.write_bytes(before := Packing(seed=1).package())

    def sign(control: bytes, old: Signature) -> bytes:
        raise UnreadableError("no key")

    with pytest.raises(UnreadableError, match="no key"):
        normalize_package(path, Settings(policy, sign=sign))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.apk"]


def test_a_replaced_package_is_newer_than_the_index(tmp_path: Path) -> None:
    """apk would go on to publish the old identity of a package that is older than the index."""
    index = tmp_path / "APKINDEX.tar.gz"
    index.write_bytes(b"")
    os.utime(index, (4_000_000_000, 4_000_000_000))
    finalize_path = tmp_path / "p.apk"
    finalize_path.write_bytes(Packing(seed=1).package())
    finalize_path.chmod(0o640)
    normalize_package(finalize_path, FINALIZE)
    status = finalize_path.stat()
    assert status.st_mtime > index.stat().st_mtime
    assert status.st_mode & 0o777 == 0o640


def test_provenance_saves_compressing_but_never_for_a_compressor_that_differs(tmp_path: Path) -> None:
    """The control segment, from the same compressor, is compared: it vouches for the data segment."""
    path = tmp_path / "p.apk"
    trusting = Settings(policy, trusted=True)
    path.write_bytes(Packing(COMPRESSORS["zlib"], signed=False).package())
    assert normalize_package(path, trusting).changed
    assert not normalize_package(path, FINALIZE).changed


def damaged() -> dict[str, bytes]:
    good = Packing().package()
    rng = random.Random(5)
    cases = {"empty": b"", "not gzip": b"hello", "adb": b"ADBd" + bytes(99)}
    cases |= {f"cut at {at}": good[:at] for at in rng.sample(range(1, len(good)), 12)}
    for at in rng.sample(range(len(good)), 30):
        cases[f"bit flipped at {at}"] = good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1 :]
    return cases


@pytest.mark.parametrize("case", damaged())
def test_a_package_that_cannot_be_read_is_not_touched(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damage is either refused with one line, or harmless (a bit of a header that nothing checks)."""
    path, fine = tmp_path / "bad.apk", tmp_path / "good.apk"
    path.write_bytes(data := damaged()[case])
    fine.write_bytes(Packing(mtime=EPOCH + 1).package())
    status = main(["normalize", "--handlers", "all", str(path), str(fine)])
    captured = capsys.readouterr()
    assert f"{fine}: changed" in captured.out  # the rest of the batch goes on
    assert len(list(tmp_path.iterdir())) == 2
    if status == 2:
        assert path.read_bytes() == data
        assert captured.err.count("\n") == 1 and str(path) in captured.err
    elif path.read_bytes() != data:
        assert inflate_members(path.read_bytes())[-1] == inflate_members(data)[-1]


def official() -> list[Path]:
    return sorted((CORPUS / OFFICIAL).glob("*.apk"))


@pytest.mark.skipif(not official(), reason=f"no corpus folder ../shared/corpus/{OFFICIAL}")
def test_official_packages_do_not_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alpine's own signature has to stay valid."""
    packages = official()
    assert len(packages) == 184
    assert main(["normalize", "--check", *map(str, packages)]) == 0
    capsys.readouterr()
    for path in packages[::20]:
        output = tmp_path / path.name
        assert main(["normalize", str(path), "--output", str(output)]) == 0
        assert output.read_bytes() == path.read_bytes()


@pytest.mark.skipif(not official(), reason=f"no corpus folder ../shared/corpus/{OFFICIAL}")
def test_of_official_packages_only_sizes_and_reference_bits_are_spelled_otherwise() -> None:
    """abuild 3.12 counted disk blocks, Python sets bits by chance; all else already has its canonical form."""
    for path in official()[::6]:
        done = normalize_file(path, Request(handlers="all", check=True))
        assert {change.handler for change in done.changes} <= {"size", "pyc"}
        assert normalize_file(path, Request(handlers="all,-size,-pyc", check=True)).result == "unchanged"


def everything() -> list[Path]:
    return sorted((CORPUS / "apk-v2").glob("*/*.apk"))[::9]


@pytest.mark.skipif(not everything(), reason="no corpus folder ../shared/corpus/apk-v2")
def test_a_second_pass_changes_nothing(tmp_path: Path) -> None:
    """Packages of ten years, from abuild 2.24 to 3.17 and others."""
    for path in everything():
        output = tmp_path / path.name
        try:
            normalize_package(path, FINALIZE, output=output)
        except FormatError:
            assert not output.exists()
            continue
        assert not normalize_package(output, FINALIZE, check=True).changed, path


def test_an_epoch_is_needed_for_loose_files_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    package, loose = tmp_path / "p.apk", tmp_path / "f.gz"
    package.write_bytes(Packing().package())
    loose.write_bytes(gzip.compress(b"x", mtime=EPOCH))
    assert main(["normalize", str(package)]) == 0
    assert main(["normalize", str(loose)]) == 2
    assert "--epoch" in capsys.readouterr().err
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH - 1))
    assert main(["normalize", "--check", str(loose)]) == 1


def test_apk_accepts_what_is_written(tmp_path: Path) -> None:
    """The verdict of apk itself, where it is installed."""
    if shutil.which("apk") is None:
        pytest.skip("needs apk on PATH")
    path = tmp_path / "hello-1.2-r3.apk"
    path.write_bytes(VARIANTS["all together"].package())
    normalize_package(path, FINALIZE)
    done = subprocess.run(["apk", "verify", "--allow-untrusted", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
