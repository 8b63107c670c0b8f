"""A buildinfo as bytes and back: canonical TOML, and the four digests.

The same record gives the same bytes: the keys stand in the order of :mod:`buildinfo.model`, mappings
sorted, defaults left out. Digests are taken over the parsed document and not over the model, so that
another program can compute them, and so that keys a reader does not know are covered.
"""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfc8785
import tomli_w

from buildinfo.errors import FormatError, RecordError, UnreadableError
from buildinfo.kind import misplaced
from buildinfo.opening import read_file, require_memory
from buildinfo.text import safe_toml

if TYPE_CHECKING:
    from buildinfo.apk.keys import KeyFolder
    from buildinfo.model import BuildInfo

Document = dict[str, Any]

#: A record is small; what is larger is no record (a build with every package of Alpine installed has 5 MB).
LARGEST = 16 * 1024 * 1024

MAX_KEYS = 20_000
"""Keys of one table; the environment of a build has hundreds."""
MAX_PARTS = 100
"""Dots in one key."""
FREE_TABLES = 20_000
"""Tables and lists of a record whatever its size."""
PER_TABLE = 32
"""Bytes for each one more; an installed package takes 150."""

#: Most tables and lists that are in one another; a record of ours has 4.
DEEPEST = 64
_INTEGER_BITS = 63

#: Bytes of memory that a byte of JSON may need.
PER_BYTE = 32

#: Digest -> what it covers. A name stands for the document's key; a dotted name for a key in a table.
DIGEST_PARTS = {
    "source": ("epoch.value", "inputs", "source.arch", "source.commit", "source.origin", "source.version"),
    "environment": ("environment", "installed", "sysroot", "tools"),
    "outputs": ("outputs[path,unsigned_sha256]",),
}


def digests(document: Document) -> dict[str, str]:
    """The four digests of a parsed document, hexadecimal.

    Three are SHA-256 over the RFC 8785 form of an object that holds the parts in :data:`DIGEST_PARTS`
    that the document has, keyed as they are named there (``outputs`` cut to the two fields). ``document``
    is over the whole document without its ``digests``, which follow from the rest.

    Raises:
        RecordError: a part cannot be put in RFC 8785 form (a float or an integer beyond 2**53).
    """
    parts = {name: _covered(document, parts) for name, parts in DIGEST_PARTS.items()}
    parts["document"] = {key: value for key, value in document.items() if key != "digests"}
    return {name: _digest(covered) for name, covered in parts.items()}


def _covered(document: Document, parts: tuple[str, ...]) -> Document:
    covered: Document = {}
    for part in parts:
        table, _, key = part.partition(".")
        if part.startswith("outputs"):
            covered["outputs"] = [
                {field: output.get(field) for field in ("path", "unsigned_sha256")} for output in document["outputs"]
            ]
        elif not key:
            covered[part] = document.get(part)
        else:
            covered[part] = document.get(table, {}).get(key)
    return {part: value for part, value in covered.items() if value is not None}


def _digest(covered: Document) -> str:
    try:
        return hashlib.sha256(rfc8785.dumps(covered)).hexdigest()
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise RecordError(f"no digest can be taken: {error}") from error


def dumps(record: BuildInfo) -> bytes:
    """The canonical TOML of a record, UTF-8."""
    try:
        return safe_toml(tomli_w.dumps(to_document(record))).encode()
    except UnicodeEncodeError as error:
        raise RecordError(f"a name in it is not UTF-8: {error}") from error


def to_document(record: BuildInfo) -> Document:
    """The record as plain tables, as a TOML or JSON reader sees it: no defaults, mappings sorted."""
    document: Document = _plain(record)
    return document


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        entries = ((entry, getattr(value, entry.name)) for entry in fields(value))
        return {entry.name: _plain(held) for entry, held in entries if held != _default(entry)}
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return value


def _default(entry: Field[Any]) -> Any:
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def parse(data: bytes, where: object) -> Document:
    """Parse the bytes of a buildinfo.

    Raises:
        FormatError: not UTF-8, not TOML, nested without end, or larger than :data:`LARGEST`.
    """
    if len(data) > LARGEST:
        raise FormatError("too large for a buildinfo", where=where)
    if is_tangled(data):
        raise FormatError("not a buildinfo: more keys or tables than a record of its size has", where=where)
    try:
        parsed = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of very many digits
        raise misplaced(data, "buildinfo", where) or FormatError(
            f"not a buildinfo: not TOML: {_why(error)}", where=where
        ) from error
    _require_flat(parsed, where)
    return parsed


