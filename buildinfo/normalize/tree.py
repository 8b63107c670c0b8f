"""Files and trees: what is to change is found out first, then who vouches for it is looked for, then it is written.

The files that are named together, or lie in the same tree, are packed together. Of a file that is named alone the
signatures and lists of digests beside it are.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from buildinfo.apk.told import told_path
from buildinfo.errors import BuildinfoError
from buildinfo.normalize.job import MAX_FILE, Change, Report
from buildinfo.normalize.paths import Examined, FileResult, Request, examine, finish, is_as_examined
from buildinfo.normalize.vouchnames import SUFFIXES, signed_names
from buildinfo.places import Folder, Opened, Place, find_file

if TYPE_CHECKING:
    from buildinfo.normalize.package import Siblings

MANY: Final = 64
"""Files from which on several processes share the work."""
HELD: Final = 256 << 20
"""Bytes of new contents that are held while vouchers are looked for; others are made again."""
HELD_EACH: Final = 1 << 20
"""Bytes of the largest of them, where processes have to send it."""
LARGEST_LIST: Final = 16 << 20
"""Bytes of the largest list of digests beside a file that is read."""

_LIST: Final = re.compile(
    r"(?i).*(sums?|checksums?|digests?|hashes|integrity|manifest|\.(md5|sha1|sha224|sha256|sha384|sha512|sums?|checksum)"
    r"|RECORD|\.cargo-checksum)(\.(txt|json|yaml|yml|toml|asc|lock))?"
).fullmatch
"""Names of files that list digests of those beside them."""

_PIECE: Final = 1 << 20

File = tuple[Place, bool]
"""A file, and whether it was named itself; see `paths.find_files`."""


def normalize_files(files: Iterable[File], request: Request, jobs: int = 1) -> Iterator[FileResult]:
    """Normalizes files that are packed together; the results in their order.

    Args:
        files: as `paths.find_files` gives them.
        request: what to do.
        jobs: how many processes may work.
    """
    found = list(files)
    if jobs > 1 and len(found) >= MANY:
        request = request._replace(threads=1)
    examined = list(_shared(lambda file: _lean(examine(file[0], request, loose=file[1])), found, jobs))
    held = 0
    for number, each in enumerate(examined):
        held += len(each.data or b"")
        if held > HELD and each.data is not None:
            examined[number] = each._replace(data=None)
    packages = [place for (place, _), each in zip(found, examined, strict=True) if each.result is None]
    siblings = _siblings(packages)
    candidates = {place: each for (place, _), each in zip(found, examined, strict=True) if each.digests}
    vouched: Mapping[str, str] = {}
    if candidates:
        named = [place for place, alone in found if alone]
        vouched = vouched_beside(named, candidates, [place for place, _ in found], jobs)

    def write(task: tuple[File, Examined]) -> FileResult:
        (place, loose), each = task
        lost = each.data is None and each.result is not None and each.result.result in ("changed", "would-change")
        if lost or vouched.keys() & each.digests.keys() or not is_as_examined(place, each):
            digests = each.digests
            each = examine(place, request, loose=loose, vouched=vouched)
            if each.digests.keys() - digests.keys():  # nobody looked for who vouches for that
                return FileResult(place.path, "error", f"{place}: it was changed meanwhile")
        return finish(place, request, each, loose=loose, siblings=siblings)

    tasks = list(zip(found, examined, strict=True))
    waiting = [task for task in tasks if task[1].result is None or task[1].digests]
    written = _shared(write, waiting, jobs)
    for _, each in tasks:
        yield next(written) if each.result is None or each.digests else each.result


def _siblings(packages: Sequence[Place]) -> Siblings | None:
    if not packages:
        return None
    from buildinfo.normalize.package import Siblings

    return Siblings(packages)


def vouched_beside(
    named: Sequence[Place], candidates: Mapping[Place, Examined], files: Sequence[Place] = (), jobs: int = 1
) -> dict[str, str]:
    """Who vouches for what would change: SHA-256 of a content -> why it stays.

    Args:
        named: the files that were named themselves: what lies beside them counts, too.
        candidates: the files that would change.
        files: all files that are packed together.
        jobs: how many processes may search.
    """
    from buildinfo.normalize.vouch import Search

    everything = list({place.path: place for place in (*(files or named), *_beside(named))}.values())
    reports = [_report(each) for each in candidates.values()]
    search = Search(reports)
    names = [place.path for place in everything]
    changes = [Change(place.path, "", _own(each), "") for place, each in candidates.items()]
    search.signed(dict(signed_names(dict.fromkeys(names))), changes)
    search.names(names)

    def look(place: Place) -> dict[str, Any]:
        before = dict(search.found)
        _search(search, place)
        return {key: voucher for key, voucher in search.found.items() if key not in before}

    for found in _shared(look, everything, jobs):
        for key, voucher in found.items():
            search.found.setdefault(key, voucher)
    return search.reasons()


def _lean(each: Examined) -> Examined:
    """Without a content that is too large to be sent."""
    return each._replace(data=None) if len(each.data or b"") > HELD_EACH else each


def _shared(work: Callable[[Any], Any], items: Sequence[Any], jobs: int) -> Iterator[Any]:
    if jobs > 1 and len(items) >= MANY:
        from buildinfo.parallel import shared_out

        return shared_out(work, items, jobs)
    return map(work, items)


def _report(each: Examined) -> Report:
    report = Report()
    report.digests = dict(each.digests)
    return report


def _own(each: Examined) -> str:
    """SHA-256 of the file as it is."""
    changes = each.result.changes if each.result else ()
    return next((change.before for change in changes if not change.path), "")


def _search(search: Any, place: Place) -> None:
    """Searches one file; what cannot be read states nothing."""
    if search.done:
        return
    try:
        with place.opened() as file:
            _search_opened(search, file)
    except (BuildinfoError, OSError):
        pass


def _search_opened(search: Any, file: Opened) -> None:
    if told_path(file) == "package":
        with suppress(BuildinfoError):
            search.package(file)
            return
    if file.size > MAX_FILE:
        reader = file.open()
        search.stream(iter(lambda: reader.read(_PIECE), b""), file.path)
    else:
        search.file(file.open().read(file.size), file.path)
    search.stream(file.attributes().values(), file.path)


def _beside(named: Sequence[Place]) -> Iterator[Place]:
    """Signatures and digests of files, and lists of digests, in their folders."""
    folders: dict[str, tuple[Folder, list[str]]] = {}
    for place in named:
        if place.fault is None:
            folders.setdefault(os.path.dirname(place.path), (place.folder, []))[1].append(place.name)  # noqa: PTH120
    for path, (folder, names) in folders.items():
        belongs = _belonging(names)
        with suppress(OSError):
            for name, status in folder.entries():
                if status is None or not (_LIST(name) or belongs(name)):
                    continue
                with suppress(BuildinfoError, OSError):
                    found = find_file(name, folder)  # may be a link
                    target = found.status()
                    if target is not None and stat.S_ISREG(target.st_mode) and target.st_size <= LARGEST_LIST:
                        yield Place(found.folder, found.name, os.path.join(path, name))  # noqa: PTH118


def _belonging(files: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of the files' and an ending, or that of a signature that begins as one of them does."""
    whole, stems = set(files), {PurePosixPath(file).stem for file in files}

    def belongs(name: str) -> bool:
        if any(name[:at] in whole for at, letter in enumerate(name) if letter == "."):
            return True
        return name.endswith(SUFFIXES) and any(name[:end] in stems for end in range(1, len(name) + 1))

    return belongs
