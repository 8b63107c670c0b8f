"""Whatever a file, a package or a record calls things: no stream is steered by it, and every JSON can be read."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import apkmaker
import pytest
from world import COMMANDS, INPUTS, JSON, World, slots

from buildinfo.text import STEERING, named, plain, to_json, unnamed

CONTROLS = "".join(chr(code) for code in (*range(1, 32), *range(127, 160)))
MARKS = (
    "\xad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
    "\U000e0041"
)
NAMES = [
    "red\x1b[31m\x1b]0;title\x07",
    "two\nabuild-buildinfo: lines\r",
    "\u202egpj.\u2066exe",
    "caf\udce9\udcff",
    "back\\xff\\slash \\x5c",
    CONTROLS.replace("/", ""),
    MARKS,
    "all \udc80\x1b\u202e\n\x9b31m",
]


MIXED = [NAMES[0] + NAMES[2], CONTROLS, MARKS + NAMES[3], NAMES[-1] + NAMES[1] + NAMES[4]]
"""Fewer, where each takes long."""
SAID = re.compile(r"abuild-buildinfo|[0-9]+ files?:|-: ").match
"""How lines on standard error begin: another could be a name's."""


def steers(text: str) -> bool:
    return re.search(STEERING, text) is not None


def harmless(world: World, words: list[str]) -> None:
    """Runs a command, and reads what it says as a terminal and as another program would."""
    done = world.run(*words)
    context = (words, done)
    assert not steers(done.out), context
    assert not steers(done.err), context
    assert all(SAID(line) for line in done.err.splitlines()), context
    if "--json" in words and done.out:
        for text in texts(json.loads(done.out)):
            text.encode()  # no half of a pair


