"""Payloads of the kinds that state hashes or signatures of their own files, and what their users check."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping

LATER = 1800000000
"""A time after the epoch of the tests: it is what normalizing removes."""

Files = dict[str, bytes]
Holds = Callable[[Mapping[str, bytes]], bool]


class Clock:
    """When the builder of a payload builds: seconds since 1970."""

    now = LATER


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with late times, in an order that is not canonical."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, time.gmtime(Clock.now)[:6])
            info.compress_type = method
            archive.writestr(info, content)
    return made.getvalue()


def tarred(files: Mapping[str, bytes], when: int | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), Clock.now if when is None else when
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def gzipped(data: bytes, when: int | None = None) -> bytes:
    return gzip.compress(data, 6, mtime=Clock.now if when is None else when)


def untarred(data: bytes) -> Files:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            files[member.name] = file.read() if file else b""
    return files


def unarred(data: bytes) -> Files:
    files = {}
    at = 8
    while at < len(data):
        size = int(data[at + 48 : at + 58])
        files[data[at : at + 16].decode().strip()] = data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    return files


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


# Each kind: its files, and whether what they state of one another holds.


def virtualenv() -> tuple[Files, Holds]:
    """Wheels inside a package, checked against a SHA-256 in a module."""
    folder = "usr/lib/python3.12/site-packages/virtualenv/seed/wheels/embed"
    wheel = zipped({"pip/__init__.py": b"x = 1\n", "pip-1.dist-info/RECORD": b"pip/__init__.py,,\n"})
    listing = f'BUNDLE_SHA256 = {{"pip-1-py3-none-any.whl": "{sha256(wheel)}"}}\n'
    files = {f"{folder}/__init__.py": listing.encode(), f"{folder}/pip-1-py3-none-any.whl": wheel}
    return files, lambda now: sha256(now[f"{folder}/pip-1-py3-none-any.whl"]).encode() in now[f"{folder}/__init__.py"]


def gem() -> tuple[Files, Holds]:
    """Digests of the members of a tar, compressed beside them."""
    parts = {"metadata.gz": gzipped(b"--- !ruby/object\n"), "data.tar.gz": gzipped(tarred({"lib/a.rb": b"1\n"}))}
    sums = "---\nSHA256:\n" + "".join(f"  {name}: {sha256(data)}\n" for name, data in parts.items())
    name = "usr/lib/ruby/gems/3.3.0/cache/demo-1.gem"

    def holds(now: Mapping[str, bytes]) -> bool:
        inner = untarred(now[name])
        stated = re.findall(r"(\S+): ([0-9a-f]{64})", gzip.decompress(inner["checksums.yaml.gz"]).decode())
        return len(stated) == 2 and all(sha256(inner[part]) == digest for part, digest in stated)

    return {name: tarred({**parts, "checksums.yaml.gz": gzipped(sums.encode())})}, holds


def phar(make: Callable[[Mapping[str, bytes]], bytes], name: str) -> tuple[Files, Holds]:
    """A signature over all of an archive, as one of its members."""
    made = make({"b.php": b"<?php", "a.php": b"<?php", ".phar/signature.bin": bytes(40)})
    return {name: made}, lambda now: now[name] == made


def crates() -> tuple[Files, Holds]:
    """`cargo vendor`: every file of a crate in hex, in JSON."""
    folder = "usr/src/vendor/demo/"
    files = {
        f"{folder}Cargo.toml": b"[package]\n",
        f"{folder}tests/a.gz": gzipped(b"a"),
        f"{folder}b.zip": zipped({"b": b"b"}),
    }
    sums = {name.removeprefix(folder): sha256(data) for name, data in files.items()}
    listing = f"{folder}.cargo-checksum.json"

    def holds(now: Mapping[str, bytes]) -> bool:
        stated = json.loads(now[listing])["files"]
        return all(sha256(now[folder + name]) == digest for name, digest in stated.items())

    return {**files, listing: json.dumps({"files": sums}).encode()}, holds


def image() -> tuple[Files, Holds]:
    """An OCI image: blobs whose names are their digests, and a digest of what is inside one of them."""
    layer = tarred({"etc/issue": b"hello\n"})
    blobs = {
        "layer": gzipped(layer),
        "config": json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha256(layer)}"]}}).encode(),
    }
    files = {f"usr/share/image/blobs/sha256/{sha256(data)}": data for data in blobs.values()}

    def holds(now: Mapping[str, bytes]) -> bool:
        named = all(sha256(data) == name.rpartition("/")[2] for name, data in now.items())
        inner = sha256(gzip.decompress(now[f"usr/share/image/blobs/sha256/{sha256(blobs['layer'])}"]))
        return named and any(inner.encode() in data for data in now.values())

    return files, holds


def beside() -> tuple[Files, Holds]:
    """Maven's `.sha1` files."""
    jar = zipped({"META-INF/MANIFEST.MF": b"Built-By: me\r\n", "a.class": b"\xca\xfe\xba\xbe"})
    name = "usr/share/maven-repo/a-1.jar"
    stated = hashlib.sha1(jar).hexdigest().encode()
    return {name: jar, f"{name}.sha1": stated}, lambda now: hashlib.sha1(now[name]).hexdigest().encode() == stated


def installed() -> tuple[Files, Holds]:
    """RECORD of an installed Python project."""
    folder = "usr/lib/python3.12/site-packages"
    data = zipped({"b": b"1", "a": b"2"})
    record = f"demo/data.zip,sha256={url64(data)},{len(data)}\n".encode()
    files = {f"{folder}/demo/data.zip": data, f"{folder}/demo-1.dist-info/RECORD": record}
    return files, lambda now: url64(now[f"{folder}/demo/data.zip"]).encode() in record


