"""``finalize``: captures become buildinfos beside their packages."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("captures", metavar="CAPTURE", nargs="*", type=Path, help="default: all that are left behind")
    parser.add_argument("--packages", metavar="DIR", type=Path, help="folder with the ARCH folders that hold them")
    parser.add_argument("--reindex", action="store_true", help="make an index that became stale anew, and sign it")
    parser.add_argument(
        "--unsigned", action="store_true", help="do not sign: packages that change lose their signature"
    )
    parser.add_argument("--sign", action="store_true", help="sign the buildinfo with the packager's key")
    parser.add_argument("--keep", action="store_true", help="do not remove the capture")
    parser.add_argument("--before-index", action="store_true", help=argparse.SUPPRESS)  # the hooks: apk index comes


def run(args: argparse.Namespace) -> int:
    from buildinfo.capture.finalize import finalize
    from buildinfo.capture.pending import captures_folder, pending, running
    from buildinfo.errors import BuildinfoError

    captures = args.captures or [path for path in pending(captures_folder(os.environ)) if not running(path)]
    if not captures:
        print("no captures are left behind")
    status = 0
    for capture in captures:
        try:
            done = finalize(capture, repodest=args.packages, keep=args.keep, unsigned=args.unsigned, sign=args.sign)
            print(f"{done.record}: {'written' if done.written else 'unchanged'}")
            for package in done.normalized:
                print(f"{package}: normalized")
            for note in done.notes:
                print(f"abuild-buildinfo: {done.record.name}: {note}", file=sys.stderr)
            if not args.before_index and not _index(done.packages, args):
                status = max(status, 1)
        except (BuildinfoError, OSError) as error:
            print(f"abuild-buildinfo: {error}", file=sys.stderr)
            status = 2
    return status


def _index(packages: tuple[Path, ...], args: argparse.Namespace) -> bool:
    """Name the indices that do not say what these packages are; remake them if asked. True if all are right."""
    from buildinfo.capture.reindex import reindex, stale

    right = True
    for folder, why in stale(packages).items():
        if args.reindex:
            reindex(folder, sign=not args.unsigned)
            print(f"{folder / 'APKINDEX.tar.gz'}: made anew")
        else:
            print(
                f"abuild-buildinfo: {folder / 'APKINDEX.tar.gz'} is stale: {why} (run finalize --reindex)",
                file=sys.stderr,
            )
            right = False
    return right
