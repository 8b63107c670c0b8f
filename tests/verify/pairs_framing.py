"""Pairs that differ in how the same files were packed: compressor, tar, order, owners, times, modes, key."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from pairs_making import LATER, PLAIN, Factor, files, packed
from pairs_packing import EPOCH, Packing, Pair, pair_of, zlib_level
from pairs_signing import rsa_key
from pairs_tar import Dialect
from pairs_tree import plant

LONG: Final = 3000
"""Lines of the longest file where the blocks of pigz are to show: the second begins at 128 KiB."""


def compressed(*command: str) -> Packing:
    """Compressed by a program."""
    return replace(
        PLAIN,
        compress=lambda data: subprocess.run(command, input=data, capture_output=True, check=True).stdout,
    )


GZIP, PIGZ = compressed("gzip", "-n", "-9"), compressed("pigz", "-n", "-9")
BUSYBOX = compressed("busybox", "gzip", "-9")
ZLIB_6, ZLIB_9 = (replace(PLAIN, compress=zlib_level(level)) for level in (6, 9))


def dated_gzip(time: int, name: bytes = b"") -> Packing:
    """What GNU gzip makes of a file without `-n`: its deflate, behind a time and a name (RFC 1952, 2.3)."""

    def compress(data: bytes) -> bytes:
        plain = GZIP.compress(data)
        return plain[:3] + (b"\x08" if name else b"\0") + time.to_bytes(4, "little") + plain[8:10] + name + plain[10:]

    return replace(PLAIN, compress=compress)


def shuffled(paths: list[str]) -> list[str]:
    """As a file system might list them: each folder before what is in it."""
    numbers = random.Random(7)
    rank = {path: numbers.random() for path in paths}

    def way(path: str) -> list[float]:
        parts = path.split("/")
        return [rank["/".join(parts[: depth + 1])] for depth in range(len(parts))]

    return sorted(paths, key=way)


def backwards(paths: list[str]) -> list[str]:
    """Each folder's content from z to a."""
    return sorted(paths, key=lambda path: [[-ord(letter) for letter in part] for part in path.split("/")])


def spread(path: str) -> int:
    """Each file its own time, as where nothing sets them before packing."""
    return EPOCH - sum(path.encode()) % 3600


def owned(user: str, group: str, uid: int = 0, gid: int = 0) -> Packing:
    """What lies in /var/lib/hello belongs to these."""
    return replace(
        PLAIN,
        owner=lambda path: (user, group) if path.startswith("var/lib/hello") else ("root", "root"),
        ids={user: uid, group: gid},
    )


def moded(path: str, mode: int) -> Packing:
    return replace(PLAIN, mode=lambda name, found: mode if name == path else found)


def attributed(path: str, key: str, value: bytes) -> Packing:
    return replace(PLAIN, xattrs={path: {key: value}})


def group_writable(path: str, mode: int) -> int:
    """As under umask 0002."""
    return mode | (mode & 0o200) >> 3 if path.startswith("usr/share") else mode


def signed(
    first: tuple[str, int] | None, second: tuple[str, int] | None, rebuilt: Packing = PLAIN
) -> Callable[[Path], Pair]:
    """Two packages signed with keys of a name and a seed."""

    def make(folder: Path) -> Pair:
        tree = plant(folder / "tree")
        return pair_of(
            folder,
            (replace(PLAIN, key=first and rsa_key(*first)), tree),
            (replace(rebuilt, key=second and rsa_key(*second)), tree),
        )

    return make


JOE, ANN = ("joe@example.org-5f1e2d3c", 1), ("ann@example.org-6a7b8c9d", 2)


def renamed(tree: Path, work: Path, second: bool) -> None:
    if second:
        (tree / "usr/share/hello/words.da").rename(tree / "usr/share/hello/a-danish")


