"""Bytes with some ranges replaced, without copying them once per change."""

from __future__ import annotations

from collections.abc import Sequence

Patch = tuple[int, int, bytes]
"""Start and end of a range, and what stands there instead."""


def spliced(data: bytes, patches: Sequence[Patch]) -> bytes:
    """`data` with every patch applied; patches are in order and do not overlap. Without any, `data` itself."""
    if not patches:
        return data
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    done = 0
    for start, end, replacement in patches:
        parts += (view[done:start], replacement)
        done = end
    parts.append(view[done:])
    return b"".join(parts)
