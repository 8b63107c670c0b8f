"""``python -m buildinfo.cli.manual pages|completions FOLDER``: write what is installed under share/."""

from __future__ import annotations

import sys
from pathlib import Path

from buildinfo.cli.manual import completions, pages

WRITERS = {"pages": pages, "completions": completions}


def main(words: list[str]) -> int:
    """Write one of the two below a folder."""
    if len(words) != 2 or words[0] not in WRITERS:
        print("usage: python -m buildinfo.cli.manual pages|completions FOLDER", file=sys.stderr)
        return 2
    for name, text in WRITERS[words[0]]().items():
        path = Path(words[1], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
