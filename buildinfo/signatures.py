"""Signatures are data: they can be listed, taken off, put back on, added and verified.

A signature file, SIGS, holds the signature segments of a package or index as they stand in it: gzip members, nothing
before, between or behind them. So a package is SIGS and what is left of it without them, one behind the other.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from buildinfo.apk.keys import TYPES, KeyFolder, PrivateKey, SigningType
from buildinfo.apk.signed import Signed, misread, read_signed
from buildinfo.apk.signing import Checked, check, refusal, repeated, sign, signature_segment, unchecked
from buildinfo.errors import FormatError, IntegrityError, SignatureError, UnreadableError, UsageError
from buildinfo.model import as_text
from buildinfo.normalize.place import beside, later_than_index
from buildinfo.opening import open_file
from buildinfo.places import find_file, find_name
from buildinfo.signature_report import SignatureEntry, SignatureFile, SignatureResult

NOT_VERIFIED = "signature not verified"


def list_signatures(path: Path) -> SignatureFile:
    """What signatures a package, an index or a signature file holds; no key is asked.

    Raises:
        FormatError, IntegrityError, UnreadableError: as `read_signed`.
    """
    signed = read_signed(path)
    return _result(signed, "listed", unchecked(signed), reason=signed.defect)


def extract(path: Path, output: Path) -> SignatureFile:
    """Writes the signatures of a file to a signature file.

    Raises:
        SignatureError: it has none.
        FormatError, IntegrityError, UnreadableError: it cannot be read, or the output cannot be written.
    """
    signed = read_signed(path)
    _require_signatures(signed)
    _put(path, output, lambda file: _write(file, signed.head))
    return _result(signed, "done", unchecked(signed)[: len(signed.signatures)], output=output)


def strip(path: Path, output: Path) -> SignatureFile:
    """Writes a file without its signatures.

    Raises:
        FormatError, IntegrityError, UnreadableError: it cannot be read, or the output cannot be written.
    """
    signed = _require_whole(read_signed(path))
    _put(path, output, lambda file: _copy(file, signed, b""))
    reason = None if signed.head else "it had no signature"
    return _result(signed, "done", unchecked(signed)[len(signed.signatures) :], reason=reason, output=output)


def graft(original: Path, rebuilt: Path, output: Path, keys: KeyFolder | None = None) -> SignatureFile:
    """Puts the original's signatures on a rebuild, in the place of its own: the result is the original, byte for byte.

    Args:
        original: the package or index that is signed, or a signature file that was extracted from it.
        rebuilt: what was built again.
        output: the file to write.
        keys: the signatures have to hold with these; if None that is not looked at. With a signature file this is the
            only thing that ties them to the rebuild.

    Raises:
        SignatureError: the signatures are none of this rebuild's.
        FormatError, IntegrityError, UnreadableError: a file cannot be read, or the output cannot be written.
    """
    source, target = read_signed(original), _require_whole(read_signed(rebuilt))
    _require_signatures(source)
    difference = _difference(source, target)
    if difference is not None:
        raise SignatureError(f"is not {original} without its signature: {difference}", where=rebuilt)
    checked = tuple(Checked(signature, "not-checked") for signature in source.signatures)
    if keys is not None:
        checked = check(target, keys, signatures=source.signatures)
        reason = refusal(target, checked, keys)
        if reason is not None:
            raise SignatureError(reason, where=original)
    _put(rebuilt, output, lambda file: _copy(file, target, source.head))
    notes = [note for note in (None if keys else NOT_VERIFIED, target.defect) if note]
    return _result(target, "done", checked, reason="; ".join(notes) or None, output=output)


def add(
    path: Path,
    key: PrivateKey,
    *,
    kind: SigningType = "RSA",
    name: str | None = None,
    epoch: int | None = None,
    output: Path | None = None,
) -> SignatureFile:
    """Signs a package or index, in addition to the signatures that it has: one more segment before them.

    Args:
        path: the package or index.
        key: the key.
        kind: "RSA", as `abuild-sign` makes by default, or "RSA256".
        name: the file name of the public key where it is trusted; by default the private key's, and `.pub`.
        epoch: SOURCE_DATE_EPOCH, for what states no time itself; for an index it comes first, as with `abuild-sign`.
        output: the file to write; in place if None.

    Raises:
        SignatureError: the file has such a signature, or one by another key of the same name.
        UsageError: no time to stamp it with is known.
        FormatError, IntegrityError, UnreadableError: the file cannot be read, or the output cannot be written.
    """
    signed = _require_whole(read_signed(path))
    _require_sound(signed)
    signature = sign(signed.digests, key, kind, name)
    public = key.public_key()
    for old in signed.signatures:
        if old.file_name == signature.file_name:
            raise SignatureError(f"has {old.file_name} already", where=path)
        hashed = TYPES.get(old.type) if old.key_name == signature.key_name else None
        if hashed is not None and public.mismatch(old.type, old.data, signed.digests[hashed]) is not None:
            raise SignatureError(f"{old.file_name} was made by another key of the same name", where=path)
    stated = [signed.epoch, epoch] if signed.kind == "package" else [epoch, signed.epoch]
    time = next((seconds for seconds in stated if seconds is not None), None)
    if time is None:
        raise UsageError("states no build time to stamp the signature with", where=path, mend="set SOURCE_DATE_EPOCH")
    head = signature_segment([signature], time) + signed.head
    target = Path(os.path.realpath(path)) if output is None else output
    _put(path, target, lambda file: _copy(file, signed, head))
    return _result(signed, "done", (Checked(signature, "not-checked"), *unchecked(signed)), output=target)


def verify(path: Path, keys: KeyFolder) -> SignatureFile:
    """Verifies a package or index as apk does, and more: a signature has to hold, and none by a known key may be wrong.

    Raises:
        FormatError, UnreadableError: the file or a key cannot be read.
    """
    try:
        signed = _require_whole(read_signed(path))
    except IntegrityError as error:
        return _broken(path, error)
    checked = check(signed, keys)
    reason = refusal(signed, checked, keys)
    if reason is None:
        try:
            _require_sound(signed)
        except IntegrityError as error:
            return _broken(path, error)
        except SignatureError as error:
            reason = str(error)
    return _result(signed, "holds" if reason is None else "does-not-hold", checked, reason=reason)


def _difference(source: Signed, target: Signed) -> str | None:
    """Why the signatures of one file are none of the other's; None if they may be."""
    twice = repeated(source.signatures)
    if twice is not None:
        return twice
    if source.kind == "signatures":
        return target.defect
    if source.kind != target.kind:
        return f"one is a {source.kind}, the other a {target.kind}"
    if source.digests != target.digests:
        what = "control segments differ" if source.kind == "package" else "indices differ"
        return f"the {what}, so the signature is over something else"
    if source.unsigned_sha256 != target.unsigned_sha256:
        return "the data segments differ; " + (target.defect or source.defect or "both fit the datahash")
    return None


