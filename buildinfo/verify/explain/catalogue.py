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
    image,
    metadata,
    paths,
    python,
    text,
)

CATALOGUE: Final[tuple[Cause, ...]] = (
    *control.CAUSES,
    *framing.CAUSES,
    *metadata.CAUSES,
    *python.CAUSES,
    *archive.CAUSES,
    *image.CAUSES,
    *document.CAUSES,
    *binary.CAUSES,
    *paths.CAUSES,
    *text.CAUSES,
)
