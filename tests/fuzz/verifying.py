"""Targets of what compares: two packages, and two files.

The promises: nothing but the errors of the house; a verdict is the same from both sides; where it is no `different`,
apk installs the same; what differs gives at least one hunk, and every hunk can be judged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

import repair

from buildinfo.apk.pkginfo import parse_pkginfo
from buildinfo.apk.reads.headers import Reading
from buildinfo.apk.reads.install import differences, install, is_alike
from buildinfo.apk.tar import Member
from buildinfo.apk.v2 import Observer, read_package
from buildinfo.errors import BuildinfoError
from buildinfo.normalize.registry import kind_of
from buildinfo.verify.explain.dissect import content
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.engine import best_of, excerpt
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.pair import verify_pair
from buildinfo.verify.report import summed_up, to_json
from buildinfo.verify.verdict import LADDER, Verdict

INFO = parse_pkginfo(b"pkgname = hello\npkgver = 1-r0\nbuilddate = 1700000000\ncommit = 0123456789abcdef\n")
EVIDENCE = Evidence(INFO, INFO, [], None, None)
LONGEST = 2000
"""Most hunks of one file."""


def halves(data: bytes) -> tuple[bytes, bytes]:
    """Two inputs in one: the length of the first stands before it."""
    cut = int.from_bytes(data[:2], "little")
    return data[2 : 2 + cut], data[2 + cut :]


def joined(first: bytes, second: bytes) -> bytes:
    return len(first).to_bytes(2, "little") + first + second


def dissected(data: bytes) -> None:
    """Any two contents: they are taken apart, and each hunk is looked at by every cause of its kind."""
    sides = halves(data)
    kinds = [kind_of(side) for side in sides]
    mend = repair.REPAIRS.get(kinds[0].name, bytes) if kinds[0] is not None and kinds[0] is kinds[1] else bytes
    before, after = map(mend, sides)
    hunks = list(content(before, after, Place("usr/bin/hello", "", content)))
    assert bool(hunks) == (before != after)
    assert len(hunks) <= LONGEST
    for hunk in hunks[:100]:
        excerpt(hunk)
        assert all(0 <= weight <= 1 for _, weight in best_of(hunk, EVIDENCE))


def verified(packed: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """Any two packages; `packed` makes them."""

    def verify(data: bytes) -> None:
        parts = halves(data)
        with tempfile.TemporaryDirectory() as folder:
            paths = Path(folder, "a"), Path(folder, "b")
            for path, part in zip(paths, parts, strict=True):
                path.write_bytes(packed(part))
            verdicts = _verdict(*paths), _verdict(*reversed(paths))
            assert verdicts[0] == verdicts[1]
            if verdicts[0] is not None and verdicts[0] != LADDER[-1]:
                _installs_the_same(*paths)

    return verify


def _verdict(first: Path, second: Path) -> Verdict | None:
    try:
        pair = verify_pair(first, second)
    except BuildinfoError:
        return None
    assert pair.verdict is not None
    assert (pair.verdict == "identical") == (first.read_bytes() == second.read_bytes())
    assert bool(pair.differences) == bool(pair.causes) == (pair.verdict != "identical")
    assert {index for cause in pair.causes for index in cause.differences} == set(range(len(pair.differences)))
    to_json(summed_up([pair])).encode()
    return pair.verdict


class _Seen(Observer):
    """What apk reads of a package, and what of each content counts: all of it, where no handler takes it."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.contents: list[Hashable] = []

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def member(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        pieces = [bytes(piece) for piece in content]
        body = b"".join(pieces)
        self.contents.append(None if kind_of(body, member.name) else body)
        yield from map(memoryview, pieces)


def _installs_the_same(first: Path, second: Path) -> None:
    old, new = _Seen(), _Seen()
    if first.read_bytes() == second.read_bytes():
        return
    for path, seen in ((first, old), (second, new)):
        package = read_package(path, members=False, observer=seen)
        if package.refused is not None:  # then no more is known than that both hold the same bytes
            return
    if is_alike(old.readings, new.readings):
        assert old.contents == new.contents
        return
    sides = (install(zip(seen.readings, seen.contents, strict=True)) for seen in (old, new))
    assert not list(differences(*sides))
