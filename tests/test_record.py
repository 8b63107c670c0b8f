"""What a builder gets: a complete and truthful record of each build."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from building import APKBUILD, COMMIT_TIME, FILES, STANDIN, Builder, git

from buildinfo.document import read

SHELLS = ["dash", "busybox ash", "bash"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_that_sources_the_hooks_records_the_build(tmp_path: Path, shell: str) -> None:
    builder = Builder(tmp_path / "home", interpreter=shell)
    folder = builder.aport()
    builder.build(folder)
    record = builder.record()
    assert record["source"]["origin"] == "hello"
    assert record["source"]["version"] == "1.2-r3"
    assert record["source"]["commit"] == git(builder.aports, "rev-parse", "HEAD").strip()
    assert record["source"]["aport"] == "main/hello"
    assert record["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
    assert record["conditions"]["sandbox"] == "none"
    assert [output["path"] for output in record["outputs"]] == [
        "x86_64/hello-1.2-r3.apk",
        "x86_64/hello-doc-1.2-r3.apk",
    ]
    assert builder.captures() == []


def test_the_record_holds_its_own_digests(builder: Builder) -> None:
    builder.build(builder.aport())
    read(builder.record_file())


def test_packages_are_recorded_as_they_are(builder: Builder) -> None:
    builder.build(builder.aport())
    for output in builder.record()["outputs"]:
        data = (builder.repodest / "main" / output["path"]).read_bytes()
        assert output["size"] == len(data)
        assert output["sha256"] == hashlib.sha256(data).hexdigest()


def test_every_input_has_its_hashes(builder: Builder) -> None:
    folder = builder.aport()
    (folder / "notes.txt").write_text("not in source, but tracked\n")
    builder.aport()
    builder.build(folder)
    inputs = {entry["name"]: entry for entry in builder.record()["inputs"]}
    assert {name: entry["role"] for name, entry in inputs.items()} == {
        "APKBUILD": "recipe",
        "hello.txt": "source",
        "hello.sh": "source",
        "notes.txt": "other",
    }
    for name, content in FILES.items():
        assert inputs[name]["size"] == len(content)
        assert inputs[name]["sha256"] == hashlib.sha256(content.encode()).hexdigest()
        assert inputs[name]["sha512"] == hashlib.sha512(content.encode()).hexdigest()


def test_two_builds_of_one_commit_give_one_record(builders: Callable[..., Builder]) -> None:
    first, second = builders("alice"), builders("somebody-else", interpreter="busybox ash")
    first.build(first.aport())
    folder = second.aport()
    os.utime(folder / "APKBUILD", (1, 1))
    second.build(folder, REPODEST=str(second.home / "elsewhere"))
    second.repodest = second.home / "elsewhere"
    assert first.record_file().read_bytes() == second.record_file().read_bytes()


def test_a_dirty_tree_is_named_and_keeps_the_time_of_the_commit(builder: Builder) -> None:
    folder = builder.aport()
    (folder / "hello.sh").write_text("#!/bin/sh\necho changed\n")
    builder.build(folder)
    record = builder.record()
    assert record["source"]["commit"].endswith("-dirty")
    assert record["source"]["dirty"] == [{"path": "main/hello/hello.sh", "state": " M"}]
    assert record["epoch"] == {"value": COMMIT_TIME, "rule": "commit"}
    assert "dirty-tree" in {taint["name"] for taint in record["taints"]}


def test_the_callers_epoch_wins(builder: Builder) -> None:
    builder.build(builder.aport(), SOURCE_DATE_EPOCH="1000000000")
    assert builder.record()["epoch"] == {"value": 1000000000, "rule": "caller"}


def test_without_git_the_time_of_the_file_counts_and_taints(builder: Builder) -> None:
    folder = builder.aport()
    (builder.aports / ".git").rename(builder.home / "gone")
    os.utime(folder / "APKBUILD", (1234567890, 1234567890))
    builder.build(folder)
    record = builder.record()
    assert record["epoch"] == {"value": 1234567890, "rule": "mtime"}
    assert {"not-in-git", "epoch-from-file-time"} <= {taint["name"] for taint in record["taints"]}


def test_a_commit_at_the_cut_of_a_shallow_clone_is_not_believed(builder: Builder) -> None:
    folder = builder.aport()
    (builder.aports / "other").write_text("later\n")
    git(builder.aports, "add", "-A")
    git(builder.aports, "commit", "-q", "-m", "something else")
    full = builder.home / "full"
    builder.aports.rename(full)
    git(builder.home, "clone", "-q", "--depth", "1", f"file://{full}", str(builder.aports))
    os.utime(folder / "APKBUILD", (1234567890, 1234567890))
    builder.build(folder)
    record = builder.record()
    assert record["epoch"] == {"value": 1234567890, "rule": "mtime"}
    assert "shallow-boundary" in {taint["name"] for taint in record["taints"]}


def test_a_shallow_clone_that_holds_the_aports_commit_is_believed(builder: Builder) -> None:
    folder = builder.aport()
    (folder / "hello.txt").write_text("It says hello again.\n")
    git(builder.aports, "commit", "-q", "-a", "-m", "main/hello: newer")
    full = builder.home / "full"
    builder.aports.rename(full)
    git(builder.home, "clone", "-q", "--depth", "2", f"file://{full}", str(builder.aports))
    # The boundary is the first commit; the aport's last one is the second.
    git(full, "commit", "-q", "--allow-empty", "-m", "unrelated")
    builder.build(folder)
    record = builder.record()
    assert record["epoch"]["rule"] == "commit"
    assert "shallow-boundary" not in {taint["name"] for taint in record.get("taints", [])}


def test_secfixes_are_data(builder: Builder) -> None:
    builder.build(builder.aport())
    assert builder.record()["security"] == {"fixed": [{"version": "1.2-r0", "ids": ["CVE-2024-0001"]}]}


def test_jobs_and_zone_are_conditions_and_in_no_digest(builders: Callable[..., Builder]) -> None:
    one, two = builders("one"), builders("two")
    one.build(one.aport(), JOBS="1", TZ="UTC")
    two.build(two.aport(), JOBS="7", TZ="Asia/Tokyo")
    assert one.record()["conditions"]["jobs"] == 1
    assert two.record()["conditions"] | {"jobs": 1, "zone": "UTC"} == one.record()["conditions"]
    first, second = one.record()["digests"], two.record()["digests"]
    assert {name for name in first if first[name] != second[name]} == {"document"}


def test_another_compiler_flag_is_another_environment(builders: Callable[..., Builder]) -> None:
    one, two = builders("one"), builders("two")
    one.build(one.aport())
    two.build(two.aport(), CFLAGS="-O3")
    digests = one.record()["digests"], two.record()["digests"]
    assert digests[0]["environment"] != digests[1]["environment"]
    assert digests[0]["source"] == digests[1]["source"]


def test_a_value_that_is_not_utf8_survives(builder: Builder) -> None:
    builder.build(builder.aport(), CFLAGS="-DNAME=\udce9")
    assert builder.record()["environment"]["CFLAGS"] == {"base64": base64.b64encode(b"-DNAME=\xe9").decode()}


def test_observations_are_off_unless_asked_for(builder: Builder) -> None:
    folder = builder.aport()
    builder.build(folder)
    assert "observations" not in builder.record()
    builder.build(folder, BUILDINFO_OBSERVE="1")
    assert set(builder.record()["observations"]) == {"user", "host", "kernel", "time"}


def test_build_paths_are_recorded_only_where_asked_for(builder: Builder) -> None:
    folder = builder.aport()
    builder.build(folder)
    assert "paths" not in builder.record()["conditions"]
    builder.build(folder, BUILDINFO_PATHS="1")
    assert builder.record()["conditions"]["paths"]["startdir"] == str(folder)


@pytest.mark.parametrize(
    ("variable", "taint"),
    [
        ({"TAR_OPTIONS": "--sparse"}, "tar-options"),
        ({"PIGZ": "-p1"}, "pigz-options"),
        ({"GZIP": "-1"}, "gzip-options"),
        ({"LC_ALL": "tr_TR.UTF-8"}, "locale"),
        ({"USE_CCACHE": "1"}, "compiler-cache"),
    ],
)
def test_what_reaches_into_the_bytes_taints(builder: Builder, variable: dict[str, str], taint: str) -> None:
    folder = builder.aport()
    builder.build(folder)
    assert taint not in {entry["name"] for entry in builder.record().get("taints", [])}
    builder.build(folder, **variable)
    assert taint in {entry["name"] for entry in builder.record()["taints"]}


def test_the_stand_in_is_small_enough_to_believe() -> None:
    assert len((STANDIN / "abuild").read_text().splitlines()) <= 80


def test_a_large_source_is_hashed_as_truly_as_a_small_one(builder: Builder) -> None:
    """Large ones go through another program."""
    folder = builder.aport(
        APKBUILD.replace('hello.txt"', 'hello.txt big.txt"'), {**FILES, "big.txt": "0123456789" * 500_000}
    )
    builder.build(folder)
    inputs = {entry["name"]: entry for entry in builder.record()["inputs"]}
    for name in ("big.txt", "hello.sh"):
        data = (folder / name).read_bytes()
        assert inputs[name]["size"] == len(data)
        assert inputs[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert inputs[name]["sha512"] == hashlib.sha512(data).hexdigest() == inputs[name]["declared"]["value"]


def test_a_recipe_with_bytes_that_are_not_utf8_is_recorded(builder: Builder) -> None:
    text = APKBUILD.replace("CVE-2024-0001", "CVE-2024-0001 (Andr\udce9)").replace(
        'license="MIT"', 'license="MIT-\udce9"'
    )
    folder = builder.aport()
    (folder / "APKBUILD").write_bytes(text.encode(errors="surrogateescape"))
    builder.build(folder)
    record = builder.record()
    assert record["source"]["license"] == {"base64": base64.b64encode(b"MIT-\xe9").decode()}
    assert record["security"]["fixed"][0]["remarks"] == [{"base64": base64.b64encode(b"(Andr\xe9)").decode()}]
    read(builder.record_file())


def test_files_with_unusual_names_are_recorded_or_named(builder: Builder) -> None:
    folder = builder.aport(
        APKBUILD, {**FILES, "we ird.cfg": "a", "it's.cfg": "b", "\u00fcn\u00ef.cfg": "c", "new\nline": "d"}
    )
    builder.build(folder)
    record = builder.record()
    names = {entry["name"] for entry in record["inputs"]}
    assert {"we ird.cfg", "it's.cfg", "\u00fcn\u00ef.cfg"} <= names
    [taint] = [taint for taint in record["taints"] if taint["name"] == "unrecorded-input"]
    assert "new" in taint["reason"]


def test_an_aport_with_very_many_files_is_recorded_in_time(builder: Builder) -> None:
    folder = builder.aport(APKBUILD, {**FILES, **{f"extra/{number}": "x" for number in range(1500)}})
    builder.build(folder)
    record = builder.record()
    assert len(record["inputs"]) == 1000
    assert "unrecorded-input" in {taint["name"] for taint in record["taints"]}


def test_no_home_is_told_by_locale_zone_or_another_spelling(builders: Callable[..., Builder]) -> None:
    texts = []
    for name in ("alice", "bob"):
        one = builders(name)
        home = str(one.home)
        twisted = home.replace("/home", "/./home") if "/home" in home else home.replace("/", "//", 1)
        one.build(one.aport(), LC_ALL=f"{home}/loc/C", TZ=f":{home}/zone/Berlin", CFLAGS=f"-I{twisted}/inc")
        texts.append(one.record_file().read_text())
        assert home not in texts[-1]
        assert name not in texts[-1]
    assert texts[0] == texts[1]


def test_a_commit_that_the_caller_made_up_is_named(builder: Builder) -> None:
    builder.build(builder.aport(), ABUILD_LAST_COMMIT="deadbeef" * 5)
    assert "commit-differs" in {taint["name"] for taint in builder.record()["taints"]}
