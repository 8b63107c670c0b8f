"""Making the packages of a build deterministic before they are recorded.

Everything is applied: leaks and canonical forms. A package that cannot be written or signed stays as abuild made it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from buildinfo.apk.pigz import identity
from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.segments import read_head
from buildinfo.apk.signature import Signature
from buildinfo.apk.v2 import Package, read_package
from buildinfo.capture.folder import Folder, read_plain
from buildinfo.capture.reader import Capture
from buildinfo.capture.signing import require_holds, require_private, signer
from buildinfo.capture.terms import Terms
from buildinfo.errors import BuildinfoError, FormatError, IntegrityError, UnreadableError
from buildinfo.model import Bytes, Change, LeftAlone, Normalization, Text, as_text
from buildinfo.normalize.job import Report
from buildinfo.normalize.package import Inspected, Settings, keep_vouched
from buildinfo.normalize.registry import NAMES, POLICY_VERSION, select

JOURNAL: Final = "normalized"
"""File of a capture that says what became of packages: finalize may be called again."""
_LARGEST_JOURNAL: Final = 64 << 20
"""Its most bytes: of 200,000 changes. Of a capture of others much less is believed."""
_LARGEST_OF_OTHERS: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Recorded:
    """A package as it is now, and what was changed to make it so."""

    package: Package
    changes: tuple[Change, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()


@dataclass
class Normalizer:
    """Normalizes the packages of one capture.

    Args:
        capture: what the hooks saw.
        terms: what the user decides.
        unsigned: leave signatures off that no longer hold, instead of signing anew.

    Attributes:
        notes: what the user should know, one line each.
        changed: the files that were replaced.
        failed: whether a package stays as abuild made it that should have changed, or may have.
    """

    capture: Capture
    terms: Terms
    unsigned: bool = False
    notes: list[str] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    failed: bool = False

    def __post_init__(self) -> None:
        words = self.capture.words("options")
        self._on = "!normalize" not in words
        off = {word.removeprefix("!normalize-") for word in words if word.startswith("!normalize-")}
        self._off = frozenset(off & NAMES)
        kept = [word.removeprefix("!normalize:") for word in words if word.startswith("!normalize:")]
        patterns = (*kept, *self.terms.settings.get("BUILDINFO_KEEP_PATHS", "").split())
        self._inspected: dict[str, Inspected] = {}
        self.notes += [f"options: no handler is named {name}" for name in sorted(off - NAMES)]
        self._base = self.capture.paths.get("pkgbasedir", "").rstrip("/")
        self._policy = select("all", self.capture.epoch[1], off=self._off)._replace(paths=patterns)
        conditions, environment = self.capture.conditions, self.capture.environment
        self._trusted = conditions.get("gzip") == "pigz" and not environment.keys() & {"PIGZ", "GZIP"}
        # abuild packs `*`, which passes over dot files at the top.
        self._trees = {
            name: frozenset(path for path in paths if not path.startswith("."))
            for name, paths in self.capture.trees().items()
        }
        self._journal = _read_journal(self.capture.path, _LARGEST_JOURNAL if self.terms.own else _LARGEST_OF_OTHERS)

    def prepare(self, packages: Mapping[str, tuple[Path, PkgInfo]]) -> None:
        """Reads all packages of the build, and finds out what they state digests of: that stays as it is.

        Args:
            packages: for each, ARCH/FILE -> what `normalize` takes.

        Raises:
            IntegrityError, FormatError, UnreadableError: one of them cannot be searched.
        """
        if not self._on:
            return
        for name, (file, built) in packages.items():
            if name not in self._journal:
                with contextlib.suppress(BuildinfoError):  # `normalize` will say so
                    self._inspected[name] = Inspected(file, self._settings(name, file, built))
        keep_vouched(list(self._inspected.values()), [file for file, _ in packages.values()])

    def close(self) -> None:
        """Lets go of what was prepared."""
        for inspected in self._inspected.values():
            inspected.close()

    def normalize(self, name: str, file: Path, built: PkgInfo) -> Recorded:
        """Normalizes a package, unless that was done before.

        Args:
            name: ARCH/FILE.
            file: where it is.
            built: what the captured build said of the package it made.

        Raises:
            IntegrityError: this is another package.
            FormatError: it cannot be read.
            UnreadableError: likewise.
        """
        if name in self._journal:
            done = _from_journal(read_package(file), self._journal[name])
            if done is not None:
                return done
        if self._on:
            try:
                return self._normalized(name, file, built)
            except FormatError:
                raise
            except BuildinfoError as error:
                self.notes.append(f"{file.name} stays as abuild made it: {error}")
                self.failed = True
        package = read_package(file)
        _check(package, file, built)
        return Recorded(package)

    def normalization(self) -> Normalization | None:
        """How it was done, for the record; None if it was switched off."""
        if not self._on:
            return None
        try:
            encoder = identity()
        except BuildinfoError:
            encoder = "none"
        return Normalization(
            policy=POLICY_VERSION,
            epoch=self._policy.epoch,
            timestamps=self._policy.timestamps,
            encoder=encoder,
            off=sorted(self._off),
        )

    def _normalized(self, name: str, file: Path, built: PkgInfo) -> Recorded:
        inspected = self._inspected.pop(name, None) or Inspected(file, self._settings(name, file, built))
        with contextlib.closing(inspected):
            done = inspected.finish()
        if done.stays is not None:
            self.notes.append(f"{file.name} stays as abuild made it: {done.stays}")
        if done.changed:
            self.changed.append(file)
        return _recorded(done.package, done.report)

    def _settings(self, name: str, file: Path, built: PkgInfo) -> Settings:
        capture = self.capture
        # An APKBUILD may set another SOURCE_DATE_EPOCH than the record has: the package says what it was built with.
        epoch = capture.epoch[1] if built.builddate is None else built.builddate
        # What a capture of others says decides nothing about bytes that are signed with the user's key.
        heard = self.terms.own or self.unsigned or len(read_head(file)) == 1
        policy = self._policy._replace(epoch=epoch, pkgbasedir=self._base if heard else "")
        seen: list[Package] = []

        def accept(package: Package) -> None:
            _check(package, file, built)
            seen[:] = [package]

        return Settings(
            policy=lambda info: policy if heard else policy._replace(epoch=info.builddate or epoch),
            framing="framing" in self._policy.forms,
            users=frozenset(capture.words("pkgusers")) if heard else frozenset(),
            groups=frozenset(capture.words("pkggroups")) if heard else frozenset(),
            one_time=True,
            expected=self._trees.get(str(built.pkgname), frozenset()),
            trusted=self._trusted and heard,
            sign=None if self.unsigned else self._signer(epoch, file, seen),
            threads=len(os.sched_getaffinity(0)),
            members=True,
            accept=accept,
            commit=lambda package, report: self._note(name, package, report),
        )

    def _signer(self, epoch: int, file: Path, seen: list[Package]) -> Callable[[bytes, Signature], bytes]:
        """What signs the package that was seen anew, if the user's key has signed it before."""
        sign = signer(self.terms.key, epoch, file.parent)

        def guarded(control: bytes, old: Signature) -> bytes:
            if not self.terms.own:
                require_private(file.parent)
            require_holds(self.terms.key, old, digests(seen[0]))
            return sign(control, old)

        return guarded

    def _note(self, name: str, package: Package, report: Report) -> None:
        """Writes down what is about to replace a package: after an interruption it is known again."""
        recorded = _recorded(package, report)
        self._journal[name] = {
            "sha256": package.sha256,
            "changes": [asdict(change) for change in recorded.changes],
            "left_alone": [asdict(entry) for entry in recorded.left_alone],
        }
        data = json.dumps(self._journal).encode()
        try:
            with Folder(self.capture.path, self.capture.identity) as folder:
                if self.terms.own or folder.mine:  # in another user's nothing is written
                    folder.write(JOURNAL, data)
        except OSError as error:
            what = f"what is about to change cannot be written down: {error.strerror}"
            raise UnreadableError(what, where=self.capture.path) from error


