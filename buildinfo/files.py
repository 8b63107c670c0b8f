"""Files that are there whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from buildinfo.errors import UnreadableError
from buildinfo.leftovers import create, remove_abandoned


def replace_file(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, whatever happens in between.

    What an interrupted write left beside it is removed, and what another process is writing there is not.

    Args:
        path: the file.
        data: its new content.
        mode: its mode, whatever the umask; None for what the umask makes of 0644.

    Raises:
        UnreadableError: it cannot be written; the old file is as it was.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        remove_abandoned(left)
    beside = path.with_name(f".{path.name}.{int.from_bytes(os.urandom(6))}.part")
    try:
        with os.fdopen(create(beside, 0o644 if mode is None else mode), "wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            beside.replace(path)
    except BaseException as error:  # a signal, too
        beside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise UnreadableError(f"cannot be written: {error.strerror}", where=path) from error
