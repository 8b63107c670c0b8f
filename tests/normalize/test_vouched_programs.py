"""If these fail, a program refuses what normalizing made of its files: here it says so itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packing import EPOCH
from vouching import LATER, gzipped, zipped

from buildinfo.cli import main


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)} on PATH")


def normalized(path: Path) -> None:
    assert main(["normalize", "--handlers", "all", "--epoch", str(EPOCH), str(path)]) == 0


def spread(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@needs("php")
@pytest.mark.parametrize("kind", ["ZIP", "TAR", "TAR.GZ"])
def test_php_takes_the_phar(kind: str, tmp_path: Path) -> None:
    form, _, packing = kind.partition(".")
    convert = f"$p->convertToExecutable(Phar::{form}, Phar::{packing or 'NONE'});"
    code = '$p = new Phar("a.phar"); $p["z.php"] = "<?php echo 1;"; $p["a.php"] = "<?php echo 2;";'
    run("php", "-d", "phar.readonly=0", "-r", code + convert, cwd=tmp_path)
    path = tmp_path / f"a.phar.{kind.lower()}"
    normalized(path)
    check = f'$p = new Phar("{path}"); if (!isset($p["a.php"]) || !$p->getSignature()) exit(3);'
    run("php", "-r", check, cwd=tmp_path)


@needs("gem")
def test_gem_takes_the_gem(tmp_path: Path) -> None:
    spread(
        tmp_path,
        {
            "a.gemspec": "Gem::Specification.new { |s| s.name='a'; s.version='1'; s.summary='a'; "
            "s.authors=['a']; s.files=['a.rb'] }",
            "a.rb": "1\n",
        },
    )
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(LATER)}
    subprocess.run(["gem", "build", "a.gemspec"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    (tmp_path / "a.rb").unlink()
    normalized(tmp_path)
    run(
        "gem",
        "install",
        "--local",
        "--ignore-dependencies",
        "--no-document",
        "--install-dir",
        "gems",
        "a-1.gem",
        cwd=tmp_path,
    )


@needs("cargo")
def test_cargo_takes_vendored_crates(tmp_path: Path) -> None:
    crate: dict[str, str | bytes] = {
        "Cargo.toml": '[package]\nname = "a"\nversion = "1.0.0"\nedition = "2021"\n',
        "src/lib.rs": "",
        "data/a.gz": gzipped(b"a"),
        "data/b.zip": zipped({"b": b"1", "a": b"2"}),
    }
    spread(tmp_path / "vendor/a", crate)
    files = {
        name: hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()
        for name, data in crate.items()
    }
    spread(
        tmp_path,
        {
            "vendor/a/.cargo-checksum.json": json.dumps({"files": files, "package": "0" * 64}),
            "Cargo.toml": '[package]\nname = "b"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\na = "1"\n',
            "src/lib.rs": "",
            ".cargo/config.toml": '[source.crates-io]\nreplace-with = "v"\n[source.v]\ndirectory = "vendor"\n',
        },
    )
    normalized(tmp_path / "vendor")
    run("cargo", "check", "--offline", cwd=tmp_path)


@needs("javac", "jar", "java")
def test_java_takes_modules_with_hashes(tmp_path: Path) -> None:
    spread(
        tmp_path,
        {
            "base/module-info.java": "module base { exports base; }",
            "base/base/B.java": "package base; public class B { }",
            "user/module-info.java": "module user { requires base; }",
            "user/user/U.java": "package user; public class U {"
            " public static void main(String[] a) { new base.B(); } }",
            "out/user/user/icon.gz": gzipped(b"icon"),
        },
    )
    run("javac", "-d", "out/base", "base/module-info.java", "base/base/B.java", cwd=tmp_path)
    run("javac", "-d", "out/user", "-p", "out/base", "user/module-info.java", "user/user/U.java", cwd=tmp_path)
    (tmp_path / "mods").mkdir()
    run("jar", "-c", "-f", "mods/user.jar", "-C", "out/user", ".", cwd=tmp_path)
    run("jar", "-c", "-f", "mods/base.jar", "-p", "mods", "--hash-modules", "user", "-C", "out/base", ".", cwd=tmp_path)
    before = (tmp_path / "mods/base.jar").read_bytes()
    normalized(tmp_path / "mods")
    assert (tmp_path / "mods/base.jar").read_bytes() != before
    run("java", "-p", "mods", "-m", "user/user.U", cwd=tmp_path)
