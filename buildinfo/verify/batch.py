"""Many pairs: the packages of two folders, or those that a list names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from buildinfo.errors import BuildinfoError, SignatureError, UnreadableError, UsageError
from buildinfo.kind import KINDS, kind_of
from buildinfo.parallel import shared_out
from buildinfo.text import named
from buildinfo.verify.explain.evidence import Records
from buildinfo.verify.pair import try_pair
from buildinfo.verify.reading import Reader, Recent
from buildinfo.verify.report import Cause, Difference, Pair, Report, readable, summed_up
from buildinfo.walking import files_below

FEW: Final = 8
"""With no more pairs than that, one process is enough where nothing is said."""
MISSING: Final = "missing-package"
"""The cause of a pair that has one side only."""

RecordsOf = Callable[[Path, Path], Records | None]
"""Finds the buildinfos of the builds of two packages. An error of it leaves the pair without a verdict."""
Progress = Callable[[int, int], None]
"""Told how many pairs are done, and of how many."""


class Match(NamedTuple):
    """What is compared with what; None on the side that has no such package."""

    original: Path | None
    rebuilt: Path | None


def verify(
    original: Path,
    rebuilt: Path,
    *,
    jobs: int | None = None,
    records: RecordsOf | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compares two packages, or the packages of two folders.

    Args:
        original, rebuilt: two files, or two folders with folders below them. Packages are matched by their path below
            the folder; what is left by name, where `main/x86_64/a.apk` may match `x86_64/a.apk` and `a.apk`.
        jobs: how many processes; default: one for few pairs, else one for each processor.
        records: finds the buildinfos of a pair.
        progress: told after each pair.

    Raises:
        UsageError: a file and a folder; two folders without packages.
        UnreadableError: a folder cannot be read.
    """
    if original.is_dir() != rebuilt.is_dir():
        folder, other = (original, rebuilt) if original.is_dir() else (rebuilt, original)
        inside = folder / other.name
        mend = f"name {inside}" if inside.is_file() else "name two packages, or two folders"
        raise UsageError(f"is a folder, and {other} is {KINDS[kind_of(other)].words}", where=folder, mend=mend)
    matches = match_folders(original, rebuilt) if original.is_dir() else [Match(original, rebuilt)]
    return compare_all(matches, jobs=jobs, records=records, progress=progress)


