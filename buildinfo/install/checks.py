"""The table of the doctor's checks. A check yields findings, changes nothing, and shows no environment value."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

from buildinfo.errors import BuildinfoError
from buildinfo.install import capture_checks, config_checks, machine_checks
from buildinfo.install.places import plain
from buildinfo.install.situation import Finding, Situation

Check = Callable[[Situation], Iterator[Finding]]

#: Name -> check, in the order of the report.
CHECKS: dict[str, Check] = {
    "enabled": config_checks.enabled,
    "hooks": config_checks.hook_copies,
    "program": config_checks.program,
    "config": config_checks.syntax,
    "settings": config_checks.settings,
    "bypass": config_checks.bypass,
    "abuild": machine_checks.abuild,
    "programs": machine_checks.programs,
    "key": machine_checks.key,
    "locale": machine_checks.locale,
    "environment": machine_checks.environment,
    "usr-local": machine_checks.usr_local,
    "rootbld": machine_checks.rootbld,
    "state": capture_checks.state,
    "leftovers": capture_checks.left_over,
    "captures": capture_checks.captures,
}


def examine(situation: Situation) -> list[Finding]:
    """Run every check; one that cannot look says so and the others go on.

    Raises:
        UsageError: if there is no user to examine.
    """
    _ = situation.scopes
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings.extend(check(situation))
        except (BuildinfoError, OSError, ValueError, subprocess.SubprocessError) as error:
            findings.append(Finding(name, "warn", f"could not look: {error}", "mend that, then look again"))
    return [_in_one_line(finding) for finding in findings]


def _in_one_line(finding: Finding) -> Finding:
    mend = None if finding.mend is None else plain(finding.mend)
    return Finding(finding.name, finding.status, plain(finding.detail), mend)
