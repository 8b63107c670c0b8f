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
from buildinfo.verify.explain.proofs import LIMITS

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
    return "\n".join([_HEAD, *map(_row, CATALOGUE)])


def _row(cause: Cause) -> str:
    limits = LIMITS[cause.name]
    harmless = f" *Harmless by that:* {limits.harmless}." if limits.harmless else ""
    told = f"*Undone:* {limits.undone}.{harmless} *Missed:* {limits.missed}."
    return f"### {cause.name}\n\n{cause.title[0].upper()}{cause.title[1:]}.\n\n{told}\n\n*Mend:* {cause.advice}\n"


_HEAD: Final = """\
# Causes

`verify` tells why two packages differ. Differences are taken apart into hunks: one value, one line, one header field.
A cause is a transformation: it explains a hunk only if undoing it on both sides makes the two equal. Every hunk goes to
the cause that is surest of it; several causes go together where one line has several. What is still unequal is
`unknown`, always, with its place: nothing is guessed, and a pair or file with it is *not fully explained*. A package
that only one side has is `missing-package`.

What follows from a cause is computed. In ELF files functions are matched and compared with what they refer to, tables
are read as what they say, and data is compared with the addresses in it. What cannot be compared is unknown: code of
another compiler, or of a processor other than x86 and 64-bit ARM where texts moved.

Order is harmless only where a format says so. In settings (below /etc, `.conf`, `.yaml` and the like) and scripts,
lines that are no remarks are nobody's traces: names, paths and times there are edits unless words beside them, or the
records, tell that they are of the build. A time is one of a build only from ten years before the builddate, where words
tell of it, or two days before, where none does, to 400 days behind it.

A cause has a weight from 0 to 1. It is the certainty of its surest hunk, raised where the records of both builds differ
in what belongs to it (another gcc and another `.comment`), and halved where both are known and say nothing of it,
though they record such things: paths, users and hosts they do not by default. A value that follows from others, such as
a hash, a size or an offset, has the causes of those.

This page is written from the catalogue by `make schemas`; of equal weights the first cause wins.
"""


if __name__ == "__main__":
    print(page(), end="")
