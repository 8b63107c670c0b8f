"""The schemas that verifiers in other languages build on."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from building import ROOT, Builder

from buildinfo.document import read
from buildinfo.schema import SCHEMAS, render

SCHEMA_FOLDER = ROOT / "schemas"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_committed_schema_is_what_the_model_says(name: str) -> None:
    assert (SCHEMA_FOLDER / f"{name}.schema.json").read_text() == render(name), "run: make schemas"


def test_nothing_else_lies_in_the_folder_of_schemas() -> None:
    assert {path.name for path in SCHEMA_FOLDER.glob("*.schema.json")} == {f"{name}.schema.json" for name in SCHEMAS}


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for title, part in {"": schema, **schema["$defs"]}.items():
        for name, entry in part.get("properties", {}).items():
            yield f"{title}.{name}", entry


@pytest.mark.parametrize("name", ["buildinfo", "compare-records", "verify"])
def test_every_field_is_described(name: str) -> None:
    schema = json.loads(render(name))
    for field, entry in _properties(schema):
        behind = schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2], {})
        assert entry.get("description") or behind.get("description"), field


def test_the_example_is_valid_for_any_validator_and_for_ours() -> None:
    example = SCHEMA_FOLDER / "example.buildinfo.toml"
    jsonschema.Draft202012Validator(json.loads(render("buildinfo"))).validate(tomllib.loads(example.read_text()))
    read(example)


def test_a_fresh_record_is_valid_for_any_validator(builder: Builder) -> None:
    builder.build(builder.aport())
    jsonschema.Draft202012Validator(json.loads(render("buildinfo"))).validate(builder.record())


def test_the_schema_refuses_what_is_no_record() -> None:
    example = tomllib.loads((SCHEMA_FOLDER / "example.buildinfo.toml").read_text())
    del example["source"]["origin"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(render("buildinfo"))).validate(example)
