"""The folder that most pairs pack: what a small package holds, with enough of it to stay the same."""

from __future__ import annotations

import os
import random
from pathlib import Path

SYLLABLES = [consonant + vowel for consonant in "bdklmn" for vowel in "aeiou"]


def words(count: int, seed: int = 1) -> list[str]:
    """As many words, the same ones in every run."""
    numbers = random.Random(seed)
    return ["".join(numbers.choices(SYLLABLES, k=numbers.randint(2, 4))) for _ in range(count)]


def prose(lines: int, seed: int = 1) -> str:
    """That many lines of ten words."""
    told = iter(words(lines * 10, seed))
    return "".join(" ".join(next(told) for _ in range(10)) + "\n" for _ in range(lines))


def put(path: Path, content: str | bytes, mode: int = 0o644) -> Path:
    """Writes a file, and the folders above it, whatever the umask."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def plant(tree: Path, *, lines: int = 60) -> Path:
    """Fills an empty folder; `lines` is the length of its longest file."""
    put(tree / "etc/hello.conf", "# hello.conf\ngreeting = hello\nlanguages = da de en\ncolour = auto\n")
    put(tree / "usr/bin/hello", '#!/bin/sh\n. /etc/hello.conf\necho "${greeting:-hello}"\n', 0o755)
    put(tree / "usr/bin/hello-ask", '#!/bin/sh\nprintf "who? "\nread -r who\nexec hello "$who"\n', 0o755)
    os.link(tree / "usr/bin/hello-ask", tree / "usr/bin/hello-query")
    (tree / "usr/bin/moin").symlink_to("hello")
    put(tree / "usr/share/doc/hello/README", "hello says hello.\n\n" + prose(12, 2))
    put(tree / "usr/share/hello/words", prose(lines))
    put(tree / "usr/share/hello/words.da", prose(20, 3))
    put(tree / "var/lib/hello/greeted", "nobody\n", 0o640)
    (tree / "usr/share/hello/words.no").symlink_to("words.da")
    for folder in (tree, *tree.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    return tree
