"""Several files changed as one: all of them are written beside their places before the first is renamed."""

from __future__ import annotations

import glob
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from buildinfo.errors import UnreadableError
from buildinfo.leftovers import create, remove_abandoned


class Change:
    """Files to be written and folders to be made, undone at the end of the ``with`` unless committed.

    A file that is replaced keeps its owner and mode; a new one that root makes gets the owner of its folder.
    """

    def __init__(self) -> None:
        self._staged: list[tuple[Path, Path, int]] = []
        self._folders: list[Path] = []

    def __enter__(self) -> Change:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for temporary, _, number in self._staged:
            with suppress(OSError):
                temporary.unlink()
            os.close(number)
        for folder in reversed(self._folders):
            with suppress(OSError):
                folder.rmdir()

    def folder(self, path: Path) -> bool:
        """Make a folder that others may enter, and those above it.

        Returns:
            False if it is there already.
        """
        if path.is_dir():
            return False
        self.folder(path.parent)
        try:
            path.mkdir()
            self._folders.append(path)
            path.chmod(0o755)
            if os.geteuid() == 0:
                above = path.parent.stat()
                os.chown(path, above.st_uid, above.st_gid, follow_symlinks=False)
        except OSError as error:
            raise _refused(path, error) from error
        return True

    def write(self, path: Path, content: bytes) -> Path:
        """Stage the content of a file, on disk and with its final owner and mode.

        Returns:
            The temporary file.
        """
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.new"):  # of one that was killed
            remove_abandoned(left)
        temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
        try:
            number = create(temporary, 0o600)
            self._staged.append((temporary, path, number))  # open, and so locked, until it has its name
            with os.fdopen(os.dup(number), "wb") as file:
                file.write(content)
                file.flush()
                _own(number, path)
                os.fsync(number)
        except OSError as error:
            raise _refused(path, error) from error
        return temporary

    def commit(self) -> None:
        """Rename everything into place, in the order of the calls of ``write``."""
        while self._staged:
            temporary, path, number = self._staged[0]
            try:
                temporary.replace(path)
            except OSError as error:
                raise _refused(path, error) from error
            del self._staged[0]
            os.close(number)
            _sync(path.parent)
        self._folders.clear()


def _own(number: int, path: Path) -> None:
    mine = os.fstat(number)
    try:
        old = path.stat()
        mode = old.st_mode & 0o7777
    except FileNotFoundError:
        old = path.parent.stat() if os.geteuid() == 0 else mine
        mode = 0o644
    if (old.st_uid, old.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(number, old.st_uid, old.st_gid)
    os.fchmod(number, mode)


def _sync(folder: Path) -> None:
    with suppress(OSError):  # not every file system can; the rename stands all the same
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _refused(path: Path, error: OSError) -> UnreadableError:
    return UnreadableError(
        f"cannot be written, nothing was changed: {error.strerror}",
        where=path,
        mend="check owner and mode, of the folder too",
    )
