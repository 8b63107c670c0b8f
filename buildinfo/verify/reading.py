"""Reading packages to compare them: each anew, or those of a list, which names some several times."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from buildinfo.verify.contents import Contents, read_contents
from buildinfo.verify.equal import Opening, read_opening

Stamp = tuple[str, int, int, int]
"""A file as it is now: its path, inode, size and time."""


class Reader:
    """Reads packages."""

    def opening(self, path: Path) -> Opening:
        """What stands before the data segment; see `read_opening`."""
        return read_opening(path)

    def contents(self, path: Path) -> Contents:
        """The whole package; see `read_contents`."""
        return read_contents(path)


class Recent(Reader):
    """Remembers the small packages that were read last, unless they changed since."""

    KEPT: Final = 4
    MOST_ENTRIES: Final = 5000

    def __init__(self) -> None:
        self._openings: dict[Stamp, Opening] = {}
        self._contents: dict[Stamp, Contents] = {}

    def opening(self, path: Path) -> Opening:
        stamp = _stamp(path)
        opening = self._openings.pop(stamp, None) or read_opening(path)
        self._openings[stamp] = opening
        _forget(self._openings, self.KEPT)
        return opening

    def contents(self, path: Path) -> Contents:
        stamp = _stamp(path)
        contents = self._contents.pop(stamp, None) or read_contents(path)
        if len(contents.entries) <= self.MOST_ENTRIES:
            self._contents[stamp] = contents
            _forget(self._contents, self.KEPT)
        return contents


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0  # whoever reads it says why it cannot be read
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns


def _forget(kept: dict[Stamp, Opening] | dict[Stamp, Contents], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
