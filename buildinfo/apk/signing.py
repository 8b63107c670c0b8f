"""Checking the signatures of a package or index against keys, and making new ones.

Source: apk-tools 2.14 and 3.0. One signature by a known key is enough for apk. Of several it takes the first whose key
it has and looks at no other, so one that does not hold hides those behind it: here none by a known key may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from buildinfo.apk.keys import TYPES, KeyFolder, PrivateKey, SigningType
from buildinfo.apk.signature import Signature, check_key_name, signature_tar
from buildinfo.apk.signed import Signed
from buildinfo.errors import BuildinfoError, FormatError

MAX_EPOCH: Final = 8**11 - 1
"""The latest time that a tar header can state."""

NEW: Final = frozenset(("DSA",))
"""Types that apk 2.14 passes over: its library knows no hash of that name any more."""

Status = Literal["good", "bad", "unknown-key", "unsupported", "unseen", "not-checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A signature and what became of it.

    Attributes:
        status: "good" and "bad": the key is known, and made it or did not; "unknown-key": the folder has no key of that
            name; "unsupported": apk knows no such type; "unseen": it stands where apk does not look.
        reason: why it is bad.
    """

    signature: Signature
    status: Status
    reason: str | None = None


def unchecked(signed: Signed) -> tuple[Checked, ...]:
    """The signatures of a file, without asking any key."""
    return (
        *(Checked(signature, "not-checked") for signature in signed.signatures),
        *(Checked(signature, "unseen") for signature in signed.unseen),
    )


def check(signed: Signed, keys: KeyFolder, *, signatures: Iterable[Signature] | None = None) -> tuple[Checked, ...]:
    """Checks each signature of a file with the key of its name.

    Args:
        signed: the file.
        keys: the keys that are known.
        signatures: check these instead, over what the file holds.

    Raises:
        FormatError: a key file holds no key.
        UnreadableError: a key file cannot be read.
        MissingToolError: the library is missing, or refuses the hash.
    """
    found = signed.signatures if signatures is None else signatures
    return (
        *(_check(signature, signed, keys) for signature in found),
        *(Checked(signature, "unseen") for signature in signed.unseen),
    )


def _check(signature: Signature, signed: Signed, keys: KeyFolder) -> Checked:
    name = TYPES.get(signature.type)
    if name is None:
        return Checked(signature, "unsupported")
    key = keys.find(signature.key_name)
    if key is None:
        return Checked(signature, "unknown-key")
    reason = key.mismatch(signature.type, signature.data, signed.digests[name])
    return Checked(signature, "good" if reason is None else "bad", reason)


def repeated(signatures: Sequence[Signature]) -> str | None:
    """Says which signature stands twice; None if none does."""
    names = [signature.file_name for signature in signatures]
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"{twice} stands in it twice"


def refusal(signed: Signed, checked: Sequence[Checked], keys: KeyFolder) -> str | None:
    """Why a file does not hold by what was found of its signatures; None if it does."""
    seen = [entry for entry in checked if entry.status != "unseen"]
    bad = next((entry for entry in seen if entry.status == "bad"), None)
    reason = repeated([entry.signature for entry in seen])
    if not seen:
        reason = "it has no signature"
        if signed.unseen:
            reason = "its signature stands among the rest of the index, where apk does not look: for apk it has none"
    elif reason is None and bad is not None:
        reason = f"{bad.signature.file_name} does not hold: {bad.reason}"
    elif reason is None and signed.defect is not None:
        reason = signed.defect
    elif reason is None and not any(entry.status == "good" for entry in seen):
        reason = f"no key in {keys.path} is that of {', '.join(entry.signature.file_name for entry in seen)}"
    elif reason is None and not any(entry.status == "good" and entry.signature.type not in NEW for entry in seen):
        reason = "it is signed with DSA and nothing else, which apk 2.14 does not take for a signature"
    return reason


def sign(digests: Mapping[str, bytes], key: PrivateKey, kind: SigningType, name: str | None = None) -> Signature:
    """Signs what a package or index gives to be signed.

    Args:
        digests: of the bytes that the signature is to cover, by the names of hashlib.
        key: the key.
        kind: the type of the signature.
        name: the name that its public half has where it is trusted; by default the key file's, and `.pub`.

    Raises:
        UsageError: the name cannot be that of a key.
        MissingToolError: the library refuses the hash.
    """
    key_name = check_key_name(key.public_name if name is None else name)
    digest = digests[TYPES[kind]]
    signature = Signature(kind, key_name, key.sign(kind, digest))
    if key.public_key().mismatch(kind, signature.data, digest) is not None:
        raise BuildinfoError("the signature that it made does not hold", where=key.path, mend="is the memory sound?")
    return signature


def signature_segment(signatures: Iterable[Signature], epoch: int) -> bytes:
    """A signature segment in canonical framing, stamped with a time.

    Raises:
        FormatError: a tar header cannot hold that time.
        MissingToolError: nothing on this machine writes the canonical bytes.
    """
    from buildinfo.apk.pigz import compress

    if not 0 <= epoch <= MAX_EPOCH:
        raise FormatError(f"{epoch} is no time that a signature can be stamped with")
    return compress(signature_tar(signatures, epoch))
