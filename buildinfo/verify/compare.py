"""Two packages, entry by entry: every difference, and the strongest verdict that each allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from buildinfo.apk.framing import GzipHeader
from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.reads.info import read_info
from buildinfo.apk.segments import Segment
from buildinfo.apk.v2 import SCRIPTS
from buildinfo.verify.contents import Contents, Entry, Key
from buildinfo.verify.entries import Same, control_entries, data_entries, is_spelled_otherwise
from buildinfo.verify.found import DIFFERENT, NORMALIZED, PAYLOAD, Found, differing, in_lines, shown
from buildinfo.verify.installed import info_differences, installed_differences, refused_differences
from buildinfo.verify.report import Difference, readable, sha256_of
from buildinfo.verify.signatures import signature_differences
from buildinfo.verify.verdict import Verdict

RELATIONS: Final = frozenset(
    ("depend", "provides", "replaces", "install_if", "provider_priority", "replaces_priority", "pkgname", "pkgver")
)
"""Keys of .PKGINFO that decide what apk installs together; a package provides its own name and version."""
EXECUTED: Final = frozenset(("triggers",))
"""Keys of .PKGINFO that decide what apk runs."""
LAST: Final = frozenset(("triggers", "pkgname", "pkgver", "provider_priority", "replaces_priority", "size"))
"""Keys of .PKGINFO of which only the last value counts for apk."""


def compare(original: Contents, rebuilt: Contents, same_normalized: Same) -> list[Found]:
    """Every difference of two packages, those of the signatures first, those of files last."""
    sides = ((side.package.signatures, side.package.signature_segments) for side in (original, rebuilt))
    found = signature_differences(*sides)
    result = [Found(difference, "identical-unsigned") for difference in found]
    result += refused_differences(original.package.refused, rebuilt.package.refused)
    for name, old, new in _segments(original, rebuilt):
        result += _framing(name, old, new)
    info = list(_pkginfo(original, rebuilt))
    told = {
        "control": [
            *info,
            *info_differences(original, rebuilt, info),
            *_scripts(original, rebuilt),
            *_control_order(original, rebuilt),
            *control_entries(original, rebuilt),
            *_archive("control", original, rebuilt),
        ],
        "data": [
            *_order(original, rebuilt),
            *_archive("data", original, rebuilt),
            *data_entries(original, rebuilt, same_normalized),
        ],
    }
    told["data"] += installed_differences(original, rebuilt, told["data"])
    for name, old, new in _segments(original, rebuilt):
        if old.tar_sha256 != new.tar_sha256 and not told[name]:  # what is not understood is not the same
            result.append(differing("framing", None, "bytes", "one", "another", DIFFERENT, about=name, apart=False))
        result += told[name]
    return result


def _segments(original: Contents, rebuilt: Contents) -> Iterator[tuple[str, Segment, Segment]]:
    yield "control", original.package.control, rebuilt.package.control
    yield "data", original.package.data, rebuilt.package.data


def relations_changed(found: list[Found]) -> bool:
    """Whether a relation has other values, and not only in another order."""
    return any(
        entry.difference.layer == "control" and entry.difference.field in RELATIONS and entry.before != entry.after
        for entry in found
    )


# Framing: the gzip members.


def _framing(name: str, before: Segment, after: Segment) -> Iterator[Found]:
    if before.gzip != after.gzip:
        yield differing("framing", None, "gzip", _gzip(before.gzip), _gzip(after.gzip), NORMALIZED, about=name)
    elif before.tar_sha256 == after.tar_sha256 and before.sha256 != after.sha256:
        sizes = f"{before.size} bytes", f"{after.size} bytes"
        yield differing("framing", None, "compression", *sizes, NORMALIZED, about=name)


def _gzip(header: GzipHeader) -> str:
    words = [f"time {header.mtime}", f"level byte {header.xfl}", f"system {header.os}"]
    if header.flags:
        words.append(f"flags {header.flags}, optional fields {header.raw[10:].hex()[:60]}")
    return ", ".join(words)


# Control: .PKGINFO and scripts.


def _pkginfo(original: Contents, rebuilt: Contents) -> Iterator[Found]:
    old, new = original.pkginfo, rebuilt.pkginfo
    if old.raw == new.raw:
        return
    nothing = True
    values = _by_key(old), _by_key(new)
    for key in values[0] | values[1]:
        before, after = (tuple(side.get(key, ())) for side in values)
        lasts = (_last(old, key), _last(new, key)) if key in LAST else ("", "")
        if before == after and lasts[0] == lasts[1]:
            continue
        nothing = False
        if sorted(before) == sorted(after) and lasts[0] != lasts[1]:
            yield differing("control", None, key, *lasts, _key_gravity(key, original, rebuilt), about="what counts")
        elif sorted(before) == sorted(after):
            detail = f"the {len(before)} values stand in another order"
            difference = Difference(
                layer="control",
                path=None,
                field=readable(key),
                detail=detail,
                original=in_lines(list(before)),
                rebuilt=in_lines(list(after)),
            )
            text = "\n".join(sorted(before))
            yield Found(difference, PAYLOAD, None, text, text)
        else:
            yield _key(key, before, after, _key_gravity(key, original, rebuilt))
    if old.comments != new.comments:
        nothing = False
        gone, come = _multiset(old.comments, new.comments)
        yield Found(
            Difference(
                layer="control",
                path=None,
                field="#comment",
                detail=_list(gone, come),
                original=in_lines(gone),
                rebuilt=in_lines(come),
            ),
            PAYLOAD,
            None,
            "\n".join(gone),
            "\n".join(come),
        )
    if nothing:
        detail = "the same lines stand in another order, or with other blanks"
        yield Found(Difference(layer="control", path=None, field=None, detail=detail), PAYLOAD)


def _by_key(info: PkgInfo) -> dict[str, list[str]]:
    """All values of each key, in the order in which the keys stand first."""
    values: dict[str, list[str]] = {}
    for key, value in info.entries:
        values.setdefault(key, []).append(value)
    return values


def _last(info: PkgInfo, key: str) -> str:
    """The value of a key that apk takes; it passes over a line without a blank behind the `=`."""
    lines = info.raw.decode("utf-8", "surrogateescape").split("\n")
    start = f"{key} = "
    return next((line.removeprefix(start) for line in reversed(lines) if line.startswith(start)), "")


def _key(key: str, before: tuple[str, ...], after: tuple[str, ...], gravity: Verdict) -> Found:
    gone, come = _multiset(before, after)
    texts = "\n".join(gone), "\n".join(come)
    detail = f"{shown(gone[0])} -> {shown(come[0])}" if len(gone) == len(come) == 1 else _list(gone, come)
    difference = Difference(
        layer="control",
        path=None,
        field=readable(key),
        detail=detail,
        original=in_lines(gone),
        rebuilt=in_lines(come),
    )
    return Found(difference, gravity, None, *texts)


def _key_gravity(key: str, original: Contents, rebuilt: Contents) -> Verdict:
    if key in EXECUTED:
        return DIFFERENT
    if key == "datahash":  # it follows from the data segment, whose differences are found there
        return NORMALIZED
    if key == "size" and read_info(original.pkginfo.raw).unpacks != read_info(rebuilt.pkginfo.raw).unpacks:
        return DIFFERENT  # apk does not unpack what states that it takes no room
    if key == "size" and original.pkginfo.size is not None and rebuilt.pkginfo.size is not None:
        # Normalizing writes the sum of the files; what changes that sum is found in the data segment.
        return NORMALIZED
    return PAYLOAD


def _multiset(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """What only the first and what only the second holds, in order."""
    old, new = Counter(before), Counter(after)
    return list((old - new).elements()), list((new - old).elements())


def _list(gone: list[str], come: list[str]) -> str:
    words = [f"-{shown(value)}" for value in gone] + [f"+{shown(value)}" for value in come]
    rest = len(words) - 8
    return ", ".join(words[:8]) + (f" and {rest} more" if rest > 0 else "")


def _scripts(original: Contents, rebuilt: Contents) -> Iterator[Found]:
    """Scripts and whatever else is a file of the control segment. What apk ignores is told apart in the detail only."""
    for name in sorted((original.scripts.keys() | rebuilt.scripts.keys()) - {".PKGINFO"}):
        old, new = original.scripts.get(name), rebuilt.scripts.get(name)
        if old == new:
            continue
        what = "script" if name in SCRIPTS else "file that apk ignores"
        if old is None or new is None:
            detail = f"{what}: only in the {'rebuild' if old is None else 'original'}"
        else:
            detail = f"{what}: {len(old)} -> {len(new)} bytes"
        texts = (None if body is None else body.decode("utf-8", "surrogateescape") for body in (old, new))
        difference = Difference(
            layer="control",
            path=readable(name),
            field=None,
            detail=detail,
            original=sha256_of(old),
            rebuilt=sha256_of(new),
        )
        yield Found(difference, DIFFERENT, (name, 0), *texts)


def _control_order(original: Contents, rebuilt: Contents) -> Iterator[Found]:
    """Nothing explains another order of the control segment, and normalizing leaves it."""
    for old, new in _first_moved(original.control, rebuilt.control):
        yield differing("framing", None, "order", old, new, DIFFERENT, about="control")


# The archive as a whole.


def _first_moved(before: dict[Key, Entry], after: dict[Key, Entry]) -> Iterator[tuple[str, str]]:
    """The first paths that stand at another place, among the entries of both sides; none where they stand alike."""
    old = (key for key in before if key in after)
    new = (key for key in after if key in before)
    yield from islice(((one[0], other[0]) for one, other in zip(old, new, strict=True) if one != other), 1)


def _order(original: Contents, rebuilt: Contents) -> Iterator[Found]:
    for old, new in _first_moved(original.entries, rebuilt.entries):
        # Of equal paths the last one stays, and a hard link is the file that its target is by then.
        gravity: Verdict = NORMALIZED if original.sortable() and rebuilt.sortable() else DIFFERENT
        yield differing("framing", None, "order", old, new, gravity, about="data")


def _archive(name: str, original: Contents, rebuilt: Contents) -> Iterator[Found]:
    """How the tar of a segment ends, and headers that say the same in other words."""
    segments = {key: (old, new) for key, old, new in _segments(original, rebuilt)}
    yield from _end(name, *segments[name])
    entries = (original.entries, rebuilt.entries) if name == "data" else (original.control, rebuilt.control)
    yield from _dialects(name, *entries)


def _end(name: str, old: Segment, new: Segment) -> Iterator[Found]:
    same_size = old.tar_size - old.trailer_size == new.tar_size - new.trailer_size
    if old.trailer_size != new.trailer_size and (same_size or 0 in (old.trailer_size, new.trailer_size)):
        gravity: Verdict = NORMALIZED if name == "data" else PAYLOAD
        sizes = f"{old.trailer_size} bytes", f"{new.trailer_size} bytes"
        yield differing("framing", None, "end", *sizes, gravity, about=name)


def _dialects(name: str, old: dict[Key, Entry], new: dict[Key, Entry]) -> Iterator[Found]:
    """Headers that say the same in other words: one difference for all entries of a segment."""
    spelled = [(old[key], new[key]) for key in old if key in new and is_spelled_otherwise(old[key], new[key])]
    if spelled:
        first, second = min((before.dialect, after.dialect) for before, after in spelled)
        normal = all(before.normal == after.normal for before, after in spelled)
        what = f"{name}: {len(spelled)} headers"
        yield differing("framing", None, "dialect", first, second, NORMALIZED if normal else PAYLOAD, about=what)