def _require_signatures(signed: Signed) -> None:
    if not signed.signatures:
        where = " where apk looks" if signed.unseen else ""
        raise SignatureError(f"has no signature{where}", where=signed.path)


def _require_whole(signed: Signed) -> Signed:
    if signed.kind == "signatures":
        raise FormatError("holds signatures and nothing that they cover", where=signed.path)
    return signed


def _require_sound(signed: Signed) -> None:
    """Reads all of it: not only what signatures cover has to be right, and apk has to read it so."""
    if signed.kind == "package":
        from buildinfo.apk.v2 import read_package

        package = read_package(signed.path, members=False)
        if package.unsigned_sha256 != signed.unsigned_sha256:
            raise UnreadableError("it changes while it is read", where=signed.path)
        if package.refused is not None:
            raise SignatureError(misread(package.refused), where=signed.path)


def _broken(path: Path, error: IntegrityError) -> SignatureFile:
    return SignatureFile(
        path=str(path), kind=None, result="does-not-hold", reason=str(error), output=None, verified=False, signatures=[]
    )


def _result(
    signed: Signed,
    result: SignatureResult,
    checked: Sequence[Checked],
    *,
    reason: str | None = None,
    output: Path | None = None,
) -> SignatureFile:
    entries = [
        SignatureEntry(
            type=entry.signature.type,
            key_name=as_text(entry.signature.key_name),
            size=len(entry.signature.data),
            status=entry.status,
            reason=entry.reason,
        )
        for entry in checked
    ]
    return SignatureFile(
        path=str(signed.path),
        kind=signed.kind,
        result=result,
        reason=None if reason is None else as_text(reason),
        output=None if output is None else str(output),
        verified=result != "does-not-hold" and any(entry.status == "good" for entry in checked),
        signatures=entries,
    )


def _put(source: Path, target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file that is there whole or not at all."""
    try:
        place, original = find_file(target) if target == source else find_name(target), find_file(source)
        with original.opened() as file:
            there = place.status()
            same = there is not None and os.path.samestat(there, file.status)
            with beside(file, place, write, kept=same) as new:
                now = later_than_index(place.folder)
                new.take_place((now, now))
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror}", where=target) from error


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(data)


def _copy(file: IO[bytes], signed: Signed, head: bytes) -> None:
    """The file with other signature segments; its bytes have to be those that were looked at."""
    digest = hashlib.sha256()
    file.write(head)
    with open_file(signed.path) as source:
        source.seek(len(signed.head))
        while piece := source.read(1 << 20):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != signed.unsigned_sha256:
        raise UnreadableError("it changes while it is read", where=signed.path)
