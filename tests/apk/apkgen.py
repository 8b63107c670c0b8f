"""Packages at random, most of them with something that two readers may read as two things.

A package keeps to itself: what it installs begins with its own name, so that many go into one root.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import Any

from apkmaker import BLOCK, GNU, USTAR, gz, header, padded, record

KNOWN = {"root": 0, "known": 1234}
"""Users and groups that the system has."""
SCRIPTS = (".pre-install", ".post-install", ".pre-upgrade", ".post-deinstall", ".trigger")
FOLDERS = ("", "/a", "/b", "/a/c")
FILES = (*"qrstuvwxyz", ".keep_", ".keep_it", ".hid", ".apk.0", "uvol")
MODES = (0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o7777, 0, 0o2644, 0o6711)
KINDS = {"file": b"0", "hardlink": b"1", "symlink": b"2", "char": b"3", "block": b"4", "dir": b"5", "fifo": b"6"}


@dataclass
class Spec:
    """A package in parts: entries of the signature segments, of the control and the data segment, lines of .PKGINFO."""

    name: str
    signatures: list[list[bytes]] = field(default_factory=list)
    info: list[bytes] = field(default_factory=list)
    control: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    trailer: int = 2
    before: int = 0
    """Where `.PKGINFO` stands among the entries of the control segment."""

    def build(self) -> bytes:
        data = gz(b"".join(self.data) + bytes(self.trailer * BLOCK), level=1)
        lines = [*self.info, b"datahash = " + hashlib.sha256(data).hexdigest().encode(), b""]
        body = b"\n".join(lines)
        entries = list(self.control)
        entries.insert(min(self.before, len(entries)), header(".PKGINFO", size=len(body)) + padded(body))
        segments = [gz(b"".join(segment), level=1) for segment in self.signatures]
        return b"".join(segments) + gz(b"".join(entries), level=1) + data


class Generator:
    """Makes packages; equal seeds give equal ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def often(self, share: float) -> bool:
        return self.rng.random() < share

    def spec(self, name: str) -> Spec:
        """A package, mostly an honest one with a trick or two."""
        spec = Spec(name, info=self.info(name))
        spec.data = [self.entry(f"{name}{folder}", "dir") for folder in FOLDERS]
        paths: list[str] = []
        for _ in range(self.rng.randrange(1, 7)):
            path = self.path(name)
            spec.data.append(self.entry(path, self.rng.choice(("file", "file", "file", *KINDS)), paths))
            paths.append(path)
        if self.often(0.3):
            names = self.rng.sample(SCRIPTS, self.rng.randrange(1, 4))
            spec.control = [self.plain(script, b"#!/bin/sh\n# %d\n" % self.rng.randrange(9)) for script in names]
        if self.often(0.3):
            spec.signatures = [[self.plain(".SIGN.RSA.joe.rsa.pub", bytes(256))]]
        for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
            spec = self.mutated(spec)
        return spec

    def mutated(self, spec: Spec) -> Spec:
        """The package with one thing changed."""
        rng = self.rng
        spec = replace(spec, signatures=[list(part) for part in spec.signatures], info=list(spec.info))
        spec.control, spec.data = list(spec.control), list(spec.data)
        what = rng.random()
        if what < 0.70:
            self._mutate_data(spec)
        elif what < 0.82:
            self._mutate_control(spec)
        elif what < 0.94:
            self._mutate_info(spec)
        else:
            self._mutate_signatures(spec)
        return spec

    def info(self, name: str) -> list[bytes]:
        own = name.encode()
        lines = [b"pkgname = " + own, b"pkgver = 1-r0", b"pkgdesc = d", b"url = u", b"builddate = 1700000000"]
        lines += [b"size = 4096", b"arch = x86_64", b"license = MIT", b"origin = " + own]
        if self.often(0.3):
            lines.append(b"triggers = /%s/a /%s" % (own, own))
        if self.often(0.2):
            lines.append(b"provides = %s-other=1" % own)
        return lines

    def plain(self, name: str, body: bytes, **fields: Any) -> bytes:
        return header(name, size=len(body), **fields) + padded(body)

    def path(self, name: str) -> str:
        path = f"{name}{self.rng.choice(FOLDERS)}/{self.rng.choice(FILES[:10] if self.often(0.9) else FILES)}"
        return f"{name}-root{self.rng.randrange(3)}" if self.often(0.06) else path

    def spelled(self, path: str) -> str:
        """A path that some take for the same, and some for none."""
        rng = self.rng
        at = rng.choice([index for index, letter in enumerate(path) if letter == "/"] or [len(path)])
        return rng.choice((
            path[:at] + "/" + path[at:],
            path[:at] + "/." + path[at:],
            path[:at] + "/a/.." + path[at:],
            "./" + path,
            path + "/",
            path + "//",
            path + "/.",
            path[:at] + "\x01" + path[at:],
            "." + path,
            path + "\x7f",
            path + "\u00e4",
            path + " ",
        ))  # fmt: skip

    def entry(self, path: str, kind: str, paths: list[str] | None = None) -> bytes:  # noqa: PLR0912, PLR0915
        """The blocks of an entry; `paths` are what hard links may lead to."""
        rng, often = self.rng, self.often
        tricky = often(0.1)
        content = rng.choice((b"", b"one", b"two", b"x" * 700)) if kind == "file" else b""
        fields: dict[str, Any] = {"mode": rng.choice(MODES if often(0.2) else MODES[:2]), "flag": KINDS[kind]}
        fields["magic"] = GNU if often(0.1) else USTAR
        if kind == "dir":
            fields["mode"] = rng.choice(MODES) if often(0.1) else 0o755
        if often(0.1):
            fields["uname"], fields["uid"] = rng.choice(((b"known", 7), (b"nosuch", 77), (b"", 777), (b"root", 7)))
            fields["gname"], fields["gid"] = rng.choice(((b"known", 8), (b"nosuch", 88), (b"", 888), (b"root", 8)))
        records: list[bytes] = []
        link = ""
        if kind == "hardlink":
            link = rng.choice(paths) if paths and often(0.9) else rng.choice((path, "etc/passwd", path + "/../y"))
            link = self.spelled(link) if often(0.05) else link
        elif kind == "symlink":
            link = rng.choice(("x", "/etc/passwd", "../y", "l" * 150)) if often(0.9) else rng.choice((path, "/", "."))
            if len(link) > 100:
                records.append(b"linkpath=" + link.encode())
        elif kind in ("char", "block"):
            fields["device"] = rng.choice(((1, 3), (1, 5), (7, 0)))
        if kind in ("file", "symlink") and often(0.96):
            sha1 = hashlib.sha1(content if kind == "file" else link.encode()).hexdigest().encode()
            records.append(b"APK-TOOLS.checksum.SHA1=" + sha1)
        if often(0.05):
            records += [b"SCHILY.xattr.user.a=1"] + ([b"SCHILY.xattr.user.b=\0\xff"] if often(0.5) else [])
        name = path + "/" * (kind == "dir" and often(0.8))
        size: int | bytes = len(content)
        if tricky:
            trick = rng.randrange(22)
            if trick == 0:
                name = self.spelled(name)
            elif trick == 1 and "/" in name:
                fields["prefix"] = name.split("/", 1)[0].encode()
                name = name.split("/", 1)[1]
            elif trick == 2:
                records.append(b"path=" + name.encode())
                name = rng.choice(("other", ".hidden", name, ".PKGINFO"))
            elif trick == 3 and kind == "file":
                records.append(b"linkpath=" + (rng.choice(paths) if paths else "nowhere").encode())
            elif trick == 4:
                records.append(b"size=%d" % rng.choice((len(content), 0, 512)))
            elif trick == 5:
                fields["mode"] = rng.choice((b"    644\0", b"00000644", b"0000644 ", b"644\0\0\0\0\0", b"0100644\0"))
            elif trick == 6:
                fields["uid"] = rng.choice((b"\x80\0\0\0\0\0\0\x07", b"     7 \0", b"7\0\0\0\0\0\0\0", b"\0" * 8))
            elif trick == 7:
                fields["flag"] = rng.choice((b"7", b"\0", b"0", b"1", b"5"))
            elif trick == 8:
                records.append(rng.choice((b"uid=5", b"uname=known", b"gid=6", b"gname=root", b"mtime=1.5", b"uname=")))
            elif trick == 9:
                records.append(b"APK-TOOLS.checksum.MD5=" + hashlib.md5(content).hexdigest().encode())
            elif trick == 10:
                wrong = rng.choice((b"0" * 40, b"f" * 39, b"A" * 40, b"", b"da39a3ee5e6b4b0d3255bfef95601890afd80709"))
                records.insert(rng.randrange(len(records) + 1), b"APK-TOOLS.checksum.SHA1=" + wrong)
            elif trick == 11:
                size = rng.choice(
                    (b"%011o " % len(content), b"\x80" + bytes(10) + b"\x01", b"00000000001\0", b"0" * 12)
                )
            elif trick == 12:
                records.append(
                    rng.choice((b"SCHILY.xattr.user.a=2", b"SCHILY.xattr.user.c", b"comment=x", b"=x", b"path="))
                )
            elif trick == 13:
                fields["uname"] = rng.choice((b"root\0known", b"known", b"k" * 32, b"root ", b"Root"))
            elif trick == 14:
                fields["device"] = (9, 9)
            elif trick == 15:
                fields["mode"] = rng.choice(MODES)
            elif trick == 16 and records:
                records.reverse()
            elif trick == 17:
                fields["mtime"] = rng.choice((0, b"77777777777\0", b"\xff" * 12, b"            "))
            elif trick == 18 and kind == "symlink":
                link = rng.choice(("", "a\0b", "x" * 101))
        long_name = len(name.encode()) > 100 or (tricky and often(0.1))
        extended = b""
        if long_name:
            body = name.encode() + b"\0"
            extended = header("././@LongLink", size=len(body), flag=b"L", magic=GNU) + padded(body)
            name = name.encode()[:100].decode("utf-8", "ignore") if often(0.7) else "short"
        if records:
            body = b"".join(record(text) for text in records)
            pax = header("./PaxHeaders/x", size=len(body), flag=b"x") + padded(body)
            extended = extended + pax if often(0.9) else pax + extended
        if tricky and often(0.03):
            extended += header("K", size=5, flag=b"K", magic=GNU) + padded(b"klink"[:5])
        block = header(name.encode(), size=size, linkname=link.encode()[:100], **fields)
        return extended + block + padded(content)

    def _mutate_data(self, spec: Spec) -> None:
        rng, data = self.rng, spec.data
        first, second = rng.randrange(len(data) or 1), rng.randrange(len(data) or 1)
        what = rng.randrange(9)
        path = self.path(spec.name)
        if not data or what == 0:
            data.insert(second, self.entry(path, rng.choice(list(KINDS)), [self.path(spec.name)]))
        elif what == 1:
            data[first], data[second] = data[second], data[first]
        elif what == 2:
            data.insert(second, data.pop(first))
        elif what == 3:
            data.insert(second, data[first])
        elif what == 4:
            del data[first]
        elif what == 5:
            data[first] = self.entry(path, rng.choice(list(KINDS)), [self.path(spec.name)])
        elif what == 6:
            data[first] = _touched(data[first], rng)
        elif what == 7:
            spec.trailer = rng.choice((0, 1, 2, 3, 20))
        else:
            data.append(self.entry(path, "hardlink", [self.path(spec.name)]))

    def _mutate_control(self, spec: Spec) -> None:
        rng = self.rng
        body = b"#!/bin/sh\n# evil\n"
        spec.control.append(rng.choice((
            self.plain(rng.choice(SCRIPTS), body),
            self.plain(".trigger", body, flag=b"7"),
            self.plain(".trigger", body, flag=b"\0"),
            self.plain(".trigger/x", body),
            self.plain("usr/x", body),
            self.plain("x", body),
            self.plain(".INSTALL", body),
            self.plain(".SIGN.RSA.other.rsa.pub", body),
            self.plain(".filler", body),
            self.plain(".trigger", b"", flag=b"5"),
            header("./PaxHeaders/x", size=17, flag=b"x") + padded(b"17 path=.trigger\n") + self.plain(".zz", body),
            header("./PaxHeaders/x", size=9, flag=b"x") + padded(b"9 size=0\n") + header(".zz", size=512),
            header("./PaxHeaders/x", size=12, flag=b"x") + padded(b"12 size=512\n") + header(".zz") + bytes(512),
            self.plain(".post-install", b"\n".join((b"x",) * 20)),
            bytes(512),
            bytes(1024),
        )))  # fmt: skip
        spec.before = rng.randrange(3)

    def _mutate_info(self, spec: Spec) -> None:
        own = spec.name.encode()
        line = self.rng.choice((
            b"size = 0", b"size = 4294967296", b"size = 18446744073709551616", b"size = x", b"size =", b"size = ",
            b" size = 0", b"size = 7\r", b"size  = 0", b"size = 0010", b"size =\t9", b"size=0",
            b"triggers = /%s/b" % own, b"triggers = ", b"triggers =", b"triggers = /x\r", b" triggers = /y",
            b"triggers =  /%s  /%s/a " % (own, own), b"# triggers = /z", b"triggers = /a = /b",
            b"pkgdesc = " + b"d" * 70000, b"# " + b"c" * 140000, b"pkgdesc = \0", b"unknown = x", b"maintainer = m",
            b"commit = c", b"replaces = other", b"replaces_priority = 5", b"provider_priority = 3", b"", b"continued",
            b"arch = noarch", b"pkgname = " + own, b"origin = other",
        ))  # fmt: skip
        if self.often(0.2):
            spec.info = [known for known in spec.info if not known.startswith(line.partition(b" ")[0] + b" ")]
        spec.info.insert(self.rng.randrange(len(spec.info) + 1), line)

    def _mutate_signatures(self, spec: Spec) -> None:
        signature = self.plain(".SIGN.RSA.joe.rsa.pub", bytes(256))
        spec.signatures.append(self.rng.choice((
            [signature],
            [signature, bytes(512)],
            [signature, bytes(1024)],
            [signature, self.plain(".trigger", b"x")],
            [signature, self.plain(".SIGN.RSA256.joe.rsa.pub", bytes(256))],
            [self.plain(".SIGN.RSA.j/e", b"x")],
            [header("./x", size=12, flag=b"x") + padded(b"12 size=512\n"), header(".SIGN.RSA.j"), bytes(512)],
            [self.plain(".SIGN.RSA.joe.rsa.pub", b"", flag=b"5")],
        )))  # fmt: skip


def _touched(entry: bytes, rng: random.Random) -> bytes:
    """The entry with another byte in one of its header blocks, and a right checksum."""
    blocks = [at for at in range(0, len(entry), BLOCK) if entry[at + 257 : at + 262] == b"ustar"]
    if not blocks:
        return entry
    at = rng.choice(blocks)
    block = bytearray(entry[at : at + BLOCK])
    place = rng.choice((rng.randrange(100), rng.randrange(100, 148), rng.randrange(156, 257), rng.randrange(265, 400)))
    block[place] = rng.choice((0, 0x20, 0x2F, 0x2E, 0x30, 0x37, 0x80, 0x61, rng.randrange(256)))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return entry[:at] + bytes(block) + entry[at + BLOCK :]
