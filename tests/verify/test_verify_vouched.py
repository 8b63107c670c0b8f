"""If these fail, a verifier is told that normalizing makes packages equal, though it must not touch what differs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "normalize"))
from packing import Item, Packing
from vouching import KINDS, LATER, Clock, Files, gzipped, sha256

from buildinfo.verify.pair import verify_pair
from buildinfo.verify.report import Pair


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    yield
    Clock.now = LATER


def compared(folder: Path, original: Files, rebuilt: Files) -> Pair:
    paths = folder / "a.apk", folder / "b.apk"
    for path, files in zip(paths, (original, rebuilt), strict=True):
        items = [Item(name, content=data) for name, data in sorted(files.items())]
        path.write_bytes(Packing(signed=False).package(items))
    return verify_pair(*paths)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"OCI image", "npm cache"}))
def test_two_builds_are_told_apart_by_cause(kind: str, tmp_path: Path) -> None:
    """The names of the other two are digests: their files are not the same ones in two builds."""
    original, _ = KINDS[kind]()
    Clock.now += 86402
    rebuilt, _ = KINDS[kind]()
    pair = compared(tmp_path, original, rebuilt)
    assert pair.verdict == "different"
    assert "vouched" in {cause.name for cause in pair.causes} or kind.startswith(("phar", "go"))
    assert "unknown" not in {cause.name for cause in pair.causes}, pair.causes


def test_nobody_vouches_so_that_normalizing_makes_them_equal(tmp_path: Path) -> None:
    pair = compared(tmp_path, {"usr/a.gz": gzipped(b"a")}, {"usr/a.gz": gzipped(b"a", LATER + 9)})
    assert (pair.verdict, [cause.name for cause in pair.causes]) == ("identical-normalized", ["gzip-header"])


def test_a_list_that_did_not_change_vouches_for_the_original(tmp_path: Path) -> None:
    """finalize leaves the original as it is, and makes something else of the rebuild."""
    old, new = gzipped(b"a"), gzipped(b"a", LATER + 9)
    sums = sha256(old).encode()
    pair = compared(tmp_path, {"usr/a.gz": old, "usr/sums": sums}, {"usr/a.gz": new, "usr/sums": sums})
    assert pair.verdict == "different"
    [reason] = [line for cause in pair.causes if cause.name == "vouched" for line in cause.evidence]
    assert "its SHA-256 is stated in usr/sums" in reason


def test_a_digest_of_something_else_stays_unknown(tmp_path: Path) -> None:
    """A changed pin of a download must not pass for a consequence."""
    pair = compared(
        tmp_path,
        {"usr/a.gz": gzipped(b"a"), "usr/pin": f"pin = {sha256(b'x')}\n".encode()},
        {"usr/a.gz": gzipped(b"a", LATER + 9), "usr/pin": f"pin = {sha256(b'y')}\n".encode()},
    )
    assert "stated-digest" not in {cause.name for cause in pair.causes}
