"""The options of every command that reads buildinfos: whether they have to be signed, and by whom."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--require-signature`` and ``--keys DIR``."""
    parser.add_argument(
        "--require-signature", action="store_true", help="a buildinfo without a signature that holds is refused"
    )
    parser.add_argument("--keys", metavar="DIR", type=Path, help="folder of the public keys to verify it with")


def trusted_keys(args: argparse.Namespace) -> KeyFolder | None:
    """The keys that buildinfos have to be signed with, or None if they need not be.

    Raises:
        UsageError: only one of the options is given.
        UnreadableError: there is no such folder.
    """
    from buildinfo.errors import UsageError

    if args.require_signature != (args.keys is not None):
        raise UsageError("--require-signature and --keys DIR go together")
    if args.keys is None:
        return None
    from buildinfo.apk.keys import KeyFolder

    return KeyFolder(args.keys)
