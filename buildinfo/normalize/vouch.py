"""Who vouches for a file: what states a digest of it, a signature of it beside it, an attribute of integrity.

Before the content of anything changes, its digests are looked for in everything that is packed with it. What is found
stays as it is, at every level below as well. The digests are those of what was there before, so that one round is
enough: a file that states the digest of another may change itself, as long as nothing states one of its own.

What is one thing to its users but no file, such as the content of a Java module, has digests of its own kind. They are
looked for where the change would change them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from buildinfo.apk.segments import open_package
from buildinfo.normalize.digests import LONGEST, Digests, Hit, Seeker
from buildinfo.normalize.inside import Part, parts, said_of
from buildinfo.normalize.job import MAX_FILE, Change, Report
from buildinfo.places import Source


class Voucher(NamedTuple):
    """Who vouches for a content: `what` says how, `path` where, in the file or package `place` if that is not empty."""

    what: str
    path: str
    place: str = ""


class Search:
    """Looks for who vouches for the contents of which `reports` tell that they would change.

    Attributes:
        found: SHA-256 of a content in lower-case hex -> who vouches for it, so far.
    """

    def __init__(self, reports: Iterable[Report]) -> None:
        self.found: dict[str, Voucher] = {}
        contents: dict[str, Digests] = {}
        for report in reports:
            contents.update(report.digests or {})
        self._seeker = Seeker(contents.items())

    @property
    def done(self) -> bool:
        """Whether nothing is left to be looked for."""
        return self._seeker.done

    def reasons(self, home: str = "") -> dict[str, str]:
        """SHA-256 of a content -> why it stays, in words for who is in `home`."""
        return {
            key: f"{what} {place + '!/' if place and place != home else ''}{path}"
            for key, (what, path, place) in self.found.items()
        }

    def signed(self, signatures: Mapping[str, str], changes: Iterable[Change]) -> None:
        """Files that have a signature beside them: path -> path of the signature."""
        for change in changes:
            if change.path in signatures:
                self.found.setdefault(change.before, Voucher("it is signed by", signatures[change.path]))

    def names(self, names: Sequence[str]) -> None:
        """The names of files, which may be digests of them."""
        text = "\n".join(name.replace("\n", " ") for name in names).encode("utf-8", "surrogateescape")
        for data in (text, text.replace(b"/", b"")):
            for hit in self._seeker.search(data):
                name = names[data.count(b"\n", 0, hit.at)]
                self.found.setdefault(hit.key, Voucher(f"its {hit.name} is in the name of", name))

    def file(self, data: bytes, path: str, place: str = "") -> None:
        """Searches a file and all that it holds."""
        for part in parts(data, path):
            if self.done:
                return
            self.part(part, place)

    def part(self, part: Part, place: str = "") -> None:
        """Searches one piece. Of names also as stores spell them that take a digest for a path: ab/cd/rest."""
        self._note(self._seeker.search(part.data), part.path, place)
        if part.names and b"/" in part.data:
            self._note(self._seeker.search(part.data.replace(b"/", b"")), part.path, place)

    def stream(self, pieces: Iterable[bytes | memoryview], path: str, place: str = "") -> None:
        """Searches a file that is too large to be held. It is not opened."""
        last = b""
        for piece in pieces:
            data = last + bytes(piece)
            self._note(self._seeker.search(data), path, place)
            last = data[-LONGEST:]

    def package(self, path: Source) -> None:
        """Searches a package: scripts, names, attributes and files.

        Raises:
            FormatError, IntegrityError, UnreadableError: it cannot be read.
        """
        place = path.name
        with open_package(path) as package:
            for segment in package.segments():
                for member, content in segment.tar if segment.kind != "signature" else ():
                    if self.done:
                        return
                    self.part(Part(member.name, said_of(member), names=True), place)
                    if member.size > MAX_FILE:
                        self.stream(content, member.name, place)
                    elif member.size:
                        self.file(b"".join(content), member.name, place)

    def _note(self, hits: Iterable[Hit], path: str, place: str) -> None:
        for hit in hits:
            self.found.setdefault(hit.key, Voucher(f"its {hit.name} is stated in", path, place))
