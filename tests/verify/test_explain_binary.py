"""Binaries: who is told of a wrong cause changes the wrong flag, and who is told of none looks for it for days."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from explaining import causes, hunks, needs, of_string, run

SOURCE = """
#include <stdio.h>
#ifndef SAID
#define SAID "hello"
#endif
#ifndef NUMBER
#define NUMBER 1234567
#endif
static const char *const words[] = {"moin", "hej", "salut", SAID};
int number(int n) { return n * NUMBER; }
const char *word(int n) { return words[n & 3]; }
int main(int argc, char **argv) { return puts(word(argc)) + number(argc) + (argv == 0); }
"""


Gcc = Callable[..., bytes]


@pytest.fixture
def gcc(tmp_path: Path) -> Gcc:
    """Compiles the program, or another one; stripped unless told otherwise."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")

    def compiled(*flags: str, source: str = SOURCE, strip: bool = True, compiler: str = "gcc") -> bytes:
        (tmp_path / "main.c").write_text(source)
        link = () if "-c" in flags else ("-Wl,--build-id=none",)
        run(
            compiler,
            "-O2",
            f"-ffile-prefix-map={tmp_path}=/usr/src/hello",
            *link,
            *flags,
            "main.c",
            "-o",
            "out",
            cwd=tmp_path,
        )
        if strip:
            run("strip", "out", cwd=tmp_path)
        return (tmp_path / "out").read_bytes()

    return compiled


def said(text: str) -> str:
    return f'-DSAID="{text}"'


class TestWhatFollows:
    def test_code_follows_from_texts_that_became_longer(self, gcc: Gcc) -> None:
        assert causes(gcc(said("/home/ann/hello/main.c")), gcc(said("/builds/hello/hello/hello/main.c"))) == {
            "build-path"
        }

    def test_changed_code_is_not_hidden_by_texts_that_became_longer(self, gcc: Gcc) -> None:
        before = gcc(said("/home/ann/hello/main.c"))
        after = gcc(said("/builds/hello/hello/hello/main.c"), "-DNUMBER=1234568")
        assert causes(before, after) == {"build-path", "unknown"}

    def test_lengths_of_texts_follow_in_objects(self, gcc: Gcc) -> None:
        flags = ("-c", "-g")
        assert causes(gcc(*flags, said("/tmp/a/x.c"), strip=False), gcc(*flags, said("/tmp/bb/x.c"), strip=False)) == {
            "build-path"
        }

    def test_a_build_id_follows_from_changed_code(self, gcc: Gcc) -> None:
        link = "-Wl,--build-id=sha1"
        assert causes(gcc(link), gcc(link, "-DNUMBER=1234568")) == {"unknown"}

    def test_a_build_id_alone_is_named(self, gcc: Gcc) -> None:
        before, after = gcc("-Wl,--build-id=0x" + "5b" * 20), gcc("-Wl,--build-id=0x" + "c1" * 20)
        assert causes(before, after) == {"build-id"}

    @needs("objcopy")
    def test_debug_information_of_its_own(self, gcc: Gcc, tmp_path: Path) -> None:
        sides = []
        for home in ("/home/ann/hello", "/builds/hello"):
            gcc("-g", f"-ffile-prefix-map={tmp_path}={home}", strip=False)
            run("objcopy", "--only-keep-debug", "--compress-debug-sections", "out", "out.debug", cwd=tmp_path)
            sides.append((tmp_path / "out.debug").read_bytes())
        assert causes(*sides) == {"build-path"}


