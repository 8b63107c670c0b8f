"""Cutting secrets out of a value of a build, by one rule; docs/buildinfo.md tells it for people.

The awk in ``_buildinfo_cut`` of the hooks is this rule once more, part by part: a capture that stays on disk has no
secret either. Both go over a value word by word and take time linear in it, and what is cut twice is as if cut once.

- **Addresses**, behind ``//``: user information, query and fragment.
- **Names**: what is called a secret, behind ``=``, behind ``:``, or as the next word.
- **Ways**: what stands behind ``Bearer`` and ``Basic``, and the rest of an ``Authorization``.
- **Words** of more than 8,192 bytes, unless they are plain: so that no shell has to look into them.
- **Shapes**: tokens that tell themselves by how they begin, and private keys.

Behind a ``=`` nothing is left; elsewhere three dots stand for what was cut.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from buildinfo.capture.addresses import addresses

CUT: Final = "..."
MOST: Final = 8192
"""Most bytes of a word that is looked into; a longer one that is not plain is cut whole."""

_BLANK: Final = re.compile(r"([ \t\r\v\f\x1f])")

_KEY: Final = re.compile(r"(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]++)\\*[\"']?([=:])")
#: What is in the name of every secret.
_HINT: Final = re.compile(r"pass|pwd|pw|psk|token|secret|cred|auth|key|cookie", re.I)
_STRONG: Final = re.compile(
    r"(?:passwo?r?ds?|passphrase|passcode|passwort|token|secrets?|credentials?|authorization|cookie"
    r"|(?:api|access|private|priv|auth|signing|encryption|master|deploy|session|shared|storage|account|service)keys?"
    r"|(?:ssh|db|sql|user|root|admin|proxy|smtp|mail|ftp|http|login|store|key|gpg|svn|git|my|pg|ldap|vpn)(?:pass|pwd))\Z"
)
#: What is a secret as a word of its own, and in a name of several words alone.
_SHORT: Final = re.compile(
    r"(?:(?:\A|[_.-])(?:pass|pwd|pw|psk|creds?)|[_.-](?:auth|keys?)|[a-z0-9](?:Pass|Pwd|Psk|Creds?|Auth|Keys?))\Z"
)
_NO_SECRET: Final = re.compile(
    r"(?:\A|[_.-])(?:public|pub|primary|foreign|cache|sort|hot|partition|index|map|dict|unique|function|menu|arrow"
    r"|shortcut|compose|modifier|host|known|lookup|hash|group|order|search|any)[_.-]?keys?\Z"
)
_NUMBER: Final = re.compile(r"[_.-]*[0-9]+\Z")
_KIND: Final = re.compile(
    r"(?:[_.-](?:value|text|hex|raw|prod|dev|test|staging|old|new)|[_.-]?(?:base64|b64|string))\Z"
)
_CHOICE: Final = re.compile(
    r"(?:with|without|enable|disable|have|has|use|no|need|needs|want|support|allow|require|build)[_.-]"
)
_CHOSEN: Final = re.compile(r"[\"']?(?:0|1|y|n|yes|no|on|off|true|false|enabled|disabled|auto|none)?[\"']?[,;]?\Z")
_OPTION: Final = re.compile(
    r"--[A-Za-z0-9_.-]+|-(?:[Pp]assword|passwd|passphrase|pass|storepass|keypass|[Tt]oken|[Ss]ecret|[Aa]pi[Kk]ey|psk|pw)"
)
_BARE: Final = frozenset(("password", "passwd", "passphrase"))
_WAYS: Final = frozenset(("bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey", "aws4-hmac-sha256"))
_BASIC: Final = re.compile(r"[\"']?[+-9=A-Z_a-z]{8}")
#: Words without a sign, and those among them that announce something.
_WORDY: Final = re.compile(r"(?!-)[%+-9A-Z_a-z]*\Z(?<!-----BEGIN)")
_TELLING: Final = _BARE | {"bearer", "basic"}
_CURL: Final = frozenset(("-u", "-U", "--user", "--proxy-user"))
_USER: Final = frozenset(("--user", "--proxy-user"))
_NUMBERS: Final = re.compile(r"[\"']?[0-9]+:[0-9]+[\"']?\Z")
_LEAD: Final = re.compile(r"[\\\"'(<{\[]*")
_LAST: Final = "\\\"')>}],;"
_HEAD: Final = re.compile(r"[A-Z0-9]+\Z")
_SHAPES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9_]{6}|github_pat_[A-Za-z0-9_]{6}"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|ffct)-[A-Za-z0-9_-]{6}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{8}|xox[a-z]-[A-Za-z0-9-]{6}|npm_[A-Za-z0-9]{20}|pypi-[A-Za-z0-9_-]{16}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{6}|AIza[A-Za-z0-9_-]{20}|hf_[A-Za-z0-9]{20})[A-Za-z0-9_.+/=-]*"
)
_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6}[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{4}[A-Za-z0-9_-]*\.[A-Za-z0-9_.+/=-]*"
)
_MARK: Final = "-----"
_SIGNS: Final = frozenset(("=", ":", ":=", "==", "=>", "\\"))
"""What may stand between a name and its value."""
_LONGEST: Final = 64
"""Letters at the end of a name that are looked at."""

_Pending = Literal["", "option", "name", "basic", "login"]
"""What the next word may be the value of: of an option, which may have none; of a name, which has one."""


def cut_secrets(value: str) -> str:
    """A value without what looks like a secret."""
    return _Words().cut(_JWT.sub(CUT, _SHAPES.sub(CUT, value)))


def is_secret(name: str, value: str = "x") -> bool:
    """Whether what has this name, and stands before this value, is a secret.

    Args:
        name: letters, digits, ``_``, ``.`` and ``-``; of an option with its dashes, of ``-Dname=value`` with ``-D``.
        value: a choice such as ``yes`` is none behind ``--with-...`` and the like.
    """
    name = name[-_LONGEST:]
    if _HINT.search(name) is None:
        return False
    plain = name.lstrip("-")
    if name.startswith("-D"):
        plain = plain[1:]
    kind = _KIND.search(plain.lower())
    plain = _NUMBER.sub("", plain if kind is None else plain[: kind.start()])
    lower = plain.lower()
    if _NO_SECRET.search(lower) or (_CHOICE.match(lower) and _CHOSEN.match(value.lower())):
        return False
    if _STRONG.search(re.sub(r"[_.-]", "", lower)):
        return True
    return plain not in ("PWD", "OLDPWD") and (_SHORT.search(lower) or _SHORT.search(plain)) is not None


class _Words:
    """Goes over a value and remembers what an earlier word said of the next."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._pending: _Pending = ""
        self._quote = ""
        self._closes = False
        """Whether the quote that ends a secret stays."""
        self._start = 0
        """Where the current word begins in what was made."""
        self._head = 0
        """Of a private key: 1 in its first line, 2 where that says so, 3 in what is secret."""

    def cut(self, value: str) -> str:
        for number, line in enumerate(value.split("\n")):
            if number:
                self._blank("\n")
            for place, word in enumerate(_BLANK.split(line)):
                if place % 2:
                    self._blank(word)
                elif word:
                    self._word(word)
        return "".join(self._made)

    def _blank(self, blank: str) -> None:
        if not self._quote and self._head != 3:
            self._made.append(blank)

    def _word(self, word: str) -> None:
        if self._quote:
            self._in_quotes(word)
        elif self._head == 3:
            self._in_key(word)
        elif not (self._head and self._in_head(word)) and not (self._pending and self._is_value(word)):
            self._plain(word)

    # Values that go on.

    def _in_quotes(self, word: str) -> None:
        place = word.find(self._quote)
        if place >= 0:
            self._made.append(self._quote if self._closes else "")
            self._quote = ""

    def _in_head(self, word: str) -> bool:
        place = word.find(_MARK)
        if place < 0:
            self._head = (2 if word == "PRIVATE" else self._head) if _HEAD.match(word) else 0
            return False
        private, self._head = self._head == 2, 0
        if private:
            self._made.append(word[: place + len(_MARK)] + CUT)
            self._head = 3
            self._in_key(word[place + len(_MARK) :])
        return private

    def _in_key(self, word: str) -> None:
        place = word.find(_MARK + "END")
        if place >= 0:
            self._made.append(word[place:])
            self._head = 0

    # What an earlier word announced.

    def _is_value(self, word: str) -> bool:
        """Whether a word is the value that an earlier one announced; then it is cut."""
        pending, self._pending = self._pending, ""
        if pending == "option" and word.startswith("-"):
            return False
        if pending == "basic" and not _BASIC.match(word):
            return False
        if pending == "login" and (":" not in word or _NUMBERS.match(word)):
            return False
        if word in _SIGNS or _inside(word).lower() in _WAYS:
            self._pending = pending if word == "\\" else "name"
            self._made.append(word)
            return True
        lead, trail = _around(word)
        self._made.append(lead + (CUT if len(lead) + len(trail) < len(word) else "") + trail)
        for quote in "\"'":
            if quote in lead and word.count(quote) % 2:
                self._quote, self._closes = quote, True
        return True

    # Words.

    def _plain(self, word: str) -> None:
        if _WORDY.match(word) and word.lower() not in _TELLING:
            self._made.append(word)
            return
        if len(word.encode("utf-8", "surrogateescape")) > MOST:
            self._made.append(CUT)
            return
        self._start = len(self._made)
        pieces = addresses(word)
        for number, piece in enumerate(pieces):
            if self._names(word, piece, number == len(pieces) - 1):
                return
        if word.endswith(_MARK + "BEGIN"):
            self._head = 1
            return
        inside = _inside(word)
        if (_OPTION.fullmatch(inside) and is_secret(inside)) or inside.lower() in _BARE:
            self._pending = "option"
        elif inside.lower() == "bearer":
            self._pending = "name"
        elif inside.lower() == "basic":
            self._pending = "basic"
        elif word in _CURL:
            self._pending = "login"

    def _names(self, word: str, piece: str, last: bool) -> bool:
        """Puts down a piece of a word up to what is secret, and says whether it has such."""
        for match in _KEY.finditer(piece):
            name, sign = match.groups()
            there = match.end() < len(piece)
            if not is_secret(name) and not (name in _USER and sign == "="):
                continue
            if sign == ":" and not there and not last:  # the scheme of an address
                break
            rest = piece[match.end() :]
            if name in _USER:
                if ":" not in rest or _NUMBERS.match(rest):
                    continue
            elif not is_secret(name, rest):
                continue
            if _inside(rest).lower() in _WAYS or (sign == ":" and not there):
                self._made.append(piece)
                self._pending = "name"
                return True
            self._made.append(piece[: match.end()])
            self._secret(word, rest, sign)
            return True
        self._made.append(piece)
        return False

    def _secret(self, word: str, rest: str, sign: str) -> None:
        """Puts down what stands for a secret behind a name; `rest` begins with it."""
        outer = word[:1] if word[:1] in ("'", '"') else ""
        inner = rest.lstrip("\\")[:1]
        if sign == ":":
            self._made.append(CUT)
        if outer and word.count(outer) % 2 == 0 and "".join(self._made[self._start :]).count(outer) % 2:
            self._made.append(outer)
        for quote, closes in ((inner, False), (outer, True)):
            if quote and quote in "\"'" and word.count(quote) % 2:
                self._quote, self._closes = quote, closes
                return


def _around(word: str) -> tuple[str, str]:
    """The quotes and brackets before a word and behind it."""
    lead = _LEAD.match(word)
    assert lead is not None  # it may be empty
    left = lead.group()
    return left, word[max(len(left), len(word.rstrip(_LAST))) :]


def _inside(word: str) -> str:
    lead, trail = _around(word)
    return word[len(lead) : len(word) - len(trail)]
