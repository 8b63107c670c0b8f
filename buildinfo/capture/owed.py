"""Indices that were left stale: noted beside the captures, so that a later run can make them when those are gone.

One plain file for each folder of packages, `HASH.index`: JSON with `folder`, the names of `packages` that its index may
not have, the `key` to sign with, and whether all of them are of builds of the user's `own`. What is noted is believed:
it is read where nobody else can write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from buildinfo.capture.folder import read_plain, why_not_private
from buildinfo.files import replace_file

_SUFFIX: Final = ".index"
_LARGEST: Final = 4 << 20


class Owed(NamedTuple):
    """A folder of packages whose index is to be made anew.

    Attributes:
        packages: those that it may not have; what is gone is left out.
        key: the path of the private key to sign with; may be empty.
        own: whether all packages are of builds of the user's own.
    """

    folder: Path
    packages: tuple[Path, ...]
    key: str
    own: bool


def note(captures: Path, owed: Owed) -> None:
    """Remember it, with what was remembered of that folder before.

    Raises:
        OSError, UnreadableError: it cannot be written.
    """
    names, own = {path.name for path in owed.packages}, owed.own
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        before = _read(_file(captures, owed.folder))
        names |= {path.name for path in before.packages}
        own &= before.own
    captures.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = {"folder": str(owed.folder), "packages": sorted(names), "key": owed.key, "own": own}
    replace_file(_file(captures, owed.folder), json.dumps(document).encode(), 0o600)


def everything(captures: Path) -> list[Owed]:
    """What is remembered in a folder of captures; what cannot be read, or whose folder is gone, is not.

    Nothing is where others could have written it.
    """
    found: list[Owed] = []
    with suppress(OSError):
        if why_not_private(captures) is not None:
            return found
    for file in sorted(captures.glob(f"*{_SUFFIX}")):
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            owed = _read(file)
            if file == _file(captures, owed.folder) and owed.folder.is_dir():
                found.append(owed)
    return found


def forget(captures: Path, folders: Iterable[Path]) -> None:
    """The indices of these folders are right."""
    for folder in folders:
        _file(captures, folder).unlink(missing_ok=True)


def _read(file: Path) -> Owed:
    document = json.loads(read_plain(file, _LARGEST))
    folder = Path(document["folder"])
    packages = (folder / Path(name).name for name in document["packages"])
    there = tuple(path for path in packages if path.is_file())
    return Owed(folder, there, str(document["key"]), document.get("own", True) is True)


def _file(captures: Path, folder: Path) -> Path:
    return captures / f"{hashlib.sha256(bytes(folder.absolute())).hexdigest()[:16]}{_SUFFIX}"
