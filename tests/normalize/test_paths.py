"""If these fail, `normalize` harms the files of a build tree, or a script cannot rely on what it says."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from packing import EPOCH, Packing

from buildinfo.apk.v2 import read_package
from buildinfo.cli import main
from buildinfo.schema import render

LATE = EPOCH + 86400
EPOCH_WORDS = ("--epoch", str(EPOCH))


def leaky(name: str = "x") -> bytes:
    """A gzip file that holds a time after the epoch."""
    return gzip.compress(name.encode() * 100, mtime=LATE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree as a build leaves it."""
    root = tmp_path / "tree"
    (root / "usr/share").mkdir(parents=True)
    (root / "usr/share/a.gz").write_bytes(leaky())
    (root / "usr/share/b").write_bytes(leaky())  # the name does not say what it is
    (root / "usr/share/text.gz").write_text("not gzip at all")
    (root / "usr/share/fine.gz").write_bytes(gzip.compress(b"fine", mtime=0))
    (root / "usr/share/link").symlink_to("/etc/passwd")
    (root / "usr/share/dangling").symlink_to("nowhere")
    os.mkfifo(root / "usr/share/fifo")
    os.link(root / "usr/share/a.gz", root / "usr/share/hard.gz")
    with zipfile.ZipFile(root / "usr/c.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("m", (2030, 1, 1, 0, 0, 0)), "m")
    (root / "p.apk").write_bytes(Packing(mtime=LATE).package())
    return root


def test_everything_in_a_tree_is_found_by_content(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["normalize", *EPOCH_WORDS, "--check", str(tree)]) == 1
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    assert main(["normalize", *EPOCH_WORDS, str(tree)]) == 0
    changed = {path.name for path, data in before.items() if path.read_bytes() != data}
    assert changed == {"a.gz", "hard.gz", "b", "c.zip", "p.apk"}
    assert main(["normalize", *EPOCH_WORDS, "--check", str(tree)]) == 0
    assert not list(tree.rglob("*.part"))


def test_links_owner_mode_and_time_stay(tree: Path) -> None:
    """`make install` would run again, hard links would double the package, setuid would be lost."""
    path = tree / "usr/share/a.gz"
    path.chmod(0o4750)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    os.utime(path, ns=(1_600_000_000_123_456_789, 1_600_000_001_987_654_321))
    before = path.stat()
    loose = tree / "usr/share/b"
    os.utime(loose, ns=(1_600_000_000_000_000_001, 1_600_000_000_000_000_002))
    assert main(["normalize", *EPOCH_WORDS, str(tree)]) == 0
    after = path.stat()
    for field in ("st_ino", "st_nlink", "st_uid", "st_gid", "st_mtime_ns"):
        assert getattr(after, field) == getattr(before, field)
    if os.geteuid() == 0:
        assert after.st_mode == before.st_mode
    assert loose.stat().st_mtime_ns == 1_600_000_000_000_000_002
    assert (tree / "usr/share/link").is_symlink() and (tree / "usr/share/fifo").is_fifo()


def test_what_is_read_only_for_the_user_stays_whole(tree: Path) -> None:
    """A folder that cannot be written to: one line, status 2, and the rest of the batch goes on."""
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root")
    (tree / "usr/share").chmod(0o555)
    data = (tree / "usr/share/b").read_bytes()
    assert main(["normalize", *EPOCH_WORDS, str(tree)]) == 2
    assert (tree / "usr/share/b").read_bytes() == data


def test_the_json_is_what_the_schema_and_the_contract_say(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thin = tree / "thin.a"
    thin.write_bytes(b"!<thin>\n")
    (tree / "usr/signed.jar").write_bytes(signed_jar())
    assert main(["normalize", *EPOCH_WORDS, "--json", str(tree), str(tree / "none")]) == 2
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, json.loads(render("normalize")))
    files = {Path(entry["path"]).name: entry for entry in report["files"]}
    assert files["a.gz"]["result"] == "changed"
    assert [set(change) for change in files["a.gz"]["changes"]] == [{"path", "handler", "before", "after"}]
    assert (files["signed.jar"]["result"], files["thin.a"]["result"]) == ("left-alone", "left-alone")
    assert files["signed.jar"]["reason"] and files["thin.a"]["reason"]
    assert files["none"]["result"] == "error"
    assert "signature" in files["p.apk"]["reason"]
    assert report["summary"]["unchanged"] >= 2


def signed_jar() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("META-INF/MANIFEST.MF", "META-INF/X.SF", "META-INF/X.RSA"):
            archive.writestr(zipfile.ZipInfo(name, (2030, 1, 1, 0, 0, 0)), "x")
    return file.getvalue()


def test_a_malformed_file_that_is_named_is_an_error_in_a_tree_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test suite in a package may hold broken archives on purpose."""
    broken = tmp_path / "broken.a"
    broken.write_bytes(b"!<arch>\n" + b"rubbish" * 30)
    assert main(["normalize", *EPOCH_WORDS, str(broken)]) == 2
    assert str(broken) in capsys.readouterr().err
    assert main(["normalize", *EPOCH_WORDS, str(tmp_path)]) == 0
    assert "malformed" in capsys.readouterr().out


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_many_files_and_many_processes_give_the_same(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.gz").write_bytes(leaky(str(number)))
    assert main(["normalize", *EPOCH_WORDS, "-j", jobs, str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{tmp_path}/{number:03}.gz: changed" for number in range(200)]
    for number in range(200):
        expected = gzip.compress(str(number).encode() * 100, mtime=EPOCH)
        assert (tmp_path / f"{number:03}.gz").read_bytes() == expected


def run(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "buildinfo", "normalize", *words]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_standard_input_and_output(tmp_path: Path) -> None:
    expected = gzip.compress(b"x" * 100, mtime=EPOCH)
    assert run(*EPOCH_WORDS, "-", data=leaky()).stdout == expected
    target = tmp_path / "out"
    assert run(*EPOCH_WORDS, "--output", str(target), "-", data=leaky()).returncode == 0
    assert target.read_bytes() == expected
    package = Packing(mtime=LATE).package()
    (tmp_path / "p.apk").write_bytes(package)
    piped = run("--output", "-", str(tmp_path / "p.apk"))
    target.write_bytes(piped.stdout)
    assert {member.mtime for member in read_package(target).members} == {EPOCH}
    assert (tmp_path / "p.apk").read_bytes() == package


def test_output_of_something_that_needs_no_change_is_a_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    for data in (b"text", b"", gzip.compress(b"x", mtime=0), Packing().package()):
        source.write_bytes(data)
        assert run(*EPOCH_WORDS, "--output", str(target), str(source)).returncode == 0
        assert target.read_bytes() == data


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--handlers", "nosuch", "x"),
        ("--epoch", "-1", "x"),
        ("--epoch", "1e9", "x"),
        ("--output", "o", "x", "y"),
        ("--output", "o", "/"),
        ("-j", "0", "x"),
        ("--timestamps", "never", "x"),
        ("/nonexistent/x",),
        ("/dev/null",),
    ],
)
def test_bad_usage_is_one_line_and_status_2(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and done.stdout in (b"", b"/dev/null: unchanged\n")


def test_names_that_are_not_text_are_named(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.gz"
    with open(name, "wb") as file:  # noqa: PTH123  # a name in bytes
        file.write(leaky())
    done = run(*EPOCH_WORDS, str(tmp_path))
    assert (done.returncode, done.stdout) == (0, os.fsencode(tmp_path) + rb"/\xff\xfe.gz: changed" + b"\n")


def test_handlers_can_be_chosen_one_by_one(tree: Path) -> None:
    assert main(["normalize", *EPOCH_WORDS, "--handlers", "-gzip,-times", str(tree)]) == 0
    assert (tree / "usr/share/b").read_bytes() == leaky()
    assert read_package(tree / "p.apk").members[0].mtime == LATE
    assert main(["normalize", *EPOCH_WORDS, "--handlers", "gzip", str(tree)]) == 0
    assert (tree / "usr/share/b").read_bytes() == gzip.compress(b"x" * 100, mtime=EPOCH)


def test_an_index_and_a_v3_package_are_named_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A change to a signed index would make apk refuse the whole repository."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apk"))
    from apkmaker import ended, file, gz, signature

    index = tmp_path / "APKINDEX.tar.gz"
    index.write_bytes(gz(signature(".SIGN.RSA.k.rsa.pub")) + gz(ended(file("APKINDEX", b"")), mtime=LATE))
    (tmp_path / "v3.apk").write_bytes(b"ADBd" + bytes(50))
    assert main(["normalize", *EPOCH_WORDS, str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("left alone") == 2 and "index" in out and "v3" in out


def test_files_are_called_as_the_user_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed is pasted into the next command, and looked for in JSON."""
    (tmp_path / "sub").mkdir()
    for name in ("a.gz", "sub/b.gz"):
        (tmp_path / name).write_bytes(leaky())
    monkeypatch.chdir(tmp_path / "sub")
    for words, expected in (
        ([".."], ["../a.gz", "../sub/b.gz"]),
        (["."], ["b.gz"]),
        (["../sub/b.gz"], ["../sub/b.gz"]),
    ):
        assert main(["normalize", *EPOCH_WORDS, "--check", *words]) == 1
        assert capsys.readouterr().out.splitlines() == [f"{name}: would change" for name in expected]
