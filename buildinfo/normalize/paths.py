"""Files and trees on disk: packages, archives and loose files, in place.

A path is resolved once, and what lies in a tree is reached without following links; see `buildinfo.places`. What is
written has its content, owner and mode from one and the same file.

A file is replaced by one rename; a file with several hard links is written over, so that its other names show the new
content as well. Owner, mode and times stay; only a package gets a new time, which apk's index needs to see.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Final, Literal, NamedTuple

from buildinfo.apk.told import told, told_path
from buildinfo.errors import BuildinfoError, FormatError, UnreadableError, UsageError
from buildinfo.leftovers import is_leftover_name
from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.job import MAX_FILE, Budget, Change, Job, Policy, Report, Skipped, Timestamps, matching
from buildinfo.normalize.place import beside, write_over
from buildinfo.normalize.registry import HEAD, TAIL, Kind, kind_by_end, kind_of, may_have_stub, select
from buildinfo.normalize.vouchnames import integrity_attribute
from buildinfo.places import Folder, Opened, Place, find, find_file, is_ours_alone

if TYPE_CHECKING:
    from buildinfo.normalize.package import Siblings

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

    place = place_of(path)
    examined = examine(place, request, loose=loose)
    if examined.digests:
        vouched = vouched_beside([place], {place: examined})
        if vouched.keys() & examined.digests.keys():
            examined = examine(place, request, loose=loose, vouched=vouched)
    return finish(place, request, examined, output=None if output is None else place_of(output), loose=loose)


def place_of(path: Path) -> Place:
    """Where a path that was named leads; why it leads nowhere is told by whoever opens it."""
    try:
        return find_file(path)
    except (BuildinfoError, OSError) as error:
        return Place(Folder(".", None), path.name, str(path), error)


_NONE: Final[Mapping[str, Mapping[str, bytes]]] = {}  # which can be sent, as no view of one can


class Examined(NamedTuple):
    """A file that was read, and what is to be done with it.

    Attributes:
        result: what becomes of it; None of a package, which is read when it is its turn.
        digests: of what would change; see `Report`.
        data: its new content, if that changes; None also where it was let go.
        mark: what tells whether the file is the same still.
    """

    result: FileResult | None
    digests: Mapping[str, Mapping[str, bytes]] = _NONE
    data: bytes | None = None
    mark: tuple[int, ...] = ()


def examine(
    place: Place, request: Request, *, loose: bool = True, vouched: Mapping[str, str] | None = None
) -> Examined:
    """Finds out what is to change in a file; errors become a result. Nothing is written.

    Args:
        place: the file.
        request, loose: as `normalize_file` has them.
        vouched: SHA-256 of contents that stay -> why.
    """
    return _caught(place, lambda: _examine(place, request, loose, vouched or {}))


def finish(
    place: Place,
    request: Request,
    examined: Examined,
    *,
    output: Place | None = None,
    loose: bool = True,
    siblings: Siblings | None = None,
) -> FileResult:
    """Writes what is to change; errors become a result.

    Args:
        place: the file.
        request, loose: as `normalize_file` has them.
        examined: what `examine` found.
        output: where to write the result, changed or not; in place if None.
        siblings: packages that may be of the same build.
    """

    def write() -> Examined:
        if examined.result is None:
            return Examined(_package(place, request, output, siblings))
        if examined.result.result == "error" or request.check or (output is None and examined.data is None):
            return examined
        with place.opened() as file:
            put = partial(_copy, file)
            if examined.data is not None:
                # Else what was made of one file would get the owner and mode of another.
                if _mark(file.status) != examined.mark:
                    raise UnreadableError("it was changed meanwhile", where=file)
                put = partial(_put, examined.data)
            _write(file, place, output, put)
        return examined

    result = _caught(place, write).result
    assert result is not None
    return result


def is_as_examined(place: Place, examined: Examined) -> bool:
    """Whether a file that is to change is, by its status, the one that was looked at."""
    if not examined.mark:
        return True
    status = place.status()
    return status is not None and _mark(status) == examined.mark


def _mark(status: os.stat_result) -> tuple[int, ...]:
    """What is another number wherever a file is another one, or was changed."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _caught(place: Place, work: Callable[[], Examined]) -> Examined:
    try:
        return work()
    except UsageError as error:  # there is no epoch for this file
        reason = f"{place}: {error}"
    except BuildinfoError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{place}: {error.strerror or error}"
    return Examined(FileResult(place.path, "error", reason))


