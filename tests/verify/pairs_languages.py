"""Pairs of what Go, Rust and mkimage make."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pairs_compiling import Compiling, compiling
from pairs_making import LATER, Factor, Missing, Place, files, run
from pairs_packing import EPOCH
from pairs_tree import prose, put

GO = """\
package main

var words = []string{"hello", "moin", "hej", "salut"}

//go:noinline
func word(n int) string {
	return words[n%len(words)]
}

func main() {
	for n := range words {
		println(word(n * 3))
	}
}
"""
PICK = 'pub fn pick(n: usize) -> String {\n    format!("word number {n}")\n}\n'
WORDS = "#[inline(never)]\npub fn word(n: u32) -> u32 {\n    n.wrapping_mul(41).rotate_left(3)\n}\n"
HELLO = "fn main() {\n    std::process::exit(words::word(std::process::id()) as i32 & 1)\n}\n"
ANN, JOE = "/srv/ann/aports/hello", "/srv/joe/src/hello"


@cache
def _mounting() -> tuple[str, ...]:
    """What gives a program mounts of its own here."""
    for command in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        if (
            subprocess.run([*command, "mount", "-t", "tmpfs", "t", "/srv"], capture_output=True, check=False).returncode
            == 0
        ):
            return command
    raise Missing("the right to mount: unshare --mount")


def inside(place: str, below: str, *command: str, work: Path, **changes: str | None) -> bytes:
    """Runs a program in a folder below `place`, which shows the work folder."""
    show = 'mount -t tmpfs t /srv && mkdir -p "$0" && mount --bind "$1" "$0" && cd "$0/$2"'
    script = f'{show} && unset PWD OLDPWD && shift 2 && exec "$@"'
    return run(*_mounting(), "sh", "-c", script, place, work, below, *command, cwd=work, stdin=b"", **changes)


@cache
def _go_cache() -> TemporaryDirectory[str]:
    """Lives as long as the process, so that Go's library is compiled once."""
    return TemporaryDirectory(prefix="go-", ignore_cleanup_errors=True)


