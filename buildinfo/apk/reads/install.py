"""What apk makes of the entries of a data segment, in their order.

Source: `apk_db_install_archive_entry`, `apk_archive_entry_extract` and `apk_db_migrate_files` in apk-tools 2.14.4;
`apk_db_install_file` in 3.0 `database.c`, `fs_fsys.c`. Files are written under other names and renamed at the end; a
file needs its folder, and a hard link its target, before it, spelled alike. Owner, mode and attributes of a hard link
are put on the file that it shares.

What the model does not follow, because it depends on the system, on errors, or on which of two names apk renames last,
is a doubt. Of two packages without doubts apk installs the same if `differences` finds nothing; of two with the same
entries in the same order, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from buildinfo.apk.reads.headers import Kind, Reading

Apk = Literal["2.14", "3.0"]

OLD: Final = frozenset[Apk](("2.14",))
NEW: Final = frozenset[Apk](("3.0",))
BOTH: Final = OLD | NEW
LARGEST: Final = (1 << 31) - 1
"""Bytes of the largest file that apk 2.14 writes without an error."""
DEEPEST: Final = 100
"""Folders that one lies in whose own folder is missing."""
_KEEP: Final = b".keep_"
_CAPABILITY: Final = b"security.capability"
_CONTROL: Final = re.compile(rb"[\0-\x1f\x7f]").search
_NOT_PLAIN: Final = re.compile(rb"(?:\A|/)(?:\.{0,2}(?:/|\Z)|\.apk\.)").search
"""Paths that the file system reads as others, and names as apk gives to files that it has not finished."""

Owner = tuple[int, int, bytes, bytes]
"""User and group: the numbers, and the names, which are empty where there are none. What has a name gets its number on
the system if that has the name, else the number that stands here."""


class Thing(NamedTuple):
    """What lies at a path.

    Attributes:
        kind: what it is.
        mode: the twelve permission bits; of folders that it makes, apk 3.0 leaves out setuid and setgid.
        owner: whose it is.
        device: major and minor number; (0, 0) for all but devices.
        target: of a symbolic link.
        xattrs: extended attributes, sorted by name.
        listed: mode and owner as apk's database has them: those of the entry, and not of the file that it shares.
        checksum: whether the database has one of a file; else the one that it has.
        token: what stands for the content; None for all but files.
        names: how many names the file has, and the first of them; (1, its own) for most.
        absent: which apks do not install it, but end with an error.
    """

    kind: Kind
    mode: int
    owner: Owner
    device: tuple[int, int]
    target: bytes | None
    xattrs: tuple[tuple[bytes, bytes], ...]
    listed: tuple[int, Owner]
    checksum: bytes | bool | None
    token: Hashable
    names: tuple[int, bytes]
    absent: frozenset[Apk]


class _Inode:
    """A file while its names are collected."""

    __slots__ = ("checksum", "count", "first", "mode", "owner", "token", "xattrs")

    def __init__(self, path: bytes, reading: Reading, token: Hashable) -> None:
        self.mode = reading.mode
        self.owner = _owner(reading)
        self.xattrs = dict(reading.xattrs)
        self.checksum = reading.checksum is not None
        self.token = token
        self.first = path
        self.count = 1

    def link(self, path: bytes, reading: Reading) -> None:
        """Another name for it: apk gives it the owner of that entry, whereby the kernel takes special bits away."""
        self.count += 1
        self.first = min(self.first, path)
        self.owner = _owner(reading)
        self.xattrs.pop(_CAPABILITY, None)
        self.xattrs.update(reading.xattrs)
        self.mode &= ~0o4000 if not self.mode & 0o010 else ~0o6000
        if reading.mode & 0o7000:
            self.mode = reading.mode


@dataclass(slots=True)
class Installation:
    """What apk installs. Feed it with the entries in their order, then call `finish`.

    Attributes:
        failed: entries that neither apk installs, though it ends with an error: name -> why.
        orphans: folders whose own folder is none of the package's: whether they can be made depends on the system.
        doubts: why nobody can say from the package alone what gets installed.
    """

    failed: dict[bytes, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    orphans: list[bytes] = field(default_factory=list)
    _looked_at: int = 0
    _folders: dict[bytes, Thing] = field(default_factory=dict)
    _others: dict[bytes, tuple[Reading, _Inode | None, frozenset[Apk]]] = field(default_factory=dict)

    def entry(self, reading: Reading, token: Hashable = None) -> None:
        """The next entry.

        Args:
            reading: as apk reads it.
            token: what stands for its content.
        """
        name = reading.name
        if name.startswith(b"."):  # hidden at the root: for apk it is none of the package's files
            return
        if name.startswith(b"/") or _CONTROL(name) or b"/./" in name or b"/../" in name:
            self.failed[name] = "apk refuses the name"
            return
        path = name.removesuffix(b"/") if reading.kind == "dir" else name
        if _NOT_PLAIN(path) or len(path) > 4000 or max(map(len, path.split(b"/"))) > 255 or path[:4] == b"uvol":
            self._doubt(path, "is no plain path")
        if reading.other_sum:
            self._doubt(path, "has a checksum of another kind")
        if reading.kind == "dir":
            self._folder(path, reading)
        else:
            self._file(path, reading, token)

    def finish(self) -> None:
        """To be called behind the last entry; `differences` does. A folder whose own folder is left to the system is
        the same in any place."""
        for path in self.orphans[self._looked_at :]:
            above = path
            if path.count(b"/") > DEEPEST:
                self._doubt(path, "lies too deep")
                break
            while above := above.rpartition(b"/")[0]:
                if above in self._folders or above in self._others:
                    self._doubt(path, "stands before what it lies in")
                    break
        self._looked_at = len(self.orphans)

    def things(self) -> dict[bytes, Thing]:
        """Path -> what lies there, at the end."""
        things = dict(self._folders)
        for path, (reading, inode, absent) in self._others.items():
            things[path] = _thing(reading, path, inode, absent)
        return things

    def _folder(self, path: bytes, reading: Reading) -> None:
        parent = path.rpartition(b"/")[0]
        thing = _thing(reading, path, None, frozenset())
        if parent and parent not in self._folders:
            self.orphans.append(path)
        if path in self._others or self._folders.setdefault(path, thing) != thing:
            self._doubt(path, "stands twice")

    def _file(self, path: bytes, reading: Reading, token: Hashable) -> None:
        parent, _, base = path.rpartition(b"/")
        absent: frozenset[Apk] = OLD if base.startswith(_KEEP) and len(base) > len(_KEEP) else frozenset()
        if parent and parent not in self._folders:
            self.failed[path] = "the folder that it lies in does not stand before it"
            return
        if path in self._others or path in self._folders:
            self._doubt(path, "stands twice")
        if reading.kind == "file" and reading.link is not None:
            self._link(path, reading, absent)
            return
        inode = None
        if reading.kind == "file":
            inode = _Inode(path, reading, token)
            absent |= OLD if reading.size > LARGEST else frozenset()
            absent |= NEW if reading.checksum is None else frozenset()
        elif reading.kind == "symlink":
            if not reading.link:
                self.failed[path] = "a link that leads nowhere"
                return
            if reading.mode & 0o7000:
                self._doubt(path, "is a link with special bits")
        elif reading.xattrs:
            self._doubt(path, "has attributes, and is no file")
        self._others[path] = reading, inode, absent

    def _link(self, path: bytes, reading: Reading, absent: frozenset[Apk]) -> None:
        target = reading.link or b""
        found = self._others.get(target)
        if found is None:
            if _NOT_PLAIN(target):
                self._doubt(path, "leads to no plain path")
            self.failed[path] = "the target of the hard link does not stand before it"
            return
        _, inode, missing = found
        absent |= missing if b"/" in target else missing | OLD
        if inode is None or absent != missing:
            self._doubt(path, "is a hard link to what is no file, or to what not every apk installs")
        if inode is not None:
            inode.link(path, reading)
        self._others[path] = reading, inode, absent

    def _doubt(self, path: bytes, why: str) -> None:
        if len(self.doubts) < 100:
            self.doubts.append(f"{path.decode('utf-8', 'backslashreplace')} {why}")


def _owner(reading: Reading) -> Owner:
    return reading.uid, reading.gid, reading.uname, reading.gname


def _thing(reading: Reading, path: bytes, inode: _Inode | None, absent: frozenset[Apk]) -> Thing:
    owner = _owner(reading)
    return Thing(
        reading.kind,
        reading.mode if inode is None else inode.mode,
        owner if inode is None else inode.owner,
        reading.device,
        reading.link if reading.kind == "symlink" else None,
        tuple(sorted((dict(reading.xattrs) if inode is None else inode.xattrs).items())),
        (reading.mode, owner),
        reading.checksum if inode is None else inode.checksum,
        None if inode is None else inode.token,
        (1, path) if inode is None else (inode.count, inode.first),
        absent,
    )


def install(entries: Iterable[tuple[Reading, Hashable]]) -> Installation:
    """What apk installs of the entries of a data segment: each as apk reads it, and what stands for its content."""
    installation = Installation()
    for reading, token in entries:
        installation.entry(reading, token)
    installation.finish()
    return installation


def is_alike(before: Sequence[Reading], after: Sequence[Reading]) -> bool:
    """Whether two packages have the same entries in the same order, but for the content of files: then apk does the
    same with both."""
    if len(before) != len(after):
        return False
    return all(old == new or _but_content(old) == _but_content(new) for old, new in zip(before, after, strict=True))


def _but_content(reading: Reading) -> tuple[object, ...]:
    if reading.kind != "file" or reading.link is not None:
        return reading
    return (*reading[:7], reading.size > LARGEST, *reading[8:11], reading.checksum is None, reading.other_sum)


def differences(before: Installation, after: Installation) -> Iterator[tuple[bytes, str]]:
    """In what two installations differ: the paths and why. Contents are the same where their tokens are.

    Doubts of either are differences: nobody can say that the same gets installed.
    """
    before.finish()
    after.finish()
    for doubt in dict.fromkeys((*before.doubts, *after.doubts)):
        yield b"", doubt
    names = before.failed.keys() | after.failed.keys()
    failed = {name for name in names if before.failed.get(name) != after.failed.get(name)}
    for name in sorted(failed):
        yield name, before.failed.get(name) or after.failed[name]
    old, new = before.things(), after.things()
    for path in sorted((old.keys() | new.keys()) - failed):
        first, second = old.get(path), new.get(path)
        if first == second:
            continue
        if first is None or second is None:
            yield path, "only one of the two is installed"
            continue
        fields = [name for name, one, other in zip(Thing._fields, first, second, strict=True) if one != other]
        yield path, f"installed with another {', '.join(fields)}"
