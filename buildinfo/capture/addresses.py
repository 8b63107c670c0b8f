"""User information, queries and fragments of the addresses in a word, cut out of it in one pass.

An address begins behind ``//``, where a scheme stands before it, or nothing, or what parts words in a list. A password
may hold any letter: a ``/`` (so that the user looks like a host), an ``@``, a ``?``. Where it cannot be told from a
path, it is cut: better an odd address than a password that was not to be told. A path keeps its ``@`` where a scope or
a version stands there (``/@scope/name@1.2``), and where its host is one beyond doubt.
"""

from __future__ import annotations

import re
from typing import Final

#: The end of an address in a list, and the scheme of the next.
_LISTED: Final = re.compile(r"[,|][A-Za-z][A-Za-z0-9+.-]*:\Z")
_BEFORE: Final = "=,;\"'(|<>[{"
_QUERY: Final = re.compile(r"[?#]")
#: Without one of these nothing is cut.
_CUTTING: Final = re.compile(r"[@?#]")
_END: Final = re.compile(r"[/?#]")
_PORT: Final = re.compile(r"[1-9][0-9]{1,4}")
_HOST: Final = re.compile(r"(?!v[0-9])[A-Za-z\[]|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]")
_USER: Final = re.compile(r"[A-Za-z0-9._%+~$-]+")
_NO_USER: Final = frozenset((".", "..", "mailto", "pkg", "sip", "sips", "xmpp", "acct"))
_DIGEST: Final = re.compile(r"(?:sha1|sha256|sha384|sha512|md5):")


def addresses(word: str, *, queries: bool = False) -> list[str]:
    """A word in pieces, without what is to be cut of its addresses.

    Args:
        word: without blanks.
        queries: leave queries and fragments.
    """
    if not _CUTTING.search(word):
        first, *more = word.split("//")
        return [first, *(f"//{part}" for part in more)]
    return _Word(word, queries).pieces()


class _Word:
    """A word in the parts between its ``//``. Parts up to the end of a list's entry are a group: an address with paths.

    Attributes:
        tail: of each part, what ends its group; "" where it goes on.
        last: of each part, the last of its group from there on with an ``@``; 0 for none.
        shady: likewise, with an ``@`` that may end a password, before any query.
        loose: likewise, where there is a password for sure.
    """

    def __init__(self, word: str, queries: bool) -> None:
        self.parts = word.split("//")
        self.queries = queries
        count = len(self.parts)
        self.tail, self.last, self.shady, self.loose = [""] * count, [0] * count, [0] * count, [0] * count
        for at in range(count - 1, 0, -1):
            found = _LISTED.search(self.parts[at]) if at < count - 1 else None
            self.tail[at] = "" if found is None else found.group()
            body = self._body(at)
            on = at + 1 if at < count - 1 and found is None else 0
            self.last[at] = (self.last[on] if on else 0) or (at if "@" in body else 0)
            on = 0 if _QUERY.search(body) else on
            self.shady[at] = (self.shady[on] if on else 0) or (at if _shady(body) >= 0 else 0)
            self.loose[at] = (self.loose[on] if on else 0) or (at if _shady(body, loose=True) >= 0 else 0)

    def pieces(self) -> list[str]:
        made = [self.parts[0] if self.queries else _without_login(self.parts[0])]
        at, inside, dropping = 1, False, False
        while at < len(self.parts):
            before = self.parts[at - 1]
            if at == 1 or self.tail[at - 1]:
                inside = dropping = False
            if dropping:
                made.append(self.tail[at])
                at += 1
                continue
            text = self._body(at)
            if before.endswith(":") or not before or before[-1] in _BEFORE:
                scheme = before.endswith(":")
                place, start = self._cut(at, scheme)
                inside = inside or scheme or bool(place) or "." in _authority(text)
                if place:
                    at, text = place, self._body(place)[start:]
                    odd = re.search(r"[&=]", _authority(text))  # it was no host
                    if odd is not None:
                        text, dropping = text[: odd.start()], True
            query = _QUERY.search(text) if inside and not self.queries else None
            if query is not None:
                text, dropping = text[: query.start()], True
            made.append(f"//{text}{self.tail[at]}")
            at += 1
        return made

    def _body(self, at: int) -> str:
        return self.parts[at].removesuffix(self.tail[at]) if self.tail[at] else self.parts[at]

    def _cut(self, at: int, scheme: bool) -> tuple[int, int]:
        """Where the host of the address in a part begins: the part and the place in it; (0, 0) if it has no user."""
        authority = _authority(self._body(at))
        if "@" in authority:
            return self._behind_user(at, authority, scheme)
        host, colon, port = authority.partition(":")
        if not self.last[at] or authority.startswith("["):
            return 0, 0
        if colon and not _PORT.fullmatch(port):
            return self.last[at], self._body(self.last[at]).rindex("@") + 1
        if not scheme or not host or (not colon and ("." in host or host.lower() == "localhost")):
            return 0, 0
        if self.shady[at]:
            return self.shady[at], _shady(self._body(self.shady[at])) + 1
        bare = self._body(at).startswith(("?", "#"), len(authority))
        return self._behind_query(at) if bare and not colon else (0, 0)

    def _behind_user(self, at: int, authority: str, scheme: bool) -> tuple[int, int]:
        """The same where an ``@`` stands before any slash: a password goes on to the last that may be its end."""
        user = authority.partition("@")[0]
        end = at, authority.rindex("@") + 1
        if ":" not in user:
            return end if user or scheme else (0, 0)
        if self.loose[at]:
            end = max(end, (self.loose[at], _shady(self._body(self.loose[at]), loose=True) + 1))
        return max(end, self._behind_query(at))

    def _behind_query(self, at: int) -> tuple[int, int]:
        """The same where what looks like a query names nothing: it is the rest of a password."""
        body = self._body(at)
        query = _QUERY.search(body)
        rest, sign, _ = body[query.end() :].rpartition("@") if query else ("", "", "")
        return (at, body.rindex("@") + 1) if sign and not re.search("[=&]", rest) else (0, 0)


def _authority(body: str) -> str:
    return _END.split(body, maxsplit=1)[0]


def _shady(body: str, *, loose: bool = False) -> int:
    """The place of the last ``@`` before a query that may be the end of a password; -1 if there is none."""
    path = _QUERY.split(body, maxsplit=1)[0]
    place = path.rfind("@")
    while place > 0 or (loose and place == 0):
        if (loose or path[place - 1] != "/") and _HOST.match(path, place + 1):
            return place
        place = path.rfind("@", 0, place)
    return -1


def _without_login(text: str) -> str:
    """``user:password@host:path`` without user and password."""
    left, at, host = text.rpartition("@")
    user, colon, password = left.partition(":")
    if not at or not colon or not password or not _HOST.match(host) or _DIGEST.match(host):
        return text
    start = max(user.rfind(letter) for letter in _BEFORE) + 1
    if not _USER.fullmatch(user, start) or user[start:].lower() in _NO_USER:
        return text
    return text[:start] + host
