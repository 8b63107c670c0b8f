"""``abuild-buildinfo enable``: switch the hooks on."""

from __future__ import annotations

import argparse
import os

from buildinfo.cli.output import complain, tell
from buildinfo.install import hooks
from buildinfo.install.guard import open_to_others
from buildinfo.install.interpreter import closed_to_others, needed_by, python
from buildinfo.install.places import system_scope, user_scope


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Install the hook files beside abuild.conf and add one marked line to it. "
        "Run it again after an upgrade; it changes only what is not as it should be."
    )
    parser.add_argument("--system", action="store_true", help="for all: $ABUILD_CONF or /etc/abuild.conf")


def run(args: argparse.Namespace) -> int:
    scope = (system_scope if args.system else user_scope)(os.environ)
    done = hooks.enable(scope)
    for line in done or [f"already enabled in {scope.config}"]:
        tell(line)
    if args.system:
        closed = closed_to_others(*needed_by(python()))
        if closed is not None:
            _warn(f"{closed} keeps other users out, whose builds would leave no record")
        found = open_to_others(needed_by(python()))
        if found is not None:
            _warn(f"{found.place} {found.why}, who can run programs as every user that builds")
    return 0


def _warn(what: str) -> None:
    complain(f"warning: {what} (install the program elsewhere)")
