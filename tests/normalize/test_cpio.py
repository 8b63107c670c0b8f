"""If these fail, an initramfs differs by where it was built, or no longer boots."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from goldens import check_cut
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError

FIELDS = [
    "ino",
    "mode",
    "uid",
    "gid",
    "nlink",
    "mtime",
    "filesize",
    "devmajor",
    "devminor",
    "rdevmajor",
    "rdevminor",
    "namesize",
    "check",
]
"""As cpio(5) calls them."""
LATE = EPOCH + 1000


def newc(*members: dict[str, Any], magic: bytes = b"070701", block: int = 512, upper: bool = True) -> bytes:
    """A new ASCII archive."""
    out = b""
    end = {"name": "TRAILER!!!", "mtime": 0, "ino": 0, "devmajor": 0, "devminor": 0, "mode": 0}
    for given_fields in (*members, end):
        member = {"mode": 0o100644, "nlink": 1, "mtime": LATE, "devmajor": 8, "devminor": 1, **given_fields}
        name, data = member["name"].encode() + b"\0", member.get("data", b"")
        member |= {"namesize": len(name), "filesize": len(data)}
        header = magic + b"".join(b"%08X" % member.get(field, 0) for field in FIELDS)
        for part in ((header if upper else header.lower()) + name, data):
            out += part + bytes(-(len(out) + len(part)) % 4)
    return out + bytes(-len(out) % block)


def read(data: bytes) -> list[dict[str, Any]]:
    """The members of one new ASCII archive, the trailer included."""
    members, at = [], 0
    while True:
        numbers = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        member: dict[str, Any] = dict(zip(FIELDS, numbers, strict=True))
        at += 110
        member["name"] = data[at : at + member["namesize"] - 1].decode()
        at += member["namesize"] + -(110 + member["namesize"]) % 4
        member["data"] = data[at : at + member["filesize"]]
        at += member["filesize"] + -member["filesize"] % 4
        members.append(member)
        if member["name"] == "TRAILER!!!":
            return members


def odc(*members: dict[str, Any]) -> bytes:
    out = b""
    for member in (*members, {"name": "TRAILER!!!"}):
        name, data = member["name"].encode() + b"\0", member.get("data", b"")
        numbers = [member.get(key, 0) for key in ("dev", "ino")] + [member.get("mode", 0o100644), 0, 0]
        numbers += [member.get("nlink", 1), member.get("rdev", 0)]
        out += b"070707" + b"".join(b"%06o" % number for number in numbers)
        out += b"%011o%06o%011o" % (member.get("mtime", 0), len(name), len(data)) + name + data
    return out + bytes(-len(out) % 512)


def tarball(mtime: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("inside")
        info.mtime = mtime
        tar.addfile(info)
    return out.getvalue()


def tree(ino: int, device: int, mtime: int) -> list[dict[str, Any]]:
    """The same tree on some machine: a folder, a file with two names, a device node, a link."""
    host: dict[str, Any] = {"devmajor": device, "mtime": mtime}
    return [
        {"name": ".", "mode": 0o40755, "nlink": 5, "ino": ino + 70, **host},
        {"name": "a", "nlink": 2, "ino": ino + 5, **host},
        {"name": "dev", "mode": 0o40755, "nlink": 2, "ino": ino + 5, **host, "devmajor": device + 1},
        {"name": "dev/console", "mode": 0o20600, "ino": ino + 9, "rdevmajor": 5, "rdevminor": 1, **host},
        {"name": "b", "nlink": 2, "ino": ino + 5, "data": b"hello", **host},
        {"name": "l", "mode": 0o120777, "ino": ino + 6, "data": b"a", **host},
    ]


def test_the_same_tree_from_two_machines_becomes_one_image() -> None:
    one, _ = normalize(newc(*tree(1000, 8, LATE)))
    other, _ = normalize(newc(*tree(777000, 254, LATE + 99)))
    assert one == other
    assert normalize(one)[0] is one


def test_hard_links_stay_one_file_and_device_nodes_their_device() -> None:
    members = {member["name"]: member for member in read(normalize(newc(*tree(1000, 8, LATE)))[0])}
    assert members["a"]["ino"] == members["b"]["ino"] == 2
    assert members["dev"]["ino"] == 3, "same number on another device: not the same file"
    assert {member["nlink"] for member in members.values()} == {1, 2, 5}
    assert (members["dev/console"]["rdevmajor"], members["dev/console"]["rdevminor"]) == (5, 1)
    assert all(not member["devmajor"] and not member["devminor"] for member in members.values())
    assert members["b"]["data"] == b"hello"
    assert members["TRAILER!!!"]["ino"] == members["TRAILER!!!"]["mtime"] == 0


def test_two_files_of_two_file_systems_do_not_become_one() -> None:
    files = [{"name": name, "nlink": 2, "ino": 7, "devminor": minor} for name, minor in (("a", 1), ("b", 2), ("c", 1))]
    assert [member["ino"] for member in read(normalize(newc(*files))[0])] == [1, 2, 1, 0]


def test_older_times_stay_unless_every_time_is_set() -> None:
    archive = newc({"name": "a", "ino": 1, "mtime": 5})
    assert [member["mtime"] for member in read(normalize(archive)[0])] == [5, 0]
    assert [member["mtime"] for member in read(normalize(archive, timestamps="set")[0])] == [EPOCH, 0]


def test_what_cpio_reproducible_numbered_stays() -> None:
    # The number of a hard link is taken when its first name is met; the names are written late.
    members = [("first", 0, 1), ("b", 2, 1), ("c", 3, 1), ("a1", 1, 2), ("a2", 1, 2)]
    archive = newc(
        *({"name": n, "ino": i, "nlink": k, "devmajor": 0, "devminor": 0, "mtime": 1} for n, i, k in members)
    )
    assert normalize(archive)[0] is archive
    nothing = newc(*({"name": n, "devmajor": 0, "devminor": 0, "mtime": 1} for n in "abc"))
    assert normalize(nothing)[0] is nothing


def test_letters_keep_their_case() -> None:
    for upper in (True, False):
        members = [{"name": str(n), "ino": 5000 + n} for n in range(30)]
        out = normalize(newc(*members, upper=upper))[0]
        assert re.search(rb"0707010000001[A-F]" if upper else rb"0707010000001[a-f]", out)


def test_the_portable_format_is_normalized_as_well() -> None:
    out = [
        normalize(odc({"name": "a", "ino": ino, "dev": dev, "mtime": LATE, "rdev": 3}))[0]
        for ino, dev in ((9, 9), (8, 8))
    ]
    assert out[0] == out[1] == odc({"name": "a", "ino": 1, "dev": 0, "mtime": EPOCH, "rdev": 3})


def test_archives_behind_each_other_are_all_normalized() -> None:
    one, other = newc({"name": "ucode", "ino": 90}), newc(*tree(50, 3, LATE))
    out, _ = normalize(one + other)
    assert out == normalize(one)[0] + normalize(other)[0]


def test_the_compressed_archive_behind_microcode_is_normalized() -> None:
    early, main = newc({"name": "ucode", "ino": 90}), newc(*tree(50, 3, LATE))
    packed = zlib_gzip(main)
    out, report = normalize(early + packed, name="boot.img")
    head = normalize(early)[0]
    assert out.startswith(head)
    assert gzip.decompress(out[len(head) :]) == normalize(main)[0]
    assert [change.handler for change in report.changes] == ["cpio", "gzip", "cpio"]
    opaque = early + b"no format that is known"
    assert normalize(opaque)[0] == head + b"no format that is known"


def zlib_gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=LATE)


def test_files_inside_are_normalized_and_sizes_and_checksums_follow() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("name", "wb", 9, buffer, mtime=LATE) as file:
        file.write(b"x")
    archive = newc(
        {"name": "first.gz", "ino": 4, "data": buffer.getvalue(), "check": sum(buffer.getvalue())},
        {"name": "second", "ino": 5, "data": b"after", "check": sum(b"after")},
        magic=b"070702",
    )
    out, report = normalize(archive, name="x.cpio")
    first, second, _ = read(out)
    assert first["data"][:8] == gzip.compress(b"x", 9, mtime=EPOCH)[:8]
    assert len(first["data"]) == len(buffer.getvalue()) - len(b"name\0")
    assert first["check"] == sum(first["data"])
    assert (second["data"], second["check"]) == (b"after", sum(b"after"))
    assert len(out) % 512 == 0
    assert [change.path for change in report.changes] == ["x.cpio!/first.gz", "x.cpio"]
    assert normalize(out)[0] is out


@pytest.mark.parametrize("cut", [1, 50, 115, 300])
def test_a_cut_archive_is_refused(cut: int) -> None:
    archive = newc(*tree(1, 2, 3), block=4)
    with pytest.raises(FormatError):
        normalize(archive[:-cut])


def test_many_members_are_quick() -> None:
    archive = b"".join(
        newc({"name": f"usr/share/file{n}", "ino": 900000 - n, "data": b"x"}, block=4)[:-124] for n in range(100_000)
    )
    began = time.monotonic()
    normalize(archive + newc())
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["test.cpio"])
def test_the_expected_output_of_strip_nondeterminism(corpus: Path, name: str) -> None:
    folder = corpus / "strip-nondeterminism/fixtures/cpio"
    out, _ = normalize((folder / f"{name}.in").read_bytes(), timestamps="set")
    assert out == (folder / f"{name}.out").read_bytes()


@pytest.fixture(params=["tinyalpine", "bsdtar", "gnu-cpio-find", "gnu-cpio-sorted.crc", "gnu-cpio-sorted.odc"])
def image(request: pytest.FixtureRequest, corpus: Path) -> bytes:
    found = sorted(path for path in (corpus / "cpio").rglob("*") if path.name.startswith(request.param))
    if not found:
        pytest.skip(f"no {request.param} in ../shared/corpus/cpio")
    data = found[0].read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def test_real_images_settle_in_one_pass(image: bytes) -> None:
    out, report = normalize(image)
    assert out != image
    assert not report.skipped
    assert normalize(out)[0] is out


def test_real_images_unpack_to_the_same_tree(image: bytes, tmp_path: Path) -> None:
    program = shutil.which("cpio")
    if program is None:
        pytest.skip("needs cpio on PATH")
    listings = []
    for data in (image, normalize(image, handlers="cpio")[0]):
        listed = subprocess.run([program, "-itv", "--quiet"], input=data, capture_output=True, check=True).stdout
        # mode, links, owner, group, size or device number, then the time, then the name
        listings.append(re.sub(rb" (\w{3} +\d+ +(\d\d:\d\d|\d{4})) ", b" ", listed))
    assert listings[0] == listings[1]


@pytest.mark.skipif(shutil.which("cpio") is None, reason="needs cpio on PATH")
@pytest.mark.parametrize("form", ["newc", "crc", "odc"])
def test_a_tree_packed_in_two_folders_becomes_one_archive(tmp_path: Path, form: str) -> None:
    built = []
    for name in ("one", "other"):
        folder = tmp_path / name
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/sh").write_bytes(b"sh")
        (folder / "bin/ash").hardlink_to(folder / "bin/sh")
        (folder / "init").symlink_to("bin/sh")
        names = b"\n".join([b"bin", b"bin/ash", b"bin/sh", b"init"])
        made = subprocess.run(
            ["cpio", "-o", "--quiet", "-H", form], cwd=folder, input=names, capture_output=True, check=True
        )
        built.append(made.stdout)
    assert normalize(built[0])[0] == normalize(built[1])[0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_hostile_archives_raise_nothing_but_a_format_error(data: st.DataObject) -> None:
    archive = data.draw(
        st.sampled_from(
            [
                newc(*tree(10, 20, LATE)) + zlib_gzip(newc(*tree(1, 2, LATE))),
                newc({"name": "t.tar", "data": tarball(LATE)}, magic=b"070702"),
                odc({"name": "a", "ino": 3, "nlink": 2, "data": b"x"}, {"name": "b", "ino": 3, "nlink": 2}),
                b"\xc7\x71" + bytes(18) + b"\x02\0" + bytes(4) + b"a\0" + bytes(200),
            ]
        )
    )
    hostile = bytearray(archive)
    for _ in range(data.draw(st.integers(0, 4))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.sampled_from(b"\0\x01\x0009afAFxX\xff"))
    check_cut(data, hostile)
