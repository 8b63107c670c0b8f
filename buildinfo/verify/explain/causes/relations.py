"""Causes that show in what a package depends on and provides, and in its description."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_PKGINFO: Final = frozenset(("pkginfo",))
_SHARED_OBJECT: Final = Pattern(rb"!?so:[^\n=<>~]+")
_VERSIONED: Final = Pattern(rb"^([^\n=<>~]+)([=<>~]+)([^\n]+)$")


class LocaleOrder(Cause):
    name = "locale-order"
    title = "the same relations stand in another order: `sort` follows the locale"
    advice = "Build with LC_ALL=C (or unset): a locale such as en_US or tr_TR sorts provides and depend otherwise."
    kinds = _PKGINFO
    records = ("condition:locale",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.before != hunk.after or b"\n" not in hunk.before or hunk.name not in ("depend", "provides"):
            return 0.0
        # What abuild found by itself it sorts; what stands above is in the order of the APKBUILD.
        found = [_detected(info.raw, hunk.name) for info in (evidence.original, evidence.rebuilt)]
        return 1.0 if found[0] != found[1] and any(_is_sorted(side) for side in found) else 0.0


_RELATIONS: Final = frozenset(("pkginfo", "string"))


class SharedObject(Cause):
    name = "so-dependency"
    title = "a dependency on a shared library was gained or lost"
    advice = (
        "A library was found on one side only: compare the installed packages and the output of configure; name what "
        "the build needs in makedepends, and switch off what it should not find."
    )
    kinds = _RELATIONS
    records = ("installed",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "string":
            return _as_relation(self, hunk, evidence)
        return _only_libraries(hunk) if hunk.name == "depend" else 0.0


class SharedObjectProvided(Cause):
    name = "so-provided"
    title = "a shared library is provided on one side only, or under another name"
    advice = (
        "Compare what the two builds installed in the library folders: the library was not built, renamed, or "
        "versioned anew."
    )
    kinds = _RELATIONS
    records = ("installed", "input")

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "string":
            return _as_relation(self, hunk, evidence)
        return _only_libraries(hunk) if hunk.name == "provides" else 0.0


class DependencyDrift(Cause):
    name = "dependency-drift"
    title = "the packages that it was built with had other versions"
    advice = "Install the build dependencies in the versions that the original's record names."
    kinds = _RELATIONS
    records = ("installed",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind == "string":
            return _as_relation(self, hunk, evidence)
        if hunk.name not in ("depend", "provides", "install_if") or hunk.before == hunk.after:
            return 0.0
        if evidence.differs("pkgver"):
            return 0.0
        gone, come = _names(hunk.before), _names(hunk.after)
        if gone and gone == come:
            return 0.9 if _is_written_by_abuild(hunk) else 0.0
        if hunk.name == "provides":
            return 0.0
        libraries = {name for name in gone | come if _SHARED_OBJECT.fullmatch(name)}
        stems = [{_stem(name) for name in side} for side in (gone, come)]
        return 0.9 if libraries == gone | come and stems[0] == stems[1] and gone and come else 0.0


class OtherPackage(Cause):
    name = "other-package"
    title = "the two are not builds of one package and version: pkgname, pkgver or pkgrel is another"
    advice = "Compare packages of the same name, version and release."
    kinds = _PKGINFO

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name in ("pkgname", "pkgver"):
            return 1.0
        follows = hunk.name in ("depend", "provides") and hunk.before != hunk.after and evidence.differs("pkgver")
        return 0.8 if follows and _names(hunk.before) == _names(hunk.after) else 0.0


class RecipeEdited(Cause):
    name = "recipe-edited"
    title = "the APKBUILD was edited and pkgrel was not raised"
    advice = "Compare the two commits of the aport; raise pkgrel with every change that reaches the package."
    kinds = _PKGINFO
    records = ("input:APKBUILD", "source:commit")

    _WRITTEN: ClassVar = frozenset(
        {"pkgdesc", "url", "license", "maintainer", "replaces", "provides", "depend", "install_if"}
        | {"provider_priority", "replaces_priority", "origin", "arch"}
    )

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.name not in self._WRITTEN or (hunk.before == hunk.after and b"\n" in hunk.before):
            return 0.0
        if hunk.name in ("depend", "provides"):
            traced = [line for side in (hunk.before, hunk.after) for line in side.split(b"\n") if _is_traced(line)]
            return 0.0 if traced else 0.6
        return 0.9 if hunk.name in ("pkgdesc", "url", "license", "maintainer") else 0.8


def _as_relation(cause: Cause, hunk: Hunk, evidence: Evidence) -> float:
    """The weight of a library that a program needs, or is, where the relation that abuild made of it has this cause."""
    if hunk.name != ".dynstr":
        return 0.0
    for key in ("depend", "provides"):
        old, new = ({line.encode() for line in side.all(key)} for side in (evidence.original, evidence.rebuilt))
        gone, come = (b"\n".join(sorted(lines)) for lines in (old - new, new - old))
        moved = _names(gone) | _names(come)
        texts = [b"so:" + side for side in (hunk.before, hunk.after) if side]
        if texts and all(text in moved for text in texts):
            return cause.weigh(Hunk("pkginfo", key, gone, come), evidence)
    return 0.0


def _only_libraries(hunk: Hunk) -> float:
    """The weight of relations that were gained or lost, where all of them are shared libraries."""
    moved = _names(hunk.before) ^ _names(hunk.after)
    return 0.9 if moved and all(_SHARED_OBJECT.fullmatch(name) for name in moved) else 0.0


def _is_sorted(values: list[bytes]) -> bool:
    """Whether those of each kind (so:, cmd:, pc:) are sorted bytewise, as in the C locale."""
    kinds: dict[bytes, list[bytes]] = {}
    for value in values:
        kinds.setdefault(value.partition(b":")[0] if b":" in value else b"", []).append(value)
    # abuild sorts before it adds the versions.
    return all(kind in (sorted(kind), sorted(kind, key=_name)) for kind in kinds.values())


def _name(value: bytes) -> bytes:
    return value.partition(b"=")[0]


def _detected(raw: bytes, key: str) -> list[bytes]:
    """The values of a key that abuild found by itself, in their order; all of them where no comment parts them."""
    part = raw.rpartition(b"# automatically detected:")[2]
    start = key.encode() + b" = "
    return [line.removeprefix(start) for line in part.split(b"\n") if line.startswith(start)]


def _is_written_by_abuild(hunk: Hunk) -> bool:
    """Whether relations are such as abuild finds or fills in: traced ones, and packages in one version exactly."""
    lines = [line for side in (hunk.before, hunk.after) for line in side.split(b"\n") if line]
    operators = {match[2] for line in lines if (match := _VERSIONED.match(line))}
    return all(map(_is_traced, lines)) or operators in ({b"="}, {b"~"})


def _is_traced(line: bytes) -> bool:
    """Whether abuild finds such a relation by itself: libraries, programs, pkg-config and Python modules."""
    return line.startswith((b"so:", b"cmd:", b"pc:", b"py3.", b"dlopen:"))


def _names(side: bytes) -> set[bytes]:
    """The names of relations, without the versions that are asked for."""
    found = set()
    for line in side.split(b"\n"):
        match = _VERSIONED.match(line)
        found.add(match[1] if match else line)
    return found - {b""}


def _stem(name: bytes) -> bytes:
    """A shared library without the numbers of its version: so:libfoo.so.3 and so:libfoo.so.4."""
    return re.sub(rb"[.\d]+$", b"", re.sub(rb"-[\d.]+\.so", b".so", name))


CAUSES: Final[tuple[Cause, ...]] = (
    LocaleOrder(),
    DependencyDrift(),
    SharedObject(),
    SharedObjectProvided(),
    OtherPackage(),
    RecipeEdited(),
)
