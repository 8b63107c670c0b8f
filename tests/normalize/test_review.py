"""If these fail, somebody loses a file, an attribute of it, or an answer: what a hostile review found."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packing import EPOCH, Item, Packing
from test_package import FINALIZE
from test_paths import EPOCH_WORDS, LATE, leaky, run

from buildinfo.apk.v2 import read_package
from buildinfo.capture.signing import signer
from buildinfo.cli import main
from buildinfo.errors import UnreadableError
from buildinfo.normalize.package import normalize_package

EXPECTED = gzip.compress(b"x" * 100, mtime=EPOCH)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


def as_nobody(*words: str, group: int = 65534) -> int:
    """The exit status of `normalize` run by an unprivileged user."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "buildinfo", "normalize", *EPOCH_WORDS, *words]
    return subprocess.run(
        command, user=65534, group=65534, extra_groups=[group], env=environment, capture_output=True, check=False
    ).returncode


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    path = tmp_path / "a.gz"
    path.write_bytes(leaky())
    return path


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A file in a folder of the unprivileged user, which pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.gz")
        path.write_bytes(leaky())
        for each in (path, path.parent):
            shutil.chown(each, 65534, 65534)
        yield path


@pytest.mark.parametrize("linked", [False, True])
def test_attributes_of_a_file_stay(loose: Path, linked: bool) -> None:
    """A program that is replaced must not lose its capabilities, nor a file its access list."""
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    attributes = {"user.note": b"\x00\xff"}
    if os.geteuid() == 0:
        attributes["security.capability"] = capability
    try:
        for name, value in attributes.items():
            os.setxattr(loose, name, value)
    except OSError:
        pytest.skip("the file system has no extended attributes")
    if linked:
        os.link(loose, loose.with_name("b.gz"))
    assert main(["normalize", *EPOCH_WORDS, str(loose)]) == 0
    assert loose.read_bytes() == EXPECTED
    assert {name: os.getxattr(loose, name) for name in os.listxattr(loose)} == attributes


@needs_root
def test_hard_links_of_a_user_stay_setuid_and_may_be_read_only(theirs: Path) -> None:
    """A build as an ordinary user would lose the setuid bit, or could not normalize what is read-only."""
    other = theirs.with_name("b.gz")
    os.link(theirs, other)
    for mode in (0o4755, 0o444):
        theirs.write_bytes(leaky())
        theirs.chmod(mode)
        assert as_nobody(str(theirs)) == 0
        assert other.read_bytes() == EXPECTED
        assert other.stat().st_mode & 0o7777 == mode
    assert sorted(theirs.parent.iterdir()) == [theirs, other]


@needs_root
def test_the_group_stays_and_a_stranger_s_file_is_left(theirs: Path) -> None:
    """Files of a common group would become private; root's files in a common folder would become the user's."""
    shutil.chown(theirs, 65534, 12)
    assert as_nobody(str(theirs), group=12) == 0
    assert (theirs.read_bytes(), theirs.stat().st_gid) == (EXPECTED, 12)
    theirs.write_bytes(leaky())
    shutil.chown(theirs, 0, 0)
    assert as_nobody(str(theirs)) == 2
    assert (theirs.read_bytes(), theirs.stat().st_uid) == (leaky(), 0)
    copy = theirs.with_name("copy")
    assert as_nobody(str(theirs), "--output", str(copy)) == 0
    assert (copy.read_bytes(), copy.stat().st_uid) == (EXPECTED, 65534)


def test_the_longest_name_that_a_file_may_have(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 252 + ".gz")[-255:]
    path.write_bytes(leaky())
    assert main(["normalize", *EPOCH_WORDS, str(path)]) == 0
    assert path.read_bytes() == EXPECTED


def test_every_name_of_a_package_with_hard_links_is_normalized(tmp_path: Path) -> None:
    """Only one name would be: a check after normalizing would not hold."""
    (tmp_path / "a.apk").write_bytes(Packing(mtime=LATE).package())
    os.link(tmp_path / "a.apk", tmp_path / "b.apk")
    assert main(["normalize", str(tmp_path)]) == 0
    assert main(["normalize", "--check", str(tmp_path)]) == 0
    assert (tmp_path / "a.apk").read_bytes() == (tmp_path / "b.apk").read_bytes()


