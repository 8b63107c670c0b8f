"""Whether code differs only in where it refers to: what it refers to lies elsewhere, for other reasons.

No disassembly: in code of one length every word that differs has to be an address, a distance, or the part of one that
an instruction has room for, and has to lead to one and the same thing in both files. A changed constant leads nowhere,
unless it is the length of a text that changed, beside a reference to that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from buildinfo.verify.explain.dissect.elfmap import Map

_DIFFERENT: Final = re.compile(rb"[^\0]+")
_LEA: Final = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
_CALL: Final = re.compile(_LEA.pattern + rb"|[\xe8\xe9]")
"""How an instruction of x86-64 begins that takes an address."""
_MOV: Final = re.compile(rb"[\xb8-\xbf]|\xc7[\xc0-\xc7]|[\x68]")
"""How one begins that takes an address in a program that lies where it was linked for."""
_IMMEDIATES: Final = (0, 1, 2, 4)
"""How many bytes of an instruction of x86 may stand behind a distance."""
_NEAR: Final = 64
"""Bytes of code between a reference to a text and the length of it."""
_PAIRED: Final = 24
"""Instructions between the two that make one address."""
_MOVZ_KEPT: Final = 0xFFE0001F
"""The bits of a MOVZ that its constant leaves alone."""
X86: Final = ("EM_X86_64", "EM_386")
ARM64: Final = "EM_AARCH64"


class Piece(NamedTuple):
    """Code of one length in both files: where it lies and what it is."""

    old_at: int
    new_at: int
    old: bytes
    new: bytes


def sites(old: bytes, new: bytes) -> Iterator[int]:
    """Where two contents of one length differ."""
    if old == new:
        return
    step = 1 << 16
    for base in range(0, len(old), step):
        one, other = old[base : base + step], new[base : base + step]
        if one == other:
            continue
        changed = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
        for run in _DIFFERENT.finditer(changed.to_bytes(len(one), "little")):
            yield from range(base + run.start(), base + run.end())


def unexplained(piece: Piece, table: Map, machine: str, *, fixed: bool) -> list[int]:
    """Where code differs in what is no reference.

    Args:
        fixed: whether a program lies where it was linked for, so that it may hold addresses.
    """
    if machine in X86:
        return _x86(piece, table, fixed=fixed)
    if machine == ARM64:
        return _aarch64(piece, table)
    return list(sites(piece.old, piece.new))


def _x86(piece: Piece, table: Map, *, fixed: bool) -> list[int]:
    done, left = -1, []
    referred: list[tuple[int, int, int]] = []
    for site in sites(piece.old, piece.new):
        if site < done:
            continue
        for at in range(site, max(site - 4, done - 1, -1), -1):
            target = _reference(piece, table, at, fixed=fixed)
            if target is not None:
                referred.append((at, *target))
                done = at + 4
                break
        else:
            left.append(site)
    return [site for site in left if not _is_length(piece, site, referred, table)]


def _reference(piece: Piece, table: Map, at: int, *, fixed: bool) -> tuple[int, int] | None:
    """What four bytes refer to on both sides, if to one thing."""
    before, after = (int.from_bytes(side[at : at + 4], "little", signed=True) for side in (piece.old, piece.new))
    if at + 4 > len(piece.old):
        return None
    for behind in _IMMEDIATES:
        targets = piece.old_at + at + 4 + behind + before, piece.new_at + at + 4 + behind + after
        if table.same(*targets):
            return targets
    targets = before & 0xFFFFFFFF, after & 0xFFFFFFFF
    return targets if fixed and table.same(*targets) else None


def anchors(piece: Piece, ranges: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
    """Addresses within ranges that code of x86 refers to, of the first file and of the second.

    Args:
        ranges: where each begins and ends, in the first file and in the second.
    """
    for match in _LEA.finditer(piece.old):
        at = match.end()
        if piece.new[match.start() : at] != match[0] or at + 4 > len(piece.old):
            continue
        before, after = (int.from_bytes(side[at : at + 4], "little", signed=True) for side in (piece.old, piece.new))
        old, new = piece.old_at + at + 4 + before, piece.new_at + at + 4 + after
        if any(a <= old < b and c <= new < d for a, b, c, d in ranges):
            yield old, new


def astray(piece: Piece, table: Map, ranges: list[tuple[int, int, int, int]], *, fixed: bool) -> list[int]:
    """Where code that is the same refers to another thing than it did, in what lies in another order."""
    if not ranges:
        return []
    found = []
    for match in _MOV.finditer(piece.old) if fixed else ():
        at = match.end()
        address = int.from_bytes(piece.old[at : at + 4], "little")
        same = piece.new[match.start() : at + 4] == piece.old[match.start() : at + 4]
        if same and any(a <= address < b or c <= address < d for a, b, c, d in ranges):
            found += [] if table.same(address, address) else [at]
    for match in _CALL.finditer(piece.old):
        at = match.end()
        if piece.new[match.start() : at + 4] != piece.old[match.start() : at + 4] or at + 4 > len(piece.old):
            continue
        distance = int.from_bytes(piece.old[at : at + 4], "little", signed=True)
        old, new = piece.old_at + at + 4 + distance, piece.new_at + at + 4 + distance
        if any(a <= old < b or c <= new < d for a, b, c, d in ranges) and not table.same(old, new):
            found.append(at)
    return found


def _is_length(piece: Piece, site: int, referred: list[tuple[int, int, int]], table: Map) -> bool:
    """Whether a byte, or a number of two or four, is the length of a text that changed and is referred to nearby."""
    near = [(old, new) for at, old, new in referred if abs(at - site) <= _NEAR]
    for width in (4, 2, 1):
        before, after = (int.from_bytes(side[site : site + width], "little") for side in (piece.old, piece.new))
        for old, new in near:
            for end in (0, 1):
                if _ends(table, old, before - end, new, after - end):
                    return True
    return False


def _ends(table: Map, old: int, size: int, new: int, other: int) -> bool:
    """Whether texts that differ are of these lengths."""
    return size != other and size > 0 and other > 0 and table.ended(old, old + size, new, new + other)


def _aarch64(piece: Piece, table: Map) -> list[int]:
    left = []
    for at in dict.fromkeys(site & ~3 for site in sites(piece.old, piece.new)):
        words = _word(piece.old, at), _word(piece.new, at)
        if not (_branch(piece, at, words, table) or _paged(piece, at, words, table) or _moved(piece, at, words, table)):
            left.append(at)
    return left


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _branch(piece: Piece, at: int, words: tuple[int, int], table: Map) -> bool:
    """B and BL, and loads of literals."""
    for mask, value, kept, shift, bits in (
        (0x7C000000, 0x14000000, 0xFC000000, 0, 26),
        (0x3B000000, 0x18000000, 0xFF00001F, 5, 19),
        (0x9F000000, 0x10000000, 0x9F00001F, 5, 19),
    ):
        if words[0] & mask != value or words[0] & kept != words[1] & kept:
            continue
        scale, low = (0, [(word >> 29) & 3 for word in words]) if bits == 19 and value == 0x10000000 else (2, [0, 0])
        offsets = [_signed(((word & ~kept) >> shift) & ((1 << bits) - 1), bits) for word in words]
        if scale == 0:
            offsets = [offset << 2 | part for offset, part in zip(offsets, low, strict=True)]
        else:
            offsets = [offset << 2 for offset in offsets]
        return table.same(piece.old_at + at + offsets[0], piece.new_at + at + offsets[1])
    return False


def _page(word: int, at: int) -> int:
    """The page that an ADRP leads to."""
    return (at & ~0xFFF) + (_signed((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21) << 12)


def _low(word: int) -> int | None:
    """The part of an address that an ADD, a load or a store adds to a page."""
    if word & 0x7FC00000 == 0x11000000:
        return word >> 10 & 0xFFF
    if word & 0x3B000000 == 0x39000000:
        scale = word >> 30
        if word & 0x04800000 == 0x04800000:
            scale = 4
        return (word >> 10 & 0xFFF) << scale
    return None


def _paged(piece: Piece, at: int, words: tuple[int, int], table: Map) -> bool:
    """A page and what is added to it, in two instructions."""
    if words[0] & 0x9F00001F == words[1] & 0x9F00001F and words[0] & 0x9F000000 == 0x90000000:
        register = words[0] & 31
        for behind in range(at + 4, min(at + 4 * _PAIRED, len(piece.old)), 4):
            low = _low(_word(piece.old, behind)), _low(_word(piece.new, behind))
            if _word(piece.old, behind) >> 5 & 31 == register and None not in low:
                return _together(piece, at, behind, table)
        return False
    if words[0] & 0xFFC003FF != words[1] & 0xFFC003FF or _low(words[0]) is None:
        return False
    register = words[0] >> 5 & 31
    for ahead in range(at - 4, max(-1, at - 4 * _PAIRED), -4):
        word = _word(piece.old, ahead)
        if word & 0x9F00001F == 0x90000000 | register:
            return _together(piece, ahead, at, table)
    return False


def _together(piece: Piece, page: int, add: int, table: Map) -> bool:
    targets = []
    for base, data in ((piece.old_at, piece.old), (piece.new_at, piece.new)):
        low = _low(_word(data, add))
        if _word(data, page) & 0x9F000000 != 0x90000000 or low is None:
            return False
        targets.append(_page(_word(data, page), base + page) + low)
    return table.same(*targets)


def _moved(piece: Piece, at: int, words: tuple[int, int], table: Map) -> bool:
    """A MOVZ of the length of a text that differs and is referred to nearby."""
    before, after = words
    if before & _MOVZ_KEPT != after & _MOVZ_KEPT or before & 0x7F800000 != 0x52800000:
        return False
    for page in range(max(0, at - _NEAR), min(at + _NEAR, len(piece.old)), 4):
        if _word(piece.old, page) & 0x9F000000 != 0x90000000:
            continue
        for add in range(page + 4, min(page + 4 * _PAIRED, len(piece.old)), 4):
            lows = _low(_word(piece.old, add)), _low(_word(piece.new, add))
            if lows[0] is None or lows[1] is None:
                continue
            old = _page(_word(piece.old, page), piece.old_at + page) + lows[0]
            new = _page(_word(piece.new, page), piece.new_at + page) + lows[1]
            sizes = before >> 5 & 0xFFFF, after >> 5 & 0xFFFF
            if any(_ends(table, old, sizes[0] - end, new, sizes[1] - end) for end in (0, 1)):
                return True
    return False
