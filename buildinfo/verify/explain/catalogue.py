"""The catalogue: every cause that is known. Of equal weights the first wins; docs/causes.md is written from it."""

from __future__ import annotations

from typing import Final

from buildinfo.verify.explain.cause import Cause
from buildinfo.verify.explain.causes import (
    archive,
    binary,
    control,
    document,
    framing,
    generators,
    header,
    image,
    metadata,
    paths,
    python,
    relations,
    text,
    vouched,
)

CATALOGUE: Final[tuple[Cause, ...]] = (
    *control.CAUSES,
    *relations.CAUSES,
    *framing.CAUSES,
    *metadata.CAUSES,
    *python.CAUSES,
    *vouched.CAUSES,
    *archive.CAUSES,
    *image.CAUSES,
    *header.CAUSES,
    *document.CAUSES,
    *binary.CAUSES,
    *paths.CAUSES,
    *text.CAUSES,
    *generators.CAUSES,
)


def page() -> str:
    """The catalogue for people: docs/causes.md."""
    rows = [
        f"### {cause.name}\n\n{cause.title[0].upper()}{cause.title[1:]}.\n\n*Mend:* {cause.advice}\n"
        for cause in CATALOGUE
    ]
    return "\n".join([_HEAD, *rows])


_HEAD: Final = """\
# Causes

`verify` tells why two packages differ. Differences are taken apart into hunks: one value, one line, one header field.
Every hunk goes to the cause that is surest of it; several causes go together where one line has several. What no cause
explains is `unknown`, with an excerpt: nothing is guessed. A package that only one side has is `missing-package`.

A cause has a weight from 0 to 1. It is the certainty of its surest hunk, raised where the records of both builds differ
in what belongs to it (another gcc and another `.comment`), and halved where both are known and say nothing of it.
A value that follows from others, such as a hash, a size or an offset, has the causes of those.

This page is written from the catalogue by `make schemas`; of equal weights the first cause wins.
"""


if __name__ == "__main__":
    print(page(), end="")
