"""Causes that show in headers and trailers of binary files: times, identifiers, signatures."""

from __future__ import annotations

from typing import ClassVar, Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk

_FIELD: Final = frozenset(("field",))


class _Field(Cause):
    """A field at a place that its format knows."""

    kinds = _FIELD
    fields: ClassVar[frozenset[str]]

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95 if hunk.name in self.fields else 0.0


class PeTime(_Field):
    name = "pe-time"
    title = "an EFI or Windows program holds the time it was linked"
    advice = (
        "Link with -Wl,--no-insert-timestamp (binutils), /Brepro or /timestamp:0 (lld-link), or export "
        "SOURCE_DATE_EPOCH, which newer binutils write; objcopy copies the time that it finds."
    )
    fields = frozenset(("pe:time",))
    records = ("epoch", "environment:SOURCE_DATE_EPOCH", "environment:LDFLAGS")


class FontTime(_Field):
    name = "font-time"
    title = "a font holds the time it was made"
    advice = (
        "Export SOURCE_DATE_EPOCH where fonttools, fontmake or FontForge run; with fontTools pass "
        "`recalcTimestamp=False` to keep the time of the source."
    )
    fields = frozenset(("font:time",))
    records = ("epoch", "environment:SOURCE_DATE_EPOCH")


class FileSystemImage(_Field):
    name = "filesystem-image"
    title = "an image of a file system or CD holds the time it was made, or an identifier that was drawn"
    advice = (
        "Export SOURCE_DATE_EPOCH, which xorriso, mksquashfs and mkfs.fat follow, after a `touch -d "
        "@$SOURCE_DATE_EPOCH` of what goes in; pass a fixed identifier (mkfs.fat -i, or --invariant)."
    )
    fields = frozenset(("iso9660:time", "squashfs:time", "fat:id"))
    records = ("epoch", "environment:SOURCE_DATE_EPOCH")


class ResourceTime(_Field):
    name = "resource-time"
    title = "compiled resources hold the times of their files"
    advice = (
        "Compile with `rcc --format-version 1`, which writes no times, or give the files SOURCE_DATE_EPOCH before; "
        "newer rcc takes it from QT_RCC_SOURCE_DATE_OVERRIDE."
    )
    fields = frozenset(("rcc:time",))
    records = ("epoch", "environment:QT_RCC_SOURCE_DATE_OVERRIDE")


class DatabaseId(_Field):
    name = "database-id"
    title = "a Berkeley DB file holds an identifier that was drawn when it was made"
    advice = "Make the database when the package is installed, or write it in a format without such an identifier."
    fields = frozenset(("berkeley-db:id",))


class FileSignature(Cause):
    name = "file-signature"
    title = "a file inside the package is signed by another key, or on one side only; what is signed is told beside it"
    advice = (
        "No rebuilder has the key. Compare what is signed; sign modules and EFI programs behind the build and ship the "
        "signatures apart, or give the rebuild the original's signatures (CONFIG_MODULE_SIG_KEY, sbattach)."
    )
    kinds = frozenset(("file signature",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.95


CAUSES: Final[tuple[Cause, ...]] = (
    PeTime(),
    FontTime(),
    FileSystemImage(),
    ResourceTime(),
    DatabaseId(),
    FileSignature(),
)
