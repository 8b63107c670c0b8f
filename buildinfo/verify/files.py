"""The contents of the files in which two packages differ, held in a temporary file while they are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import IO, Final

from buildinfo.apk.framing import GzipReader
from buildinfo.apk.tar import TarReader
from buildinfo.bounds import effort
from buildinfo.errors import BuildinfoError, FormatError, UnreadableError
from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.job import UNPACK_SLACK, Budget, Job, Policy, Report
from buildinfo.normalize.registry import kind_of, select
from buildinfo.opening import open_file
from buildinfo.verify.contents import Contents, Key
from buildinfo.verify.explain.effort import Effort
from buildinfo.verify.unpack import unpack

MAX_FILE: Final = 256 << 20
"""Bytes of the largest file that is looked into."""
MAX_TOTAL: Final = 4 << 30
"""Bytes of all files of one package that are looked into."""
FREE: Final = 10_000_000
"""What normalizing may take whatever the size of the packages, in bytes that could be unpacked meanwhile."""
EACH: Final = 2000
"""What each file takes."""
_RECORDS: Final = (*((b"PK\1\2", 3000), (b"`\n", 500), (b"07070", 1000), (b"ustar", 1000), (b"\x1f\x8b\x08", 1000)),)
"""What a member of an archive begins with, and what it takes."""
_IN_MEMORY: Final = 8 << 20
_DEPTH: Final = 4
"""How many compressed files deep content is compared uncompressed."""


class Side:
    """The differing files of one package. Close it when done.

    Args:
        contents: the package.
        keys: the files that are wanted.
    """

    def __init__(self, contents: Contents, keys: Iterable[Key]) -> None:
        self._contents = contents
        self._file: IO[bytes] | None = None
        self._places: dict[Key, tuple[int, int]] = {}
        wanted: dict[int, list[Key]] = {}
        for key in keys:
            entry = contents.file_of(key)
            if entry is not None and entry.member.offset not in contents.held and entry.member.size <= MAX_FILE:
                wanted.setdefault(entry.member.offset, []).append(key)
        if wanted:
            try:
                self._read(contents.path, wanted)
            except FormatError as error:  # it was well-formed when it was read before
                raise UnreadableError("it changes while it is read", where=contents.path) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def get(self, key: Key) -> bytes | None:
        """The content of a file; None where it is too large."""
        entry = self._contents.file_of(key)
        if entry is not None and entry.member.offset in self._contents.held:
            return self._contents.held[entry.member.offset]
        place = self._places.get(key)
        if place is None or self._file is None:
            return None
        self._file.seek(place[0])
        return self._file.read(place[1])

    def source_time(self, path: str) -> int | None:
        """The time of the source of a compiled Python file, as far as the package has it: seconds since 1970."""
        from buildinfo.normalize.sources import source_of

        entry = self._contents.entries.get((source_of(path), 0)) or self._contents.entries.get((path, 0))
        return None if entry is None else int(entry.member.mtime)

    def _read(self, path: Path, wanted: dict[int, list[Key]]) -> None:
        import tempfile

        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed in close()
        total = 0
        with open_file(path) as file:
            file.seek(self._contents.package.data.offset)
            reader = GzipReader(file, where=path)
            reader.next_member()
            for member, content in TarReader(reader.chunks(), where=path, segment="data"):
                keys = wanted.pop(member.offset, None)
                if keys is None or total + member.size > MAX_TOTAL:
                    continue
                digest = hashlib.sha256()
                for piece in content:
                    self._file.write(piece)
                    digest.update(piece)
                entry = self._contents.file_of(keys[0])
                if entry is None or entry.sha256 != digest.digest():
                    raise UnreadableError("it changes while it is read", where=path)
                for key in keys:
                    self._places[key] = total, member.size
                total += member.size
                if not wanted:
                    break


class Files:
    """The differing files of two packages. Use it as a context manager."""

    def __init__(self, original: Contents, rebuilt: Contents, keys: Iterable[Key]) -> None:
        self._keys = keys = list(keys)
        self._sides = original, rebuilt
        self._original = Side(original, keys)
        self._rebuilt = Side(rebuilt, keys)
        self._policy = select("all", min(original.epoch(), rebuilt.epoch()))
        whole = [side.package for side in (original, rebuilt)]
        self.packed = sum(package.size for package in whole)
        self.effort = effort(self.packed, sum(package.data.tar_size + package.control.tar_size for package in whole))
        """What may be spent on looking for causes."""
        self._effort = Effort(min(MAX_TOTAL, FREE + self.effort))
        self._reports = Report(digests=True), Report(digests=True)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._original.close()
        self._rebuilt.close()

    def get(self, key: Key) -> tuple[bytes, bytes] | None:
        """A file's content in the original and in the rebuild; None where it is too large to be looked at."""
        old, new = self._original.get(key), self._rebuilt.get(key)
        return None if old is None or new is None else (old, new)

    def same_normalized(self, key: Key) -> bool:
        """Whether a file is the same on both sides once it is normalized."""
        return key in self._judged[0]

    def vouched(self, key: Key) -> str | None:
        """Why a file, or one that it holds, is left as it is by normalizing, though it would change; else None."""
        return self._judged[1].get(key)

    def stated_digests(self) -> tuple[frozenset[bytes], frozenset[bytes]]:
        """How digests of the differing files are spelled: in the original, and in the rebuild."""
        return self._stated

    @cached_property
    def _stated(self) -> tuple[frozenset[bytes], frozenset[bytes]]:
        from buildinfo.verify.vouched import stated_digests

        self._judged  # noqa: B018  # fills the reports
        return stated_digests(filter(None, map(self.get, self._keys)), self._reports)

    @cached_property
    def _judged(self) -> tuple[set[Key], dict[Key, str]]:
        """The files that are the same once they are normalized, and those that somebody vouches for."""
        candidates: dict[Key, set[str]] = {}
        same = set()
        for key in self._keys:
            reports = Report(digests=True), Report(digests=True)
            if self._same(key, self._policy, reports):
                same.add(key)
            for report, whole in zip(reports, self._reports, strict=True):
                if report.digests and whole.digests is not None:
                    candidates.setdefault(key, set()).update(report.digests)
                    whole.digests.update(report.digests)
        if not candidates:
            return same, {}
        from buildinfo.verify.vouched import vouchers

        reasons = vouchers(self._sides, self._reports, candidates)
        kept = {}
        for key, found in candidates.items():
            if stays := sorted(found & reasons.keys()):
                kept[key] = reasons[stays[0]]
        policy = self._policy._replace(vouched=reasons)
        return {key for key in same if key not in kept or self._same(key, policy)}, kept

    def _same(self, key: Key, policy: Policy, reports: tuple[Report, Report] | None = None) -> bool:
        both = self.get(key)
        if both is None:
            return False
        times = self._original.source_time(key[0]), self._rebuilt.source_time(key[0])
        return same_normalized(*both, key[0], policy, times=times, effort=self._effort, reports=reports)


