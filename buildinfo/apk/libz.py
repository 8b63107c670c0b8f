"""The canonical framing by the zlib library, called directly: Python's `zlib` lacks `deflatePrime`.

Source: zlib.h of zlib 1.2.13 and 1.3.1; pigz.c of pigz 2.6 to 2.8. ctypes gives up the interpreter's
lock during a call, so the jobs of several threads run at the same time.
"""

from __future__ import annotations

import ctypes
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from buildinfo.errors import BuildinfoError, MissingToolError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

NAME: Final = "libz.so.1"
"""What the loader is asked for; glibc and musl both find it, without a compiler."""
JOB_SIZE: Final = 131072
"""Input bytes of a job (pigz.c: the default of -b)."""
DICTIONARY_SIZE: Final = 32768
"""Input bytes before a job that prime it (pigz.c: DICT)."""
HEADER: Final = bytes.fromhex("1f8b 08 00 00000000 02 03")
"""No name, no time, "maximum compression", Unix (RFC 1952, 2.3)."""

_LEVEL: Final = 9
_WINDOW_BITS: Final = -15  # raw deflate, 32 KiB window
_MEM_LEVEL: Final = 8

_Z_SYNC_FLUSH, _Z_FINISH, _Z_BLOCK = 2, 4, 5
_Z_OK, _Z_STREAM_END = 0, 1
_Z_DEFLATED, _Z_DEFAULT_STRATEGY = 8, 0
_MEANING: Final = {-2: "stream error", -3: "data error", -4: "not enough memory", -5: "buffer error", -6: "version"}


