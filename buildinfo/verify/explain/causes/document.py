"""The dates that generators of documents write."""

from __future__ import annotations

import re
from typing import Final

from buildinfo.verify.explain.cause import MARK, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern
from buildinfo.verify.explain.stamp import is_schedule, masked

_DOCUMENTS: Final = frozenset(("html", "svg", "man", "pdf", "postscript", "info", "rtf"))
_STAMP: Final = Pattern(
    rb"""^['.]\s*(TH|Dd|SH)\b | ^['.]\\" | CreationDate | ModDate | xmp: | <!--.*generated
    | generated\s+(on|by|at|using|with|from)
    | last\s+(updated|modified|built|change) | (updated|created|produced|rendered|built)\s+(on|at|by|with)\b
    | <meta\s[^>]*(date|created|generat|modified) | class="?(date|timestamp|footer|pubdate|docdate|smallprint)
    | \bdoxygen\b
    | <(pubdate|date|dc:date|time)\b | javadoc | texi2(html|any)|makeinfo | \bDate:\s | [-_]date"?\s*[:=]
    | ^\s*(<[^>]+>\s*)*(date|revised)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_HEADING: Final = Pattern(rb"^['.]\s*(TH|Dd|SH)\b")
_PDF_ID: Final = Pattern(rb"/ID\s*\[\s*<[0-9A-Fa-f]+>\s*<[0-9A-Fa-f]+>\s*\]|(?<=uuid:)[0-9a-fA-F-]{36}")


class DocumentDate(TextCause):
    name = "document-date"
    title = "a generated document holds the time it was generated"
    advice = (
        "Let the generator use SOURCE_DATE_EPOCH (doxygen TIMESTAMP=NO (before 1.9.7 HTML_TIMESTAMP), "
        "ghostscript -dOmitInfoDate=true -dOmitID=true -dOmitXMP=true, sphinx html_last_updated_fmt=None, "
        "javadoc -notimestamp, pod2man --date, help2man and asciidoctor follow it), or update the generator."
    )
    certainty = 0.95

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        name, _, generated = hunk.name.partition("+")
        if name not in _DOCUMENTS and not (_IN_PDF.search(before) and _IN_PDF.search(after)):
            return before, after
        before, after = _PDF_ID.sub(MARK, before), _PDF_ID.sub(MARK, after)
        if not _STAMP.search(before) or not _STAMP.search(after):
            return before, after
        if is_schedule(hunk, before) or is_schedule(hunk, after):
            return before, after
        # A heading that somebody wrote by hand has the date of the text.
        told = bool(generated) or not (_HEADING.search(before) and _HEADING.search(after))
        return masked(before, MARK, evidence, told=told), masked(after, MARK, evidence, told=told)


_IN_PDF: Final = Pattern(rb"/(Creation|Mod)Date|%%CreationDate|<xmp:|<pdf:|/ID\s*\[")

CAUSES: Final[tuple[TextCause, ...]] = (DocumentDate(),)
