"""Sharing work among processes that share nothing: one that is killed is noticed, and holds up no other.

By fork and pipes alone: importing multiprocessing takes longer than comparing some packages.
"""

from __future__ import annotations

import mmap
import os
import pickle
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any, BinaryIO, Final, Generic, NoReturn, TypeVar

from buildinfo.errors import BuildinfoError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PIECES: Final = 8192
"""Numbers of pieces that a pipe holds for sure."""
_NUMBER: Final = Struct("<I")
_SLOT: Final = Struct("<II")
"""What a process is at: the number of the piece and of the item in it, both from 1; 0 while it is at none."""
_KILLED: Final = "a process was killed; is memory short?"


def shared_out(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    weight: Callable[[Item], int] = lambda item: 1,
    lost: Callable[[Item, str], Result] | None = None,
) -> Iterator[Result]:
    """What becomes of each item, in their order.

    Each process takes the next piece of the list when it is done with one, and gives the results back through a pipe.

    Args:
        work: what is done with each. It may be any callable, since the processes are forked; its results are pickled.
        items: what there is to do.
        jobs: how many processes.
        weight: how much work an item is likely to be: the heaviest pieces are begun with.
        lost: makes the result of an item whose process ended while it was at it, of the item and why; the others are
            done all the same. If None, that ends everything.

    Raises:
        BuildinfoError: a process was killed, or failed.
    """
    size = max(1, min(64, len(items) // (4 * jobs)), -(-len(items) // MOST_PIECES))
    pieces = [items[at : at + size] for at in range(0, len(items), size)]
    order = sorted(range(len(pieces)), key=lambda number: -sum(map(weight, pieces[number])))
    crew = _Crew(work, pieces, order, min(jobs, len(pieces)), lost)
    try:
        for number in range(len(pieces)):
            yield from crew.results(number)
    finally:
        crew.dismiss()


class _Worker:
    """A process: the pipe that its results come through, and its place in the memory that all share."""

    def __init__(self, process: int, pipe: int, slot: int) -> None:
        self.process, self.pipe, self.slot = process, pipe, slot


class _Crew(Generic[Item, Result]):
    """The processes, and what they have done so far."""

    def __init__(
        self,
        work: Callable[[Item], Result],
        pieces: list[Sequence[Item]],
        order: list[int],
        jobs: int,
        lost: Callable[[Item, str], Result] | None,
    ) -> None:
        self._work, self._pieces, self._lost = work, pieces, lost
        self._done: dict[int, list[Result]] = {}
        self._given_up: dict[int, dict[int, Result]] = {}
        self._failed: dict[int, int] = {}
        self._running: dict[int, _Worker] = {}
        self._slots = mmap.mmap(-1, _SLOT.size * jobs)
        self._waiting, end = os.pipe()
        os.write(end, b"".join(map(_NUMBER.pack, order)))
        os.close(end)
        try:
            for slot in range(jobs):
                self._start(slot)
        except BaseException:
            self.dismiss()
            raise

    def results(self, number: int) -> list[Result]:
        """The results of a piece, once they are there."""
        while number not in self._done:
            if not self._running:  # whoever took it is gone, and had not begun
                self._start(0, number)
            for pipe in select.select(list(self._running), (), ())[0]:
                worker = self._running[pipe]
                try:
                    found = _receive(pipe)
                except EOFError:
                    self._see_to(worker)
                    continue
                if found is None:
                    self._bury(worker)
                elif isinstance(found, str):
                    raise BuildinfoError(found)
                else:
                    self._done[found[0]] = found[1]
        return self._done.pop(number)

    def dismiss(self) -> None:
        """Ends what still runs."""
        with suppress(OSError):
            os.close(self._waiting)
        for worker in self._running.values():
            os.close(worker.pipe)
            os.kill(worker.process, signal.SIGTERM)  # it ends as the program does: nothing half-written is left
        for worker in self._running.values():
            os.waitpid(worker.process, 0)
        self._running.clear()

    def _start(self, slot: int, first: int | None = None) -> None:
        """Starts a process, which begins with the piece `first`."""
        self.mark(slot)
        ours, theirs = os.pipe()
        process = os.fork()
        if not process:
            for pipe in (ours, *self._running):  # so that whoever is left notices that the parent has ended
                os.close(pipe)
            _serve(self, slot, first, theirs)
        os.close(theirs)
        self._running[ours] = _Worker(process, ours, slot)

    def _bury(self, worker: _Worker) -> int:
        """Takes leave of a process that has ended; gives its status, as `os.waitpid` does."""
        del self._running[worker.pipe]
        os.close(worker.pipe)
        return os.waitpid(worker.process, 0)[1]

    def _see_to(self, worker: _Worker) -> None:
        """Gives up the item that a process was at when it ended, and lets another process do the rest of its piece."""
        status = self._bury(worker)
        number, at = _SLOT.unpack_from(self._slots, worker.slot * _SLOT.size)
        if self._lost is None:
            raise BuildinfoError(_KILLED, mend="use fewer, with -j")
        if not number:
            return  # another takes what it had not begun
        piece, given_up = self._pieces[number - 1], self._given_up.setdefault(number - 1, {})
        self._failed[number - 1] = self._failed.get(number - 1, 0) + 1
        # It may have ended while it sent its results, where no item is to blame; twice is enough.
        again = range(len(piece)) if not at and self._failed[number - 1] > 1 else [at - 1] if at else []
        for index in again:
            given_up.setdefault(index, self._lost(piece[index], _why(status)))
        self._start(worker.slot, number - 1)

    def serve_piece(self, number: int, slot: int) -> list[Result]:
        """What a process makes of a piece."""
        given_up = self._given_up.get(number, {})
        results = []
        for index, item in enumerate(self._pieces[number]):
            if index in given_up:
                results.append(given_up[index])
                continue
            self.mark(slot, number + 1, index + 1)
            results.append(self._work(item))
        self.mark(slot, number + 1)
        return results

    def next_piece(self, slot: int) -> int | None:
        """The number of the piece that is next; None if none is left."""
        taken = os.read(self._waiting, _NUMBER.size)
        if not taken:
            return None
        number: int = _NUMBER.unpack(taken)[0]
        self.mark(slot, number + 1)
        return number

    def mark(self, slot: int, number: int = 0, at: int = 0) -> None:
        """Notes what a process is at; see `_SLOT`."""
        _SLOT.pack_into(self._slots, slot * _SLOT.size, number, at)


def _why(status: int) -> str:
    """Why a process ended, of which this is the status."""
    if not os.WIFSIGNALED(status):
        return f"its process ended with status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"its process was ended by {name}{'; is memory short?' if number == signal.SIGKILL else ''}"


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


def _serve(crew: _Crew[Any, Any], slot: int, number: int | None, pipe: int) -> NoReturn:
    """What each process does. An interrupt is the parent's to see to."""
    status = 1

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, end)
        with os.fdopen(pipe, "wb") as results:
            try:
                number = crew.next_piece(slot) if number is None else number
                while number is not None:
                    _send(results, (number, crew.serve_piece(number, slot)))
                    crew.mark(slot)
                    number = crew.next_piece(slot)
                message = None
            except BrokenPipeError:
                raise
            except Exception as error:
                message = _failure(error)
            _send(results, message)
        status = 0
    except BaseException:  # the parent has ended, or ends this
        pass
    finally:
        os._exit(status)


def _failure(error: Exception) -> str:
    """What the parent says of an error that was not seen to."""
    if isinstance(error, MemoryError):
        return "memory is short in one of the processes (use fewer, with -j)"
    return f"a fault of this program: {type(error).__name__}: {str(error)[:200]} (please report it)"


def _send(results: BinaryIO, message: Any) -> None:
    data = pickle.dumps(message)
    results.write(_NUMBER.pack(len(data)) + data)
    results.flush()
