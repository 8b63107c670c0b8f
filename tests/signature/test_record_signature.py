"""If these fail, a changed record passes for the packager's, or a signature costs a packager the record."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from building import Builder
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from sabotage import finalize, program
from signers import private_pem, public_pem, rsa_key

from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.document import read
from buildinfo.errors import BuildinfoError, FormatError, SignatureError, UsageError
from buildinfo.record_signature import check_record, parse_signature, sign_record, signature_path
from buildinfo.view import look

KEY = "packager@example.org-12345678.rsa"


@pytest.fixture
def packager(builder: Builder) -> Builder:
    """A builder with a key, who asks for signed records."""
    private = builder.config.parent / KEY
    private.write_bytes(private_pem(rsa_key("packager")))
    builder.config.write_text(f'PACKAGER_PRIVKEY="{private}"\nBUILDINFO_SIGN=1\n{builder.config.read_text()}')
    keys = builder.home / "keys"
    keys.mkdir()
    (keys / f"{KEY}.pub").write_bytes(public_pem(rsa_key("packager")))
    return builder


def command(builder: Builder, *words: str | Path) -> subprocess.CompletedProcess[str]:
    done = builder.run(builder.python, "-I", "-m", "buildinfo", *words, cwd=Path("/"), check=False)
    assert "Traceback" not in done.stderr
    return done


def required(builder: Builder) -> list[str | Path]:
    return ["--require-signature", "--keys", builder.home / "keys"]


def test_a_signed_record_is_accepted_and_any_change_of_it_refused(packager: Builder) -> None:
    done = packager.build(packager.aport())
    assert "abuild-buildinfo:" not in done.stderr
    assert packager.captures() == []
    record = packager.record_file()
    keys = KeyFolder(packager.home / "keys")
    assert read(record, keys).source.origin == "hello"
    assert look(record, keys).data == packager.record()
    for verb in ("validate", "show"):
        assert command(packager, verb, record, *required(packager)).returncode == 0
    text = record.read_text()
    record.write_text(text.replace("generator", "# \ngenerator", 1))
    assert command(packager, "validate", record).returncode == 0, "its own digests do not see it"
    for verb in ("validate", "show"):
        done = command(packager, verb, record, *required(packager))
        assert (done.returncode, done.stdout if verb == "show" else "") == (1, "")
        assert "does not hold" in done.stderr
        assert done.stderr.count("\n") == 1


def test_openssl_says_the_same(packager: Builder, tmp_path: Path) -> None:
    """No program of ours is needed to check it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    packager.build(packager.aport())
    header, *lines = signature_path(packager.record_file()).read_text().splitlines()
    assert header == f"abuild-buildinfo-signature 1 RSA256 {KEY}.pub"
    (tmp_path / "raw").write_bytes(base64.b64decode("".join(lines)))
    public = packager.home / "keys" / f"{KEY}.pub"
    check = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", tmp_path / "raw", packager.record_file()]
    assert subprocess.run(check, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_a_missing_signature_is_no_signature(packager: Builder) -> None:
    """Whoever changes a record would just remove it."""
    packager.build(packager.aport())
    record = packager.record_file()
    signature_path(record).unlink()
    assert command(packager, "validate", record).returncode == 0
    for verb in ("validate", "show"):
        done = command(packager, verb, record, *required(packager))
        assert done.returncode == 1
        assert "has no signature" in done.stderr
    with pytest.raises(SignatureError):
        read(record, KeyFolder(packager.home / "keys"))


def test_a_stranger_is_not_the_packager(packager: Builder) -> None:
    packager.build(packager.aport())
    record, keys = packager.record_file(), packager.home / "keys"
    (keys / f"{KEY}.pub").write_bytes(public_pem(rsa_key("stranger")))
    assert "made by another key" in command(packager, "validate", record, *required(packager)).stderr
    (keys / f"{KEY}.pub").unlink()
    done = command(packager, "validate", record, *required(packager))
    assert (done.returncode, "has no key" in done.stderr) == (1, True)


def test_the_options_go_together(packager: Builder) -> None:
    packager.build(packager.aport())
    record = packager.record_file()
    for words in (["--require-signature"], ["--keys", packager.home / "keys"]):
        assert command(packager, "validate", record, *words).returncode == 2
    for verb in ("validate", "show"):
        assert "no signature beside it" in command(packager, verb, "-", *required(packager)).stderr


def test_unasked_nothing_is_signed(packager: Builder) -> None:
    packager.config.write_text(packager.config.read_text().replace("BUILDINFO_SIGN=1", "BUILDINFO_SIGN=no"))
    packager.build(packager.aport())
    assert not signature_path(packager.record_file()).exists()


def test_finalize_by_hand_signs_when_asked(packager: Builder) -> None:
    packager.config.write_text(packager.config.read_text().replace("BUILDINFO_SIGN=1\n", ""))
    packager.build(packager.aport(), BUILDINFO_FINALIZE="0")
    [capture] = packager.captures()
    assert finalize(packager, "--keep", capture).returncode == 0
    record = packager.record_file()
    assert not signature_path(record).exists()
    before = record.read_bytes()
    assert finalize(packager, "--sign", capture).returncode == 0
    assert record.read_bytes() == before
    assert command(packager, "validate", record, *required(packager)).returncode == 0


def test_a_record_that_changes_loses_the_old_signature(packager: Builder) -> None:
    folder = packager.aport()
    packager.build(folder)
    signature = signature_path(packager.record_file())
    first = signature.read_bytes()
    packager.build(folder)
    assert signature.read_bytes() == first, "the same build, the same signature"
    packager.config.write_text(packager.config.read_text().replace("BUILDINFO_SIGN=1\n", ""))
    packager.build(folder, SOURCE_DATE_EPOCH="1700000000")
    assert not signature.exists()


@pytest.mark.parametrize("broken", ["missing", "encrypted", "nonsense", "unset"])
def test_without_a_key_record_and_packages_are_there_and_the_capture_too(packager: Builder, broken: str) -> None:
    private = packager.config.parent / KEY
    whole = private.read_bytes()
    if broken == "missing":
        private.unlink()
    elif broken == "encrypted":
        private.write_bytes(private_pem(rsa_key("packager"), b"secret"))
    elif broken == "nonsense":
        private.write_text("nonsense")
    else:
        packager.config.write_text(f"{packager.config.read_text()}\nPACKAGER_PRIVKEY=\n")
    done = packager.build(packager.aport())
    [line] = [line for line in done.stderr.splitlines() if line.startswith("abuild-buildinfo:")]
    assert "the record is not signed" in line
    assert len(packager.packages()) == 2
    assert read(packager.record_file()).source.origin == "hello"
    assert not signature_path(packager.record_file()).exists()
    [capture] = packager.captures()
    assert f"abuild-buildinfo finalize --sign {capture})" in line
    if broken != "unset":
        private.write_bytes(whole)
        assert finalize(packager, "--sign", capture).returncode == 0
        assert command(packager, "validate", packager.record_file(), *required(packager)).returncode == 0
        assert packager.captures() == []


def test_a_crash_leaves_no_record_with_the_signature_of_another(packager: Builder) -> None:
    folder = packager.aport()
    packager.build(folder)
    record, signature = packager.record_file(), signature_path(packager.record_file())
    program(
        packager,
        'export PYTHONPATH=; exec $PYTHON -c "import buildinfo.capture.finalize as f, os, sys\n'
        'f._sign = lambda *a: os._exit(9)\nfrom buildinfo.cli import main\nsys.exit(main(sys.argv[4:]))" "$@"',
    )
    packager.build(folder, check=False, SOURCE_DATE_EPOCH="1700000000")
    assert "1700000000" in record.read_text()
    assert not signature.exists()


# The file.


@given(record=st.binary(max_size=300), bits=st.integers(0, 3))
def test_what_is_signed_is_read_back(record: bytes, bits: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("key")
    (folder / "k").write_bytes(private_pem(rsa_key("packager")))
    (folder / "k.pub").write_bytes(public_pem(rsa_key("packager")))
    signature = sign_record(record, read_private_key(folder / "k"))
    assert parse_signature(signature)[1] == "k.pub"
    assert check_record(record, signature, KeyFolder(folder), "x") == "k.pub"
    with pytest.raises(SignatureError):
        check_record(record + b"\n" * (bits + 1), signature, KeyFolder(folder), "x")


@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"abuild-buildinfo-signature 1 RSA256 " + rest)
)
def test_no_bytes_end_in_anything_but_a_refusal(data: bytes) -> None:
    try:
        kind, name, signature = parse_signature(data)
    except BuildinfoError as error:
        assert isinstance(error, SignatureError | FormatError)
        return
    assert (kind, "/" in name, bool(signature)) == ("RSA256", False, True)


