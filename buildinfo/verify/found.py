"""A difference while it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from buildinfo.verify.contents import Key
from buildinfo.verify.report import Difference, Layer, readable
from buildinfo.verify.verdict import Verdict

NORMALIZED: Final[Verdict] = "identical-normalized"
PAYLOAD: Final[Verdict] = "payload-identical"
DIFFERENT: Final[Verdict] = "different"


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, and the strongest verdict that it allows.

    Attributes:
        key: the entry that it is about, of the control segment in the layer control, else of the data segment.
        before, after: the two values as text, one on each line where a key has several; None where there are none.
    """

    difference: Difference
    gravity: Verdict
    key: Key | None = None
    before: str | None = None
    after: str | None = None

    @property
    def is_content(self) -> bool:
        """Whether the content of a regular file differs, which is there on both sides."""
        return self.difference.layer == "file" and self.difference.field is None and self.key is not None


def differing(  # noqa: PLR0917  # a difference is a row of a table
    layer: Layer,
    path: str | None,
    field: str,
    before: str,
    after: str,
    gravity: Verdict,
    *,
    about: str = "",
    key: Key | None = None,
    apart: bool = True,
) -> Found:
    """A field with two values.

    Args:
        about: of what, where that is no file.
        apart: whether these are values, and not only words for there being two.
    """
    detail = f"{about}: " if about else ""
    detail += f"{shown(before)} -> {shown(after)}"
    difference = Difference(layer=layer, path=path, field=readable(field), detail=detail)
    if apart:
        difference.original, difference.rebuilt = readable(before), readable(after)
    return Found(difference, gravity, key, before, after)


def in_lines(values: list[str]) -> str | None:
    """Several values, one a line; None of none."""
    return "\n".join(map(readable, values)) if values else None


def shown(value: str, limit: int = 120) -> str:
    """A value as it may stand in a line of text."""
    text = readable(value.replace("\n", "\\n"))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
