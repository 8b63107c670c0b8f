"""Causes that show in .PKGINFO, in scripts, and in signatures."""

from __future__ import annotations

from typing import ClassVar, Final

from buildinfo.verify.explain import dates, role
from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern
from buildinfo.verify.explain.stamp import is_schedule, masked

_PKGINFO: Final = frozenset(("pkginfo",))
_DIRTY: Final = "-dirty"
_BLOCK: Final = 4096
_TIMES: Final = ("mtime", "atime", "ctime")


def commits(evidence: Evidence) -> tuple[str, str]:
    """The commits of both sides, without the mark of a dirty tree; empty where there is none."""
    old, new = (commit.removesuffix(_DIRTY) for commit in evidence.commits)
    return old, new


def is_dirty(evidence: Evidence) -> tuple[bool, bool]:
    """Whether each side was built from a tree that was not as committed."""
    old, new = (commit.endswith(_DIRTY) for commit in evidence.commits)
    return old, new


class _Time(Cause):
    """A cause that moves SOURCE_DATE_EPOCH: builddate has another value, and the times of all files follow it."""

    kinds = frozenset(
        ("pkginfo", "comment", "metadata", "text", "string", "gzip", "zip", "tar", "ar", "pyc", "png", "uimage", "fdt")
    )
    records = ("epoch", "source:commit", "source:dirty")
    is_carried = True

    def applies(self, evidence: Evidence) -> bool:
        raise NotImplementedError

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "pkginfo" and hunk.name == "commit":
            return 1.0 if self.shows_in_commit and self.applies(evidence) else 0.0
        if not self.applies(evidence) or not evidence.differs("builddate"):
            return 0.0
        if hunk.kind == "pkginfo":
            return 0.95 if hunk.name == "builddate" else 0.0
        if hunk.kind != "metadata":
            return 0.97 if not _is_set(hunk, evidence) and _states_builddate(hunk, evidence) else 0.0
        return 0.95 if hunk.name in _TIMES and _follows_builddate(hunk, evidence) else 0.0

    shows_in_commit: ClassVar[bool] = True


def _is_set(hunk: Hunk, evidence: Evidence) -> bool:
    """Whether a time is one that somebody goes by, or may be for all that is told of it."""
    if any(is_schedule(hunk, side) for side in (hunk.before, hunk.after)):
        return True
    return role.is_dated(hunk) and masked(hunk.before, b"", evidence, settled=True) == hunk.before


def _states_builddate(hunk: Hunk, evidence: Evidence) -> bool:
    """Whether a value is, on both sides, the builddate of that side: it was taken from SOURCE_DATE_EPOCH."""
    pairs = dates.differing(hunk.before, hunk.after)
    moments = [zip(pair, evidence.builddates, strict=True) for pair in pairs]
    return bool(pairs) and all(dates.is_of(moment, date) for both in moments for moment, date in both)


def _follows_builddate(hunk: Hunk, evidence: Evidence) -> bool:
    """Whether a time is that of the build on both sides."""
    try:
        times = float(hunk.before), float(hunk.after)
    except ValueError:
        return False
    builddates = evidence.builddates
    exact = [date is not None and time == date for time, date in zip(times, builddates, strict=True)]
    return any(exact) or (all(times) and _all_times_move(evidence))


def _all_times_move(evidence: Evidence) -> bool:
    """Whether nearly every file's time differs: old abuild kept several times, all of the build."""
    return evidence.times > 1


class DirtyTree(_Time):
    name = "dirty-tree"
    title = "a package was built from an aport with changes that were not committed"
    advice = (
        "Commit everything in the aport's folder, or let git ignore it: abuild then takes the time of the commit, and "
        "not that of the APKBUILD file, as SOURCE_DATE_EPOCH."
    )

    def applies(self, evidence: Evidence) -> bool:
        old, new = is_dirty(evidence)
        return old != new or (old and commits(evidence)[0] == commits(evidence)[1])


class NoGit(_Time):
    name = "no-git"
    title = "git could not name the commit on one side"
    advice = (
        "Build in a full clone that git trusts (safe.directory, no export without .git): without a commit abuild takes "
        "the time of the APKBUILD file as SOURCE_DATE_EPOCH."
    )

    def applies(self, evidence: Evidence) -> bool:
        old, new = commits(evidence)
        return bool(old) != bool(new)


