"""``abuild-buildinfo disable``: switch the hooks off."""

from __future__ import annotations

import argparse
import os

from buildinfo.cli.output import tell
from buildinfo.install import hooks
from buildinfo.install.places import other_user_scopes, system_scope, user_scope


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Remove the marked line from abuild.conf and the hook files beside it. Captures stay where they are."
    )
    parser.add_argument("--system", action="store_true", help="for all: $ABUILD_CONF or /etc/abuild.conf")


def run(args: argparse.Namespace) -> int:
    if args.system:
        scopes = [system_scope(os.environ)]
    else:
        scopes = [user_scope(os.environ)]
        if not (os.environ.get("ABUILD_USERCONF") or os.environ.get("ABUILD_USERDIR")):
            # The folder that abuild chooses may be another one than when the hooks were switched on.
            scopes += other_user_scopes(os.environ)
    done = [line for scope in scopes for line in hooks.disable(scope)]
    for line in done or [f"not enabled in {scopes[0].config}"]:
        tell(line)
    return 0
