"""ar archives: static libraries, and .deb packages.

Leaks: times and owners of members. Canonical form: the mode is 755 if the owner may execute the member, else 644; not
of what is no plain file, or has a setuid, setgid or sticky bit, which ar puts on what it unpacks.

Sources: ar(5) of FreeBSD for the header, the `/`, `//` and `/SYM64/` members of System V and GNU and the `#1/N` names
of BSD. The order of members is kept: the first of two members that define a symbol is the one that is linked.
"""

from __future__ import annotations

import re
import stat
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Job, LeftAlone, Signed
from buildinfo.normalize.vouchnames import signed_among

MAGIC: Final = b"!<arch>\n"
THIN: Final = b"!<thin>\n"
HEADER: Final = 60
END: Final = b"`\n"
MAX_NAME: Final = 1024
"""Bytes of a long name that are looked at; names only go to the report."""

_TIME, _UID, _GID, _MODE, _SIZE = slice(16, 28), slice(28, 34), slice(34, 40), slice(40, 48), slice(48, 58)
_DECIMAL: Final = re.compile(rb" *(-?[0-9]{1,12}) *").fullmatch
_OCTAL: Final = re.compile(rb" *([0-7]{1,8}) *").fullmatch
_SPECIAL: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_SYMBOLS: Final = (b"/", b"/SYM64/")
_SIGNATURES: Final = ("_gpgorigin", "_gpgmaint", "_gpgarchive", "_gpgbuilder")
"""Members that debsigs(1) and dpkg-sig(1) put into a .deb."""
_LONG_NAMES: Final = b"//"
_BSD_NAME: Final = re.compile(rb"#1/([0-9]{1,9})").fullmatch
_LONG_NAME: Final = re.compile(rb"/([0-9]{1,9})").fullmatch


class Ar:
    """`!<arch>`."""

    name = "ar"

    def normalize(self, data: bytes, job: Job) -> bytes:
        if data.startswith(THIN):
            raise FormatError("thin ar archives are refused: their members lie in other files", offset=0)
        if not data.startswith(MAGIC):
            raise FormatError("no ar archive", offset=0)
        parts = [MAGIC]
        long_names = b""
        names: set[str] = set()
        at = len(MAGIC)
        while at < len(data):
            header = data[at : at + HEADER]
            size = _size(header, at)
            start = at + HEADER
            if size > len(data) - start:
                raise FormatError("an ar member that reaches past the end of the file", offset=at)
            # The byte that pads the last member to an even size is often missing.
            end = min(start + size + size % 2, len(data))
            name = header[:16].rstrip(b" ")
            if name == _LONG_NAMES:
                long_names = data[start : start + size]
                parts += [header, data[start:end]]
            else:
                bsd = _BSD_NAME(name)
                names.add(_path(name, data[start : start + int(bsd[1])] if bsd else b"", long_names))
                parts.append(self._header(header, name, at, job))
                parts.append(self._content(data[start : start + size], name, long_names, at, job))
                parts.append(data[start + size : end])
            at = end
        if pair := signed_among(names):
            raise Signed(pair)
        if any(name.startswith(_SIGNATURES) for name in names):
            raise Signed("it is a signed package of Debian")
        result = b"".join(parts)
        return data if result == data else result

    def _header(self, header: bytes, name: bytes, at: int, job: Job) -> bytes:
        """The header with its leaks removed; blank fields, as some tools give symbol tables, stay blank."""
        fields = bytearray(header)
        mode = _OCTAL(header[_MODE])
        # Whose program a setuid one is decides whose rights it gives.
        owned = mode is not None and bool(int(mode[1], 8) & _SPECIAL)
        owners = () if owned else ((_UID, _nobody), (_GID, _nobody))
        for field, value in ((_TIME, job.time), *owners):
            old = _number(header[field], at)
            if old is not None and value(old) != old:
                fields[field] = _padded(value(old), header[field])
        # The mode of a System V symbol table is no mode: ar writes 0.
        if job.form(self.name) and name not in _SYMBOLS and header[_MODE].strip(b" "):
            if not mode:
                raise FormatError("an ar member whose mode is not a number", offset=at)
            bits = int(mode[1], 8)
            if stat.S_IFMT(bits) in (0, stat.S_IFREG) and not bits & _SPECIAL:
                fields[_MODE] = b"755     " if bits & 0o100 else b"644     "
        return bytes(fields)

    def _content(self, content: bytes, name: bytes, long_names: bytes, at: int, job: Job) -> bytes:
        """The member's bytes, normalized if that keeps their number: symbol tables hold offsets of members."""
        if name in _SYMBOLS:
            return content
        prefix = 0
        if bsd := _BSD_NAME(name):
            prefix = int(bsd[1])
            if prefix > len(content):
                raise FormatError("an ar member whose name is longer than the member", offset=at)
        inner = content[prefix:]
        path = _path(name, content[:prefix], long_names)
        changes = len(job.report.changes)
        result = job.nested(inner, path)
        if result is inner:
            return content
        if len(result) != len(inner):
            del job.report.changes[changes:]
            job.skipped(self.name, f"its member {path} is left as it is: it would change its size")
            return content
        return content[:prefix] + result


def _nobody(owner: int) -> int:
    return 0


def _size(header: bytes, at: int) -> int:
    if len(header) != HEADER or header[58:] != END:
        raise FormatError("a broken ar member header", offset=at)
    size = _number(header[_SIZE], at)
    if size is None or size < 0:
        raise FormatError("an ar member without a size", offset=at)
    return size


def _number(field: bytes, at: int) -> int | None:
    """A decimal header field; None if it is blank."""
    if not field.strip(b" "):
        return None
    match = _DECIMAL(field)
    if not match:
        raise FormatError("an ar member whose header holds no number where one belongs", offset=at)
    return int(match[1])


def _padded(value: int, field: bytes) -> bytes:
    text = b"%d" % value
    if len(text) > len(field):
        raise LeftAlone(f"{value} does not fit into the header of an ar member")
    return text.ljust(len(field))


def _path(name: bytes, prefix: bytes, long_names: bytes) -> str:
    """The member's name for the report."""
    if prefix:
        name = prefix[:MAX_NAME].rstrip(b"\0")
    elif long := _LONG_NAME(name):
        start = int(long[1])
        name = long_names[start : start + MAX_NAME].partition(b"\n")[0].rstrip(b"/\0")
    elif name.endswith(b"/"):
        name = name[:-1]
    return name.decode("utf-8", "backslashreplace")
