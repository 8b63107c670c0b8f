"""If these fail, who owns a tree decides which files of others are written while root normalizes it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from packing import EPOCH, Packing

from buildinfo.cli import main
from buildinfo.errors import UnreadableError
from buildinfo.normalize.package import Inspected, Settings
from buildinfo.normalize.paths import Request, examine, find_files, finish
from buildinfo.normalize.registry import select
from buildinfo.normalize.tree import normalize_files

LATE = EPOCH + 86400
WORDS = ("-j", "1", "--epoch", str(EPOCH), "--handlers", "all")
OWNER = 12345


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of another user's with one folder, and a folder of a victim with files of the same names."""
    for folder, content in (("tree/sub", b"x" * 100), ("victim", b"SECRET" * 20)):
        path = tmp_path / folder
        path.mkdir(parents=True)
        (path / "a.gz").write_bytes(gzip.compress(content, mtime=LATE))
        with zipfile.ZipFile(path / "b.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("m", (2030, 1, 1, 0, 0, 0)), content)
        (path / "p.apk").write_bytes(Packing(mtime=LATE, signed=folder != "victim").package())
        os.link(path / "a.gz", path / "linked.gz")
        # Left by an interrupted run of the victim's, to be swept in his folder and by nobody else.
        (path / f".abuild-buildinfo.{'0' * 16}.part").write_bytes(content)
    return tmp_path / "tree"


def swapped(tree: Path, *paths: str) -> list[str]:
    """What `normalize` does to the victim when the folder is swapped for a link, at any moment at all."""
    command = [sys.executable, Path(__file__).with_name("swapping.py"), tree / "sub", tree.parent / "victim"]
    done = subprocess.run([*command, str(OWNER), *WORDS, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert int(last.split()[0]) > 20
    return lines


def test_a_folder_that_is_swapped_for_a_link_leads_nobody_out_of_the_tree(tree: Path) -> None:
    assert swapped(tree, str(tree)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a link of one's own is followed")
@pytest.mark.parametrize("name", ["a.gz", "b.zip", "p.apk"])
def test_a_named_file_is_not_reached_through_a_link_of_another_user(name: str, tree: Path) -> None:
    assert swapped(tree, str(tree / "sub" / name)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of two users")
def test_a_file_with_a_name_in_a_strangers_folder_is_not_written(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the kernel lets anybody make hard links, a stranger would have a victim's file changed so."""
    victim = tree.parent / "victim/a.gz"
    (tree / "sub/theirs.gz").hardlink_to(victim)
    os.chown(tree / "sub", OWNER, OWNER)
    before = victim.read_bytes()
    assert main(["normalize", *WORDS, str(tree)]) == 2
    assert victim.read_bytes() == before
    assert "theirs.gz: it has other names" in capsys.readouterr().err


def test_what_was_made_of_one_file_is_not_put_in_the_place_of_another(tree: Path) -> None:
    """It would get the owner and mode of that: a setuid program of root's, with a stranger's content."""
    places = {place.name: place for place, _ in find_files([tree / "sub"])}
    place, request = places["b.zip"], Request("all", epoch=EPOCH)
    examined = examine(place, request)
    path = tree / "sub/b.zip"
    path.rename(path.with_name("own.zip"))
    path.write_bytes((tree.parent / "victim/b.zip").read_bytes())
    path.chmod(0o4755)
    before = path.read_bytes()
    done = finish(place, request, examined)
    assert (done.result, path.read_bytes()) == ("error", before)
    assert next(normalize_files([(place, False)], request)).result == "changed"


def test_a_package_that_changes_while_it_is_read_is_not_signed(tree: Path) -> None:
    """Who owns the folder may write into the file after its signature was looked at."""
    path = tree / "sub/p.apk"
    signed = []
    settings = Settings(lambda info: select("all", EPOCH), sign=lambda control, old: signed.append(control) or b"")
    inspected = Inspected(path, settings)
    path.write_bytes(Packing(mtime=LATE, scripts={".post-install": b"#!/bin/sh\n"}).package())
    with closing(inspected), pytest.raises(UnreadableError, match="changed meanwhile"):
        inspected.finish()
    assert not signed
    assert len(list(path.parent.glob(".abuild*"))) == 1  # what was there before


@pytest.mark.parametrize("depth", [990, 5000])
def test_a_tree_of_any_depth_is_normalized(depth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deeper than Python's stack, and than a path that Linux takes."""
    (tmp_path / "deep").mkdir()
    folder = os.open(tmp_path / "deep", os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=folder)
            below = os.open("d", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        descriptor = os.open("a.gz", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(gzip.compress(b"x" * 100, mtime=LATE))
        status = main(["normalize", *WORDS, str(tmp_path / "deep")])
        with os.fdopen(os.open("a.gz", os.O_RDONLY, dir_fd=folder), "rb") as file:
            assert (status, file.read()) == (0, gzip.compress(b"x" * 100, mtime=EPOCH))
        assert capsys.readouterr().out.endswith("d/d/a.gz: changed\n")
    finally:
        os.close(folder)
        subprocess.run(["rm", "-rf", tmp_path / "deep"], check=True)  # Python's own cannot
