"""If these fail, a package that was normalized installs something else than what was packed, or not at all.

The judges are apk 2.14, in the official minirootfs, and apk 3, where it is on PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from building import APKBUILD, ROOT, Builder
from sabotage import without_hooks

from buildinfo.apk.index import read_index
from buildinfo.apk.pigz import compress
from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.v2 import read_package
from buildinfo.normalize.job import Policy
from buildinfo.normalize.package import Settings, normalize_package
from buildinfo.normalize.place import INDEX
from buildinfo.normalize.registry import select

sys.path.insert(0, str(ROOT / "tests" / "apk"))
sys.path.insert(0, str(ROOT / "tests" / "normalize"))
from apkmaker import header, padded
from packing import EPOCH, Item, Packing, fast, walked

FILE = "hello-1.2-r3.apk"
OWN_ID = 321
"""What `.pre-install` gives the package's own user."""
MAIL = (8, 12)
"""What the minirootfs calls `mail`."""
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""`cap_net_bind_service=ep`, as the kernel stores it."""
LONG = "usr/share/hello/" + "long-" * 30

PAYLOAD = [
    Item("dev", "dir", mode=0o755),
    Item("dev/hello-block", "block", mode=0o640, user="mail", device=(7, 300)),
    Item("dev/hello-char", "char", mode=0o622, device=(1, 3)),
    Item("etc", "dir", mode=0o755),
    Item("etc/hello.conf", content=b"greeting = hello\n", mode=0o640, user="hello"),
    Item("usr", "dir", mode=0o755),
    Item("usr/bin", "dir", mode=0o755),
    Item("usr/bin/b-hello", content=bytes(range(256)) * 300, mode=0o4755,
         xattrs={"user.two": b"\x00\xff\n=", "user.one": b"1"}),
    Item("usr/bin/a-hello", "hardlink", mode=0o4755, link="usr/bin/b-hello"),
    Item("usr/bin/hello", "hardlink", mode=0o4755, link="usr/bin/b-hello"),
    Item("usr/bin/hello-mail", content=b"mail\n", mode=0o2751, user="mail"),
    Item("usr/bin/hello-port", content=b"port\n", mode=0o755, xattrs={"security.capability": CAPABILITY}),
    Item("usr/bin/hello-root", content=b"root\n", mode=0o4111),
    Item("usr/bin/moin", "symlink", mode=0o777, link="hello"),
    Item("usr/share", "dir", mode=0o755),
    Item("usr/share/hello", "dir", mode=0o755),
    Item("usr/share/hello/dangling", "symlink", mode=0o777, link="../" * 40 + "nowhere"),
    Item("usr/share/hello/z", content=b"shared\n" * 99, mode=0o604, user="hello"),
    Item(LONG, "hardlink", mode=0o604, user="hello", link="usr/share/hello/z"),
    Item(LONG + "alone", content=b"long\n", mode=0o400),
    Item("var", "dir", mode=0o755),
    Item("var/hello-drop", "dir", mode=0o1770, user="mail"),
    Item("var/hello-fifo", "fifo", mode=0o620),
    Item("var/hello-empty", "dir", mode=0o750, user="hello"),
]  # fmt: skip

SCRIPTS = {
    ".pre-install": (
        b"#!/bin/sh\n"
        b"echo hello:x:321:321::/:/sbin/nologin >>/etc/passwd\n"
        b"echo hello:x:321: >>/etc/group\n"
    ),
    ".post-install": b"#!/bin/sh\nstat -c '%a %U' /usr/bin/a-hello /etc/hello.conf >/var/hello-told\n",
}  # fmt: skip


def policy(_: PkgInfo) -> Policy:
    return select("all", EPOCH)


FINALIZE = Settings(policy, users=frozenset({"hello", "mail"}), groups=frozenset({"hello", "mail"}), one_time=True)
"""As finalize does it; `mail` stands for a user of the package that the base system knows as well."""

IDS = {"hello": 4711, "mail": 3_000_000}
"""What the builder calls them; the second is more than a header field holds."""


def packed(seed: int) -> bytes:
    """A package as a builder might leave it: any order, other ids, later times, another compressor."""
    packing = Packing(fast, None, IDS, EPOCH + 9, 4096, True, b"1", 31337, 1024, False, SCRIPTS)
    return packing.package(walked(PAYLOAD, seed))


@dataclass(frozen=True)
class Apk:
    """One apk, and how it is told to work in a root."""

    name: str

    def __str__(self) -> str:
        return self.name

    def run(self, root: Path, *words: str, folder: str = "/tmp") -> subprocess.CompletedProcess[str]:
        """Run apk in a folder of the root; the last word is a file there."""
        if self.name == "apk 2.14":
            command = ["chroot", root, "/bin/sh", "-c", 'cd "$0" && exec /sbin/apk "$@"', folder]
        else:
            command = ["apk", "--root", root]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return subprocess.run(
            [*command, *words], env=environment, cwd=f"{root}{folder}", capture_output=True, text=True, check=False
        )


@pytest.fixture(params=["apk 2.14", "apk 3"])
def apk(request: pytest.FixtureRequest) -> Apk:
    if request.param == "apk 3":
        if shutil.which("apk") is None:
            pytest.skip("needs apk 3 on PATH")
        said = subprocess.run(["apk", "--version"], capture_output=True, text=True, check=True).stdout
        if not said.startswith("apk-tools 3"):
            pytest.skip(f"needs apk 3 on PATH, not {said.partition(',')[0]}")
    return Apk(request.param)


Roots = Callable[[], Path]


@pytest.fixture
def roots(corpus: Path, tmp_path: Path) -> Iterator[Roots]:
    """Makes Alpine systems that nothing was installed into yet."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to install what belongs to others")
    [archive] = (corpus / "rootfs").glob("*.tar.gz")
    made: list[Path] = []

    def make() -> Path:
        root = tmp_path / f"root-{len(made)}"
        root.mkdir()
        made.append(root)
        subprocess.run(["tar", "-xzf", archive, "-C", root], check=True)
        apk = subprocess.run(["chroot", root, "/sbin/apk", "--version"], capture_output=True, text=True, check=False)
        if apk.returncode != 0:
            pytest.skip(f"needs a machine that runs the programs of {archive.name}")
        assert apk.stdout.startswith("apk-tools 2.14")
        try:
            os.mknod(root / "probe", stat.S_IFCHR | 0o600, os.makedev(1, 3))
            (root / "probe").unlink()
            (root / "probe").touch()
            os.setxattr(root / "probe", "user.one", b"1")
            os.setxattr(root / "probe", "security.capability", CAPABILITY)
            (root / "probe").unlink()
        except OSError as error:
            pytest.skip(f"needs to make devices, attributes and capabilities: {error.strerror}")
        return root

    yield make
    for root in made:
        shutil.rmtree(root, ignore_errors=True)