def texts(value: object) -> list[str]:
    """All text in a document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for entry in value.items() for part in entry for text in texts(part)]
    return [text for part in value for text in texts(part)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", MIXED[-1:], ids=["some of all"])
def test_no_name_of_a_file_steers_a_stream(world: World, name: str) -> None:
    """As each input of each command, there and missing, for people and as JSON."""
    for words in (*COMMANDS.values(), *JSON.values()):
        for slot in dict.fromkeys(slots(words)):
            odd = world.folder / name
            source = world.folder / INPUTS[slot]
            if source.is_dir():
                shutil.copytree(source, odd)
            else:
                shutil.copy(source, odd)
            harmless(world, filled(world, words, slot, name))
            shutil.rmtree(odd) if odd.is_dir() else odd.unlink()
            if words in COMMANDS.values():
                harmless(world, filled(world, words, slot, name))
            shutil.rmtree(world.folder / "out")
            (world.folder / "out").mkdir()


def filled(world: World, words: str, slot: str, name: str) -> list[str]:
    """The words of a command with an input of this name, which may have spaces in it."""
    return [word.replace("\0", name) for word in world.words(words, **{slot: "\0"})]


@pytest.mark.parametrize("name", MIXED, ids=range(len(MIXED)))
def test_no_folder_output_or_word_steers_a_stream(world: World, name: str) -> None:
    for words in (
        ["verify", "-o", f"out/{name}", "hello.apk", "rebuilt.apk"],
        ["verify", "--format", "sarif", "hello.apk", "rebuilt.apk", "-o", f"nowhere/{name}"],
        ["signature", "strip", "-o", f"out/{name}", "signed.apk"],
        ["signature", "add", "--name", name, "--key", INPUTS["key"], "hello.apk"],
        ["normalize", "-v", "-o", f"out/{name}", "loose.gz"],
        ["normalize", "--handlers", name, "loose.gz"],
        ["normalize", "--epoch", name, "loose.gz"],
        ["schema", name],
        ["verify", "--at-least", name, "hello.apk", "rebuilt.apk"],
        ["show", f"--{name}"],
        [name],
    ):
        harmless(world, words)
    for folder in ("old", "new"):
        place = world.folder / folder / name
        place.mkdir(parents=True)
        (place / f"{name}.apk").write_bytes((world.folder / "hello.apk").read_bytes())
    (world.folder / "old" / name / f"{name} alone.apk").write_bytes(b"no package")
    (world.folder / "list").write_bytes(os.fsencode(f"old/{name}\t{name}\n"))
    for words in ("old new", "--batch list", "-v --records old new"):
        for form in ("text", "json", "html", "sarif"):
            harmless(world, ["verify", "--format", form, *words.split()])
    harmless(world, ["normalize", "-v", "--handlers", "all", "old"])
    harmless(world, ["normalize", "--json", "old"])
    harmless(world, ["validate", "--json", *(str(path) for path in Path("old", name).iterdir())])


@pytest.mark.parametrize("name", MIXED, ids=range(len(MIXED)))
def test_nothing_in_a_package_or_index_steers_a_stream(world: World, name: str) -> None:
    raw = os.fsencode(name)
    line = raw.replace(b"\n", b"")
    extra = f"depend = {name}\nlicense = {name}\n{name} = {name}\n"
    entry = apkmaker.file(b"usr/" + raw[:60].rstrip(b"/") + b"x", b"content")
    data = apkmaker.ended(entry)
    key = raw[:60].replace(b"/", b"").replace(b"\n", b"").replace(b"\r", b"")
    files = {
        "odd.apk": apkmaker.package(signatures=(), extra=extra, data=data),
        "odd-2.apk": apkmaker.package(signatures=(), extra=extra * 2, data=apkmaker.ended()),
        "odd-3.apk": apkmaker.gz(apkmaker.header(b".SIGN.RSA." + key, size=3) + apkmaker.padded(b"abc"))
        + apkmaker.package(signatures=()),
    }
    for file, content in files.items():
        (world.folder / file).write_bytes(content)
    record = b"C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:a" + line + b"\nV:1" + line + b"\nT:" + line + b"\n\n"
    (world.folder / "odd-installed").write_bytes(record)
    index = apkmaker.gz(
        apkmaker.ended(
            *(apkmaker.file(n, b, checksum=False) for n, b in ((b"DESCRIPTION", raw), (b"APKINDEX", record)))
        )
    )
    (world.folder / "odd-index").write_bytes(index)
    for file in (*files, "odd-installed", "odd-index"):
        for words in ("show", "signature list", "signature verify --keys us-keys", "validate", "normalize --check -v"):
            for json_too in ("", " --json"):
                harmless(world, [*f"{words}{json_too}".split(), file])
    for form in ("text", "json", "html", "sarif"):
        for one, other in (("odd.apk", "odd-2.apk"), ("odd.apk", "hello.apk"), ("odd-3.apk", "hello.apk")):
            harmless(world, ["verify", "--format", form, "-v" if form == "text" else "-q", one, other])
    words = "index reproduced --from odd-index --report report.json --key us@example.org-12345678.rsa -o out/made"
    harmless(world, [*words.split(), "--json"])


@pytest.mark.parametrize("name", MIXED, ids=range(len(MIXED)))
def test_nothing_in_a_record_or_report_steers_a_stream(world: World, name: str) -> None:
    text = json.dumps(name.encode("utf-8", "replace").decode())
    record = (world.folder / "one.buildinfo.toml").read_text()
    files = {
        "odd-1": record.replace('"MIT"', text.replace("\\u007f", "\x7f")),
        "odd-2": record + f"\n[{text}]\n{text} = {text}\n",
        "odd-3": f"{text} = 1\n",
        "odd-4": json.dumps({"pairs": [{"original": name, "rebuilt": name, "verdict": name}]}),
        "odd-5": json.dumps({"pairs": [{"original": name, "rebuilt": None, "verdict": "different", name: name}]}),
        "odd-6": json.dumps({"pairs": [{"original": "\ud800", "rebuilt": "\ud800", "verdict": "identical"}]}),
        "odd-7": json.dumps({name: name}),
    }
    for file, content in files.items():
        (world.folder / file).write_bytes(content.encode("utf-8", "replace"))
        for words in (f"show {file}", f"validate {file}", f"compare-records one.buildinfo.toml {file}"):
            harmless(world, words.split())
            harmless(world, [*words.split(), "--json"])
        words = f"index reproduced --from APKINDEX.tar.gz --report {file} --key us@example.org-12345678.rsa -o out/made"
        harmless(world, words.split())


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_bytes_of_a_name_can_be_had_again_from_json(world: World, name: str) -> None:
    """Whoever acts on a report has to find the file."""
    shutil.copy(world.folder / "hello.apk", world.folder / name)
    files = [["signature", "list", "--json"], ["normalize", "--json"], ["validate", "--json"]]
    for words in files:
        [entry] = json.loads(world.run(*words, name).out)["files"]
        assert unnamed(entry["path"]) == name
    [pair] = json.loads(world.run("verify", "--json", name, name).out)["pairs"]
    assert (unnamed(pair["original"]), unnamed(pair["rebuilt"])) == (name, name)
    assert unnamed(named(name)) == unnamed(json.loads(to_json(name))) == name
    shutil.copy(world.folder / "rebuilt.apk", world.folder / f"{name}2")
    (world.folder / "report").write_text(world.run("verify", "--json", name, f"{name}2").out)
    words = "index reproduced --from APKINDEX.tar.gz --at-least payload-identical --report report -o out/made --key"
    done = world.run(*words.split(), INPUTS["key"])
    assert "at hand" not in done.out, done


def test_text_is_told_apart_from_escaped_bytes() -> None:
    assert named("a\udcff") != named("a\\xff")
    assert to_json("a\udcff") != to_json("a\\xff")
    assert plain(NAMES[0]) == r"red\x1b[31m\x1b]0;title\x07"
    assert named("usr/\\new\\table") == "usr/\\new\\table"


def test_a_record_holds_what_steers_as_toml_spells_it(world: World) -> None:
    """A record that is looked at with cat is as harmless as one that is shown; what it means is the same."""
    from buildinfo.document import dumps, load, parse

    record = load(parse((world.folder / "one.buildinfo.toml").read_bytes(), "record"), "record")
    record.source.license = CONTROLS + MARKS
    made = dumps(record)
    assert not steers(made.decode())
    assert tomllib.loads(made.decode())["source"]["license"] == CONTROLS + MARKS


def test_every_control_is_known_to_steer() -> None:
    for letter in (CONTROLS + MARKS).replace("\n", ""):
        assert steers(letter), hex(ord(letter))
        assert not steers(plain(letter) + named(letter) + to_json(letter)), hex(ord(letter))
