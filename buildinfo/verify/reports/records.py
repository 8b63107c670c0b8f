"""In what two buildinfos differ, as data and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from buildinfo.model import BuildInfo
from buildinfo.verify.report import RecordDelta, RecordsReport, readable

COUNTING = ("source", "environment", "outputs")
"""The digests that say something of a build, in the order of a sentence."""


def compared(original: str, first: BuildInfo, rebuilt: str, second: BuildInfo) -> RecordsReport:
    """What `compare-records` says of two records of these names."""
    from buildinfo.verify.records import compare_records

    old, new = asdict(first.digests), asdict(second.digests)
    same = {name: old[name] == new[name] for name in COUNTING}
    deltas = compare_records(first, second)
    whole = old["document"], new["document"]
    return RecordsReport(
        original=readable(original),
        rebuilt=readable(rebuilt),
        summary=headline(same),
        same=same,
        deltas=deltas,
        same_document=None if None in whole else whole[0] == whole[1],
    )


def headline(same: dict[str, bool]) -> str:
    """One sentence on what the digests say: `same source and environment, other outputs`."""
    equal = _joined([name for name in COUNTING if same[name]])
    other = _joined([name for name in COUNTING if not same[name]])
    return ", ".join(f"{word} {names}" for word, names in (("same", equal), ("other", other)) if names)


def _joined(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def render(report: RecordsReport) -> str:
    """The text, ending in a newline: the headline, then the differences by the part of the record."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: RecordsReport) -> Iterator[str]:
    yield report.summary
    for table, deltas in groupby(report.deltas, key=lambda delta: delta.table):
        yield ""
        yield table if table != "condition" else "condition (should not matter)"
        for delta in deltas:
            yield f"  {values(delta)}"


def values(delta: RecordDelta) -> str:
    """A difference in one line, without the table."""
    return readable(f"{delta.name}: {_value(delta.original)} -> {_value(delta.rebuilt)}")


def _value(value: str | None) -> str:
    return "(none)" if value is None else value or "(empty)"