class TestCompilers:
    @needs("clang")
    def test_another_compiler(self, gcc: Gcc) -> None:
        assert causes(gcc(), gcc(compiler="clang")) == {"compiler"}

    def test_other_options(self, gcc: Gcc) -> None:
        # What other options make of the same source nobody can tell.
        assert causes(gcc("-g", strip=False), gcc("-g", "-fwrapv", strip=False)) == {"compiler-flags", "unknown"}
        assert causes(gcc("-no-pie"), gcc("-pie")) >= {"compiler-flags"}

    def test_what_link_time_optimization_draws(self, gcc: Gcc) -> None:
        flags, other = (("-flto", "-c", f"-frandom-seed=0x{seed}") for seed in ("1a2b3c4d5e6f7081", "8f7e6d5c4b3a2910"))
        before = gcc(*flags, strip=False)
        assert causes(before, gcc(*other, strip=False)) == {"random-seed"}
        assert "random-seed" not in causes(before, gcc(*flags, "-DNUMBER=5", strip=False))

    @needs("clang")
    def test_another_processor(self, gcc: Gcc) -> None:
        built = [
            gcc("-c", f"--target={arch}-linux-musl", "-nostdinc", source="int a;", compiler="clang", strip=False)
            for arch in ("x86_64", "aarch64")
        ]
        assert causes(*built) == {"other-arch"}

    @pytest.mark.parametrize(
        ("before", "after", "name"),
        [
            ("GNU C17 13.2.1 20231014 -O2 -g", "GNU C17 14.2.0 -O2 -g", ".debug_str:producer"),
            ("GNU AS 2.41.0", "GNU AS 2.43.1", ".debug_str:producer"),
            ("clang version 17.0.6", "Alpine clang version 18.1.8", ".debug_str:producer"),
            ("/usr/lib/gcc/riscv64-alpine/13.2.1/a", "/usr/lib/gcc/riscv64-alpine/14.2.0/a", ".debug_line"),
            (f"/rustc/{'a1' * 20}/library/core/src/mod.rs", f"/rustc/{'b2' * 20}/library/core/src/mod.rs", ".rodata"),
            ("go\tgo1.21.5", "go\tgo1.22.1", ".go.buildinfo"),
        ],
    )  # fmt: skip
    def test_versions_of_compilers(self, before: str, after: str, name: str) -> None:
        assert of_string(before, after, name) == {"compiler"}

    def test_a_text_about_a_compiler_is_none(self) -> None:
        assert of_string("needs clang version 17 or later", "needs clang version 18 or later") == {"unknown"}
        assert of_string("GCC: (GNU) 12", "GCC: (GNU) 13") == {"unknown"}


class TestPaths:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("/home/ann/hello/src/main.c", "/builds/aports/hello/src/main.c"),
            ("cc -I/tmp/a/include -c x.c", "cc -I/var/tmp/b/include -c x.c"),
            ("/home/ann/hello/src/main.c", "src/main.c"),
            ("panicked at /root/.cargo/registry/src/a/b.rs:3:4", "panicked at /home/b/.cargo/registry/src/a/b.rs:3:4"),
            ("none/home/ann/p/src/lib.rs", "none/home/joe/p/src/lib.rs"),
        ],
    )
    def test_folders_of_builds(self, before: str, after: str) -> None:
        assert of_string(before, after) == {"build-path"}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("/home/ann/hello/src/main.c", "/home/ann/hello/src/other.c"),
            ("/usr/share/hello/words", "/usr/local/share/hello/words"),
            ("/usr/lib/hello", "/usr/lib64/hello"),
            ("/etc/hello.conf", "/usr/etc/hello.conf"),
            ("/run/hello/socket", "/var/run/hello/socket"),
            ("/usr/lib/hello/plugin.so", "/tmp/usr/lib/hello/plugin.so"),
            ("/home/ann/hello/pkg/usr/share/hello", "/usr/share/hello"),
        ],
    )
    def test_folders_of_programs_are_none(self, before: str, after: str) -> None:
        assert "build-path" not in of_string(before, after)

    def test_a_run_path_on_one_side_is_no_path_of_a_build(self, gcc: Gcc) -> None:
        assert "unknown" in causes(gcc(), gcc("-Wl,-rpath,/home/ann/hello/.libs"))
        assert "build-path" not in causes(gcc(), gcc("-Wl,-rpath,/usr/lib/hello"))

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("/tmp/tmp.k3JdLq0XyZ/x.c", "/tmp/tmp.Bf0aTzWm4u/x.c"),
            ("/tmp/ccYx3fQd.o", "/tmp/ccB81wLk.o"),
            ("ccYx3fQd.ltrans0.o", "ccB81wLk.ltrans0.o"),
            ("/tmp/tmpz8qk_4vd", "/tmp/tmp0x_p3c1f"),
            ("/tmp/go-build1234567890/b001", "/tmp/go-build987654321/b001"),
            ("hello.aX3f9Q", "hello.k2LmZ0"),
        ],
    )
    def test_names_drawn_at_random(self, before: str, after: str) -> None:
        assert of_string(before, after) == {"temporary-name"}

    @pytest.mark.parametrize(
        ("before", "after"),
        [("hello.status", "hello.header"), ("/tmp/hello.socket", "/tmp/hello.server"), ("ccache.o", "ccpath.o")],
    )
    def test_names_that_were_not(self, before: str, after: str) -> None:
        assert of_string(before, after) == {"unknown"}


