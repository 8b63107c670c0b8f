"""The one exception tree. Every message says what, where, and what to do.

The command line turns each of these into one line on stderr and exit status 2
("could not tell"), a SignatureError into status 1; a traceback is a bug.
"""

from __future__ import annotations


class BuildinfoError(Exception):
    """Base of all errors that a user can meet.

    Args:
        what: what went wrong, in one clause.
        where: the file, directory, field or command it went wrong in.
        mend: what the user can do about it.
    """

    def __init__(self, what: str, *, where: object = None, mend: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.mend = mend
        super().__init__(self._line())

    def _line(self) -> str:
        text = " ".join(self.what.split())
        if self.where is not None:  # a name is told as it is
            text = f"{self.where}: {text}"
        if self.mend is not None:
            text = f"{text} ({' '.join(self.mend.split())})"
        return text


class UsageError(BuildinfoError):
    """The command line or a setting does not make sense."""


class UnreadableError(BuildinfoError):
    """A file or directory is missing or cannot be opened, read or written."""


class MissingToolError(BuildinfoError):
    """A program or library that the step needs is not there."""


class FormatError(BuildinfoError):
    """Input that is not what its format says.

    Args:
        what: what is wrong with it.
        where: the file.
        segment: the part of the file ("signature", "control", "data", ...), if known.
        offset: byte offset in that part, or in the file where there is no part.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        segment: str | None = None,
        offset: int | None = None,
        mend: str | None = None,
    ) -> None:
        self.segment = segment
        self.offset = offset
        place = "" if segment is None else f" in the {segment} segment"
        if offset is not None:
            place += f" at byte {offset}"
        super().__init__(f"{what}{place}", where=where, mend=mend)


class IntegrityError(FormatError):
    """Well-formed input whose checksums do not hold."""


class CaptureError(BuildinfoError):
    """A capture that is incomplete, damaged, or of a format this version does not read."""


class RecordError(BuildinfoError):
    """A buildinfo that does not fit its schema or its own digests."""


class SignatureError(BuildinfoError):
    """A signature that is missing, does not hold, or belongs to something else: the answer is no (status 1)."""
