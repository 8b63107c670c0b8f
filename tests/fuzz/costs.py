"""What an input costs: instructions, processor time and memory of the target that takes it, against its size.

Coverage finds inputs that crash. These find those that are slow or fat: each input is measured, and one is a finding
that takes more than a multiple of the budget. A fuzzer keeps those that cost most for their size, and mutates them.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from typing import Final, NamedTuple

SECONDS: Final = 1.0
"""Processor seconds that any input may take in a target, which does several things with each, unpacked or not."""
PER_BYTE: Final = 20e-6
"""Seconds for each byte more: what it unpacks to is not known here."""
MEMORY: Final = 128 << 20
"""Bytes that any input may take, and `TIMES` its own."""
TIMES: Final = 64
KEPT: Final = 64
"""Inputs that are mutated: those that cost most."""

Target = Callable[[bytes], None]


class Cost(NamedTuple):
    """What one input took: processor seconds, and bytes at the most."""

    seconds: float
    memory: int

    def over(self, size: int) -> float:
        """How many times the budget of an input of this size that is."""
        return max(self.seconds / (SECONDS + PER_BYTE * size), self.memory / (MEMORY + TIMES * size))


def cost(target: Target, data: bytes, *, memory: bool) -> Cost:
    """What an input takes in a target; looking at memory makes it slower, so time is not taken then."""
    if memory:
        tracemalloc.start()
        try:
            target(data)
            return Cost(0.0, tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    start = time.process_time()
    target(data)
    return Cost(time.process_time() - start, 0)


class Growing:
    """Mutates inputs towards what costs most for its size: parts are repeated, exchanged and crossed.

    Args:
        seeds: what it starts from.
        chance: where its choices come from.
        longest: bytes of an input.
    """

    def __init__(self, seeds: list[bytes], chance: random.Random, longest: int) -> None:
        self._kept = [(0.0, seed) for seed in seeds if seed]
        self._chance = chance
        self._longest = longest

    def next(self) -> bytes:
        """An input."""
        data = bytearray(self._chance.choice(self._kept)[1])
        for _ in range(self._chance.randint(1, 4)):
            self._change(data)
        return bytes(data[: self._longest])

    def learn(self, data: bytes, worth: float) -> None:
        """Keeps an input that cost much."""
        self._kept.append((worth, data))
        if len(self._kept) > 2 * KEPT:
            self._kept.sort(key=lambda entry: -entry[0])
            del self._kept[KEPT:]

    def _change(self, data: bytearray) -> None:
        choose, size = self._chance, len(data)
        if not size:
            return
        start = choose.randrange(size)
        end = min(size, start + choose.choice((1, 2, 4, 16, 64, 512, size)))
        kind = choose.randrange(5)
        if kind == 0:  # once more, and often: what repeats is what grows
            data[start:start] = data[start:end] * choose.choice((1, 2, 8, 64, 512))
        elif kind == 1:
            data[start] = choose.randrange(256)
        elif kind == 2:
            del data[start:end]
        elif kind == 3:
            data[start:end] = choose.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"77777777777\0"))
        else:
            other = choose.choice(self._kept)[1]
            at = choose.randrange(max(1, len(other)))
            data[start:start] = other[at : at + choose.choice((4, 64, 512))]
