"""If these fail, a rebuilder's index lets somebody install what nobody reproduced, or keeps them from what was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import apkmaker as make
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signers import Signer, signer, unsigned_index

from buildinfo.apk.index import raw_records, read_index
from buildinfo.apk.indexed import FIELDS, record_of
from buildinfo.apk.keys import KeyFolder, read_private_key
from buildinfo.apk.v2 import read_package
from buildinfo.errors import FormatError, IntegrityError, SignatureError, UnreadableError
from buildinfo.reported import read_claims, verdicts_of
from buildinfo.reproduced import reproduced
from buildinfo.schema import render
from buildinfo.signatures import add, verify
from buildinfo.verify.verdict import LADDER, Verdict

NAMES = ("a", "b", "c", "d")


def read_verdicts(report: bytes, where: object) -> dict[str, Verdict | None]:
    return verdicts_of(read_claims(report, where))


def identity(name: str) -> str:
    """An identity that is only `name`'s."""
    return f"Q1{name * 27}="


def fields(name: str, time: int = 1700000000, **more: str) -> dict[str, str]:
    """The fields of a package's record, as `verify` puts them into a report."""
    basic = {"C": identity(name), "P": name, "V": "1.0-r0", "S": "9", "I": "0", "T": "", "U": "", "L": ""}
    return {**basic, "t": str(time), **more}


def record(name: str, time: int = 1700000000, **more: str) -> bytes:
    """A record as `apk index` writes it."""
    found = fields(name, time, **more)
    return "".join(f"{key}:{found[key]}\n" for key in FIELDS if key in found).encode() + b"\n"


RECORDS = [record(name, 1700000000 + number) for number, name in enumerate(NAMES)]


def pair(name: str, verdict: str | None, **more: Any) -> dict[str, Any]:
    names = {"original": f"{name}.apk", "rebuilt": f"rebuilt/{name}.apk"}
    of = fields(name, 1700000000 + NAMES.index(name) if name in NAMES else 0)
    return {**names, "verdict": verdict, "identity": identity(name), "record": of, **more}


def report(*pairs: dict[str, Any]) -> bytes:
    return json.dumps({"pairs": pairs, "summary": {}}).encode()


@pytest.fixture
def rebuilder(tmp_path: Path) -> Signer:
    return signer(tmp_path, "rebuilder")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return unsigned_index(tmp_path, b"".join(RECORDS))


def kept(tmp_path: Path, index: Path, rebuilder: Signer, pairs: bytes, **options: Any) -> list[bytes]:
    """The records of the index that is made; it holds with the rebuilder's key."""
    made = reproduced(index, pairs, read_private_key(rebuilder.private), **options)
    out = tmp_path / "made.tar.gz"
    out.write_bytes(made.index)
    assert verify(out, KeyFolder(rebuilder.folder)).result == "holds"
    found = list(raw_records(read_index(out)))
    assert len(found) == made.report.kept
    return found


@pytest.mark.parametrize("bar", LADDER)
def test_a_record_is_kept_if_its_verdict_is_strong_enough(
    tmp_path: Path, index: Path, rebuilder: Signer, bar: Verdict
) -> None:
    verdicts = dict(zip(NAMES, LADDER, strict=False))
    pairs = report(*(pair(name, verdict) for name, verdict in verdicts.items()))
    strong = [
        record for record, name in zip(RECORDS, NAMES, strict=True) if LADDER.index(verdicts[name]) <= LADDER.index(bar)
    ]
    assert kept(tmp_path, index, rebuilder, pairs, at_least=bar) == strong


