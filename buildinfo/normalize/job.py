"""What a handler is told, and what it reports.

A handler is one class with a `name` and a pure function ``normalize(data, job) -> bytes``. It never touches the file
system. It gives `data` itself back where nothing is to change, raises `LeftAlone` with a reason where a file of its
kind must not be touched, and `FormatError` where the bytes are not what their magic says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol

MAX_DEPTH: Final = 8
"""How many archives deep a file may lie to be normalized."""
MAX_FILE: Final = 256 << 20
"""Bytes of the largest file that is taken into memory to be normalized."""
UNPACK_SLACK: Final = 16 << 20
"""A piece may unpack to this many bytes more than the size of the outermost file."""
WORK_FACTOR: Final = 16
"""All pieces of one outermost file together may unpack to this many times what one piece may."""

Timestamps = Literal["clamp", "set"]


class LeftAlone(Exception):
    """A file that a handler knows but must not, or cannot, normalize; the text says why."""


class Signed(LeftAlone):
    """Such a file that a signature or a list of hashes inside covers: what holds it stays whole as well."""


class Handler(Protocol):
    """One file kind."""

    name: str

    def normalize(self, data: bytes, job: Job) -> bytes: ...


class Policy(NamedTuple):
    """What to do.

    Attributes:
        epoch: seconds since 1970-01-01 UTC.
        timestamps: `clamp` lowers times after the epoch to it, `set` makes every time the epoch.
        leaks: names of the rows of the registry whose leaks are removed.
        forms: names of the rows that are brought to their canonical form as well.
        vouched: SHA-256 of contents that stay as they are, in lower-case hex -> why; see `vouch`.
        paths: shell patterns of the paths of files that stay as they are.
        pkgbasedir: the folder of the package trees in which the build packed; empty where it is not known.
    """

    epoch: int
    timestamps: Timestamps
    leaks: frozenset[str]
    forms: frozenset[str]
    vouched: Mapping[str, str] = MappingProxyType({})
    paths: tuple[str, ...] = ()
    pkgbasedir: str = ""

    def kept(self, data: bytes, path: str) -> str | None:
        """Why a file stays as it is, whatever a handler would make of it; None if nothing says so."""
        if self.paths and (pattern := matching(path, self.paths)) is not None:
            return f"its path is one that is to be kept: {pattern}"
        if not self.vouched:
            return None
        import hashlib

        return self.vouched.get(hashlib.sha256(data).hexdigest())


def matching(path: str, patterns: tuple[str, ...]) -> str | None:
    """The first of the shell patterns that a path matches; `*` stands for slashes, too."""
    from fnmatch import fnmatchcase

    return next((pattern for pattern in patterns if fnmatchcase(path, pattern.lstrip("/"))), None)


class Change(NamedTuple):
    """A file that was changed: `path` in the outermost file (`OUTER!/INNER` for nested archives, empty for the
    outermost file itself), the handler's name, and SHA-256 in lower-case hex."""

    path: str
    handler: str
    before: str
    after: str


class Skipped(NamedTuple):
    """A file that was left alone, and why."""

    path: str
    handler: str
    reason: str


# The classes of this module are no dataclasses: importing that module takes longer than most files do.


class Report:
    """What happened to one outermost file and all that it holds.

    Args:
        digests: whether to keep them.

    Attributes:
        changes, skipped: in the order in which they came about.
        digests: of every content that changed, or was about to: its SHA-256 in lower-case hex, and what `digests` makes
            of it. None where nobody will look for them.
    """

    __slots__ = ("changes", "digests", "skipped")

    def __init__(self, *, digests: bool = False) -> None:
        self.changes: list[Change] = []
        self.skipped: list[Skipped] = []
        self.digests: dict[str, Mapping[str, bytes]] | None = {} if digests else None