Node = tuple[object, ...]

KEPT_BY_APK = ("lib/apk/db", "lib/apk/exec", "var/cache", "var/log")
"""Where apk notes identities and times; `installed_files` reads what counts of it."""


def tree(root: Path, identity: str) -> dict[str, Node]:
    """All that a program can see in a root but times, sizes of folders, and the identity of the package."""
    first: dict[int, str] = {}
    nodes: dict[str, Node] = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders + files):
            path = Path(folder, name)
            inner = str(path.relative_to(root))
            if inner in KEPT_BY_APK:
                folders.remove(name)
                continue
            status = path.lstat()
            node: list[object] = [oct(status.st_mode), status.st_uid, status.st_gid]
            node.append(
                {
                    key: os.getxattr(path, key, follow_symlinks=False)
                    for key in os.listxattr(path, follow_symlinks=False)
                }
            )
            if stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
                if inner == "etc/apk/world":
                    content = content.replace(identity.encode(), b"")
                node += [hashlib.sha256(content).hexdigest(), status.st_nlink]
            elif stat.S_ISLNK(status.st_mode):
                node.append(path.readlink())
            elif not stat.S_ISDIR(status.st_mode):
                node.append(status.st_rdev)
            if not stat.S_ISDIR(status.st_mode):
                node.append(first.setdefault(status.st_ino, inner))
            nodes[inner] = tuple(node)
    return nodes


def installed_files(root: Path) -> set[tuple[str, ...]]:
    """What apk's database says of the package's folders and files: owner, mode and checksum.

    Of hard links apk notes the checksum of the attributes with the one that was packed as the file.
    """
    [record] = [part for part in (root / "lib/apk/db/installed").read_text().split("\n\n") if "\nP:hello\n" in part]
    folder, said = "", []
    for line in record.splitlines():
        if line[:2] == "F:":
            folder = line
        if line[:2] in ("F:", "R:"):
            said.append([folder, line])
        elif line[:2] in ("M:", "a:", "Z:"):
            shared = line[:2] == "a:" and (root / folder[2:] / said[-1][1][2:]).lstat().st_nlink > 1
            said[-1].append(":".join(line.split(":")[:4]) if shared else line)
    return {tuple(entry) for entry in said}


