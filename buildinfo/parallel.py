"""Sharing work among processes that share nothing: one that is killed is noticed, and holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from buildinfo.errors import BuildinfoError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared_out(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int, weight: Callable[[Item], int] = lambda item: 1
) -> Iterator[Result]:
    """What becomes of each item, in their order.

    Each process takes the next piece of the list when it is done with one, and gives the results back through a pipe.

    Args:
        work: what is done with each. It may be any callable, since the processes are forked; its results are pickled.
        items: what there is to do.
        jobs: how many processes.
        weight: how much work an item is likely to be: the heaviest pieces are begun with.

    Raises:
        BuildinfoError: a process was killed.
    """
    import multiprocessing
    from multiprocessing.connection import wait

    size = max(1, min(64, len(items) // (4 * jobs)))
    pieces = [items[at : at + size] for at in range(0, len(items), size)]
    order = sorted(range(len(pieces)), key=lambda number: -sum(map(weight, pieces[number])))
    context = multiprocessing.get_context("fork")
    taken = context.Value("l", 0)
    workers: dict[Connection, ForkProcess] = {}
    done: dict[int, list[Result]] = {}
    try:
        for _ in range(min(jobs, len(pieces))):
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(work, pieces, order, taken, theirs))
            worker.start()
            theirs.close()
            workers[ours] = worker
        pipes = list(workers)
        for number in range(len(pieces)):
            while number not in done:
                ready = set(wait(pipes))
                for pipe in [pipe for pipe in pipes if pipe in ready]:
                    found = pipe.recv()
                    if found is None:
                        pipes.remove(pipe)
                    else:
                        done[found[0]] = found[1]
            yield from done.pop(number)
    except (EOFError, ConnectionError):
        raise BuildinfoError("a process was killed; is memory short?", mend="use fewer, with -j") from None
    finally:
        for pipe, worker in workers.items():
            pipe.close()
            worker.terminate()  # it ends as the program does: nothing half-written is left
        for worker in workers.values():
            worker.join()


def _work(
    work: Callable[[Any], Any], pieces: list[Sequence[Any]], order: list[int], taken: Any, results: Connection
) -> None:
    """What each process does. An interrupt is the parent's to see to."""
    import contextlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        while True:
            with taken.get_lock():
                place = taken.value
                taken.value += 1
            if place >= len(pieces):
                break
            number = order[place]
            results.send((number, [work(item) for item in pieces[number]]))
        results.send(None)