class Budget:
    """How much may still be unpacked of one outermost file: bombs end here, not in memory."""

    __slots__ = ("piece", "work")

    def __init__(self, piece: int, work: int) -> None:
        self.piece = piece
        self.work = work

    @classmethod
    def of(cls, size: int) -> Budget:
        """The budget of an outermost file of `size` bytes."""
        piece = UNPACK_SLACK + size
        return cls(piece, WORK_FACTOR * piece)


class Job:
    """One file to normalize.

    Attributes:
        policy: what to do.
        path: where the file lies, for the report; a hint, never trusted.
        source_time: for a compiled Python file: seconds of the modification time that its source will have, or None if
            that is not known.
        report: what happened; shared by all files of one outermost file.
        budget: likewise.
        enter: normalizes a file inside this one; set by `normalize_content`.
    """

    __slots__ = ("budget", "depth", "enter", "path", "policy", "report", "source_time")

    def __init__(
        self,
        policy: Policy,
        path: str,
        report: Report,
        budget: Budget,
        *,
        depth: int = 0,
        source_time: Callable[[], int | None] | None = None,
    ) -> None:
        self.policy = policy
        self.path = path
        self.report = report
        self.budget = budget
        self.depth = depth
        self.source_time = source_time
        self.enter: Callable[[bytes, Job], bytes] | None = None

    @property
    def epoch(self) -> int:
        return self.policy.epoch

    def time(self, seconds: int) -> int:
        """The time to write for a time that was found."""
        if self.policy.timestamps == "set":
            return self.policy.epoch
        return min(seconds, self.policy.epoch)

    @property
    def name(self) -> str:
        """The name inside the file that holds it."""
        return self.path.rpartition("!/")[2]

    def form(self, name: str) -> bool:
        """Whether the handler `name` is to write its canonical form, not only to remove leaks."""
        return name in self.policy.forms

    def unpack(self, size: int) -> None:
        """Announces that `size` more bytes were, or are about to be, unpacked in one piece.

        Raises:
            LeftAlone: that is more than the file may cost.
        """
        self.budget.work -= size
        if size > self.budget.piece or self.budget.work < 0:
            raise LeftAlone("it unpacks to more than this program is ready to hold")

    def nested(self, data: bytes, name: str, source_time: Callable[[], int | None] | None = None) -> bytes:
        """Normalizes a file inside this one; gives `data` itself back where nothing changes.

        Args:
            data: its content, uncompressed.
            name: its name inside this file.
            source_time: see the attribute.
        """
        assert self.enter is not None  # set by what called the handler
        path = f"{self.path}!/{name}" if self.path else name
        inner = Job(self.policy, path, self.report, self.budget, depth=self.depth + 1, source_time=source_time)
        return self.enter(data, inner)

    def edited(self, data: bytes, name: str, edit: Callable[[bytes], bytes]) -> bytes:
        """A file inside this one that no handler takes, after an edit; `data` itself where it is to be kept."""
        path = f"{self.path}!/{name}" if self.path else name
        reason = self.policy.kept(data, path)
        result = data if reason else edit(data)
        if reason:
            self.report.skipped.append(Skipped(path, "jar", reason))
        elif result != data:
            self._digest(data, result, "")
        return result

    def changed(self, handler: str, before: bytes, after: bytes) -> None:
        """Reports a change."""
        import hashlib

        old = self._digest(before, after, handler)
        self.report.changes.append(Change(self.path, handler, old, hashlib.sha256(after).hexdigest()))

    def _digest(self, before: bytes, after: bytes, handler: str) -> str:
        """Keeps the digests of what changes; returns its SHA-256."""
        import hashlib

        old = hashlib.sha256(before).hexdigest()
        if self.report.digests is not None and old not in self.report.digests:
            from buildinfo.normalize.derived import derived
            from buildinfo.normalize.digests import digests_of

            self.report.digests[old] = {**digests_of(before), **derived(handler, before, after)}
        return old

    def skipped(self, handler: str, reason: str) -> None:
        """Reports that the file, or a part of it, was left alone."""
        self.report.skipped.append(Skipped(self.path, handler, reason))