@pytest.mark.parametrize("name", ["../k.pub", "/etc/passwd", "", "a\nb"])
def test_no_key_is_looked_for_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "k").write_bytes(private_pem(rsa_key("packager")))
    with pytest.raises(UsageError):
        sign_record(b"", read_private_key(tmp_path / "k"), name)
    (tmp_path / "keys").mkdir()
    (tmp_path / "k.pub").write_bytes(public_pem(rsa_key("packager")))
    good = sign_record(b"", read_private_key(tmp_path / "k"))
    with pytest.raises(SignatureError):
        check_record(b"", good.replace(b"k.pub", name.encode()), KeyFolder(tmp_path / "keys"), "x")


def test_other_types_and_newer_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(private_pem(rsa.generate_private_key(65537, 2048)))
    good = sign_record(b"", read_private_key(tmp_path / "k"))
    with pytest.raises(SignatureError, match="RSA are not accepted"):
        parse_signature(good.replace(b"RSA256", b"RSA"))
    with pytest.raises(FormatError, match="format 2"):
        parse_signature(good.replace(b" 1 ", b" 2 "))
    for damaged in (good[:-5], good + b"=\n", good.replace(b"\n", b"\r\n"), good + b"x" * 100_000, b""):
        with pytest.raises(SignatureError):
            parse_signature(damaged)
