"""A folder with an input of every kind, and the words that make each command read them."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import apkmaker
from building import COMMIT_TIME, Builder
from signers import signer, unsigned_index

from buildinfo.cli import main

INPUTS = {
    "package": "hello.apk",
    "signed": "signed.apk",
    "rebuilt": "rebuilt.apk",
    "index": "APKINDEX.tar.gz",
    "database": "installed",
    "record": "one.buildinfo.toml",
    "other": "two.buildinfo.toml",
    "report": "report.json",
    "list": "pairs",
    "loose": "loose.gz",
    "capture": "capture",
    "key": "us@example.org-12345678.rsa",
    "keys": "us-keys",
}
"""What the words call it -> its name in the folder."""

COMMANDS = {
    "enable": "enable",
    "disable": "disable",
    "doctor": "doctor",
    "doctor --clean": "doctor --clean",
    "finalize": "finalize --keep --packages packages/main {capture}",
    "normalize": "normalize {loose}",
    "normalize package": "normalize {package}",
    "normalize --output": "normalize -o {out} {loose}",
    "verify": "verify {package} {rebuilt}",
    "verify --batch": "verify --batch {list}",
    "verify with records": "verify --original-record {record} --rebuilt-record {other} {package} {rebuilt}",
    "verify signed records": "verify --require-signature --keys {keys} --original-record {record} "
    "--rebuilt-record {other} {package} {rebuilt}",
    "compare-records": "compare-records {record} {other}",
    "show package": "show {package}",
    "show index": "show {index}",
    "show record": "show {record}",
    "show signed record": "show --require-signature --keys {keys} {record}",
    "show database": "show {database}",
    "show capture": "show {capture}",
    "validate": "validate {record}",
    "validate report": "validate {report}",
    "signature list": "signature list {signed}",
    "signature extract": "signature extract -o {out} {signed}",
    "signature strip": "signature strip -o {out} {signed}",
    "signature graft": "signature graft --from {signed} --keys {keys} -o {out} {package}",
    "signature add": "signature add --key {key} {package}",
    "signature verify": "signature verify --keys {keys} {signed}",
    "index reproduced": "index reproduced --from {index} --report {report} --key {key} --keys {keys} -o {out}",
    "schema": "schema",
    "schema NAME": "schema show",
}
"""Every command, in every way that it reads files."""

JSON = {
    name: f"{words} --json" for name, words in COMMANDS.items() if not words.startswith(("schema", "enable", "disable"))
}
"""Those that write JSON."""


class Done(NamedTuple):
    """What a command has said."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class World:
    """The folder; `environment` is that of its user."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        home = self.folder / "home"
        return {
            "HOME": str(home),
            "ABUILD_USERDIR": str(home / ".abuild"),
            "XDG_STATE_HOME": str(home / "state"),
            "SOURCE_DATE_EPOCH": str(COMMIT_TIME),
        }

    @classmethod
    def made(cls, folder: Path) -> World:
        """Makes it, with a build by the stand-in."""
        builder = Builder(folder / "build")
        builder.build(builder.aport())
        record = builder.record_file().read_bytes()
        builder.build(builder.aports / "main" / "hello", BUILDINFO_FINALIZE="0")
        world = folder / "world"
        (world / "home" / ".abuild").mkdir(parents=True)
        (world / "out").mkdir()
        shutil.copytree(builder.captures()[0], world / "capture")
        shutil.copytree(builder.repodest, world / "packages")
        files = {
            "hello.apk": apkmaker.package(signatures=()),
            "rebuilt.apk": apkmaker.package(signatures=(), extra="# another\n"),
            "one.buildinfo.toml": record,
            "two.buildinfo.toml": record,
            "loose.gz": gzip.compress(b"text", mtime=COMMIT_TIME + 5),
            "installed": b"C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:a\nV:1-r0\nA:noarch\nS:1\nI:1\n\n",
            "pairs": b"hello.apk\trebuilt.apk\n",
        }
        for name, data in files.items():
            (world / name).write_bytes(data)
        signer(world, "us")
        shutil.copy(world / "hello.apk", world / "signed.apk")
        before = Path.cwd()
        os.chdir(world)
        try:
            cls(world)._finish()
        finally:
            os.chdir(before)
        return cls(world)

    def _finish(self) -> None:
        """What the program itself makes."""
        from buildinfo.apk.v2 import read_package

        identity = read_package(self.folder / "hello.apk").identity
        unsigned_index(self.folder, f"C:{identity}\nP:hello\nV:1.0-r0\nA:noarch\nS:1\nI:1\nt:1706933106\n\n".encode())
        key = INPUTS["key"]
        added = self.run("signature", "add", "--key", key, "signed.apk", "APKINDEX.tar.gz")
        assert added.status == 0, added
        report = self.run("verify", "--json", "hello.apk", "rebuilt.apk")
        (self.folder / "report.json").write_text(report.out)
        from buildinfo.apk.keys import read_private_key
        from buildinfo.record_signature import sign_record

        for name in ("one", "two"):
            file = self.folder / f"{name}.buildinfo.toml"
            signature = sign_record(file.read_bytes(), read_private_key(self.folder / key))
            file.with_name(file.name + ".sig").write_bytes(signature)

    def copied(self, folder: Path) -> World:
        """One of the same content."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return World(folder)

    def words(self, command: str, **instead: str) -> list[str]:
        """The words of a command; `instead` stands for an input of that name."""
        names = {**INPUTS, "out": "out/made", **instead}
        return [word.format(**names) for word in command.split()]

    def run(self, *words: str) -> Done:
        """Runs a command in this process; one that hangs fails the test."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err), patience(20):
            try:
                status = main(list(words))
            except SystemExit as ended:
                status = int(ended.code or 0)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]  # it is a BytesIO
        return Done(status, *texts)

    def start(self, *words: str, shell: str = "", **options: object) -> subprocess.Popen[bytes]:
        """Starts a command in a process of its own; `shell` stands behind its words, as in `>&-`."""
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-I", "-m", "buildinfo", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        environment = {**os.environ, **self.environment}
        return subprocess.Popen(command, cwd=self.folder, env=environment, **pipes)  # type: ignore[call-overload]

    def apart(self, *words: str, shell: str = "", **options: object) -> Done:
        """Runs a command in a process of its own."""
        with self.start(*words, shell=shell, **options) as process:
            out, err = process.communicate(timeout=60)
        return Done(process.returncode, (out or b"").decode(), (err or b"").decode())


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Fails where something takes so long that it seems to hang."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def slots(command: str) -> list[str]:
    """The inputs that a command names."""
    return [name for name in re.findall(r"{(\w+)}", command) if name != "out"]
