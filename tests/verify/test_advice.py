"""Advice that does not mend costs a day: each of these builds twice under other conditions, as the catalogue says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from explaining import needs

from buildinfo.verify.explain.catalogue import CATALOGUE
from buildinfo.verify.explain.proofs import LIMITS

EPOCH = 1706933106
MAIN = '#include <stdio.h>\nint main(void) { puts(__FILE__ " " WHEN); return 0; }\n'
ADVICE = {cause.name: cause.advice for cause in CATALOGUE}


def shell(script: str, cwd: Path, *, umask: int = 0o022, zone: str = "UTC") -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "TZ": zone, "LC_ALL": "C"}
    subprocess.run(["sh", "-ec", f"umask {umask:03o}; {script}"], cwd=cwd, env=environment, check=True)


def twice(tmp_path: Path, script: str) -> tuple[bytes, bytes]:
    """What a script leaves in `out`, in two folders, at two times, under two umasks and zones."""
    made = []
    for name, umask, zone, time in (("one", 0o022, "UTC", 1), ("other-folder", 0o002, "Asia/Tokyo", 2)):
        folder = tmp_path / name / "hello"
        folder.mkdir(parents=True)
        for word in ("one", "two", "three") if time == 1 else ("three", "two", "one"):
            shell(
                f"mkdir -p tree; echo {word} >tree/{word}; touch -d @{EPOCH + 777 * time} tree/{word}",
                folder,
                umask=umask,
            )
        (folder / "main.c").write_text(MAIN)
        os.utime(folder / "main.c", (EPOCH + 99 * time, EPOCH + 99 * time))
        shell(script, folder, umask=umask, zone=zone)
        made.append((folder / "out").read_bytes())
    return made[0], made[1]


def told(cause: str, *words: str) -> None:
    """The advice has to say what is tried here."""
    assert all(word in ADVICE[cause] for word in words)


@needs("tar")
def test_tar(tmp_path: Path) -> None:
    options = "--sort=name", '--mtime="@$SOURCE_DATE_EPOCH"', "--owner=0 --group=0 --numeric-owner", "--mode=go=rX,u+rw"
    told("tar-metadata", *options, "--format=ustar")
    first, second = twice(tmp_path, f"tar -c {' '.join(options)} --format=ustar tree >out")
    assert first == second


@needs("gcc")
@pytest.mark.parametrize(
    ("cause", "words", "flags"),
    [
        ("date-macro", ("__TIMESTAMP__", "touch -d @$SOURCE_DATE_EPOCH", "TZ=UTC"), "-DWHEN=__TIMESTAMP__ main.c"),
        ("date-macro", ("SOURCE_DATE_EPOCH",), "-DWHEN='__DATE__ __TIME__' main.c"),
        ("build-path", ("-ffile-prefix-map=$builddir=.",), '-g -DWHEN=\\"x\\" -ffile-prefix-map=$PWD=. $PWD/main.c'),
        ("random-seed", ("-frandom-seed=",), '-flto -frandom-seed=out -DWHEN=\\"x\\" main.c'),
    ],
)
def test_gcc(tmp_path: Path, cause: str, words: tuple[str, ...], flags: str) -> None:
    told(cause, *words)
    first, second = twice(tmp_path, f"touch -d @$SOURCE_DATE_EPOCH main.c; TZ=UTC gcc {flags} -o out")
    assert first == second


@needs("gzip")
def test_gzip(tmp_path: Path) -> None:
    told("gzip-header", "gzip -n")
    first, second = twice(tmp_path, "gzip -n tree/one; mv tree/one.gz out")
    assert first == second


@needs("zip")
def test_zip(tmp_path: Path) -> None:
    told("zip-order", "find . -type f | LC_ALL=C sort | zip -X@")
    script = "chmod -R go=rX tree; find tree -type f | xargs touch -d @$SOURCE_DATE_EPOCH; "
    first, second = twice(
        tmp_path, f"{script}find tree -type f | LC_ALL=C sort | TZ=UTC zip -qX@ out.zip; mv out.zip out"
    )
    assert first == second


def test_every_cause_says_what_it_undoes_and_what_it_would_miss() -> None:
    assert list(LIMITS) and {cause.name for cause in CATALOGUE} == set(LIMITS)
    assert all(limits.undone and limits.missed for limits in LIMITS.values())
