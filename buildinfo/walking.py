"""Walking trees of any depth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(folder: Path, refuse: Callable[[OSError], None] = lambda error: None) -> Iterator[str]:
    """The paths of everything in a tree that is no folder, without an order; links are not followed.

    Args:
        folder: its top.
        refuse: told of folders that cannot be read, which are passed over.
    """
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            refuse(error)
            continue
        waiting += (path for path, is_folder in found if is_folder)
        yield from (path for path, is_folder in found if not is_folder)
