"""If these fail, a capture that somebody handed over decides what is signed with the user's key, or what is read."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from building import APKBUILD, ROOT, Builder
from sabotage import change, contents, finalize, name_tool, reseal, said

sys.path.insert(0, str(ROOT / "tests" / "normalize"))
sys.path.insert(0, str(ROOT / "tests" / "signature"))
from packing import Packing
from signers import Signer, signer

from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.apk.v2 import read_package
from buildinfo.signatures import add, verify

RECIPE = APKBUILD.replace('subpackages="$pkgname-doc"', 'subpackages=""')
APK = "x86_64/hello-1.2-r3.apk"


@pytest.fixture
def packager(builder: Builder, tmp_path: Path) -> tuple[Builder, Signer]:
    """A builder with a key."""
    mine = signer(tmp_path, "packager")
    builder.config.write_text(f'PACKAGER_PRIVKEY="{mine.private}"\n{builder.config.read_text()}')
    return builder, mine


def handed_over(builder: Builder, place: Path, by: Signer | None, **local: str) -> Path:
    """A capture, and a package beside it that a build would not have made like that, signed by somebody."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    stranger = place / "captures" / capture.name
    shutil.copytree(capture, stranger)
    shutil.rmtree(capture)
    shutil.rmtree(builder.repodest)
    package(place / "packages" / APK, by)
    made = read_package(place / "packages" / APK)
    (stranger / "pkginfo/hello").write_bytes(made.pkginfo.raw)
    (stranger / "tree").write_bytes(b"".join(f"./hello/{member.path}\0".encode() for member in made.members))
    change(stranger, "local", ("REPODEST", str(place)), ("repo", "packages"), *local.items())
    return stranger


def package(file: Path, by: Signer | None) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(Packing(seed=1, signed=False).package())
    if by is not None:
        add(file, read_private_key(by.private), name="packager@example.org-12345678.rsa.pub")


def needs_abuild_sign() -> None:
    for name in ("abuild-sign", "openssl"):
        if shutil.which(name) is None:
            pytest.skip(f"needs {name}")


def test_a_strangers_capture_gets_no_signature_for_his_package(
    packager: tuple[Builder, Signer], tmp_path: Path
) -> None:
    """He names the key, and the packages; whoever trusts the packager would install what he made."""
    needs_abuild_sign()
    builder, mine = packager
    capture = handed_over(builder, tmp_path / "s", signer(tmp_path, "stranger"), PACKAGER_PRIVKEY=str(mine.private))
    before = (tmp_path / "s/packages" / APK).read_bytes()
    done = finalize(builder, "--packages", tmp_path / "s/packages", capture)
    assert done.returncode == 2
    assert (tmp_path / "s/packages" / APK).read_bytes() == before
    assert "was not made with it, and nothing is signed that it did not sign before" in done.stderr
    assert "Traceback" not in done.stderr


def test_nor_where_he_gets_it_into_the_captures_folder(packager: tuple[Builder, Signer], tmp_path: Path) -> None:
    needs_abuild_sign()
    builder, mine = packager
    capture = handed_over(builder, tmp_path / "s", signer(tmp_path, "stranger"), PACKAGER_PRIVKEY=str(mine.private))
    shutil.copytree(capture, builder.state / "captures" / capture.name)
    before = (tmp_path / "s/packages" / APK).read_bytes()
    assert finalize(builder).returncode == 2
    assert (tmp_path / "s/packages" / APK).read_bytes() == before


def test_what_the_packager_signed_is_signed_anew_with_his_configured_key(
    packager: tuple[Builder, Signer], tmp_path: Path
) -> None:
    """A farm finalizes on another machine than it builds on; the capture names a key that is not there."""
    needs_abuild_sign()
    builder, mine = packager
    capture = handed_over(builder, tmp_path / "s", mine, PACKAGER_PRIVKEY="/nonexistent/key")
    file = tmp_path / "s/packages" / APK
    before = file.read_bytes()
    (tmp_path / "s/packages/x86_64").chmod(0o755)
    done = finalize(builder, "--packages", tmp_path / "s/packages", capture)
    assert (done.returncode, said(done)) == (0, [])
    assert file.read_bytes() != before
    assert verify(file, KeyFolder(mine.folder)).result == "holds"
    assert not capture.exists()


@pytest.mark.parametrize("value", ["1", ""])
def test_a_package_that_others_could_exchange_meanwhile_is_not_signed(
    packager: tuple[Builder, Signer], tmp_path: Path, value: str
) -> None:
    needs_abuild_sign()
    builder, mine = packager
    capture = handed_over(builder, tmp_path / "s", mine)
    file = tmp_path / "s/packages" / APK
    before = file.read_bytes()
    file.parent.chmod(0o777 if value else 0o755)
    done = finalize(builder, "--packages", tmp_path / "s/packages", capture)
    assert (done.returncode, file.read_bytes() == before) == ((2, True) if value else (0, False))
    assert ("others can write to it" in done.stderr) == bool(value)


def test_what_a_capture_of_others_says_changes_nothing_in_what_is_signed(
    packager: tuple[Builder, Signer], tmp_path: Path
) -> None:
    """Its pkgusers would give the ids of an owner to root, its pkgbasedir rewrite paths in files."""
    needs_abuild_sign()
    builder, mine = packager
    capture = handed_over(builder, tmp_path / "s", mine)
    file = tmp_path / "s/packages" / APK
    file.write_bytes(Packing(seed=1, ids={"hello": 173}, signed=False).package())
    add(file, read_private_key(mine.private))
    change(capture, "recipe", ("pkgusers", "hello"), ("pkggroups", "hello"))
    made = read_package(file)
    (capture / "pkginfo/hello").write_bytes(made.pkginfo.raw)
    reseal(capture)
    assert finalize(builder, "--packages", tmp_path / "s/packages", capture).returncode == 0
    assert {member.uid for member in read_package(file).members} == {0, 173}


