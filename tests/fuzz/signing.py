"""Targets of what reads signatures and reports of verification.

The promises: nothing but the errors of the house; a file is its signatures and the rest; a report gives verdicts.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import apkmaker
import repair

from buildinfo.apk.signature import is_key_name
from buildinfo.apk.signed import read_signed
from buildinfo.errors import BuildinfoError, FormatError, SignatureError
from buildinfo.record_signature import parse_signature
from buildinfo.reported import read_claims, verdicts_of
from buildinfo.signatures import graft, strip
from buildinfo.verify.verdict import LADDER


def signed(data: bytes) -> None:
    """Packages, indices and signature files: taken apart and put together they are what they were."""
    if data and data[0] != 0x1F:  # a tar of signatures before a package or alone, or an index
        head = apkmaker.gz(repair.tar(data[1:]))
        rest = (apkmaker.package(signatures=()), b"", apkmaker.gz(apkmaker.ended(apkmaker.file("APKINDEX", b""))))
        data = head + rest[data[0] % 3]
    with tempfile.TemporaryDirectory() as folder:
        whole, stripped, again = (Path(folder, name) for name in ("whole", "stripped", "again"))
        whole.write_bytes(data)
        try:
            found = read_signed(whole)
        except FormatError:
            return
        assert data.startswith(found.head)
        assert all(is_key_name(signature.key_name) for signature in found.signatures)
        assert bool(found.head) == bool(found.signatures)
        if found.kind == "signatures":
            assert found.head == data
            return
        strip(whole, stripped)
        assert found.head + stripped.read_bytes() == data
        with suppress(SignatureError):
            graft(whole, stripped, again)
            assert again.read_bytes() == data


def record_signature(data: bytes) -> None:
    """The signature file of a buildinfo."""
    with suppress(SignatureError, FormatError):
        kind, name, signature = parse_signature(data)
        assert kind == "RSA256" and is_key_name(name) and signature


def report(data: bytes) -> None:
    """A report of verify: no identity gets a verdict that is none."""
    with suppress(BuildinfoError):
        for identity, verdict in verdicts_of(read_claims(data, "report")).items():
            assert len(identity) == 30 and identity.startswith("Q1")
            assert verdict is None or verdict in LADDER
