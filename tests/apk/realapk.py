"""Installs many packages into one root with the real apk-tools, and says what each of them left there."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apkgen import KNOWN

from buildinfo.apk.reads.install import Apk

Seen = tuple[object, ...]
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}
_APART = (
    "unshare",
    "--mount",
    "sh",
    "-ec",
    'mount --bind "$1" "$1"; mount -o remount,bind,ro /; shift; exec "$@"',
    "sh",
)
"""Starts a program that can write to one folder alone: apk itself takes an entry `/` for the machine's root."""


@dataclass
class Left:
    """What a package left: path -> what lies there; the database's lines; scripts; triggers."""

    things: dict[bytes, Seen]
    listed: dict[bytes, tuple[bytes, bytes]]
    scripts: dict[str, bytes]
    triggers: tuple[bytes, ...]

    @property
    def installed(self) -> tuple[object, ...]:
        """What is on the system, whatever the database says of it."""
        return self.things, self.scripts, self.triggers


@dataclass(frozen=True)
class Program:
    """A real apk: its generation, and the command that starts it."""

    apk: Apk
    command: tuple[str, ...]

    def install(self, packages: Mapping[str, Path], root: Path) -> set[str]:
        """Installs packages, by name, into a new root; gives the names of those that it refuses to read."""
        refused: set[str] = set()
        while True:
            shutil.rmtree(root, ignore_errors=True)
            (root / "etc").mkdir(parents=True)
            users = "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in KNOWN.items())
            (root / "etc/passwd").write_text(users)
            (root / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number in KNOWN.items()))
            files = [path for name, path in packages.items() if name not in refused]
            words = ["add", "--root", root, "--initdb", "--allow-untrusted", "--no-network", "--no-scripts", "--quiet"]
            words.append("--force-non-repository")  # where the root is in memory
            done = subprocess.run(
                [*_APART, root, *self.command, *words, *files],
                capture_output=True,
                check=False,
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                timeout=600,
            )
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            new = {Path(found).stem for found in re.findall(r"ERROR: (\S+\.apk): ", said)} - refused
            if not new:
                database = root / "lib/apk/db/installed"
                if files and not (database.exists() and database.stat().st_size):
                    raise AssertionError(f"apk {self.apk} installs nothing: {said[-2000:]}")
                return refused
            refused |= new

    def left(self, names: Mapping[str, str], root: Path) -> dict[str, Left]:
        """What is in a root.

        Args:
            names: of the packages, and the `C:` of each.
            root: where they were installed.
        """
        owners = {identity: name for name, identity in names.items()}
        left = {name: Left(_things(root, name), {}, {}, ()) for name in names}
        for record in (root / "lib/apk/db/installed").read_bytes().split(b"\n\n"):
            lines = record.split(b"\n")
            name = next((line[2:].decode() for line in lines if line.startswith(b"P:")), "")
            if name in left:
                left[name].listed = _listed(lines)
        for line in (root / "lib/apk/db/triggers").read_bytes().removesuffix(b"\n").split(b"\n"):
            if not line:
                continue
            identity, *words = line.split(b" ")
            left[owners[identity.decode()]].triggers = tuple(words)
        for path in (root / "lib/apk/db").glob("scripts.tar*"):
            with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
                for member in tar:
                    found = re.fullmatch(r"(.*?)-1-r0\.[QX]1.*\.([^.]+)", member.name)
                    file = tar.extractfile(member)
                    assert found is not None and file is not None, member.name
                    name, script = found.groups()
                    left[name].scripts[f".{script}"] = file.read()
        return left


def programs(rootfs: Path | None, folder: Path) -> list[Program]:
    """The real ones that there are: apk 3 on PATH, and the apk 2.14 of a minirootfs, unpacked into `folder`."""
    found: list[Program] = []
    if subprocess.run([*_APART, folder, "true"], capture_output=True, check=False).returncode:
        return found
    new = shutil.which("apk")
    if new and b"apk-tools 3." in subprocess.run([new, "--version"], capture_output=True, check=False).stdout:
        found.append(Program("3.0", (new, "--arch", "x86_64")))
    if rootfs is not None:
        subprocess.run(["tar", "-xzf", rootfs, "-C", folder], check=True)
        loader = next((folder / "lib").glob("ld-musl-*.so.1"))
        libraries = f"{folder}/lib:{folder}/usr/lib"
        command = (str(loader), "--library-path", libraries, f"{folder}/sbin/apk", "--arch", "x86_64")
        found.append(Program("2.14", command))
    return found


def _things(root: Path, name: str) -> dict[bytes, Seen]:
    base = os.fsencode(root)
    paths = [path for path in _inside(base) if path == name.encode() or path.startswith(name.encode() + b"-root")]
    found: list[bytes] = []
    while paths:
        path = paths.pop()
        found.append(path)
        if stat.S_ISDIR(os.lstat(base + b"/" + path).st_mode):
            paths += [path + b"/" + inner for inner in _inside(base + b"/" + path)]
    inodes: dict[int, bytes] = {}
    for path in sorted(found):
        inodes.setdefault(os.lstat(base + b"/" + path).st_ino, path)
    return {path: _seen(base + b"/" + path, inodes) for path in found}


def _inside(folder: bytes) -> list[bytes]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _seen(path: bytes, inodes: Mapping[int, bytes]) -> Seen:
    status = os.lstat(path)
    mode = status.st_mode
    owner = status.st_uid, status.st_gid
    if stat.S_ISLNK(mode):
        return "symlink", owner, os.readlink(path)  # noqa: PTH115  # bytes
    device = (os.major(status.st_rdev), os.minor(status.st_rdev)) if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None
    own = KINDS[stat.S_IFMT(mode)]
    if not stat.S_ISREG(mode):
        return own, stat.S_IMODE(mode), owner, device
    attributes = tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))
    content = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).digest()
    return own, stat.S_IMODE(mode), owner, content, attributes, inodes[status.st_ino]


def _listed(lines: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
    """Path -> owner and mode, and checksum, as the database has them."""
    folder = path = b""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for line in lines:
        key, value = line[:2], line[2:]
        if key == b"F:":
            folder = value
        elif key == b"R:":
            path = folder + b"/" + value if folder else value
            found[path] = b"0:0:644", b""
        elif key == b"a:":
            found[path] = b":".join(value.split(b":")[:3]), found[path][1]
        elif key == b"Z:":
            found[path] = found[path][0], value
    return found


def checksum(sha1: bytes) -> bytes:
    """A checksum as the database writes it."""
    return b"Q1" + base64.b64encode(sha1)
