"""What fuzzing starts from: what the tests of each room make, and small real files where the corpus is there."""

from __future__ import annotations

import importlib
import json
import marshal
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
LARGEST = 1 << 13
"""Bytes of a real file that is taken."""
MOST = 40
"""Real files of one kind."""


def seeds(name: str) -> list[bytes]:
    """The seeds of a target."""
    made = list(globals()[f"_{name}"]())
    for pattern in _REAL.get(name, ()):
        files = (path for path in sorted(CORPUS.glob(pattern)) if path.is_file() and path.stat().st_size <= LARGEST)
        made += [path.read_bytes() for path, _ in zip(files, range(MOST), strict=False)]
    return made


_REAL = {
    "ar": ["add-determinism/*.a", "strip-nondeterminism/fixtures/ar/*.in"],
    "compressed": ["add-determinism/*.gz", "strip-nondeterminism/fixtures/gzip/*.in"],
    "cpio": ["strip-nondeterminism/fixtures/cpio/*.in", "cpio/generated/*"],
    "images": ["strip-nondeterminism/fixtures/uimage/*.in", "strip-nondeterminism/fixtures/bflt/*.in"],
    "index": ["apkindex-v2/*"],
    "javadoc": ["add-determinism/*.html", "strip-nondeterminism/fixtures/javadoc/*.in"],
    "package": ["apk-v2/*/*.apk"],
    "png": ["strip-nondeterminism/fixtures/png/*.in"],
    "pyc": ["add-determinism/*.pyc", "add-determinism/python_stdlib/*/*.pyc"],
    "signed": ["apkindex-v2/*", "apk-v2/*/*.apk"],
    "zip": [
        "add-determinism/jars/*.jar",
        *(f"strip-nondeterminism/fixtures/{kind}/*.in" for kind in ("zip", "jar", "jmod", "pyzip")),
    ],
}


def _tests(name: str) -> ModuleType:
    return importlib.import_module(f"test_{name}")


def _ar() -> list[bytes]:
    made = _tests("ar")
    png = _tests("png")
    return [made.LIBRARY, made.BSD, made.archive(made.member(b"a.png/", png.EVERYTHING), made.member(b"b", b""))]


def _tars() -> list[bytes]:
    made = _tests("tar")
    apk = importlib.import_module("apkmaker")
    long = "d/" * 60 + "name"
    records = {"atime": "1501798481.73", "LIBARCHIVE__creationtime": "9", "SCHILY__xattr__user__b": "2"}
    return [
        *(made.tarball(made.entry(), made.entry("old", 7), made.entry(long), tar_format=form) for form in made.FORMATS),
        made.tarball(made.entry(mtime=made.LATE + 0.25, **records, SCHILY__xattr__user__a="1", SCHILY__ino="77")),
        made.tarball(made.entry("a.png", content=_tests("png").EVERYTHING), made.entry("b")),
        apk.DATA,
        apk.ended(_pid(apk), apk.header("dir/" + "n" * 80, magic=apk.GNU, uid=b"\x80\0\0\0\0\1\2\3")),
    ]


def _pid(apk: ModuleType) -> bytes:
    body: bytes = apk.record(b"mtime=1700000000.5")
    return bytes(apk.header("dir/PaxHeaders.4711/" + "n" * 80, size=len(body), flag=b"x", magic=apk.GNU)) + bytes(
        apk.padded(body)
    )


_tar = _tarpatch = _tars


def _compressed() -> Iterator[bytes]:
    made = _tests("compressed")
    tar = made.tarball()
    for wrapped in range(6):
        yield bytes((wrapped,)) + tar
    yield made.member() + made.member(tar)
    yield made.member(flags=1 | 2 | 4 | 8 | 16, fields=made.EXTRA + b"name\0comment\0??") + b"rubbish"
    targets = importlib.import_module("targets")
    yield from (pack(tar) for pack in targets.PACKERS)


def _cpio() -> Iterator[bytes]:
    made = _tests("cpio")
    png: dict[str, object] = {"name": "a.png", "data": _tests("png").EVERYTHING}
    yield made.newc(*made.tree(3, 8, made.LATE))
    yield made.newc(*made.tree(3, 8, made.LATE), png, magic=b"070702", upper=False)
    yield made.newc({"name": "a"}, block=4) + made.newc({"name": "b"}) + made.tarball(made.LATE)
    yield made.odc({"name": "a", "mtime": made.LATE}, png)
    for order in "<>":
        name = b"TRAILER!!!\0\0"
        yield struct.pack(f"{order}13H", 0o070707, 1, 2, 0o100644, 0, 0, 1, 0, 0x7FFF, 1, 11, 0, 0) + name


def _zip() -> Iterable[bytes]:
    seeds: Iterable[bytes] = _tests("zip").SEEDS
    return seeds


def _pyc() -> Iterator[bytes]:
    from importlib.util import MAGIC_NUMBER

    source = (
        "x = (1, 'a', b'b', 2.5, None, ...)\nclass A:\n    def f(self, *, x=x):\n        return [x for x in self]\n"
    )
    yield MAGIC_NUMBER + struct.pack("<3I", 0, 1700000000, len(source)) + marshal.dumps(compile(source, "a", "exec"))


def _png() -> list[bytes]:
    return [_tests("png").EVERYTHING]


def _gettext() -> list[bytes]:
    made = _tests("gettext")
    return [made.catalog(made.LATE), made.catalog(made.LATE, "big")]


def _javadoc() -> list[bytes]:
    made = _tests("javadoc")
    return [made.LATE, made.page(made.COMMENT, made.COMMENT + made.META % b"2016-07-24")]


def _images() -> list[bytes]:
    uimage, bflt = _tests("uimage"), _tests("bflt")
    return [uimage.image(uimage.EPOCH + 9), bflt.program(bflt.EPOCH + 9)]


