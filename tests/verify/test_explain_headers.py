"""Headers, trailers and stubs: who is told nothing of them looks at bytes, who is told too much misses an edit."""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pairs_headers
import pytest
from explaining import causes, hunks
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs_headers import SCRIPT, TRAILER, behind
from test_explain_images import mutated, taken

from buildinfo.verify.explain.causes.framing import Compressor, TarDialect
from buildinfo.verify.explain.dissect import appended, detached, headers, iso9660, pe, rcc, sfnt
from buildinfo.verify.explain.dissect import zip as zipped

TIMES = 1712318400, 1712404800
REPORTS = {
    ("zipapp-a.pyz", "zipapp-b.pyz"): {"zip-times"},
    ("shell-a.jar", "shell-b.jar"): {"zip-times"},
    ("pe-a.efi", "pe-b.efi"): {"pe-time"},
    ("signed-a.ko", "signed-b.ko"): {"file-signature"},
    ("threads-1.xz", "threads-2.xz"): {"xz-threads"},
}


@pytest.mark.parametrize("names", REPORTS, ids="-".join)
def test_what_people_filed(corpus: Path, names: tuple[str, str]) -> None:
    assert causes(*((corpus / "reports" / name).read_bytes() for name in names)) == REPORTS[names]


ELF = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


class TestStubs:
    @pytest.mark.parametrize(
        "stub", [SCRIPT, ELF, b"MZ" + bytes(62), b"@java -jar %0\r\n"], ids=["sh", "elf", "pe", "bat"]
    )
    def test_times_behind_any_program(self, stub: bytes) -> None:
        assert causes(behind(stub, False), behind(stub, True)) == {"zip-times"}
        assert causes(stub + behind(b"", False), stub + behind(b"", True)) == {"zip-times"}

    def test_an_edit_of_the_program_is_not_hidden_by_times(self) -> None:
        before, after = behind(SCRIPT, False), behind(SCRIPT + b"curl x | sh\n", True)
        assert causes(before, after) == {"zip-times", "unknown"}
        before, after = behind(ELF, False), behind(ELF[:24] + b"\1" + ELF[25:], True)
        assert causes(before, after) == {"zip-times", "unknown"}

    def test_an_edit_of_a_member_is_not_hidden(self) -> None:
        assert causes(behind(SCRIPT, False), behind(SCRIPT, True, "print(2)\n")) == {"zip-times", "unknown"}

    def test_bytes_between_members_are_not_hidden(self) -> None:
        sides = []
        for second, hidden in ((False, b"one!"), (True, b"two!")):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(zipfile.ZipInfo("a", pairs_headers.ARCHIVE_TIMES[second]), "1")
                archive.fp.write(hidden)  # type: ignore[union-attr]
                archive.start_dir += len(hidden)
            sides.append(file.getvalue())
        assert causes(*sides) == {"zip-times", "unknown"}


def program(
    time: int,
    *,
    code: bytes = b"\xc3",
    debug: bytes = b"",
    guid: bytes = bytes(16),
    summed: bool = True,
    cert: bytes = b"",
) -> bytes:
    """A PE file with a section of code and a debug directory; `debug` are the kinds of its entries."""
    optional = bytearray(b"\x0b\x02".ljust(240, b"\0"))
    struct.pack_into("<I", optional, 108, 16)
    entries = b"".join(struct.pack("<IIHHIIII", 0, time, 0, 0, kind, 24, 0x1200, 0x400) for kind in debug)
    struct.pack_into("<II", optional, 112 + 8 * 6, 0x1100 if debug else 0, len(entries))
    header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, time, 0, 0, len(optional), 0x22)
    section = struct.pack("<8sIIIIIIHHI", b".text", 0x300, 0x1000, 0x300, 0x200, 0, 0, 0, 0, 0)
    body = code.ljust(0x100, b"\0") + entries.ljust(0x100, b"\0") + (b"RSDS" + guid).ljust(0x100, b"\0")
    start = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + header
    data = bytearray((start + optional + section).ljust(0x200, b"\0") + body)
    at = len(start) + 64
    if cert:
        table = struct.pack("<IHH", 8 + len(cert), 0x200, 2) + cert + bytes(-len(cert) % 8)
        struct.pack_into("<II", data, len(start) + 112 + 32, len(data), len(table))
        data += table
    if summed:
        words = sum(struct.unpack(f"<{len(data) // 2}H", data))
        while words >> 16:
            words = (words & 0xFFFF) + (words >> 16)
        struct.pack_into("<I", data, at, words + len(data))
    return bytes(data)