def find_files(paths: Iterable[Path]) -> Iterator[tuple[Place, bool]]:
    """The regular files that the paths name or hold, sorted, each inode once; True where a file itself was named.

    Symbolic links in trees are not followed. Of a package every name counts, as it is replaced under that name alone.
    What cannot be looked at is named too: whoever opens it learns why. What a run of ours left unfinished is not.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            found = find(path)
        except (BuildinfoError, OSError):
            found = place_of(path)
        if isinstance(found, Folder):
            yield from ((place, False) for place in _in_tree(found, seen))
        else:
            yield found, True


def _in_tree(root: Folder, seen: set[tuple[int, int]]) -> Iterator[Place]:
    """What lies in a folder, however deep, files before folders; folders that cannot be read come last."""
    closed: list[Place] = []
    waiting: list[tuple[Folder, str]] = [(root, ".")]
    while waiting:
        above, name = waiting.pop()
        folder = root if above is root and name == "." else Folder(name, above)
        try:
            entries = folder.entries()
        except OSError as error:
            closed.append(Place(above, name, folder.path, error))
            continue
        waiting += [(folder, name) for name, status in reversed(entries) if status is None]
        for name, status in entries:
            if status is None or not stat.S_ISREG(status.st_mode) or (name[0] == "." and is_leftover_name(name)):
                continue
            inode = (status.st_dev, status.st_ino)
            if inode not in seen:
                place = Place(folder, name)
                if status.st_nlink > 1 and told_path(place) != "package":
                    seen.add(inode)
                yield place
    yield from closed


def _examine(place: Place, request: Request, loose: bool, vouched: Mapping[str, str]) -> Examined:
    with place.opened() as opened, open(opened.descriptor, "rb", closefd=False) as file:
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
        elif (kind := _kind(file, head, opened)) is not None and opened.size > MAX_FILE:
            report.skipped.append(Skipped("", kind.name, f"larger than {MAX_FILE >> 20} MiB"))
            reason = report.skipped[0].reason
        elif kind is not None:
            file.seek(0)
            data = result = file.read(opened.size)
            policy = request.policy()._replace(vouched=vouched, paths=tuple(_kept_inside(place.path, request.keep)))
            job = Job(policy, "", report, Budget.of(len(data)), source_time=lambda: _source_time(place, request))
            try:
                result = normalize_content(data, job, strict=loose)
            except FormatError as error:
                raise FormatError(error.what, where=place) from None  # it says the offset already
            stays = None if result is data else _stays(opened, request, kind.name)
            if stays is not None:
                result = data
                report = Report()
                report.skipped.append(stays)
            reason = next((skipped.reason for skipped in report.skipped if not skipped.path), None)
    changed = result is not data
    done = _result(place.path, changed, request, reason, report)
    return Examined(done, report.digests or {}, result if changed else None, _mark(opened.status) if changed else ())


def _kept_inside(path: str, patterns: Iterable[str]) -> Iterator[str]:
    """Of patterns `OUTER!/INNER` whose first part a file matches, the other."""
    for pattern in patterns:
        outer, inside, inner = pattern.partition("!/")
        if inside and matching(f"/{path}", (f"*/{outer.lstrip('/')}",)):
            yield inner


def _kind(file: BinaryIO, head: bytes, opened: Opened) -> Kind | None:
    """What an open file is, by its first bytes, or else by its last ones."""
    kind = kind_of(head, opened.name)
    if kind is not None or opened.size <= HEAD or not may_have_stub(head):
        return kind
    file.seek(max(0, opened.size - TAIL))
    return kind_by_end(file.read(TAIL))


def _stays(file: Opened, request: Request, handler: str) -> Skipped | None:
    """Why a file that would change stays as it is, by its path and attributes."""
    reason = None
    with contextlib.suppress(OSError):  # a file system without attributes
        reason = integrity_attribute(os.listxattr(file.descriptor))
    patterns = tuple(f"*/{pattern.lstrip('/')}" for pattern in request.keep)
    if pattern := matching(f"/{file.path}", patterns):
        reason = f"its path is one that is to be kept: {pattern[2:]}"
    return Skipped("", handler, reason) if reason else None


def _package(place: Place, request: Request, output: Place | None, siblings: Siblings | None) -> FileResult:
    from buildinfo.normalize.package import Settings, normalize_package

    settings = Settings(
        policy=lambda info: request.policy(info.builddate),
        framing="framing" in select(request.handlers, 0).forms,
        threads=request.threads,
    )
    done = normalize_package(place, settings, output=output, check=request.check, siblings=siblings)
    reason = done.stays
    if done.signature == "removed":
        reason = f"its signature {'would become' if request.check else 'became'} invalid and is left off"
    return _result(place.path, done.changed, request, reason, done.report)


def _result(path: str, changed: bool, request: Request, reason: str | None, report: Report) -> FileResult:
    outcome: Result = "unchanged"
    if changed:
        outcome = "would-change" if request.check else "changed"
    elif reason is not None:
        outcome = "left-alone"
    return FileResult(path, outcome, reason, tuple(report.changes), tuple(report.skipped))


def _source_time(place: Place, request: Request) -> int | None:
    """The time of the source of a compiled Python file, as it will be packaged; None if it is not there."""
    from buildinfo.normalize.sources import CACHE, source_of

    folder = place.folder
    cached = folder.name == CACHE
    source = PurePosixPath(source_of(f"{CACHE}/{place.name}" if cached else place.name)).name
    try:
        found = find_file(source, folder.above() if cached else folder)
        status = found.status()
    except (BuildinfoError, OSError):
        return None
    return None if status is None else min(int(status.st_mtime), request.policy().epoch)


def _write(file: Opened, place: Place, output: Place | None, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file in one step, with the owner, mode and times of the one that was read; keeps hard links.

    Raises:
        UnreadableError: it cannot be written, or may not be: its other names may be another user's.
    """
    status = file.status
    target = output or place
    there = None if output is None else output.status()
    in_place = output is None or (there is not None and os.path.samestat(there, status))
    over = in_place and status.st_nlink > 1
    if over:
        _require_own(file, target)
    with beside(file, target, write, kept=in_place) as new:
        if over:
            write_over(target, file, new)
        else:
            new.take_place((status.st_atime_ns, status.st_mtime_ns))


def _require_own(file: Opened, place: Place) -> None:
    """Refuses a file that is another user's than its folder: who owns a folder may give any file a name in it."""
    folder = os.fstat(place.folder.descriptor)
    if folder.st_uid != file.status.st_uid and not is_ours_alone(folder):
        raise UnreadableError("it has other names, and not the owner of its folder", where=place)


def _put(data: bytes, target: IO[bytes]) -> None:
    target.write(data)


def _copy(source: Opened, target: IO[bytes]) -> None:
    reader = source.open()
    while piece := reader.read(1 << 20):
        target.write(piece)
