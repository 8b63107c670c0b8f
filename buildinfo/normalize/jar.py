"""What a jar leaks of its build, and where its manifest belongs.

Sources: the JAR File Specification (sections "The META-INF directory" and "JAR Manifest"), and strip-nondeterminism's
`jar` handler, whose choice of leaks this is.
"""

from __future__ import annotations

import re
from typing import Final

MANIFEST: Final = b"META-INF/MANIFEST.MF"
"""An archive that holds it is a jar."""

_LEAKS: Final = {b"bnd-lastmodified": re.compile(rb"[0-9]{1,19}"), b"built-by": re.compile(rb".*", re.DOTALL)}
"""Attributes, whose case does not count, and what they have to hold: a time, and the user who built."""
_LONGEST_LINE: Final = 512
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)?")
_ATTRIBUTE: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_-]{0,69}): ([^\0\r\n]*)")
_SCRIPT: Final = b"javac.sh"
_ARGUMENTS: Final = re.compile(rb"org\.codehaus\.plexus\.compiler\.javac\.JavacCompiler[0-9]+arguments")
_WORD: Final = rb"[^\s;&|<>`$()\\]+"
_COMMAND: Final = re.compile(
    rb'(?:/bin/sh -c )?"?cd %(w)s && %(w)sjavac(?: %(w)s)* @?%(w)sJavacCompiler[0-9]+arguments"?\s*' % {b"w": _WORD}
)
_QUOTED: Final = re.compile(rb'(?:"[^"\r\n]*"\r?\n)+')
_TARGET: Final = b'"-d"'
LARGEST_LEFT: Final = 1 << 20
"""Bytes of the largest such file that is looked at."""
_FIRST: Final = {b"META-INF/": 0, MANIFEST: 1}


def may_be_left_behind(name: bytes) -> bool:
    """Whether a member has a name of what Maven's compiler plugin leaves behind when it forks."""
    return name == _SCRIPT or _ARGUMENTS.fullmatch(name) is not None


def is_left_behind(name: bytes, content: bytes) -> bool:
    """Whether that is what such a member holds: the command line that holds the build path, or the compiler's arguments
    in quotes, a line each, of which the folder to write to is one. Source: Plexus' `JavacCompiler`."""
    if name == _SCRIPT:
        return _COMMAND.fullmatch(content) is not None
    return _QUOTED.fullmatch(content) is not None and _TARGET in content.splitlines()


def clean_manifest(text: bytes) -> bytes:
    """Takes the leaking attributes out of a manifest, with their continuation lines; all else stays as it is.

    So does one that Java refuses as a whole, which it might read without them. Source: OpenJDK's `Manifest.read`.
    """
    kept = []
    leaking, main = False, True
    section = -1  # attributes of this one so far; -1 between two
    for match in _LINE.finditer(text):
        line = match[0]
        if not line:
            break
        if line[-1:] not in b"\r\n" or len(line) > _LONGEST_LINE:
            return text
        attribute = _ATTRIBUTE.fullmatch(line.rstrip(b"\r\n"))
        if not line.strip(b"\r\n"):
            main, leaking, section = False, False, -1
        elif line[:1] == b" ":
            if section < 0:
                return text
        elif attribute is None or (section < 0 and not main and attribute[1].lower() != b"name"):
            return text
        else:
            known = _LEAKS.get(attribute[1].lower())
            leaking = known is not None and known.fullmatch(attribute[2]) is not None
            section += 1
        if not leaking:
            kept.append(line)
    return b"".join(kept)


def place(name: bytes) -> int:
    """Where a member stands: the manifest comes first, as `JarInputStream` wants, and its directory before it."""
    return _FIRST.get(name, 2)
