"""What the tests of the handlers share: golden files of other tools, and damage for a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st
from jobs import EPOCH, normalize

from buildinfo.errors import FormatError
from buildinfo.normalize.job import Timestamps

CORPUS = Path(__file__).parents[2] / "../shared/corpus"


def corpus(name: str) -> bytes:
    """A file of the corpus; skips the test where there is none."""
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"no corpus file ../shared/corpus/{name}")
    return path.read_bytes()


def check_goldens(kind: str) -> None:
    """Every fixture of strip-nondeterminism for this kind comes out as it says, and a second pass changes nothing."""
    found = sorted((CORPUS / "strip-nondeterminism/fixtures" / kind).glob("*.in"))
    if not found:
        pytest.skip(f"no corpus files ../shared/corpus/strip-nondeterminism/fixtures/{kind}/*.in")
    for path in found:
        wanted = path.with_suffix(".out").read_bytes()
        assert normalize(path.read_bytes(), name=path.stem, timestamps="set")[0] == wanted, path.name
        assert normalize(wanted, name=path.stem, timestamps="set")[0] == wanted, path.name


def mutated(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """One of the seeds with a few bytes overwritten, a piece repeated or removed."""

    def damage(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
        for at, length, new in edits:
            start = at % (len(seed) + 1)
            seed = seed[:start] + new + seed[start + length :]
        return seed

    same_size = st.binary(min_size=1, max_size=4).map(lambda new: (len(new), new))
    other_size = st.tuples(st.integers(0, 40), st.binary(max_size=4))
    edit = st.tuples(st.integers(0, 1 << 16), st.one_of(same_size, other_size)).map(lambda e: (e[0], *e[1]))
    return st.builds(damage, st.sampled_from(seeds), st.lists(edit, max_size=4))


def check_settles(data: bytes, *, epoch: int = EPOCH, timestamps: Timestamps, handlers: str) -> None:
    """Whatever the bytes are: they are refused, or a second pass changes nothing."""
    try:
        once, _ = normalize(data, epoch=epoch, timestamps=timestamps, handlers=handlers)
    except FormatError:
        return
    twice, report = normalize(once, epoch=epoch, timestamps=timestamps, handlers=handlers)
    assert twice == once
    assert not report.changes


def check_cut(data: st.DataObject, hostile: bytearray) -> None:
    """Whole, or cut anywhere: the bytes are refused, or a second pass changes nothing."""
    cut = data.draw(st.integers(0, len(hostile))) if data.draw(st.booleans()) else len(hostile)
    try:
        out, _ = normalize(bytes(hostile[:cut]))
        assert normalize(out)[0] == out
    except FormatError:
        pass


POLICIES = {"timestamps": st.sampled_from(("clamp", "set")), "handlers": st.sampled_from(("leaks", "all"))}