def test_where_packages_are_is_for_the_user_to_say(builder: Builder, tmp_path: Path) -> None:
    """Else a record, and normalized packages, are written wherever a stranger wants them."""
    capture = handed_over(builder, tmp_path / "s", None)
    before = (tmp_path / "s/packages" / APK).read_bytes()
    done = finalize(builder, capture)
    [line] = said(done)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no capture of a build of yours" in line
    assert "--packages" in line
    assert (tmp_path / "s/packages" / APK).read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "s/packages/x86_64").iterdir()) == ["hello-1.2-r3.apk"]
    assert finalize(builder, "--packages", tmp_path / "s/packages", capture).returncode == 0


@pytest.mark.parametrize("how", ["folder", "link", "mode", "mode of a file", "elsewhere"])
def test_a_build_is_the_users_own_only_where_nobody_else_could_have_captured_it(
    builder: Builder, tmp_path: Path, how: str
) -> None:
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    if how == "folder":
        capture.parent.chmod(0o777)
    elif how == "link":
        capture.rename(tmp_path / "real")
        capture.symlink_to(tmp_path / "real")
    elif how == "mode":
        capture.chmod(0o770)
    elif how == "mode of a file":
        (capture / "local").chmod(0o666)
    else:
        capture = capture.rename(tmp_path / capture.name)
    before = contents(builder)
    done = finalize(builder, capture)
    assert (done.returncode, len(said(done))) == (2, 1)
    assert contents(builder) == before
    assert not builder.record_file().exists()


def test_roots_finalize_of_a_users_capture_is_on_roots_terms(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    builder = Builder(tmp_path / "home")
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    nobody = pwd.getpwnam("nobody").pw_uid
    subprocess.run(["chown", "-R", str(nobody), builder.state], check=True)
    assert "no capture of a build of yours" in finalize(builder, capture).stderr
    folder = builder.repodest / "main"
    done = finalize(builder, "--packages", folder, capture)
    assert (done.returncode, said(done)) == (0, [])
    assert builder.record_file().exists()
    # And what is the user's stays as it is: nobody writes in there, or removes it, for root.
    assert not (capture / "finalized").exists()
    assert not (capture / "normalized").exists()
    assert (capture / "complete").exists()


def test_under_fakeroot_no_capture_is_ones_own(builder: Builder) -> None:
    """There every file seems to belong to who asks."""
    builder.build(builder.aport(RECIPE), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    words = [builder.python, "-I", "-m", "buildinfo", "finalize", capture]
    done = builder.run(*words, cwd=Path("/"), check=False, FAKEROOTKEY="1")
    assert "no capture of a build of yours" in done.stderr
    assert finalize(builder, capture).returncode == 0


def test_a_capture_of_others_has_no_record_signed_unasked(packager: tuple[Builder, Signer], tmp_path: Path) -> None:
    """BUILDINFO_SIGN says of the user's own builds that their records are his word."""
    builder, mine = packager
    builder.config.write_text(f"BUILDINFO_SIGN=1\n{builder.config.read_text()}")
    capture = handed_over(builder, tmp_path / "s", None, PACKAGER_PRIVKEY=str(mine.private), BUILDINFO_SIGN="1")
    folder = tmp_path / "s/packages"
    done = finalize(builder, "--packages", folder, capture)
    assert done.returncode == 2
    assert "the record is not signed" in done.stderr
    signature = folder / "x86_64/hello-1.2-r3.x86_64.buildinfo.toml.sig"
    assert not signature.exists()
    assert finalize(builder, "--packages", folder, "--sign", capture).returncode == 0
    assert signature.exists()


def test_no_index_of_others_is_signed(packager: tuple[Builder, Signer], tmp_path: Path) -> None:
    """apk believes an index, and by it every package that it names."""
    needs_abuild_sign()
    if shutil.which("apk") is None:
        pytest.skip("needs apk")
    builder, _ = packager
    capture = handed_over(builder, tmp_path / "s", None)
    folder = tmp_path / "s/packages/x86_64"
    index = ["apk", "--allow-untrusted", "index", "--quiet", "--output", "APKINDEX.tar.gz", "./hello-1.2-r3.apk"]
    subprocess.run(index, cwd=folder, check=True)
    before = (folder / "APKINDEX.tar.gz").read_bytes()
    done = finalize(builder, "--packages", folder.parent, capture)
    assert done.returncode == 2
    assert "not known to be yours" in done.stderr
    assert (folder / "APKINDEX.tar.gz").read_bytes() == before


def test_files_that_a_capture_of_others_names_are_not_read(builder: Builder, tmp_path: Path) -> None:
    """The record would tell the hash of a file that the stranger may not read."""
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    capture = handed_over(builder, tmp_path / "s", None)
    name_tool(capture, secret)
    assert finalize(builder, "--packages", tmp_path / "s/packages", capture).returncode == 0
    record = (tmp_path / "s/packages/x86_64/hello-1.2-r3.x86_64.buildinfo.toml").read_text()
    [tool] = [text for text in record.split("[[tools]]") if f'"{secret}"' in text]
    assert "sha256" not in tool
