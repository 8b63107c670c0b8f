"""The model of apk's reading against the real apks: packages at random, installed by both, and read by the model.

Run it as a program for a long run: `python tests/apk/differing.py --packages 100000`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apkgen import KNOWN, Generator
from realapk import Left, Program, Seen, checksum, programs

from buildinfo.apk.pkginfo import PkgInfo
from buildinfo.apk.reads.headers import Reading
from buildinfo.apk.reads.info import read_info
from buildinfo.apk.reads.install import Apk, Installation, Owner, Thing
from buildinfo.apk.tar import Member
from buildinfo.apk.v2 import Observer, read_package
from buildinfo.errors import BuildinfoError
from buildinfo.verify.pair import verify_pair

Content = tuple[bytes, bytes]
"""SHA-256 and SHA-1."""


@dataclass
class Modelled(Observer):
    """A package as the model has it; `refused` where we or the model refuse it."""

    installation: Installation = field(default_factory=Installation)
    identity: str = ""
    refused: str | None = None
    info: PkgInfo | None = None
    scripts: dict[str, str] = field(default_factory=dict)
    _entries: list[tuple[Reading, bytearray]] = field(default_factory=list)

    def reading(self, reading: Reading) -> None:
        self._entries.append((reading, bytearray()))

    def member(self, member: Member, content: Iterator[memoryview]) -> Iterator[memoryview]:
        body = self._entries[-1][1] if self._entries else bytearray()
        for piece in content:
            body += piece
            yield piece

    def unsure(self, name: str) -> bool:
        """Whether the model tells nothing, or something of paths that are not looked at."""
        if self.installation.doubts or self.installation.orphans:
            return True
        own = name.encode()
        return not all((path + b"/").startswith((own + b"/", own + b"-root")) for path in self.installation.things())

    @classmethod
    def of(cls, path: Path) -> Modelled:
        self = cls()
        try:
            package = read_package(path, members=False, observer=self)
        except BuildinfoError as error:
            self.refused = f"reader: {error}"
            return self
        self.refused, self.identity, self.info = package.refused, package.identity, package.pkginfo
        self.scripts = {file.name: file.sha256 for file in package.scripts}
        for reading, body in self._entries:
            token = hashlib.sha256(body).digest(), hashlib.sha1(body).digest()
            self.installation.entry(reading, token)
        self.installation.finish()
        return self

    def left(self, apk: Apk) -> tuple[dict[bytes, Seen], dict[bytes, tuple[bytes, bytes]], set[str], tuple[bytes, ...]]:
        """What an apk is to leave: see `Left`."""
        assert self.info is not None
        info = read_info(self.info.raw)
        if not info.unpacks[apk == "3.0"]:
            return {}, {}, set(), ()
        things = {path: thing for path, thing in self.installation.things().items() if apk not in thing.absent}
        if apk == "3.0":  # it makes folders with one call, of which Linux takes no more than these bits
            things = {
                path: thing._replace(mode=thing.mode & 0o1777) if thing.kind == "dir" else thing
                for path, thing in things.items()
            }
        listed = {path: _listed(thing) for path, thing in things.items() if thing.kind != "dir"}
        return {path: _seen(thing) for path, thing in things.items()}, listed, set(self.scripts), info.triggers


def _owner(owner: Owner) -> tuple[int, int]:
    uid, gid, uname, gname = owner
    return KNOWN.get(uname.decode("latin-1"), uid), KNOWN.get(gname.decode("latin-1"), gid)


def _seen(thing: Thing) -> Seen:
    owner = _owner(thing.owner)
    if thing.kind == "symlink":
        return "symlink", owner, thing.target
    device = thing.device if thing.kind in ("char", "block") else None
    if thing.kind != "file":
        return thing.kind, thing.mode, owner, device
    assert isinstance(thing.token, tuple)
    attributes = tuple((name.decode(), value) for name, value in thing.xattrs)
    return "file", thing.mode, owner, thing.token[0], attributes, thing.names[1]


def _listed(thing: Thing) -> tuple[bytes, bytes]:
    mode, owner = thing.listed
    numbers = b"%d:%d:%o" % (*_owner(owner), mode)
    if thing.kind == "file":
        assert isinstance(thing.token, tuple)
        return numbers, checksum(thing.token[1]) if thing.checksum else b""
    return numbers, checksum(bytes.fromhex(str(thing.checksum, "ascii"))) if isinstance(thing.checksum, bytes) else b""


def disagreement(model: Modelled, left: Left, apk: Apk) -> str | None:
    """In what a real apk left something else than the model says."""
    things, listed, scripts, triggers = model.left(apk)
    found = {path: left.listed.get(path) for path in listed}
    for what, said, real in (
        ("things", things, left.things),
        ("database", listed, found),
        ("scripts", scripts, set(left.scripts)),
        ("triggers", sorted(triggers), sorted(left.triggers)),
    ):
        if said != real:
            return f"{apk} {what}: model {_rest(said, real)}, apk {_rest(real, said)}"
    wrong = [name for name, body in left.scripts.items() if hashlib.sha256(body).hexdigest() != model.scripts[name]]
    return f"{apk} scripts: {wrong}" if wrong else None


def _rest(one: object, other: object) -> object:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: value for key, value in one.items() if other.get(key) != value}
    return one


class Trial:
    """Batches of pairs: a package and a mutation of it. What went wrong is collected in `wrong`."""

    def __init__(self, seed: int, real: list[Program], folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._generator = Generator(seed)
        self._real = real
        self._folder = folder

    def batch(self, size: int, keep: Path | None = None) -> None:
        """Makes pairs, lets the model and the real apks judge each package, and verify each pair."""
        sides: list[dict[str, tuple[Path, Modelled]]] = []
        shutil.rmtree(self._folder, ignore_errors=True)
        for side in "ab":
            (self._folder / side).mkdir(parents=True)
            sides.append({})
        for number in range(size):
            name = f"p{number}"
            spec = self._generator.spec(name)
            for side, made in zip("ab", (spec, self._generator.mutated(spec)), strict=True):
                path = self._folder / side / f"{name}.apk"
                path.write_bytes(made.build())
                sides["ab".index(side)][name] = path, Modelled.of(path)
        before = len(self.wrong)
        left = [{program.apk: self._judged(side, program) for program in self._real} for side in sides]
        for name in sides[0]:
            self._verified(name, sides, left)
        if keep is not None and len(self.wrong) > before:
            for side in "ab":
                shutil.copytree(self._folder / side, keep / f"{len(self.wrong)}" / side)

    def _judged(self, side: dict[str, tuple[Path, Modelled]], program: Program) -> dict[str, Left]:
        readable = {name: path for name, (path, model) in side.items() if model.refused is None}
        self.counts["packages"] += len(side)
        self.counts["refused by us"] += len(side) - len(readable)
        root = self._folder / "root"
        refused = program.install(readable, root)
        self.wrong += [f"{readable[name]}: {program.apk} refuses it, the model does not" for name in refused]
        names = {name: side[name][1].identity for name in readable if name not in refused}
        left = program.left(names, root)
        for name, seen in left.items():
            path, model = side[name]
            if model.unsure(name):
                self.counts["in doubt"] += 1
            elif (why := disagreement(model, seen, program.apk)) is not None:
                self.wrong.append(f"{path}: {why}")
            else:
                self.counts["the same"] += 1
        return left

    def _verified(
        self, name: str, sides: list[dict[str, tuple[Path, Modelled]]], left: list[dict[Apk, dict[str, Left]]]
    ) -> None:
        """A verdict above `different` has to be one about packages of which each real apk leaves the same."""
        (first, one), (second, other) = (side[name] for side in sides)
        try:
            verdict = verify_pair(first, second).verdict
        except BuildinfoError:
            self.counts["pairs without a verdict"] += 1
            return
        self.counts[f"pairs {verdict}"] += 1
        if verdict == "different" or one.refused or other.refused:
            return
        for program in self._real:
            old, new = (side[program.apk].get(name) for side in left)
            if old is not None and new is not None and old.installed != new.installed:
                self.wrong.append(f"{first} {second}: {verdict}, but {program.apk} leaves something else")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rootfs", type=Path, help="a minirootfs with apk 2.14")
    parser.add_argument("--keep", type=Path, help="a folder for the batches with a disagreement")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root: apk gives files their owners")
    with tempfile.TemporaryDirectory() as folder:
        alpine = Path(folder, "alpine")
        alpine.mkdir()
        real = programs(args.rootfs, alpine)
        print(f"seed {args.seed}, apk {', '.join(program.apk for program in real)}", flush=True)
        trial = Trial(args.seed, real, Path(folder, "trial"))
        while trial.counts["packages"] < args.packages * len(real):
            shown = len(trial.wrong)
            trial.batch(250, args.keep)
            for line in trial.wrong[shown:]:
                print(line[:1500], flush=True)
            print(dict(trial.counts), len(trial.wrong), "disagreements", flush=True)
    return bool(trial.wrong)


if __name__ == "__main__":
    sys.exit(main())
