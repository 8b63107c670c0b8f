"""The canonical framing of a gzip member: what `pigz -9n` writes, bit for bit, whatever the threads.

Source: pigz.c of pigz 2.6 to 2.8 (parallel_compress, compress_thread, put_header, put_trailer). The
input is cut into jobs of 128 KiB; each is deflated alone, primed with the 32 KiB before it.

The bytes are zlib's, and not every library of that name writes the same ones. So a known answer is
checked before the first use. If it fails, a `pigz` program that passes it does the work; without one
there is an error, and never other bytes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import struct
from collections import deque
from collections.abc import Callable
from typing import IO, Final, Protocol

from buildinfo.apk.libz import HEADER, JOB_SIZE, Library, Member
from buildinfo.errors import BuildinfoError, MissingToolError

__all__ = ["HEADER", "Compressor", "Matcher", "compress", "identity"]

PAGE_SIZE: Final = 1 << 16
"""Compressed bytes that a `Matcher` compares at once."""


class Compressor:
    """Writes one gzip member, in memory that does not grow with it.

    Args:
        threads: how many compress. With 1 the caller's does, and no other is started.

    Raises:
        MissingToolError: nothing on this machine writes the canonical bytes.
        BuildinfoError: zlib or pigz fails.
    """

    def __init__(self, threads: int = 1) -> None:
        self._member = _engine().begin(max(1, threads))

    def write(self, data: bytes | memoryview) -> bytes:
        """Takes more input; gives the output that is ready, possibly none."""
        return self._member.write(data)

    def finish(self) -> bytes:
        """The rest of the output. Call it once, and nothing but `close` afterwards."""
        return self._member.finish()

    def close(self) -> None:
        """Drops what is not finished."""
        self._member.close()


def compress(data: bytes | memoryview, threads: int = 1) -> bytes:
    """The whole member that holds `data`; raises as `Compressor` does."""
    compressor = Compressor(threads)
    return compressor.write(data) + compressor.finish()


def identity() -> str:
    """Which encoder the bytes come from: "zlib 1.2.13", or "pigz 2.8 (program)"; raises as `Compressor` does."""
    return _engine().identity


class Matcher:
    """Tells whether a gzip member is the canonical one of its content, while it is read.

    It is a watcher of `segments`. The two sides may come in any rhythm: they are compared as digests of their
    pages, so the one that is ahead costs 32 bytes a page. Nothing is compressed after the first difference.

    Args:
        threads: how many compress. With 1 `plain` does it; more leave the caller's free to read on.

    Attributes:
        matches: False from the first page on that differs.

    Raises:
        MissingToolError, BuildinfoError: as `Compressor`.
    """

    def __init__(self, threads: int = 1) -> None:
        self.matches = True
        self._compressor = Compressor(threads)
        self._given = _Pages()
        self._canonical = _Pages()
        self._canonical.add(self._compressor.write(b""))  # the header needs no input
        self._open = True

    def compressed(self, piece: bytes | memoryview) -> None:
        """Takes more of the member as it is."""
        if self._open:
            self._given.add(piece)
            self._compare()

    def plain(self, chunk: bytes | memoryview) -> None:
        """Takes more of its content."""
        if self._open:
            self._canonical.add(self._compressor.write(chunk))
            self._compare()

    def result(self) -> bool:
        """The answer, once both sides were given to their end."""
        if self._open:
            self._canonical.add(self._compressor.finish())
            self._canonical.end()
            self._given.end()
            self._compare()
            if self._canonical.digests or self._given.digests:
                self.matches = False
            self._open = False
        return self.matches

    def abandon(self) -> None:
        """Stops comparing; the answer is no."""
        self.matches = False
        if self._open:
            self._open = False
            self._compressor.close()

    def _compare(self) -> None:
        mine, theirs = self._canonical.digests, self._given.digests
        while mine and theirs:
            if mine.popleft() != theirs.popleft():
                self.abandon()
                return


class _Pages:
    """A stream as the digests of its header and of each page after it, the last shorter or empty."""

    def __init__(self) -> None:
        self.digests: deque[bytes] = deque()
        self._digest = hashlib.sha256()
        self._room = len(HEADER)

    def add(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            piece, view = view[: self._room], view[self._room :]
            self._digest.update(piece)
            self._room -= len(piece)
            if not self._room:
                self.end()

    def end(self) -> None:
        self.digests.append(self._digest.digest())
        self._digest = hashlib.sha256()
        self._room = PAGE_SIZE


class _Member(Protocol):
    def write(self, data: bytes | memoryview) -> bytes: ...
    def finish(self) -> bytes: ...
    def close(self) -> None: ...


class _Engine(Protocol):
    @property
    def identity(self) -> str: ...
    def begin(self, threads: int) -> _Member: ...


class _Zlib:
    """zlib in this process."""

    def __init__(self) -> None:
        self._library = Library()
        self.identity = f"zlib {self._library.version}"

    def begin(self, threads: int) -> _Member:
        return Member(self._library, threads)


class _Pipe:
    """A member made by a pigz program."""

    def __init__(self, program: str, threads: int) -> None:
        import subprocess
        import tempfile
        import threading

        self._program = program
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        self._process = subprocess.Popen(
            [program, "-9", "-n", "-p", str(max(2, threads))],  # -p 1 takes another path (single_compress)
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={name: value for name, value in os.environ.items() if name not in ("GZIP", "PIGZ")},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._ready: deque[bytes] = deque()
        # Not a method of this object, which could not be dropped while the thread waits.
        self._failed: list[MemoryError] = []
        drained = (self._process.stdout, self._ready, self._failed)
        self._reader = threading.Thread(target=_drain, args=drained, daemon=True)
        try:
            self._reader.start()
        except RuntimeError as error:
            self._process.kill()
            self._process.wait()
            raise MissingToolError("no thread can be started to read from it", where=program) from error

    def write(self, data: bytes | memoryview) -> bytes:
        try:
            self._input.write(data)
        except OSError:
            raise self._failure() from None
        return self._take()

    def finish(self) -> bytes:
        try:
            self._input.close()
        except OSError:
            raise self._failure() from None
        self._reader.join()
        if self._process.wait():
            raise self._failure()
        if self._failed:
            raise self._failed[0]
        return self._take()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _failure(self) -> BuildinfoError:
        self.close()
        self._errors.seek(0)
        message = self._errors.read(1000).decode(errors="replace").strip()
        return BuildinfoError(f"failed with status {self._process.returncode}: {message}", where=self._program)

    def _take(self) -> bytes:
        return b"".join(self._ready.popleft() for _ in range(len(self._ready)))


def _drain(stream: IO[bytes], ready: deque[bytes], failed: list[MemoryError]) -> None:
    with stream:
        try:
            while piece := stream.read(PAGE_SIZE):
                ready.append(piece)
        except MemoryError as error:  # a part is missing; the writer is told when the pipe breaks, or at the end
            failed.append(error)


class _Program:
    """The pigz on PATH."""

    def __init__(self, program: str) -> None:
        import subprocess

        self._program = program
        try:
            answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        except OSError as error:
            raise MissingToolError(f"cannot be started: {error.strerror}", where=program) from error
        self.identity = f"{(answer.stdout or answer.stderr).strip()} (program)"

    def begin(self, threads: int) -> _Member:
        return _Pipe(self._program, threads)


_KNOWN_ANSWER: Final = "beca51ad91d1138af764dc932b0ee1f2fd2e3aaa74353da0e5c9618c962af931"


def _question() -> bytes:
    """Three jobs of zeros, and across their borders the symbol table of an ELF file that never was.

    The seed is one with which zlib 1.2.6 to 1.3.1 give one answer, and zlib-ng 2.0 and 2.2, Cloudflare's and
    Intel's zlib and -DFASTEST each another; the first job ends with static blocks, the second with a stored one.
    """
    rows = []
    noise = hashlib.shake_256(b"canonical framing 66").digest(8 * 540)
    for name, kind, defined, section, page, size, _ in struct.iter_unpack(">HBBBBBB", noise):
        rest = (section % 30, 0x1000 + (page << 8), size) if defined & 1 else (0, 0, 0)
        rows.append(struct.pack("<IBBHQQ", name % 9000, (0x12, 0x11, 0x20, 0x22)[kind & 3], 0, *rest))
    symbols = b"".join(rows)
    return bytes(JOB_SIZE - 4096) + symbols[:5120] + bytes(JOB_SIZE - 3072) + symbols[5120:]


def _answer(engine: _Engine) -> str:
    member = engine.begin(1)
    return hashlib.sha256(member.write(_question()) + member.finish()).hexdigest()


@functools.cache
def _engine() -> _Engine:
    """What makes the bytes, the known answer checked: once in a process, about 10 ms."""
    starts: list[Callable[[], _Engine]] = [_Zlib]
    if program := shutil.which("pigz"):
        starts.append(functools.partial(_Program, program))
    reasons = []
    for start in starts:
        try:
            engine = start()
            if _answer(engine) == _KNOWN_ANSWER:
                return engine
            reasons.append(f"{engine.identity} writes other bytes")
        except BuildinfoError as error:
            reasons.append(str(error))
    raise MissingToolError(
        f"nothing here writes the canonical gzip framing: {'; '.join(reasons)}",
        mend="install the zlib of zlib.net, 1.2.6 or later, as libz.so.1, or a pigz that is linked with it",
    )
