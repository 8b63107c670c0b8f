"""Reports of `verify`, read to rely on them: the worst that each original got, checked where its files are at hand.

A report is believed as far as its files cannot be asked. Where original and rebuild lie where it says, relative to the
current folder, they are compared again, and the worse counts; where only the original does, its record is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from buildinfo.apk.indexed import is_record, record_of
from buildinfo.errors import BuildinfoError, FormatError, IntegrityError, UnreadableError
from buildinfo.text import unnamed
from buildinfo.verify.batch import Match, compare_all
from buildinfo.verify.report import Pair
from buildinfo.verify.verdict import LADDER, Verdict, reaches

LARGEST: Final = 512 << 20
"""Most bytes of a report; one of a whole release with every difference has some 100 MB."""

_IDENTITY: Final = re.compile(r"Q1[A-Za-z0-9+/]{27}=").fullmatch
_SHA256: Final = re.compile(r"[0-9a-f]{64}").fullmatch

Check = Literal["compared", "original", "nothing"]
"""compared: both files were, again; original: its record was made of the file; nothing: the original is not at hand."""

NO_RECORD: Final = "the package is not at hand, and the report has no record of it"
NO_INDEX: Final = "no index can hold what its .PKGINFO says"


class Candidate(NamedTuple):
    """A record of an original, as `record_of` makes it, and what it was taken from."""

    check: Check
    record: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A pair of a report. `identity` is the original's; `record` None where the report has none that is one."""

    original: str | None
    rebuilt: str | None
    verdict: Verdict | None
    identity: str
    original_sha256: str | None
    rebuilt_sha256: str | None
    record: Mapping[str, str] | None


class Finding(NamedTuple):
    """What is known of an original, or of a claim about it.

    Attributes:
        verdict: the worst; None where it could not be read, or nobody rebuilt it.
        candidates: what its record may be, the best known first: signed and unsigned files differ in size.
        why: why it is worse than the report says, or has no record.
    """

    verdict: Verdict | None
    candidates: tuple[Candidate, ...] = ()
    why: str | None = None


def read_claims(report: bytes, where: object) -> list[Claim]:
    """The pairs of a report that tell of an original. Of a package that was compared with itself they tell nothing.

    Where the report does not state the identity of an original, its file is read, relative to the current folder.

    Raises:
        FormatError: it is no report of `verify`, or an original is not the file that was verified.
        UnreadableError: an original is not there.
    """
    pairs = _pairs(report, where)
    known = {pair["original"]: pair["identity"] for pair in pairs if pair["identity"] and pair["original"]}
    claims = []
    for pair in pairs:
        if pair.pop("same_file"):  # nobody rebuilt anything
            continue
        identity = pair["identity"] or known.get(pair["original"]) or _identify(pair)
        if identity is not None:
            claims.append(Claim(**{**pair, "identity": identity, "record": _record(pair["record"], identity)}))
    return claims