def install(apk: Apk, root: Path, package: Path) -> None:
    """Installs a package into a root."""
    shutil.copy(package, root / "tmp" / FILE)
    done = apk.run(root, "add", "--no-network", "--allow-untrusted", FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    (root / "tmp" / FILE).unlink()


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_installed_is_what_was_packed(seed: int, apk: Apk, roots: Roots, tmp_path: Path) -> None:
    """Else users get other modes, owners, capabilities or contents, or two copies of what was one file."""
    before, after = tmp_path / "before.apk", tmp_path / "after.apk"
    before.write_bytes(packed(seed))
    done = normalize_package(before, FINALIZE, output=after)
    was, now = read_package(before), done.package
    assert done.changed and was.data.tar_sha256 != now.data.tar_sha256

    old_root, new_root = roots(), roots()
    install(apk, old_root, before)
    install(apk, new_root, after)
    found = tree(new_root, now.identity)
    assert found == tree(old_root, was.identity)
    assert installed_files(new_root) == installed_files(old_root)

    # That both are the same would also hold for two that are wrong.
    names = {"root": (0, 0), "mail": MAIL, "hello": (OWN_ID, OWN_ID)}
    for item in PAYLOAD:
        status = (new_root / item.name).lstat()
        if item.name in ("dev", "etc", "usr", "usr/bin", "usr/share", "var"):
            continue
        assert (status.st_uid, status.st_gid) == names[item.user], item.name
        assert stat.S_IMODE(status.st_mode) == item.mode, item.name
        if item.kind == "file":
            assert found[item.name][3] == item.xattrs
            assert (new_root / item.name).read_bytes() == item.content
        if item.kind in ("char", "block"):
            assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == item.device
    assert (new_root / "usr/bin/hello").stat().st_nlink == 3
    assert (new_root / "usr/share/hello/z").samefile(new_root / LONG)
    assert (new_root / "var/hello-told").read_text() == "4755 root\n640 hello\n"


def openssl(*words: str | Path, data: bytes = b"") -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl on PATH")
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key to sign with; its public half lies beside it."""
    key = tmp_path_factory.mktemp("keys") / "joe-1234.rsa"
    openssl("genrsa", "-out", key, "2048")
    openssl("rsa", "-in", key, "-pubout", "-out", f"{key}.pub")
    return key


Sign = Callable[[bytes], bytes]


def signer(key: Path) -> Sign:
    """What makes the tar of the signature segment for a control segment, as `abuild-sign` does."""

    def sign(control: bytes) -> bytes:
        made = openssl("dgst", "-sha1", "-sign", key, data=control)
        return header(f".SIGN.RSA.{key.name}.pub", size=len(made), mtime=EPOCH) + padded(made)

    return sign


def anew(sign: Sign) -> Settings:
    """As finalize does it where it knows the key."""
    return replace(FINALIZE, sign=lambda control, _: compress(sign(control)))


def put_signature(path: Path, sign: Sign, pack: Callable[[bytes], bytes]) -> None:
    """Signs a package that has no signature."""
    control = read_package(path).control
    data = path.read_bytes()
    path.write_bytes(pack(sign(data[control.offset : control.offset + control.size])) + data)


def is_trusted(apk: Apk, root: Path, package: Path) -> bool:
    """Whether apk verifies a package with the keys of a root, and then installs it too."""
    shutil.copy(package, root / "tmp" / FILE)
    verified = apk.run(root, "verify", FILE).returncode == 0
    done = apk.run(root, "add", "--no-network", FILE)
    assert verified == (done.returncode == 0) == (root / "usr/bin/hello").exists(), done.stdout + done.stderr
    return verified


def test_a_signature_that_is_kept_still_holds(apk: Apk, roots: Roots, key: Path, tmp_path: Path) -> None:
    """Where only the framing of the signature segment changes, nobody has to sign or trust anything anew."""
    path = tmp_path / FILE
    path.write_bytes(packed(1))
    normalize_package(path, FINALIZE)
    put_signature(path, signer(key), fast)
    before = read_package(path)
    done = normalize_package(path, FINALIZE)
    assert (done.changed, done.signature, done.package.identity) == (True, "kept", before.identity)
    root = roots()
    assert not is_trusted(apk, root, path), "a stranger's key has to be refused, or the rest shows nothing"
    shutil.copy(f"{key}.pub", root / "etc/apk/keys")
    assert is_trusted(apk, root, path)


def test_a_signature_made_anew_holds(apk: Apk, roots: Roots, key: Path, tmp_path: Path) -> None:
    """Nor may a package pass for signed that lost its signature: apk has to refuse it, not find it damaged."""
    path, left = tmp_path / FILE, tmp_path / "left.apk"
    path.write_bytes(packed(1))
    put_signature(path, signer(key), fast)
    root = roots()
    shutil.copy(f"{key}.pub", root / "etc/apk/keys")
    assert normalize_package(path, FINALIZE, output=left).signature == "removed"
    assert not is_trusted(apk, root, left)
    assert apk.run(root, "verify", "--allow-untrusted", FILE).returncode == 0
    assert normalize_package(path, anew(signer(key))).signature == "made anew"
    assert is_trusted(apk, root, path)


FEW = [Item("usr", "dir", mode=0o755), Item("usr/hello", content=b"hello\n", mode=0o644)]


def of_equal_size(path: Path, beside: Path, sign: Sign) -> None:
    """Writes a package that normalizing, to `beside`, makes neither longer nor shorter."""
    for late in range(1, 300):
        path.write_bytes(Packing(compress, mtime=EPOCH + late, signed=False).package(FEW))
        put_signature(path, sign, compress)
        normalize_package(path, anew(sign), output=beside)
        if path.stat().st_size == beside.stat().st_size:
            beside.unlink()
            return
    pytest.fail("no package of equal size was found")


def identity_in(index: Path) -> str:
    [record] = read_index(index).records
    return record["C"]


def replaced_and_indexed(path: Path, sign: Sign, index: Callable[[], None]) -> bytes:
    """Indexes, normalizes the package, indexes again, as builds do one after the other; returns what it was."""
    folder = path.parent
    of_equal_size(path, folder.parent / "beside.apk", sign)
    index()
    was, data = read_package(path).identity, path.read_bytes()
    assert identity_in(folder / INDEX) == was
    ahead = time.time() + 3600  # as from a machine whose clock is; within one second it would be a matter of luck
    os.utime(folder / INDEX, (ahead, ahead))
    done = normalize_package(path, anew(sign))
    assert done.package.identity != was and path.stat().st_size == len(data)
    index()
    assert identity_in(folder / INDEX) == done.package.identity
    return data


def test_an_index_gets_the_new_identity_of_a_package_of_equal_size(
    apk: Apk, roots: Roots, key: Path, tmp_path: Path
) -> None:
    """apk copies what an older index says of a package of that size; nobody could install what it then describes."""
    root = roots()
    repository = root / "srv" / "x86_64"
    repository.mkdir()

    def index() -> None:
        old = ["--index", INDEX] if (repository / INDEX).exists() else []
        done = apk.run(root, "index", "--allow-untrusted", *old, "--output", "new", FILE, folder="/srv/x86_64")
        assert done.returncode == 0, done.stdout + done.stderr
        (repository / "new").replace(repository / INDEX)

    path = repository / FILE
    before = replaced_and_indexed(path, signer(key), index)

    # That apk does copy is what this is about: else the care for times could go.
    copied = identity_in(repository / INDEX)
    path.write_bytes(before)
    os.utime(path, (EPOCH, EPOCH))
    index()
    assert identity_in(repository / INDEX) == copied != read_package(path).identity


@pytest.mark.real
def test_abuild_index_gets_it_too(real: Callable[..., Builder], real_key: Path) -> None:
    """It passes the old index on at every build, and a repository is published with what comes out."""
    builder = real()
    without_hooks(builder)
    folder = builder.aport(APKBUILD.replace("$pkgname-doc", ""))
    repository = builder.repodest / "main" / "x86_64"
    repository.mkdir(parents=True)

    def index() -> None:
        builder.own()
        builder.run("abuild", *(["-F"] if os.geteuid() == 0 and builder.uid is None else []), "index", cwd=folder)

    replaced_and_indexed(repository / FILE, signer(real_key), index)
