"""Compiled Python modules: what two builds spell in two ways comes out as one, and still runs."""

from __future__ import annotations

import importlib.util
import marshal
import os
import py_compile
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jobs import normalize

from buildinfo.apk.segments import iter_segments
from buildinfo.errors import FormatError
from buildinfo.normalize.marshal import MAX_DEPTH
from buildinfo.normalize.pyc import MAX_SIZE

FLAG_REF = 0x80
SOURCE = '''
"""A module."""
import os as name

LIMITS = (1, 2.5, -0.0, 3j, 10**40, "name", b"bytes", None, ..., True, "\\u20ac", "a b", frozenset({1}))

class Reader:
    def read(self, name="name", *, limits=(1, 2.5)):
        return [name for name in (1, 2.5) if name in {"name", "a b"}], lambda: name

def reader(name, /, other="a b"):
    return Reader().read(name), other[1:2]

RESULT = reader("name")[0][0], (lambda name: name)("a b"), LIMITS
'''
KNOWN = importlib.util.MAGIC_NUMBER in {struct.pack("<H2s", magic, b"\r\n") for magic in (3495, 3531, 3571, 3627)}
needs_known = pytest.mark.skipif(not KNOWN, reason="needs a Python whose compiled modules are known")

# Magic number, bytes of header, numbers before the first object of a code object, objects after its line number.
VERSIONS = [
    pytest.param(3379, 12, 5, 1, id="3.6"),
    pytest.param(3394, 16, 5, 1, id="3.7"),
    pytest.param(3400, 16, 5, 1, id="3.8a1"),
    pytest.param(3413, 16, 6, 1, id="3.8"),
    pytest.param(3425, 16, 6, 1, id="3.9"),
    pytest.param(3439, 16, 6, 1, id="3.10"),
    pytest.param(3495, 16, 5, 2, id="3.11"),
    pytest.param(3531, 16, 5, 2, id="3.12"),
    pytest.param(3571, 16, 5, 2, id="3.13"),
    pytest.param(3627, 16, 5, 2, id="3.14"),
]


def header(magic: int = 3495, *, size: int = 16, flags: int = 0, time: int = 1700000000) -> bytes:
    """What stands before the code object."""
    words = (time, 100) if size == 12 else (flags, time, 100)
    return struct.pack("<H2s", magic, b"\r\n") + struct.pack(f"<{len(words)}I", *words)


def code(constants: bytes, numbers: int = 5, tail: int = 2) -> bytes:
    """A code object whose only parts are its constants and its line number; all else is None."""
    return b"c" + bytes(4 * numbers) + b"N" + constants + 6 * b"N" + struct.pack("<I", 1) + tail * b"N"


def module(constants: bytes) -> bytes:
    """A module of Python 3.11."""
    return header() + code(constants)


def compiled(folder: Path, *, source: str = SOURCE, checked: bool = False) -> Path:
    """A module that this Python compiles; the source is beside it."""
    path = folder / "module.py"
    path.write_text(source)
    mode = py_compile.PycInvalidationMode.CHECKED_HASH if checked else py_compile.PycInvalidationMode.TIMESTAMP
    return Path(py_compile.compile(str(path), doraise=True, invalidation_mode=mode))


def equal(one: object, other: object) -> bool:
    """Whether two constants, or code objects with all inside them, are the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, CodeType):
        names = [name for name in dir(one) if name.startswith("co_") and not callable(getattr(one, name))]
        return all(equal(getattr(one, name), getattr(other, name)) for name in names if name != "co_lnotab")
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return repr(one) == repr(other) if isinstance(one, float | complex) else one == other


@pytest.fixture(scope="session")
def goldens(corpus: Path) -> Path:
    folder = corpus / "add-determinism"
    if not folder.is_dir():
        pytest.skip("needs add-determinism's test files in ../shared/corpus")
    return folder


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_fedora_and_alpine_spell_the_standard_library_alike(goldens: Path, version: str) -> None:
    """Lost: a module that add-determinism normalized would change again, or stay different."""
    files = sorted(goldens.glob(f"python_stdlib/{version}/*.pyc"))
    assert files
    for file in files:
        fixed = file.with_name(f"{file.name}.fixed")
        want = (fixed if fixed.exists() else file).read_bytes()
        assert normalize(file.read_bytes())[0] == want, file.name
        again, report = normalize(want)
        assert again == want
        assert not report.changes
        assert not report.skipped


def test_what_stands_after_a_module_is_dropped(goldens: Path) -> None:
    """Lost: add-determinism's own case of a module with rubbish after it, which Python never reads."""
    fixed = (goldens / "adapters.cpython-312~fixed.pyc").read_bytes()
    for name in ("adapters.cpython-312.pyc", "adapters.cpython-312~fixed.pyc"):
        assert normalize((goldens / name).read_bytes())[0] == fixed
        assert normalize((goldens / name).read_bytes() + b"rubbish")[0] == fixed


