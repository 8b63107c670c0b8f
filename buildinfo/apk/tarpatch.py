"""Changes to single fields of a tar member's header blocks, in the spelling that stands there.

What writes a tar anew writes its own dialect: other terminators, other places for long names. Here the blocks that the
reader kept (`Member.raw_headers`) are taken apart, single fields are changed, and all the rest stays byte for byte.

Sources: POSIX.1-2001 `pax`; GNU tar's `tar.h`, `create.c` (`L`/`K` headers) and `xheader.c` (names of `x` headers);
`add_legacy_checksum` in `abuild-tar.c` of abuild 3.13 and older.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from buildinfo.apk.tarheader import BLOCK
from buildinfo.errors import FormatError

Number = Literal["mode", "uid", "gid", "size", "mtime", "devmajor", "devminor", "atime", "ctime"]
"""Numbers of a header block; `atime` and `ctime` only exist under the GNU magic."""

NUMBERS: Final[Mapping[Number, slice]] = {
    "mode": slice(100, 108),
    "uid": slice(108, 116),
    "gid": slice(116, 124),
    "size": slice(124, 136),
    "mtime": slice(136, 148),
    "devmajor": slice(329, 337),
    "devminor": slice(337, 345),
    "atime": slice(345, 357),
    "ctime": slice(357, 369),
}

_CONSTANT: Final[tuple[Number, ...]] = ("uid", "gid", "mtime")
"""What every GNU long-name header states as 0."""
_NAME: Final = slice(0, 100)
_CHECKSUM: Final = slice(148, 156)
_TYPE: Final = slice(156, 157)
_LINKNAME: Final = slice(157, 257)
_MAGIC: Final = slice(257, 265)
_PREFIX: Final = slice(345, 500)
_LEGACY: Final = slice(160, 188)
_GNU: Final = b"ustar  \x00"
_OCTAL: Final = re.compile(rb"( *)([0-7]*)([ \0]*)").fullmatch
_PROCESS: Final = re.compile(rb"((?:.*/)?PaxHeaders)\.(?:[1-9][0-9]*(/[^/]*)?)?", re.DOTALL).fullmatch


@dataclass(slots=True)
class Headers:
    """The header blocks of one member, taken apart.

    What is set to the value that stands there already changes nothing; checksums are computed anew, in the spelling
    found, only for a block that changes. Bytes that pad an extended header to whole blocks are written as zeros.

    Attributes:
        extended: the `x`, `L` and `K` headers in order, each as its block and its body without padding.
        block: the member's own block.
    """

    extended: list[tuple[bytes, bytes]]
    block: bytearray

    @classmethod
    def parse(cls, raw: bytes) -> Headers:
        """Takes `Member.raw_headers` apart.

        Raises:
            FormatError: it is not what the reader keeps.
        """
        extended: list[tuple[bytes, bytes]] = []
        at = 0
        while raw[at : at + BLOCK][_TYPE] in (b"x", b"L", b"K"):
            block = raw[at : at + BLOCK]
            size = read_number(block[NUMBERS["size"]])
            at += BLOCK
            if not 0 <= size <= len(raw) - at:
                raise FormatError("extended tar header whose size does not fit", offset=at)
            extended.append((block, raw[at : at + size]))
            at += size + -size % BLOCK
        if len(raw) - at != BLOCK:
            raise FormatError("tar header blocks that do not end with the member's own", offset=at)
        return cls(extended, bytearray(raw[at:]))

    def build(self) -> bytes:
        """The blocks, put together again."""
        if not self.extended:
            return bytes(self.block)
        parts = [part for block, body in self.extended for part in (block, body, bytes(-len(body) % BLOCK))]
        return b"".join((*parts, self.block))

    @property
    def gnu(self) -> bool:
        """Whether the member's block has the GNU magic, and with it GNU's fields instead of a name prefix."""
        return self.block[_MAGIC] == _GNU

    @property
    def name(self) -> bytes:
        """The member's name, wherever it is written."""
        long = dict(self.pax()).get(b"path") or self._long(b"L")
        return long or _short_name(self.block)

    @property
    def linkname(self) -> bytes:
        """The link target, wherever it is written."""
        long = dict(self.pax()).get(b"linkpath") or self._long(b"K")
        return long or _text(self.block[_LINKNAME])

    def pax(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of the `x` header in order, verbatim; empty if there is none."""
        at = self._find(b"x")
        return [] if at is None else _records(self.extended[at][1])

    def set_pax(self, records: list[tuple[bytes, bytes]]) -> None:
        """Writes these keys and values into the `x` header; makes or removes that header where necessary."""
        if records == self.pax():
            return
        at = self._find(b"x")
        if not records:
            if at is not None:
                del self.extended[at]
            return
        body = b"".join(_record(key, value) for key, value in records)
        if at is None:
            self.extended.insert(0, (self._new_block(b"x", pax_header_name(self.name), len(body)), body))
        else:
            block = bytearray(self.extended[at][0])
            _put(block, "size", len(body))
            self.extended[at] = bytes(block), body

    @property
    def pax_header_name(self) -> bytes | None:
        """The name of the `x` header itself, or None if there is none."""
        at = self._find(b"x")
        return None if at is None else _short_name(self.extended[at][0])

    def rename_pax_header(self, name: bytes) -> None:
        """Names the `x` header; what is longer than the name field is cut, as GNU tar does."""
        at = self._find(b"x")
        if at is None or name == self.pax_header_name:
            return
        block = bytearray(self.extended[at][0])
        _set(block, _NAME, name)
        if block[_MAGIC] != _GNU:
            _set(block, _PREFIX, b"")
        self.extended[at] = bytes(block), self.extended[at][1]

    def drop_process_id(self) -> None:
        """Turns `PaxHeaders.PID` in the name of the `x` header, from GNU tar before 1.35, into `PaxHeaders`.

        A longer process id cuts more off the end of a long name: what was cut is taken from the member's name. The
        constant `PaxHeaders.0` stays.
        """
        stated = self.pax_header_name
        match = _PROCESS(stated) if stated is not None else None
        if stated is None or match is None:
            return
        whole = pax_header_name(self.name)
        if len(stated) == _NAME.stop and _is_cut(stated, whole):
            self.rename_pax_header(whole)
        elif match[2]:
            self.rename_pax_header(match[1] + match[2])

    def number(self, field: Number) -> int:
        """A number of the member's own block; a pax record may override it."""
        return read_number(bytes(self.block[NUMBERS[field]]))

    def set_number(self, field: Number, value: int) -> None:
        """Writes a number into the member's own block.

        A modification time is also written into the extended headers that carry one: GNU tar and libarchive repeat the
        member's there. Where it is 0, the writer's constant, it stays.
        """
        _put(self.block, field, value)
        if field == "mtime":
            self.set_extended_number(field, value)

    def extended_numbers(self, field: Number) -> list[int]:
        """A number in the blocks of the extended headers, in order, but for fields that hold none."""
        stated = (_stated(block[NUMBERS[field]]) for block, _ in self.extended)
        return [number for number in stated if number is not None]

    def set_extended_number(self, field: Number, value: int) -> None:
        """Writes a number into all blocks of extended headers where it is not 0."""
        for at, (block, body) in enumerate(self.extended):
            if _stated(block[NUMBERS[field]]) not in (0, value):
                changed = bytearray(block)
                _put(changed, field, value)
                self.extended[at] = bytes(changed), body

    def set_type(self, flag: bytes) -> None:
        """Writes the type flag, one byte."""
        _set(self.block, _TYPE, flag)

    def set_linkname(self, name: bytes) -> None:
        """Writes the link target; a long one goes where the dialect puts it, empty removes it."""
        if name == self.linkname:
            return
        fits = len(name) <= _LINKNAME.stop - _LINKNAME.start
        long_pax = not fits and not self.gnu
        records = [(key, value) for key, value in self.pax() if key != b"linkpath"]
        self.set_pax([*records, (b"linkpath", name)] if long_pax else records)
        at = self._find(b"K")
        if at is not None:
            del self.extended[at]
        if not fits and not long_pax:
            body = name + b"\0"
            block = self._new_block(b"K", b"././@LongLink", len(body))
            self.extended.insert(0 if self._find(b"x") is None else 1, (block, body))
        _set(self.block, _LINKNAME, name)

    @property
    def legacy_checksum(self) -> bytes:
        """abuild's other checksum of a file, hidden behind its empty link target: 8 bytes that describe it, and SHA-1.

        Empty where there is none. abuild up to 3.13 writes it beside the pax record; apk up to 2.10 reads it.
        """
        field = bytes(self.block[_LEGACY])
        is_file = bytes(self.block[_TYPE]) in (b"0", b"7")
        return field if is_file and field[:4] == b"APK2" and field[6:8] in (b"\x14\0", b"\0\x14") else b""

    def set_legacy_checksum(self, value: bytes) -> None:
        """Writes abuild's other checksum, as `legacy_checksum` gives it."""
        _set(self.block, _LEGACY, value)

    def _find(self, flag: bytes) -> int | None:
        return next((at for at, (block, _) in enumerate(self.extended) if block[_TYPE] == flag), None)

    def _long(self, flag: bytes) -> bytes:
        at = self._find(flag)
        return b"" if at is None else self.extended[at][1].removesuffix(b"\0")

    def _new_block(self, flag: bytes, name: bytes, size: int) -> bytes:
        """A block for an extended header, in the dialect of the member's own."""
        block = bytearray(self.block)
        for place, value in ((_NAME, name), (_LINKNAME, b""), (_TYPE, flag)):
            _set(block, place, value)
        if not self.gnu:
            _set(block, _PREFIX, b"")
        _put(block, "mode", 0o644)
        _put(block, "size", size)
        if flag == b"K":
            for field in _CONSTANT:
                _put(block, field, 0)
        return bytes(block)


def pax_header_name(name: bytes) -> bytes:
    """The name that GNU tar 1.35 and later give the `x` header of the member `name`, before it is cut."""
    folder, _, base = name.rstrip(b"/").rpartition(b"/")
    return (folder.rstrip(b"/") or b".") + b"/PaxHeaders/" + base


def read_number(field: bytes) -> int:
    """A header number: octal with blanks around it, or GNU base-256 (two's complement).

    Raises:
        FormatError: it is neither.
    """
    match = _OCTAL(field)
    if match:
        return int(match[2] or b"0", 8)
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    if field[:1] == b"\xff":
        return int.from_bytes(field, "big", signed=True)
    raise FormatError("a tar header field that is not a number")


def _stated(field: bytes) -> int | None:
    """A header number; None if the field holds none, as it may in extended headers and where a pax record counts."""
    try:
        return read_number(field)
    except FormatError:
        return None


def write_number(value: int, like: bytes) -> bytes:
    """A header number of the width, filling and terminator of `like`; base-256 if that cannot hold it."""
    width = len(like)
    match = _OCTAL(like)
    if value >= 0:
        digits = b"%o" % value
        if match and len(digits) <= match.end(2) and match[2]:
            fill = b" " if match[1] else b"0"
            return digits.rjust(match.end(2), fill) + match[3]
        if len(digits) < width:
            end = match[3][-1:] if match and match[3] and match[2] else b"\0"
            return digits.rjust(width - 1, b"0") + end
        return b"\x80" + value.to_bytes(width - 1, "big")
    return value.to_bytes(width, "big", signed=True)


def _put(block: bytearray, field: Number, value: int) -> None:
    """Sets one number of a block, and its checksum; also over a field that held none, which readers do not look at."""
    place = NUMBERS[field]
    stated = bytes(block[place])
    if _stated(stated) != value:
        _set(block, place, write_number(value, stated))


def _set(block: bytearray, place: slice, value: bytes) -> None:
    """Sets one field of a block, filled with NULs and cut to its width, and its checksum."""
    width = place.stop - place.start
    value = value[:width].ljust(width, b"\0")
    if block[place] == value:
        return
    block[place] = value
    checksum = bytes(block[_CHECKSUM])
    block[_CHECKSUM] = write_number(sum(block) - sum(checksum) + 8 * 0x20, checksum)


def _text(field: bytes | bytearray) -> bytes:
    return bytes(field).partition(b"\0")[0]


def _short_name(block: bytes | bytearray) -> bytes:
    """The name that one block alone states."""
    name, prefix = _text(block[_NAME]), _text(block[_PREFIX])
    return prefix + b"/" + name if prefix and block[_MAGIC] != _GNU else name


def _is_cut(stated: bytes, whole: bytes) -> bool:
    """Whether `stated` is the beginning of `whole` but for a process id."""
    before, _, after = whole.partition(b"/PaxHeaders/")
    rest = stated.removeprefix(before + b"/PaxHeaders.").lstrip(b"0123456789")
    return stated.startswith(before + b"/PaxHeaders.") and (b"/" + after).startswith(rest)


def _records(body: bytes) -> list[tuple[bytes, bytes]]:
    """Splits the body of an `x` header, which the reader has checked."""
    records: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 20)
        length = body[at:space] if space > 0 else b""
        end = at + int(length) if length.isdigit() else at
        key, equals, value = body[space + 1 : end].partition(b"=")
        if not at < end <= len(body) or not equals or value[-1:] != b"\n":
            raise FormatError("pax record whose length does not fit")
        records.append((key, value[:-1]))
        at = end
    return records


def _record(key: bytes, value: bytes) -> bytes:
    """One pax record; its length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)