def _package() -> Iterator[bytes]:
    packing = importlib.import_module("packing")
    apk = importlib.import_module("apkmaker")
    small = [replace(item, content=item.content[:600]) for item in packing.PAYLOAD]
    tars = [packing.Packing(seed=seed, process=seed, times=b"1").data(small) for seed in (None, 3, 8)]
    tars += [packing.Packing(seed=2, ids={"hello": own}).data(small) for own in (173, 3_000_000)]
    item = packing.Item
    inside = [("a.pyc", next(_pyc())), ("a.py", b"x"), ("b.gz", _tests("compressed").member()), ("c.png", _png()[0])]
    tars += [packing.Packing().data([item(name, content=content) for name, content in inside])]
    tars += [*_tars(), apk.DATA]
    for number, tar in enumerate(tars):
        yield bytes((4 * number,)) + tar
    yield b"\x01" + apk.file(".post-install", b"#!/bin/sh\n", checksum=False)
    yield b"\x02license = MIT\nsize = 17\ndepend = a\n"
    yield apk.package()
    yield packing.Packing().package(small)


def _index() -> Iterator[bytes]:
    apk = importlib.import_module("apkmaker")
    made = _tests("apk_index")
    yield made.RECORDS
    yield b"ustar" + apk.ended(made.DESCRIPTION, made.INDEX, made.SIGN)
    yield apk.gz(made.SIGN) + apk.gz(apk.ended(made.DESCRIPTION, made.INDEX))


def _texts() -> Iterator[bytes]:
    made = _tests("apk_installed")
    yield from (made.ALL, made.MUSL, made.BUSYBOX, made.VIRTUAL)
    more = "replaces = x y\n\tz\ntriggers = /usr/lib/*\n# automatically detected:\n"
    yield importlib.import_module("apkmaker").pkginfo("00" * 32, more)
    yield b"_buildinfo_a=1\0PATH=/bin\0b=\0"


def _signed() -> Iterator[bytes]:
    apk = importlib.import_module("apkmaker")
    tar = apk.signature(".SIGN.RSA.joe.rsa.pub", ".SIGN.RSA256.eve.rsa.pub")
    yield from (bytes((shape,)) + tar for shape in range(3))
    yield apk.package()
    yield apk.gz(tar) * 2
    yield from _index()


def _recordsignature() -> Iterator[bytes]:
    yield b"abuild-buildinfo-signature 1 RSA256 joe@example.org-12345678.rsa.pub\n" + b"QUJD" * 19 + b"\nRA==\n"
    yield b"abuild-buildinfo-signature 2 RSA512 joe.pub\nQUJD\n"


def _report() -> Iterator[bytes]:
    identity = f"Q1{'a' * 27}="
    pair = {"original": "a.apk", "rebuilt": None, "verdict": "identical", "identity": identity, "original_sha256": None}
    yield json.dumps({"pairs": [pair, {**pair, "verdict": None}], "summary": {"identical": 1}}).encode()
    yield json.dumps({"pairs": [{**pair, "identity": None, "original": "/nonexistent"}]}).encode()


def _verify() -> Iterator[bytes]:
    packing = importlib.import_module("packing")
    apk = importlib.import_module("apkmaker")
    small = [replace(item, content=item.content[:600]) for item in packing.PAYLOAD]
    ways = (
        packing.Packing(),
        packing.Packing(seed=3, mtime=packing.EPOCH + 9),
        packing.Packing(ids={"hello": 3_000_000}, times=b"1", process=7),
    )
    tars = [b"\0" + _cut(way.data(small)) for way in ways]
    yield from (_joined(tars[0], tar) for tar in tars)
    attacks = importlib.import_module("test_attacks")
    folders = apk.directory("usr/") + apk.directory("usr/bin/")
    for sides in attacks.DATA.values():
        yield _joined(*(b"\0" + folders + b"".join(entries) for entries in sides))
    for script in (b"#!/bin/sh\n", b"#!/bin/ash\n"):
        control = b"\1" + apk.file(".post-install", script, checksum=False)
        yield _joined(b"\1" + apk.file(".post-install", b"#!/bin/sh\n", checksum=False), control)
    yield _joined(b"\2triggers = /a\nsize = 17\ndepend = a\n", b"\2depend = a\ntriggers = /a\ntriggers = /b\n")


def _dissect() -> Iterator[bytes]:
    for name in ("ar", "tar", "compressed", "cpio", "zip", "pyc", "png", "gettext", "images"):
        made = [seed for seed in seeds(name) if len(seed) < LARGEST]
        for first, second in pairwise(made[:12]):
            yield _joined(first, second)
        for seed in made[:12]:
            at = 3 * len(seed) // 4
            yield _joined(seed, seed[:at] + b"?" + seed[at + 1 :])
    for first, second in _TEXTS:
        yield _joined(first, second)
        yield _joined(b"\0" + first, b"\0\1" + second)


_TEXTS = (
    (
        b"built on Fri Apr  5 12:00:00 UTC 2024 by joe@host in /home/joe/x\n",
        b"built on 2024-05-06 by eve@h in /tmp/y/x\n",
    ),
    (b"1\n2\n3\n", b"3\n2\n1\n"),
    (b"tmp.aB3dE6 cc9fGh1.o -j8 5.15.0-91-generic\n", b"tmp.zY2xW1 ccQwEr2.o -j2 6.1.0-17-amd64\n"),
)


def _joined(first: bytes, second: bytes) -> bytes:
    return len(first).to_bytes(2, "little") + first + second


def _cut(tar: bytes) -> bytes:
    """A tar without the zero blocks that end it."""
    tar = tar.rstrip(b"\0")
    return tar + bytes(-len(tar) % 512)
