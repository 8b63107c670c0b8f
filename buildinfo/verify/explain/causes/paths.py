"""Causes that show in paths: the folder of the build, and names that were drawn at random."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from buildinfo.verify.explain import role
from buildinfo.verify.explain.cause import MARK, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_PART: Final = Pattern(rb"([\s\"'`<>|;,()\[\]{}=:*\0]+)")
_FLAG: Final = Pattern(rb"(?:@|file://|-(?:[ILRBF]|isystem|include|iquote|idirafter|Wl|Wp))(?=/)")
_BUILD: Final = Pattern(
    rb"/(?:home|Users|root|builds?[\w-]*|tmp|temp|var/tmp|var/build[\w-]*|usr/src|usr/obj|workspace|work|workdir|src|mnt|srv|data|scratch|"
    rb"github|__w|aports|opt/build|nix/var|private|private/tmp|drone|go/src|app|project|code|run/build|run/user|dev/shm)(?:/|$)"
)
"""Where people, builders and continuous integration build."""
_PLACEHOLDER: Final = Pattern(rb"^//(?!/)|X{6}")
"""URLs, and what mkstemp fills in."""
_SYSTEM: Final = Pattern(
    rb"/(?:usr(?:/local)?(?:/(?:lib\w*|share|s?bin|include|libexec|etc|games|var)|(?=/?$))|etc|lib\w*|s?bin|boot|dev|proc|sys|run|"
    rb"opt|media|var/(?:lib|log|cache|run|spool|db|www|mail|empty|lock))(?:/|$)"
)
"""Where programs are installed and look for their files."""

Components = list[bytes]


class BuildPath(TextCause):
    name = "build-path"
    title = "the packages were built in different folders, and the path was written into a file"
    advice = (
        "Build with -ffile-prefix-map=$builddir=. (Rust: --remap-path-prefix, Go: -trimpath), keep run paths out "
        "(-DCMAKE_SKIP_BUILD_RPATH=ON, patchelf --remove-rpath), configure with relative paths; or build at the "
        "recorded path."
    )
    records = ("condition",)

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        debug = hunk.name.startswith((".debug", ".zdebug"))
        text = hunk.kind == "text"
        mended = not text or not role.is_settled(hunk)
        old, new = _PART.split(before), _PART.split(after)
        for first, second in _pairs(old, new):
            long = old[first].count(b"/") > 2 and not (text and _are_neighbors(old[first], new[second]))
            shared = _moved(old[first], new[second], folder=debug or long)
            # In a text, a single name at the end of two paths may be any folder of a program.
            if shared is None or _are_opened(hunk, old[:first], old[first], new[second], mended=mended):
                continue
            if not text or not shared or b"/" in shared or b"." in shared:
                old[first] = _flag(old[first]) + MARK + shared
                new[second] = _flag(new[second]) + MARK + shared
        return b"".join(old), b"".join(new)


def _are_opened(hunk: Hunk, ahead: list[bytes], before: bytes, after: bytes, *, mended: bool) -> bool:
    """Whether a program runs or reads what lies at a path: then it is no trace.

    Args:
        mended: whether a path without its folder may stand for one with it, as what maps paths writes them.
    """
    if not mended and not (_TREE.search(before) and _TREE.search(after)):
        return True
    return hunk.kind == "text" and role.is_settled(hunk) and not _flag(before) and bool(_RUN.search(b"".join(ahead)))


_TREE: Final = Pattern(
    rb"/(?:aports|src|builds?|pkg|_build|obj|workspace|work|workdir|BUILD|buildroot|abuild|__w|\.?cache|\.cargo|\.rustup|go|"
    rb"tmp\.\w{6,}|tmp\w{8}|[\w.+-]+-\d+(?:\.\d+)+\w*)(?:/|$)"
)
"""Folders of a tree that is built in."""
_RUN: Final = Pattern(
    rb"(?:^|[\n;&|`({!])\s*(?:then\s+|do\s+|else\s+)?(?:\w+=\S*\s+)*$|(?<![\w-])(?:exec|source|\.|eval|nohup|sudo|doas|setsid|command|env|"
    rb"nice|time|sh|bash|python3?|perl|ruby|node|java|load\w*|include\w*|plugin\w*|preload\w*|import|require\w*|LD_PRELOAD|"
    rb"LD_LIBRARY_PATH|PATH|interpreter|(?:Exec\w*|command|program|script|shell|module))\s*[=:(]?\s*[\"']?(?:-\S+\s+)*$|#!$",
    re.IGNORECASE,
)
"""What stands before a path of something that is run, or loaded."""


def _are_neighbors(before: bytes, after: bytes) -> bool:
    """Whether two paths lie in the same folder of somebody, or of the system: there they may be set by hand."""
    return _components(before)[:2] == _components(after)[:2]


def _pairs(old: list[bytes], new: list[bytes]) -> Iterator[tuple[int, int]]:
    """The places of what may be paths on both sides, those that differ."""
    first, second = ([at for at, part in enumerate(side) if b"/" in part] for side in (old, new))
    if len(first) != len(second):
        if len(old) != len(new):
            return
        first = second = list(range(0, len(old), 2))
    yield from ((a, b) for a, b in zip(first, second, strict=True) if old[a] != new[b])


def _flag(part: bytes) -> bytes:
    """The option of a compiler that stands right before a path."""
    match = _FLAG.match(part)
    return match[0] if match else b""


def _moved(before: bytes, after: bytes, *, folder: bool) -> bytes | None:
    """What two paths share at their end, where they are of one file in two folders; None where they are not.

    Args:
        folder: they may be whole folders, which share nothing.
    """
    if _flag(before) != _flag(after) or _PLACEHOLDER.search(before) or _PLACEHOLDER.search(after):
        return None
    before, after = before[len(_flag(before)) :], after[len(_flag(after)) :]
    if not before.startswith(b"/") and not after.startswith(b"/"):
        start = next((at for at, both in enumerate(zip(before, after, strict=False)) if both[0] != both[1]), 0)
        start = before.rfind(b"/", 0, start + 1)
        while start > 0 and not _BUILD.match(before, start):
            start = before.rfind(b"/", 0, start)
        if start <= 0 or before[:start] != after[:start]:
            return None
        before, after = before[start:], after[start:]  # written right behind other text, as Rust and Go do
    old, new = _components(before), _components(after)
    count = _shared(old, new)
    shared = b"/".join(old[len(old) - count :])
    builds = _builds(before), _builds(after)
    if (count == len(new) and builds[0] and (builds[1] or not after.startswith(b"/"))) or (
        count == len(old) and builds[1] and (builds[0] or not before.startswith(b"/"))
    ):
        return shared if count else None
    if not (before.startswith(b"/") and after.startswith(b"/")) or _installed(before) or _installed(after):
        return None
    if count and (all(builds) or (any(builds) and count > 1)):
        return shared
    return b"" if folder and _builds(before) and _builds(after) and _folders(old, new) else None


def _components(path: bytes) -> Components:
    return [part for part in path.split(b"/") if part not in (b"", b".")]


def _shared(old: Components, new: Components) -> int:
    """How many components two paths share at their end."""
    count = 0
    while count < min(len(old), len(new)) and old[-1 - count] == new[-1 - count]:
        count += 1
    return count


def _builds(path: bytes) -> bool:
    return bool(_BUILD.match(path))


def _installed(path: bytes) -> bool:
    return bool(_SYSTEM.match(path)) and not _builds(path)


def _folders(old: Components, new: Components) -> bool:
    """Whether two paths are folders that differ in more than their last component."""
    return old[:-1] != new[:-1] and not any(re.search(rb"\.[A-Za-z]\w{0,4}$", path[-1]) for path in (old, new) if path)


class TemporaryName(TextCause):
    name = "temporary-name"
    title = "a name that was drawn at random, of a temporary file or folder, was written into a file"
    advice = (
        "Give the file a fixed name below $builddir, or strip the symbol or debug information that names it "
        "(-save-temps=obj, objcopy --strip-symbol)."
    )
    certainty = 0.92

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if _RUBY.search(before) and _RUBY.search(after):
            before, after = _RUBY.sub(MARK, before), _RUBY.sub(MARK, after)
        for form in _RANDOM:
            old, new = list(form.finditer(before)), list(form.finditer(after))
            both = list(zip(old, new, strict=False))
            if len(old) == len(new) and both and all(_drawn(first, second) for first, second in both):
                before, after = form.sub(_kept, before), form.sub(_kept, after)
        return before, after


_RUBY: Final = Pattern(rb"(?<=[A-Za-z_.-])20\d{6}-\d{1,7}-[0-9a-z]{4,8}(?![\w-])")
"""Ruby's Tempfile: the day, the number of the process, and what was drawn."""
_RANDOM: Final = tuple(
    Pattern(pattern)
    for pattern in (
        rb"(?<![\w.-])(?P<known>tmp\.)(?P<drawn>[A-Za-z0-9]{6,12})(?![A-Za-z0-9])",  # mktemp
        rb"(?<![\w.-])(?P<known>tmp)(?P<drawn>[a-z0-9_]{8})(?![A-Za-z0-9_])",  # Python's tempfile
        rb"(?<![\w.-])(?P<known>cc)(?P<drawn>[A-Za-z0-9]{6})(?=\.(?:o|s|c|i|ii|so|a|d|ld|le|res|out|lto|ltrans\d*|cdtor|debug)\b)",
        rb"(?<=/)(?P<known>go-build|go-link-|rustc|cargo-install|pip-[a-z-]+-|npm-|scons-|bazel-|conda-|meson-)"
        rb"(?P<drawn>[A-Za-z0-9_]{5,20})(?![A-Za-z0-9_])",
        rb"(?<![\w.])(?P<known>/(?:var/)?tmp/(?:[\w+-]*[._+-])?)(?P<drawn>[A-Za-z0-9]{6,16})(?![A-Za-z0-9])",
        rb"(?P<known>[A-Za-z0-9_][._-])(?P<drawn>[A-Za-z0-9]{6})(?![\w-])",  # mkstemp behind a name of the program
        rb"(?P<known>(?<![\w.])sed|(?<=/)\.tmp)(?P<drawn>[A-Za-z0-9]{6})(?![A-Za-z0-9])",  # sed -i, and Rust's tempfile
    )
)
_CERTAIN: Final = (b"tmp", b"tmp.", b"cc", b"go-build", b"go-link-", b"rustc")