class _Stream(ctypes.Structure):
    """`z_stream` of zlib.h."""

    _fields_ = (
        ("next_in", ctypes.c_char_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


class Library:
    """The shared library `NAME`.

    Attributes:
        version: what `zlibVersion` says, e.g. "1.2.13".

    Raises:
        MissingToolError: it cannot be loaded, or lacks a function.
    """

    def __init__(self) -> None:
        reference, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
        try:
            self._dll = ctypes.CDLL(NAME)
            self.deflate = self._function("deflate", reference, number)
            self.reset = self._function("deflateReset", reference)
            self.set_dictionary = self._function("deflateSetDictionary", reference, ctypes.c_char_p, size)
            self.pending = self._function("deflatePending", reference, reference, ctypes.POINTER(number))
            self.prime = self._function("deflatePrime", reference, number, number)
            self.end = self._function("deflateEnd", reference)
            # level, method, window bits, memory level, strategy, version, size of z_stream
            self.init = self._function("deflateInit2_", reference, *[number] * 5, ctypes.c_char_p, number)
            self._dll.zlibVersion.restype = ctypes.c_char_p
            self.raw_version: bytes = self._dll.zlibVersion()
        except (OSError, AttributeError) as error:
            raise MissingToolError(f"cannot be used: {error}", where=NAME) from error
        self.version = self.raw_version.decode("ascii", "replace")

    def _function(self, name: str, *arguments: Any) -> Any:
        function = self._dll[name]
        function.argtypes = arguments
        function.restype = ctypes.c_int
        return function


class Deflater:
    """One raw deflate stream of level 9, used for one job after the other. Not for two threads at once.

    Args:
        library: where the functions are.

    Raises:
        BuildinfoError: zlib refuses a call.
    """

    def __init__(self, library: Library) -> None:
        self._open = False
        self._zlib = library
        self._stream = _Stream()
        self._room = JOB_SIZE + (JOB_SIZE >> 4) + 1024  # deflate adds less than 1/1000 (zlib.h, deflateBound)
        self._out = ctypes.create_string_buffer(self._room)
        self._bits = ctypes.c_int()
        self._at_stream = ctypes.addressof(self._stream)
        self._at_out = ctypes.addressof(self._out)
        code = library.init(
            self._at_stream,
            _LEVEL,
            _Z_DEFLATED,
            _WINDOW_BITS,
            _MEM_LEVEL,
            _Z_DEFAULT_STRATEGY,
            library.raw_version,
            ctypes.sizeof(_Stream),
        )
        self._check("deflateInit2", code)
        self._open = True

    def job(self, data: bytes, dictionary: bytes, last: bool) -> bytes:
        """The deflate bytes of one job: up to a byte boundary, or to the end of the stream if `last`.

        Source: pigz.c, compress_thread. After Z_BLOCK a few bits are pending; an odd number of them takes
        an empty stored block, an even one as many empty static blocks of 10 bits as it needs.
        """
        zlib, at, stream = self._zlib, self._at_stream, self._stream
        self._check("deflateReset", zlib.reset(at))
        if dictionary:
            self._check("deflateSetDictionary", zlib.set_dictionary(at, dictionary, len(dictionary)))
        stream.next_in, stream.avail_in = data, len(data)
        stream.next_out, stream.avail_out = self._at_out, self._room
        if last:
            self._deflate(_Z_FINISH, _Z_STREAM_END)
        else:
            self._deflate(_Z_BLOCK)
            bits = self._pending()
            if bits & 1:
                self._deflate(_Z_SYNC_FLUSH)
            elif bits:
                while self._pending():
                    self._check("deflatePrime", zlib.prime(at, 10, 2))
                self._deflate(_Z_BLOCK)
        return ctypes.string_at(self._at_out, self._room - stream.avail_out)

    def close(self) -> None:
        """Gives the memory back; afterwards the object cannot be used."""
        if self._open:
            self._open = False
            self._zlib.end(self._at_stream)

    __del__ = close

    def _deflate(self, flush: int, expected: int = _Z_OK) -> None:
        self._check("deflate", self._zlib.deflate(self._at_stream, flush), expected)
        if self._stream.avail_in or not self._stream.avail_out:
            raise BuildinfoError("deflate left input behind", where=f"zlib {self._zlib.version}")

    def _pending(self) -> int:
        """How many bits of a byte that is not complete are pending."""
        self._check("deflatePending", self._zlib.pending(self._at_stream, None, ctypes.byref(self._bits)))
        return self._bits.value & 7

    def _check(self, name: str, code: int, expected: int = _Z_OK) -> None:
        if code != expected:
            what = _MEANING.get(code, "unexpected")
            raise BuildinfoError(f"{name} failed with code {code} ({what})", where=f"zlib {self._zlib.version}")


class Member:
    """One gzip member in the canonical framing, made by `threads` threads; see `pigz.Compressor`.

    At most two jobs more than there are threads are in flight.
    """

    def __init__(self, library: Library, threads: int) -> None:
        self._library = library
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._flight: deque[Future[bytes]] = deque()
        self._idle: list[Deflater] = []
        self._held = bytearray()  # less than a job, or a whole one that may be the last
        self._dictionary = b""
        self._ready = [HEADER]
        self._crc = 0
        self._size = 0

    def write(self, data: bytes | memoryview) -> bytes:
        view = memoryview(data).cast("B")
        self._crc = zlib.crc32(view, self._crc)
        self._size += len(view)
        while view:
            if len(self._held) == JOB_SIZE:
                self._start(bytes(self._held), last=False)
                self._held.clear()
            if not self._held and len(view) > JOB_SIZE:
                self._start(bytes(view[:JOB_SIZE]), last=False)
                view = view[JOB_SIZE:]
            else:
                room = JOB_SIZE - len(self._held)
                self._held += view[:room]
                view = view[room:]
        while self._flight and self._flight[0].done():
            self._collect()
        return self._take()

    def finish(self) -> bytes:
        self._start(bytes(self._held), last=True)
        while self._flight:
            self._collect()
        self._ready.append(self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little"))
        self.close()
        return self._take()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._flight.clear()
        for deflater in self._idle:
            deflater.close()
        self._idle.clear()

    def _start(self, data: bytes, last: bool) -> None:
        dictionary, self._dictionary = self._dictionary, data[-DICTIONARY_SIZE:]
        if self._threads == 1 or (last and self._pool is None):
            self._ready.append(self._run(data, dictionary, last))
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="deflate")
        if len(self._flight) >= self._threads + 2:
            self._collect()
        try:
            self._flight.append(self._pool.submit(self._run, data, dictionary, last))
        except RuntimeError:  # no other thread is to be had
            while self._flight:
                self._collect()
            self._ready.append(self._run(data, dictionary, last))

    def _run(self, data: bytes, dictionary: bytes, last: bool) -> bytes:
        try:
            deflater = self._idle.pop()
        except IndexError:
            deflater = Deflater(self._library)
        result = deflater.job(data, dictionary, last)
        self._idle.append(deflater)
        return result

    def _collect(self) -> None:
        self._ready.append(self._flight.popleft().result())

    def _take(self) -> bytes:
        ready = b"".join(self._ready)
        self._ready.clear()
        return ready
