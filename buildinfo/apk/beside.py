"""Hashing beside reading: where there is a second processor, digests of large files cost the reader no time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from queue import Queue
    from threading import Thread

WORTH: Final = 1 << 20
"""Bytes that are hashed by the caller before a thread is started."""
WAITING: Final = 8
"""Most pieces that wait for the thread."""


class Digest(Protocol):
    """What `hashlib` objects are."""

    def update(self, data: bytes | memoryview, /) -> None: ...


class Beside:
    """Updates digests in the order of the pieces given, once there are many in a thread of its own.

    Use it as a context manager. The pieces must not change afterwards.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._queue: Queue[tuple[Sequence[Digest], bytes | memoryview]] | None = None
        self._thread: Thread | None = None
        self._failed: list[Exception] = []

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        if self._queue is not None and self._thread is not None:
            self._queue.put(((), b""))
            self._thread.join()
            self._queue = self._thread = None
            self._require_all()

    def of(self, *digests: Digest) -> Digest:
        """One digest that stands for all of these."""
        return _Several(self, digests)

    def update(self, digests: Sequence[Digest], piece: bytes | memoryview) -> None:
        """Updates all of these digests, now or later."""
        if self._queue is not None:
            self._queue.put((digests, piece))
            return
        for digest in digests:
            digest.update(piece)
        self._seen += len(piece)
        if self._seen >= WORTH and len(os.sched_getaffinity(0)) > 1:
            self._start()

    def wait(self) -> None:
        """Returns when everything given was hashed."""
        if self._queue is not None:
            self._queue.join()
            self._require_all()

    def _start(self) -> None:
        from queue import Queue
        from threading import Thread

        queue: Queue[tuple[Sequence[Digest], bytes | memoryview]] = Queue(WAITING)
        thread = Thread(target=_hash, args=(queue, self._failed), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no other thread is to be had: the caller goes on hashing
            self._seen = 0
            return
        self._queue, self._thread = queue, thread

    def _require_all(self) -> None:
        """Raises what kept the thread from hashing a piece."""
        if self._failed:
            raise self._failed.pop()


class _Several:
    def __init__(self, beside: Beside, digests: Sequence[Digest]) -> None:
        self._beside = beside
        self._digests = digests

    def update(self, data: bytes | memoryview, /) -> None:
        self._beside.update(self._digests, data)


def _hash(queue: Queue[tuple[Sequence[Digest], bytes | memoryview]], failed: list[Exception]) -> None:
    while True:
        digests, piece = queue.get()
        if not digests:
            return
        try:
            for digest in digests:
                digest.update(piece)
        except Exception as error:  # whoever waits for the digests is told, and waits for nothing
            failed.append(error)
        queue.task_done()
