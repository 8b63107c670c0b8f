"""If these fail, finalize publishes packages that differ by chance, or harms those it should have left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from building import APKBUILD, COMMIT_TIME, ROOT, Builder

sys.path.insert(0, str(ROOT / "tests" / "normalize"))
from packing import COMPRESSORS, EPOCH, PAYLOAD, Packing

from buildinfo.apk.v2 import read_package

RECIPE = APKBUILD.replace('options="!check"', 'options="!check"\npkgusers="hello"\npkggroups="hello"').replace(
    'subpackages="$pkgname-doc"', 'subpackages=""'
)
APK = "x86_64/hello-1.2-r3.apk"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture of a build that was not finalized."""
    return capture_of(Builder(tmp_path_factory.mktemp("built") / "home"), RECIPE)


def capture_of(builder: Builder, recipe: str) -> Path:
    builder.environment["BUILDINFO_FINALIZE"] = "0"
    builder.build(builder.aport(recipe))
    (capture,) = builder.captures()
    return capture


def finalize(capture: Path, place: Path, package: bytes, *, left_out: str = "") -> dict[str, Any]:
    """Finalize the capture as if the build had made this package; returns the entry of the record.

    `left_out` is a path of the package tree that is not in the package.
    """
    ours = place / "capture"
    if not ours.exists():
        shutil.copytree(capture, ours)
    (place / APK).parent.mkdir(parents=True, exist_ok=True)
    (place / APK).write_bytes(package)
    made = read_package(place / APK)
    (name,) = (path.name for path in (ours / "pkginfo").iterdir())
    paths = [*(member.path for member in made.members), *filter(None, [left_out])]
    tree = "".join(f"./hello/{path}\0" for path in paths).encode()
    seal(ours, {f"pkginfo/{name}": made.pkginfo.raw, "tree": tree})
    run_finalize(ours, place, "--keep")
    record = tomllib.loads((place / "x86_64/hello-1.2-r3.x86_64.buildinfo.toml").read_text())
    (output,) = record["outputs"]
    return {**output, "record": record}


def seal(capture: Path, contents: dict[str, bytes]) -> None:
    """Write files of the capture anew, and its seal with them."""
    lines = []
    for line in (capture / "complete").read_text().splitlines():
        digest, name = line.split("  ", 1)
        if name in contents:
            (capture / name).write_bytes(contents[name])
            digest = hashlib.sha256(contents[name]).hexdigest()
        lines.append(f"{digest}  {name}\n")
    (capture / "complete").write_text("".join(lines))


def run_finalize(capture: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "buildinfo", "finalize", *words, "--packages", place, "--before-index", capture]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


