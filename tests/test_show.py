"""`show`, `validate` and `doctor`: what people look for in a package or record, and schemas that hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from building import ROOT, Builder
from jsonschema import Draft202012Validator

sys.path += [str(Path(__file__).resolve().parent / room) for room in ("apk", "normalize", "signature")]

import apkmaker
from packing import EPOCH, Item, Packing
from signers import signer, unsigned_index

from buildinfo import view_lines
from buildinfo.document import parse
from buildinfo.schema import render

EXAMPLE = ROOT / "schemas" / "example.buildinfo.toml"
DATABASE = b"C:Q1" + b"a" * 27 + b"=\nP:hello\nV:1.0-r0\nA:x86_64\n\n"


def program(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "buildinfo", *map(str, words)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def checked(schema: str, text: str) -> Any:
    document = json.loads(text)
    Draft202012Validator(json.loads(render(schema))).validate(document)
    return document


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with everything that apk acts on."""
    extra = "license = MIT\nurl = https://example.org/\nmaintainer = Jo <jo@example.org>\ndepend = so:libc.so\n"
    extra += "depend = !moin\nprovides = cmd:hello=1.2\nreplaces = moin<2\ninstall_if = docs hello=1.2-r3\n"
    extra += "triggers = /usr/share/a /usr/share/b\ncommit = " + "ab" * 20 + "\n"
    path = tmp_path / "hello.apk"

    class Rich(Packing):
        def pkginfo(self, payload: list[Item], datahash: str) -> bytes:
            return super().pkginfo(payload, datahash) + extra.encode()

    scripts = {".pre-install": b"#!/bin/sh\n", ".trigger": b"#!/bin/sh\n"}
    path.write_bytes(Rich(scripts=scripts).package())
    return path


def test_show_tells_what_apk_does_with_a_package(package: Path) -> None:
    """Who decides whether to install it asks for relations, scripts and licence first."""
    done = program("show", package)
    said = dict(re.findall(r"^([a-z][a-z_0-9]*(?: by)?) +(.+)$", done.stdout, re.MULTILINE))
    expected = {
        "license": "MIT",
        "url": "https://example.org/",
        "maintainer": "Jo <jo@example.org>",
        "commit": "ab" * 20,
        "built": "2023-11-14T22:13:20+00:00",
        "conflicts": "moin",
        "provides": "cmd:hello=1.2",
        "replaces": "moin<2",
        "install_if": "docs hello=1.2-r3",
        "scripts": ".pre-install .trigger",
        "triggers": "/usr/share/a /usr/share/b",
    }
    assert {key: said.get(key) for key in expected} == expected
    assert "so:libc.so" in said["depend"] and "!moin" not in said["depend"]
    assert "bytes installed" in said["size"]
    document = checked("show", program("show", "--json", package).stdout)
    assert document["kind"] == "package" and document["builddate"] == EPOCH
    assert document["relations"]["conflicts"] == ["moin"]
    assert document["triggers"] == ["/usr/share/a", "/usr/share/b"]


def test_show_says_what_apk_reads_otherwise(tmp_path: Path) -> None:
    """Who looks before installing saw files that apk does not install, and not those that it does."""
    path = tmp_path / "hello.apk"
    lines = "triggers = /first\ntriggers = /last\n"
    path.write_bytes(apkmaker.package(extra=lines))
    document = checked("show", program("show", "--json", path).stdout)
    assert (document["misread"], document["triggers"]) == (None, ["/last"])
    lie = apkmaker.pax({"size": "512"}) + apkmaker.header("evil") + apkmaker.file("hidden")[1024:].ljust(512, b"x")
    path.write_bytes(apkmaker.package(data=apkmaker.ended(lie)))
    document = checked("show", program("show", "--json", path).stdout)
    assert document["misread"] == "data segment: evil: 512 bytes are meant, apk reads 0"
    assert "misread    apk does not read it as it is meant: data" in program("show", path).stdout


