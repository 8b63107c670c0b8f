"""Causes that show in archives and images inside packages."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain import role
from buildinfo.verify.explain.cause import Cause, Masked, TextCause
from buildinfo.verify.explain.dissect.text import SOME
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.literal import sorted_members
from buildinfo.verify.explain.pattern import Pattern


class ArMetadata(Cause):
    name = "ar-metadata"
    title = "a static library holds times, owners or modes of its members"
    advice = (
        "Let ar work deterministically (`ar D`, `ranlib -D`, the default of Alpine's binutils); `normalize` "
        "clears them."
    )
    kinds = frozenset(("ar",))
    records = ("installed:binutils", "tool:ar", "environment:ARFLAGS")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name in ("mtime", "uid", "gid", "mode") else 0.0


class ZipTimes(Cause):
    name = "zip-times"
    title = "a zip archive or jar holds the times of its members"
    advice = "Give members SOURCE_DATE_EPOCH, zip with `TZ=UTC zip -X`, or `jar --date`; `normalize` lowers them."
    kinds = frozenset(("zip",))
    records = ("condition:zone",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name == "extra times":
            return 0.95 if hunk.before and hunk.after else 0.0
        return 0.95 if hunk.name == "time" else 0.0


class ZipMetadata(Cause):
    name = "zip-metadata"
    title = "a zip archive or jar holds owners, permissions or extra fields of its members, or was written otherwise"
    advice = "Zip with `zip -X` after a chmod of what goes in, with the same program on both sides."
    kinds = frozenset(("zip",))
    records = ("condition:umask", "installed", "tool:zip", "tool:jar")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.8 if hunk.name in ("owner", "extra", "attributes", "system", "version", "flags", "method") else 0.0


class MemberMode(Cause):
    name = "member-mode"
    title = "members of an archive inside the package lack permissions that a umask takes, or have them"
    advice = "Set the umask (`umask 022`) before files are made, or the modes (`tar --mode=go=rX`) where it is packed."
    kinds = frozenset(("zip", "tar", "cpio"))
    records = ("condition:umask",)

    _TAKEN: Final = 0o066
    """What a umask takes from whom; that a file may be run, by whom, and as whom is no matter of it."""

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name != "mode":
            return 0.0
        try:
            old, new = int(hunk.before, 8), int(hunk.after, 8)
        except ValueError:
            return 0.0
        changed, folder = old ^ new, old & 0o170000 == 0o040000
        taken = self._TAKEN | (0o011 if folder else 0)
        return 0.9 if changed and not changed & ~taken else 0.0


class TarMetadata(Cause):
    name = "tar-metadata"
    title = "a tar archive inside the package holds times or owners of the build"
    advice = (
        'Pack with `tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner '
        "--mode=go=rX,u+rw --format=ustar`."
    )
    kinds = frozenset(("tar",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.9 if hunk.name in ("mtime", "uid", "gid", "uname", "gname", "size") else 0.0


class CpioMetadata(Cause):
    name = "cpio-metadata"
    title = "a cpio archive such as an initramfs holds times, inode and device numbers, or owners"
    advice = (
        "Sort what goes in, `touch -hd @$SOURCE_DATE_EPOCH` it, and pack with `cpio --reproducible -R 0:0`; "
        "`normalize` clears them."
    )
    kinds = frozenset(("cpio",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        # `dev` is where the member lay; `rdev` is what a node opens.
        return 0.95 if hunk.name in ("mtime", "ino", "devmajor", "devminor", "uid", "gid") else 0.0


class JarManifest(Cause):
    name = "jar-manifest"
    title = "the manifest of a jar names who built it, when, and with which Java"
    advice = (
        "Drop Built-By, Bnd-LastModified and the like (maven: project.build.outputTimestamp), and build with one JDK; "
        "`normalize` drops the first two."
    )
    kinds = frozenset(("text",))
    records = ("installed", "tool:java", "tool:javac", "observation")

    _KEY: Final = Pattern(
        rb"(Built-By|Created-By|Build-Jdk(-Spec)?|Bnd-LastModified|Build-(Time|Date|Timestamp|Host|OS|Number)|"
        rb"Build(ed|t)?-?(On|At|Host|Time)|Originally-Created-By|Ant-Version|Tool|"
        rb"Implementation-Build-(Date|Time))\s*: ",
        re.IGNORECASE,
    )

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if not hunk.where.endswith("MANIFEST.MF"):
            return 0.0
        keys = [self._KEY.match(side) for side in (hunk.before, hunk.after) if side]
        return 0.95 if keys and all(keys) else 0.0


class PngDate(Cause):
    name = "png-date"
    title = "an image holds the time it was written"
    advice = (
        "Write images without dates (ImageMagick: `-define png:exclude-chunks=date,time`); `normalize` removes them."
    )
    kinds = frozenset(("png",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name == "tIME":
            return 0.95
        name = hunk.name.removeprefix("text:").lower()
        return 0.95 if name != hunk.name and ("date" in name or "time" in name) else 0.0


class MoDate(Cause):
    name = "mo-date"
    title = "compiled translations hold the date of their template or of their last change"
    advice = (
        "The date comes from the .po file that was regenerated in the build: do not run `make update-po`, or set "
        "POT-Creation-Date from SOURCE_DATE_EPOCH; `normalize` lowers later dates."
    )
    kinds = frozenset(("mo",))

    _DATE: Final = Pattern(
        rb"\s*(?:\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?\s?(?:[+-]\d{4}|[A-Z]{1,5})?|YEAR-MO-DA HO:MI\+ZONE)\s*"
    )

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name not in ("POT-Creation-Date", "PO-Revision-Date"):
            return 0.0
        return 0.95 if all(self._DATE.fullmatch(side) for side in (hunk.before, hunk.after) if side) else 0.0


class BuildOrder(Cause):
    name = "readdir-order"
    title = "the same pieces stand in another order: that of a folder, or of jobs that ran side by side"
    advice = (
        "Sort what comes from a folder (`find ... | sort`, LC_ALL=C, $(sort $(wildcard ...))), and write results "
        "in the order of the input and not as jobs end; `make -j1` shows whether it is the jobs."
    )
    kinds = frozenset(("order",))
    records = ("condition:jobs",)

    _PATH: Final = Pattern(rb"(?:[0-9a-f]{32,128} [ *]?)?[\w.@+-]*(?:/[\w.@+~-]+)+/?")
    _LOADED: Final = Pattern(rb"\.(?:jar|so(?:\.\d+)*|ko|conf|cfg|sh|repo)$")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name.startswith("members:") or hunk.name in ("symbols", "sections", "nodes"):
            return 0.9
        if hunk.name not in ("lines", SOME) or role.of(hunk) != "other":
            return 0.0
        # A list of files says nothing by its order, unless somebody loads them one after the other.
        lines = hunk.before.split(b"\n")
        named = all(self._PATH.fullmatch(line) and not self._LOADED.search(line) for line in lines if line)
        return 0.8 if named and sorted(lines) == sorted(hunk.after.split(b"\n")) else 0.0


class ZipOrder(Cause):
    name = "zip-order"
    title = "the members of a zip archive or jar stand in another order"
    advice = (
        "Sort the list of what goes in: `find . -type f | LC_ALL=C sort | zip -X@`; `normalize --handlers "
        "zip` sorts them."
    )
    kinds = frozenset(("order",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name == "members:zip" else 0.0


class HashSeedOrder(TextCause):
    name = "hash-seed-order"
    title = "sets or dictionaries were written in the order of their hashes, which every process has its own of"
    advice = (
        "Sort before writing (json.dumps(sort_keys=True), sorted(set)), or export PYTHONHASHSEED=0, "
        "PERL_HASH_SEED=0 for the build."
    )
    kinds = frozenset(("order", "text", "string"))
    certainty = 0.85
    records = ("environment:PYTHONHASHSEED", "environment:PERL_HASH_SEED")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "order":
            return self.certainty if hunk.name in ("members", "entries", "set") else 0.0
        return super().weigh(hunk, evidence)

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        old, new = sorted_members(before), sorted_members(after)
        return (old, new) if old == new else (before, after)


CAUSES: Final[tuple[Cause, ...]] = (
    ArMetadata(),
    ZipTimes(),
    ZipMetadata(),
    MemberMode(),
    TarMetadata(),
    CpioMetadata(),
    JarManifest(),
    PngDate(),
    MoDate(),
    ZipOrder(),
    HashSeedOrder(),
    BuildOrder(),
)
