"""Finding the buildinfos of two packages where they lie beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from buildinfo.document import read
from buildinfo.errors import UnreadableError
from buildinfo.model import BuildInfo
from buildinfo.verify.equal import read_opening
from buildinfo.verify.explain.evidence import Records
from buildinfo.verify.records import related

ENDING = ".buildinfo.toml"
Read = Callable[[Path], BuildInfo]


class RecordsBeside:
    """Finds the buildinfos in the folders of the two packages. Each is read once.

    Args:
        read: reads and checks a buildinfo; it may ask for a signature.
    """

    def __init__(self, read: Read = read) -> None:
        self._read = read
        self._folders: dict[Path, list[tuple[Path, BuildInfo]]] = {}
        self._compared: dict[tuple[Path, Path], Records] = {}

    def __call__(self, original: Path, rebuilt: Path) -> Records | None:
        """The records of two packages; None where one of them has none.

        Raises:
            BuildinfoError: a buildinfo beside them does not hold, or a package cannot be read.
        """
        old, new = self._naming(original), self._naming(rebuilt)
        if old is None or new is None:
            return None
        key = old[0], new[0]
        if key not in self._compared:
            self._compared[key] = related(old[1], new[1])
        return self._compared[key]

    def _naming(self, package: Path) -> tuple[Path, BuildInfo] | None:
        """The first record, by name, with an output of this file name and control segment."""
        named = [
            (path, record, output.control.sha256)
            for path, record in self._beside(package.parent)
            for output in record.outputs
            if output.path.rpartition("/")[2] == package.name
        ]
        if not named:
            return None
        control = read_opening(package).control.sha256  # it holds the datahash, and outlives another signature
        return next(((path, record) for path, record, stated in named if stated == control), None)

    def _beside(self, folder: Path) -> list[tuple[Path, BuildInfo]]:
        if folder not in self._folders:
            try:
                paths = sorted(path for path in folder.iterdir() if path.name.endswith(ENDING))
            except OSError as error:
                raise UnreadableError(f"cannot be read: {error.strerror}", where=folder) from error
            self._folders[folder] = [(path, self._read(path)) for path in paths]
        return self._folders[folder]