def go(tree: Path, work: Path, *flags: str, place: str = ANN, source: str = GO) -> None:
    put(work / "main.go", source)
    put(work / "go.mod", "module example.org/hello\n\ngo 1.19\n")
    own = {"GOCACHE": _go_cache().name, "GOPATH": "/nonexistent", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    inside(place, ".", "go", "build", "-buildvcs=false", *flags, "-o", "hello", ".", work=work, **own)
    put(tree / "usr/bin/hello-go", (work / "hello").read_bytes(), 0o755)


def going(
    first: tuple[str, ...], second: tuple[str, ...], places: tuple[str, str] = (ANN, ANN), source: str = GO
) -> Place:
    """Built with two sets of options, at two places, or the second time from another source."""

    def place(tree: Path, work: Path, again: bool) -> None:
        go(tree, work, *(second if again else first), place=places[again], source=source if again else GO)

    return place


def rustc(tree: Path, work: Path, metadata: str, *, kind: str = "dylib", source: str = PICK) -> None:
    """With the `-C metadata` that cargo would give; symbols of the crate end in a hash over it."""
    put(work / "lib.rs", source)
    name = f"libhello.{'so' if kind == 'dylib' else kind}"
    options = f"--crate-name hello --crate-type {kind} -O -C prefer-dynamic -C metadata={metadata}".split()
    moved = f"--remap-path-prefix={work}={ANN}"
    run("rustc", *options, moved, "-o", name, "lib.rs", cwd=work, HOME=os.environ.get("HOME"))
    put(tree / "usr/lib" / name, (work / name).read_bytes(), 0o755)


def cargo(tree: Path, work: Path, place: str, *, words: str = WORDS) -> None:
    """A package beside its workspace: the hash that cargo gives to rustc holds the package's absolute path."""
    head = 'edition = "2021"\nversion = "1.2.0"\n'
    put(work / "words/Cargo.toml", f'[package]\nname = "words"\n{head}')
    put(work / "words/src/lib.rs", words)
    put(
        work / "hello/Cargo.toml", f'[package]\nname = "hello"\n{head}[dependencies]\nwords = {{ path = "../words" }}\n'
    )
    put(work / "hello/src/main.rs", HELLO)
    own = {
        "HOME": os.environ.get("HOME"),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME"),
        "CARGO_HOME": f"{place}/home",
        "RUSTFLAGS": "-C prefer-dynamic -C codegen-units=1",
    }
    inside(place, "hello", "cargo", "build", "--quiet", "--offline", "--release", work=work, **own)
    put(tree / "usr/bin/hello-rust", (work / "hello/target/release/hello").read_bytes(), 0o755)


FIT = """\
/dts-v1/;
/ {
	description = "%s";
	#address-cells = <1>;
	images {
		kernel {
			description = "hello";
			data = /incbin/("kernel");
			type = "kernel"; arch = "arm"; os = "linux"; compression = "none";
			load = <0x8000>; entry = <0x8000>;
			hash-1 { algo = "sha256"; };
		};
	};
	configurations { default = "one"; one { kernel = "kernel"; }; };
};
"""


def uimage(tree: Path, work: Path, time: int, *, name: str = "hello-1.2", text: str = prose(40, 70)) -> None:
    put(work / "kernel", text)
    about = ("-A", "arm", "-O", "linux", "-T", "kernel", "-C", "none", "-a", "0x8000", "-e", "0x8000", "-n", name)
    run("mkimage", *about, "-d", "kernel", "image", cwd=work, SOURCE_DATE_EPOCH=str(time))
    put(tree / "boot/uImage", (work / "image").read_bytes())


def fit(tree: Path, work: Path, time: int, *, name: str = "hello-1.2") -> None:
    put(work / "kernel", prose(40, 70))
    put(work / "image.its", FIT % name)
    run("mkimage", "-f", "image.its", "image", cwd=work, SOURCE_DATE_EPOCH=str(time))
    put(tree / "boot/image.fit", (work / "image").read_bytes())


def u_boot(release: str, date: str) -> Compiling:
    """As U-Boot's `version.h` puts together what its Makefile lets `date` write into `timestamp_autogenerated.h`."""
    return Compiling().saying(f'"U-Boot {release} ({date} +0000)"')


TIMES = (EPOCH, LATER)
IDS = ("Zr1kT0hXb6aGQnX3fWjD/cUq8GvVfVnB5m2o0yHj5/L3s7", "pQ9xW2mLr4uTzY8eKcVa/cUq8GvVfVnB5m2o0yHj5/N8d2")
CHANGED_GO = GO.replace('"hej"', '"hallo"')
SPOKEN = ("Feb 03 2024 - 04:05:06", "Feb 11 2024 - 06:08:10")
NEED_GO, NEED_CARGO = ("go", "unshare"), ("cargo", "rustc", "unshare")

BARE = ("-ldflags=-s -w -buildid=",)


def given(identity: str) -> tuple[str, ...]:
    """With `-trimpath`, Go does not record the options of the linker, so that the id is all that differs."""
    return ("-trimpath", f"-ldflags=-s -w -buildid={identity}")


FACTORS: tuple[Factor, ...] = (
    files("go-build-id", "the id that go gave to the linker", going(given(IDS[0]), given(IDS[1])), needs=NEED_GO),
    files("go-build-id", "with and without an id", going(given(""), given(IDS[0])), needs=NEED_GO),
    files("go-trimpath", "two folders, stripped, no id", going(BARE, BARE, (ANN, JOE)), needs=NEED_GO),
    files("go-trimpath", "two folders, and the id that follows", going((), (), (ANN, JOE)), needs=NEED_GO),
    files("go-trimpath", "with and without -trimpath", going(("-trimpath",), ()), needs=NEED_GO),
    files(
        "rust-metadata",
        "a library",
        lambda tree, work, second: rustc(tree, work, ("7a3c5e9d1b2f4860", "e4b8d0167c92a35f")[second]),
        needs=("rustc",),
    ),
    files(
        "rust-metadata",
        "a static library for Rust",
        lambda tree, work, second: rustc(tree, work, ("7a3c5e9d1b2f4860", "e4b8d0167c92a35f")[second], kind="rlib"),
        needs=("rustc",),
    ),
    files(
        "rust-metadata",
        "cargo at two folders",
        lambda tree, work, second: cargo(tree, work, JOE if second else ANN),
        needs=NEED_CARGO,
    ),
    files("image-time", "mkimage", lambda tree, work, second: uimage(tree, work, TIMES[second]), needs=("mkimage",)),
    files(
        "image-time",
        "mkimage: a FIT image",
        lambda tree, work, second: fit(tree, work, TIMES[second]),
        needs=("mkimage", "dtc"),
    ),
    compiling("image-time", "the banner of U-Boot", *(u_boot("2024.01", date) for date in SPOKEN)),
)

NEAR: tuple[Factor, ...] = (
    files("go-build-id", "changed code, and the id that follows", going((), (), source=CHANGED_GO), needs=NEED_GO),
    files("go-trimpath", "changed code in one folder", going((), (), source=CHANGED_GO), needs=NEED_GO),
    files(
        "go-trimpath",
        "a path that the program prints",
        going((), (), source=GO.replace('"hej"', '"/usr/share/hello"')),
        needs=NEED_GO,
    ),
    files(
        "rust-metadata",
        "a changed function",
        lambda tree, work, second: rustc(
            tree, work, "7a3c5e9d1b2f4860", source=PICK.replace("number", ("number", "no.")[second])
        ),
        needs=("rustc",),
    ),
    files(
        "rust-metadata",
        "another name of a function",
        lambda tree, work, second: rustc(
            tree, work, "7a3c5e9d1b2f4860", source=PICK.replace("pick", ("pick", "take")[second])
        ),
        needs=("rustc",),
    ),
    files(
        "image-time",
        "mkimage: the name",
        lambda tree, work, second: uimage(tree, work, EPOCH, name=("hello-1.2", "hello-1.3")[second]),
        needs=("mkimage",),
    ),
    files(
        "image-time",
        "mkimage: what is in the image",
        lambda tree, work, second: uimage(tree, work, EPOCH, text=prose(40, 70 + second)),
        needs=("mkimage",),
    ),
    files(
        "image-time",
        "mkimage: the description of a FIT image",
        lambda tree, work, second: fit(tree, work, EPOCH, name=("hello-1.2", "hello-1.3")[second]),
        needs=("mkimage", "dtc"),
    ),
    compiling(
        "image-time",
        "the version in U-Boot's banner",
        *(u_boot(release, SPOKEN[0]) for release in ("2024.01", "2024.04")),
    ),
)
