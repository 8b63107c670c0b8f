"""On whose terms a capture is finalized: its own are heard only where it is of a build of the user's own.

A build is the user's own if its capture lies in the user's captures folder, and that folder, the capture and every file
that was read of it belong to the user, nobody else may write to them, and none is a link. Under fakeroot, which shows
every file as one's own, none is. What such a build knew is taken from its capture: where packages are, the key, the
settings. All other captures were handed over: of these it is taken from the options, the configuration and the
environment of who finalizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from buildinfo.capture.folder import Folder, is_private, why_not_private
from buildinfo.capture.pending import captures_folder
from buildinfo.capture.reader import Capture
from buildinfo.capture.settings import FLAGS, TEXTS
from buildinfo.errors import UsageError

#: File that remembers hashes of tools, beside the captures in the user's state folder.
MEMORY = "hashes.json"


class Terms(NamedTuple):
    """What the user decides.

    Attributes:
        own: whether the build is the user's own.
        settings: the values of `BUILDINFO_*`.
        packages: the folder that holds the ARCH folders; None if the user has to name it.
        key: the path of the private key; may be empty.
        root: the root that built, where tools are looked for; None where only programs of the system are read.
        memory: the file that remembers hashes of tools; None to remember nothing.
    """

    own: bool
    settings: Mapping[str, str]
    packages: Path | None
    key: str
    root: Path | None
    memory: Path | None


def terms_of(capture: Capture, environment: Mapping[str, str]) -> Terms:
    """On whose terms a capture is finalized.

    Args:
        capture: the capture.
        environment: of who finalizes.
    """
    if not _is_own(capture, environment):
        configured = _configured(environment)
        if not _is_own(capture, configured):
            settings = {name: configured.get(name, "") for name in (*FLAGS, *TEXTS)}
            return Terms(False, settings, None, configured.get("PACKAGER_PRIVKEY", ""), None, None)
    local = capture.local
    chroot = local.get("BUILD_ROOT") if "inner" in capture.files else ""
    return Terms(
        own=True,
        settings=local,
        packages=Path(local.get("REPODEST", ""), local.get("repo", "")),
        key=local.get("PACKAGER_PRIVKEY", ""),
        root=Path(chroot or "/"),
        memory=_memory(capture.path.absolute().parent),
    )


def _configured(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What the user's configuration makes of the environment; that alone, where no user has one."""
    from buildinfo.install.situation import Situation  # it asks a shell

    try:
        return Situation(environment).answers or environment
    except UsageError:
        return environment


def _is_own(capture: Capture, settings: Mapping[str, str]) -> bool:
    if not capture.mine:
        return False
    try:
        folder = captures_folder(settings)
        if why_not_private(folder) is not None:
            return False
        with Folder(folder) as captures:
            return captures.mine and captures.holds(capture.path.name, capture.identity)
    except (OSError, UsageError):
        return False


def _memory(captures: Path) -> Path | None:
    """Only in a state folder that is the user's alone: what is remembered is believed."""
    if captures.name != "captures":
        return None
    try:
        return captures.parent / MEMORY if is_private(captures.parent.lstat()) else None
    except OSError:
        return None