def test_every_kind_fits_the_schema_of_show(tmp_path: Path, builder: Builder) -> None:
    index = unsigned_index(tmp_path, b"C:Q1" + b"a" * 27 + b"=\nP:hello\nV:1.0-r0\nt:1700000000\n\n")
    (tmp_path / "installed").write_bytes(DATABASE)
    builder.build(builder.aport(), BUILDINFO_FINALIZE="0")
    [capture] = builder.captures()
    for path, kind in ((index, "index"), (tmp_path / "installed", "database"), (capture, "capture")):
        done = program("show", "--json", path)
        assert done.returncode == 0, done.stderr
        document = checked("show", done.stdout)
        assert document["kind"] == kind
        assert document["packages"]
    assert checked("show", program("show", "--json", EXAMPLE).stdout)["format"] == 1


def test_the_changes_of_a_record_are_grouped_and_its_dirty_files_named() -> None:
    document = parse(EXAMPLE.read_bytes(), "example")
    digest = "0" * 64
    document["outputs"][0]["changes"] = [
        {"path": f"usr/m{number}.pyc", "handler": "pyc", "before": digest, "after": digest} for number in range(30)
    ] + [{"path": "", "handler": "order", "before": digest, "after": digest}]
    document["outputs"][0]["left_alone"] = [
        {"path": f"usr/j{number}.jar", "handler": "zip", "reason": "it is signed"} for number in range(3)
    ]
    document["source"]["dirty"] = [{"path": "main/chello/APKBUILD", "state": " M"}]
    document["taints"] = [{"name": "dirty", "reason": "main/chello/APKBUILD is not as committed"}]
    lines = view_lines.record(document)
    assert [line.strip() for line in lines if "normalized" in line] == [
        "normalized by pyc: 30 files (usr/m0.pyc, usr/m1.pyc, usr/m2.pyc, usr/m3.pyc and 26 more)",
        "normalized by order: the package",
    ]
    assert "    left alone: 3 files (usr/j0.jar, usr/j1.jar, usr/j2.jar): it is signed" in lines
    assert "   M main/chello/APKBUILD" in lines
    assert "  dirty: main/chello/APKBUILD is not as committed" in lines


# validate and doctor.


def test_the_json_of_validate_and_doctor_fits_its_schema(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    broken = tmp_path / "broken.toml"
    broken.write_text(EXAMPLE.read_text().replace("1.0-r0", "1.0-r1"))
    done = program("validate", "--json", EXAMPLE, broken, tmp_path / "text")
    found = checked("validate", done.stdout)
    assert [entry["result"] for entry in found["files"]] == ["valid", "invalid", "error"]
    assert checked("doctor", program("doctor", "--json").stdout)["checks"]


def test_a_report_of_verify_can_be_validated(tmp_path: Path) -> None:
    (tmp_path / "a.apk").write_bytes(Packing().package())
    (tmp_path / "b.apk").write_bytes(Packing(mtime=EPOCH + 9).package())
    report = program("verify", tmp_path / "a.apk", tmp_path / "b.apk", "--json").stdout
    (tmp_path / "report.json").write_text(report)
    assert program("validate", tmp_path / "report.json").returncode == 0
    assert program("validate", "-", stdin=report.encode()).returncode == 0
    for before, after, status in (
        ('"identical-normalized"', '"perfect"', 1),
        ('"differences": [0', '"differences": [9999', 1),
        ('{\n"pairs"', '\n"pairs"', 2),
    ):
        assert before in report
        (tmp_path / "bad.json").write_text(report.replace(before, after, 1))
        done = program("validate", tmp_path / "bad.json")
        assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr


def test_an_unsigned_record_has_one_status_everywhere(tmp_path: Path) -> None:
    """A script that asks for signatures tells `no` from `could not tell` by the status, whichever command it runs."""
    keys = signer(tmp_path, "k").folder
    record = tmp_path / "r.buildinfo.toml"
    record.write_bytes(EXAMPLE.read_bytes())
    builders = [Builder(tmp_path / side) for side in ("old", "new")]
    for builder in builders:
        builder.build(builder.aport())
    folders = [builder.repodest for builder in builders]
    demand = ["--require-signature", "--keys", keys]
    for words in (
        ["show", record],
        ["validate", record],
        ["compare-records", record, record],
        ["verify", *folders, "--original-record", record, "--rebuilt-record", record],
        ["verify", *folders, "--records"],
        ["verify", *folders, "--records", "--json"],
    ):
        done = program(*words, *demand)
        assert done.returncode == 1, (words, done.stderr)
        assert "has no signature" in done.stderr
    report = checked("verify", done.stdout)
    assert report["summary"] == {"refused": 2}
