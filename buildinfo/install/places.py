"""Where abuild's configuration, our hook files and the captures are."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import buildinfo
from buildinfo.errors import MissingToolError, UsageError

#: The Python distribution, the folder of its data files, and the folder beside an abuild.conf.
NAME = "abuild-buildinfo"


@dataclass(frozen=True)
class Scope:
    """One abuild.conf that can hold our line.

    Args:
        name: "user" or "system".
        config: its absolute path, as abuild names it (symbolic links are not followed).
    """

    name: str
    config: Path

    @property
    def folder(self) -> Path:
        """Where the copies of the hook files are."""
        return self.config.parent / NAME

    @property
    def flag(self) -> str:
        """What the commands need to be told to mean this scope."""
        return " --system" if self.name == "system" else ""


def system_scope(environ: Mapping[str, str]) -> Scope:
    """The configuration of all users."""
    return Scope("system", absolute(environ.get("ABUILD_CONF") or "/etc/abuild.conf"))


def user_scope(environ: Mapping[str, str]) -> Scope:
    """The configuration of this user, by the rule of abuild 3.18.

    Older versions know only ~/.abuild; where neither folder is there that one is taken, since 3.18 then finds it, too.

    Raises:
        UsageError: if HOME is needed and not set.
    """
    chosen = environ.get("ABUILD_USERCONF")
    if chosen:
        return Scope("user", absolute(chosen))
    folder = environ.get("ABUILD_USERDIR")
    if folder:
        return Scope("user", absolute(folder) / "abuild.conf")
    old, new = _user_folders(environ)
    return Scope("user", (new if new.is_dir() else old) / "abuild.conf")


def other_user_scopes(environ: Mapping[str, str]) -> list[Scope]:
    """Configurations that another version of abuild, or abuild on another day, would take for this user's."""
    if not environ.get("HOME"):
        return []
    chosen = user_scope(environ)
    scopes = [Scope("user", folder / "abuild.conf") for folder in _user_folders(environ)]
    return [scope for scope in scopes if scope != chosen]


def old_user_config(environ: Mapping[str, str]) -> Path:
    """What abuild before 3.18 reads where neither ABUILD_USERCONF nor ABUILD_USERDIR is set."""
    return _user_folders(environ)[0] / "abuild.conf"


def _user_folders(environ: Mapping[str, str]) -> tuple[Path, Path]:
    home = _home(environ)
    return home / ".abuild", absolute(environ.get("XDG_CONFIG_HOME") or home / ".config") / "abuild"


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    if not home:
        raise UsageError("HOME is not set, so abuild has no configuration of yours", mend="set HOME or ABUILD_USERDIR")
    return absolute(home)


def absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 # resolve() would follow symbolic links


def hook_sources() -> list[Path]:
    """The program's own hook files: beside the package in a checkout, else where the installer put them.

    Raises:
        MissingToolError: if the installation lacks them.
    """
    folders = [Path(buildinfo.__file__).parent.parent / "abuild-hooks", Path(sys.prefix, "share", NAME, "hooks")]
    for folder in folders:
        if (folder / "hook.sh").is_file():
            return sorted(folder.glob("*.sh"))
    found = _listed_by_installer()
    if found:
        return found
    raise MissingToolError("the hook files are missing", where=folders[-1], mend=f"install {NAME} again")


def _listed_by_installer() -> list[Path]:
    """What the installer's list of files says, for prefixes other than Python's own (Debian's /usr/local)."""
    from importlib import metadata  # slow, and hardly ever needed

    try:
        listed = metadata.distribution(NAME).files or []
    except metadata.PackageNotFoundError:
        return []
    paths = [Path(str(file.locate())).resolve() for file in listed if file.match(f"{NAME}/hooks/*.sh")]
    return sorted(path for path in paths if path.is_file())


def plain(text: object) -> str:
    """A path or message, fit for one line of text whatever bytes it is made of."""
    return "".join(char if char.isprintable() else "?" for char in str(text))
