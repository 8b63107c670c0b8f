"""Files and trees on disk: packages, archives and loose files, in place.

A file is replaced by one rename; a file with several hard links is written over, so that its other names show the new
content as well. Owner, mode and times stay; only a package gets a new time, which apk's index needs to see.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Final, Literal, NamedTuple

from buildinfo.apk.told import told, told_path
from buildinfo.errors import BuildinfoError, FormatError, UnreadableError, UsageError
from buildinfo.leftovers import is_leftover_name
from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.job import MAX_FILE, Budget, Change, Job, Policy, Report, Skipped, Timestamps, matching
from buildinfo.normalize.place import beside, write_over
from buildinfo.normalize.registry import HEAD, TAIL, Kind, kind_by_end, kind_of, may_have_stub, select
from buildinfo.normalize.vouchnames import integrity_attribute

Result = Literal["unchanged", "changed", "would-change", "left-alone", "error"]


class Request(NamedTuple):
    """What the user asked for.

    Attributes:
        handlers: as `registry.select` takes it.
        epoch: seconds; for everything, packages included. None to take each package's own build time.
        fallback: seconds, for files that have no build time of their own: SOURCE_DATE_EPOCH.
        check: change nothing.
        threads: for compressing a package.
        keep: shell patterns of the paths of files that stay as they are; of a package's files the paths in it.
    """

    handlers: str = "leaks"
    timestamps: Timestamps = "clamp"
    epoch: int | None = None
    fallback: int | None = None
    check: bool = False
    threads: int = 1
    keep: tuple[str, ...] = ()

    def policy(self, builddate: int | None = None) -> Policy:
        """The policy for a file, or for a package that was built at `builddate`.

        Raises:
            UsageError: no time is known.
        """
        for epoch in (self.epoch, builddate, self.fallback):
            if epoch is not None:
                return select(self.handlers, epoch, self.timestamps)._replace(paths=self.keep)
        raise UsageError("no epoch is known", mend="name it with --epoch, or set SOURCE_DATE_EPOCH")


class FileResult(NamedTuple):
    """What became of one file. `reason` is set where it was left alone, could not be read, or lost its signature."""

    path: str
    result: Result
    reason: str | None = None
    changes: tuple[Change, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def normalize_file(path: Path, request: Request, *, output: Path | None = None, loose: bool = True) -> FileResult:
    """Normalizes one file; errors become a result.

    Args:
        path: the file.
        request: what to do.
        output: where to write the result, changed or not; in place if None.
        loose: the file was named; in trees (False) malformed content is left alone with a reason.
    """
    from buildinfo.normalize.tree import vouched_beside

    examined = examine(path, request, loose=loose)
    if examined.digests:
        vouched = vouched_beside([path], {path: examined})
        if vouched.keys() & examined.digests.keys():
            examined = examine(path, request, loose=loose, vouched=vouched)
    return finish(path, request, examined, output=output, loose=loose)


_NONE: Final[Mapping[str, Mapping[str, bytes]]] = {}  # which can be sent, as no view of one can


class Examined(NamedTuple):
    """A file that was read, and what is to be done with it.

    Attributes:
        result: what becomes of it; None of a package, which is read when it is its turn.
        digests: of what would change; see `Report`.
        data: its new content, if that changes; None also where it was let go.
    """

    result: FileResult | None
    digests: Mapping[str, Mapping[str, bytes]] = _NONE
    data: bytes | None = None


def examine(path: Path, request: Request, *, loose: bool = True, vouched: Mapping[str, str] | None = None) -> Examined:
    """Finds out what is to change in a file; errors become a result. Nothing is written.

    Args:
        path, request, loose: as `normalize_file` has them.
        vouched: SHA-256 of contents that stay -> why.
    """
    return _caught(path, lambda: _examine(path, request, loose, vouched or {}))


def finish(
    path: Path,
    request: Request,
    examined: Examined,
    *,
    output: Path | None = None,
    loose: bool = True,
    siblings: Sequence[Path] = (),
) -> FileResult:
    """Writes what is to change; errors become a result.

    Args:
        path, request, output, loose: as `normalize_file` has them.
        examined: what `examine` found.
        siblings: packages that may be of the same build.
    """

    def write() -> Examined:
        if examined.result is None:
            return Examined(_package(_real(path), request, _real(output) if output else None, path, siblings))
        if examined.result.result == "error" or request.check or (output is None and examined.data is None):
            return examined
        with _open(path, follow=loose) as file:
            put = partial(_copy, file) if examined.data is None else partial(_put, examined.data)
            _write(path, _real(output or path), put)
        return examined

    result = _caught(path, write).result
    assert result is not None
    return result


def _caught(path: Path, work: Callable[[], Examined]) -> Examined:
    try:
        return work()
    except UsageError as error:  # there is no epoch for this file
        reason = f"{path}: {error}"
    except BuildinfoError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{path}: {error.strerror or error}"
    return Examined(FileResult(str(path), "error", reason))


def find_files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """The regular files that the paths name or hold, sorted, each inode once; True where a file itself was named.

    Symbolic links in trees are not followed. Of a package every name counts, as it is replaced under that name alone.
    What cannot be looked at is named too: whoever opens it learns why. What a run of ours left unfinished is not.
    """
    seen: set[tuple[int, int]] = set()
    closed: list[OSError] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112  # does not raise
            yield path, True
            continue
        for folder, folders, names in os.walk(path, onerror=closed.append):
            folders.sort()
            for name in sorted(names):
                if name[0] == "." and is_leftover_name(name):
                    continue
                file = os.path.join(folder, name)  # noqa: PTH118  # thousands of them
                try:
                    status = os.lstat(file)
                except OSError:
                    yield Path(file), False
                    continue
                inode = (status.st_dev, status.st_ino)
                if stat.S_ISREG(status.st_mode) and inode not in seen:
                    if status.st_nlink > 1 and told_path(Path(file)) != "package":
                        seen.add(inode)
                    yield Path(file), False
        yield from ((Path(error.filename), False) for error in closed)
        closed.clear()


def _examine(path: Path, request: Request, loose: bool, vouched: Mapping[str, str]) -> Examined:
    with _open(path, follow=loose) as file:
        head = file.read(HEAD)
        file.seek(0)
        what = told(file)
        if what == "package":
            return Examined(None)
        report = Report(digests=True)
        reason: str | None = None
        data = result = b""
        if what is not None:
            reason = {
                "adb": "an apk v3 file: v3 is not supported yet",
                "index": "an index, which its signature covers",
                "signatures": "signatures of a package or index",
            }[what]
        elif (kind := _kind(file, head, path)) is not None and os.fstat(file.fileno()).st_size > MAX_FILE:
            report.skipped.append(Skipped("", kind.name, f"larger than {MAX_FILE >> 20} MiB"))
            reason = report.skipped[0].reason
        elif kind is not None:
            file.seek(0)
            data = result = file.read()
            policy = request.policy()._replace(vouched=vouched, paths=())
            job = Job(policy, "", report, Budget.of(len(data)), source_time=lambda: _source_time(path, request))
            try:
                result = normalize_content(data, job, strict=loose)
            except FormatError as error:
                raise FormatError(error.what, where=path) from None  # it says the offset already
            stays = None if result is data else _stays(file.fileno(), path, request, kind.name)
            if stays is not None:
                result = data
                report = Report()
                report.skipped.append(stays)
            reason = next((skipped.reason for skipped in report.skipped if not skipped.path), None)
    changed = result is not data
    done = _result(path, changed, request, reason, report)
    return Examined(done, report.digests or {}, result if changed else None)


def _kind(file: BinaryIO, head: bytes, path: Path) -> Kind | None:
    """What an open file is, by its first bytes, or else by its last ones."""
    kind = kind_of(head, path.name)
    size = os.fstat(file.fileno()).st_size
    if kind is not None or size <= HEAD or not may_have_stub(head):
        return kind
    file.seek(max(0, size - TAIL))
    return kind_by_end(file.read(TAIL))


def _stays(file: int, path: Path, request: Request, handler: str) -> Skipped | None:
    """Why a file that would change stays as it is, by its path and attributes."""
    reason = None
    with contextlib.suppress(OSError):  # a file system without attributes
        reason = integrity_attribute(os.listxattr(file))
    patterns = tuple(f"*/{pattern.lstrip('/')}" for pattern in request.keep)
    if pattern := matching(f"/{path}", patterns):
        reason = f"its path is one that is to be kept: {pattern[2:]}"
    return Skipped("", handler, reason) if reason else None


def _package(path: Path, request: Request, output: Path | None, named: Path, siblings: Sequence[Path]) -> FileResult:
    from buildinfo.normalize.package import Settings, normalize_package

    settings = Settings(
        policy=lambda info: request.policy(info.builddate),
        framing="framing" in select(request.handlers, 0).forms,
        threads=request.threads,
    )
    done = normalize_package(path, settings, output=output, check=request.check, siblings=siblings)
    reason = done.stays
    if done.signature == "removed":
        reason = f"its signature {'would become' if request.check else 'became'} invalid and is left off"
    return _result(named, done.changed, request, reason, done.report)


def _result(path: Path, changed: bool, request: Request, reason: str | None, report: Report) -> FileResult:
    outcome: Result = "unchanged"
    if changed:
        outcome = "would-change" if request.check else "changed"
    elif reason is not None:
        outcome = "left-alone"
    return FileResult(str(path), outcome, reason, tuple(report.changes), tuple(report.skipped))


def _source_time(path: Path, request: Request) -> int | None:
    """The time of the source of a compiled Python file, as it will be packaged; None if it is not there."""
    from buildinfo.normalize.sources import source_of

    try:
        seconds = int(Path(source_of(str(path))).stat().st_mtime)
    except OSError:
        return None
    return min(seconds, request.policy().epoch)


def _open(path: Path, *, follow: bool) -> BinaryIO:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError("not a regular file", where=path)
    return os.fdopen(descriptor, "rb")


def _write(source: Path, target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file in one step, with the owner, mode and times of the source; keeps hard links."""
    status = source.stat()
    times = (status.st_atime_ns, status.st_mtime_ns)
    in_place = target == _real(source)
    with beside(source, target, write, kept=in_place) as new:
        if in_place and status.st_nlink > 1:
            write_over(target, new)
            os.utime(target, ns=times)
        else:
            os.utime(new, ns=times)
            new.replace(target)


def _put(data: bytes, target: IO[bytes]) -> None:
    target.write(data)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    source.seek(0)
    while piece := source.read(1 << 20):
        target.write(piece)


def _real(path: Path) -> Path:
    """Where symbolic links lead to."""
    return Path(os.path.realpath(path))