class TestTimes:
    @pytest.mark.parametrize(
        ("before", "after", "cause"),
        [
            ("hello 1.2 (Feb  3 2024)", "hello 1.2 (Feb 11 2024)", "date-macro"),
            ("04:05:06", "06:08:10", "date-macro"),
            ("Sat Feb  3 04:05:06 2024", "Sun Feb 11 06:08:10 2024", "date-macro"),
            ("U-Boot SPL 2024.04 (Apr 05 2024 - 12:00:00 +0000)", "U-Boot SPL 2024.04 (May 06 2024 - 13:00:00 +0200)",
             "image-time"),
            ("#1-Alpine SMP PREEMPT_DYNAMIC Fri, 05 Apr 2024 12:00:00 +0000",
             "#1-Alpine SMP PREEMPT_DYNAMIC Mon, 06 May 2024 13:00:01 +0000", "image-time"),
            ("#1 SMP Fri Apr  5 12:00:00 UTC 2024", "#1 SMP Mon May  6 13:00:00 UTC 2024", "image-time"),
            ("Built : 12:00:00, Apr  5 2024", "Built : 13:00:00, May  6 2024", "image-time"),
        ],
    )  # fmt: skip
    def test_stamps(self, before: str, after: str, cause: str) -> None:
        assert of_string(before, after) == {cause}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("hello 1.2 of Feb  3 2024, level 7", "hello 1.2 of Feb  3 2024, level 8"),
            ("protocol 1:20:33", "protocol 1:20:34"),
            ("U-Boot 2024.01 (Apr 05 2024 - 12:00:00 +0000)", "U-Boot 2024.04 (Apr 05 2024 - 12:00:00 +0000)"),
        ],
    )
    def test_what_only_looks_like_a_stamp(self, before: str, after: str) -> None:
        assert not of_string(before, after) & {"date-macro", "image-time"}


class TestLanguages:
    @pytest.mark.parametrize(
        ("before", "after", "cause"),
        [
            ("_ZN4core3fmt5write17h0123456789abcdefE", "_ZN4core3fmt5write17hfedcba9876543210E", "rust-metadata"),
            ("_RNvNtCs1234abcd_5hello4word", "_RNvNtCsZy98_5hello4word", "rust-metadata"),
            ("hello.7rcbfp3g1a2b3c4d-cgu.0", "hello.1a2b3c4d7rcbfp3g-cgu.0", "rust-metadata"),
            ("build\t-trimpath=true", "", "go-trimpath"),
            ("build\tvcs.revision=" + "a" * 40, "build\tvcs.revision=" + "b" * 40, "go-build-id"),
            ("build\tGOAMD64=v1", "build\tGOAMD64=v3", "compiler-flags"),
            ("/home/ann/go/pkg/mod/a.org/b@v1.0.0/c.go", "a.org/b@v1.0.0/c.go", "go-trimpath"),
        ],
    )
    def test_what_their_compilers_write(self, before: str, after: str, cause: str) -> None:
        assert of_string(before, after) == {cause}

    @needs("rustc", "strip")
    def test_a_program_of_rust_in_two_folders(self, tmp_path: Path) -> None:
        sides = []
        for home in ("/home/ann/hello", "/builds/some/hello"):
            (tmp_path / "main.rs").write_text('fn main() { println!("{}", std::env::args().nth(1).unwrap()) }\n')
            moved = f"--remap-path-prefix={tmp_path}={home}"
            run("rustc", "-O", "-C", "metadata=1", moved, tmp_path / "main.rs", "-o", "out", cwd=tmp_path)
            run("strip", "out", cwd=tmp_path)
            sides.append((tmp_path / "out").read_bytes())
        assert causes(*sides) == {"build-path"}

    def test_another_name_is_none(self) -> None:
        names = [f"_ZN5hello4{name}17h{number * 8}E" for name, number in (("pick", "01"), ("take", "23"))]
        assert of_string(*names) == {"unknown"}
        assert of_string("/home/ann/a/c.go", "/home/ann/a/d.go") == {"unknown"}


class TestStrippedAndOrdered:
    def test_symbols_on_one_side(self, gcc: Gcc) -> None:
        assert causes(gcc(strip=False), gcc()) == {"stripped"}
        assert causes(gcc("-g", strip=False), gcc(strip=False)) == {"stripped"}
        assert "stripped" not in causes(gcc("-g", "-O0", strip=False), gcc("-g", strip=False))

    def test_functions_in_another_order(self, gcc: Gcc, tmp_path: Path) -> None:
        (tmp_path / "a.c").write_text("int a(int n) { return n ? a(n / 3) * 5 + n % 7 : 1; }\n" * 1)
        (tmp_path / "b.c").write_text("int b(int n) { int s = 0; while (n--) s += n * n; return s; }\n")
        (tmp_path / "m.c").write_text("int a(int), b(int); int main(int n, char **v) { return a(n) + b(n) + !v; }\n")
        sides = []
        for order in (("a.c", "b.c"), ("b.c", "a.c")):
            run("gcc", "-O1", "-Wl,--build-id=none", "m.c", *order, "-o", "out", cwd=tmp_path)
            sides.append((tmp_path / "out").read_bytes())
        assert [hunk.kind for hunk in hunks(*sides) if not hunk.follows] == ["order"]
