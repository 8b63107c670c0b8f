"""If these fail, normalizing breaks what states a hash or a signature of something: programs refuse it afterwards."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import EPOCH, Item, Packing
from vouching import KINDS, Files, gzipped, sha256, tarred, zipped

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.segments import open_package
from buildinfo.apk.v2 import read_package
from buildinfo.cli import main
from buildinfo.normalize.digests import Seeker, digests_of
from buildinfo.normalize.job import Policy
from buildinfo.normalize.package import Inspected, Settings, keep_vouched, normalize_package
from buildinfo.normalize.registry import select

WORDS = ["normalize", "--handlers", "all", "--epoch", str(EPOCH)]


def policy(_: PkgInfo) -> Policy:
    return select("all", EPOCH)


def spread(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def collected(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(path: Path, files: Mapping[str, bytes], **options: object) -> Path:
    items = [Item(name, content=data) for name, data in sorted(files.items())]
    path.write_bytes(Packing(signed=False, **options).package(items))  # type: ignore[arg-type]
    return path


def unpacked(path: Path) -> Files:

    files: Files = {}
    with open_package(path) as package:
        for segment in package.segments():
            for member, content in segment.tar:
                if segment.kind == "data" and member.type == "file":
                    files[member.name] = b"".join(content)
    return files


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stated_holds_in_a_tree_and_in_a_package(kind: str, tmp_path: Path) -> None:
    """virtualenv, gem, php, cargo, skopeo, dpkg, npm, go and jlink refuse what they find otherwise."""
    files, holds = KINDS[kind]()
    other = {"usr/other.gz": gzipped(b"nobody states anything of it")}
    spread(tmp_path / "tree", {**files, **other})
    assert main([*WORDS, str(tmp_path / "tree")]) == 0
    now = collected(tmp_path / "tree")
    assert now["usr/other.gz"] != other["usr/other.gz"]  # the rest is normalized as before
    assert holds({name: now[name] for name in files})

    package = packed(tmp_path / "a-1-r0.apk", {**files, **other})
    done = normalize_package(package, Settings(policy))
    now = unpacked(package)
    assert done.changed and now["usr/other.gz"] != other["usr/other.gz"]
    assert holds({name: now[name] for name in files})
    assert all(entry.reason for entry in done.report.skipped)
    assert not normalize_package(package, Settings(policy)).changed


def test_what_the_kinds_hold_is_normalized_where_nobody_vouches(tmp_path: Path) -> None:
    """These tests could not fail if the files had nothing to change."""
    for name, data in KINDS["wheels in a module"]()[0].items():
        if name.endswith(".whl"):
            spread(tmp_path, {"a.whl": data})
            assert main([*WORDS, str(tmp_path / "a.whl")]) == 0
            assert (tmp_path / "a.whl").read_bytes() != data


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda digest: digest.hex().encode(),
    "HEX": lambda digest: digest.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 without padding": lambda digest: base64.b64encode(digest).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode,
    "base64url without padding": lambda digest: base64.urlsafe_b64encode(digest).rstrip(b"="),
    "raw": lambda digest: digest,
}
PLACES: dict[str, Callable[[bytes], Files]] = {
    "a file": lambda stated: {"etc/sums": b"x" * 5 + stated + b"\n"},
    "the end of a file": lambda stated: {"etc/sums": stated},
    "a zip in a tar.gz": lambda stated: {
        "etc/sums.tar.gz": gzipped(tarred({"a.zip": zipped({"s": b"a" + stated})}), 0)
    },
    "xz": lambda stated: {"etc/sums.xz": lzma.compress(b"ab" + stated + b"cd")},
    "bzip2": lambda stated: {"etc/sums.bz2": bz2.compress(b"abc" + stated)},
    "a script with an archive": lambda stated: {"etc/run": b"#!/bin/sh\nexit\n" + zipped({"s": b"d" + stated})},
}


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("place", PLACES)
def test_every_spelling_of_every_digest_is_found_at_every_place(
    algorithm: str, spelling: str, place: str, tmp_path: Path
) -> None:
    data = zipped({"b": algorithm.encode(), "a": spelling.encode()})
    stated = SPELLINGS[spelling](hashlib.new(algorithm, data).digest())
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.zip": data, **PLACES[place](stated)})
    done = normalize_package(package, Settings(policy))
    assert unpacked(package)["usr/a.zip"] == data
    [skipped] = [entry for entry in done.report.skipped if entry.path == "usr/a.zip"]
    assert skipped.reason.startswith("its ") and "stated in etc/" in skipped.reason
    assert skipped.reason.split()[1].replace("-", "").lower() == algorithm


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(sorted(SPELLINGS)), st.integers(0, 4))
def test_a_digest_is_found_at_every_offset(before: bytes, after: bytes, spelling: str, which: int) -> None:
    digests = digests_of(before + b"content")
    name, digest = list(digests.items())[which]
    hits = Seeker([("key", digests)]).search(before + SPELLINGS[spelling](digest) + after)
    assert [(hit.key, hit.name, hit.at) for hit in hits] == [("key", name, len(before))]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 15))
def test_what_is_cut_or_another_is_not_found(around: bytes, cut: int) -> None:
    digests = digests_of(b"content")
    broken = around + digests["SHA-256"].hex().encode()[: 8 + cut] + around + digests_of(b"other")["MD5"]
    assert Seeker([("key", digests)]).search(broken) == []


def test_a_statement_in_another_package_of_the_build_counts(tmp_path: Path) -> None:
    """-doc, -dev and -pyc are one project: RECORD may lie in one and the file in another."""
    data = gzipped(b"content")
    one = packed(tmp_path / "a-1-r0.apk", {"usr/a.gz": data})
    other = packed(tmp_path / "a-doc-1-r0.apk", {"usr/sums": sha256(data).encode()})
    packages = [Inspected(path, Settings(policy)) for path in (one, other)]
    keep_vouched(packages)
    done = [package.finish() for package in packages]
    assert unpacked(one)["usr/a.gz"] == data
    assert [entry.reason for entry in done[0].report.skipped] == ["its SHA-256 is stated in a-doc-1-r0.apk!/usr/sums"]


def test_a_statement_in_a_script_or_an_attribute_or_a_name_counts(tmp_path: Path) -> None:
    data = gzipped(b"content")
    digest = hashlib.sha256(data)
    script = {".post-install": b"#!/bin/sh\nsha256sum -c <<E\n" + digest.hexdigest().encode() + b"  a\nE\n"}
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.gz": data}, scripts=script)
    normalize_package(package, Settings(policy))
    assert unpacked(package)["usr/a.gz"] == data
    for item in (
        Item("usr/a.gz", content=data, xattrs={"user.sum": digest.digest()}),
        Item("usr/a.gz", content=data, xattrs={"security.ima": b"\x03\x02" + bytes(70)}),
        Item("usr/a.gz", content=data, xattrs={"security.evm": b"\x05" + bytes(70)}),
        Item(f"usr/{digest.hexdigest()}", content=data),
    ):
        package.write_bytes(Packing(signed=False).package([item]))
        done = normalize_package(package, Settings(policy))
        assert list(unpacked(package).values()) == [data], item
        assert done.report.skipped, item


def test_the_checksum_that_abuild_writes_vouches_for_nothing(tmp_path: Path) -> None:
    """Else nothing would ever be normalized; also in a package inside an archive."""
    data = gzipped(b"content")
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.gz": data})
    assert hashlib.sha1(data).hexdigest() == read_package(package).members[0].checksum
    normalize_package(package, Settings(policy))
    assert unpacked(package)["usr/a.gz"] != data


def test_what_is_kept_is_kept_at_every_level_below(tmp_path: Path) -> None:
    inner = zipped({"b.gz": gzipped(b"1"), "a": b"2"})
    outer = gzipped(tarred({"a.zip": inner, "b.gz": gzipped(b"3")}))
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.tgz": outer, "usr/sums": sha256(inner).encode()})
    normalize_package(package, Settings(policy))
    now = unpacked(package)["usr/a.tgz"]
    assert now != outer and inner in gzip.decompress(now)


def test_a_file_that_states_a_digest_may_change_itself(tmp_path: Path) -> None:
    data = zipped({"b": b"1", "a": b"2"})
    listing = gzipped(sha256(data).encode())
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.zip": data, "usr/sums.gz": listing})
    normalize_package(package, Settings(policy))
    now = unpacked(package)
    assert now["usr/a.zip"] == data and now["usr/sums.gz"] != listing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.zip.sha256", "{sha256}  a.zip\n"),
        ("SHA256SUMS", "{sha256}  a.zip\n"),
        ("checksums.txt", "{sha256}  a.zip\n"),
        ("a.zip.asc", "-----BEGIN PGP SIGNATURE-----"),
        ("a.zip.minisig", "untrusted comment"),
        ("a.zip.sigstore.json", "{{}}"),
    ],
)
def test_what_lies_beside_a_file_that_is_named_alone_counts(name: str, text: str, tmp_path: Path) -> None:
    data = zipped({"b": b"1", "a": b"2"})
    spread(tmp_path, {"a.zip": data, name: text.format(sha256=sha256(data)).encode()})
    assert main([*WORDS, str(tmp_path / "a.zip")]) == 0
    assert (tmp_path / "a.zip").read_bytes() == data


def test_an_archive_with_a_signed_member_stays_whole(tmp_path: Path) -> None:
    jar = zipped({"META-INF/MANIFEST.MF": b"", "META-INF/A.SF": b"", "META-INF/A.RSA": b""})
    files = {
        "deep.tar.gz": gzipped(tarred({"a.zip": zipped({"lib/a.jar": jar}), "b.gz": gzipped(b"1")})),
        "pair.zip": zipped({"b.gz": gzipped(b"1"), "b.gz.sig": b"x", "a": b"2"}),
        "phar.gz": gzipped(b"1") + bytes(20) + b"\x02\0\0\0GBMB",
        "pair.tar": tarred({"b.gz": gzipped(b"1"), "b.gz.asc": b"x"}),
    }
    spread(tmp_path, files)
    assert main([*WORDS, str(tmp_path)]) == 0
    assert collected(tmp_path) == files


def test_the_order_of_a_class_path_stays(tmp_path: Path) -> None:
    """The first of two classes of one name is the one that is taken."""
    names = [
        "META-INF/MANIFEST.MF",
        "BOOT-INF/lib/z.jar",
        "BOOT-INF/lib/a.jar",
        "b",
        "a",
        "WEB-INF/lib/z.jar",
        "WEB-INF/lib/b.jar",
    ]
    spread(tmp_path, {"a.jar": zipped(dict.fromkeys(names, b"x"))})
    assert main([*WORDS, str(tmp_path / "a.jar")]) == 0
    with zipfile.ZipFile(tmp_path / "a.jar") as archive:
        assert archive.namelist() == [*names[:3], *names[5:], "a", "b"]


def test_paths_that_the_user_names_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = gzipped(b"content")
    spread(tmp_path / "tree", {"usr/a.gz": data, "usr/b.gz": data})
    assert main([*WORDS, "--keep-path", "usr/a.*", str(tmp_path / "tree")]) == 0
    assert "usr/a.*" in capsys.readouterr().out
    now = collected(tmp_path / "tree")
    assert now["usr/a.gz"] == data and now["usr/b.gz"] != data
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.gz": data, "usr/b.gz": data})
    assert main([*WORDS, "--keep-path", "/usr/a.*", str(package)]) == 0
    now = unpacked(package)
    assert now["usr/a.gz"] == data and now["usr/b.gz"] != data


@pytest.mark.parametrize("pattern", ["*!/META-INF/*", "usr/a.jar!/META-INF/MANIFEST.MF"])
def test_a_manifest_that_the_user_names_stays(tmp_path: Path, pattern: str) -> None:
    """Paths lead into archives, and to what is edited in them without being an archive."""
    manifest = b"Manifest-Version: 1.0\r\nBuilt-By: root\r\nMain-Class: A\r\n\r\n"
    jar = zipped({"META-INF/MANIFEST.MF": manifest, "b": b"x"})
    package = packed(tmp_path / "a-1-r0.apk", {"usr/a.jar": jar})
    spread(tmp_path / "tree", {"usr/a.jar": jar, "usr/b.jar": jar})
    assert main([*WORDS, "--keep-path", pattern, str(package), str(tmp_path / "tree")]) == 0
    for made in (unpacked(package)["usr/a.jar"], collected(tmp_path / "tree")["usr/a.jar"]):
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            assert archive.read("META-INF/MANIFEST.MF") == manifest
            assert archive.getinfo("b").date_time != zipfile.ZipFile(io.BytesIO(jar)).getinfo("b").date_time
    with zipfile.ZipFile(tmp_path / "tree/usr/b.jar") as archive:
        assert (archive.read("META-INF/MANIFEST.MF") == manifest) == pattern.startswith("*")


def test_many_files_by_many_processes_keep_the_same(tmp_path: Path) -> None:
    files = {f"usr/{number}.gz": gzipped(b"%d" % number) for number in range(150)}
    sums = "".join(f"{sha256(data)}  {name}\n" for name, data in files.items() if name.endswith("7.gz"))
    for jobs in ("1", "3"):
        spread(tmp_path / jobs, {**files, "etc/sums": sums.encode()})
        assert main([*WORDS, "-j", jobs, str(tmp_path / jobs)]) == 0
    now = collected(tmp_path / "3")
    assert now == collected(tmp_path / "1")
    assert {name for name, data in files.items() if now[name] == data} == {
        name for name in files if name.endswith("7.gz")
    }
