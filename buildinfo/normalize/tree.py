"""Files and trees: what is to change is found out first, then who vouches for it is looked for, then it is written.

The files that are named together, or lie in the same tree, are packed together. Of a file that is named alone the
signatures and lists of digests beside it are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from buildinfo.apk.told import told_path
from buildinfo.errors import BuildinfoError
from buildinfo.normalize.job import MAX_FILE, Change, Report
from buildinfo.normalize.paths import Examined, FileResult, Request, examine, finish
from buildinfo.normalize.vouchnames import SUFFIXES, signed_names

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

File = tuple[Path, bool]
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
    packages = [path for (path, _), each in zip(found, examined, strict=True) if each.result is None]
    candidates = {path: each for (path, _), each in zip(found, examined, strict=True) if each.digests}
    vouched: Mapping[str, str] = {}
    if candidates:
        named = [path for path, alone in found if alone]
        vouched = vouched_beside(named, candidates, [path for path, _ in found], jobs)

    def write(task: tuple[File, Examined]) -> FileResult:
        (path, loose), each = task
        lost = each.data is None and each.result is not None and each.result.result in ("changed", "would-change")
        if lost or vouched.keys() & each.digests.keys():
            each = examine(path, request, loose=loose, vouched=vouched)
        return finish(path, request, each, loose=loose, siblings=packages)

    tasks = list(zip(found, examined, strict=True))
    waiting = [task for task in tasks if task[1].result is None or task[1].digests]
    written = _shared(write, waiting, jobs)
    for _, each in tasks:
        yield next(written) if each.result is None or each.digests else each.result


def vouched_beside(
    named: Sequence[Path], candidates: Mapping[Path, Examined], files: Sequence[Path] = (), jobs: int = 1
) -> dict[str, str]:
    """Who vouches for what would change: SHA-256 of a content -> why it stays.

    Args:
        named: the files that were named themselves: what lies beside them counts, too.
        candidates: the files that would change.
        files: all files that are packed together.
        jobs: how many processes may search.
    """
    from buildinfo.normalize.vouch import Search

    everything = list(dict.fromkeys((*(files or named), *chain.from_iterable(map(_beside, named)))))
    reports = [_report(each) for each in candidates.values()]
    search = Search(reports)
    names = [str(path) for path in everything]
    changes = [Change(str(path), "", _own(each), "") for path, each in candidates.items()]
    search.signed(dict(signed_names(dict.fromkeys(names))), changes)
    search.names(names)

    def look(path: Path) -> dict[str, Any]:
        before = dict(search.found)
        _search(search, path)
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


def _search(search: Any, path: Path) -> None:
    """Searches one file; what cannot be read states nothing."""
    if search.done:
        return
    try:
        if told_path(path) == "package":
            search.package(path)
            return
    except BuildinfoError:
        pass
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE:
                search.stream(iter(lambda: file.read(_PIECE), b""), str(path))
            else:
                search.file(file.read(), str(path))
            attributes = os.listxattr(file.fileno())
            values = [os.getxattr(file.fileno(), name) for name in attributes]
            search.stream(values, str(path))
    except OSError:
        pass


def _beside(path: Path) -> list[Path]:
    """Signatures and digests of a file, and lists of digests, in its folder."""
    found = []
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                name = entry.name
                own = name.startswith(f"{path.name}.") or (name.startswith(path.stem) and name.endswith(SUFFIXES))
                if (own or _LIST(name)) and entry.is_file() and entry.stat().st_size <= LARGEST_LIST:
                    found.append(path.parent / name)
    except OSError:
        pass
    return sorted(found)
