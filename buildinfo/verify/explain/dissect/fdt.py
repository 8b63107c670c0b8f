"""Flattened device trees, and FIT images, which are device trees with programs in them or behind them.

Source: the Devicetree Specification 0.4, chapter 5; U-Boot's `doc/usage/fit/source_file_format.rst` for FIT, where a
node of `/images` has its content in `data`, or behind the tree at `data-position` or `data-offset`, and nodes `hash`
and `signature` in it that follow from it.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk

MAX_NODES: Final = 200_000
MAX_PROPERTIES: Final = 500_000
MAX_DEPTH: Final = 64
MAX_PATHS: Final = 64 << 20
"""Most letters of the paths of all nodes."""
_HEADER: Final = struct.Struct(">10I")
_BEGIN, _END, _PROPERTY, _NOP, _LAST = 1, 2, 3, 4, 9
_WORD: Final = struct.Struct(">I")
_CHECKED: Final = re.compile(r"/(hash|signature|digest|cipher|checksum)[^/]*$")
_HASHED: Final = re.compile(r"/hash[^/]*$")
_LAYOUT: Final = frozenset(("data-size", "data-offset", "data-position", "image-pos", "size", "offset"))
_SIGNED: Final = frozenset(("value", "signer-name", "signer-version", "hashed-nodes", "hashed-strings"))


@dataclass
class Tree:
    """A device tree: the properties of every node by its path, in order, and where the tree ends."""

    nodes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    size: int = 0
    reserved: bytes = b""
    header: tuple[int | bool, ...] = ()
    """Versions, the processor that boots, and whether the length of the structure is what it takes."""


def hunks(before: bytes, after: bytes, place: Place) -> Iterator[Hunk]:
    """Properties (kind `fdt`; `timestamp` in seconds since 1970), nodes of one side, and the hunks of the contents."""
    old, new = read(before), read(after)
    for path in dict.fromkeys((*old.nodes, *new.nodes)):
        if all(_holds(data, tree, path) for data, tree in ((before, old), (after, new))):
            yield from _node(path, old.nodes.get(path), new.nodes.get(path), place)
        else:
            values = (tree.nodes.get(path, {}).get("value", b"") for tree in (old, new))
            yield place.part(path).hunk("bytes", "checksum that does not hold", *values)
    if old.header != new.header:
        yield place.part("header").hunk("bytes", "header", before[: _HEADER.size], after[: _HEADER.size])
    if old.reserved != new.reserved:
        yield place.hunk("fdt", "memory reservations", old.reserved, new.reserved)
    if list(old.nodes) != list(new.nodes) and sorted(old.nodes) == sorted(new.nodes):
        yield place.hunk("order", "nodes", *("\n".join(tree.nodes).encode() for tree in (old, new)))
    if any("data-size" in node for tree in (old, new) for node in tree.nodes.values()):
        yield from _external(before, after, old, new, place)
    else:
        yield from place.inside("behind", before[old.size :], after[new.size :])


def read(data: bytes) -> Tree:
    """Reads a device tree.

    Raises:
        FormatError: it is broken, or too large.
    """
    if len(data) < _HEADER.size:
        raise FormatError("a device tree that is cut off", offset=len(data))
    (_, size, structure, strings, reserved, version, compatible, processor, strings_size, structure_size) = (
        _HEADER.unpack_from(data)
    )
    if not _HEADER.size <= size <= len(data) or structure >= size or strings > size or version < 16:
        raise FormatError("the header of a device tree does not fit", offset=4)
    end = min(size, structure + structure_size) if version >= 17 else size
    names = data[strings : min(size, strings + strings_size)]
    tree = Tree(
        size=size, reserved=data[reserved : min(structure, strings)] if reserved < min(structure, strings) else b""
    )
    walked = _walk(data, structure, end, names, tree)
    tree.header = (version, compatible, processor, version < 17 or walked == structure + structure_size)
    return tree


def _walk(data: bytes, at: int, end: int, names: bytes, tree: Tree) -> int:
    """Reads the nodes; returns where they end."""
    path: list[str] = []
    properties = letters = 0
    while at + 4 <= end:
        (token,) = _WORD.unpack_from(data, at)
        at += 4
        if token == _BEGIN:
            stop = data.find(b"\0", at, min(end, at + 256))
            letters += sum(map(len, path))
            if stop < 0 or len(path) >= MAX_DEPTH or len(tree.nodes) >= MAX_NODES or letters > MAX_PATHS:
                raise FormatError("a node of a device tree is too long, too deep, or one too many", offset=at)
            path.append(data[at:stop].decode("utf-8", "backslashreplace"))
            tree.nodes.setdefault("/".join(path) or "/", {})
            at = (stop + 4) & ~3
        elif token == _PROPERTY:
            properties += 1
            if at + 8 > end or not path or properties > MAX_PROPERTIES:
                raise FormatError("a property outside of any node", offset=at)
            length, name = struct.unpack_from(">2I", data, at)
            if at + 8 + length > end:
                raise FormatError("a property that is cut off", offset=at)
            tree.nodes["/".join(path) or "/"][_name(names, name)] = data[at + 8 : at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif token == _END:
            if not path:
                raise FormatError("a node ends that did not begin", offset=at)
            path.pop()
        elif token == _LAST:
            return at
        elif token != _NOP:
            raise FormatError(f"an unknown token {token} in a device tree", offset=at)
    raise FormatError("a device tree without an end", offset=at)


def _name(names: bytes, at: int) -> str:
    stop = names.find(b"\0", at, at + 256)
    if at >= len(names) or stop < 0:
        raise FormatError("a property without a name")
    return names[at:stop].decode("utf-8", "backslashreplace")


def _node(path: str, old: dict[str, bytes] | None, new: dict[str, bytes] | None, place: Place) -> Iterator[Hunk]:
    if old is None or new is None:
        side = path.encode()
        yield place.hunk("fdt", "node", side if new is None else b"", side if old is None else b"")
        return
    inside = place.part(path)
    for name in dict.fromkeys((*old, *new)):
        first, second = old.get(name), new.get(name)
        if first == second:
            continue
        if first and second and name == "data":
            yield from place.inside(path.strip("/"), first, second)
        elif name == "timestamp" and {len(side) for side in (first, second) if side} == {_WORD.size}:
            yield inside.hunk("fdt", name, *(_seconds(side) for side in (first, second)))
        elif first and second and _is_text(first) and _is_text(second):
            yield inside.hunk("fdt", name, first.rstrip(b"\0"), second.rstrip(b"\0"), follows=_follows(path, name))
        else:
            yield inside.hunk("fdt", name, first or b"", second or b"", follows=_follows(path, name))


def _holds(data: bytes, tree: Tree, path: str) -> bool:
    """Whether the checksum that a node states of the image above it is right; so is one that is not understood."""
    node = tree.nodes.get(path, {})
    algorithm = node.get("algo", b"").rstrip(b"\0").decode("ascii", "replace")
    value = node.get("value")
    above = path.rpartition("/")[0]
    if value is None or above not in tree.nodes or not _HASHED.search(path):
        return True
    content = tree.nodes[above].get("data") or _content(data, tree, above)
    if algorithm == "crc32":
        return value == zlib.crc32(content).to_bytes(4, "big")
    if algorithm in ("md5", "sha1", "sha256", "sha384", "sha512"):
        return value == hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return True


def _seconds(value: bytes | None) -> bytes:
    return b"%d" % int.from_bytes(value, "big") if value else b""


def _follows(path: str, name: str) -> bool:
    """Whether a property follows from the content of an image, or from how long others are."""
    if _CHECKED.search(path) and name in _SIGNED:
        return True
    return name in _LAYOUT and path.startswith("/images/")


def _is_text(value: bytes) -> bool:
    return value.endswith(b"\0") and value[:-1].replace(b"\0", b"").isascii() and value[0] >= 32


def _external(before: bytes, after: bytes, old: Tree, new: Tree, place: Place) -> Iterator[Hunk]:
    """The contents of images that lie behind the tree."""
    left = 2 * (len(before) + len(after))
    for path in (path for path in old.nodes if path in new.nodes):
        first, second = _content(before, old, path), _content(after, new, path)
        left -= len(first) + len(second)
        if left < 0:
            raise FormatError("images of a device tree that overlap")
        if first and second:
            yield from place.inside(path.strip("/"), first, second)


def _content(data: bytes, tree: Tree, path: str) -> bytes:
    """The content of an image that lies behind the tree."""
    node = tree.nodes[path]
    size = _number(node.get("data-size"))
    start = _number(node.get("data-position"))
    if start is None and (offset := _number(node.get("data-offset"))) is not None:
        start = ((tree.size + 3) & ~3) + offset
    if size is None or start is None or start + size > len(data):
        return b""
    return data[start : start + size]


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value and len(value) in (4, 8) else None
