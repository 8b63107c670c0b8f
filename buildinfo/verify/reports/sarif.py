"""A report as SARIF 2.1.0, for platforms that show findings beside the recipe.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, errata 01. One result for each cause of each pair; of
what no cause explains one for each layer. Results point at the APKBUILD, where most mends go, and at the files inside
the package that differ.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from buildinfo import __version__
from buildinfo.verify.batch import MISSING
from buildinfo.verify.explain.engine import UNKNOWN
from buildinfo.verify.report import Cause, Pair, Report, good_enough, readable
from buildinfo.verify.reports.words import (
    LAYERS,
    MEANING,
    advice,
    count,
    in_order,
    label,
    moments,
    names,
    next_step,
    title,
)
from buildinfo.verify.verdict import LADDER, Verdict

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "abuildBuildinfoCause/v1"
MOST_LINES: Final = 10
"""Most differences that the message of a result lists."""
_OTHER_HELP: Final = {
    MISSING: "Find out why one of the builds did not make it: compare the subpackages and the version of the recipe.",
    UNKNOWN: "Look at the differences themselves: take the files out of both packages, or run `diffoscope` on them.",
}
_SPECIAL: Final = re.compile(r"[\\*_<>\[\]#]")
_OFFSET: Final = re.compile(r"(.+?):@0x([0-9a-f]{1,12}): ").match
_REPOSITORIES: Final = ("main", "community", "testing")
"""The folders of Alpine's aports; packages are published under the same names."""


def render(report: Report, bar: Verdict) -> str:
    """The document, ending in a newline.

    Args:
        bar: the verdict that was asked for: causes of pairs that reach it are notes.
    """
    rules = names()
    places = {name: index for index, name in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "abuild-buildinfo",
                "fullName": f"abuild-buildinfo {__version__}",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(name) for name in rules],
            }
        },
        "automationDetails": {"id": "abuild-buildinfo/verify/"},
        "invocations": [_invocation(report)],
        "originalUriBaseIds": {
            "%SRCROOT%": {"description": {"text": "The top of the aports repository."}},
            "PACKAGE": {"description": {"text": "The package: names of files are those inside it."}},
        },
        "columnKind": "unicodeCodePoints",
        "results": [result for pair in report.pairs for result in _results(pair, bar, places)],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(name: str) -> dict[str, Any]:
    words = title(name)
    sentence = f"{words[:1].upper()}{words[1:]}."
    mend = advice(name) or _OTHER_HELP[name]
    rule: dict[str, Any] = {
        "id": name,
        "name": "".join(word.capitalize() for word in [*name.split("-"), "cause"]),
        "shortDescription": {"text": sentence},
        "fullDescription": {"text": f"Two packages of one source differ: {words}."},
        "help": {
            "text": f"{sentence}\n\n{mend}",
            "markdown": f"**{name}**: {_markdown(sentence)}\n\n{_markdown(mend)}",
        },
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["reproducible-builds"], "precision": "medium" if name == UNKNOWN else "high"},
    }
    return rule


def _markdown(text: str) -> str:
    """Text of the catalogue as Markdown; what stands between backticks is code there, too."""
    return "".join(
        piece if at % 2 else _SPECIAL.sub(r"\\\g<0>", piece) for at, piece in enumerate(re.split("(`[^`]*`)", text))
    )


