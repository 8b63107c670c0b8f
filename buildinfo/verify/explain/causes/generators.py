"""Causes that show in what generators write: their versions, years, addresses of objects, the language of messages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from buildinfo.verify.explain import role
from buildinfo.verify.explain.cause import MARK, Masked, TextCause
from buildinfo.verify.explain.evidence import Evidence
from buildinfo.verify.explain.hunk import Hunk
from buildinfo.verify.explain.pattern import Pattern

_TEXT: Final = frozenset(("text",))


class GeneratorVersion(TextCause):
    name = "generator-version"
    title = "another version of the program that generated a file wrote its name and version into it"
    advice = "Install the generator in the version that the original's record names, or ship what upstream generated."
    certainty = 0.88
    kinds = _TEXT
    records = ("installed", "tool")

    _PATTERNS: Final = (
        Pattern(
            rb"(?i)(?P<known>\b(?:generated|made|created|produced|rendered|compiled)\s+(?:automatically\s+)?"
            rb"(?:by|with|using|from)\s+(?:[A-Za-z][\w+.-]*[\s,(/]+){0,4}?[A-Za-z][\w+-]*,?[\s/(-]+(?:version\s+)?)"
            rb"v?\d+(?:\.\d+)+[\w+~-]*"
        ),
        Pattern(
            rb"(?i)(?P<known>name=[\"']?generator[\"']?\s+content=[\"'][A-Za-z][\w .+-]*?\s)v?\d+(?:\.\d+)+[\w+~-]*"
        ),
        Pattern(rb"(?P<known>#\s*define\s+(?:YYBISON|YY_FLEX_(?:MAJOR|MINOR|SUBMINOR)_VERSION|SWIGVERSION)\s+)\S+"),
        Pattern(rb"(?P<known>#\s*define\s+YYBISON_VERSION\s+)\"[\d.]+\""),
        Pattern(
            rb"(?P<known>\b(?:Doxygen|DocBook XSL Stylesheets|Sphinx|Pod::Man|help2man|Asciidoctor|GNU Texinfo) v?)"
            rb"\d+(?:\.\d+)+"
        ),
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        for pattern in self._PATTERNS:
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(_kept, before), pattern.sub(_kept, after)
        return before, after


def _kept(match: re.Match[bytes]) -> bytes:
    return match["known"] + MARK


class CopyrightYear(TextCause):
    name = "copyright-year"
    title = "the year of the build was written into a copyright line"
    advice = (
        "Take the year from SOURCE_DATE_EPOCH (`date -u -d @$SOURCE_DATE_EPOCH +%Y`; Sphinx follows it since 8.1), "
        "or write it by hand."
    )
    certainty = 0.86
    kinds = _TEXT
    records = ("epoch",)

    _LINE: Final = Pattern(rb"(?i)copyright|\(c\)|&copy;|&#169;|\xc2\xa9")
    _YEAR: Final = Pattern(rb"(?<![\d.])20\d\d(?![\d.]|-\d)")
    _SPREAD: Final = 2

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if not (self._LINE.search(before) and self._LINE.search(after)):
            return before, after
        known = [datetime.fromtimestamp(date, UTC).year for date in evidence.builddates if date is not None]
        if not known:
            return before, after

        def year(match: re.Match[bytes]) -> bytes:
            return MARK if min(known) - 1 <= int(match[0]) <= max(known) + self._SPREAD else match[0]

        return self._YEAR.sub(year, before), self._YEAR.sub(year, after)


class ObjectAddress(TextCause):
    name = "object-address"
    title = "the address of an object in the memory of a process was written into a document"
    advice = (
        "Give the object a `__repr__` of its own, or tell the generator not to show default values "
        "(Sphinx: autodoc_preserve_defaults)."
    )
    certainty = 0.9
    kinds = _TEXT

    _ADDRESS: Final = Pattern(
        rb"(?P<known>(?:object|instance|function|method|generator|module|class|lambda|&gt;|>)[^<>&\n]{0,80}? at )"
        rb"0x[0-9a-fA-F]{6,16}(?=&gt;|>)"
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if self._ADDRESS.search(before) and self._ADDRESS.search(after):
            return self._ADDRESS.sub(_kept, before), self._ADDRESS.sub(_kept, after)
        return before, after


class Processor(TextCause):
    name = "processor"
    title = "what the processor of the machine that built is or can was written into a file"
    advice = (
        "Tell the build what to build for (OpenBLAS: TARGET and DYNAMIC_ARCH; ATLAS: its architecture defaults), "
        "without -march=native or what else looks at the machine."
    )
    certainty = 0.85
    kinds = _TEXT
    records = ("observation",)

    _PATTERNS: Final = (
        Pattern(
            rb"(?P<known>#\s*define\s+(?:L[123]|DTB|ITB|DTLB|ITLB|CACHE_?LINE)_?\w*(?:SIZE|ENTRIES|LINESIZE|ASSOCIATIVE)\w*\s+)\d+\b"
        ),
        Pattern(rb"(?P<known>^(?:model name|vendor_id|cpu family|cpu MHz|bogomips|stepping|microcode|flags)\s*:\s).*"),
        Pattern(
            rb"(?i)(?P<known>\b(?:cpu|processor)[ _-]?(?:model|name|type|brand)?\s*[:=]\s*[\"']?)"
            rb"(?:Intel|AMD|ARM|Neoverse)[^\"'\n]*"
        ),
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if role.is_settled(hunk):
            return before, after
        for pattern in self._PATTERNS:
            if pattern.search(before) and pattern.search(after):
                before, after = pattern.sub(_kept, before), pattern.sub(_kept, after)
        return before, after


_MONTHS: Final = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "janv. févr. mars avril mai juin juil. août sept. oct. nov. déc.",
    "ene feb mar abr may jun jul ago sep oct nov dic",
)
_DAYS: Final = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "mon tue wed thu fri sat sun",
    "lun. mar. mer. jeu. ven. sam. dim.",
)
_MESSAGES: Final = (
    (
        "no such file or directory",
        "datei oder verzeichnis nicht gefunden",
        "aucun fichier ou dossier de ce type",
        "no existe el fichero o el directorio",
        "no existe el archivo o el directorio",
        "file o directory non esistente",
        "arquivo ou diretório inexistente",
    ),
    ("permission denied", "keine berechtigung", "permission non accordée", "permiso denegado", "permesso negato"),
    ("file exists", "die datei existiert bereits", "le fichier existe", "el fichero ya existe", "file già esistente"),
    ("is a directory", "ist ein verzeichnis", "est un dossier", "es un directorio", "è una directory"),
    ("not a directory", "ist kein verzeichnis", "n'est pas un dossier", "no es un directorio", "non è una directory"),
    (
        "command not found",
        "befehl nicht gefunden",
        "commande introuvable",
        "orden no encontrada",
        "comando non trovato",
    ),
    ("warning", "warnung", "avertissement", "aviso", "attenzione"),
    ("error", "fehler", "erreur", "errore", "erro"),
    ("nothing to be done for", "für das ziel ist nichts zu tun", "rien à faire pour", "no se hace nada para"),
)


def _meanings() -> dict[str, bytes]:
    """What each word or message means, in all languages."""
    found: dict[str, bytes] = {}
    for kind, lists in ((b"month", _MONTHS), (b"day", _DAYS)):
        for words in lists:
            for number, word in enumerate(words.split()):
                found.setdefault(word, b"%s %d" % (kind, number))
    for number, messages in enumerate(_MESSAGES):
        for message in messages:
            found.setdefault(message, b"message %d" % number)
    return found


class LocaleLanguage(TextCause):
    name = "locale-language"
    title = "the names of months and days, or messages of programs, are those of two languages"
    advice = "Build with LC_ALL=C (or C.UTF-8): unset LANG, LANGUAGE and LC_MESSAGES."
    certainty = 0.9
    kinds = _TEXT
    records = ("condition:locale", "environment:LANG", "environment:LC_ALL")

    _MEANT: Final = _meanings()
    _WORDS: Final = re.compile(
        r"(?<![\w])(?:" + "|".join(re.escape(word) for word in sorted(_MEANT, key=len, reverse=True)) + r")(?!\w)",
        re.IGNORECASE,
    )

    def mask(self, hunk: Hunk, before: bytes, after: bytes, evidence: Evidence) -> Masked:
        if role.is_settled(hunk):
            return before, after
        old, new = (self._meant(side) for side in (before, after))
        return (old, new) if old == new else (before, after)

    def _meant(self, text: bytes) -> bytes:
        for charset in ("utf-8", "latin-1"):
            try:
                spelled = text.decode(charset)
            except UnicodeDecodeError:
                continue
            words = self._WORDS.sub(lambda match: f"\0{self._MEANT[match[0].lower()].decode()}\0", spelled)
            return words.encode(charset)
        return text


CAUSES: Final[tuple[TextCause, ...]] = (
    GeneratorVersion(),
    CopyrightYear(),
    ObjectAddress(),
    Processor(),
    LocaleLanguage(),
)
