"""The vendor's index, filtered to the packages that somebody reproduced, for them to sign.

Whoever trusts their key alone can install nothing else from the vendor's repository: apk checks a package against the
index's `C:`, and asks nobody else. Records and packages are matched by this identity, which the record shares with the
one package that it was made of; a name says nothing. The records are the vendor's, byte for byte, in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from buildinfo.apk.index import Index, index_tar, raw_records, read_index
from buildinfo.apk.index import newest as newest_time
from buildinfo.apk.keys import KeyFolder, PrivateKey, SigningType
from buildinfo.apk.signed import signed_index
from buildinfo.apk.signing import MAX_EPOCH, check, refusal, sign, signature_segment
from buildinfo.errors import BuildinfoError, FormatError, IntegrityError, SignatureError, UnreadableError, UsageError
from buildinfo.model import as_text
from buildinfo.signature_report import IndexedPackage, IndexReport
from buildinfo.verify.verdict import LADDER, Verdict, reaches

LARGEST: Final = 512 << 20
"""Most bytes of a report; one of a whole release with every difference has some 100 MB."""
MAX_DESCRIPTION: Final = 160
"""Most bytes of a DESCRIPTION that apk 3 reads (`extract_v2.c`)."""

_IDENTITY: Final = re.compile(r"Q1[A-Za-z0-9+/]{27}=").fullmatch
_SHA256: Final = re.compile(r"[0-9a-f]{64}").fullmatch

Verdicts = Mapping[str, Verdict | None]
"""Identity of an original -> the worst verdict that it got; None: it could not be read, or nobody rebuilt it."""


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
        FormatError, IntegrityError, UnreadableError: the index, the report or an original cannot be read.
        UsageError: the name cannot be that of a key, or an index cannot state the epoch.
    """
    index = read_index(source)
    if keys is not None:
        signed = signed_index(source, index)
        reason = refusal(signed, check(signed, keys), keys)
        if reason is not None:
            raise SignatureError(reason, where=source)
    verdicts = read_verdicts(report, where)
    kept: list[bytes] = []
    packages: list[IndexedPackage] = []
    for record, raw in zip(index.records, raw_records(index), strict=True):
        verdict = verdicts.get(record.get("C", ""))
        keep = reaches(verdict, at_least)
        if keep:
            kept.append(raw)
        packages.append(
            IndexedPackage(
                package=as_text(f"{record['P']}-{record['V']}"),
                identity=as_text(record.get("C", "")),
                verdict=verdict,
                kept=keep,
            )
        )
    time = _epoch(epoch, index, packages)
    data = _signed(index_tar(_description(index, at_least), b"".join(kept), time), key, kind, name, time)
    here = {record.get("C") for record in index.records}
    found = IndexReport(
        index=str(source),
        output=None,
        at_least=at_least,
        verified=keys is not None,
        epoch=time,
        kept=len(kept),
        left_out=len(packages) - len(kept),
        elsewhere=sum(reaches(verdict, at_least) for identity, verdict in verdicts.items() if identity not in here),
        packages=packages,
    )
    return Reproduced(data, found)


def read_verdicts(report: bytes, where: object) -> Verdicts:
    """The worst verdict that each original got. A package that was compared with itself got none.

    Where the report does not state the identity of an original, its file is read, relative to the current folder.

    Raises:
        FormatError: it is no report of `verify`, or an original is not the file that was verified.
        UnreadableError: an original is not there.
    """
    pairs = _pairs(report, where)
    known = {pair["original"]: pair["identity"] for pair in pairs if pair["identity"] and pair["original"]}
    verdicts: dict[str, Verdict | None] = {}
    for pair in pairs:
        if pair["same_file"]:  # nobody rebuilt anything
            continue
        identity = pair["identity"] or known.get(pair["original"]) or _identify(pair)
        if identity is None:
            continue
        verdict, before = pair["verdict"], verdicts.get(identity, LADDER[0])
        verdicts[identity] = None if verdict is None or before is None else max(verdict, before, key=LADDER.index)
    return verdicts


def _pairs(report: bytes, where: object) -> list[dict[str, Any]]:
    """The pairs of a report: of each the five fields that matter, checked."""
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


def _checked(pair: dict[str, Any], number: int, where: object) -> dict[str, Any]:
    if not isinstance(pair.get("same_file", False), bool):
        raise FormatError(f"pair {number}: same_file is neither true nor false", where=where)
    fields = {name: pair.get(name) for name in ("original", "rebuilt", "verdict", "identity", "original_sha256")}
    rules: dict[str, Callable[[str], object]] = {
        "original": lambda text: "\0" not in text,
        "rebuilt": lambda text: True,
        "verdict": LADDER.__contains__,
        "identity": _IDENTITY,
        "original_sha256": _SHA256,
    }
    for name, rule in rules.items():
        value = fields[name]
        if value is not None and not (isinstance(value, str) and rule(value)):
            raise FormatError(f"pair {number}: {str(value)[:60]!r} is no {name}", where=where)
    if "verdict" not in pair:
        raise FormatError(f"pair {number} has no verdict", where=where)
    if "rebuilt" in pair and pair["rebuilt"] is None:
        fields["verdict"] = None  # nobody rebuilt it, however little is asked for
    return {**fields, "same_file": pair.get("same_file", False)}


def _identify(pair: dict[str, Any]) -> str | None:
    """The identity of an original, from its file; None where there is none and it was not reproduced anyway."""
    from buildinfo.apk.v2 import read_package

    if pair["original"] is None and pair["verdict"] in (None, LADDER[-1]):
        return None
    if pair["original"] is None:
        raise FormatError("a pair has a verdict and no original")
    path = Path(pair["original"])
    try:
        if not path.is_file():
            raise UnreadableError("no such file", where=path, mend="run it where the report was made")
        package = read_package(path, members=False)
    except BuildinfoError:
        if pair["verdict"] is None:
            return None
        raise
    if pair["original_sha256"] not in (None, package.sha256):
        raise IntegrityError("not the file that was verified", where=pair["original"], mend="verify again")
    return package.identity


def _epoch(epoch: int | None, index: Index, packages: list[IndexedPackage]) -> int:
    """The time of the index: what was asked for, else the newest of what is kept, else of all."""
    kept = [record for record, package in zip(index.records, packages, strict=True) if package.kept]
    stated = (epoch, newest_time(kept), newest_time(index.records), 0)
    time = next(seconds for seconds in stated if seconds is not None)
    if time > MAX_EPOCH:
        raise UsageError(f"{time} is no time that an index can state", mend="set SOURCE_DATE_EPOCH")
    return time


def _description(index: Index, at_least: Verdict) -> bytes:
    """The vendor's description with a note, as far as apk has room for one."""
    old = (index.description or "").strip().encode("utf-8", "surrogateescape")
    noted = old + b" (reproduced: " + at_least.encode() + b")"
    return (noted if len(noted) <= MAX_DESCRIPTION else old).strip()


def _signed(tar: bytes, key: PrivateKey, kind: SigningType, name: str | None, epoch: int) -> bytes:
    import hashlib

    from buildinfo.apk.pigz import compress

    body = compress(tar)
    digests = {hashed: hashlib.new(hashed, body, usedforsecurity=False).digest() for hashed in ("sha1", "sha256")}
    return signature_segment([sign(digests, key, kind, name)], epoch) + body