class TestPe:
    def test_the_checksum_follows_from_the_time(self) -> None:
        assert causes(program(TIMES[0]), program(TIMES[1])) == {"pe-time"}

    def test_a_checksum_that_does_not_hold_was_written_by_somebody(self) -> None:
        before, after = program(TIMES[0]), bytearray(program(TIMES[1]))
        after[64 + 24 + 64] ^= 1
        assert causes(before, bytes(after)) == {"pe-time", "unknown"}

    def test_an_edit_is_not_hidden_by_the_time(self) -> None:
        assert causes(program(TIMES[0]), program(TIMES[1], code=b"\x90\xc3")) == {"pe-time", "unknown"}

    def test_the_least_header(self) -> None:
        header = b"MZ".ljust(60, b"\0") + struct.pack("<I4sHHI", 64, b"PE\0\0", 0x8664, 0, 0)[:12]
        sides = [header + struct.pack("<I12x", time) + b"code" * 9 for time in TIMES]
        assert causes(*sides) == {"pe-time"}
        assert "unknown" in causes(sides[0], sides[1] + b"more")

    def test_times_of_the_debug_directory(self) -> None:
        found = hunks(program(TIMES[0], debug=b"\x0d"), program(TIMES[1], debug=b"\x0d"))
        assert [hunk.where for hunk in found if not hunk.follows] == ["TimeDateStamp", "debug directory"]
        assert causes(program(TIMES[0], debug=b"\x0d"), program(TIMES[1], debug=b"\x0d")) == {"pe-time"}

    def test_the_build_id(self) -> None:
        sides = (program(TIMES[0], debug=b"\x02", guid=bytes([byte]) * 16) for byte in (1, 2))
        assert causes(*sides) == {"build-id"}

    def test_a_hash_instead_of_a_time_is_no_time(self) -> None:
        """Who asked for reproducible files and is told to export a time does not find what differs."""
        sides = (program(time, debug=b"\x10") for time in TIMES)
        assert "pe-time" not in causes(*sides)

    def test_another_signature(self) -> None:
        assert causes(program(TIMES[0], cert=b"one" * 9), program(TIMES[0], cert=b"two" * 9)) == {"file-signature"}
        assert causes(program(TIMES[0], cert=b"one" * 9), program(TIMES[0])) == {"file-signature"}
        assert causes(program(TIMES[0]), program(TIMES[1], cert=b"one" * 9)) == {"pe-time", "file-signature"}

    def test_an_edit_is_not_hidden_by_a_signature(self) -> None:
        before, after = program(TIMES[0], cert=b"one" * 9), program(TIMES[0], code=b"\x90\xc3", cert=b"two" * 9)
        assert causes(before, after) == {"unknown"}
        assert "unknown" in causes(before, program(TIMES[0], code=b"\x90\xc3"))


class TestModules:
    def test_one_that_was_signed_by_keys_of_each_build(self, tmp_path: Path) -> None:
        if missing := next((name for name in pairs_headers.KO if shutil.which(name) is None), None):
            pytest.skip(f"needs {missing}")
        sides, others = [], []
        for second in (False, True):
            for found, answer, absent in ((sides, "3", False), (others, "3", True)):
                tree, work = tmp_path / f"{second}{absent}", tmp_path / f"work{second}{absent}"
                work.mkdir()
                pairs_headers.module(tree, work, second, absent=absent, answer=answer)
                found.append((tree / "lib/modules/6.6/hello.ko").read_bytes())
        assert causes(*sides) == causes(*others) == {"file-signature"}
        assert "build 0" in str(hunks(*sides)[0].before) or "build False" in str(hunks(*sides)[0].before)

    def test_an_edit_is_not_hidden_by_a_signature(self) -> None:
        def signed(body: bytes, signature: bytes) -> bytes:
            return body + signature + struct.pack(">8xI", len(signature)) + TRAILER

        code = bytes(range(256)) * 4
        assert causes(signed(code, b"a" * 99), signed(code, b"b" * 99)) == {"file-signature"}
        assert causes(signed(code, b"a" * 99), signed(code[:-1] + b"\0", b"b" * 99)) == {"unknown"}
        assert "unknown" in causes(signed(code, b"a" * 99), code[:-1] + b"\0")
        assert causes(signed(code, b"a" * 99), signed(code, b"a" * 99)[:-29] + b"x" + TRAILER) == {"unknown"}

    def test_signatures_without_end_are_bounded(self) -> None:
        sides = [byte + b"".join(b"s" + struct.pack(">8xI", 1) + TRAILER for _ in range(3000)) for byte in (b"a", b"b")]
        assert causes(*sides) == {"unknown"}