def same_normalized(
    old: bytes,
    new: bytes,
    path: str,
    policy: Policy,
    *,
    times: tuple[int | None, int | None] = (None, None),
    depth: int = 0,
    effort: Effort | None = None,
    reports: tuple[Report, Report] | None = None,
) -> bool:
    """Whether two contents are the same once they are normalized.

    No encoder is needed: where normalizing would have to compress anew, what is inside is compared uncompressed. A
    file that is merely compressed in another way is not the same.

    Args:
        old, new: the contents.
        path: where they lie; a hint.
        policy: how to normalize.
        times: for a compiled Python file, of each the time of its source.
        depth: how many compressed files deep they lie.
        effort: what may still be unpacked; where nothing may, they count as not the same.
        reports: get what was done to each.
    """
    reports = reports or (Report(), Report())
    effort = effort or Effort()
    kind = kind_of(old, path)
    if kind is None or kind is not kind_of(new, path):
        return False
    effort.left -= _cost(old) + _cost(new)
    if effort.spent:
        return False
    first, second = (
        _normalized(data, path, policy, time, effort, report=report)
        for data, time, report in zip((old, new), times, reports, strict=True)
    )
    if first == second:
        return True
    if kind.name not in ("gzip", "xz", "zstd", "bzip2") or depth >= _DEPTH:
        return False
    try:
        (head, inner), (other_head, other_inner) = (unpack(side, MAX_FILE, effort) for side in (first, second))
    except BuildinfoError:
        return False
    return (head, inner != other_inner) == (other_head, True) and same_normalized(
        inner,
        other_inner,
        path.rpartition(".")[0],
        policy,
        times=times,
        depth=depth + 1,
        effort=effort,
        reports=reports,
    )


def _cost(data: bytes) -> int:
    """What normalizing a file takes beside unpacking, in bytes that could be unpacked meanwhile."""
    return EACH + len(data) + sum(data.count(magic) * cost for magic, cost in _RECORDS)


def _normalized(
    data: bytes, path: str, policy: Policy, source_time: int | None, effort: Effort, *, report: Report
) -> bytes:
    time = None if source_time is None else min(source_time, policy.epoch)
    budget = Budget.of(len(data))
    budget.work = min(budget.work, max(effort.left, UNPACK_SLACK))
    work = budget.work
    result = normalize_content(data, Job(policy, path, report, budget, source_time=lambda: time))
    effort.left -= max(0, work - budget.work)
    return result
