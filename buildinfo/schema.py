"""The JSON Schemas, generated from the models. ``schemas/`` holds what this renders."""

from __future__ import annotations

import json
from typing import Any

from buildinfo.errors import UsageError

#: Name -> what it describes.
SCHEMAS = {
    "buildinfo": "the record of a build, X.buildinfo.toml, as parsed",
    "build-log": "a line of the file that BUILDINFO_LOG names",
    "compare-records": "what compare-records --json prints",
    "doctor": "what doctor --json prints",
    "finalize": "what finalize --json prints",
    "index": "what index reproduced --json prints",
    "normalize": "what normalize --json prints",
    "show": "what show --json prints",
    "signature": "what signature VERB --json prints",
    "validate": "what validate --json prints",
    "verify": "what verify --format json prints",
}


def render(name: str) -> str:
    """The text of a schema (JSON Schema 2020-12), ending in a newline.

    Raises:
        UsageError: there is no schema of that name.
    """
    if name not in SCHEMAS:
        raise UsageError(f"no schema is named {name}", mend=f"there are: {', '.join(SCHEMAS)}")
    from pydantic import TypeAdapter

    from buildinfo.capture.outcome import FinalizeReport, LogLine
    from buildinfo.model import BuildInfo, NormalizeReport
    from buildinfo.shown import DoctorReport, ShownCapture, ShownDatabase, ShownIndex, ShownPackage, ValidateReport
    from buildinfo.signature_report import IndexReport, SignatureReport
    from buildinfo.verify.report import RecordsReport, Report

    models: dict[str, Any] = {
        "buildinfo": BuildInfo,
        "build-log": LogLine,
        "compare-records": RecordsReport,
        "doctor": DoctorReport,
        "finalize": FinalizeReport,
        "index": IndexReport,
        "normalize": NormalizeReport,
        "show": ShownPackage | ShownIndex | ShownDatabase | ShownCapture | BuildInfo,
        "signature": SignatureReport,
        "validate": ValidateReport,
        "verify": Report,
    }
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:abuild-buildinfo:{name}:1",
        **TypeAdapter(models[name]).json_schema(),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