def _invocation(report: Report) -> dict[str, Any]:
    """Whether every pair could be read, and why one could not."""
    notifications = [
        {"level": "error", "message": {"text": f"{label(pair)}: {pair.error or 'could not be compared'}"}}
        for pair in report.pairs
        if pair.verdict is None
    ]
    return {"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}


def _results(pair: Pair, bar: Verdict, places: dict[str, int]) -> Iterator[dict[str, Any]]:
    for cause in pair.causes:
        if cause.name != UNKNOWN:
            yield _result(pair, cause, cause.differences, layer="", bar=bar, place=places[cause.name])
            continue
        for layer in LAYERS:
            held = [index for index in cause.differences if pair.differences[index].layer == layer]
            if held:
                yield _result(pair, cause, held, layer=layer, bar=bar, place=places[cause.name])


def _result(
    pair: Pair, cause: Cause, differences: list[int], *, layer: str, bar: Verdict, place: int
) -> dict[str, Any]:
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": recipe(pair), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"name": label(pair), "kind": "package"}],
    }
    files = list(_inside(pair, cause, differences))
    result: dict[str, Any] = {
        "ruleId": cause.name,
        "ruleIndex": place,
        "level": _level(pair, bar),
        "message": {"text": _message(pair, cause, differences, layer)},
        "locations": [location],
        **({"relatedLocations": files} if files else {}),
        "partialFingerprints": {FINGERPRINT: _fingerprint(pair, cause.name, layer)},
        "properties": {"verdict": pair.verdict, "weight": cause.weight, "differences": len(differences)},
    }
    return result


def _inside(pair: Pair, cause: Cause, differences: list[int]) -> Iterator[dict[str, Any]]:
    """The files inside the package that differ, and where in them as far as the evidence tells."""
    offsets: dict[str, int] = {}
    for line in cause.evidence:
        if found := _OFFSET(line):
            offsets.setdefault(found[1], int(found[2], 16))
    paths = dict.fromkeys(pair.differences[index].path for index in differences)
    for number, path in enumerate([path for path in paths if path][:MOST_LINES], 1):
        region = {"byteOffset": offsets[path], "byteLength": 1} if path in offsets else {"startLine": 1}
        artifact = {"uri": quote(path), "uriBaseId": "PACKAGE"}
        message = {"text": f"{path}: differs from byte {offsets[path]} on" if path in offsets else f"{path}: differs"}
        yield {"id": number, "physicalLocation": {"artifactLocation": artifact, "region": region}, "message": message}


def _level(pair: Pair, bar: Verdict) -> str:
    if good_enough(pair, bar):
        return "note"
    return "error" if pair.verdict == LADDER[-1] else "warning"


def _message(pair: Pair, cause: Cause, differences: list[int], layer: str) -> str:
    meaning = "" if pair.verdict is None else f" ({pair.verdict}: {MEANING[pair.verdict]})"
    where = f" of the layer {layer}" if layer else ""
    lines = [f"{label(pair)}{meaning}: {title(cause.name)}; {count(len(differences), 'difference')}{where}."]
    if cause.advice:
        lines.append(cause.advice)
    held = set(differences)
    for _, difference in [entry for entry in in_order(pair) if entry[0] in held][:MOST_LINES]:
        place = " ".join(part for part in (difference.path, difference.field) if part) or difference.layer
        lines.append(f"{place}: {moments(difference)}")
    if len(differences) > MOST_LINES:
        lines.append(f"and {len(differences) - MOST_LINES} more")
    if step := next_step(pair, cause):
        lines += [step[0], *step[1]]
    return "\n".join(readable(line) for line in lines)


def recipe(pair: Pair) -> str:
    """Where the APKBUILD stands below the top of the repository, as well as that is known."""
    if pair.aport:
        return quote(f"{pair.aport.strip('/')}/APKBUILD")
    if not pair.origin:
        return "APKBUILD"
    folders = (pair.original or pair.rebuilt or "").split("/")[:-1]
    repository = next((name for name in folders[-2:-1] if name in _REPOSITORIES), None)
    return quote(f"{repository}/{pair.origin}/APKBUILD" if repository else f"{pair.origin}/APKBUILD")


def _fingerprint(pair: Pair, cause: str, layer: str) -> str:
    """The same for the same finding of a later version: neither version nor folder is in it."""
    name = label(pair).rsplit("-", 2)[0] if pair.package else label(pair)
    words = [pair.origin or "", name, pair.arch or "", cause, layer]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