def _drawn(old: re.Match[bytes], new: re.Match[bytes]) -> bool:
    """Whether two names are equal, or of one form and drawn at random."""
    if old[0] == new[0]:
        return True
    if old["known"] != new["known"]:
        return False
    before, after = old["drawn"], new["drawn"]
    if before.isdigit() and after.isdigit():
        return old["known"] in _CERTAIN[3:]
    if len(before) != len(after):
        return False
    looks = _looks_drawn(before) and _looks_drawn(after)
    return looks or (old["known"] in _CERTAIN and (_looks_drawn(before) or _looks_drawn(after)))


def _looks_drawn(name: bytes) -> bool:
    """Whether letters and digits are mixed as words and versions do not mix them."""
    kinds = b"".join(
        b"9" if 48 <= letter < 58 else b"A" if 65 <= letter < 91 else b"_" if letter == 95 else b"a" for letter in name
    )
    changes = sum(1 for one, other in pairwise(kinds) if one != other)
    if re.fullmatch(rb"[a-z]+\d+|\d+[a-z]+", name):  # a word with its number
        return False
    return changes >= 2 or (b"9" in kinds and b"a" in kinds) or bool(re.search(rb"aA", kinds))


def _kept(match: re.Match[bytes]) -> bytes:
    return match["known"] + MARK


CAUSES: Final[tuple[TextCause, ...]] = (TemporaryName(), BuildPath())
