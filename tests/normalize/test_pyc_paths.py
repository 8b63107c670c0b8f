"""If these fail, compiled Python tells where it was built, and a traceback names a file that nobody has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from goldens import CORPUS
from jobs import EPOCH

from buildinfo.normalize.content import normalize_content
from buildinfo.normalize.job import Budget, Job, Report
from buildinfo.normalize.marshal import canonical, with_filename
from buildinfo.normalize.pyc import _version, canonical_code
from buildinfo.normalize.registry import select

NAME = "usr/lib/python3/__pycache__/hello.cpython-311.pyc"
SOURCE_NAME = "usr/lib/python3/hello.py"
CODE = """
def outer(name="hello"):
    def inner():
        return [lambda: (name, each) for each in range(3)]
    class Reader:
        def read(self):
            raise ValueError(name)
    return inner, Reader
"""
SHOW = """
import marshal, sys
def paths(code):
    yield code.co_filename
    for each in code.co_consts:
        if hasattr(each, "co_code"):
            yield from paths(each)
with open(sys.argv[1], "rb") as file:
    print(*sorted(set(paths(marshal.loads(file.read()[int(sys.argv[2]):])))))
"""
PYTHONS = [f"python3.{minor}" for minor in range(6, 15)]


def python(name: str, *words: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"needs {name} on PATH")
    done = subprocess.run([name, *words], capture_output=True, text=True, check=False)
    if "not found" in done.stderr:
        pytest.skip(f"needs {name} on PATH")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def compiled(folder: Path, name: str, says: str, *, code: str = CODE, mode: str = "CHECKED_HASH") -> bytes:
    """A module whose source is said to lie at `says`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hello.py").write_text(code)
    asked = f", invalidation_mode=py_compile.PycInvalidationMode.{mode}" if name != "python3.6" else ""
    python(name, "-c", f"import py_compile; py_compile.compile({str(folder / 'hello.py')!r}, "
                       f"{str(folder / 'out.pyc')!r}, {says!r}, doraise=True{asked})")  # fmt: skip
    return (folder / "out.pyc").read_bytes()


def finalized(data: bytes, base: str, name: str = NAME) -> bytes:
    policy = select("all", EPOCH)._replace(pkgbasedir=base)
    return normalize_content(data, Job(policy, name, Report(), Budget.of(len(data))))


@pytest.mark.parametrize("name", PYTHONS)
@pytest.mark.parametrize("package", ["hello", "hello-pyc"])
def test_code_says_where_its_source_is_installed(name: str, package: str, tmp_path: Path) -> None:
    bases = ("/home/ann/aports/hello/pkg", f"/home/joe/{'deep/' * 60}pkg")
    results = set()
    for at, base in enumerate(bases):
        data = compiled(tmp_path / str(at), name, f"{base}/{package}/{SOURCE_NAME}")
        (tmp_path / str(at) / "new.pyc").write_bytes(new := finalized(data, base))
        size = "12" if name == "python3.6" else "16"
        assert python(name, "-c", SHOW, str(tmp_path / str(at) / "new.pyc"), size) == f"/{SOURCE_NAME}"
        assert finalized(new, base) == new
        results.add(new[int(size) :])
    assert len(results) == 1
    direct = compiled(tmp_path / "direct", name, f"/{SOURCE_NAME}")
    assert results == {finalized(direct, bases[0])[int(size) :]}


BASE = "/home/ann/aports/hello/pkg"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (f"{BASE}/hello/usr/lib/python3/other.py", CODE),
        (f"{BASE}/hello/opt/{SOURCE_NAME}", CODE),
        ("/home/ann/aports/hello/src/hello.py", CODE),
        (f"{BASE}/hello/{SOURCE_NAME}", f"{CODE}\nDATA = '{BASE}/hello/{SOURCE_NAME}'\n"),
    ],
)
def test_nothing_else_changes(says: str, code: str, tmp_path: Path) -> None:
    """Another path may be data that the program looks for; a constant is what the program means."""
    data = compiled(tmp_path, Path(sys.executable).name, says, code=code)
    assert finalized(data, BASE) == finalized(data, "")
    assert says.encode() in finalized(data, BASE)


def test_a_constant_keeps_its_value_where_the_path_changes(tmp_path: Path) -> None:
    name = f"python3.{sys.version_info[1]}"
    code = f"{CODE}\nDATA = '{BASE}/hello/usr/share', '/{SOURCE_NAME}'\n"
    data = compiled(tmp_path, name, f"{BASE}/hello/{SOURCE_NAME}", code=code)
    (tmp_path / "new.pyc").write_bytes(finalized(data, BASE))
    assert python(name, "-c", SHOW, str(tmp_path / "new.pyc"), "16") == f"/{SOURCE_NAME}"
    run = "import marshal, sys; d = {}; exec(marshal.loads(open(sys.argv[1], 'rb').read()[16:]), d); print(d['DATA'])"
    assert python(name, "-c", run, str(tmp_path / "new.pyc")) == str((f"{BASE}/hello/usr/share", f"/{SOURCE_NAME}"))


def test_every_known_python_has_its_path_found() -> None:
    """3.11 moved it; modules of 3.6 to 3.14 that others compiled."""
    found = sorted((CORPUS / "add-determinism").rglob("*.pyc"))
    if not found:
        pytest.skip("no corpus files ../shared/corpus/add-determinism/**/*.pyc")
    seen = set()
    for path in found:
        data = path.read_bytes()
        header, dialect = _version(int.from_bytes(data[:2], "little"))
        code = canonical(data, header, dialect)
        told = {
            text: with_filename(code, header, dialect, text, b"/usr/x.py") for text in set(canonical_code(data).texts)
        }
        (filename,) = [text for text, new in told.items() if new != code]
        assert filename.endswith(b".py"), path
        assert filename not in canonical_code(told[filename]).texts
        assert with_filename(told[filename], header, dialect, b"/usr/x.py", filename) == code
        seen.add(data[:2])
    assert len(seen) >= 8
