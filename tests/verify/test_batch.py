"""Folders and lists: no pair may be lost, matched with a stranger, or left out of the exit status."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from packing import EPOCH, Packing

from buildinfo.errors import BuildinfoError, UnreadableError, UsageError
from buildinfo.parallel import shared_out
from buildinfo.verify import verify as verify_from_outside
from buildinfo.verify.batch import Match, compare_all, match_folders, verify, verify_list
from buildinfo.verify.report import Report

PLAIN = Packing().package()
LATER = Packing(mtime=EPOCH + 9).package()


def put(folder: Path, **packages: bytes) -> Path:
    """Files below a folder; `__` in a name is a slash."""
    folder.mkdir(exist_ok=True)
    for name, content in packages.items():
        path = folder / f"{name.replace('__', '/')}.apk"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def matched(original: Path, rebuilt: Path) -> list[tuple[str | None, str | None]]:
    def below(path: Path | None, folder: Path) -> str | None:
        return None if path is None else str(path.relative_to(folder))

    return [(below(old, original), below(new, rebuilt)) for old, new in match_folders(original, rebuilt)]


def verdicts(report: Report) -> list[str | None]:
    return [pair.verdict for pair in report.pairs]


def test_folders_match_by_path_and_then_by_name(tmp_path: Path) -> None:
    old = put(tmp_path / "old", x86_64__a=b"", x86_64__b=b"", c=b"", main__x86_64__d=b"", gone=b"")
    new = put(tmp_path / "new", x86_64__a=b"", b=b"", x86_64__c=b"", x86_64__d=b"", extra=b"")
    (new / "x86_64" / ".a.apk.1.part").write_bytes(b"")
    (new / "x86_64" / ".hidden.apk").write_bytes(b"")
    assert matched(old, new) == [
        ("c.apk", "x86_64/c.apk"),
        (None, "extra.apk"),
        ("gone.apk", None),
        ("main/x86_64/d.apk", "x86_64/d.apk"),
        ("x86_64/a.apk", "x86_64/a.apk"),
        ("x86_64/b.apk", "b.apk"),
    ]


def test_packages_for_other_architectures_are_never_matched(tmp_path: Path) -> None:
    old = put(tmp_path / "old", x86_64__a=b"", b=b"")
    new = put(tmp_path / "new", aarch64__a=b"", aarch64__b=b"", x86_64__b=b"")
    assert all(None in match for match in matched(old, new))


def test_a_package_that_one_side_lacks_is_different_and_says_so(tmp_path: Path) -> None:
    old, new = put(tmp_path / "old", a=PLAIN, gone=PLAIN), put(tmp_path / "new", a=PLAIN, extra=PLAIN)
    report = verify(old, new)
    assert verdicts(report) == ["identical", "different", "different"]
    extra, gone = report.pairs[1:]
    assert (extra.original, gone.rebuilt) == (None, None)
    assert [pair.causes[0].name for pair in (extra, gone)] == ["missing-package"] * 2
    assert [pair.differences[0].detail for pair in (extra, gone)] == ["only in the rebuild", "only in the original"]
    assert all(pair.causes[0].advice for pair in (extra, gone))
    assert report.summary == {"identical": 1, "different": 2}
    assert verify_from_outside(old, new) == report


def test_what_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    old, new = put(tmp_path / "old", a=PLAIN, b=b"nonsense", c=PLAIN), put(tmp_path / "new", a=PLAIN, b=PLAIN, c=LATER)
    report = verify(old, new)
    assert verdicts(report) == ["identical", None, "identical-normalized"]
    assert report.errors == 1
    assert str(old / "b.apk") in str(report.pairs[1].error)


def test_several_processes_say_what_one_says(tmp_path: Path) -> None:
    packages = {f"p{number}": (PLAIN, LATER, b"")[number % 3] for number in range(40)}
    old, new = put(tmp_path / "old", **packages), put(tmp_path / "new", **dict.fromkeys(packages, PLAIN))
    told: list[tuple[int, int]] = []
    one = verify(old, new, jobs=1)
    assert verify(old, new, jobs=3, progress=lambda done, total: told.append((done, total))) == one
    assert verify(old, new) == one
    assert told == [(number, 40) for number in range(1, 41)]
    assert len(one.pairs) == 40


def test_a_process_that_is_killed_is_noticed() -> None:
    def work(number: int) -> int:
        if number == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(BuildinfoError, match="a process was killed"):
        list(shared_out(work, range(20), 2))


def test_a_list_names_pairs(tmp_path: Path) -> None:
    put(tmp_path, a=PLAIN, b=LATER)
    lines = ["# a comment\n", "\n", f"{tmp_path}/a.apk\t{tmp_path}/a.apk\r\n", f"{tmp_path}/b.apk\t{tmp_path}/a.apk"]
    assert verdicts(verify_list(lines)) == ["identical", "identical-normalized"]


@pytest.mark.parametrize("line", ["a.apk", "a.apk b.apk", "a\tb\tc", "\tb", "a\t", "a\0\tb"])
def test_a_malformed_line_is_named(line: str) -> None:
    with pytest.raises(UsageError, match=r"list\.tsv: line 2 is not original<TAB>rebuilt"):
        verify_list(["# pairs", line], "list.tsv")


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no pairs"):
        verify_list(["# nothing", ""])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match="no packages"):
        verify(tmp_path / "a", tmp_path / "b")
    with pytest.raises(UsageError, match="is a folder"):
        verify(tmp_path / "a", put(tmp_path, x=PLAIN) / "x.apk")


def test_a_folder_that_cannot_be_read_is_no_empty_folder(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root")
    old, new = put(tmp_path / "old", x86_64__a=PLAIN), put(tmp_path / "new", a=PLAIN)
    (old / "x86_64").chmod(0)
    with pytest.raises(UnreadableError):
        verify(old, new)
    (old / "x86_64").chmod(0o755)


def test_a_record_that_does_not_hold_leaves_its_pair_without_a_verdict(tmp_path: Path) -> None:
    def refuse(original: Path, rebuilt: Path) -> None:
        raise UnreadableError("cannot be read", where="x.buildinfo.toml")

    put(tmp_path, a=PLAIN)
    report = compare_all([Match(tmp_path / "a.apk", tmp_path / "a.apk")], records=refuse)
    assert (report.errors, report.pairs[0].error) == (1, "x.buildinfo.toml: cannot be read")