def font(time: int, *, glyph: bytes = b"glyph!", wrong: int = 0) -> bytes:
    def total(data: bytes) -> int:
        data += bytes(-len(data) % 4)
        return sum(struct.unpack(f">{len(data) // 4}I", data)) & 0xFFFFFFFF

    head = struct.pack(">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000, time, time, *[0] * 9)
    tables = {b"glyf": glyph.ljust(8, b"\0"), b"head": head}
    at = 12 + 16 * len(tables)
    directory, bodies = b"", b""
    for tag, body in tables.items():
        directory += struct.pack(">4sIII", tag, total(body), at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    data = struct.pack(">IHHHH", 0x10000, len(tables), 32, 1, 0) + directory + bodies
    adjust = (0xB1B0AFBA - total(data) + wrong) & 0xFFFFFFFF
    place = at + 8 + 8
    return data[:place] + struct.pack(">I", adjust) + data[place + 4 :]


def resources(time: int, content: bytes = b"moin") -> bytes:
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0) + struct.pack(">IHHHIQ", 0, 0, 0, 1, 0, time * 1000)
    data = struct.pack(">I", len(content)) + content
    start = 20
    return b"qres" + struct.pack(">IIII", 2, start + len(data), start, 0) + data + tree


def disc(time: int, *, content: bytes = b"moin") -> bytes:
    """An image with a folder of one file, and Rock Ridge."""
    raw = bytes([124, 4, time % 28 + 1, 1, 2, 3, 0])

    def record(name: bytes, sector: int, size: int, flags: int, more: bytes = b"") -> bytes:
        body = name + bytes((len(name) + 1) % 2) + more
        head = struct.pack("<B", 33 + len(body)) + b"\0" + struct.pack("<I4xI4x", sector, size)
        return head + raw + bytes([flags, 0, 0]) + bytes(4) + bytes([len(name)]) + body

    stamps = b"TF" + bytes([5 + 7, 1, 2]) + raw
    folder = record(b"\0", 18, 2048, 2) + record(b"A.TXT;1", 19, len(content), 0, stamps)
    descriptor = bytearray(b"\1CD001\1".ljust(2048, b"\0"))
    descriptor[156:190] = record(b"\0", 18, 2048, 2)
    for at in (813, 830):
        descriptor[at : at + 16] = b"202404%02d01020300" % (time % 28 + 1)
    end = b"\xffCD001\1".ljust(2048, b"\0")
    return bytes(32768) + bytes(descriptor) + end + folder.ljust(2048, b"\0") + content.ljust(2048, b"\0")


def squashed(time: int, rest: bytes = b"\1" * 200) -> bytes:
    return b"hsqs" + struct.pack("<II", 2, time) + rest


def database(ident: bytes, rest: bytes = b"\1" * 200) -> bytes:
    return (bytes(12) + b"\x62\x31\x05\0").ljust(52, b"\0") + ident * 20 + rest


MADE = {
    "font-time": (font(TIMES[0]), font(TIMES[1]), font(TIMES[1], glyph=b"other")),
    "resource-time": (resources(TIMES[0]), resources(TIMES[1]), resources(TIMES[1], b"noin")),
    "filesystem-image": (disc(3), disc(4), disc(4, content=b"noin")),
    "filesystem-image ": (squashed(TIMES[0]), squashed(TIMES[1]), squashed(TIMES[1], b"\2" * 200)),
    "database-id": (database(b"a"), database(b"b"), database(b"b", b"\2" * 200)),
}


@pytest.mark.parametrize("name", MADE)
def test_a_field_is_named_and_hides_nothing(name: str) -> None:
    before, after, edited = MADE[name]
    assert causes(before, after) == {name.strip()}
    assert causes(before, edited) == {name.strip(), "unknown"}


def test_a_checksum_of_a_font_that_does_not_hold() -> None:
    assert causes(font(TIMES[0]), font(TIMES[1], wrong=1)) == {"font-time", "unknown"}


SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\niQEz%sAAoJ\n=abcd\n-----END PGP SIGNATURE-----\n"


def test_signatures_beside_files() -> None:
    before, after = ((SIGNATURE % word).encode() for word in ("BCAA", "CDBB"))
    assert causes(before, after) == {"file-signature"}
    assert causes(before, after + b"rm -rf /\n") != {"file-signature"}
    cms = [b"\x30\x82\x00\x14\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + bytes([byte]) * 9 for byte in (1, 2)]
    assert causes(*cms) == {"file-signature"}
    assert causes(cms[0], cms[1] + b"more") == {"unknown"}


def test_no_advice_of_pigz_where_it_cannot_help() -> None:
    """pigz writes gzip and nothing else."""
    cause = Compressor()
    assert "pigz" in cause.mend({("framing", "compression")})
    for form in ("xz", "zstd", "bzip2", "zip", "png", "format"):
        assert "pigz" not in cause.mend({("compression", form)})
        assert "pigz" in cause.mend({("compression", form), ("framing", "compression")})
    assert "abuild" not in TarDialect().mend({("tar", "dialect")})


def test_each_format_of_a_compressed_file_has_its_advice() -> None:
    for form, packed in {
        "zip": [zip_of(level) for level in (1, 9)],
        "bzip2": [__import__("bz2").compress(WORDS, level) for level in (1, 9)],
        "gzip": [gzipped(level) for level in (1, 9)],
    }.items():
        found = [hunk for hunk in hunks(*packed) if hunk.kind == "compression"]
        assert [hunk.name for hunk in found] == [form]
        assert Compressor().mend({(hunk.kind, hunk.name) for hunk in found}) != Compressor.advice


WORDS = b" ".join(b"%d bottles of %x" % (at, at * at) for at in range(40_000))


def zip_of(level: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr(zipfile.ZipInfo("words"), WORDS, zipfile.ZIP_DEFLATED, level)
    return file.getvalue()


def gzipped(level: int) -> bytes:
    deflate = zlib.compressobj(level, wbits=-15)
    body = deflate.compress(WORDS) + deflate.flush()
    return b"\x1f\x8b\x08" + bytes(6) + b"\x03" + body + struct.pack("<II", zlib.crc32(WORDS), len(WORDS))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_broken_ones_are_refused_or_taken_apart(data: st.DataObject) -> None:
    dissector, good = data.draw(
        st.sampled_from(
            [
                (pe.hunks, program(TIMES[0], debug=b"\x02\x0d\x10", cert=b"c" * 40)),
                (sfnt.hunks, font(TIMES[0])),
                (rcc.hunks, resources(TIMES[0])),
                (iso9660.hunks, disc(3)),
                (headers.hunks, squashed(TIMES[0])),
                (headers.hunks, database(b"a")),
                (detached.hunks, (SIGNATURE % "BCAA").encode()),
                (appended.hunks, b"code" * 40 + b"s" * 20 + struct.pack(">8xI", 20) + TRAILER),
                (zipped.hunks, behind(SCRIPT, False)),
            ]
        )
    )
    taken(dissector, good, data.draw(mutated(good)))


def sized(time: int, size: int, text: bytes = b"hi") -> bytes:
    folder, file = tarfile.TarInfo("d"), tarfile.TarInfo("d/x")
    folder.type, folder.size, folder.mtime = tarfile.DIRTYPE, size, time
    file.size, file.mtime = len(text), time
    blocks = folder.tobuf(tarfile.USTAR_FORMAT) + file.tobuf(tarfile.USTAR_FORMAT) + text.ljust(512, b"\0")
    return blocks.ljust(10240, b"\0")


def test_a_tar_whose_folder_states_a_size_is_a_tar() -> None:
    assert causes(sized(TIMES[0], 4096), sized(TIMES[1], 4096)) == {"tar-metadata"}
    assert causes(sized(TIMES[0], 4096), sized(TIMES[0], 60)) == {"tar-metadata"}
    assert causes(sized(TIMES[0], 4096), sized(TIMES[1], 60, b"no")) == {"tar-metadata", "unknown"}
