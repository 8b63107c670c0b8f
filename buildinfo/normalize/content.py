"""One file: which handler takes it, by its content, and what comes out."""

from __future__ import annotations

from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import MAX_DEPTH, Job, LeftAlone, Signed
from buildinfo.normalize.registry import Kind, kind_of, load

_PHAR: Final = b"GBMB"
"""The last bytes of a phar with a signature (PHP manual, "Phar Signature format")."""


def normalize_content(data: bytes, job: Job, *, strict: bool = False) -> bytes:
    """Normalizes the bytes of one file, and of the files inside it.

    Args:
        data: the file.
        job: what to do; gets the report.
        strict: let malformed input raise; otherwise such a file is left alone with a note, as inside packages.

    Returns:
        The new bytes; `data` itself where nothing changes.

    Raises:
        FormatError: malformed input, if strict.
    """
    row = kind_of(data, job.path)
    if row is None or row.name not in job.policy.leaks:
        return data
    if (stays := job.policy.kept(data, job.path)) is not None:
        job.skipped(row.name, stays)
        return data
    if job.depth > MAX_DEPTH:
        job.skipped(row.name, f"it lies more than {MAX_DEPTH} archives deep")
        return data
    changes = len(job.report.changes)
    job.enter = normalize_content
    try:
        result = _handled(data, job, row)
    except (LeftAlone, FormatError) as error:
        del job.report.changes[changes:]
        if strict and isinstance(error, FormatError):
            raise
        job.skipped(row.name, f"malformed: {error}" if isinstance(error, FormatError) else str(error))
        if isinstance(error, Signed) and job.depth:
            raise Signed(f"its member {job.name} is signed") from None
        return data
    if result is data or result == data:
        del job.report.changes[changes:]
        return data
    job.changed(row.name, data, result)
    return result


def _handled(data: bytes, job: Job, row: Kind) -> bytes:
    """What the handler of a row makes of a file.

    Raises:
        LeftAlone: it must stay as it is.
        FormatError: it is malformed.
    """
    if data.endswith(_PHAR):
        raise Signed("a signature of all of it stands at its end, as PHP archives have it")
    result = load(row).normalize(data, job)
    # Only in a file that was made for it: another handler would change it in its turn.
    if result is not data and kind_of(result, job.path) not in (row, None):
        raise LeftAlone("without its leaks it would be taken for a file of another kind")
    return result