def test_output_to_a_pipe_is_written_to_it(loose: Path, tmp_path: Path) -> None:
    """A device or pipe would be replaced by a file: for root, /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "buildinfo", "normalize", *EPOCH_WORDS, "--output", str(pipe), str(loose)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        assert pipe.read_bytes() == EXPECTED
    assert process.returncode == 0 and pipe.is_fifo()
    assert run(*EPOCH_WORDS, "--output", "/dev/stdout", str(loose)).stdout == EXPECTED


def test_output_through_a_link_and_onto_the_input(loose: Path, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "link").symlink_to("old")
    assert main(["normalize", *EPOCH_WORDS, "--output", str(tmp_path / "link"), str(loose)]) == 0
    assert (tmp_path / "link").is_symlink() and (tmp_path / "old").read_bytes() == EXPECTED
    os.link(loose, tmp_path / "b.gz")
    before = loose.read_bytes()
    for name in (f"{loose.parent}/../{tmp_path.name}/a.gz", str(tmp_path / "b.gz")):
        assert main(["normalize", *EPOCH_WORDS, "--output", name, str(loose)]) == 2
        assert loose.read_bytes() == before  # in place is without --output


@pytest.mark.parametrize("target", [".", "/", "/nonexistent/x"])
def test_output_that_cannot_be_is_one_line(loose: Path, target: str) -> None:
    done = run(*EPOCH_WORDS, "--output", target, str(loose))
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_standard_input_has_its_name_and_no_report_mixes_with_the_result(tmp_path: Path) -> None:
    """A script would look for a temporary file that is gone, or write JSON into a package."""
    for data in (b"text", leaky()):
        (entry,) = json.loads(run(*EPOCH_WORDS, "--check", "--json", "-", data=data).stdout)["files"]
        assert entry["path"] == "-"
    done = run(*EPOCH_WORDS, "-", data=b"!<arch>\nrubbish")
    assert done.returncode == 2 and b": -: " in done.stderr
    done = run(*EPOCH_WORDS, "--json", "-", data=leaky())
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_one_line(loose: Path, closed: str) -> None:
    program = f"exec {sys.executable} -m buildinfo normalize --epoch 5 - <{loose} {closed}"
    done = subprocess.run(["sh", "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@needs_root
def test_a_folder_that_cannot_be_read_is_no_success(theirs: Path) -> None:
    """A release script would take an unchecked tree for a clean one."""
    theirs.write_bytes(b"")
    assert as_nobody("--check", str(theirs.parent)) == 0
    (theirs.parent / "private").mkdir(0o700)
    assert as_nobody("--check", str(theirs.parent)) == 2


def test_the_file_without_an_epoch_is_named(
    loose: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert main(["normalize", str(loose)]) == 2
    assert str(loose) in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_what_ends_early_leaves_nothing_half_written(number: signal.Signals | None, tmp_path: Path) -> None:
    """Parts would be packaged with the tree, and processes would stay behind."""
    for count in range(1500):
        (tmp_path / f"{count}.gz").write_bytes(leaky())
    # A background job of a shell ignores interrupts, and so would what it starts.
    undo = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv)"
    program = [sys.executable, "-c", undo]
    command = [*program, "-m", "buildinfo", "normalize", *EPOCH_WORDS, "-j", "2", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if number is None:
            process.stdout.close()
        else:
            process.send_signal(number)
            process.communicate()
        status = process.wait(60)
    assert status == {signal.SIGTERM: 143, signal.SIGINT: 130, None: 2}[number]
    assert {path.suffix for path in tmp_path.iterdir()} == {".gz"}
    assert {path.read_bytes() for path in tmp_path.iterdir()} <= {leaky(), EXPECTED}


def test_a_process_that_is_killed_does_not_hang_the_batch(tmp_path: Path) -> None:
    """Where memory is short a process is killed, and a build would wait for it for ever."""
    for count in range(3000):
        (tmp_path / f"{count}.gz").write_bytes(leaky())
    command = [sys.executable, "-m", "buildinfo", "normalize", *EPOCH_WORDS, "-j", "2", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and said.count(b"\n") == 1


def test_a_time_that_a_record_repeats_is_gone(tmp_path: Path) -> None:
    """Two packings of one payload would stay two files."""
    path = tmp_path / "p.apk"
    packages = []
    for records in ({}, {"mtime": b"%d" % EPOCH}, {"mtime": b"%d.000000" % EPOCH}):
        item = Item("usr", content=b"x")
        data = gzip.compress(_with_records(Packing().data([item]), records), mtime=0)
        info = Packing().pkginfo([item], hashlib.sha256(data).hexdigest())
        path.write_bytes(gzip.compress(Packing().control(info), mtime=0) + data)
        normalize_package(path, FINALIZE)
        packages.append(path.read_bytes())
    assert packages[1:] == packages[:1] * 2


def _with_records(tar: bytes, records: dict[str, bytes]) -> bytes:
    from buildinfo.apk.tar import TarReader
    from buildinfo.apk.tarpatch import Headers

    member, _ = next(iter(TarReader([tar], keep_headers=True)))
    headers = Headers.parse(member.raw_headers)
    headers.set_pax([*headers.pax(), *((key.encode(), value) for key, value in records.items())])
    return headers.build() + tar[len(member.raw_headers) :]


def test_a_package_without_a_size_reports_no_change_of_it(tmp_path: Path) -> None:
    packing = Packing(seed=2)
    plain = packing.pkginfo

    class Sizeless(Packing):
        def pkginfo(self, payload: list[Item], datahash: str) -> bytes:
            return b"".join(line for line in plain(payload, datahash).splitlines(True) if not line.startswith(b"size"))

    path = tmp_path / "p.apk"
    path.write_bytes(Sizeless(seed=2, signed=False).package())
    done = normalize_package(path, FINALIZE)
    assert "order" in {change.handler for change in done.report.changes}
    assert "size" not in {change.handler for change in done.report.changes}
    assert read_package(path).pkginfo.size is None


def signed_by(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said where abuild-sign is this script."""
    program = tmp_path / "bin" / "abuild-sign"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("ABUILD_USERDIR", raising=False)
    path = tmp_path / "p.apk"
    path.write_bytes(Packing(seed=1).package())
    with pytest.raises(UnreadableError) as caught:
        normalize_package(path, replace(FINALIZE, sign=signer("/k.rsa", EPOCH, tmp_path)))
    assert path.read_bytes() == Packing(seed=1).package()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bin", "p.apk"]
    return str(caught.value)


def test_a_signer_may_complain_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a folder with an old name would end finalize with a traceback."""
    assert "no key" in signed_by("printf 'no key \\351\\n' >&2; exit 1", tmp_path, monkeypatch)


def test_a_capture_names_no_file_that_abuild_sign_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """abuild-sign sources abuild.conf of ABUILD_USERDIR, and a capture may come from anybody."""
    said = signed_by('echo "[$ABUILD_USERDIR]" >&2; exit 1', tmp_path, monkeypatch)
    assert "[]" in said
