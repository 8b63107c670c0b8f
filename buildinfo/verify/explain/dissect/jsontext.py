"""JSON: the order of members says nothing, so that both sides are compared with their members sorted."""

from __future__ import annotations

import json
from typing import Final

from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_JSON: Final = 16 << 20


def spread(before: bytes, after: bytes, place: Place) -> tuple[list[Hunk], list[bytes], list[bytes]] | None:
    """The order of members (kind `order`, name `members`), and the lines of both once they are sorted.

    None where the two are no JSON, or their members stand in one order.
    """
    old, new = _read(before), _read(after)
    if old is None or new is None or old[1] == new[1] or sorted(old[1]) != sorted(new[1]):
        return None
    names = (b"\n".join(key.encode("utf-8", "backslashreplace") for key in side[1][:1000]) for side in (old, new))
    return [place.hunk("order", "members", *names)], _lines(old[0]), _lines(new[0])


def _read(data: bytes) -> tuple[object, list[str]] | None:
    """A document, and its keys in order; None of what is none, or has two members of one name."""
    keys: list[str] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("two members of one name")
        keys.extend(found)
        return found

    if len(data) > MAX_JSON:
        return None
    try:
        number = "\0{}".format
        return json.loads(data, object_pairs_hook=members, parse_float=number, parse_int=number), keys
    except (ValueError, RecursionError):
        return None


def _lines(document: object) -> list[bytes]:
    return json.dumps(document, sort_keys=True, indent=0).encode().split(b"\n")
