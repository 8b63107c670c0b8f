"""Signatures that are files of their own: OpenPGP and SSH in armour, minisign and signify, CMS (PKCS #7).

Sources: RFC 9580, 6 and 10.2; OpenSSH's PROTOCOL.sshsig; minisign's "Signature format"; RFC 5652.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.pkcs7 import described
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

_MOST: Final = 1 << 16
_ARMOUR: Final = re.compile(
    rb"\s*-----BEGIN (PGP|SSH) SIGNATURE-----\r?\n(?:[A-Za-z]+: [^\n]*\n)*\s*[A-Za-z0-9+/=\s]+"
    rb"-----END \1 SIGNATURE-----\s*"
)
_MINISIGN: Final = re.compile(
    rb"untrusted comment: [^\n]*\n[A-Za-z0-9+/=]{98,104}\n(?:trusted comment: [^\n]*\n[A-Za-z0-9+/=]{88}\n?)?"
)
_CMS: Final = re.compile(rb"\x30(?:\x82..|\x83...|\x81.|\x80)\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", re.DOTALL)


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """One hunk of kind `file signature`.

    Raises:
        FormatError: one of them is more than a signature.
    """
    for data in (before, after):
        if len(data) > _MOST or not (_ARMOUR.fullmatch(data) or _MINISIGN.fullmatch(data) or _is_cms(data)):
            raise FormatError("more than a signature")
    yield place.hunk("file signature", "detached", described(before), described(after))


def _is_cms(data: bytes) -> bool:
    """Whether a file is one CMS structure that says its length."""
    match = _CMS.match(data)
    if match is None or data[1] == 0x80:
        return False
    width = data[1] & 0x7F
    return len(data) == 2 + width + int.from_bytes(data[2 : 2 + width], "big")
