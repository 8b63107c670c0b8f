"""Edits of programs beside what a build leaves behind: each is told, wherever it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from explaining import causes, run

from buildinfo.verify.explain.dissect.elfalign import align_texts
from buildinfo.verify.explain.dissect.elfmap import Map

Gcc = Callable[..., bytes]
MAIN = """
#include <stdio.h>
extern const char *words[]; extern int limit; int rate(int); typedef int (*step)(int); extern step steps[];
int main(int argc, char **argv) {
  switch (argc) {
    case 1: puts("one"); break; case 2: puts("two"); break; case 3: puts("three"); break;
    case 4: puts("four"); break; case 5: puts("five"); break; case 6: puts("six"); break;
  }
  printf("%s %s %d %d\\n", PATH, words[argc % 3], limit, steps[argc % 2](rate(argc)));
  return 0;
}
"""
OTHER = """
#include <stdlib.h>
const char *words[] = {"alpha-password", "bravo-password", "delta-password"};
int limit = LIMIT;
int rate(int n) { return n > LEVEL ? abs(n) * 7 : n + 3; }
char hashes[2][32] = {HASHES};
const char *hash(int n) { return hashes[n & 1]; }
static int up(int n) { return n + rand() % 5; }
static int down(int n) { return n - rand() % 7; }
typedef int (*step)(int);
step steps[] = {STEPS};
"""
SHORT, LONG = "/home/ann/hello/main.c", "/home/ann/aports/main/hello/src/hello-1.2/main.c"


@pytest.fixture
def gcc(tmp_path: Path) -> Gcc:
    """Compiles and links two files, in this or the other order."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")

    def built(
        path: str = SHORT, *, strip: bool = True, backwards: bool = False, other: str = OTHER, **given: str
    ) -> bytes:
        chosen = {"LIMIT": "42", "LEVEL": "40", "STEPS": "up, down", "HASHES": '"first-hash", "other-hash"', **given}
        for name, source in {"main.c": MAIN, "other.c": other}.items():
            text = source
            for key, value in {"PATH": f'"{path}"', **chosen}.items():
                text = text.replace(key, value)
            (tmp_path / name).write_text(text)
            run("gcc", "-O2", "-c", name, cwd=tmp_path)
        objects = ["main.o", "other.o"][:: -1 if backwards else 1]
        run("gcc", *objects, "-Wl,--build-id=none", "-o", "out", cwd=tmp_path)
        if strip:
            run("strip", "out", cwd=tmp_path)
        return (tmp_path / "out").read_bytes()

    return built


SWAPPED = OTHER.replace("int up(int n) { return n + rand() % 5; }", "int up(int n) { return n - rand() % 5; }").replace(
    "int down(int n) { return n - rand() % 7; }", "int down(int n) { return n + rand() % 7; }"
)
EDITS = {
    "a branch": {"LEVEL": "41"},
    "a variable": {"LIMIT": "43"},
    "pointers exchanged": {"STEPS": "down, up"},
    "arrays exchanged": {"HASHES": '"other-hash", "first-hash"'},
    "texts exchanged": {"other": OTHER.replace("alpha", "X").replace("bravo", "alpha").replace("X", "bravo")},
    "code exchanged": {"other": SWAPPED},
    "a text": {"other": OTHER.replace("delta", "gamma")},
}


@pytest.mark.parametrize("strip", [True, False])
def test_what_follows_from_a_path_is_computed(gcc: Gcc, *, strip: bool) -> None:
    assert causes(gcc(strip=strip), gcc(LONG, strip=strip)) == {"build-path"}


@pytest.mark.parametrize("strip", [True, False])
def test_another_order_of_linking_is_told_by_what_is_in_it(gcc: Gcc, *, strip: bool) -> None:
    assert causes(gcc(strip=strip), gcc(strip=strip, backwards=True)) == {"readdir-order"}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_beside_a_path_of_another_length(gcc: Gcc, edit: dict[str, str]) -> None:
    assert "unknown" in causes(gcc(), gcc(LONG, **edit))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_beside_another_order_of_linking(gcc: Gcc, edit: dict[str, str]) -> None:
    assert "unknown" in causes(gcc(), gcc(backwards=True, **edit))


def test_an_edit_behind_many_paths(gcc: Gcc) -> None:
    def many(folder: str) -> str:
        return OTHER + "const char *all[] = {" + ",".join(f'"{folder}/src/f{n}.c"' for n in range(900)) + "};"

    before, after = gcc(other=many("/home/ann/hello")), gcc(other=many("/builds/hello"))
    assert causes(before, after) == {"build-path"}
    assert causes(before, gcc(other=many("/builds/hello"), LIMIT="43")) == {"build-path", "unknown"}


def test_a_path_that_a_linker_puts_elsewhere_among_texts_is_found_there() -> None:
    """Texts stand in an order that their hashes give: with another path each may change its place."""
    table = Map()
    align_texts(b"library.c\0/a/first/src\0int\0", b"/b/second/src\0int\0library.c\0", table)
    table.close()
    assert [table.shown(at) for at in (0, 10, 23)] == [18, 0, 14]
    assert not table.same(10, 14)
