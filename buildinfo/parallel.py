"""Sharing work among processes that share nothing: one that is killed is noticed, and holds up no other.

By fork and pipes alone: importing multiprocessing takes longer than comparing some packages.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Any, BinaryIO, Final, NoReturn, TypeVar

from buildinfo.errors import BuildinfoError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PIECES: Final = 8192
"""Numbers of pieces that a pipe holds for sure."""
_NUMBER: Final = Struct("<I")


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
    size = max(1, min(64, len(items) // (4 * jobs)), -(-len(items) // MOST_PIECES))
    pieces = [items[at : at + size] for at in range(0, len(items), size)]
    order = sorted(range(len(pieces)), key=lambda number: -sum(map(weight, pieces[number])))
    waiting, end = os.pipe()
    os.write(end, b"".join(map(_NUMBER.pack, order)))
    os.close(end)
    workers: dict[int, int] = {}
    done: dict[int, list[Result]] = {}
    try:
        for _ in range(min(jobs, len(pieces))):
            ours, theirs = os.pipe()
            process = os.fork()
            if not process:
                _serve(work, pieces, waiting, theirs)
            os.close(theirs)
            workers[ours] = process
        running = list(workers)
        for number in range(len(pieces)):
            while number not in done:
                for pipe in select.select(running, (), ())[0]:
                    found = _receive(pipe)
                    if found is None:
                        running.remove(pipe)
                    else:
                        done[found[0]] = found[1]
            yield from done.pop(number)
    except EOFError:
        raise BuildinfoError("a process was killed; is memory short?", mend="use fewer, with -j") from None
    finally:
        os.close(waiting)
        for pipe, process in workers.items():
            os.close(pipe)
            os.kill(process, signal.SIGTERM)  # it ends as the program does: nothing half-written is left
        for process in workers.values():
            os.waitpid(process, 0)


def _receive(pipe: int) -> Any:
    """One message. Nothing behind it is read, so that `select` sees whether there is more."""
    [size] = _NUMBER.unpack(_read(pipe, _NUMBER.size))
    return pickle.loads(_read(pipe, size))


def _read(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _serve(work: Callable[[Any], Any], pieces: list[Sequence[Any]], waiting: int, pipe: int) -> NoReturn:
    """What each process does. An interrupt is the parent's to see to."""
    status = 1
    ended: list[int] = []

    def end(number: int, _: object) -> NoReturn:
        ended.append(number)
        raise SystemExit

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, end)
        with os.fdopen(pipe, "wb") as results:
            while taken := os.read(waiting, _NUMBER.size):
                [number] = _NUMBER.unpack(taken)
                _send(results, (number, [work(item) for item in pieces[number]]))
            _send(results, None)
        status = 0
    except BrokenPipeError:  # the parent has ended
        pass
    except Exception:
        if not ended:
            import traceback

            traceback.print_exc()
    finally:
        os._exit(status)


def _send(results: BinaryIO, message: Any) -> None:
    data = pickle.dumps(message)
    results.write(_NUMBER.pack(len(data)) + data)
    results.flush()