def test_time_goes_where_the_header_of_its_version_has_it(goldens: Path) -> None:
    """Lost: a module of 3.6 would get its time where 3.7 keeps flags, and Python would throw it away."""
    new = (goldens / "adapters.cpython-311~mtime.pyc").read_bytes()
    assert normalize(new, source_time=lambda: 0)[0] == (goldens / "adapters.cpython-311~mtime.pyc.fixed").read_bytes()
    old = (goldens / "adapters.cpython-36~mtime.pyc").read_bytes()
    assert normalize(old, handlers="leaks", source_time=lambda: 0)[0] == old[:4] + bytes(4) + old[8:]


def test_official_hash_based_modules_hold_no_leak(corpus: Path) -> None:
    """Lost: `normalize` without canonical forms would change packages that have nothing that differs between builds.

    With canonical forms every one of them changes: CPython sets FLAG_REF on objects that nothing refers to.
    """
    seen = 0
    for package in sorted(corpus.glob("apk-v2/alpine-3.19-x86_64/*-pyc-*.apk")):
        for segment in iter_segments(package):
            for member, content in segment.tar:
                data = b"".join(map(bytes, content))
                if member.type != "file" or not member.name.endswith(".pyc"):
                    continue
                seen += 1
                assert normalize(data, handlers="leaks", source_time=lambda: 0)[0] is data
                result, report = normalize(data)
                assert [change.handler for change in report.changes] == ["pyc"]
                assert not report.skipped
                assert result[:16] == data[:16]
                assert normalize(result)[0] is result
    if not seen:
        pytest.skip("needs the -pyc packages of Alpine 3.19 in ../shared/corpus")


@needs_known
def test_module_runs_the_same(tmp_path: Path) -> None:
    """Lost: a package whose modules break, or behave differently, after normalization."""
    data = compiled(tmp_path).read_bytes()
    result, report = normalize(data)
    assert [change.handler for change in report.changes] == ["pyc"]
    assert equal(marshal.loads(data[16:]), marshal.loads(result[16:]))
    spaces: list[dict[str, object]] = [{"__name__": "module"}, {"__name__": "module"}]
    for space, text in zip(spaces, (data, result), strict=True):
        exec(marshal.loads(text[16:]), space)
    assert repr(spaces[0]["RESULT"]) == repr(spaces[1]["RESULT"])


