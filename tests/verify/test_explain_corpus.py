"""Files that others compare, in packages: whatever they are, the report says why they differ, or that it is unknown."""

from __future__ import annotations

from pathlib import Path

import apkmaker
import pytest

from buildinfo.verify.pair import verify_pair

EXPECTED = {
    "test1.a": {"ar-metadata", "unknown"},
    "test1.deb": {"ar-metadata", "tar-metadata", "stated-digest", "unknown"},
    "test1.jmod": {"zip-times", "unknown"},
    "test1.mo": {"mo-date", "unknown"},
    "test1.pyc-renamed": {"pyc-time", "unknown"},
    "test1.tar": {"tar-metadata", "link-target", "unknown"},
    "test1.zip": {"zip-times", "unknown"},
    "test1.png": {"unknown"},
    "test1.rpm": {"unknown"},
    "test1.squashfs": {"filesystem-image", "unknown"},
    "encrypted1.zip": {"unknown"},
}
"""Pairs of diffoscope's data whose contents differ, too: what remains is said to be unknown."""


def package(content: bytes) -> bytes:
    return apkmaker.package(data=apkmaker.ended(apkmaker.directory("usr/"), apkmaker.file("usr/file", content)))


def causes(folder: Path, first: bytes, second: bytes) -> set[str]:
    for name, content in (("original.apk", first), ("rebuilt.apk", second)):
        (folder / name).write_bytes(package(content))
    report = verify_pair(folder / "original.apk", folder / "rebuilt.apk")
    for cause in report.causes:
        assert all(line.isprintable() and "(nothing) -> (nothing)" not in line for line in cause.evidence)
    return {cause.name for cause in report.causes}


@pytest.mark.parametrize("name", EXPECTED)
def test_pairs_of_diffoscope(corpus: Path, tmp_path: Path, name: str) -> None:
    folder = corpus / "diffoscope"
    found = causes(tmp_path, (folder / name).read_bytes(), (folder / name.replace("1", "2", 1)).read_bytes())
    assert found == EXPECTED[name]


def test_no_two_files_of_the_corpus_make_it_fail(corpus: Path, tmp_path: Path) -> None:
    """Each file beside the next, whatever the two are, and beside a cut and a flipped copy of itself."""
    files = sorted(path for path in (corpus / "diffoscope").iterdir() if path.stat().st_size < 1 << 20)
    contents = [path.read_bytes() for path in files]
    for content, following in zip(contents, [*contents[1:], contents[0]], strict=True):
        half = len(content) // 2
        for other in (following, content[:half], content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]):
            if other != content:
                assert causes(tmp_path, content, other)


def test_an_initramfs_made_by_two_settings_of_cpio(corpus: Path, tmp_path: Path) -> None:
    names = ("gnu-cpio-find-order.newc", "gnu-cpio-sorted-reproducible.newc")
    made = [(corpus / "cpio" / "generated" / name).read_bytes() for name in names]
    assert causes(tmp_path, *made) == {"cpio-metadata", "readdir-order"}
