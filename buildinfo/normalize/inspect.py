"""First pass over a package: everything is read and verified, nothing written; what is to change is found out.

Memory is bounded by the largest file that a handler takes; what it made of it waits in a temporary file.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from buildinfo.apk.pigz import Matcher
from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.segments import Watcher
from buildinfo.apk.tar import Member
from buildinfo.apk.v2 import Observer
from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.headers import HeaderRules
from buildinfo.normalize.job import MAX_FILE, Budget, Job, Policy, Report, Skipped
from buildinfo.normalize.order import Entry, sort_key
from buildinfo.normalize.registry import HEAD, TAIL, kind_by_end, kind_of, may_have_stub
from buildinfo.normalize.sources import source_of
from buildinfo.normalize.vouchnames import integrity_attribute

IN_MEMORY: Final = 4 << 20
"""Bytes of waiting content that are held in memory before they go to a temporary file."""


class _Compiled(NamedTuple):
    """A compiled Python file that waits for its source: where it stands in the package, and where it waits. No more of
    its member is held, for there may be tens of thousands."""

    name: str
    offset: int
    time: int | float
    at: int
    size: int


class New(NamedTuple):
    """New content of a file: its place among the waiting ones, its size and the old one's, and its SHA-1."""

    at: int
    size: int
    before: int
    sha1: str


@dataclass
class Inspection(Observer):
    """Sees a package pass by.

    Args:
        policy_of: gives the policy, once the description of the package is known.
        users, groups, one_time: see `HeaderRules`.
        compare: compare the framing with the canonical one.
        trusted: the framing of the data segment is canonical, by provenance.
        threads: for compressing while comparing.

    Attributes:
        report: what handlers changed and left alone.
        entries: all members of the data segment, in the order of the file.
        new: offset of a member -> its new content.
        framed: for each segment, whether it is framed canonically (True where that is not asked).
    """

    policy_of: Callable[[PkgInfo], Policy]
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    one_time: bool = False
    compare: bool = True
    trusted: bool = False
    threads: int = 1
    report: Report = field(default_factory=partial(Report, digests=True))
    entries: list[Entry] = field(default_factory=list)
    new: dict[int, New] = field(default_factory=dict)
    pkginfo: PkgInfo | None = None

    def __post_init__(self) -> None:
        self.waiting = _spool()
        self.framed: list[bool] = []
        self.headers_change = False
        self._rewritten = False
        self._matchers: list[Matcher | None] = []
        self._times: dict[bytes, int | float] = {}
        self._compiled: list[_Compiled] = []
        self._later = _spool()
        self.rules: HeaderRules

    # What the reader calls.

    def watch(self) -> Watcher | None:
        data = self.pkginfo is not None
        matcher: Matcher | None = None
        if self.compare and not (data and self._is_vouched_for()):
            matcher = Matcher(self.threads if data else 1)
        self._matchers.append(matcher)
        return matcher

    def _is_vouched_for(self) -> bool:
        """Whether the data segment needs no comparing: the control segment comes from the same compressor."""
        return self.trusted and all(matcher is None or matcher.result() for matcher in self._matchers)

    def control(self, pkginfo: PkgInfo) -> None:
        self.pkginfo = pkginfo
        self.policy = self.policy_of(pkginfo)
        self.rules = HeaderRules(self.policy, self.users, self.groups, self.one_time)

    def member(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        key = sort_key(member.name)
        if self.rules.apply(member) != member.raw_headers:
            self._give_up_comparing()
            self.headers_change = True
        target = sort_key(member.linkname) if member.type == "hardlink" else None
        inode = (member.mode, member.uid, member.gid, member.uname, member.gname)
        self.entries.append(Entry(key, member.offset, target, member.type == "file", inode))
        if member.name.endswith(".py"):
            self._times[key] = self.rules.time(member)
        return self._examined(member, content) if member.type == "file" and member.size else content

    def finish(self) -> None:
        """Looks at what had to wait for the end of the package; to be called once after reading it."""
        for file in self._compiled:
            self._later.seek(file.at)
            time = self._times.get(sort_key(source_of(file.name)), file.time)
            self._normalize(file.name, file.offset, self._later.read(file.size), partial(int, time))
        self._later.close()
        self.framed = [matcher is None or matcher.result() for matcher in self._matchers]
        if self._rewritten:
            self.framed[-1] = True

    def close(self) -> None:
        self.waiting.close()
        self._later.close()

    # What it does with a file.

    def _examined(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        pieces: list[bytes] = []
        held = 0
        for piece in content:
            pieces.append(bytes(piece))
            held += len(piece)
            yield piece
            if held >= HEAD:
                break
        head = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        kind = kind_of(head, member.name)
        if kind is None and held < member.size <= MAX_FILE and may_have_stub(head):
            yield from self._examined_behind(member, head, content)
            return
        if kind is not None and member.size > MAX_FILE:
            self.report.skipped.append(Skipped(member.name, kind.name, f"larger than {MAX_FILE >> 20} MiB"))
            kind = None
        if kind is None or kind.name not in self.policy.leaks:
            yield from content
            return
        for piece in content:
            pieces.append(bytes(piece))
            yield piece
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        reason = integrity_attribute(member.xattrs)
        if kind.name == "pyc" and not reason:  # its source may stand behind it
            at = _append(self._later, data)
            self._compiled.append(_Compiled(member.name, member.offset, self.rules.time(member), at, len(data)))
        elif not reason:
            self._normalize(member.name, member.offset, data, None)
        else:
            self.report.skipped.append(Skipped(member.name, kind.name, reason))

    def _examined_behind(self, member: Member, head: bytes, content: Iterator[memoryview]) -> Iterator[memoryview]:
        """A file that only its end can tell the kind of; it waits in a temporary file."""
        with _spool() as held:
            held.write(head)
            for piece in content:
                held.write(piece)
                yield piece
            held.seek(max(0, member.size - TAIL))
            kind = kind_by_end(held.read())
            if kind is None or kind.name not in self.policy.leaks:
                return
            if reason := integrity_attribute(member.xattrs):
                self.report.skipped.append(Skipped(member.name, kind.name, reason))
                return
            held.seek(0)
            data = held.read()
        self._normalize(member.name, member.offset, data, None)

    def _normalize(self, name: str, offset: int, data: bytes, source_time: Callable[[], int | None] | None) -> None:
        job = Job(self.policy, name, self.report, Budget.of(len(data)), source_time=source_time)
        result = normalize_content(data, job)
        if result is data:
            return
        self._give_up_comparing()
        at = _append(self.waiting, result)
        sha1 = hashlib.sha1(result, usedforsecurity=False).hexdigest()
        self.new[offset] = New(at, len(result), len(data), sha1)

    def _give_up_comparing(self) -> None:
        """The data segment will be written anew whatever its framing is, and in canonical framing."""
        self._rewritten = True
        if self._matchers[-1] is not None:
            self._matchers[-1].abandon()


def _spool() -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # closed with the inspection


def _append(file: tempfile.SpooledTemporaryFile[bytes], data: bytes) -> int:
    """Writes at the end of the file; returns where that is."""
    at = file.seek(0, 2)
    if at + len(data) > IN_MEMORY:
        file.rollover()  # of itself it would do so afterwards, with a copy in memory
    file.write(data)
    return at
