"""HTML that cannot be broken by what stands in it: text is escaped unless it was made here."""

from __future__ import annotations

import html

from buildinfo.verify.report import readable

_VOID = frozenset(("input", "meta"))


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Text as markup. What no browser should see, such as marks that turn the direction of text, is spelled out."""
    return text if isinstance(text, Html) else Html(html.escape(readable(text)))


def joined(*children: str | None) -> Html:
    """Several pieces as one; those that are not markup are escaped, None is nothing."""
    return Html("".join(escaped(child) for child in children if child is not None))


def tag(name: str, /, *children: str | None, **attributes: str | bool | None) -> Html:
    """An element.

    Args:
        children: its content; those that are not markup are escaped.
        attributes: a trailing underscore is dropped, others become hyphens; False and None leave one out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = key.rstrip("_").replace("_", "-")
        words.append(spelled if value is True else f'{spelled}="{escaped(value)}"')
    opening = f"<{' '.join(words)}>"
    return Html(opening if name in _VOID else f"{opening}{joined(*children)}</{name}>")


def prose(text: str) -> Html:
    """A sentence; what stands between backticks is code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escaped(text)
    return joined(*(tag("code", piece) if index % 2 else piece for index, piece in enumerate(pieces)))
