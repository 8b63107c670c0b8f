"""What apk installs of a tar: `apk_tar_parse` and `apk_db_install_archive_entry` of apk-tools 2.14.4, in Python.

Where entries stand in an order that apk does not take, such as a file before its folder, they count as installed: that
is what normalizing mends. `None` is a tar that apk refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Installed = dict[str, tuple[object, ...]]
_FIELDS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (329, 337), (337, 345))
_KINDS = {
    b"0": "file",
    b"7": "file",
    b"1": "file",
    b"2": "link",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}


def installed(tar: bytes, content_of: Callable[[str, bytes], object]) -> Installed | None:
    """Path -> all that apk makes of it; `content_of` gives what of a file's content counts."""
    found: Installed = {}
    at = ends = 0
    name, pax, long_name = "", b"", ""
    while at + 512 <= len(tar):
        block = tar[at : at + 512]
        at += 512
        if not block[0]:
            if ends:
                break
            ends += 1
            continue
        numbers = [re.fullmatch(rb"([0-7]*)[\0 ]*", block[start:end]) for start, end in _FIELDS]
        if block[257:262] != b"ustar" or None in numbers:
            return None
        mode, uid, gid, size, _, major, minor = (int(match[1] or b"0", 8) & 0xFFFFFFFF for match in numbers if match)
        flag = block[156:157]
        if block[345] and flag not in (b"x", b"g"):
            name = f"{_text(block[345:500])}/{_text(block[:100])}"
        elif not long_name:
            name = _text(block[:100])
        link, attributes, path = _extended(pax)
        name = name if path is None else path
        body = tar[at : at + size]
        at += size + -size % 512
        if flag == b"L":
            name = long_name = _text(body)
        elif flag == b"x":
            pax = body
        elif flag in _KINDS:
            kind = _KINDS[flag]
            if link is None and flag in (b"1", b"2"):
                link = _text(block[157:257])
            owner = (_text(block[265:297]) or uid, _text(block[297:329]) or gid)
            what: object = (link,) if link is not None else content_of(name, body) if kind == "file" else None
            device = (major, minor) if kind in ("char", "block") else None
            if not name.startswith("."):
                name = name.removesuffix("/") if kind == "dir" else name
                entry = (kind, mode & 0o7777, owner, device, what, attributes)
                found[name] = (*found.get(name, ()), entry)
            long_name, pax = "", b""
    return {path: _resolved(found, path) for path in found}


def _resolved(found: Installed, path: str) -> tuple[object, ...]:
    """Of hard links it does not matter which of them is the file."""
    resolved: list[object] = []
    for kind, mode, owner, device, own, attributes in found[path]:  # type: ignore[misc]  # entries are tuples
        seen, all_attributes, what = {path}, [attributes], own
        while kind == "file" and isinstance(what, tuple) and what[0] in found and what[0] not in seen:
            seen.add(what[0])
            target = found[what[0]][-1]
            what = target[-2]  # type: ignore[index]
            all_attributes.insert(0, target[-1])  # type: ignore[index]
        merged = dict(pair for each in all_attributes for pair in each.items())
        resolved.append((kind, mode, owner, device, what, sorted(merged.items())))
    return tuple(resolved)


def _extended(pax: bytes) -> tuple[str | None, dict[bytes, bytes], str | None]:
    """Target, extended attributes and path that pax records give."""
    link: str | None = None
    path: str | None = None
    attributes: dict[bytes, bytes] = {}
    at = 0
    while match := re.compile(rb"(\d+) ([^=]*)=").match(pax, at):
        end = at + int(match[1])
        value = pax[match.end() : end - 1]
        if end <= match.end() or pax[end - 1 : end] != b"\n":
            break
        if match[2] == b"path":
            path = _text(value)
        elif match[2] == b"linkpath":
            link = _text(value)
        elif match[2].startswith(b"SCHILY.xattr."):
            attributes[match[2]] = value
        at = end
    return link, attributes, path


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
