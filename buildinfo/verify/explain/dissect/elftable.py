"""The tables of an ELF file, read by pyelftools: its header, its sections, its segments.

Only tables are read by the library, and only after their sizes were checked: what it does with a whole file has no
bounds. Of a section nothing is copied or unpacked before somebody asks for it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect.place import MAX_UNPACKED

MAX_SECTIONS: Final = 20_000
MAX_SEGMENTS: Final = 1024
MAX_NAME: Final = 512
ALLOC: Final = 0x2
EXECUTABLE: Final = 0x4
STRINGS: Final = 0x20
COMPRESSED: Final = 0x800
_ZLIB, _ZSTD = 1, 2
_EMPTY: Final = ("SHT_NOBITS", "SHT_NULL")


@dataclass(slots=True)
class Budget:
    """How many bytes the compressed sections of a file may still unpack to."""

    left: int = MAX_UNPACKED


@dataclass
class Section:
    """One section. `kind` is `sh_type` as the library spells it: `SHT_STRTAB`."""

    name: str
    kind: str
    flags: int
    address: int
    offset: int
    size: int
    link: int
    entry: int
    file: memoryview
    elf: Any
    budget: Budget

    @property
    def allocated(self) -> bool:
        return bool(self.flags & ALLOC)

    @property
    def code(self) -> bool:
        return bool(self.flags & EXECUTABLE)

    @property
    def compressed(self) -> bool:
        return bool(self.flags & COMPRESSED) or self.name.startswith(".zdebug")

    @property
    def raw(self) -> memoryview:
        """The bytes in the file; none where the section takes none."""
        if self.kind in _EMPTY:
            return self.file[:0]
        if self.offset + self.size > len(self.file):
            raise FormatError(f"the section {self.name} ends behind the file", offset=self.offset)
        return self.file[self.offset : self.offset + self.size]

    @cached_property
    def data(self) -> bytes:
        """The content, unpacked."""
        if not self.compressed:
            return bytes(self.raw)
        return _unpacked(self)


@dataclass
class Elf:
    """One ELF file."""

    header: dict[str, str]
    sections: list[Section]
    segments: list[tuple[str, int, int]]
    end: int
    entry: int
    little: bool
    wide: bool
    machine: str
    relocatable: bool
    named: dict[tuple[str, int], Section] = field(default_factory=dict)

    @property
    def order(self) -> Literal["little", "big"]:
        return "little" if self.little else "big"

    def get(self, name: str) -> Section | None:
        """The first section of a name."""
        return self.named.get((name, 0))


def read(data: bytes) -> Elf:
    """Reads the tables of an ELF file.

    Raises:
        FormatError: it is no ELF file, broken, has no sections, or too many.
    """
    from elftools.elf.elffile import ELFFile

    stream = io.BytesIO(data)
    try:
        elf = ELFFile(stream)
        return _read(elf, stream, data)
    except FormatError:
        raise
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # what the library raises on hostile input is not documented
        raise FormatError(f"a broken ELF file ({type(error).__name__}: {error})") from None


def _read(elf: Any, stream: io.BytesIO, data: bytes) -> Elf:
    sections = list(_sections(elf, stream, memoryview(data)))
    if sum(section.size for section in sections if section.kind not in _EMPTY) > 2 * len(data):
        raise FormatError("sections that overlap")
    segments, end = _segments(elf, stream)
    tables = elf["e_shoff"] + elf["e_shentsize"] * elf.num_sections()
    used = (section.offset + section.size for section in sections if section.kind not in _EMPTY)
    ident = elf["e_ident"]
    read = Elf(
        header={
            "class": str(ident["EI_CLASS"]),
            "data": str(ident["EI_DATA"]),
            "osabi": str(ident["EI_OSABI"]),
            "machine": str(elf["e_machine"]),
            "type": str(elf["e_type"]),
            "flags": hex(elf["e_flags"]),
        },
        sections=sections,
        segments=segments,
        end=max((end, tables, *used)),
        entry=elf["e_entry"],
        little=elf.little_endian,
        wide=elf.elfclass == 64,
        machine=str(elf["e_machine"]),
        relocatable=elf["e_type"] == "ET_REL",
    )
    seen: dict[str, int] = {}
    for section in sections:
        read.named[section.name, seen.get(section.name, 0)] = section
        seen[section.name] = seen.get(section.name, 0) + 1
    return read


def _sections(elf: Any, stream: io.BytesIO, file: memoryview) -> Iterator[Section]:
    from elftools.common.utils import struct_parse

    count = elf.num_sections()
    if not 0 < count <= MAX_SECTIONS:
        raise FormatError(f"{count} sections")
    step, start = elf["e_shentsize"], elf["e_shoff"]
    if start + step * count > len(file):
        raise FormatError("the section table ends behind the file", offset=start)
    headers = [struct_parse(elf.structs.Elf_Shdr, stream, start + step * index) for index in range(count)]
    names = headers[elf.get_shstrndx()]
    table = bytes(file[names["sh_offset"] : names["sh_offset"] + names["sh_size"]])
    budget = Budget()
    for header in headers:
        at = header["sh_name"]
        end = table.find(b"\0", at, at + MAX_NAME)
        yield Section(
            name=table[at : at + MAX_NAME if end < 0 else end].decode("utf-8", "backslashreplace"),
            kind=str(header["sh_type"]),
            flags=header["sh_flags"],
            address=header["sh_addr"],
            offset=header["sh_offset"],
            size=header["sh_size"],
            link=header["sh_link"],
            entry=header["sh_entsize"],
            file=file,
            elf=elf,
            budget=budget,
        )


def _segments(elf: Any, stream: io.BytesIO) -> tuple[list[tuple[str, int, int]], int]:
    """Type, flags and alignment of each segment, and where the last of them ends in the file."""
    from elftools.common.utils import struct_parse

    count = elf["e_phnum"]
    if count > MAX_SEGMENTS:
        raise FormatError(f"{count} segments")
    found, end = [], 0
    for index in range(count):
        header = struct_parse(elf.structs.Elf_Phdr, stream, elf["e_phoff"] + elf["e_phentsize"] * index)
        found.append((str(header["p_type"]), header["p_flags"], header["p_align"]))
        end = max(end, header["p_offset"] + header["p_filesz"])
    return found, end


def _unpacked(section: Section) -> bytes:
    """A compressed section: with the header of the gABI, or the older `ZLIB` and size of GNU's."""
    raw = section.raw
    if section.name.startswith(".zdebug"):
        if bytes(raw[:4]) != b"ZLIB":
            return bytes(raw)
        kind, size, body = _ZLIB, int.from_bytes(raw[4:12], "big"), raw[12:]
    else:
        structs = section.elf.structs
        width = structs.Elf_Chdr.sizeof()
        if len(raw) < width:
            raise FormatError(f"the section {section.name} is cut off", offset=section.offset)
        header = structs.Elf_Chdr.parse(bytes(raw[:width]))
        kind = {"ELFCOMPRESS_ZLIB": _ZLIB, "ELFCOMPRESS_ZSTD": _ZSTD}.get(header["ch_type"], header["ch_type"])
        size, body = header["ch_size"], raw[width:]
    section.budget.left -= size
    if section.budget.left < 0:
        raise FormatError(f"the section {section.name} unpacks to {size} bytes", offset=section.offset)
    content = _inflated(body, size) if kind == _ZLIB else _zstd(body, size) if kind == _ZSTD else None
    if content is None or len(content) != size:
        raise FormatError(f"the section {section.name} cannot be unpacked", offset=section.offset)
    return content


def _inflated(body: memoryview, size: int) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(body, size) if size else b""
    except zlib.error:
        return None


def _zstd(body: memoryview, size: int) -> bytes | None:
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 28).stream_reader(bytes(body)) as reader:
            return reader.read(size)
    except zstandard.ZstdError:
        return None