FACTORS: tuple[Factor, ...] = (
    packed("compressor", "GNU gzip or pigz, 200 KB", PIGZ, GZIP, lines=LONG, needs=("gzip", "pigz")),
    packed("compressor", "GNU gzip or busybox gzip, a small package", BUSYBOX, GZIP, needs=("gzip", "busybox")),
    packed("compressor", "pigz or busybox gzip", BUSYBOX, PIGZ, lines=LONG, needs=("pigz", "busybox")),
    packed("compressor", "pigz -9 or zlib's one stream, level 6", ZLIB_6, PIGZ, lines=LONG, needs=("pigz",)),
    packed("compressor", "zlib, level 9 or 6", ZLIB_6, ZLIB_9),
    packed(
        "tar-dialect", "pax headers named with a process id", replace(PLAIN, data=Dialect(folder="PaxHeaders.4711"))
    ),
    packed("tar-dialect", "the control segment as GNU tar", replace(PLAIN, control=Dialect(gnu=True))),
    packed(
        "tar-dialect",
        "device fields of zeros or of NULs",
        replace(PLAIN, data=Dialect(device=b"0000000\0"), control=Dialect(device=b"0000000\0")),
    ),
    packed(
        "tar-dialect",
        "atime and ctime recorded, or 0",
        replace(PLAIN, data=Dialect(ctime="1706933104.571029334", atime="1706933105.683036201")),
    ),
    packed(
        "tar-dialect", "ends after two zero blocks, or at 10240", replace(PLAIN, data=Dialect(record=512)), lines=100
    ),
    packed("tar-dialect", "no atime and ctime at all", replace(PLAIN, data=Dialect(ctime="", atime=""))),
    packed("member-order", "sorted, or as the file system lists", replace(PLAIN, order=shuffled)),
    packed("member-order", "sorted, or from z to a", replace(PLAIN, order=backwards)),
    packed(
        "owner-ids",
        "the package's user has other numbers",
        owned("hello", "greeters", 159, 160),
        owned("hello", "greeters", 173, 170),
    ),
    packed("owner-ids", "the builder's numbers, or 0", owned("hello", "hello", 101, 101), owned("hello", "hello")),
    packed(
        "owner-ids", "the group shadow is 42, or 15", owned("root", "shadow", 0, 15), owned("root", "shadow", 0, 42)
    ),
    packed("owner-names", "tar --numeric-owner", replace(PLAIN, owner=lambda path: ("", ""))),
    packed(
        "owner-names",
        "names of the package's user only on one side",
        replace(PLAIN, owner=lambda path: ("", "") if "lib/hello" in path else ("root", "root"), ids={"": 101}),
        owned("hello", "hello", 101, 101),
    ),
    packed("file-times", "each file has its own time", replace(PLAIN, mtime=spread)),
    packed("file-times", "all files a day older than builddate", replace(PLAIN, mtime=lambda path: EPOCH - 86400)),
    packed(
        "file-times",
        "one file's time is new",
        replace(PLAIN, mtime=lambda path: LATER if path.endswith(".conf") else EPOCH),
    ),
    packed("mode", "setuid gained", moded("usr/bin/hello", 0o4755)),
    packed("mode", "umask 0077 while one file was made", moded("usr/share/hello/words", 0o600)),
    packed("mode", "umask 0002: writable by the group", replace(PLAIN, mode=group_writable)),
    packed(
        "xattr",
        "a capability gained",
        attributed("usr/bin/hello", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000")),
    ),
    packed(
        "xattr",
        "an attribute of the builder's file system",
        attributed("usr/share/hello/words", "user.mime_type", b"text/plain"),
    ),
    Factor("signing-key", "another key of another name", (), signed(JOE, ANN)),
    Factor("signing-key", "another key of the same name", (), signed(JOE, (JOE[0], 2))),
    Factor("signing-key", "the rebuild is not signed", (), signed(JOE, None)),
)

NEAR: tuple[Factor, ...] = (
    packed("compressor", "only the time in the gzip headers", dated_gzip(EPOCH), GZIP, lines=LONG),
    packed("compressor", "only a name and a time in the gzip headers", dated_gzip(EPOCH, b"data.tar\0"), GZIP),
    packed(
        "compressor", "other bytes because of another tar dialect", replace(PLAIN, data=Dialect(folder="PaxHeaders.1"))
    ),
    packed("tar-dialect", "only the times of the files", replace(PLAIN, mtime=spread)),
    packed("tar-dialect", "an extended attribute in the pax header", attributed("usr/bin/hello", "user.one", b"1")),
    files("member-order", "a file renamed, and so at another place", renamed),
    packed(
        "owner-ids", "another owner's name with the same number", owned("greeter", "greeter"), owned("hello", "hello")
    ),
    packed(
        "owner-ids",
        "another owner: name and number",
        owned("greeter", "greeter", 102, 102),
        owned("hello", "hello", 101, 101),
    ),
    packed("owner-names", "only the numbers", owned("hello", "hello", 101, 101), owned("hello", "hello", 102, 102)),
    packed("owner-names", "another name, none is missing", owned("greeter", "greeter"), owned("hello", "hello")),
    packed("file-times", "times that follow builddate", replace(PLAIN, epoch=LATER)),
    packed(
        "file-times", "atime and ctime only", replace(PLAIN, data=Dialect(atime="1706933104.5", ctime="1706933105.6"))
    ),
    packed("mode", "another owner, the same modes", owned("greeter", "greeter"), owned("hello", "hello")),
    packed("xattr", "setuid in place of a capability", moded("usr/bin/hello", 0o4755)),
    packed("xattr", "other pax records, which are no attributes", replace(PLAIN, data=Dialect(ctime="", atime=""))),
    Factor(
        "signing-key", "one key; the signature follows what it signs", (), signed(JOE, JOE, replace(PLAIN, epoch=LATER))
    ),
    Factor("signing-key", "one key; the signature follows another compressor", ("pigz",), signed(JOE, JOE, PIGZ)),
)
