"""Pairs whose packages do not hold the same paths, or not as the same kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pairs_making import Factor, Place, files
from pairs_tree import prose, put


def once(change: Callable[[Path], object]) -> Place:
    """Changes the tree of the rebuild only."""

    def place(tree: Path, work: Path, second: bool) -> None:
        if second:
            change(tree)

    return place


def relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def unlink_copy(path: Path) -> None:
    """A hard link becomes a copy."""
    content, mode = path.read_bytes(), path.stat().st_mode & 0o7777
    path.unlink()
    put(path, content, mode)


def relink_hard(path: Path, target: Path) -> None:
    path.unlink()
    os.link(target, path)


def grow(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


ASK = "usr/bin/hello-query"
MOIN = "usr/bin/moin"

FACTORS: tuple[Factor, ...] = (
    files("missing-file", "a file was not made", once(lambda tree: (tree / "usr/share/hello/words.no").unlink())),
    files(
        "missing-file", "documentation was not built", once(lambda tree: (tree / "usr/share/doc/hello/README").unlink())
    ),
    files(
        "extra-file",
        "a manual page, as its generator was there",
        once(lambda tree: put(tree / "usr/share/man/man1/hello.1", ".TH HELLO 1\n.SH NAME\nhello \\- says hello\n")),
    ),
    files(
        "extra-file",
        "what the build left behind",
        once(lambda tree: put(tree / "usr/share/hello/.words.swp", prose(2, 9))),
    ),
    files("link-target", "a symbolic link to another file", once(lambda tree: relink(tree / MOIN, "hello-ask"))),
    files(
        "link-target", "an absolute link, or a relative one", once(lambda tree: relink(tree / MOIN, "/usr/bin/hello"))
    ),
    files("file-type", "a hard link, or a copy", once(lambda tree: unlink_copy(tree / ASK))),
    files("file-type", "a hard link, or a symbolic one", once(lambda tree: relink(tree / ASK, "hello-ask"))),
    files("file-type", "a symbolic link, or a copy", once(lambda tree: unlink_copy(tree / "usr/share/hello/words.no"))),
    files(
        "file-type",
        "a symbolic link, or a hard one",
        once(lambda tree: relink_hard(tree / "usr/share/hello/words.no", tree / "usr/share/hello/words.da")),
    ),
)

NEAR: tuple[Factor, ...] = (
    files("missing-file", "one file more", once(lambda tree: put(tree / "usr/share/hello/words.en", prose(3, 9)))),
    files("missing-file", "a file emptied", once(lambda tree: put(tree / "usr/share/hello/words.da", ""))),
    files("extra-file", "one file less", once(lambda tree: (tree / "usr/share/hello/words.no").unlink())),
    files(
        "extra-file", "a file that is longer", once(lambda tree: grow(tree / "usr/share/hello/words.da", prose(1, 9)))
    ),
    files(
        "link-target",
        "a file whose content is a path",
        lambda tree, work, second: put(tree / "usr/share/hello/default", f"words.{'no' if second else 'da'}\n"),
    ),
    files(
        "link-target", "a hard link to another file", once(lambda tree: relink_hard(tree / ASK, tree / "usr/bin/hello"))
    ),
    files("file-type", "a symbolic link to another file", once(lambda tree: relink(tree / MOIN, "hello-ask"))),
    files("mode", "a copy in place of a hard link", once(lambda tree: unlink_copy(tree / ASK))),
    files(
        "size-by-du",
        "another content, and so another size",
        once(lambda tree: grow(tree / "usr/share/hello/words", "bo!\n" * 99)),
    ),
    files(
        "install-script",
        "a file that has a script's name",
        lambda tree, work, second: put(
            tree / "usr/share/hello/.post-install", f"#!/bin/sh\necho {'moin' if second else 'hello'}\n", 0o755
        ),
    ),
)