def debian() -> tuple[Files, Holds]:
    """A .deb: MD5 of the files of one tar in another, and both in an ar archive."""
    page = gzipped(b"a page")
    sums = f"{hashlib.md5(page).hexdigest()}  usr/share/doc/a.gz\n".encode()
    parts = {"control.tar.gz": gzipped(tarred({"./md5sums": sums})), "data.tar.gz": gzipped(tarred({"./a.gz": page}))}
    made = b"!<arch>\n"
    for name, data in parts.items():
        made += (
            f"{name:<16}{Clock.now:<12}0     0     100644  {len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )

    def holds(now: Mapping[str, bytes]) -> bool:
        inner = untarred(unarred(now["usr/share/a.deb"])["data.tar.gz"])
        return hashlib.md5(inner["./a.gz"]).hexdigest().encode() in sums

    return {"usr/share/a.deb": made}, holds


def cache() -> tuple[Files, Holds]:
    """npm's cacache: the path is a SHA-512, cut in pieces."""
    data = gzipped(tarred({"package/a.js": b"1"}))
    text = hashlib.sha512(data).hexdigest()
    name = f"usr/share/cache/content-v2/sha512/{text[:2]}/{text[2:4]}/{text[4:]}"
    return {name: data}, lambda now: hashlib.sha512(now[name]).hexdigest() == text


def hexed() -> tuple[Files, Holds]:
    """A package of hex: a digest over several members of a tar."""
    contents = gzipped(tarred({"lib/a.ex": b"1"}))
    parts = {"VERSION": b"3", "metadata.config": b"{}.\n", "contents.tar.gz": contents}
    total = hashlib.sha256(b"".join(parts.values())).hexdigest().upper().encode()
    name = "usr/share/a-1.tar"

    def holds(now: Mapping[str, bytes]) -> bool:
        inner = untarred(now[name])
        return hashlib.sha256(b"".join(inner[part] for part in parts)).hexdigest().upper().encode() == inner["CHECKSUM"]

    return {name: tarred({**parts, "CHECKSUM": total})}, holds


def signed() -> tuple[Files, Holds]:
    """A detached signature beside a file, and one of what is compressed."""
    first, second = gzipped(b"first"), gzipped(tarred({"a": b"1"}))
    files = {
        "usr/a.gz": first,
        "usr/a.gz.asc": b"-----BEGIN PGP SIGNATURE",
        "usr/b.tar.gz": second,
        "usr/b.tar.sign": b"x",
    }
    return files, lambda now: now["usr/a.gz"] == first and now["usr/b.tar.gz"] == second


def golang() -> tuple[Files, Holds]:
    """Go's module cache: a digest over the contents of a zip archive, but not of its headers."""
    module = {"a.org/m@v1.0.0/go.mod": b"module a.org/m\n", "a.org/m@v1.0.0/testdata/a.gz": gzipped(b"data")}
    folder = "usr/share/go/cache/download/a.org/m/@v"
    lines = "".join(f"{sha256(data)}  {name}\n" for name, data in sorted(module.items()))
    total = b"h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest())

    def holds(now: Mapping[str, bytes]) -> bool:
        with zipfile.ZipFile(io.BytesIO(now[f"{folder}/v1.0.0.zip"])) as archive:
            lines = "".join(f"{sha256(archive.read(name))}  {name}\n" for name in sorted(archive.namelist()))
        return b"h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()) == total

    return {f"{folder}/v1.0.0.zip": zipped(module), f"{folder}/v1.0.0.ziphash": total}, holds


def jmods() -> tuple[Files, Holds]:
    """The JDK: java.base states, raw in a class file, a digest over the resources of another module."""
    module = {"classes/module-info.class": b"\xca\xfe\xba\xbe", "classes/a/icon.gz": gzipped(b"icon")}
    folder = "usr/lib/jvm/jmods"

    def total(files: Mapping[str, bytes]) -> bytes:
        named = {name.removeprefix("classes/"): data for name, data in files.items()}
        return hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(named.items()))).digest()

    def holds(now: Mapping[str, bytes]) -> bool:
        with zipfile.ZipFile(io.BytesIO(now[f"{folder}/a.jmod"])) as archive:
            return total({name: archive.read(name) for name in archive.namelist()}) == total(module)

    base = {"classes/module-info.class": b"\xca\xfe\xba\xbeModuleHashes" + total(module) + b"\0"}
    files = {
        f"{folder}/a.jmod": b"JM\x01\x00" + zipped(module),
        f"{folder}/java.base.jmod": b"JM\x01\x00" + zipped(base),
    }
    return files, holds


KINDS: dict[str, Callable[[], tuple[Files, Holds]]] = {
    "wheels in a module": virtualenv,
    "gem": gem,
    "phar that is a zip": lambda: phar(zipped, "usr/bin/a.phar"),
    "phar that is a tar": lambda: phar(tarred, "usr/bin/a.phar"),
    "phar that is a compressed tar": lambda: phar(lambda files: gzipped(tarred(files)), "usr/bin/a.phar"),
    "vendored crates": crates,
    "OCI image": image,
    "sha1 beside a jar": beside,
    "installed Python project": installed,
    "deb": debian,
    "npm cache": cache,
    "hex": hexed,
    "detached signature": signed,
    "go module": golang,
    "jmods": jmods,
}
