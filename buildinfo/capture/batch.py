"""Finalizing captures one after the other, and the indices of all of them once, at the end.

A capture is removed when the index is right as well: what is interrupted in between is seen again, and done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from buildinfo.capture import owed
from buildinfo.capture.finalize import Finalized, finalize
from buildinfo.capture.folder import why_not_private
from buildinfo.capture.outcome import BuildOutcome, FinalizeReport, IndexOutcome, log
from buildinfo.capture.pending import build_of, captures_folder, is_complete, pending, running, why_failed
from buildinfo.errors import BuildinfoError, UnreadableError, UsageError
from buildinfo.leftovers import sweep

#: Told of each outcome as it comes.
Tell = Callable[[BuildOutcome | IndexOutcome], None]


class Batch:
    """One run of finalize.

    Args:
        environment: where settings and the captures folder are looked for.
        tell: called with each outcome.
        packages: the folder with the ARCH folders that hold packages, if not where the build put them.
        unsigned, sign, keep: as `finalize` takes them.

    Attributes:
        report: what came of it.
        status: the exit status: 1 if an index is left stale, 2 if something could not be done.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        tell: Tell,
        *,
        packages: Path | None = None,
        unsigned: bool = False,
        sign: bool = False,
        keep: bool = False,
    ) -> None:
        self._environment = environment
        self._tell = tell
        self._folder = None if packages is None else packages.absolute()
        self._unsigned, self._sign, self._keep = unsigned, sign, keep
        self._done: list[Finalized] = []
        self.report = FinalizeReport(builds=[], indices=[])
        self.status = 0

    def left_behind(self) -> None:
        """Finalize everything that builds left behind; those that failed are named and passed over.

        Raises:
            UnreadableError: others could have put captures there.
        """
        folder = captures_folder(self._environment)
        with suppress(FileNotFoundError):
            if (why := why_not_private(folder)) is not None:
                mend = "make it your own, or name captures; check with: abuild-buildinfo doctor"
                raise UnreadableError(f"the captures in there may be anybody's: {why}", where=folder, mend=mend)
            sweep(folder)
        for path in pending(folder):
            if running(path):
                continue
            if is_complete(path):
                self.capture(path)
            else:
                self._add(_without_record(path, "failed", why_failed(path)))

    def capture(self, path: Path, *, before_index: bool = False) -> None:
        """Finalize one capture.

        Args:
            path: the capture.
            before_index: abuild is about to make the index, and will tell of an error.
        """
        try:
            done = finalize(
                path,
                self._environment,
                repodest=self._folder,
                keep=self._keep,
                unsigned=self._unsigned,
                sign=self._sign,
                hold=not before_index,
            )
        except (BuildinfoError, OSError) as error:
            self.status = 2
            outcome = _without_record(path, "error", str(error))
        else:
            self._done.append(done)
            outcome = outcome_of(done)
            if done.failed and not before_index:  # there the packages are as good as without us
                self.status = 2
        if not (before_index and outcome.result == "error"):
            try:
                log(outcome, self._environment)
            except BuildinfoError as error:
                outcome.notes.append(str(error))
                self.status = self.status if before_index else 2
        self._add(outcome)

    def indices(self, *, mend: bool, everything: bool) -> None:
        """Make the indices anew that do not have the packages as they are now; then the captures may go.

        Args:
            mend: otherwise they are left as they are, named, and remembered.
            everything: those that an earlier run left stale, too.
        """
        wanted = {item.folder: item for item in self._remembered()} if everything and mend else {}
        for done in self._done:
            for folder in {package.parent for package in done.packages}:
                before = wanted.get(folder, owed.Owed(folder, (), "", own=True))
                files = {*before.packages, *(package for package in done.packages if package.parent == folder)}
                own = before.own and done.terms.own
                wanted[folder] = owed.Owed(folder, tuple(sorted(files)), done.terms.key or before.key, own)
        right = {folder for folder, item in sorted(wanted.items()) if (self._make if mend else self._leave)(item)}
        for done in self._done:
            if right.issuperset(package.parent for package in done.packages):
                self._dispose(done)

    def _make(self, item: owed.Owed) -> bool:
        from buildinfo.capture.reindex import INDEX, mend

        try:
            for path in mend(item.folder, item.packages, key=item.key, sign=not self._unsigned, own=item.own):
                self._add(IndexOutcome(path=str(path), result="made-anew", reason=None))
            for folder in self._places():
                owed.forget(folder, [item.folder])
        except (BuildinfoError, OSError) as error:
            self.status = 2
            self._add(IndexOutcome(path=str(item.folder / INDEX), result="error", reason=str(error)))
            return False
        return True

    def _leave(self, item: owed.Owed) -> bool:
        """Remember the index if it is stale; True if the captures are not needed for it."""
        from buildinfo.capture.reindex import INDEX, stale

        try:
            found = stale(item.packages)
            for path, why in found.items():
                self._add(IndexOutcome(path=str(path), result="stale", reason=why))
            if found:
                self.status = max(self.status, 1)
                owed.note(self._places()[0], item)
        except (BuildinfoError, OSError) as error:
            self.status = 2
            self._add(IndexOutcome(path=str(item.folder / INDEX), result="error", reason=str(error)))
            return False
        return True

    def _places(self) -> list[Path]:
        """Where stale indices are remembered: beside the captures of the user, who may have none."""
        try:
            return [captures_folder(self._environment)]
        except UsageError:
            return [self._done[0].capture.path.parent] if self._done else []

    def _remembered(self) -> Iterable[owed.Owed]:
        return [item for folder in self._places() for item in owed.everything(folder)]

    def _dispose(self, done: Finalized) -> None:
        try:
            done.dispose()
        except BuildinfoError as error:
            self.status = 2
            self._add(_without_record(done.capture.path, "error", str(error)))

    def _add(self, outcome: BuildOutcome | IndexOutcome) -> None:
        if isinstance(outcome, BuildOutcome):
            self.report.builds.append(outcome)
        else:
            self.report.indices.append(outcome)
        self._tell(outcome)


def outcome_of(done: Finalized) -> BuildOutcome:
    """What came of a build that has a record."""
    recipe = done.capture.recipe
    return BuildOutcome(
        result="incomplete" if done.failed else "recorded",
        origin=recipe["pkgname"],
        version=done.capture.version,
        arch=recipe["CARCH"],
        repository=done.capture.local.get("repo") or None,
        capture=str(done.capture.path),
        record=str(done.record),
        written=done.written,
        packages=[str(path) for path in done.packages],
        normalized=[str(path) for path in done.normalized],
        left_alone=done.left_alone,
        taints=list(done.taints),
        notes=list(done.notes),
    )


def _without_record(path: Path, result: Literal["failed", "error"], reason: str) -> BuildOutcome:
    """What the name of a capture says of its build: ORIGIN-PKGVER-rPKGREL.ARCH.PID."""
    name, _, arch = (build_of(path) or "").rpartition(".")
    words = name.rsplit("-", 2)
    known = len(words) == 3
    return BuildOutcome(
        result=result,
        origin=words[0] if known else None,
        version="-".join(words[1:]) if known else None,
        arch=arch or None,
        capture=str(path),
        reason=reason,
    )
