"""All that is known of two packages when causes are looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.verify.explain.effort import Effort
from buildinfo.verify.files import Files
from buildinfo.verify.found import Found
from buildinfo.verify.report import RecordDelta

if TYPE_CHECKING:
    from buildinfo.model import BuildInfo


@dataclass(frozen=True)
class Records:
    """The buildinfos of the two builds, and in what they differ."""

    original: BuildInfo
    rebuilt: BuildInfo
    deltas: list[RecordDelta] = field(default_factory=list)

    def differing(self, table: str, *names: str) -> list[RecordDelta]:
        """The deltas of one table, of these names or of all."""
        return [delta for delta in self.deltas if delta.table == table and (not names or delta.name in names)]


class Evidence:
    """What a cause may ask about.

    Attributes:
        original, rebuilt: the descriptions of the two packages.
        found: all their differences.
        files: the content of differing files; None where only signatures differ.
        records: the buildinfos, where they are known.
        effort: what may still be unpacked to look for causes.
    """

    def __init__(
        self, original: PkgInfo, rebuilt: PkgInfo, found: list[Found], files: Files | None, records: Records | None
    ) -> None:
        self.original = original
        self.rebuilt = rebuilt
        self.found = found
        self.files = files
        self.records = records
        self.effort = Effort() if files is None else Effort(files.effort)
        self._differing: dict[str, bool] = {}

    def values(self, key: str) -> tuple[str | None, str | None]:
        """A key of .PKGINFO on both sides."""
        return self.original.get(key), self.rebuilt.get(key)

    @cached_property
    def commits(self) -> tuple[str, str]:
        """The commits of both sides, `-dirty` behind those of a changed tree; empty where there is none."""
        old, new = (value or "" for value in self.values("commit"))
        return old, new

    def differs(self, key: str) -> bool:
        """Whether a key of .PKGINFO has other values; asked for every hunk, and looked up once."""
        if key not in self._differing:
            self._differing[key] = self.original.all(key) != self.rebuilt.all(key)
        return self._differing[key]

    @property
    def builddates(self) -> tuple[int | None, int | None]:
        """When the two were built, by their own account: seconds since 1970."""
        return self.original.builddate, self.rebuilt.builddate

    @cached_property
    def layers(self) -> frozenset[str]:
        """The layers in which they differ."""
        return frozenset(found.difference.layer for found in self.found)

    @cached_property
    def times(self) -> int:
        """How many times of files differ."""
        return sum(found.difference.layer == "metadata" and found.difference.field == "mtime" for found in self.found)

    def differs_at(self, path: str, field: str) -> bool:
        """Whether a field differs of a file of the package."""
        return field in self._fields.get(path, ())

    @cached_property
    def _fields(self) -> dict[str, set[str]]:
        """The differing fields of each file."""
        fields: dict[str, set[str]] = {}
        for found in self.found:
            if found.difference.path and found.difference.field:
                fields.setdefault(found.difference.path, set()).add(found.difference.field)
        return fields
