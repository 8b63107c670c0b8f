"""Images of boot loaders, and broken binaries: who is misled, or stopped, cannot verify a kernel's package."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from explaining import causes, run
from hypothesis import given, settings
from hypothesis import strategies as st

from buildinfo.errors import FormatError
from buildinfo.verify.explain.dissect import content, elf, fdt, rockchip, uimage
from buildinfo.verify.explain.dissect.elftable import read
from buildinfo.verify.explain.dissect.place import Place
from buildinfo.verify.explain.hunk import Hunk


def header(time: int, data: bytes, name: bytes = b"hello") -> bytes:
    fields = struct.pack(">7I4B32s", 0x27051956, 0, time, len(data), 0, 0, zlib.crc32(data), 5, 2, 2, 0, name)
    return fields[:4] + struct.pack(">I", zlib.crc32(fields)) + fields[8:] + data


TREE = """/dts-v1/;
/ { timestamp = <%d>; description = "hello"; images { kernel {
    description = "kernel"; data = "%s"; hash-1 { algo = "crc32"; value = <%d>; };
}; }; };"""


@pytest.fixture
def dtc(tmp_path: Path) -> Callable[[int, str], bytes]:
    if shutil.which("dtc") is None:
        pytest.skip("needs dtc")

    def made(time: int, text: str) -> bytes:
        (tmp_path / "in.dts").write_text(TREE % (time, text, zlib.crc32(text.encode() + b"\0")))
        run("dtc", "-O", "dtb", "-o", "out.dtb", "in.dts", cwd=tmp_path)
        return (tmp_path / "out.dtb").read_bytes()

    return made


class TestImages:
    def test_the_time_of_an_image(self) -> None:
        assert causes(header(1712318400, b"a" * 99), header(1712318401, b"a" * 99)) == {"image-time"}
        assert causes(header(1712318400, b"a" * 99), header(1712318400, b"a" * 99, b"moin")) == {"unknown"}

    def test_checksums_follow_from_the_content(self) -> None:
        before, after = (header(1712318400, b"\0hello /home/" + who + b"/src/main.c\0") for who in (b"ann", b"joe"))
        assert causes(before, after) == {"build-path"}

    def test_the_time_of_a_tree(self, dtc: Callable[[int, str], bytes]) -> None:
        assert causes(dtc(1712318400, "moin"), dtc(1712318401, "moin")) == {"image-time"}

    @pytest.mark.parametrize("field", ["version", "processor that boots", "size of the structure"])
    def test_the_header_of_a_tree_is_none_of_its_time(self, dtc: Callable[[int, str], bytes], field: str) -> None:
        at = {"version": 23, "processor that boots": 31, "size of the structure": 39}[field]
        after = bytearray(dtc(1712318401, "moin"))
        after[at] += 4
        assert "unknown" in causes(dtc(1712318400, "moin"), bytes(after))

    def test_hashes_follow_from_the_data(self, dtc: Callable[[int, str], bytes]) -> None:
        assert causes(dtc(1, "/home/ann/src/main.c"), dtc(1, "/home/joe/src/main.c")) == {"build-path"}

    def test_contents_behind_a_tree(self, tmp_path: Path) -> None:
        if shutil.which("mkimage") is None or shutil.which("dtc") is None:
            pytest.skip("needs mkimage and dtc")
        sides = []
        for who in ("ann", "joe"):
            (tmp_path / "data").write_bytes(b"\0" * 40 + f"/home/{who}/src/main.c".encode() + b"\0" * 40)
            (tmp_path / "in.its").write_text(
                '/dts-v1/;\n/ { description = "hello"; images { one { description = "one"; data = /incbin/("data"); '
                'type = "firmware"; compression = "none"; hash-1 { algo = "sha256"; }; }; }; };'
            )
            run("env", "SOURCE_DATE_EPOCH=1712318400", "mkimage", "-E", "-f", "in.its", "out.itb", cwd=tmp_path)
            sides.append((tmp_path / "out.itb").read_bytes())
        assert causes(*sides) == {"build-path"}

    def test_hashes_of_a_boot_rom_follow(self) -> None:
        def image(said: bytes) -> bytes:
            data = (said + b"\0" * 600)[:512]
            entry = struct.pack("<HHIII8x64s", 4, 1, 0, 0, 1, bytes([zlib.crc32(data) & 255]) * 64)
            return (b"RKNS" + bytes(116) + entry).ljust(1536, b"\0") + bytes([zlib.crc32(entry) & 255]) * 512 + data

        date = b"\0U-Boot SPL 2024.04 (Apr %02d 2024 - 12:00:00 +0000)\n"
        assert causes(image(date % 5), image(date % 6)) == {"image-time"}


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """The beginning, the end and any other place changed, or cut."""
    places = st.one_of(
        st.integers(0, min(512, len(data) - 1)),
        st.integers(0, len(data) - 1),
        st.integers(max(0, len(data) - 4096), len(data) - 1),
    )
    words = st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f", b"\x80", b"\x01\0\0\0", b"\0\0\0\x40", b"\xff"])
    changes = st.lists(st.tuples(places, words), min_size=1, max_size=6)

    def change(plan: tuple[list[tuple[int, bytes]], int]) -> bytes:
        changed = bytearray(data)
        for at, word in plan[0]:
            changed[at : at + len(word)] = word
        return bytes(changed[: len(data) - plan[1]])

    return st.tuples(changes, st.one_of(st.just(0), st.integers(0, len(data) - 1))).map(change)


def taken(dissector: Callable[[bytes, bytes, Place], Iterator[Hunk]], before: bytes, after: bytes) -> None:
    try:
        found = list(dissector(before, after, Place("f", "", content)))
    except FormatError:
        return
    assert len(found) <= 1000
    assert all(len(hunk.before) + len(hunk.after) < 10_000 for hunk in found)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.c").write_text('#include <stdio.h>\nint main(void) { return puts("hello"); }\n')
    run("gcc", "-g", "-gz", "main.c", "-o", "out", cwd=folder)
    return (folder / "out").read_bytes()


class TestHostileInput:
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_a_broken_program_is_refused_or_taken_apart(self, data: st.DataObject, program: bytes) -> None:
        taken(elf.hunks, program, data.draw(mutated(program)))

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_broken_images_are_refused_or_taken_apart(self, data: st.DataObject) -> None:
        good = header(1712318400, b"hello" * 20)
        taken(uimage.hunks, good, data.draw(mutated(good)))
        tree = struct.pack(">10I", 0xD00DFEED, 100, 56, 92, 40, 17, 16, 0, 8, 36) + bytes(16)
        tree += struct.pack(">2I3I4s2I", 1, 0, 3, 4, 0, b"abcd", 2, 9) + bytes(4) + b"data\0\0\0\0" + b"behind" * 9
        assert fdt.read(tree).nodes == {"/": {"data": b"abcd"}}
        taken(fdt.hunks, tree, data.draw(mutated(tree)))
        boot = (b"RKNS" + bytes(116) + struct.pack("<HHIII8x64s", 4, 1, 0, 0, 1, b"h")).ljust(2600, b"\0")
        taken(rockchip.hunks, boot, data.draw(mutated(boot)))

    def test_more_sections_than_the_file_holds(self) -> None:
        ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
        made = ident + struct.pack("<2HI3QI6H", 3, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 0, 0)
        made += struct.pack("<2I4Q2I2Q", 0, 0, 0, 0, 0, 1 << 40, 0, 0, 0, 0)
        with pytest.raises(FormatError, match="sections"):
            read(made)