VARIANTS = {
    "order": Packing(seed=1),
    "ids": Packing(ids={"hello": 173}),
    "later": Packing(mtime=COMMIT_TIME + 86400),
    "earlier": Packing(mtime=COMMIT_TIME - 86400),
    "pax": Packing(shuffle_pax=True, times=b"1700000123.456789", process=4711),
    "size": Packing(size=200704),
    **{f"compressed by {name}": Packing(function) for name, function in COMPRESSORS.items()},
    "all together": Packing(
        list(COMPRESSORS.values())[-1], 3, {"hello": 101}, EPOCH + 9, 4096, True, b"1", 31337, 1024
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_payload_packed_anyhow_becomes_one_file_and_one_digest(variant: str, built: Path, tmp_path: Path) -> None:
    plain = finalize(built, tmp_path / "plain", Packing(signed=False).package())
    VARIANTS[variant].signed = False
    other = finalize(built, tmp_path / "other", VARIANTS[variant].package())
    assert (tmp_path / "plain" / APK).read_bytes() == (tmp_path / "other" / APK).read_bytes()
    for name in ("source", "environment", "outputs"):  # the record says what was changed, so the whole differs
        assert plain["record"]["digests"][name] == other["record"]["digests"][name]
    assert {member.uid for member in read_package(tmp_path / "other" / APK).members} == {0}


def test_every_change_is_in_the_record(built: Path, tmp_path: Path) -> None:
    """An auditor can tell what abuild made from what normalization made of it."""
    before = Packing(mtime=COMMIT_TIME + 1, seed=2, size=1, signed=False).package()
    (tmp_path / "before.apk").write_bytes(before)
    old = read_package(tmp_path / "before.apk")
    output = finalize(built, tmp_path, before)
    changes = {change["handler"]: change for change in output["changes"]}
    assert {"times", "order", "size"} <= changes.keys()
    assert changes["order"]["before"] == old.data.tar_sha256
    assert changes["order"]["after"] == output["data"]["tar_sha256"]
    normalization = output["record"]["normalization"]
    assert (normalization["policy"], normalization["epoch"]) == (3, COMMIT_TIME)
    assert normalization["encoder"]


def test_finalize_may_be_called_again(built: Path, tmp_path: Path) -> None:
    """After an interruption, or with a kept capture: the same package, the same record, changes included."""
    first = finalize(built, tmp_path, Packing(seed=4, signed=False).package())
    assert first["changes"]
    package, record = (tmp_path / APK), (tmp_path / "x86_64/hello-1.2-r3.x86_64.buildinfo.toml")
    wanted = package.read_bytes(), record.read_bytes()
    record.unlink()
    run_finalize(tmp_path / "capture", tmp_path, "--keep")
    assert (package.read_bytes(), record.read_bytes()) == wanted


def test_an_interruption_before_the_package_is_replaced(built: Path, tmp_path: Path) -> None:
    """The journal knows the package that never came to be: it is made again, and recorded in the same way."""
    before = Packing(seed=4, signed=False).package()
    finalize(built, tmp_path, before)
    package, record = (tmp_path / APK), (tmp_path / "x86_64/hello-1.2-r3.x86_64.buildinfo.toml")
    wanted = package.read_bytes(), record.read_bytes()
    record.unlink()
    package.write_bytes(before)
    run_finalize(tmp_path / "capture", tmp_path, "--keep")
    assert (package.read_bytes(), record.read_bytes()) == wanted


@pytest.mark.parametrize("change", [5, "text", {}, {"path": 5}, {"handler": None}, {"path": {"base64": 1}}])
def test_a_journal_that_makes_no_sense_is_none(change: Any, built: Path, tmp_path: Path) -> None:
    """Of a capture of a stranger, too, finalize makes a record or says why not: no traceback."""
    finalize(built, tmp_path, Packing(seed=4, signed=False).package())
    journal = json.loads((tmp_path / "capture/normalized").read_text())
    if isinstance(change, dict) and change:
        change = {**journal[APK]["changes"][0], **change}
    journal[APK]["changes"] = [change]
    (tmp_path / "capture/normalized").write_text(json.dumps(journal))
    command = [sys.executable, "-m", "buildinfo", "finalize", "--packages", tmp_path, tmp_path / "capture"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


def test_another_package_is_not_taken_for_a_normalized_one(built: Path, tmp_path: Path) -> None:
    finalize(built, tmp_path, Packing(seed=4, signed=False).package())
    other = Packing(seed=5, signed=False, mtime=EPOCH - 5).package(PAYLOAD[:3])
    (tmp_path / APK).write_bytes(other)
    command = [sys.executable, "-m", "buildinfo", "finalize", "--packages", tmp_path, tmp_path / "capture"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "not the package" in done.stderr
    assert (tmp_path / APK).read_bytes() == other


def test_a_package_that_lacks_a_file_stays_as_abuild_made_it(built: Path, tmp_path: Path) -> None:
    """A tar that fails is ignored by abuild: with a right size and a new signature nobody would see it."""
    before = Packing(mtime=COMMIT_TIME + 1, seed=2, signed=False).package()
    output = finalize(built, tmp_path, before, left_out="usr/lib/libhello.so")
    assert (tmp_path / APK).read_bytes() == before
    (left,) = [entry for entry in output["left_alone"] if entry["handler"] == "package"]
    assert "usr/lib/libhello.so" in left["reason"]
    assert "missing-file" in [taint["name"] for taint in output["record"]["taints"]]


def test_a_recipe_can_opt_out(tmp_path: Path) -> None:
    """Of everything, or of one handler."""
    before = Packing(seed=1, size=1, signed=False).package()
    for number, (option, changed) in enumerate(
        {"!normalize": set(), "!normalize-order": {"size"}, "!normalize-size": {"order"}}.items()
    ):
        recipe = RECIPE.replace('options="!check"', f'options="!check {option}"')
        place = tmp_path / str(number)
        output = finalize(capture_of(Builder(place / "home"), recipe), place, before)
        assert {change["handler"] for change in output.get("changes", [])} - {"framing", "pax", "times"} == changed
        if option == "!normalize":
            assert (place / APK).read_bytes() == before
            assert "normalization" not in output["record"]
        else:
            assert output["record"]["normalization"]["off"] == [option.removeprefix("!normalize-")]


def test_a_package_that_cannot_be_signed_stays_as_abuild_made_it(built: Path, tmp_path: Path) -> None:
    """A broken key must not cost the package, nor leave one that nobody signed."""
    shutil.copytree(built, tmp_path / "capture")
    before = Packing(seed=1).package()
    output = finalize(built, tmp_path, before)
    assert (tmp_path / APK).read_bytes() == before
    assert "changes" not in output and output["signatures"] == ["joe-1234.rsa.pub"]
    said = run_finalize(tmp_path / "capture", tmp_path, "--keep").stderr
    assert said.count("hello-1.2-r3.apk stays as abuild made it: no key") == 1
    assert "finalize --reindex" in run_finalize(tmp_path / "capture", tmp_path).stderr
    run_finalize(tmp_path / "capture", tmp_path, "--unsigned")  # it was kept
    assert read_package(tmp_path / APK).signatures == ()


def test_the_journal_of_a_stranger_is_not_believed(built: Path, tmp_path: Path) -> None:
    """A capture may come from anybody."""
    for journal in (b"[]", b"{", json.dumps({APK: {"sha256": 5}}).encode(), json.dumps({APK: None}).encode()):
        shutil.rmtree(tmp_path / "capture", ignore_errors=True)
        shutil.copytree(built, tmp_path / "capture")
        (tmp_path / "capture" / "normalized").write_bytes(journal)
        assert finalize(built, tmp_path, Packing(seed=4, signed=False).package())["changes"]