def worst(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """The weakest of some verdicts, of which there is one; None, which is no verdict, is weaker than all."""
    found = list(verdicts)
    return None if None in found else max((verdict for verdict in found if verdict is not None), key=LADDER.index)


def verdicts_of(claims: Iterable[Claim]) -> dict[str, Verdict | None]:
    """Identity of an original -> the worst verdict that is claimed of it."""
    found: dict[str, list[Verdict | None]] = {}
    for claim in claims:
        found.setdefault(claim.identity, []).append(claim.verdict)
    return {identity: worst(verdicts) for identity, verdicts in found.items()}


def checked(claims: Iterable[Claim], wanted: Collection[str], at_least: Verdict) -> dict[str, Finding]:
    """Identity of an original -> what is known of it, once its files were asked.

    Args:
        claims: of a report.
        wanted: the identities that matter. Of others, and of what does not reach the verdict, no file is read.
        at_least: the verdict.

    Raises:
        IntegrityError: a file is not the one that was verified.
        FormatError, UnreadableError: an original cannot be read.
    """
    kept = list(claims)
    found = {identity: Finding(verdict) for identity, verdict in verdicts_of(kept).items()}
    asked = [claim for claim in kept if claim.identity in wanted and reaches(found[claim.identity].verdict, at_least)]
    grouped: dict[str, list[Finding]] = {}
    for claim, finding in zip(asked, _findings(asked), strict=True):
        grouped.setdefault(claim.identity, []).append(finding)
    return found | {identity: _weighed(findings) for identity, findings in grouped.items()}


def _weighed(findings: list[Finding]) -> Finding:
    candidates = [candidate for finding in findings for candidate in finding.candidates]
    candidates.sort(key=lambda candidate: get_args(Check).index(candidate.check))
    why = next((finding.why for finding in findings if finding.why is not None), None)
    return Finding(worst(finding.verdict for finding in findings), tuple(candidates), why)


def _findings(claims: list[Claim]) -> Iterator[Finding]:
    """What the files of each claim say of it."""
    both = [claim for claim in claims if _is_here(claim.original) and _is_here(claim.rebuilt)]
    matches = [Match(Path(claim.original or ""), Path(claim.rebuilt or "")) for claim in both]
    pairs = dict(zip(map(id, both), compare_all(matches).pairs, strict=True)) if both else {}
    for claim in claims:
        if (pair := pairs.get(id(claim))) is not None:
            yield _compared(claim, pair)
        elif _is_here(claim.original):
            yield _read(claim)
        elif claim.record is None:
            yield Finding(claim.verdict, why=NO_RECORD)
        else:
            yield Finding(claim.verdict, (Candidate("nothing", claim.record),))


def _compared(claim: Claim, pair: Pair) -> Finding:
    """Of a claim whose files were compared again."""
    from buildinfo.verify.equal import read_opening

    if pair.verdict is None:
        return Finding(None, why=f"it cannot be compared again: {pair.error}")
    if pair.same_file:
        return Finding(None, why="it was compared with itself")
    path = Path(claim.original or "")
    _require(pair.identity == claim.identity and claim.original_sha256 in (None, pair.original_sha256), path)
    _require(claim.rebuilt_sha256 in (None, pair.rebuilt_sha256), claim.rebuilt)
    record = record_of(claim.identity, path.stat().st_size, read_opening(path).pkginfo.raw)
    verdict = worst((claim.verdict, pair.verdict))
    why = None if verdict == claim.verdict else f"the report says {claim.verdict}, and it is {verdict}"
    return _found(verdict, "compared", record, why)


def _read(claim: Claim) -> Finding:
    """Of a claim whose original alone is at hand."""
    from buildinfo.apk.v2 import read_package

    path = Path(claim.original or "")
    package = read_package(path, members=False)
    _require(package.identity == claim.identity and claim.original_sha256 in (None, package.sha256), path)
    return _found(claim.verdict, "original", record_of(claim.identity, package.size, package.pkginfo.raw))


def _found(verdict: Verdict | None, check: Check, record: Mapping[str, str] | None, why: str | None = None) -> Finding:
    candidates = () if record is None else (Candidate(check, record),)
    return Finding(verdict, candidates, why if record is not None or why is not None else NO_INDEX)


def _is_here(name: str | None) -> bool:
    """Whether a file of a report is at hand; nothing is read that is no regular file."""
    try:
        return name is not None and Path(name).is_file()
    except OSError:
        return False


def _require(same: bool, where: object) -> None:
    if not same:
        raise IntegrityError("not the file that was verified", where=where, mend="verify again")


# The document.


def _pairs(report: bytes, where: object) -> list[dict[str, Any]]:
    """The pairs of a report: of each the fields that matter, checked."""
    if len(report) > LARGEST:
        raise FormatError(f"a report of more than {LARGEST} bytes", where=where)
    try:
        document = json.loads(report.decode())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a report of verify: not JSON: {error}", where=where) from error
    pairs = document.get("pairs") if isinstance(document, dict) else None
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        raise FormatError("not a report of verify: no list of pairs", where=where, mend="use verify --format json")
    return [_checked(pair, number, where) for number, pair in enumerate(pairs, 1)]


_RULES: Final[dict[str, Callable[[str], object]]] = {
    "original": lambda text: "\0" not in text,
    "rebuilt": lambda text: "\0" not in text,
    "verdict": LADDER.__contains__,
    "identity": _IDENTITY,
    "original_sha256": _SHA256,
    "rebuilt_sha256": _SHA256,
}


def _checked(pair: dict[str, Any], number: int, where: object) -> dict[str, Any]:
    if not isinstance(pair.get("same_file", False), bool):
        raise FormatError(f"pair {number}: same_file is neither true nor false", where=where)
    fields = {name: pair.get(name) for name in _RULES}
    for name in ("original", "rebuilt"):
        if isinstance(value := fields[name], str):
            fields[name] = unnamed(value)
    for name, rule in _RULES.items():
        value = fields[name]
        if value is not None and not (isinstance(value, str) and rule(value)):
            raise FormatError(f"pair {number}: {str(value)[:60]!r} is no {name}", where=where)
    if "verdict" not in pair:
        raise FormatError(f"pair {number} has no verdict", where=where)
    if "rebuilt" in pair and pair["rebuilt"] is None:
        fields["verdict"] = None  # nobody rebuilt it, however little is asked for
    return {**fields, "record": pair.get("record"), "same_file": pair.get("same_file", False)}


def _record(value: object, identity: str) -> Mapping[str, str] | None:
    """The record that a report states, if it is one of this identity."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        return None
    return value if is_record(value) and value["C"] == identity else None


def _identify(pair: dict[str, Any]) -> str | None:
    """The identity of an original, from its file; None where there is none and it was not reproduced anyway."""
    from buildinfo.apk.v2 import read_package

    if pair["original"] is None and pair["verdict"] in (None, LADDER[-1]):
        return None
    if pair["original"] is None:
        raise FormatError("a pair has a verdict and no original")
    path = Path(pair["original"])
    try:
        if not _is_here(pair["original"]):
            raise UnreadableError("no such file", where=path, mend="run it where the report was made")
        package = read_package(path, members=False)
    except BuildinfoError:
        if pair["verdict"] is None:
            return None
        raise
    _require(pair["original_sha256"] in (None, package.sha256), path)
    return package.identity
