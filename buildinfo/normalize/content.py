"""One file: which handler takes it, by its content, and what comes out."""

from __future__ import annotations

from buildinfo.errors import FormatError
from buildinfo.normalize.job import MAX_DEPTH, Job, LeftAlone
from buildinfo.normalize.registry import kind_of, load


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
    if job.depth > MAX_DEPTH:
        job.skipped(row.name, f"it lies more than {MAX_DEPTH} archives deep")
        return data
    changes = len(job.report.changes)
    job.enter = normalize_content
    try:
        result = load(row).normalize(data, job)
        # Only in a file that was made for it: another handler would change it in its turn.
        if result is not data and kind_of(result, job.path) not in (row, None):
            raise LeftAlone("without its leaks it would be taken for a file of another kind")
    except LeftAlone as reason:
        del job.report.changes[changes:]
        job.skipped(row.name, str(reason))
        return data
    except FormatError as error:
        if strict:
            raise
        del job.report.changes[changes:]
        job.skipped(row.name, f"malformed: {error}")
        return data
    if result is data or result == data:
        del job.report.changes[changes:]
        return data
    job.changed(row.name, data, result)
    return result
