"""Causes that show in text: times, hosts, users, kernels, random identifiers."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from buildinfo.verify.explain import dates, role, zones
from buildinfo.verify.explain.cause import MARK, Cause, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern
from buildinfo.verify.explain.stamp import is_schedule, masked


class TextTime(TextCause):
    name = "text-time"
    title = "a time of the build was written into a file"
    advice = (
        'Take the time from SOURCE_DATE_EPOCH: `date -u -d "@$SOURCE_DATE_EPOCH"`, and its like in other languages; or '
        "do not write it."
    )
    certainty = 0.85
    records = ("epoch", "observation")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if is_schedule(hunk, before) or is_schedule(hunk, after):
            return before, after
        if b"\\:" in before and b"\\:" in after:  # as files of properties spell a colon
            before, after = before.replace(b"\\:", b":"), after.replace(b"\\:", b":")
        settled = role.is_dated(hunk)
        return masked(before, MARK, evidence, settled=settled), masked(after, MARK, evidence, settled=settled)


class TimeZone(TextCause):
    name = "time-zone"
    title = "one moment was written in two time zones"
    advice = (
        "Build with TZ=UTC, or write times with `date -u`. Zip archives and jars have the time of the zone in which "
        "they were packed: `TZ=UTC zip -X`, `jar --date`, or `normalize --handlers zip`."
    )
    kinds = frozenset(("text", "string", "zip"))
    certainty = 0.96  # one moment is one moment, whatever wrote it
    records = ("condition:zone",)

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        if hunk.kind != "zip":
            return super().weigh(hunk, evidence)
        if hunk.name != "time":
            return 0.0
        before, after = zones.seconds_of(hunk.before), zones.seconds_of(hunk.after)
        if before is None or after is None or not zones.are_apart(after - before, evidence):
            return 0.0
        return 0.97  # more than what such times are otherwise

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        pairs = dates.differing(before, after)
        if not pairs or any(not self._same(old, new, evidence) for old, new in pairs):
            return before, after
        return dates.masked(before, MARK), dates.masked(after, MARK)

    def _same(self, old: dates.Moment, new: dates.Moment, evidence: Evidence) -> bool:
        if not (old.dated and new.dated) or old.length > 60 or old.length != new.length:
            return False
        if old.zoned and new.zoned:
            return old.seconds == new.seconds
        # Without zones in the text, only the records can say that there were two.
        unzoned = not old.zoned and not new.zoned
        return unzoned and zones.name_two(evidence) and zones.are_apart(new.seconds - old.seconds, evidence)


class _Named(TextCause):
    """A name that stands behind a word which says what it is."""

    patterns: ClassVar[tuple[Pattern, ...]]
    observed: ClassVar[str]
    unsaid: ClassVar[int] = 0
    """How many of the patterns, the first, need a word that tells of the build: USER@HOST may be anybody."""
    veto: ClassVar[Pattern] = Pattern(rb"(?!)")
    """Words that say that something else is meant."""

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if self.veto.search(before) or self.veto.search(after):
            return before, after
        for known, side in zip(self._known(evidence), (before, after), strict=True):
            if known and known in side:
                before, after = (self._replaced(text, name) for text, name in self._both(before, after, evidence))
                break
        built = _BUILT.search(hunk.before) and _BUILT.search(hunk.after)
        if role.is_settled(hunk) and not built:
            return before, after  # whom a setting or a script names nobody knows
        for pattern in self.patterns if built else self.patterns[self.unsaid :]:
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(_keep, before), pattern.sub(_keep, after)
        return before, after

    def _known(self, evidence: Evidence) -> tuple[bytes, bytes]:
        """What the records observed, if they did."""
        if evidence.records is None:
            return b"", b""
        names = []
        for record in (evidence.records.original, evidence.records.rebuilt):
            value = None if record.observations is None else getattr(record.observations, self.observed)
            names.append(value.encode() if isinstance(value, str) else b"")
        return names[0], names[1]

    def _both(self, before: bytes, after: bytes, evidence: Evidence) -> list[tuple[bytes, bytes]]:
        return list(zip((before, after), self._known(evidence), strict=True))

    def _replaced(self, text: bytes, name: bytes) -> bytes:
        return re.sub(rb"(?<![\w.-])" + re.escape(name) + rb"(?![\w-])", MARK, text) if name else text


def _keep(match: re.Match[bytes]) -> bytes:
    """The word stays, the name behind it goes."""
    start, end = match.span("name")
    text, base = match[0], match.start()
    return text[: start - base] + MARK + text[end - base :]


def _words(*patterns: bytes) -> tuple[Pattern, ...]:
    return tuple(Pattern(pattern, re.IGNORECASE) for pattern in patterns)


_IS: Final = rb"[\"']?\]?\s*(?::|=>|=|\bis\b|\bwas\b|\s)\s*[\"'<(\[]?\s*"
_HOST: Final = rb"(?P<name>[A-Za-z][\w.-]*\w|[0-9a-f]{12}\b)(?!\.\w)(?<!\.HOST)"
_USER: Final = rb"(?P<name>[A-Za-z_][\w.-]*\w|\w)(?![\w(])"
_DID: Final = rb"(?:built|compiled|configured|packaged|installed|made|run|executed|build|compile|comp|cf)"
_RELEASE: Final = (
    rb"\d+\.\d+(?:\.\d+)?(?:[-+~.]\w{1,40}){0,8}-(?!r\d)\w{0,40}[a-zA-Z]\w*(?:\s+#\d+[^\"\n]{0,80})?"  # uname -r
)


_BUILT: Final = Pattern(
    rb"(?i)(?<![a-z])(?:built|build|compil|configured|packaged|generated|created|uname|linux version)"
)
"""Words that say that a name is of who built."""


class HostName(_Named):
    name = "host-name"
    title = "the name of the machine that built was written into a file"
    advice = (
        "Do not write it: pass a fixed name (KBUILD_BUILD_HOST, HOSTNAME, configure's cache), or patch the "
        "call of hostname."
    )
    certainty = 0.9
    observed = "host"
    unsaid = 1
    records = ("observation:host",)
    patterns = _words(
        rb"(?<![\w.+/<-])(?:[A-Za-z_][\w.+-]+|\0)@(?P<name>[A-Za-z][\w-]*\w)(?![\w-])(?!\.[a-z])",
        rb"\b(?:[\w-]{0,32}hostname|host[ _-]name|[\w-]{0,32}nodename|node[ _-]name|machine[ _-]?name|uname[ _-]n|"
        rb"[\w-]{0,32}" + _DID + rb"(?:[ ._-]env)?[ ._-]?host)" + _IS + _HOST,
        rb"\b(?:built|compiled|configured|generated|created|packaged|running|executed)(?:\s+\S+){0,3}?\s+on\s+"
        rb"(?:host\s+)?[\"'<(]?" + _HOST,
        rb"\b(?:Linux|uname:?)\s+(?P<name>[A-Za-z0-9][\w.-]*\w)(?=\s+\d+\.\d+)",
    )


class UserName(_Named):
    name = "user-name"
    title = "the name of the user who built was written into a file"
    advice = (
        "Do not write it: pass a fixed name (KBUILD_BUILD_USER, USER=builder), or patch the call of whoami or getpwuid."
    )
    certainty = 0.92
    observed = "user"
    unsaid = 1
    records = ("observation:user",)
    patterns = (
        *_words(
            rb"(?<![\w.+/<-])(?P<name>[A-Za-z_][\w.-]*\w)(?=@(?:\0|[A-Za-z][\w-]+)(?![\w-])(?!\.[a-z]))",
            rb"\b(?:[\w-]{0,32}"
            + _DID
            + rb"(?:[ ._-]env)?[ ._-]?(?:by user|user|by)|user[ _-]?name|logname|whoami|builder|login)"
            + _IS
            + _USER,
            rb"\b(?:built|build|compiled|compile|configured|packaged|installed)[ _-]by" + _IS + _USER,
            rb"^Packaged: [^;\n]*; (?P<name>\w+)",
            rb"(?<![\w/.])/(?:home|Users|export/home)/(?P<name>\w[\w.-]*)(?=[\s\"':;,)]|/?$|/\.(?!cargo|rustup|gradle|m2))",
        ),
        Pattern(rb"\b(?:USER|LOGNAME|USERNAME)\b" + _IS + _USER),
    )
    veto = Pattern(rb"(?i)\b(?:built|build|compiled|made|installed)[ _-]by\s+(?:gcc|clang|rustc|cmake|make|go)\b")

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if hunk.kind == "string" and b"/." in before + after:  # a path that a compiler wrote
            return before, after
        return super().mask(hunk, before, after, evidence)


class Kernel(_Named):
    name = "kernel"
    title = "the version of the running kernel was written into a file"
    advice = "Do not ask `uname -r` in a build: it tells of the machine that builds. Pass what is meant to configure."
    certainty = 0.92
    observed = "kernel"
    records = ("observation:kernel",)
    patterns = _words(
        rb"\bLinux\s(?P<name>[\w.-]+ \d+\.\d+\.\d+\S* #\d+[^\"\n]*?\d\d:\d\d:\d\d"
        rb"(?: [+-]\d{4}| [A-Z]{3,4})?(?: \d{4})?)(?![\d:])",
        rb"\b(?:kernel(?:[ _-]?(?:version|release))?|uname(?:[ _-]?[ar])?|os[ _-]?(?:release|version)|release|"
        rb"(?:build|host)[ _-]?(?:kernel|os)|(?:system|platform)(?:[ _-]?(?:name|version))?)"
        rb"[\"']?\]?\s*(?::|=>|=|\()\s*[\"'<(\[]?\s*"
        rb"(?:linux[\s-]*)?(?:[\w.-]+\s+)??(?P<name>" + _RELEASE + rb")",
        rb"\b(?:kernel(?:[ _-]?(?:version|release))?|uname(?:[ _-]?r)?|os[ _-]?release)"
        rb"[\"']?\]?\s*(?::|=>|=)\s*[\"'<(\[]?\s*"
        rb"(?:linux[\s-]*)?(?P<name>\d+\.\d+\.\d+[-+~.\w]*)",
        rb"\b(?:linux|kernel)[\w-]*(?:\s+version)?[\s-]+(?:[\w.-]+\s+)??(?P<name>" + _RELEASE + rb")",
        rb"(?P<name>#\d+(?:-\w+)?\s+(?:SMP\s+)?(?:PREEMPT\S*\s+)?(?:Debian\s+\S+\s+)?[^\"\n]{0,60}\d{4})",
        rb"(?P<name>\b[2-7]\.\d{1,3}\.\d{1,3}-\d+(?:[-.]\w{1,40}){0,8}[-.]"
        rb"(?:generic|lts|virt|amd64|arm64|edge|default|cloud|azure|aws|rpi|fc\d+|el\d+)\w*(?:\.\w+)*)",
    )
    veto = Pattern(rb"(?i)\b(?:needs?|requires?|since|newer|later|older|before|after|fix\w*|headers)\b")


class Uuid(TextCause):
    name = "uuid"
    title = "a random identifier was made in the build"
    advice = "Derive it from the source (uuid5 of the name and version), or pass a fixed one."
    certainty = 0.9

    _UUID: Final = Pattern(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")

    _NAMED: Final = Pattern(
        rb"(?i)(?<=id)[\"']?\s*[:= ]\s*[\"']?[0-9a-f]{32}(?![0-9a-f])"  # behind uuid, machine-id and the like
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if role.is_settled(hunk) and hunk.file.startswith("etc/"):  # whom or what a setting names is no draw
            return before, after
        for pattern in (self._UUID, self._NAMED):
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(MARK, before), pattern.sub(MARK, after)
        return before, after


class Jobs(TextCause):
    name = "jobs"
    title = "the number of parallel jobs or processors was written into a file"
    advice = "Do not record MAKEFLAGS or nproc; build with the JOBS of the original where it cannot be helped."
    certainty = 0.9
    records = ("condition:jobs",)

    _PATTERNS: Final = (
        Pattern(rb"(?<![\w-])(?:-j|--jobs[= ]|--parallel[= ]|-j )\d+\b"),
        Pattern(
            rb"(?i)\b(?:(?!max)\w{0,40}jobs|nproc|ncpus?|num_?cpus?|cpu_?count|n_?threads|\w{0,40}processors|\w{0,40}parallel\w{0,40})"
            + _IS
            + rb"\d+\b"
        ),
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if role.is_settled(hunk) and not (_MADE.search(before) and _MADE.search(after)):
            return before, after
        for pattern in self._PATTERNS:
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(MARK, before), pattern.sub(MARK, after)
        return before, after


_MADE: Final = Pattern(rb"(?i)(?<![a-z])(?:make|ninja|makeflags|build|built|compil)")
"""Words that say that a number of jobs is of the build."""


class LineEnds(Cause):
    name = "line-ends"
    title = "the lines end otherwise: CR LF and LF"
    advice = "Check out the source without conversion (git core.autocrlf=false, .gitattributes)."
    kinds = frozenset(("text",))

    def weigh(self, hunk: Hunk, evidence: Evidence) -> float:
        return 0.9 if hunk.name == "line ends" else 0.0


CAUSES: Final[tuple[Cause, ...]] = (
    TimeZone(),
    HostName(),
    UserName(),
    Kernel(),
    Uuid(),
    Jobs(),
    TextTime(),
    LineEnds(),
)
