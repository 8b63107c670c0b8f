"""The verdict: no difference that reaches an installed system may hide, and none that does not may alarm."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import apkmaker
import pytest
from packing import COMPRESSORS, EPOCH, PAYLOAD, Item, Packing

from buildinfo.errors import FormatError, IntegrityError, UnreadableError
from buildinfo.verify.pair import verify_pair
from buildinfo.verify.report import Pair, summed_up, to_json


@pytest.fixture
def verdict(tmp_path: Path) -> Callable[[bytes, bytes], Pair]:
    def verify(original: bytes, rebuilt: bytes) -> Pair:
        for name, content in (("a.apk", original), ("b.apk", rebuilt)):
            (tmp_path / name).write_bytes(content)
        return verify_pair(tmp_path / "a.apk", tmp_path / "b.apk")

    return verify


Verdict = Callable[[bytes, bytes], Pair]
PLAIN = Packing()


def changed(name: str, **fields: object) -> list[Item]:
    """The payload with one item of it changed."""
    assert any(item.name == name for item in PAYLOAD)
    return [replace(item, **fields) if item.name == name else item for item in PAYLOAD]  # type: ignore[arg-type]


def fields(pair: Pair, layer: str) -> set[str | None]:
    return {difference.field for difference in pair.differences if difference.layer == layer}


def test_equal_files_are_identical(verdict: Verdict) -> None:
    pair = verdict(PLAIN.package(), PLAIN.package())
    assert (pair.verdict, pair.differences, pair.causes) == ("identical", [], [])
    assert pair.original_sha256 == pair.rebuilt_sha256 == hashlib.sha256(PLAIN.package()).hexdigest()


@pytest.mark.parametrize(
    "signatures", [(), (("a.rsa.pub",),), (("joe-1234.rsa.pub", "b.rsa.pub"),), (("joe-1234.rsa.pub",), ("b.rsa.pub",))]
)
def test_other_signatures_are_the_only_difference(verdict: Verdict, signatures: tuple[tuple[str, ...], ...]) -> None:
    names = [[f".SIGN.RSA.{name}" for name in member] for member in signatures]
    pair = verdict(apkmaker.package(), apkmaker.package(signatures=names))
    assert pair.verdict == "identical-unsigned"
    assert {difference.layer for difference in pair.differences} == {"signature"}
    assert [cause.name for cause in pair.causes] == ["signing-key"]
    assert pair.original_sha256 != pair.rebuilt_sha256


def test_signatures_that_are_only_packed_otherwise_are_told(verdict: Verdict) -> None:
    whole = apkmaker.package()
    segment = apkmaker.gz(apkmaker.signature(".SIGN.RSA.joe-1234.rsa.pub"))
    assert whole.startswith(segment)
    again = apkmaker.gz(apkmaker.signature(".SIGN.RSA.joe-1234.rsa.pub"), level=1, mtime=9) + whole[len(segment) :]
    pair = verdict(whole, again)
    assert pair.verdict == "identical-unsigned"
    assert [difference.layer for difference in pair.differences] == ["framing"]


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
def test_another_compressor_is_seen_through(verdict: Verdict, name: str) -> None:
    content = b"".join(b"%x %d\n" % (index * index, index) for index in range(30_000))
    payload = changed("etc/hello.conf", content=content)
    pair = verdict(
        Packing(compress=lambda data: gzip.compress(data, 3, mtime=0)).package(payload),
        Packing(compress=COMPRESSORS[name]).package(payload),
    )
    assert pair.verdict == "identical-normalized"
    assert pair.causes[0].name == "compressor"


@pytest.mark.parametrize(
    "packing",
    [
        Packing(seed=2),
        Packing(process=1234),
        Packing(times=b"1700000009"),
        Packing(mtime=EPOCH + 100),
        Packing(trailer=1024),
        Packing(size=4096),
        Packing(shuffle_pax=True, seed=7),
    ],
    ids=lambda packing: str(packing)[:0] + repr({k: v for k, v in vars(packing).items() if v != vars(PLAIN)[k]})[:60],
)
def test_what_normalizing_removes_is_seen_through(verdict: Verdict, packing: Packing) -> None:
    pair = verdict(PLAIN.package(), packing.package())
    assert pair.verdict == "identical-normalized"
    assert pair.differences
    assert "unknown" not in {cause.name for cause in pair.causes}


def test_no_encoder_is_needed(verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another zlib compresses otherwise; who verifies must not depend on it."""
    packages = PLAIN.package(), Packing(compress=lambda data: gzip.compress(data, 9, mtime=0), seed=5).package()

    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("something was compressed")

    monkeypatch.setattr(zlib, "compressobj", refuse)
    monkeypatch.setattr(zlib, "compress", refuse)
    assert verdict(*packages).verdict == "identical-normalized"


