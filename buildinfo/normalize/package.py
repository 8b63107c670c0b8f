"""A v2 package as a whole: inspected in one pass, and written anew only if a byte is to change.

The old file stays where it is until the new one was written beside it, read back and verified.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Literal

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.segments import open_package
from buildinfo.apk.signature import Signature
from buildinfo.apk.v2 import Package, read_control, read_package
from buildinfo.errors import BuildinfoError, UnreadableError
from buildinfo.normalize.damage import damage
from buildinfo.normalize.inspect import Inspection
from buildinfo.normalize.job import LeftAlone, Policy, Report, Skipped
from buildinfo.normalize.place import beside, later_than_index
from buildinfo.normalize.rewrite import Rewrite, copy
from buildinfo.places import Place, Source, find_file

SignatureFate = Literal["none", "kept", "removed", "made anew"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to normalize a package.

    Attributes:
        policy: gives the policy, once the description of the package is known.
        framing: whether the policy brings the framing to its canonical form.
        users, groups: the aport's own, whose ids become 0; known only in finalize.
        one_time: give all members the epoch, as abuild >= 3.5 does.
        expected: paths that the package has to hold, where they are known: see `damage`.
        trusted: the data segment is framed canonically by provenance: nothing is compressed to prove it.
        sign: makes the signature segment for a new control segment, or raises; None leaves the signature off.
        threads: for compressing.
        members: keep the members in the package that is given back, but for their pax records.
        accept: called with the package as it was read, before anything is written; may raise.
        commit: called with the new package and the report, once it is written and verified, before it is renamed into
            place; may raise.
    """

    policy: Callable[[PkgInfo], Policy]
    framing: bool = True
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    one_time: bool = False
    expected: frozenset[str] = frozenset()
    trusted: bool = False
    sign: Callable[[bytes, Signature], bytes] | None = None
    threads: int = 1
    members: bool = False
    accept: Callable[[Package], None] | None = None
    commit: Callable[[Package, Report], None] | None = None


@dataclass(frozen=True, slots=True)
class Normalized:
    """What became of a package.

    Attributes:
        package: the package as it is now; with `check` as it was.
        changed: whether its bytes are, or would be, others.
        report: every change, and what was left alone.
        signature: what became, or would become, of its signature.
        stays: why the package stays as it is although it would change; None where it may change.
    """

    package: Package
    changed: bool
    report: Report
    signature: SignatureFate
    stays: str | None = None


