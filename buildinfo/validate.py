"""Whether a document is what its schema says, and agrees with itself: a buildinfo, or a report of verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from buildinfo import document
from buildinfo.errors import FormatError, RecordError, UsageError
from buildinfo.kind import kind_of
from buildinfo.opening import read_file, require_memory

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder

LARGEST = 512 << 20
"""Most bytes of a report."""


def validate(source: Path | bytes, keys: KeyFolder | None = None, where: object = None) -> None:
    """Checks a document; what it is its content says.

    Args:
        source: a file, or its bytes.
        keys: only a buildinfo will do, and the signature beside it has to hold with these.
        where: what errors call it; default: its path.

    Raises:
        RecordError: it does not hold.
        SignatureError: it has no signature, or one that does not hold.
        FormatError, UnreadableError: it is neither, or cannot be read.
        UsageError: a signature is required of what has no file.
    """
    where = where if where is not None or isinstance(source, bytes) else source
    if keys is None and kind_of(source) == "report":
        _report(source, where)
    elif isinstance(source, Path):
        document.read(source, keys)
    elif keys is not None:
        raise UsageError("standard input has no signature beside it", mend="name the file")
    else:
        document.load(document.parse(source, where), where)


def _report(source: Path | bytes, where: object) -> None:
    from pydantic import TypeAdapter, ValidationError

    from buildinfo.verify.report import Report

    if isinstance(source, Path):
        source = read_file(source, LARGEST)
    if len(source) > LARGEST:
        raise FormatError(f"a report of more than {LARGEST} bytes", where=where)
    require_memory(document.PER_BYTE * len(source))
    try:
        report = TypeAdapter(Report).validate_json(source)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        if not field:
            raise FormatError(f"not a report of verify: {first['msg'].lower()}", where=where) from error
        raise RecordError(f"{field}: {first['msg'].lower()}", where=where) from error
    for number, pair in enumerate(report.pairs):
        if any(not 0 <= index < len(pair.differences) for cause in pair.causes for index in cause.differences):
            raise RecordError(f"pairs.{number}.causes: one explains a difference that is not there", where=where)
