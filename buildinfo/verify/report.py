"""What `verify` says, as data: the source of the schema of its JSON.

Fields may be added, never changed. Text that came from bytes which are not UTF-8 has them as `\\xNN`, and names of
packages' files have so what steers a terminal: see `buildinfo.text`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from buildinfo.parts import SHA256, about, part
from buildinfo.text import plain, safe_json
from buildinfo.verify.verdict import Verdict, reaches

Layer = Literal["framing", "signature", "control", "metadata", "file"]
Table = Literal[
    "source",
    "epoch",
    "input",
    "installed",
    "sysroot",
    "repository",
    "tool",
    "environment",
    "condition",
    "normalization",
    "observation",
    "taint",
    "output",
]
"""The parts of a record that are compared."""


@part
class Difference:
    """One thing in which two packages differ."""

    layer: Layer = about(
        "framing: how segments are compressed and laid out; signature; control: .PKGINFO and scripts; metadata: what "
        "the archive says of a file; file: that it is there, its type, its content."
    )
    path: str | None = about("The file inside the package; null for the package as a whole.", default=None)
    field: str | None = about(
        "A key of .PKGINFO, `#comment` for its comments, or a field of a tar entry; null for content and presence.",
        default=None,
    )
    detail: str = about("What differs, for people; long values are cut.")
    original: str | None = about(
        "The value in the original, whole; of files, scripts and signatures the SHA-256 of the content; of a key with "
        "several values those that the rebuild lacks, one a line; null if there is none.",
        default=None,
    )
    rebuilt: str | None = about("The value in the rebuild, likewise.", default=None)
    allows: Verdict | None = about("The strongest verdict that two packages with this difference get.", default=None)
    explained: bool | None = about(
        "Whether undoing the causes makes it equal on both sides; false where some of it is `unknown`.", default=None
    )


@part
class Cause:
    """Why two packages differ."""

    name: str = about("A name of the catalogue, docs/causes.md; `unknown` for what no cause explains.")
    weight: float = about("How sure it is: 0 to 1.")
    differences: list[int] = about("The differences it explains: places in the list, from 0.")
    advice: str | None = about("What would mend them; null where nothing is known.", default=None)
    evidence: list[str] = about("What it was told by, the strongest first.", default_factory=list)


@part
class RecordDelta:
    """A thing in which the records of two builds differ."""

    table: Table = about("The part of the record.")
    name: str = about("The input, package, tool, variable and so on.")
    original: str | None = about("What the original's record says; null if it has none.")
    rebuilt: str | None = about("What the rebuild's record says; null if it has none.")


@part
class SegmentSizes:
    """How large a segment is on both sides."""

    name: Literal["signature", "control", "data"] = about("Which; all signature segments count as one.")
    original: int | None = about("Compressed bytes in the original; null if it has none.")
    rebuilt: int | None = about("Compressed bytes in the rebuild; null if it has none.")


@part
class Pair:
    """An original and its rebuild."""

    original: str | None = about("The original's file; null if it is missing.")
    rebuilt: str | None = about("The rebuild's file; null if it is missing.")
    package: str | None = about("NAME-VERSION of the original, else of the rebuild.", default=None)
    verdict: Verdict | None = about("The strongest statement that holds; null if one of them could not be read.")
    relations_changed: bool = about(
        "Whether depend, provides, replaces, install_if or their priorities changed, beyond their order.", default=False
    )
    differences: list[Difference] = about("Every difference.", default_factory=list)
    causes: list[Cause] = about("The likeliest first.", default_factory=list)
    explained: bool | None = about(
        "Whether undoing the causes makes all equal; false where `unknown` is among them, null where nothing differs.",
        default=None,
    )
    error: str | None = about("Why there is no verdict.", default=None)
    at_least: Verdict | None = about("The verdict that was asked for.", default=None)
    reached: bool | None = about(
        "Whether the pair is as good as that; never of a package that was compared with itself.", default=None
    )
    same_file: bool = about(
        "Whether the two are one file, by another name or a link: nothing was rebuilt, whatever the verdict.",
        default=False,
    )
    refused: bool = about(
        "Whether there is no verdict because the signature that was asked for is missing or does not hold.",
        default=False,
    )
    identity: str | None = about("apk's identity of the original, the `C:` of an index.", default=None)
    original_sha256: str | None = about("SHA-256 of the original's file.", default=None, pattern=SHA256)
    rebuilt_sha256: str | None = about("SHA-256 of the rebuild's file.", default=None, pattern=SHA256)
    record: dict[str, str] | None = about(
        "The original's record in an index, made of the package: field letter -> value as `apk index` writes it, with "
        "the package's own `A`. Null where it holds what is not printable text, or no index can hold it.",
        default=None,
    )
    records: list[RecordDelta] | None = about(
        "In what the records of the two builds differ; null where they were not given.", default=None
    )
    origin: str | None = about("`origin` of the original's .PKGINFO.", default=None)
    arch: str | None = about("`arch` of the original's .PKGINFO.", default=None)
    aport: str | None = about("The aport's path in its repository, where the original's record says it.", default=None)
    segments: list[SegmentSizes] = about("In the order of the file; none for what is missing.", default_factory=list)
    entries: int | None = about(
        "How many entries the original's data segment has; null where it was not unpacked.", default=None
    )


@part
class Report:
    """What `verify --format json` prints."""

    pairs: list[Pair] = about("In the order of the request; of folders by name.")
    summary: dict[str, int] = about(
        "How many pairs have each verdict; `same-file` counts packages that were compared with themselves, "
        "`unreadable` and `refused` pairs without a verdict.",
        default_factory=dict,
    )
    causes: dict[str, int] = about("How many pairs each cause stands in.", default_factory=dict)
    errors: int = about("How many pairs have no verdict.", default=0)
    at_least: Verdict | None = about("The verdict that was asked for.", default=None)
    reached: bool | None = about("Whether every pair is as good as that.", default=None)


@part
class RecordsReport:
    """What `compare-records --json` prints."""

    original: str = about("The first record's file.")
    rebuilt: str = about("The second record's file.")
    summary: str = about("What follows from the digests, in words.")
    same: dict[str, bool] = about("Digest (source, environment, outputs) -> whether it is the same in both.")
    deltas: list[RecordDelta] = about("In the order of the record.")
    same_document: bool | None = about(
        "Whether everything in the two records is the same, by their digests of the whole; null if one has none.",
        default=None,
    )


def standing(pair: Pair) -> str:
    """Where a pair stands, in one word: its verdict, or why that does not count or is none."""
    if pair.verdict is None:
        return "refused" if pair.refused else "unreadable"
    return "same-file" if pair.same_file else pair.verdict


def good_enough(pair: Pair, bar: Verdict) -> bool:
    """Whether a pair is as good as the bar. A package that was compared with itself shows nothing."""
    return not pair.same_file and reaches(pair.verdict, bar)


def judged(report: Report, bar: Verdict) -> Report:
    """The report, which now says what was asked for and what is as good."""
    for pair in report.pairs:
        pair.at_least, pair.reached = bar, good_enough(pair, bar)
    report.at_least, report.reached = bar, all(pair.reached for pair in report.pairs)
    return report


def summed_up(pairs: Iterable[Pair]) -> Report:
    """The report of some pairs."""
    kept = list(pairs)
    verdicts = Counter(map(standing, kept))
    causes = Counter(cause.name for pair in kept for cause in pair.causes)
    return Report(
        pairs=kept,
        summary=dict(verdicts),
        causes=dict(causes.most_common()),
        errors=sum(pair.verdict is None for pair in kept),
    )


def to_json(report: Any) -> str:
    """A report as a JSON document that ends in a newline; of a list each entry has a line of its own."""
    lines = [f'"{name}": {_in_lines(value)}' for name, value in vars(report).items()]
    return safe_json("{\n" + ",\n".join(lines) + "\n}\n")


def _in_lines(value: Any) -> str:
    def dumps(part: Any) -> str:
        return json.dumps(part, default=vars, ensure_ascii=False)

    return "[\n" + ",\n".join(map(dumps, value)) + "\n]" if isinstance(value, list) and value else dumps(value)


def sha256_of(data: bytes | None) -> str | None:
    """SHA-256 in lower-case hex, as differences name contents; None of what is not there."""
    import hashlib

    return None if data is None else hashlib.sha256(data).hexdigest()


def readable(text: str) -> str:
    """Text that any program can print and any reader can parse: no lone surrogates, nothing that steers a terminal."""
    return plain(text)
