"""Sharing work among processes that share nothing: one that is killed is noticed, and holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from buildinfo.errors import BuildinfoError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared_out(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """What becomes of each item, in their order.

    The processes take turns with pieces of the list, and give the results back through a pipe each.

    Args:
        work: what is done with each. It may be any callable, since the processes are forked; its results are pickled.
        items: what there is to do.
        jobs: how many processes.

    Raises:
        BuildinfoError: a process was killed.
    """
    import multiprocessing

    size = max(1, min(64, len(items) // (4 * jobs)))
    pieces = [items[at : at + size] for at in range(0, len(items), size)]
    context = multiprocessing.get_context("fork")
    workers = []
    try:
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(work, pieces[number::jobs], theirs))
            worker.start()
            theirs.close()
            workers.append((worker, ours))
        for number in range(len(pieces)):
            yield from workers[number % jobs][1].recv()
    except (EOFError, ConnectionError):
        raise BuildinfoError("a process was killed; is memory short?", mend="use fewer, with -j") from None
    finally:
        for worker, ours in workers:
            ours.close()
            worker.terminate()  # it ends as the program does: nothing half-written is left
        for worker, _ in workers:
            worker.join()


def _work(work: Callable[[Any], Any], pieces: list[Sequence[Any]], results: Connection) -> None:
    """What each process does. An interrupt is the parent's to see to."""
    import contextlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        for piece in pieces:
            results.send([work(item) for item in piece])