def test_a_file_whose_leaks_differ_is_the_same_once_normalized(verdict: Verdict) -> None:
    old, new = (gzip.compress(b"hello\n" * 99, mtime=EPOCH + add) for add in (5, 77))
    pair = verdict(
        PLAIN.package(changed("usr/share/hello.gz", content=old)),
        PLAIN.package(changed("usr/share/hello.gz", content=new)),
    )
    assert pair.verdict == "identical-normalized"
    assert {difference.path for difference in pair.differences if difference.layer == "file"} == {"usr/share/hello.gz"}


def test_a_compressed_tar_inside_is_compared_uncompressed(verdict: Verdict) -> None:
    """The times in it differ, and no encoder here makes the two streams."""
    inner = [apkmaker.ended(apkmaker.file("x", b"x" * 5000, mtime=EPOCH + add)) for add in (5, 77)]
    old = gzip.compress(inner[0], 1, mtime=0)
    new = gzip.compress(inner[1], 1, mtime=0)
    pair = verdict(
        PLAIN.package(changed("usr/share/hello.gz", content=old)),
        PLAIN.package(changed("usr/share/hello.gz", content=new)),
    )
    assert pair.verdict == "identical-normalized"


def test_a_file_compressed_otherwise_is_another_file(verdict: Verdict) -> None:
    old, new = (gzip.compress(b"hello %d\n" * 99, level, mtime=0) for level in (1, 9))
    pair = verdict(
        PLAIN.package(changed("usr/share/hello.gz", content=old)),
        PLAIN.package(changed("usr/share/hello.gz", content=new)),
    )
    assert pair.verdict == "different"
    assert pair.causes[0].name in ("compressor", "gzip-maker")


def test_older_times_leave_the_payload_the_same(verdict: Verdict) -> None:
    pair = verdict(PLAIN.package(), Packing(mtime=EPOCH - 100).package())
    assert pair.verdict == "payload-identical"
    assert fields(pair, "metadata") == {"mtime"}


def test_another_number_of_an_owner_is_what_a_system_without_that_name_installs(verdict: Verdict) -> None:
    pair = verdict(PLAIN.package(), Packing(ids={"hello": 101}).package())
    assert pair.verdict == "different"
    assert fields(pair, "metadata") == {"uid", "gid"}


GRAVE = {
    "setuid gained": changed("usr/bin/a-hello", mode=0o755),
    "another mode": changed("etc/hello.conf", mode=0o600),
    "another owner": changed("etc/hello.conf", user="root"),
    "another xattr": changed("usr/bin/a-hello", xattrs={"user.one": b"2", "user.two": b"\x00\xff"}),
    "xattr lost": changed("usr/bin/a-hello", xattrs={}),
    "another target": changed("usr/bin/moin", link="a-hello"),
    "another content": changed("etc/hello.conf", content=b"greeting = HELLO\n"),
    "a file less": [item for item in PAYLOAD if item.name != "etc/hello.conf"],
    "an empty folder more": [*PAYLOAD, Item("var/more", "dir", mode=0o755)],
    "a copy, not a link": [
        replace(item, kind="file", content=PAYLOAD[4].content, link="", xattrs=PAYLOAD[4].xattrs)
        if item.name == "usr/bin/hello"
        else item
        for item in PAYLOAD
    ],
    "a link, not a file": changed("etc/hello.conf", kind="symlink", link="x", content=b""),
    "mode of a folder": changed("var/empty", mode=0o1777),
}


@pytest.mark.parametrize("payload", GRAVE.values(), ids=GRAVE)
@pytest.mark.parametrize("around", [PLAIN, Packing(seed=4, mtime=EPOCH + 9)], ids=["all else equal", "in other order"])
def test_what_gets_installed_is_never_less_than_different(
    verdict: Verdict, payload: list[Item], around: Packing
) -> None:
    pair = verdict(PLAIN.package(), around.package(payload))
    assert pair.verdict == "different"


@pytest.mark.parametrize("script", [".post-install", ".trigger", ".pre-upgrade"])
def test_a_script_is_never_less_than_different(verdict: Verdict, script: str) -> None:
    one, other = (Packing(scripts={script: f"#!/bin/sh\necho {word}\n".encode()}) for word in ("a", "b"))
    for original, rebuilt in ((one, other), (one, PLAIN), (PLAIN, one)):
        pair = verdict(original.package(), rebuilt.package())
        assert pair.verdict == "different"
        assert (script, "control") in {(difference.path, difference.layer) for difference in pair.differences}


def test_triggers_are_never_less_than_different(verdict: Verdict) -> None:
    pair = verdict(apkmaker.package(), apkmaker.package(extra="triggers = /usr/bin\n"))
    assert pair.verdict == "different"
    assert fields(pair, "control") == {"triggers"}


@pytest.mark.parametrize(
    ("extra", "flagged"),
    [
        ("depend = zlib\n", True),
        ("provides = so:libx.so.1=1\n", True),
        ("replaces = other\n", True),
        ("install_if = a b\n", True),
        ("url = https://example.org\n", False),
        ("license = MIT\n", False),
    ],
)
def test_relations_are_flagged_where_they_changed(verdict: Verdict, extra: str, flagged: bool) -> None:
    pair = verdict(apkmaker.package(), apkmaker.package(extra=extra))
    assert pair.verdict == "payload-identical"
    assert pair.relations_changed is flagged
    assert fields(pair, "control") == {extra.partition(" =")[0]}