@needs_known
@pytest.mark.parametrize("name", ["argparse", "decimal", "typing", "dataclasses", "difflib", "ast"])
def test_modules_of_this_python_load_equal(name: str) -> None:
    """Lost: real modules, with all that a compiler writes, would come out as other code."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    program = compile(Path(spec.origin).read_bytes(), f"/usr/lib/python/{name}.py", "exec")
    data = importlib.util.MAGIC_NUMBER + header()[4:] + marshal.dumps(program)
    result, report = normalize(data)
    assert not report.skipped
    assert equal(marshal.loads(result[16:]), program)
    assert normalize(result)[0] is result


@needs_known
def test_two_compilers_with_other_things_in_memory_agree(tmp_path: Path) -> None:
    """Lost: FLAG_REF tells how often the compiling process held an object, which differs from build to build.

    Code that was just compiled shares its constants with the compiler's tables; the same code, loaded, shares nothing.
    """
    data = compiled(tmp_path).read_bytes()
    other = data[:16] + marshal.dumps(marshal.loads(data[16:]))
    held = marshal.loads(data[16:])
    third = data[:16] + marshal.dumps((held, [held.co_consts, *held.co_consts])[0])
    assert other != data
    assert len({normalize(text)[0] for text in (data, other, third)}) == 1


@pytest.mark.parametrize(
    ("constants", "canonical"),
    [
        pytest.param(b")\2\xfa\1ar\0\0\0\0", b")\2\xfa\1ar\0\0\0\0", id="is canonical"),
        pytest.param(b"\xa9\2\xda\1xN", b")\2Z\1xN", id="nothing refers to it"),
        pytest.param(b"\xa9\3\xfa\1a\xfa\1br\2\0\0\0", b")\3z\1a\xfa\1br\0\0\0\0", id="numbers move up"),
        pytest.param(b")\2z\1az\1a", b")\2\xfa\1ar\0\0\0\0", id="equal text twice"),
        pytest.param(b")\2\xe9\1\0\0\0i\1\0\0\0", b")\2\xe9\1\0\0\0r\0\0\0\0", id="equal number twice"),
        pytest.param(b")\2)\1z\1a)\1z\1a", b")\2\xa9\1z\1ar\0\0\0\0", id="equal tuple twice, counted once"),
        pytest.param(b")\2)\1\xfa\1a\xa9\1r\0\0\0\0", b")\2\xa9\1z\1ar\0\0\0\0", id="equal tuple of a reference"),
        pytest.param(b")\3z\1aZ\1at\1\0\0\0a", b")\3z\1aZ\1at\1\0\0\0a", id="interned text is other text"),
        pytest.param(b")\2g" + bytes(8) + b"g" + bytes(7) + b"\x80", None, id="zero is not minus zero"),
        pytest.param(b")\2>\1\0\0\0N)\1N", None, id="a set is not a tuple"),
        pytest.param(b")\2\xcer\0\0\0\0", b")\2NN"[:2] + b"NN", id="None is never a reference"),
        pytest.param(b")\3\xd4\xc6\xae", b")\3TF.", id="atoms have no flag"),
        pytest.param(b")\2\xec\xfe\xff\xff\xff\1\0\2\0N", b")\2l\xfe\xff\xff\xff\1\0\2\0N", id="long number"),
        pytest.param(b")\1" + code(b"N") + b"", None, id="code inside code"),
    ],
)
def test_one_spelling_of_each_content(constants: bytes, canonical: bytes | None) -> None:
    """Lost: two builds that differ in nothing but the sharing of equal constants."""
    # The tail of the outer code object repeats no constant, so only what is given here may change.
    want = module(constants if canonical is None else canonical)
    assert normalize(module(constants))[0] == want
    assert normalize(want)[0] is want


def test_equal_functions_are_one() -> None:
    """Lost: convergence of modules with equal nested code objects; their parts are not referred to on their own."""
    inner = code(b")\1z\1a")
    shared = b"\xe3" + inner[1:]
    assert normalize(module(b")\2" + inner + shared))[0] == module(b")\2" + shared + b"r\0\0\0\0")


@pytest.mark.parametrize(("magic", "size", "numbers", "tail"), VERSIONS)
def test_code_objects_of_every_version(magic: int, size: int, numbers: int, tail: int) -> None:
    """Lost: modules of one Python would be taken for those of another, and left alone or broken."""
    head = header(magic, size=size)
    result, report = normalize(head + code(b"\xa9\1\xda\1a", numbers, tail))
    assert result == head + code(b")\1Z\1a", numbers, tail)
    assert not report.skipped
    with pytest.raises(FormatError):
        normalize(head + code(b"\xa9\1\xda\1a", numbers, tail)[:-1])


def test_slices_are_constants_since_3_14() -> None:
    """Lost: modules of 3.14 with `text[1:2]`."""
    constants = b"\xba\xe9\1\0\0\0i\1\0\0\0N"
    result, _ = normalize(header(3627) + code(constants))
    assert result == header(3627) + code(b":\xe9\1\0\0\0r\0\0\0\0N")
    with pytest.raises(FormatError):
        normalize(header(3571) + code(constants))


def test_four_bytes_alone_do_not_make_a_module() -> None:
    """Lost: four bytes of a file that happens to begin like a module; fuzzing found a zip archive."""
    with pytest.raises(FormatError):
        normalize(header() + b"PK\3\4", handlers="leaks", source_time=lambda: 1)


@pytest.mark.parametrize("magic", [3365 + 20, 3493, 3532, 3628, 3655])
def test_unknown_versions_are_left_alone(magic: int) -> None:
    """Lost: a Python of tomorrow would find its modules broken."""
    data = header(magic) + b"c" + bytes(100)
    result, report = normalize(data, source_time=lambda: 1)
    assert result is data
    assert [note.reason for note in report.skipped] == [
        f"compiled by a Python that this program does not know (magic {magic})"
    ]


@needs_known
def test_python_keeps_the_module_when_its_source_gets_a_new_time(tmp_path: Path) -> None:
    """Lost: Python compiles the module again at every start, as the package's files all get one time."""
    cache = compiled(tmp_path, source="VALUE = 1\n")
    time = 1423159771
    os.utime(tmp_path / "module.py", (time, time))
    stale = cache.read_bytes()
    result, _ = normalize(stale, source_time=lambda: time)
    for text, kept in ((stale, False), (result, True)):
        cache.write_bytes(text)
        subprocess.run([sys.executable, "-c", "import module"], cwd=tmp_path, check=True, env={"PYTHONPATH": "."})
        assert (cache.read_bytes() == text) is kept


