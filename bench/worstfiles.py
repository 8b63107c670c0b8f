"""Files in packages, indices, databases, records and reports that cost a reader as much as their size can."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import marshal
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import worstcases  # noqa: F401  # says where apkmaker lies
import zstandard
from apkmaker import file, header
from worstcases import END, Case, alone, apk, one_file, packed, worst


def normalized(folder: Path, name: str, data: bytes) -> Case:
    """Normalizing a loose file."""
    path = folder / name
    path.write_bytes(data)
    return Case(["normalize", "--epoch", "1", "--handlers", "all", path], len(data), len(data))


def zipped(number: int, side: int, *, size: int = 0, name: str = "f{}", method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of so many members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for at in range(number):
            info = zipfile.ZipInfo(name.format(at), (2020 + side, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, b"%d" % side + bytes(size))
    return out.getvalue()


@worst(60_000)
def _zip_members(folder: Path, number: int) -> Case:
    return one_file(folder, "a.zip", lambda side: zipped(number, side))


@worst(60_000)
def _zip_members_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.zip", zipped(number, 1))


@worst(20_000)
def _zip_renamed(folder: Path, number: int) -> Case:
    return one_file(folder, "a.zip", lambda side: zipped(number, side, name=f"{{:08x}}{side}{side}.js"))


@worst(240 << 20)
def _zip_bomb(folder: Path, number: int) -> Case:
    made = one_file(folder, "a.zip", lambda side: zipped(1, side, size=number, method=zipfile.ZIP_DEFLATED))
    return made._replace(unpacked=made.unpacked + 2 * number, largest=number)


@worst(240)
def _zip_bomb_many(folder: Path, number: int) -> Case:
    made = one_file(folder, "a.zip", lambda side: zipped(number, side, size=1 << 20, method=zipfile.ZIP_DEFLATED))
    return made._replace(unpacked=made.unpacked + (number << 21), largest=1 << 20)


def archived(number: int, side: int) -> bytes:
    """A static library of so many members."""
    return b"!<arch>\n" + b"".join(
        b"f%-15d%-12d%-6d%-6d%-8o%-10d`\n%d\n" % (at, side, 0, 0, 0o644, 2, side) for at in range(number)
    )


@worst(60_000)
def _ar_members(folder: Path, number: int) -> Case:
    return one_file(folder, "a.a", lambda side: archived(number, side))


@worst(60_000)
def _ar_members_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.a", archived(number, 1))


def newc(name: bytes, content: bytes, inode: int, mtime: int) -> bytes:
    numbers = (inode, 0o100644, 0, 0, 1, mtime, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name + b"\0"
    head += bytes(-len(head) % 4)
    return head + content + bytes(-len(content) % 4)


def initramfs(number: int, side: int) -> bytes:
    members = b"".join(newc(b"f%d" % at, b"%d" % side, at, side) for at in range(number))
    return members + newc(b"TRAILER!!!", b"", 0, 0)


@worst(60_000)
def _cpio_members(folder: Path, number: int) -> Case:
    return one_file(folder, "a.cpio", lambda side: initramfs(number, side))


@worst(60_000)
def _cpio_members_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.cpio", initramfs(number, 1))


@worst(60_000)
def _tar_members(folder: Path, number: int) -> Case:
    return one_file(folder, "a.tar", lambda side: b"".join(header(f"f{at}", mtime=side) for at in range(number)) + END)


@worst(60_000)
def _tar_members_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.tar", b"".join(header(f"f{at}", mtime=1700000000) for at in range(number)) + END)


@worst(60_000)
def _gzip_members(folder: Path, number: int) -> Case:
    return one_file(folder, "a.gz", lambda side: gzip.compress(b"%d" % side, mtime=side) * number)


@worst(60_000)
def _gzip_members_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.gz", gzip.compress(b"1", mtime=9) * number)


def bomb(folder: Path, name: str, number: int, pack: Callable[[bytes], bytes]) -> Case:
    made = one_file(folder, name, lambda side: pack(b"%d" % side + bytes(number)))
    return made._replace(unpacked=made.unpacked + 2 * number, largest=number)


@worst(250 << 20)
def _gzip_bomb(folder: Path, number: int) -> Case:
    return bomb(folder, "a.gz", number, packed)


@worst(100 << 20)
def _gzip_bomb_twice(folder: Path, number: int) -> Case:
    return bomb(folder, "a.gz.gz", number, lambda data: packed(packed(data)))


@worst(250 << 20)
def _xz_bomb(folder: Path, number: int) -> Case:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 192 << 20}]
    return bomb(folder, "a.xz", number, lambda data: lzma.compress(data, filters=filters))


@worst(250 << 20)
def _zstd_bomb(folder: Path, number: int) -> Case:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    return bomb(folder, "a.zst", number, zstandard.ZstdCompressor(compression_params=parameters).compress)


@worst(100 << 20)
def _bzip2_bomb(folder: Path, number: int) -> Case:
    return bomb(folder, "a.bz2", number, bz2.compress)


@worst(250 << 20)
def _gzip_bomb_normalize(folder: Path, number: int) -> Case:
    made = normalized(folder, "a.tar.gz", packed(header("f", size=number) + bytes(number + -number % 512) + END))
    return made._replace(unpacked=number, largest=number)


@worst(1_000_000)
def _binary_strings(folder: Path, number: int) -> Case:
    def strings(side: int) -> bytes:
        return b"\0".join(b"word%d%d" % (side, at) for at in range(number + side))

    return one_file(folder, "b", strings)


@worst(3000)
def _binary_strings_shuffled(folder: Path, number: int) -> Case:
    def strings(side: int) -> bytes:
        words = [b"word %d" % (at % (number // 4)) for at in range(number + side)]
        random.Random(side).shuffle(words)
        return b"\0" + b"\0".join(words)

    return one_file(folder, "b", strings)


@worst(64 << 20)
def _binary_large(folder: Path, number: int) -> Case:
    return one_file(folder, "b", lambda side: b"\0" + bytes((side + 1,)) * number)


@worst(32 << 20)
def _binary_unlike(folder: Path, number: int) -> Case:
    return one_file(folder, "b", lambda side: (b"\0\1" if side else b"\1\0") * (number // 2) + bytes(side))


@worst(8 << 20)
def _binary_every_tenth(folder: Path, number: int) -> Case:
    return one_file(folder, "b", lambda side: (b"abcdefghi\0%d" % side) * (number // 11))


def elf(number: int, side: int, body: bytes) -> bytes:
    """An ELF file with so many sections over one content."""
    names = b"\0" + b"".join(b".s%d\0" % at for at in range(number)) + b".shstrtab\0"
    at = 64
    table = at + len(names) + len(body)
    sections = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    offset = 1
    for index in range(number):
        sections += struct.pack("<IIQQQQIIQQ", offset, 1, 0, 0, at + len(names), len(body), 0, 0, 1, 0)
        offset += len(f".s{index}") + 1
    sections += struct.pack("<IIQQQQIIQQ", offset, 3, 0, 0, at, len(names), 0, 0, 1, 0)
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, number + 2, number + 1)
    return head + names + body + sections


@worst(20_000)
def _elf_sections(folder: Path, number: int) -> Case:
    return one_file(folder, "e", lambda side: elf(number, side, b"%d built here" % side))


@worst(1000)
def _elf_sections_overlapping(folder: Path, number: int) -> Case:
    return one_file(folder, "e", lambda side: elf(number, side, b"ab%d" % side * 100_000))


@worst(200_000)
def _mo_entries(folder: Path, number: int) -> Case:
    def catalogue(side: int) -> bytes:
        head = struct.pack("<7I", 0x950412DE, 0, number, 28, 28 + 8 * number, 0, 0)
        start = 28 + 16 * number
        words = b"".join(b"%08d" % at for at in range(number))
        first = b"".join(struct.pack("<2I", 8, start + 8 * at) for at in range(number))
        second = b"".join(struct.pack("<2I", 7 + side, start + 8 * at) for at in range(number))
        return head + first + second + words

    return one_file(folder, "a.mo", catalogue)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@worst(100_000)
def _png_chunks(folder: Path, number: int) -> Case:
    def image(side: int) -> bytes:
        texts = b"".join(chunk(b"tEXt", b"k%d\0%d" % (at, side)) for at in range(number))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + texts + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")

    return one_file(folder, "a.png", image)


@worst(250 << 20)
def _png_bomb(folder: Path, number: int) -> Case:
    def image(side: int) -> bytes:
        pixels = zlib.compress(b"%d" % side + bytes(number), 9)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    made = one_file(folder, "a.png", image)
    return made._replace(unpacked=made.unpacked + 2 * number, largest=number)


@worst(1_000_000)
def _png_text_bomb(folder: Path, number: int) -> Case:
    def image(side: int) -> bytes:
        text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"%d" % side + bytes(1 << 16)))
        texts = text * (number // 1000)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + texts + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")

    return one_file(folder, "a.png", image)


@worst(200_000)
def _pyc_constants(folder: Path, number: int) -> Case:
    def module(side: int) -> bytes:
        code = compile("a=1", "a.py", "exec").replace(co_consts=tuple(range(side, number + side)))
        return b"\xa7\r\r\n" + bytes(4) + struct.pack("<II", 1700000000 + side, 3) + marshal.dumps(code)

    return one_file(folder, "a.pyc", module)


@worst(100_000)
def _pyc_nested_normalize(folder: Path, number: int) -> Case:
    return normalized(folder, "a.pyc", b"\xa7\r\r\n" + bytes(12) + b")\1" * number + b"N")


def tree(number: int, side: int) -> bytes:
    """A flattened device tree with so many nodes."""
    nodes = b"".join(struct.pack(">I8s", 1, b"n%06d" % at) + struct.pack(">I", 2) for at in range(number))
    body = struct.pack(">I4s", 1, b"") + struct.pack(">III4s", 3, 4, 0, b"%04d" % side) + nodes
    body += struct.pack(">II", 2, 9)
    strings = b"timestamp\0"
    size = 56 + len(body) + len(strings)
    return (
        struct.pack(">10I", 0xD00DFEED, size, 56, 56 + len(body), 40, 17, 16, 0, len(strings), len(body))
        + bytes(16)
        + body
        + strings
    )


@worst(100_000)
def _fdt_nodes(folder: Path, number: int) -> Case:
    return one_file(folder, "a.dtb", lambda side: tree(number, side))


@worst(20_000)
def _fdt_deep(folder: Path, number: int) -> Case:
    def deep(side: int) -> bytes:
        body = struct.pack(">I4s", 1, b"n") * number + struct.pack(">III4s", 3, 4, 0, b"%04d" % side)
        body += struct.pack(">I", 2) * number + struct.pack(">I", 9)
        head = struct.pack(">10I", 0xD00DFEED, 56 + len(body) + 2, 56, 56 + len(body), 40, 17, 16, 0, 2, len(body))
        return head + bytes(16) + body + b"x\0"

    return one_file(folder, "a.dtb", deep)


# Indices, databases, records, reports


def index(folder: Path, records: bytes) -> Case:
    path = folder / "APKINDEX.tar.gz"
    path.write_bytes(packed(file("APKINDEX", records, checksum=False) + END))
    return Case(["show", "--json", path], len(records), len(records))


@worst(60 << 20)
def _index_records(folder: Path, number: int) -> Case:
    return index(folder, b"P:a\nV:1\n\n" * (number // 9))


@worst(60 << 20)
def _index_records_kept(folder: Path, number: int) -> Case:
    return index(folder, b"P:a\nV:1\n\n" * min(499_000, number // 9))


@worst(60 << 20)
def _index_lines(folder: Path, number: int) -> Case:
    return index(folder, b"P:a\nV:1\n" + b"D:a\n" * (number // 4) + b"\n")


@worst(60 << 20)
def _index_many_fields(folder: Path, number: int) -> Case:
    letters = b"".join(b"%c:%c\n" % (at, at) for at in (*range(65, 91), *range(97, 123)))
    return index(folder, (b"P:a\nV:1\n" + letters + b"\n") * (number // (len(letters) + 9)))


@worst(60 << 20)
def _index_one_line(folder: Path, number: int) -> Case:
    return index(folder, b"P:a\nV:1\nT:" + b"a" * number + b"\n\n")


def database(folder: Path, data: bytes) -> Case:
    path = folder / "installed"
    path.write_bytes(data)
    return Case(["show", "--json", path], 0, len(data))


@worst(5 << 20)
def _installed_records(folder: Path, number: int) -> Case:
    return database(folder, b"P:a\nV:1\n\n" * (number // 9))


@worst(5 << 20)
def _installed_lines(folder: Path, number: int) -> Case:
    return database(folder, b"P:a\nV:1\n" + b"D:a\n" * (number // 4) + b"\n")


@worst(5 << 20)
def _installed_files(folder: Path, number: int) -> Case:
    return database(folder, b"P:a\nV:1\nF:a\n" + b"R:a\n" * (number // 4) + b"\n")


def record(folder: Path, data: bytes) -> Case:
    path = folder / "a.buildinfo.toml"
    path.write_bytes(data)
    return Case(["validate", path], 0, len(data))


@worst(200_000)
def _toml_keys(folder: Path, number: int) -> Case:
    return record(folder, b"format = 1\n" + b"".join(b"k%d = 1\n" % at for at in range(number)))


@worst(100_000)
def _toml_dotted(folder: Path, number: int) -> Case:
    return record(folder, b"format = 1\n" + b"a." * number + b"b = 1\n")


@worst(100_000)
def _toml_tables(folder: Path, number: int) -> Case:
    return record(folder, b"format = 1\n" + b"".join(b"[a.b%d]\n" % at for at in range(number)))


@worst(1500)
def _toml_dotted_often(folder: Path, number: int) -> Case:
    return record(folder, b"format = 1\n" + b"".join(b"a." * 100 + b"k%d = 1\n" % at for at in range(number)))


@worst(1_000_000)
def _toml_digits(folder: Path, number: int) -> Case:
    return record(folder, b"format = " + b"1" * number + b"\n")


@worst(1_000_000)
def _toml_brackets(folder: Path, number: int) -> Case:
    return record(folder, b"format = " + b"[" * number + b"\n")


@worst(1 << 20)
def _toml_string(folder: Path, number: int) -> Case:
    return record(folder, b'format = """' + b'\\u00e9"' * (number // 7) + b'"""\n')