def test_relations_in_another_order_are_not_flagged(verdict: Verdict) -> None:
    pair = verdict(
        apkmaker.package(extra="provides = b\nprovides = a\n"), apkmaker.package(extra="provides = a\nprovides = b\n")
    )
    assert (pair.verdict, pair.relations_changed) == ("payload-identical", False)
    assert pair.causes[0].name == "locale-order"


def test_of_hard_links_it_does_not_matter_which_is_the_file(verdict: Verdict) -> None:
    for seed in range(6):
        assert verdict(PLAIN.package(), Packing(seed=seed).package()).verdict in ("identical", "identical-normalized")


def test_content_of_hard_links_is_compared_whichever_is_the_file(verdict: Verdict) -> None:
    other = changed("usr/bin/a-hello", content=b"other" * 35840)
    assert len(other[4].content) == len(PAYLOAD[4].content)
    for seed in range(6):
        assert verdict(PLAIN.package(), Packing(seed=seed).package(other)).verdict == "different"


def test_a_path_that_stands_twice_is_compared_in_order(verdict: Verdict) -> None:
    one, two = Item("etc/x", content=b"1"), Item("etc/x", content=b"2")
    assert verdict(PLAIN.package([one, two]), PLAIN.package([two, one])).verdict == "different"


def test_equal_but_damaged_packages_have_no_verdict(verdict: Verdict) -> None:
    whole = PLAIN.package()
    for broken, error in ((whole[:-9], (FormatError, IntegrityError)), (whole + b"x", (FormatError, IntegrityError))):
        with pytest.raises(error):
            verdict(broken, broken)
    for other in (b"", b"PK\x03\x04", b"ADBd" + bytes(20), b"text", whole[:-9], whole[:100]):
        with pytest.raises(FormatError):
            verdict(whole, other)


def test_a_v3_package_is_named_as_what_it_is(verdict: Verdict) -> None:
    with pytest.raises(FormatError, match="v3 not supported yet"):
        verdict(PLAIN.package(), b"ADBd" + bytes(100))


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.apk").write_bytes(PLAIN.package())
    with pytest.raises(UnreadableError):
        verify_pair(tmp_path / "a.apk", tmp_path / "b.apk")


def _pairs(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "REBUILD-PAIRS.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in rows if row["group"].startswith("apk-v2")]


def test_real_rebuilds_are_graded_as_what_they_are(corpus: Path) -> None:
    """META: the payload is the same and exactly the named fields differ; CONTENT: exactly the named files do."""
    rows = _pairs(corpus)
    assert len(rows) == 45
    for row in rows:
        folder = corpus / row["group"]
        pair = verify_pair(folder / row["a"], folder / row["b"])
        named = row["detail"].partition("pkginfo: ")[2].partition(";")[0].split(",")
        assert fields(pair, "control") == set(named), row
        files = {difference.path for difference in pair.differences if difference.layer == "file"}
        words = row["detail"].partition("content differs ")[2].partition(";")[0].split()
        listed = set(words[1].split(",")) if len(words) > 1 else set()
        assert files == listed, row
        assert pair.verdict == ("different" if row["class"] == "CONTENT" else "payload-identical"), row
        relations = {"depend", "provides", "replaces", "install_if"} & set(named)
        assert pair.relations_changed is bool(relations), row


def test_v3_rebuilds_of_the_corpus_end_with_a_reason(corpus: Path) -> None:
    folder = next((corpus / "apk-v3-rebuilds").iterdir())
    first, second, *_ = sorted(folder.iterdir())
    with pytest.raises(FormatError, match="v3 not supported yet"):
        verify_pair(first, second)


def test_every_official_package_is_identical_to_itself_and_different_from_the_next(corpus: Path) -> None:
    packages = sorted((corpus / "apk-v2" / "alpine-3.19-x86_64").glob("*.apk"))[::9]
    for package, following in pairwise(packages):
        assert verify_pair(package, package).verdict == "identical"
        assert verify_pair(package, following).verdict == "different"


def test_a_report_is_json_whatever_names_hold(verdict: Verdict) -> None:
    entry = apkmaker.file(b"etc/\xff\x1b[31m<b>", b"1")
    odd = apkmaker.ended(apkmaker.directory("etc/"), entry), apkmaker.ended(apkmaker.directory("etc/"))
    text = to_json(summed_up([verdict(*(apkmaker.package(data=data) for data in odd))]))
    text.encode()
    [pair] = json.loads(text)["pairs"]
    files = [difference["path"] for difference in pair["differences"] if difference["layer"] == "file"]
    assert files == ["etc/\\xff\\x1b[31m<b>"]
