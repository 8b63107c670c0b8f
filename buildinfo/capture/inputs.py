"""The inputs of a build: what the hooks hashed, beside what the APKBUILD declares."""

from __future__ import annotations

from buildinfo.capture.reader import Capture, number
from buildinfo.capture.redact import public_url
from buildinfo.capture.secrets import cut_secrets
from buildinfo.errors import CaptureError
from buildinfo.model import Declared, Input, as_text

_REMOTE = ("http://", "https://", "ftp://")
#: abuild's checksum lists, strongest first.
_LISTS = ("sha512", "sha256", "md5")
#: Most bytes of a file, as the kernel counts them.
LARGEST_FILE = (1 << 63) - 1
_ROLES = ("recipe", "source", "script", "trigger", "other")


def read_inputs(capture: Capture) -> tuple[list[Input], list[str]]:
    """All inputs of a capture, sorted by role, then name.

    Returns:
        The inputs, and the names of sources that the hooks did not find.

    Raises:
        CaptureError: the hooks' lists do not fit together.
    """
    roles, urls = _roles(capture)
    declared = _declared(capture)
    found: list[Input] = []
    for group in ("inputs", "sources"):
        sha256, sha512, sizes = (_listing(capture, f"{group}.{kind}") for kind in ("sha256", "sha512", "size"))
        for name in sha256:
            role = roles.get(name, "other")
            if (group == "sources") != (name in urls):
                continue
            try:
                found.append(
                    Input(
                        name=as_text(name),
                        role=role,  # type: ignore[arg-type]  # one of _ROLES
                        url=as_text(urls[name]) if name in urls else None,
                        size=_size(sizes[name]),
                        sha256=sha256[name],
                        sha512=sha512[name],
                        declared=declared.get(name) if role == "source" else None,
                    )
                )
            except (KeyError, ValueError) as error:
                raise CaptureError(f"damaged: {group} do not fit together", where=capture.path) from error
    known = {str(entry.name) for entry in found}
    missing = [name for name, role in roles.items() if role == "source" and str(as_text(name)) not in known]
    return sorted(found, key=lambda entry: (_ROLES.index(entry.role), str(entry.name))), missing


def _roles(capture: Capture) -> tuple[dict[str, str], dict[str, str]]:
    """File name -> role, and the name of each fetched source -> URL. The first role of a name counts.

    The APKBUILD is the first of the inputs; abuild builds from one of another name, too.
    """
    roles = {next(iter(_listing(capture, "inputs.sha256")), "APKBUILD"): "recipe"}
    urls: dict[str, str] = {}
    brought = frozenset(capture.words("brought"))
    for place, word in enumerate(capture.words("source"), 1):
        alias, _, address = word.partition("::") if "::" in word else ("", "", word)
        if address.startswith(_REMOTE):
            name = (alias or word).rpartition("/")[2]
            urls[name] = cut_secrets(address) if str(place) in brought else public_url(address)
        else:
            name = word
        roles.setdefault(name, "source")
    for word in capture.words("install"):
        roles.setdefault(word, "script")
    for word in capture.words("triggers"):
        roles.setdefault(word.partition("=")[0], "trigger")
    return roles, urls


def _declared(capture: Capture) -> dict[str, Declared]:
    """File name -> declared checksum, from the strongest list that the APKBUILD has."""
    for algorithm in _LISTS:
        words = capture.words(f"{algorithm}sums")
        if words:
            return {
                name: Declared(algorithm=algorithm, value=value)  # type: ignore[arg-type]  # one of _LISTS
                for value, name in zip(words[::2], words[1::2], strict=False)
            }
    return {}


def _listing(capture: Capture, file: str) -> dict[str, str]:
    """What sha256sum, sha512sum and stat wrote: the value first, then the name."""
    gap = 0 if file.endswith(".size") else 1  # the hash programs say "binary" or "text" in one more character
    lines = (line.partition(" ") for line in capture.lines(file))
    return {name[gap:]: value for value, _, name in lines if name}


def _size(text: str) -> int:
    size = number(text, LARGEST_FILE)
    if size is None:
        raise ValueError
    return size