@pytest.mark.parametrize(
    ("time", "written"), [(1423159771, 1423159771), (0, 0), ((1 << 32) + 5, 5), (-1, 0xFFFFFFFF), (None, 1700000000)]
)
def test_only_the_time_of_the_source_is_written(time: int | None, written: int) -> None:
    """Lost: a time that is not the source's, or none at all, makes Python compile again."""
    data = module(b"N")
    result, _ = normalize(data, handlers="leaks", source_time=lambda: time)
    assert result == header(time=written) + code(b"N")
    old = header(3379, size=12) + code(b"N", 5, 1)
    result, _ = normalize(old, handlers="leaks", source_time=lambda: time)
    assert result == header(3379, size=12, time=written) + code(b"N", 5, 1)


def test_modules_checked_by_hash_have_no_time() -> None:
    """Lost: eight bytes of the hash of the source would be overwritten, and the module never be used again."""

    def asked() -> int:
        raise AssertionError("nobody needs the time")

    for flags in (1, 3):
        data = header(flags=flags) + code(b"N")
        assert normalize(data, source_time=asked)[0] is data
    for flags in (2, 4, 1 << 31):
        with pytest.raises(FormatError):
            normalize(header(flags=flags) + code(b"N"))


def test_objects_that_no_compiler_writes_are_left_alone_but_the_time_is_not() -> None:
    """Lost: two equal lists, which a program may change one by one, would become one."""
    for constants in (b")\2[\0\0\0\0[\0\0\0\0", b"{0", b"<\0\0\0\0"):
        result, report = normalize(module(constants), source_time=lambda: 1)
        assert result == header(time=1) + code(constants)
        assert len(report.skipped) == 1
        assert "no compiler writes" in report.skipped[0].reason


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(header()[:11], id="header ends early"),
        pytest.param(header(), id="no code"),
        pytest.param(header() + b"N", id="not code"),
        pytest.param(module(b"r\0\0\0\0"), id="reference to nothing"),
        pytest.param(module(b"\xa9\1r\0\0\0\0"), id="reference to what holds it"),
        pytest.param(module(b")\2\xce\xf2\0\0\0\0"), id="flagged reference"),
        pytest.param(module(b"?"), id="unknown type"),
        pytest.param(module(b"0"), id="null"),
        pytest.param(module(b"(\xff\xff\xff\xffN"), id="too many parts"),
        pytest.param(module(b"s\xff\xff\xff\xff"), id="text too long"),
        pytest.param(module(b"l\0\0\0\x80"), id="number too long"),
        pytest.param(module(b")\1" * 100_000), id="too deep"),
        pytest.param(header() + b"c" + b"\xe3" * 100_000, id="ends in numbers"),
        pytest.param(module(code(b"N")[:21] * (MAX_DEPTH + 1)), id="code too deep"),
    ],
)
def test_malformed_modules_are_reported(data: bytes) -> None:
    """Lost: one broken file, or one made on purpose, would end the build of a package with a traceback."""
    with pytest.raises(FormatError):
        normalize(data)


def test_huge_modules_are_left_alone() -> None:
    """Lost: memory, to a file that was made to take it."""
    data = module(b"s" + struct.pack("<I", MAX_SIZE) + bytes(MAX_SIZE))
    result, report = normalize(data)
    assert result is data
    assert len(report.skipped) == 1


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compiled(tmp_path_factory.mktemp("sample")).read_bytes()


edits = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.sampled_from(["set", "flip", "cut", "drop", "put"]), st.binary(max_size=6)),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(edits=edits)
@example(edits=[(16, "flip", b"")])
def test_any_module_is_normalized_once_or_refused(sample: bytes, edits: list[tuple[int, str, bytes]]) -> None:
    """Lost: a traceback for a damaged module, or one that changes again when it is normalized again."""
    data = bytearray(sample)
    actions: dict[str, Callable[[int, bytes], None]] = {
        "set": lambda at, text: data.__setitem__(slice(at, at + len(text)), text),
        "flip": lambda at, text: data.__setitem__(
            slice(at, at + 1), bytes(byte ^ FLAG_REF for byte in data[at : at + 1])
        ),
        "cut": lambda at, text: data.__delitem__(slice(at, None)),
        "drop": lambda at, text: data.__delitem__(slice(at, at + 1 + len(text))),
        "put": lambda at, text: data.__setitem__(slice(at, at), text),
    }
    for place, action, text in edits:
        actions[action](4 + place % max(len(data) - 4, 1), text)
    try:
        result, _ = normalize(bytes(data), source_time=lambda: 7)
    except FormatError:
        return
    assert normalize(result, source_time=lambda: 7)[0] is result