@worst(1 << 20)
def _toml_array(folder: Path, number: int) -> Case:
    return record(folder, b"format = [" + b"1," * (number // 2) + b"]\n")


@worst(20_000)
def _report_differences(folder: Path, number: int) -> Case:
    path = folder / "report.json"
    one = {"layer": "file", "path": "a", "detail": "x"}
    pairs = [{"original": "a", "rebuilt": "b", "verdict": "different", "differences": [one] * number}]
    path.write_text(json.dumps({"pairs": pairs, "summary": {}}))
    return Case(["validate", path], 0, path.stat().st_size)


@worst(1_000_000)
def _report_brackets(folder: Path, number: int) -> Case:
    path = folder / "report.json"
    path.write_text('{"pairs": ' + "[" * number)
    return Case(["validate", path], 0, path.stat().st_size)


@worst(100_000)
def _report_digits(folder: Path, number: int) -> Case:
    path = folder / "report.json"
    path.write_text('{"pairs": [], "errors": ' + "1" * number + "}")
    return Case(["validate", path], 0, path.stat().st_size)


@worst(250 << 20)
def _data_bomb(folder: Path, number: int) -> Case:
    made = apk(folder / "a.apk", header("f", size=number) + bytes(number + -number % 512) + END)
    return alone("show", made)