class OtherCommit(_Time):
    name = "other-commit"
    title = "the two were built from different commits of the aports"
    advice = "Build from the commit that the original names, in a full clone: a shallow one names another."

    def applies(self, evidence: Evidence) -> bool:
        old, new = commits(evidence)
        return bool(old and new) and old != new


class EpochRule(_Time):
    name = "epoch-rule"
    title = (
        "SOURCE_DATE_EPOCH was another, and neither another commit nor a changed tree explains it: it was the time of "
        "a file on one side, or the caller's"
    )
    advice = (
        "Set SOURCE_DATE_EPOCH to the builddate of the original, or build a clean commit in a full clone so that "
        "abuild takes the time of the commit on both sides."
    )
    shows_in_commit = False

    def applies(self, evidence: Evidence) -> bool:
        return commits(evidence)[0] == commits(evidence)[1] and not any(is_dirty(evidence))


class Packager(Cause):
    name = "packager"
    title = "PACKAGER was another"
    advice = "Set PACKAGER in abuild.conf, or in the environment, to what the original's .PKGINFO says."
    kinds = _PKGINFO
    records = ("environment:PACKAGER",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 1.0 if hunk.name == "packager" else 0.0


class _Comment(Cause):
    kinds = frozenset(("comment",))
    pattern: ClassVar[Pattern]

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        sides = [side for side in (hunk.before, hunk.after) if side]
        return 0.95 if sides and all(self.pattern.match(side) for side in sides) else 0.0


class AbuildVersion(_Comment):
    name = "abuild-version"
    title = "another version of abuild made the package"
    advice = "Build with the abuild that the comment `Generated by` of the original names."
    pattern = Pattern(rb"# Generated by ")
    records = ("condition:abuild", "installed:abuild")


class FakerootVersion(_Comment):
    name = "fakeroot-version"
    title = "another fakeroot was used, or none"
    advice = "Install the fakeroot that the original's comment names, or build as it was built (root -F uses none)."
    pattern = Pattern(rb"# using fakeroot")
    records = ("installed:fakeroot", "tool:fakeroot", "condition:flags")


class DatedComment(_Comment):
    name = "dated-comment"
    title = "abuild before 3.13 writes the time of the build into a comment"
    advice = "Use abuild 3.13 or newer, which writes no date; the comment changes nothing of what is installed."
    pattern = Pattern(rb"# (Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")


class SizeByDu(Cause):
    name = "size-by-du"
    title = "`size` counts disk blocks on one side: abuild before 3.15 asks du"
    advice = "Use abuild 3.15 or newer, or `normalize --handlers size`: it writes the sum of the files."
    kinds = _PKGINFO
    records = ("condition:abuild", "installed:abuild")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name != "size":
            return 0.0
        values = [int(side) for side in (hunk.before, hunk.after) if side.isdigit()]
        return 0.95 if len(values) == 2 and any(value % _BLOCK == 0 for value in values) else 0.0


class Trigger(Cause):
    name = "trigger"
    title = "what apk runs when files of other packages change, or for which folders, was changed"
    advice = "Compare `triggers` and the trigger's script in the aport at the two commits."
    kinds = frozenset(("script", "pkginfo"))
    records = ("input", "source:commit")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "script":
            return 0.9 if hunk.name == ".trigger" else 0.0
        return 0.9 if hunk.name == "triggers" and hunk.before != hunk.after else 0.0


class InstallScript(Cause):
    name = "install-script"
    title = "a script that apk runs was changed"
    advice = "Compare the scripts of the aport at the two commits: what a script does is never told by its package."
    kinds = frozenset(("script",))
    records = ("input", "source:commit")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.8


class SigningKey(Cause):
    name = "signing-key"
    title = "the two are signed by different keys, or one is not signed"
    advice = (
        "Nothing has to be mended: no rebuilder has the original's key. `signature graft` puts the original's "
        "signature on a rebuild whose control segment is the same."
    )
    kinds = frozenset(("signature",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 1.0


CAUSES: Final[tuple[Cause, ...]] = (
    DirtyTree(),
    NoGit(),
    OtherCommit(),
    EpochRule(),
    Packager(),
    AbuildVersion(),
    FakerootVersion(),
    DatedComment(),
    SizeByDu(),
    Trigger(),
    InstallScript(),
    SigningKey(),
)