def verify_list(
    lines: Iterable[str],
    where: object = None,
    *,
    jobs: int | None = None,
    records: RecordsOf | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compares the pairs that a list names; `where` is what errors call the list.

    Raises:
        UsageError: a line is not `original<TAB>rebuilt`, or there is none.
    """
    matches = list(_listed(lines, where))
    if not matches:
        raise UsageError("the list names no pairs", where=where, mend="lines are original<TAB>rebuilt")
    return compare_all(matches, jobs=jobs, records=records, progress=progress)


def _listed(lines: Iterable[str], where: object) -> Iterator[Match]:
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith("#"):
            continue
        names = text.split("\t")
        if len(names) != 2 or not all(names) or "\0" in text:
            raise UsageError(f"line {number} is not original<TAB>rebuilt: {readable(text)[:80]}", where=where)
        yield Match(Path(names[0]), Path(names[1]))


def compare_all(
    matches: Sequence[Match],
    *,
    jobs: int | None = None,
    records: RecordsOf | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report of some pairs, in their order."""
    if jobs is None:
        jobs = len(os.sched_getaffinity(0)) if len(matches) > FEW else 1
    jobs = min(jobs, len(matches))

    reader = Recent()

    def work(match: Match) -> Pair:
        return _compared(match, records, reader)

    pairs = []
    for pair in shared_out(work, matches, jobs, _size, _lost) if jobs > 1 else map(work, matches):
        pairs.append(pair)
        if progress is not None:
            progress(len(pairs), len(matches))
    return summed_up(pairs)


def _size(match: Match) -> int:
    """Bytes of a pair, as far as they can be asked."""
    try:
        return sum(path.stat().st_size for path in match if path is not None)
    except OSError:
        return 0


def _lost(match: Match, reason: str) -> Pair:
    """A pair that could not be compared, though nothing need be wrong with it."""
    original, rebuilt = (None if path is None else named(str(path)) for path in match)
    error = f"{rebuilt or original}: could not be compared: {reason}"
    return Pair(original=original, rebuilt=rebuilt, verdict=None, error=readable(error))


def _compared(match: Match, records: RecordsOf | None, reader: Reader) -> Pair:
    """What becomes of a pair, whatever is wrong with it: the others are compared all the same."""
    try:
        return _tried(match, records, reader)
    except MemoryError:
        reason = "memory is short"
    except RecursionError:
        reason = "something in it is nested too deeply"
    return _lost(match, reason)  # out here nothing holds the memory any more


def _tried(match: Match, records: RecordsOf | None, reader: Reader) -> Pair:
    original, rebuilt = match
    if original is None or rebuilt is None:
        return _alone(original, rebuilt)
    try:
        found = None if records is None else records(original, rebuilt)
    except BuildinfoError as error:
        names = named(str(original)), named(str(rebuilt))
        refused = isinstance(error, SignatureError)
        return Pair(original=names[0], rebuilt=names[1], verdict=None, error=readable(str(error)), refused=refused)
    return try_pair(original, rebuilt, found, reader)


def _alone(original: Path | None, rebuilt: Path | None) -> Pair:
    """A package that one side lacks."""
    path = original or rebuilt
    assert path is not None  # one of them is there
    name = readable(path.name)
    if rebuilt is None:
        detail, advice = "only in the original", "Find out why the rebuild did not make it: a subpackage that is split"
        advice += " only where something is installed, or a build that ended early."
    else:
        detail, advice = "only in the rebuild", "Find out why the original lacks it: compare the subpackages and the"
        advice += " version of the recipe."
    return Pair(
        original=None if original is None else named(str(original)),
        rebuilt=None if rebuilt is None else named(str(rebuilt)),
        package=name.removesuffix(".apk"),
        verdict="different",
        differences=[Difference(layer="file", path=name, field=None, detail=detail, allows="different")],
        causes=[Cause(name=MISSING, weight=1.0, differences=[0], advice=advice)],
    )


def match_folders(original: Path, rebuilt: Path) -> list[Match]:
    """The packages of two folders, matched, by name.

    Raises:
        UsageError: neither holds a package.
        UnreadableError: a folder cannot be read.
    """
    old, new = _packages(original), _packages(rebuilt)
    if not old and not new:
        raise UsageError("no packages are in it", where=f"{original} and {rebuilt}")
    matched = {path: path for path in old if path in new}
    matched.update(_by_name([path for path in old if path not in matched], [path for path in new if path not in old]))
    taken = set(matched.values())
    pairs = [(path, Match(old[path], new[matched[path]] if path in matched else None)) for path in old]
    pairs += [(path, Match(None, new[path])) for path in new if path not in taken]
    return [match for _, match in sorted(pairs)]


_Path = tuple[str, ...]
"""The path of a package below the folder, in parts."""


def _packages(folder: Path) -> dict[_Path, Path]:
    def refuse(error: OSError) -> None:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=error.filename) from error

    found = {}
    for file in files_below(folder, refuse):
        path = Path(file)
        if path.name.endswith(".apk") and not path.name.startswith("."):
            found[path.relative_to(folder).parts] = path
    return found


def _by_name(old: list[_Path], new: list[_Path]) -> dict[_Path, _Path]:
    """Matches of one package each, where the folders above one end as those above the other."""
    candidates: dict[str, list[_Path]] = {}
    for path in new:
        candidates.setdefault(path[-1], []).append(path)
    fitting = {path: [other for other in candidates.get(path[-1], ()) if _ends_alike(path, other)] for path in old}
    chosen: dict[_Path, list[_Path]] = {}
    for path, others in fitting.items():
        for other in others:
            chosen.setdefault(other, []).append(path)
    return {path: others[0] for path, others in fitting.items() if len(others) == 1 and len(chosen[others[0]]) == 1}


def _ends_alike(path: _Path, other: _Path) -> bool:
    count = min(len(path), len(other))
    return path[-count:] == other[-count:]
