"""The picture of a package: its three segments, drawn by size, and in each the tree of what differs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from buildinfo.apk.v2 import SCRIPTS
from buildinfo.verify.report import Difference, Pair, SegmentSizes
from buildinfo.verify.reports.markup import Html, joined, tag
from buildinfo.verify.reports.words import count, moments, size

MOST_LEAVES: Final = 120
"""Most files that the tree of a package shows."""
MOST_NAMES: Final = 3
"""Most names that it shows of files in one folder that differ in the same way."""
MOST_CHILDREN: Final = 5
"""Most details of one file that it shows."""
_DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")
_WHOLE: Final = "the segment as a whole"
_IN_CONTROL: Final = frozenset((".PKGINFO", *SCRIPTS))
_GRAVEST: Final = ("file", "control", "signature", "metadata", "framing")
"""Layers in the order in which the tree prefers them."""


def package(pair: Pair) -> Html:
    """The segments of a pair, and what differs in each."""
    held = _by_segment(pair)
    columns, trees = [], []
    for segment in pair.segments:
        if segment.original is None and segment.rebuilt is None:
            continue
        found = held[segment.name]
        columns.append(_column(segment, found, _differs(pair, segment.name)))
        if found:
            trees.append(tag("li", tag("b", segment.name), _tree(found), class_=f"segment-tree s-{segment.name}"))
    note = "Widths grow with the logarithm of the size. What is the same on both sides is pale."
    picture = tag("figure", tag("ol", *columns, class_="segments"), tag("figcaption", note))
    same = _same(pair)
    return joined(picture, tag("ul", *trees, class_="tree") if trees else None, same)


def _same(pair: Pair) -> Html | None:
    if not pair.differences:
        return None
    if pair.entries is None:
        return tag("p", "Control and data are the same bytes.", class_="rest")
    touched = {entry.path for entry in pair.differences if _segment_of(entry) == "data" and entry.path}
    rest = max(0, pair.entries - len(touched))
    return tag("p", f"{rest} of {pair.entries} files and folders are the same in every respect.", class_="rest")


def _segment_of(difference: Difference) -> str:
    if difference.layer in ("signature", "control"):
        return difference.layer
    if difference.layer == "framing" and difference.path is None:
        return "control" if difference.detail.startswith("control:") else "data"
    return "control" if difference.path in _IN_CONTROL else "data"


def _by_segment(pair: Pair) -> dict[str, list[Difference]]:
    held: dict[str, list[Difference]] = {"signature": [], "control": [], "data": []}
    for difference in pair.differences:
        held[_segment_of(difference)].append(difference)
    return held


def _differs(pair: Pair, name: str) -> bool:
    """Whether the bytes of a segment differ. Control holds the hash of data, so that it differs whenever data does."""
    if name == "signature":
        return any(difference.layer == "signature" for difference in pair.differences)
    if pair.verdict in ("identical", "identical-unsigned"):
        return False
    return name == "control" or any(difference.field == "datahash" for difference in pair.differences)


def _column(segment: SegmentSizes, found: list[Difference], differs: bool) -> Html:
    old, new = size(segment.original), size(segment.rebuilt)
    largest = max(segment.original or 0, segment.rebuilt or 0)
    sizes = [tag("span", old, class_="side"), tag("span", new, class_="side")] if differs else [tag("span", old)]
    if differs:
        state = count(len(found), "difference")
    elif found:  # other words for the same, as when gzip members are merely cut elsewhere
        state = "differs in form"
    else:
        state = "the same"
    classes = ["segment", f"g{max(2, min(32, largest.bit_length()))}"]
    if differs or found:
        gravest = min((_GRAVEST.index(entry.layer) for entry in found), default=1)
        classes += ["differs", f"l-{_GRAVEST[gravest]}"]
    return tag(
        "li",
        tag("b", segment.name),
        tag("span", *sizes, class_="sizes"),
        tag("span", state, class_="state"),
        class_=" ".join(classes),
    )


@dataclass
class _Node:
    """A folder or file of the tree."""

    children: dict[str, _Node] = field(default_factory=dict)
    found: list[Difference] = field(default_factory=list)

    def at(self, parts: list[str]) -> _Node:
        node = self
        for part in parts:
            node = node.children.setdefault(part, _Node())
        return node


def _tree(found: list[Difference]) -> Html:
    by_place: dict[str, list[Difference]] = {}
    for difference in found:
        by_place.setdefault(_place(difference), []).append(difference)
    places = sorted(by_place, key=lambda place: min(_GRAVEST.index(entry.layer) for entry in by_place[place]))
    root = _Node()
    for place in sorted(places[:MOST_LEAVES], key=lambda place: (place != _WHOLE, place)):
        root.at([part for part in place.split("/") if part] or [place]).found = by_place[place]
    rest = len(places) - MOST_LEAVES
    more = tag("p", f"and {rest} more", class_="rest") if rest > 0 else None
    return joined(tag("ul", *_nodes(root)), more)


def _place(difference: Difference) -> str:
    """Where a difference hangs in the tree."""
    if difference.path is not None:
        return difference.path
    return ".PKGINFO" if difference.layer == "control" else _WHOLE


def _nodes(parent: _Node) -> Iterator[Html]:
    """What is in a folder. Files that differ in the very same way take one line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, node in parent.children.items():
        if node.found and not node.children:
            alike.setdefault(tuple(_detail(entry) for entry in node.found), []).append(name)
    for name, node in parent.children.items():
        group = [] if node.children else alike.get(tuple(_detail(entry) for entry in node.found), [])
        if len(group) <= MOST_NAMES:
            yield _node(name, node)
        elif name == group[0]:
            names = ", ".join(group[:MOST_NAMES])
            yield _leaf(names, node.found, tag("span", f" and {len(group) - MOST_NAMES} more ", class_="rest"))


def _node(name: str, node: _Node) -> Html:
    while not node.found and len(node.children) == 1:  # folders with one thing in them take one line
        [(below, inner)] = node.children.items()
        name, node = f"{name}/{below}", inner
    inner_list = tag("ul", *_nodes(node)) if node.children else None
    if node.found:
        return _leaf(name, node.found, inner=inner_list)
    return tag("li", tag("span", f"{name}/", class_="folder"), inner_list)


def _leaf(name: str, found: list[Difference], more: Html | None = None, inner: Html | None = None) -> Html:
    """A file or folder that differs; what differs stands beside it if it is one thing."""
    layers = dict.fromkeys(entry.layer for entry in sorted(found, key=lambda entry: _GRAVEST.index(entry.layer)))
    words = [tag("span", name, class_=f"leaf l-{next(iter(layers))}"), more or " "]
    words += [tag("span", layer, class_=f"chip l-{layer}") for layer in layers]
    if len(found) == 1:
        return tag("li", *words, " ", tag("span", _detail(found[0]), class_="detail"), inner)
    details = [tag("li", _detail(entry)) for entry in found[:MOST_CHILDREN]]
    if len(found) > MOST_CHILDREN:
        details.append(tag("li", f"and {len(found) - MOST_CHILDREN} more"))
    return tag("li", *words, tag("ul", *details, class_="details"), inner)


def _detail(difference: Difference) -> str:
    detail = _DIGEST.sub(r"\1...", moments(difference))
    return f"{difference.field}: {detail}" if difference.field else detail
