"""Work, counted and not timed: how many instructions of Python a call takes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(call: Callable[[], object]) -> int:
    """How many instructions of the interpreter a call runs; what C does in one of them is one."""
    count = 0

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def grows(call: Callable[[int], object], number: int) -> float:
    """How many times as much a call takes for twice the number."""
    call(number)  # what is done once only
    return steps(lambda: call(2 * number)) / steps(lambda: call(number))