class Inspected:
    """A package that was read, and is to be written. Close it when done.

    It is held open meanwhile, and its path is resolved once: what is read again, and replaced, is what was read first.

    Args:
        path: the package.
        settings: how to normalize it.

    Attributes:
        path: the same.
        file: the package, held open.

    Raises:
        FormatError, IntegrityError, UnreadableError: it cannot be read.
    """

    def __init__(self, path: Path | Place, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        self._package: Package
        self._inspection: Inspection
        self._files = ExitStack()
        try:
            self._place = _place_of(path)
            self.file = self._files.enter_context(self._place.opened())
        except OSError as error:
            raise UnreadableError(f"cannot be opened: {error.strerror}", where=path) from error
        try:
            self._inspect({})
        except BaseException:
            self.close()
            raise

    @property
    def report(self) -> Report:
        """What handlers made of its files."""
        return self._inspection.report

    @property
    def names(self) -> list[str]:
        """The paths of its members."""
        return [entry.key.decode("utf-8", "surrogateescape") for entry in self._inspection.entries]

    def keep(self, vouched: Mapping[str, str]) -> None:
        """Leaves contents alone that somebody vouches for: their SHA-256 -> why."""
        if vouched.keys() & (self.report.digests or {}).keys():
            self._inspection.close()
            self._inspect(vouched)

    def finish(self, output: Path | Place | None = None, *, check: bool = False) -> Normalized:
        """Writes what is to change; see `normalize_package`."""
        settings, inspection, package = self._settings, self._inspection, self._package
        lean = replace(package, members=(), control_members=())
        target = None if output is None else _place_of(output)
        try:
            rewrite = Rewrite(self.file, lean, inspection, settings.sign, settings.threads)
            if rewrite.needed:
                if lean.refused is not None:
                    raise LeftAlone(f"apk does not read it as it is meant: {lean.refused}")
                why = damage(lean, (entry.key for entry in inspection.entries), settings.expected)
                if why is not None:
                    raise LeftAlone(why)
            if rewrite.needed and check:
                rewrite.note()
            elif rewrite.needed:
                package = self._package = lean  # 100,000 members need not be held twice
                package = self._write(target, rewrite.write)
            elif target is not None and not check:
                self._write(target, partial(copy, self.file))
        except LeftAlone as reason:
            if target is not None and not check:
                self._write(target, partial(copy, self.file))
            return self._left(str(reason))
        fate: SignatureFate = "none"
        if package.signatures or rewrite.signature_lost:
            fate = "kept" if not rewrite.signature_lost else "made anew" if settings.sign else "removed"
        return Normalized(package, rewrite.needed, inspection.report, fate)

    def close(self) -> None:
        """Lets go of it; once."""
        self._files.close()

    def _write(self, output: Place | None, write: Callable[[IO[bytes]], None]) -> Package:
        """Writes a package beside its place, verifies it, and renames it into place."""
        target = output or self._place
        there = target.status()
        same = there is not None and os.path.samestat(there, self.file.status)
        with beside(self.file, target, write, kept=output is None or same) as new:
            try:
                with new.opened() as written:
                    package = read_package(written, members=self._settings.members, records=False)
            except BuildinfoError as error:  # never lose a package to a mistake of ours
                raise UnreadableError(f"what was to replace it does not verify: {error}", where=self.path) from error
            if self._settings.commit:
                self._settings.commit(package, self.report)
            now = later_than_index(target.folder)
            new.take_place((now, now))
        return package

    def _left(self, why: str) -> Normalized:
        """The package, which is left as it is, and why."""
        report = self.report
        report.changes.clear()
        report.skipped.append(Skipped("", "package", why))
        package = read_package(self.file, members=self._settings.members, records=False)
        return Normalized(package, False, report, "kept" if package.signatures else "none", why)

    def _inspect(self, vouched: Mapping[str, str]) -> None:
        settings = self._settings
        self._inspection = Inspection(
            lambda info: settings.policy(info)._replace(vouched=vouched),
            settings.users,
            settings.groups,
            settings.one_time,
            settings.framing,
            settings.trusted,
            settings.threads,
        )
        self._files.callback(self._inspection.close)
        package = read_package(self.file, members=settings.members, records=False, observer=self._inspection)
        if settings.accept:
            settings.accept(package)
        self._inspection.finish()
        self._package = package


class Siblings:
    """Packages that are normalized together; what build each is of is found out once, and only where it is asked.

    Args:
        packages: the packages.
    """

    def __init__(self, packages: Sequence[Source]) -> None:
        self._packages = packages
        self._builds: dict[tuple[str | None, str] | None, list[Source]] | None = None

    def of(self, package: Source) -> Iterator[Source]:
        """The packages of the same build as `package`."""
        if self._builds is None:
            self._builds = {}
            for each in self._packages:
                self._builds.setdefault(_build_of(each), []).append(each)
        yield from self._builds.get(_build_of(package), ())


def normalize_package(
    path: Path | Place,
    settings: Settings,
    *,
    output: Path | Place | None = None,
    check: bool = False,
    siblings: Siblings | None = None,
) -> Normalized:
    """Normalizes a package.

    Args:
        path: the package.
        settings: how.
        output: where to write the result, changed or not; in place if None.
        check: write nothing.
        siblings: other packages: those of the same build may state digests of its files; nobody, if None.

    Raises:
        FormatError, IntegrityError: it cannot be read. It is not touched.
        UnreadableError: it cannot be read, written or signed. It is not touched.
        MissingToolError: the canonical framing cannot be made on this machine. It is not touched.
    """
    with closing(Inspected(path, settings)) as inspected:
        keep_vouched([inspected], () if siblings is None else siblings.of(path))
        return inspected.finish(output, check=check)


def keep_vouched(packages: Sequence[Inspected], others: Iterable[Source] = ()) -> None:
    """Leaves alone what packages of one build, and others that are only searched, state digests of.

    Raises:
        FormatError, IntegrityError, UnreadableError: one of the others cannot be read.
    """
    if not any(package.report.digests for package in packages):
        return
    from buildinfo.normalize.vouch import Search
    from buildinfo.normalize.vouchnames import signed_names

    search = Search(package.report for package in packages)
    names = {name for package in packages for name in package.names}
    search.signed(dict(signed_names(names)), [change for package in packages for change in package.report.changes])
    for path in dict.fromkeys((*(package.path for package in packages), *others)):
        search.package(path)
    for package in packages:
        package.keep(search.reasons(package.path.name))


def _build_of(path: Source) -> tuple[str | None, str] | None:
    """Origin and version of a package; None of what is none."""
    try:
        with open_package(path) as package:
            control = next(part for part in package.segments() if part.kind == "control")
            pkginfo = read_control(control, path).pkginfo
    except (BuildinfoError, StopIteration):
        return None
    return pkginfo.origin or pkginfo.pkgname, pkginfo.pkgver


def _place_of(path: Path | Place) -> Place:
    return path if isinstance(path, Place) else find_file(path)