def _why(error: Exception) -> str:
    """What is wrong with TOML; of what Python alone cannot do it speaks of Python."""
    if isinstance(error, RecursionError):
        return "tables in tables without end"
    return "a number of very many digits" if "integer string conversion" in str(error) else str(error)


def _require_flat(document: Document, where: object) -> None:
    """Refuses what other readers could not hold: tables in tables without end, and numbers of more than 64 bits.

    Raises:
        FormatError: it has either.
    """
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
                raise FormatError("not a buildinfo: a number of more than 64 bits", where=where)
        if not below:
            return
        level = below
    raise FormatError(f"not a buildinfo: tables in tables, more than {DEEPEST} deep", where=where)


def is_tangled(data: bytes) -> bool:
    """Whether a TOML document has keys or tables that take far more time and memory than their bytes: the standard
    library's parser goes through a dotted key once for each of its parts, and keeps a kilobyte for each key."""
    if data.count(b"[") + data.count(b"{") > FREE_TABLES + len(data) // PER_TABLE:
        return True
    keys = 0
    for line in io.BytesIO(data):
        table = line.lstrip().startswith(b"[")
        key, equals, _ = (line, b"", b"") if table else line.partition(b"=")
        keys = 0 if table else keys + bool(equals)
        if keys > MAX_KEYS or (len(key) > MAX_PARTS and (table or equals) and key.count(b".") > MAX_PARTS):
            return True
    return False


def load(document: Document, where: object) -> BuildInfo:
    """Check a parsed document against the model and its own digests.

    Raises:
        RecordError: it does not fit; the message names the field.
    """
    from pydantic import TypeAdapter, ValidationError

    from buildinfo.model import FORMAT, BuildInfo

    found = document.get("format")
    if found is None and "digests" not in document:
        what = "a TOML document without a format" if document else "an empty file"
        raise RecordError(f"not a buildinfo: {what}", where=where)
    if isinstance(found, int) and found > FORMAT:
        raise RecordError(f"format {found} is newer than this program reads ({FORMAT})", where=where, mend="update it")
    try:
        # Through JSON, since strict types and tables go together only there.
        data = json.dumps(document)
        require_memory(PER_BYTE * len(data))
        record = TypeAdapter(BuildInfo).validate_json(data)
    except TypeError as error:
        raise RecordError(f"a date or time stands where none belongs: {error}", where=where) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "document"
        raise RecordError(f"{field}: {first['msg'].lower()}", where=where) from error
    for name, value in digests(document).items():
        stated = getattr(record.digests, name)
        if stated != value and not (stated is None and name == "document"):  # records before it have none
            raise RecordError(f"digests.{name} does not hold: computed {value}", where=where)
    return record


def read_bytes(path: Path, keys: KeyFolder | None = None) -> bytes:
    """The bytes of a buildinfo file: those that were verified are those that are given.

    Args:
        path: the file.
        keys: the signature beside it has to hold with these; if None it is not looked at.

    Raises:
        UnreadableError: it cannot be opened.
        SignatureError: it has no signature, or one that does not hold.
        FormatError: its signature is of a newer format, or a key file holds no key.
    """
    try:
        data = read_file(path, LARGEST)
    except IsADirectoryError as error:
        raise misplaced(path, "buildinfo") or FormatError("not a buildinfo: a folder", where=path) from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=path) from error
    if keys is not None:
        from buildinfo.record_signature import check_record, read_signature_file

        check_record(data, read_signature_file(path), keys, path)
    return data


def read(path: Path, keys: KeyFolder | None = None) -> BuildInfo:
    """Read and check a buildinfo file.

    Args:
        path: the file.
        keys: the signature beside it has to hold with these; if None it is not looked at.

    Raises:
        UnreadableError: it cannot be opened.
        FormatError: it is not TOML.
        RecordError: it does not fit the model or its digests.
        SignatureError: it has no signature, or one that does not hold.
    """
    return load(parse(read_bytes(path, keys), path), path)
