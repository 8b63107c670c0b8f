"""One original and its rebuild: the strongest verdict that holds, every difference, and why."""

from __future__ import annotations

from pathlib import Path

from buildinfo.bounds import most_differences
from buildinfo.errors import BuildinfoError, FormatError, UnreadableError
from buildinfo.kind import kind_of, misplaced
from buildinfo.text import named
from buildinfo.verify.compare import compare, relations_changed
from buildinfo.verify.contents import Contents
from buildinfo.verify.describe import describe
from buildinfo.verify.entries import differing_files
from buildinfo.verify.equal import Opening, same_data
from buildinfo.verify.explain.engine import UNKNOWN, explain
from buildinfo.verify.explain.evidence import Evidence, Records
from buildinfo.verify.files import Files
from buildinfo.verify.found import Found
from buildinfo.verify.installed import refused_differences
from buildinfo.verify.reading import Reader
from buildinfo.verify.report import Difference, Pair, readable
from buildinfo.verify.signatures import signature_differences
from buildinfo.verify.verdict import weakest


def verify_pair(original: Path, rebuilt: Path, records: Records | None = None, reader: Reader | None = None) -> Pair:
    """Compares two packages.

    Args:
        original, rebuilt: the files.
        records: the buildinfos of the two builds, where they are known.
        reader: reads the packages; one that remembers some serves where a list names them several times.

    Raises:
        FormatError, IntegrityError: one of them is no whole v2 package.
        UnreadableError: one of them cannot be read.
    """
    reader = reader or Reader()
    first, second = reader.opening(original), reader.opening(rebuilt)
    pair = Pair(
        original=named(str(original)),
        rebuilt=named(str(rebuilt)),
        package=readable(f"{first.pkginfo.pkgname}-{first.pkginfo.pkgver}"),
        verdict="identical",
        identity=first.identity,
        records=None if records is None else records.deltas,
    )
    pair.same_file = _is_same_file(original, rebuilt)
    describe(pair, (original, first), (rebuilt, second), records)
    if first.control.sha256 == second.control.sha256:
        digests = same_data(original, first, rebuilt, second)
        if digests is not None:
            pair.original_sha256, pair.rebuilt_sha256 = digests
            return pair if digests[0] == digests[1] else _told_apart_by_signatures(pair, first, second, records)
    contents = reader.contents(original), reader.contents(rebuilt)
    for path, opening, side in zip((original, rebuilt), (first, second), contents, strict=True):
        if side.package.control.sha256 != opening.control.sha256:
            raise UnreadableError("it changes while it is read", where=path)
    return _compared(pair, *contents, records)


def try_pair(original: Path, rebuilt: Path, records: Records | None = None, reader: Reader | None = None) -> Pair:
    """As `verify_pair`; what cannot be read gives a pair without a verdict, and with the reason."""
    try:
        return verify_pair(original, rebuilt, records, reader)
    except FormatError as error:
        reason = str(_misplaced(error) or error)
    except BuildinfoError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or original}: {error.strerror or error}"
    return Pair(original=named(str(original)), rebuilt=named(str(rebuilt)), verdict=None, error=readable(reason))


def _is_same_file(original: Path, rebuilt: Path) -> bool:
    """Whether two names lead to one file."""
    try:
        return original.samefile(rebuilt)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=error.filename) from error


def _misplaced(error: FormatError) -> FormatError | None:
    """What to say instead where a file is none that belongs here; of v3 and the like the reader says it itself."""
    path = None if error.where is None else Path(error.where)
    return None if path is None or kind_of(path) in ("empty", "v3", "zip") else misplaced(path, "package")


def _told_apart_by_signatures(pair: Pair, first: Opening, second: Opening, records: Records | None) -> Pair:
    """Control and data are the same bytes."""
    differences = signature_differences(*((side.signatures, side.signature_segments) for side in (first, second)))
    found = [Found(difference, "identical-unsigned") for difference in differences]
    found += refused_differences(first.refused, second.refused)
    pair.verdict = weakest(("identical-unsigned", *(entry.gravity for entry in found)))
    return _told(pair, Evidence(first.pkginfo, second.pkginfo, found, None, records))


def _compared(pair: Pair, first: Contents, second: Contents, records: Records | None) -> Pair:
    pair.original_sha256, pair.rebuilt_sha256 = first.package.sha256, second.package.sha256
    pair.entries = len(first.entries)
    with Files(first, second, differing_files(first, second)) as files:
        found = compare(first, second, files.same_normalized)
        pair.verdict = weakest(entry.gravity for entry in found)
        pair.relations_changed = relations_changed(found)
        found = _listed(found, most_differences(files.packed))
        return _told(pair, Evidence(first.pkginfo, second.pkginfo, found, files, records))


def _listed(found: list[Found], most: int) -> list[Found]:
    """The differences that are told one by one, and one for all others, which counts as the worst of them."""
    rest = found[most:]
    if not rest:
        return found
    detail = f"{len(rest)} more differences, too many to be listed for packages of this size"
    layer = rest[0].difference.layer
    return [*found[:most], Found(Difference(layer=layer, detail=detail), weakest(entry.gravity for entry in rest))]


def _told(pair: Pair, evidence: Evidence) -> Pair:
    for found in evidence.found:
        found.difference.allows = found.gravity
    pair.differences = [found.difference for found in evidence.found]
    pair.causes = explain(evidence)
    unknown = {index for cause in pair.causes if cause.name == UNKNOWN for index in cause.differences}
    for index, difference in enumerate(pair.differences):
        difference.explained = index not in unknown
    pair.explained = not unknown if pair.differences else None
    return pair