def test_what_nobody_rebuilt_never_counts(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    pairs = report(pair("a", "different", rebuilt=None), pair("b", "different"))
    assert kept(tmp_path, index, rebuilder, pairs, at_least="different") == [RECORDS[1]]


def test_by_default_only_the_same_bytes_count(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    pairs = report(pair("d", "identical"), pair("b", "identical-unsigned"), pair("a", "identical-normalized"))
    assert kept(tmp_path, index, rebuilder, pairs) == [RECORDS[1], RECORDS[3]]


def test_a_name_is_no_identity(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    """Somebody reproduced another package that has the name and version of one in the index."""
    pairs = report({**pair("a", "identical"), "identity": identity("z"), "package": "a-1.0-r0"})
    made = reproduced(index, pairs, read_private_key(rebuilder.private))
    assert (made.report.kept, made.report.left_out, made.report.elsewhere) == (0, 4, 1)


@pytest.mark.parametrize("worse", ["identical-normalized", "different", None])
def test_of_two_verdicts_the_worse_counts(tmp_path: Path, index: Path, rebuilder: Signer, worse: str | None) -> None:
    for pairs in ([pair("a", "identical"), pair("a", worse)], [pair("a", worse), pair("a", "identical")]):
        assert kept(tmp_path, index, rebuilder, report(*pairs, pair("b", "identical"))) == [RECORDS[1]]


def test_a_record_that_stands_twice_is_there_once(tmp_path: Path, rebuilder: Signer) -> None:
    twice = unsigned_index(tmp_path, RECORDS[0] + RECORDS[0] + record("b", P="a") + RECORDS[1])
    assert kept(tmp_path, twice, rebuilder, report(pair("a", "identical"))) == [RECORDS[0]]


def test_the_same_report_gives_the_same_bytes(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    key = read_private_key(rebuilder.private)
    pairs = [pair("a", "identical"), pair("c", "identical-unsigned")]
    first = reproduced(index, report(*pairs), key)
    assert reproduced(index, report(*reversed(pairs)), key).index == first.index
    assert first.report.epoch == 1700000002, "the newest build time of what is kept"
    assert reproduced(index, report(*pairs), key, epoch=5).report.epoch == 5
    assert reproduced(index, report(), key).report.epoch == 1700000003, "of all, where nothing is kept"


def test_an_original_without_identity_is_read(
    tmp_path: Path, rebuilder: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hello.apk").write_bytes(make.package())
    package = read_package(Path("hello.apk"))
    of = record_of(package.identity, package.size, package.pkginfo.raw)
    assert of is not None
    text = "".join(f"{key}:{value}\n" for key, value in of.items()).encode() + b"\n"
    index = unsigned_index(tmp_path, RECORDS[0] + text)
    plain = {"original": "hello.apk", "rebuilt": "x", "verdict": "identical"}
    for found in (plain, {**plain, "identity": None}, {**plain, "original_sha256": package.sha256}):
        assert kept(tmp_path, index, rebuilder, report(found)) == [text]
    with pytest.raises(IntegrityError, match="not the file that was verified"):
        read_verdicts(report({**plain, "original_sha256": "0" * 64}), "report")
    with pytest.raises(UnreadableError):
        read_verdicts(report({**plain, "original": "missing.apk"}), "report")
    assert read_verdicts(report({**plain, "original": "missing.apk", "verdict": None}), "report") == {}
    failed = {**plain, "verdict": None}
    assert read_verdicts(report(failed, plain), "report") == {package.identity: None}
    Path("hello.apk").unlink()
    known = {**plain, "identity": package.identity}
    assert read_verdicts(report(failed, known), "report") == {package.identity: None}


MALFORMED = [
    b"",
    b"[]",
    b"{}",
    b"\xff",
    b"[" * 100_000,
    b'{"pairs": {}}',
    b'{"pairs": [1]}',
    report({"original": "a.apk"}),
    report({**pair("a", "identical"), "verdict": "excellent"}),
    report({**pair("a", "identical"), "verdict": 1}),
    report({**pair("a", "identical"), "identity": "Q2" + "a" * 28}),
    report({**pair("a", "identical"), "identity": "Q1" + "a" * 27 + "=\nP:evil"}),
    report({**pair("a", "identical"), "identity": None, "original": None}),
    report({**pair("a", "identical"), "original": ["a"]}),
    report({**pair("a", "identical"), "original_sha256": "x"}),
    report(pair("b", "identical"))[:-2],
]


@pytest.mark.parametrize("pairs", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_report_writes_nothing(tmp_path: Path, index: Path, rebuilder: Signer, pairs: bytes) -> None:
    with pytest.raises(FormatError):
        read_verdicts(pairs, "report")
    (tmp_path / "report.json").write_bytes(pairs)
    out = tmp_path / "out.tar.gz"
    done = program(index, tmp_path / "report.json", rebuilder, out)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert not out.exists()


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*LADDER, None])), max_size=12))
def test_no_order_of_pairs_makes_a_verdict_better(given: list[tuple[str, str | None]]) -> None:
    found = read_verdicts(report(*(pair(*entry) for entry in given)), "report")
    for name in NAMES:
        all_of_it = [verdict for other, verdict in given if other == name]
        ranks = [len(LADDER) if verdict is None else LADDER.index(verdict) for verdict in all_of_it]  # type: ignore[arg-type]  # one of the ladder
        if not ranks:
            assert identity(name) not in found
        else:
            assert found[identity(name)] == [*LADDER, None][max(ranks)]


# The command.


def program(index: Path, report: Path, rebuilder: Signer, out: Path | str, *words: str) -> Any:
    command = [
        "index",
        "reproduced",
        "--from",
        index,
        "--report",
        report,
        "--key",
        rebuilder.private,
        "-o",
        out,
        *words,
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "buildinfo", *map(str, command)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_the_vendor_has_to_have_signed_where_that_is_asked_for(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    vendor = signer(tmp_path, "vendor")
    file, out = tmp_path / "report.json", tmp_path / "out.tar.gz"
    file.write_bytes(report(pair("a", "identical")))
    done = program(index, file, rebuilder, out, "--keys", str(vendor.folder))
    assert (done.returncode, out.exists()) == (1, False)
    assert "no signature" in done.stderr
    add(index, read_private_key(vendor.private), epoch=1)
    done = program(index, file, rebuilder, out, "--keys", str(vendor.folder))
    unchecked = "1 of them by the report alone: original or rebuild is not at hand"
    assert (done.returncode, done.stdout) == (0, f"{out}: 1 of 4 packages; {unchecked}\n")
    done = program(index, file, rebuilder, out)
    assert "signature not verified" in done.stdout
    with pytest.raises(SignatureError):
        reproduced(index, file.read_bytes(), read_private_key(rebuilder.private), keys=KeyFolder(rebuilder.folder))


def test_what_it_reports(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    file, out = tmp_path / "report.json", tmp_path / "out.tar.gz"
    file.write_bytes(report(pair("a", "identical"), pair("b", "different")))
    found = json.loads(program(index, file, rebuilder, out, "--json").stdout)
    jsonschema.Draft202012Validator(json.loads(render("index"))).validate(found)
    assert [(entry["package"], entry["verdict"], entry["kept"]) for entry in found["packages"]] == [
        ("a-1.0-r0", "identical", True),
        ("b-1.0-r0", "different", False),
        ("c-1.0-r0", None, False),
        ("d-1.0-r0", None, False),
    ]
    assert read_index(out).description == "test 1.0 (reproduced: identical-unsigned)"
    file.write_bytes(report())
    done = program(index, file, rebuilder, out)
    assert done.returncode == 0
    assert "empty" in done.stderr
    assert read_index(out).records == ()


def test_a_real_index(corpus: Path, tmp_path: Path, rebuilder: Signer) -> None:
    """Alpine's, with the packages of the corpus as what was reproduced."""
    source = corpus / "apkindex-v2/alpine-v3.19-main-x86_64.tar.gz"
    packages = sorted((corpus / "apk-v2/alpine-3.19-x86_64").glob("*.apk"))
    pairs = [{"original": str(path), "rebuilt": "elsewhere", "verdict": "identical"} for path in packages]
    found = kept(tmp_path, source, rebuilder, report(*pairs), keys=KeyFolder(corpus / "keys"))
    assert len(found) > 90
    identities = {read_package(path, members=False).identity for path in packages}
    assert found == [
        raw
        for raw, entry in zip(raw_records(read_index(source)), read_index(source).records, strict=True)
        if entry["C"] in identities
    ]


def test_what_was_compared_with_itself_is_in_no_index(tmp_path: Path, index: Path, rebuilder: Signer) -> None:
    """It is the same bytes by its nature: nobody built anything."""
    itself = pair("a", "identical", same_file=True)
    assert kept(tmp_path, index, rebuilder, report(itself, pair("b", "identical"))) == [RECORDS[1]]
    assert kept(tmp_path, index, rebuilder, report(itself, pair("a", "identical"))) == [RECORDS[0]]
    with pytest.raises(FormatError, match="same_file"):
        read_verdicts(report(pair("a", "identical", same_file="no")), "report")
