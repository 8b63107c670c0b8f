"""What a jar leaks of its build, and where its manifest belongs.

Sources: the JAR File Specification (sections "The META-INF directory" and "JAR Manifest"), and strip-nondeterminism's
`jar` handler, whose choice of leaks this is.
"""

from __future__ import annotations

import re
from typing import Final

MANIFEST: Final = b"META-INF/MANIFEST.MF"
"""An archive that holds it is a jar."""

_LEAKS: Final = (b"bnd-lastmodified", b"built-by")
"""Names of attributes: a time, and the user who built; their case does not count."""
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)?")
_ARGUMENTS: Final = re.compile(rb"javac\.sh|org\.codehaus\.plexus\.compiler\.javac\.JavacCompiler[0-9]+arguments")
_FIRST: Final = {b"META-INF/": 0, MANIFEST: 1}


def left_behind(name: bytes) -> bool:
    """Whether a member is what Maven's compiler plugin leaves behind when it forks: a script that holds the build
    path, and compiler arguments under a random name."""
    return _ARGUMENTS.fullmatch(name) is not None


def clean_manifest(text: bytes) -> bytes:
    """Takes the leaking attributes out of a manifest, with their continuation lines; all else stays as it is."""
    kept = []
    leaking = False
    for match in _LINE.finditer(text):
        line = match[0]
        if not (leaking and line[:1] == b" "):
            name, colon, _ = line.partition(b":")
            leaking = bool(colon) and name.lower() in _LEAKS
        if not leaking:
            kept.append(line)
    return b"".join(kept)


def place(name: bytes) -> int:
    """Where a member stands: the manifest comes first, as `JarInputStream` wants, and its directory before it."""
    return _FIRST.get(name, 2)
