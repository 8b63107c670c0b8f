"""What `signature` and `index reproduced` say, as data: the source of the schemas of their JSON.

Fields may be added, never changed.
"""

from __future__ import annotations

from typing import Literal

from buildinfo.model import Text
from buildinfo.parts import about, part


@part
class SignatureEntry:
    """A signature of a package or index."""

    type: str = about("RSA (over SHA-1), RSA256, RSA512 or DSA.")
    key_name: Text = about("File name of the public key.")
    size: int = about("Bytes of the signature.")
    status: Literal["good", "bad", "unknown-key", "unsupported", "unseen", "not-checked"] = about(
        "good, bad: that key made it, or did not; unknown-key: no key of that name was given; unsupported: apk knows "
        "no such type; unseen: it stands where apk does not look; not-checked: no keys were given."
    )
    reason: str | None = about("Why it is bad.")


SignatureResult = Literal["listed", "done", "holds", "does-not-hold", "error"]


@part
class SignatureFile:
    """What `signature` found out about a file, or did with it."""

    path: str = about("The file, as it was named.")
    kind: Literal["package", "index", "signatures"] | None = about(
        "What it is; signatures: what `extract` writes. Null if that could not be told."
    )
    result: SignatureResult = about("What became of it.")
    reason: Text | None = about("Why it does not hold, was refused or could not be read; else what to know of it.")
    output: str | None = about("The file that was written.")
    verified: bool = about("Whether a signature of it was found good with a key that the user named.")
    signatures: list[SignatureEntry] = about("Of `output` where one is written, else of the file.")


@part
class SignatureReport:
    """What `signature VERB --json` prints."""

    files: list[SignatureFile] = about("One for each file that was named.")


@part
class IndexedPackage:
    """A record of the vendor's index."""

    package: Text = about("NAME-VERSION.")
    identity: Text = about("Its `C:`, verbatim.")
    verdict: str | None = about("The worst that it got; null if nobody rebuilt it, or that could not be read.")
    kept: bool = about("Whether it is in the new index.")
    check: Literal["compared", "original", "nothing"] | None = about(
        "What of the report was checked: compared: original and rebuild, again; original: that its record is the "
        "package's; nothing: neither is at hand, and the report was believed. Null of what is not kept.",
        default=None,
    )
    why: Text | None = about("Why it is not kept, where the verdict is not all there is to say.", default=None)


@part
class IndexReport:
    """What `index reproduced --json` prints."""

    index: str = about("The vendor's index, as it was named.")
    output: str | None = about("The index that was written.")
    at_least: str = about("The verdict that a package had to reach.")
    verified: bool = about("Whether the vendor's signature was found good with a key that the user named.")
    epoch: int = about("The time of the new index: seconds since 1970-01-01 UTC.")
    kept: int = about("How many records are in the new index.")
    left_out: int = about("How many are not.")
    elsewhere: int = about("How many packages reached the verdict and are not in this index.")
    unchecked: int = about("How many of those kept were not compared again, since one of the two is not at hand.")
    packages: list[IndexedPackage] = about("The vendor's records, in their order.")
