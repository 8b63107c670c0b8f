"""The vendor's index, filtered to the packages that somebody reproduced, for them to sign.

Whoever trusts their key alone can install nothing else from the vendor's repository: apk checks a package against the
index's `C:`, and asks nobody else. Records and packages are matched by this identity, which the record shares with the
one package that it was made of; a name says nothing. But the identity binds no other field, and apk chooses what to
install by the others: a record gets in only if all that apk reads of it is what the package says of itself, and then as
`apk index` writes it of the package. The order is the vendor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buildinfo.apk.index import Index, index_tar, read_index
from buildinfo.apk.index import newest as newest_time
from buildinfo.apk.indexed import NOARCH, lie, written
from buildinfo.apk.keys import KeyFolder, PrivateKey, SigningType
from buildinfo.apk.signed import signed_index
from buildinfo.apk.signing import MAX_EPOCH, check, refusal, sign, signature_segment
from buildinfo.errors import SignatureError, UsageError
from buildinfo.model import as_text
from buildinfo.reported import Finding, checked, read_claims
from buildinfo.signature_report import IndexedPackage, IndexReport
from buildinfo.verify.verdict import Verdict, reaches

MAX_DESCRIPTION: Final = 160
"""Most bytes of a DESCRIPTION that apk 3 reads (`extract_v2.c`)."""


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A signed index, as a file, and what went into it."""

    index: bytes
    report: IndexReport


def reproduced(
    source: Path,
    report: bytes,
    key: PrivateKey,
    *,
    at_least: Verdict = "identical-unsigned",
    keys: KeyFolder | None = None,
    kind: SigningType = "RSA",
    name: str | None = None,
    epoch: int | None = None,
    where: object = "report",
) -> Reproduced:
    """Makes an index of what was reproduced, and signs it.

    Args:
        source: the vendor's index.
        report: what `verify --format json` printed.
        key: the rebuilder's key.
        at_least: the verdict that a package has to reach.
        keys: the vendor's signature has to hold with these; if None that is not looked at, and the report says so.
        kind: the type of the signature.
        name: the file name of the public key where it is trusted; by default the private key's, and `.pub`.
        epoch: the time of the index; by default the newest build time in it.
        where: what errors call the report.

    Raises:
        SignatureError: the vendor's signature does not hold.
        FormatError, IntegrityError, UnreadableError: the index, the report or an original cannot be read, or a file is
            not the one that was verified.
        UsageError: the name cannot be that of a key, or an index cannot state the epoch.
    """
    index = read_index(source)
    if keys is not None:
        signed = signed_index(source, index)
        reason = refusal(signed, check(signed, keys), keys)
        if reason is not None:
            raise SignatureError(reason, where=source)
    identities = {record.get("C", "") for record in index.records}
    findings = checked(read_claims(report, where), identities, at_least)
    kept: list[bytes] = []
    packages: list[IndexedPackage] = []
    seen: set[bytes] = set()
    places = {record.get("A", NOARCH) for record in index.records} - {NOARCH}
    if len(places) > 1:  # which of them a package without one belongs to, nothing says
        places = set()
    for record in index.records:
        package, text = _judged(record, findings.get(record.get("C", "")), places, at_least)
        if text in seen:
            package.kept, package.check, package.why, text = False, None, "it stands there twice", None
        if text is not None:
            seen.add(text)
            kept.append(text)
        packages.append(package)
    time = _epoch(epoch, index, packages)
    data = _signed(index_tar(_description(index, at_least), b"".join(kept), time), key, kind, name, time)
    found = IndexReport(
        index=str(source),
        output=None,
        at_least=at_least,
        verified=keys is not None,
        epoch=time,
        kept=len(kept),
        left_out=len(packages) - len(kept),
        elsewhere=sum(
            reaches(finding.verdict, at_least) for identity, finding in findings.items() if identity not in identities
        ),
        unchecked=sum(package.kept and package.check != "compared" for package in packages),
        packages=packages,
    )
    return Reproduced(data, found)


def _judged(
    record: Mapping[str, str], finding: Finding | None, places: set[str], at_least: Verdict
) -> tuple[IndexedPackage, bytes | None]:
    """What becomes of a record of the vendor's, and its text in the new index where it gets in."""
    package = IndexedPackage(
        package=as_text(f"{record['P']}-{record['V']}"),
        identity=as_text(record.get("C", "")),
        verdict=None if finding is None else finding.verdict,
        kept=False,
    )
    if finding is None or not reaches(finding.verdict, at_least):
        package.why = None if finding is None else finding.why
        return package, None
    why = finding.why
    for candidate in finding.candidates:
        lies = lie(record, candidate.record, places)
        if lies is None:
            package.kept, package.check = True, candidate.check
            return package, written(record, candidate.record)
        why = lies
    package.why = why
    return package, None


def _epoch(epoch: int | None, index: Index, packages: list[IndexedPackage]) -> int:
    """The time of the index: what was asked for, else the newest of what is kept, else of all."""
    kept = [record for record, package in zip(index.records, packages, strict=True) if package.kept]
    stated = (epoch, newest_time(kept), newest_time(index.records), 0)
    time = next(seconds for seconds in stated if seconds is not None)
    if time > MAX_EPOCH:
        raise UsageError(f"{time} is no time that an index can state", mend="set SOURCE_DATE_EPOCH")
    return time


def _description(index: Index, at_least: Verdict) -> bytes:
    """The vendor's description with a note, as far as apk has room for one; none that steers a terminal."""
    text = (index.description or "").strip()
    old = text.encode() if text.isprintable() else b""
    noted = old + b" (reproduced: " + at_least.encode() + b")"
    return (noted if len(noted) <= MAX_DESCRIPTION else old).strip()


def _signed(tar: bytes, key: PrivateKey, kind: SigningType, name: str | None, epoch: int) -> bytes:
    import hashlib

    from buildinfo.apk.pigz import compress

    body = compress(tar)
    digests = {hashed: hashlib.new(hashed, body, usedforsecurity=False).digest() for hashed in ("sha1", "sha256")}
    return signature_segment([sign(digests, key, kind, name)], epoch) + body