def digests(package: Package) -> dict[str, bytes]:
    """Of the control segment, which signatures are over; the identity is its SHA-1 (`C:` of apk 2)."""
    sha1 = base64.b64decode(package.identity.removeprefix("Q1"))
    return {"sha1": sha1, "sha256": bytes.fromhex(package.control.sha256)}


def _recorded(package: Package, report: Report) -> Recorded:
    changes = [
        Change(path=as_text(change.path), handler=change.handler, before=change.before, after=change.after)
        for change in report.changes
    ]
    left_alone = [
        LeftAlone(path=as_text(entry.path), handler=entry.handler, reason=as_text(entry.reason))
        for entry in report.skipped
    ]
    order = attrgetter("handler", "before", "after")
    return Recorded(
        package,
        tuple(sorted(changes, key=lambda change: (str(change.path), *order(change)))),
        tuple(sorted(left_alone, key=lambda entry: (str(entry.path), entry.handler))),
    )


def is_of(capture: Capture, file: Path, built: PkgInfo) -> bool:
    """Whether a package is the one that a captured build made, or what normalization made of that.

    Raises:
        FormatError, UnreadableError: it cannot be read.
    """
    package = read_package(file, members=False)
    if package.pkginfo.datahash == built.datahash:
        return True
    entries = _read_journal(capture.path, _LARGEST_JOURNAL).values()
    return any(isinstance(entry, dict) and entry.get("sha256") == package.sha256 for entry in entries)


def _check(package: Package, file: Path, built: PkgInfo) -> None:
    if package.pkginfo.datahash != built.datahash:
        raise IntegrityError("this is not the package that the captured build made", where=file, mend="build again")


def _read_journal(path: Path, limit: int) -> dict[str, Any]:
    """What an earlier run noted in a capture; empty if it noted nothing that can be read."""
    try:
        journal = json.loads(read_plain(path / JOURNAL, limit))
    except (OSError, ValueError, RecursionError):
        return {}
    return journal if isinstance(journal, dict) else {}


def _from_journal(package: Package, entry: Any) -> Recorded | None:
    """What an earlier run did to this very package, if it did anything."""
    try:
        if entry["sha256"] != package.sha256:
            return None
        changes = tuple(Change(**_texts(change)) for change in entry["changes"])
        left_alone = tuple(LeftAlone(**_texts(left)) for left in entry["left_alone"])
    except (AttributeError, KeyError, TypeError):
        return None
    return Recorded(package, changes, left_alone)


def _texts(entry: Any) -> dict[str, Any]:
    return {key: _text(value) for key, value in entry.items()}


def _text(value: Any) -> Text:
    text: Text = Bytes(**value) if isinstance(value, dict) else value
    if not isinstance(text.base64 if isinstance(text, Bytes) else text, str):
        raise TypeError
    return text
