"""Causes that show in what the archive says of files: owners, modes, times, links, and that they are there."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk

_METADATA: Final = frozenset(("metadata",))


_NAMES: Final = {"uid": "uname", "gid": "gname", "uname": "uname", "gname": "gname"}


class OwnerIds(Cause):
    name = "owner-ids"
    title = "users or groups of the same names have other numbers on the two machines"
    advice = (
        "Name the aport's users in pkgusers and pkggroups: abuild 3.13 and newer write 0; apk goes by the names that "
        "the system has."
    )
    kinds = _METADATA
    records = ("condition:abuild", "installed:abuild")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name in ("uid", "gid") and not evidence.differs_at(hunk.file, _NAMES[hunk.name]) else 0.0


class OwnerNames(Cause):
    name = "owner-names"
    title = "the names of owners are missing on one side, or numbers stand for them"
    advice = (
        "Unset TAR_OPTIONS (--numeric-owner), and build under fakeroot with the aport's users in pkgusers and "
        "pkggroups: apk looks owners up by name."
    )
    kinds = _METADATA
    records = ("taint", "condition:flags")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name not in ("uname", "gname"):
            return 0.0
        missing = [not side or side.isdigit() for side in (hunk.before, hunk.after)]
        return 0.95 if missing[0] != missing[1] else 0.0


class Owner(Cause):
    name = "owner"
    title = "a file belongs to another user or group"
    advice = (
        "Look for chown and install -o in package(), and for a build without fakeroot: the owner is what gets "
        "installed."
    )
    kinds = _METADATA
    records = ("taint", "condition:flags", "input:APKBUILD")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name in ("uname", "gname"):
            return 0.9
        return 0.9 if hunk.name in ("uid", "gid") and evidence.differs_at(hunk.file, _NAMES[hunk.name]) else 0.0


class FileTimes(Cause):
    name = "file-times"
    title = "files have other times although both packages state the same time of build"
    advice = "Use abuild 3.5 or newer, which gives every file SOURCE_DATE_EPOCH; `normalize --handlers times` does too."
    kinds = _METADATA

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name in ("atime", "ctime"):  # a dialect with them writes 0 where there is none
            return 0.92 if b"0" not in (hunk.before, hunk.after) else 0.0
        if hunk.name != "mtime":
            return 0.0
        return 0.5 if evidence.differs("builddate") else 0.95


class Mode(Cause):
    name = "mode"
    title = "a file has other permissions"
    advice = (
        "Set the mode with `install -m` in package(). Permissions that only lack bits come from the umask of whatever "
        "copied the file; a gained setuid or setgid bit has to be looked at."
    )
    kinds = _METADATA
    records = ("condition:umask", "input:APKBUILD")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.9 if hunk.name == "mode" else 0.0


class Xattr(Cause):
    name = "xattr"
    title = "a file has another extended attribute, such as a capability"
    advice = (
        "Capabilities are set with setcap in package(), behind whatever rewrites the file: a build as root with -F "
        "loses them when files are stripped. Other attributes come from the file system: remove them."
    )
    kinds = _METADATA
    records = ("condition:flags", "installed:fakeroot")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name == "xattr" else 0.0


class MissingFile(Cause):
    name = "missing-file"
    title = "the rebuild lacks a file of the original"
    advice = (
        "Compare the logs: a feature was not found or a step failed unseen; abuild ignores errors of tar, too. What a "
        "file depends on belongs into makedepends."
    )
    kinds = frozenset(("presence",))
    records = ("installed", "tool")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.88 if hunk.before and not hunk.after else 0.0


class ExtraFile(Cause):
    name = "extra-file"
    title = "the rebuild has a file that the original lacks"
    advice = (
        "Compare the logs: the rebuild found a feature, or left something behind in $pkgdir. Switch off what "
        "should not be found."
    )
    kinds = frozenset(("presence",))
    records = ("installed", "tool")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.88 if hunk.after and not hunk.before else 0.0


class LinkTarget(Cause):
    name = "link-target"
    title = "a symbolic link leads elsewhere"
    advice = "Make links relative and by hand in package(): `ln -s` of a found path leads into the folder of the build."
    kinds = frozenset(("target", "tar"))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.9 if hunk.name == "target" else 0.0


class FileType(Cause):
    name = "file-type"
    title = "a path is another kind of file: a hard link, a copy, a symbolic link, a device"
    advice = "Look for `ln` or `cp -l` that fall back to copying, and for tools that link equal files, such as rdfind."
    kinds = frozenset(("type", "device", "metadata", "framing"))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind in ("type", "device"):
            return 0.95
        return 0.97 if hunk.name in ("mode", "link", "xattr") and evidence.differs_at(hunk.file, "type") else 0.0


CAUSES: Final[tuple[Cause, ...]] = (
    OwnerIds(),
    OwnerNames(),
    Owner(),
    FileTimes(),
    Mode(),
    Xattr(),
    MissingFile(),
    ExtraFile(),
    LinkTarget(),
    FileType(),
)
