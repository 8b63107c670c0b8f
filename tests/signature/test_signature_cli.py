"""The command as scripts use it: what it prints, its exit status, and what is left when it refuses."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signers import Signer, private_pem, rsa_key, signer, unsigned_package

from buildinfo.schema import render


def program(*words: str | Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-m", "buildinfo", "signature", *(str(word) for word in words)]
    inherited = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, env={**inherited, **environment})
    assert b"Traceback" not in done.stderr
    return done


def one_line(done: subprocess.CompletedProcess[bytes], status: int) -> str:
    """What it says when it does not do it."""
    assert done.returncode == status, done.stderr
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("abuild-buildinfo")
    return line


def report(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    document = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(render("signature"))).validate(document)
    files: list[dict[str, object]] = document["files"]
    return files


@pytest.fixture
def vendor(tmp_path: Path) -> Signer:
    return signer(tmp_path, "vendor")


@pytest.fixture
def package(tmp_path: Path, vendor: Signer) -> Path:
    path = unsigned_package(tmp_path)
    assert program("add", "--key", vendor.private, path).returncode == 0
    return path


def test_the_whole_round(tmp_path: Path, vendor: Signer, package: Path) -> None:
    sigs, stripped, out = (tmp_path / name for name in ("sigs", "stripped", "out"))
    assert program("extract", package, "-o", sigs).returncode == 0
    assert program("strip", package, "-o", stripped).returncode == 0
    done = program("graft", "--from", sigs, stripped, "-o", out, "--keys", vendor.folder)
    assert (done.returncode, done.stdout.decode()) == (0, f"{stripped}: {out} written\n")
    assert out.read_bytes() == package.read_bytes()
    done = program("graft", "--from", package, stripped, "-o", out)
    assert done.stdout.decode() == f"{stripped}: {out} written: signature not verified\n"
    done = program("verify", "--keys", vendor.folder, out)
    assert done.returncode == 0
    assert f"RSA    {vendor.name} 256 bytes good" in done.stdout.decode()


def test_through_pipes(tmp_path: Path, vendor: Signer, package: Path) -> None:
    whole = package.read_bytes()
    stripped = program("strip", "-", "-o", "-", stdin=whole).stdout
    sigs = program("extract", "-", "-o", "-", stdin=whole).stdout
    assert sigs + stripped == whole
    assert program("graft", "--from", package, "-", "-o", "-", stdin=stripped).stdout == whole
    assert program("graft", "--from", "-", package, "-o", "-", stdin=sigs).stdout == whole
    assert program("add", "--key", vendor.private, "-", stdin=stripped).stdout == whole
    assert program("verify", "--keys", vendor.folder, "-", stdin=whole).returncode == 0
    line = one_line(program("graft", "--from", "-", "-", "-o", "-", stdin=sigs), 2)
    assert "only once" in line
    assert "standard input: " in one_line(program("verify", "--keys", vendor.folder, "-", stdin=b"nonsense"), 2)
    damaged = whole[: len(sigs) + 40] + b"x" + whole[len(sigs) + 41 :]
    done = program("verify", "--keys", vendor.folder, "-", stdin=damaged)
    assert done.returncode in (1, 2)
    assert b"/standard-input" not in done.stderr


def test_every_report_is_what_the_schema_says(tmp_path: Path, vendor: Signer, package: Path) -> None:
    [entry] = report(program("list", "--json", package))
    assert (entry["kind"], entry["result"], entry["verified"]) == ("package", "listed", False)
    [entry] = report(program("verify", "--json", "--keys", vendor.folder, package))
    assert (entry["result"], entry["verified"]) == ("holds", True)
    [entry] = report(program("extract", "--json", package, "-o", tmp_path / "sigs"))
    assert entry["output"] == str(tmp_path / "sigs")
    [entry] = report(program("strip", "--json", package, "-o", tmp_path / "stripped"))
    assert entry["signatures"] == []
    [entry] = report(program("graft", "--json", "--from", package, tmp_path / "stripped", "-o", tmp_path / "out"))
    assert (entry["verified"], entry["reason"]) == (False, "signature not verified")
    [entry] = report(program("add", "--json", "--type", "RSA256", "--key", vendor.private, tmp_path / "out"))
    assert [signature["type"] for signature in entry["signatures"]] == ["RSA256", "RSA"]  # type: ignore[attr-defined, index]
    done = program("add", "--json", "--key", vendor.private, tmp_path / "out")
    [entry] = report(done)
    assert (done.returncode, entry["result"]) == (1, "does-not-hold")
    assert "already" in one_line(done, 1)


def test_in_a_batch_two_wins_and_the_report_is_complete(tmp_path: Path, vendor: Signer, package: Path) -> None:
    unsigned = unsigned_package(tmp_path, "unsigned.apk")
    done = program("verify", "--json", "--keys", vendor.folder, package, unsigned, tmp_path / "missing")
    assert done.returncode == 2
    assert [entry["result"] for entry in report(done)] == ["holds", "does-not-hold", "error"]
    assert done.stderr.count(b"\n") == 2
    assert program("verify", "--keys", vendor.folder, package, unsigned).returncode == 1


def test_many_are_signed_at_once(tmp_path: Path, vendor: Signer) -> None:
    paths = [unsigned_package(tmp_path, f"{number}.apk", extra=f"depend = d{number}\n") for number in range(3)]
    assert program("add", "--key", vendor.private, *paths).returncode == 0
    assert program("verify", "--keys", vendor.folder, *paths).returncode == 0
    assert "single FILE" in one_line(program("add", "--key", vendor.private, *paths, "-o", tmp_path / "out"), 2)


def test_what_is_refused_leaves_the_files_as_they_were(tmp_path: Path, vendor: Signer, package: Path) -> None:
    other = unsigned_package(tmp_path, "other.apk", extra="depend = other\n")
    out = tmp_path / "out"
    out.write_text("precious")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "control segments differ" in one_line(program("graft", "--from", package, other, "-o", out), 1)
    assert "no signature" in one_line(program("extract", other, "-o", out), 1)
    assert "already" in one_line(program("add", "--key", vendor.private, package), 1)
    assert "no key" in one_line(program("graft", "--from", package, package, "-o", out, "--keys", tmp_path), 1)
    assert "not a package: a text file" in one_line(program("strip", vendor.private, "-o", out), 2)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_in_place_keeps_mode_and_follows_links(tmp_path: Path, vendor: Signer) -> None:
    path = unsigned_package(tmp_path)
    path.chmod(0o640)
    (tmp_path / "APKINDEX.tar.gz").touch()
    os.utime(tmp_path / "APKINDEX.tar.gz", (4e9, 4e9))
    link = tmp_path / "link.apk"
    link.symlink_to(path.name)
    assert program("add", "--key", vendor.private, link).returncode == 0
    assert link.is_symlink()
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert status.st_mtime > 4e9, "apk index would believe what the old index says of it"
    assert program("verify", "--keys", vendor.folder, path).returncode == 0


def test_the_time_comes_from_the_package_then_from_the_environment(tmp_path: Path, vendor: Signer) -> None:
    import apkmaker as make

    path = unsigned_package(tmp_path)
    stated = path.read_bytes()
    path.write_bytes(make.package(signatures=(), extra="builddate = \n"))
    assert "SOURCE_DATE_EPOCH" in one_line(program("add", "--key", vendor.private, path), 2)
    assert "not a number" in one_line(program("add", "--key", vendor.private, path, SOURCE_DATE_EPOCH="soon"), 2)
    assert program("add", "--key", vendor.private, path, SOURCE_DATE_EPOCH="5").returncode == 0
    path.write_bytes(stated)
    first = program("add", "--key", vendor.private, path, "-o", "-").stdout
    assert first == program("add", "--key", vendor.private, path, "-o", "-", SOURCE_DATE_EPOCH="5").stdout


# Keys.


def test_an_encrypted_key_asks_only_at_a_terminal(tmp_path: Path, vendor: Signer) -> None:
    path = unsigned_package(tmp_path)
    vendor.private.write_bytes(private_pem(rsa_key("vendor"), b"open sesame"))
    assert "encrypted" in one_line(program("add", "--key", vendor.private, path, stdin=b"open sesame\n"), 2)
    for answer, status in ((b"wrong\n", 2), (b"open sesame\n", 0)):
        command = [sys.executable, "-I", "-m", "buildinfo", "signature", "add", "--key", str(vendor.private), str(path)]
        process, terminal = pty.fork()
        if process == 0:  # the child, at a terminal of its own
            os.execv(sys.executable, command)
        os.read(terminal, 1000)
        os.write(terminal, answer)
        said = b""
        try:
            while piece := os.read(terminal, 1000):
                said += piece
        except OSError:
            pass
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == status, said
        assert b"sesame" not in said
    assert program("verify", "--keys", vendor.folder, path).returncode == 0


def test_what_is_no_rsa_key_signs_nothing(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as how

    path = unsigned_package(tmp_path)
    key = tmp_path / "key"
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption()
        )
    )
    assert "not an RSA private key" in one_line(program("add", "--key", key, path), 2)
    for content in (b"", b"nonsense", private_pem(rsa_key("vendor"))[:300], b"x" * 100_000):
        key.write_bytes(content)
        one_line(program("add", "--key", key, path), 2)
    one_line(program("add", "--key", tmp_path / "missing", path), 2)
    one_line(program("verify", "--keys", key, path), 2)


@pytest.mark.parametrize(
    "words", [[], ["frobnicate"], ["verify", "x"], ["extract", "x"], ["graft", "x", "-o", "y"], ["add", "x"], ["list"]]
)
def test_bad_usage_is_two_and_one_line(words: list[str]) -> None:
    one_line(program(*words), 2)


@pytest.mark.parametrize("verb", ["list", "extract", "strip", "graft", "add", "verify"])
def test_every_verb_has_help(verb: str) -> None:
    done = program(verb, "--help")
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"usage: abuild-buildinfo signature {verb}")
