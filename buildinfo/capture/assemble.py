"""From a capture and its packages to a record."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping

from buildinfo import __version__
from buildinfo.apk import v2
from buildinfo.apk.installed import InstalledDatabase, read_installed
from buildinfo.apk.v2 import Package
from buildinfo.capture import secfixes, taints
from buildinfo.capture.inputs import read_inputs
from buildinfo.capture.normalizing import Recorded
from buildinfo.capture.reader import LAST_SECOND, MOST, Capture, number
from buildinfo.capture.redact import Placeholders, jobs, public_url, remote_url
from buildinfo.capture.secrets import cut_secrets
from buildinfo.capture.settings import is_on
from buildinfo.capture.terms import Terms
from buildinfo.capture.tools import read_tools
from buildinfo.document import digests, to_document
from buildinfo.errors import CaptureError
from buildinfo.model import (
    BuildInfo,
    Conditions,
    Digests,
    DirtyFile,
    Epoch,
    InstalledPackage,
    Normalization,
    Observations,
    Output,
    Segment,
    Source,
    Text,
    as_text,
)

#: Folders whose paths tell nothing of a person: rootbld's and the Alpine builders'.
PUBLIC_PATHS = ("/home/user/aports/*", "/home/buildozer/aports/*")

_FLAGS = {"force": "-f", "forceroot": "-F", "install_deps": "-r", "keep": "-k", "keep_build": "-K", "nodeps": "-d"}
_UNSET = "0" * 64
#: More jobs than any machine runs, and longer than any path.
_MANY = 1_000_000
_LONGEST = 4096


def assemble(
    capture: Capture,
    recorded: Mapping[str, Recorded],
    terms: Terms,
    normalization: Normalization | None = None,
) -> BuildInfo:
    """Make the record of a build.

    Args:
        capture: what the hooks saw.
        recorded: ``ARCH/FILE`` -> the package, with its members, and what was changed in it.
        terms: what the user decides.
        normalization: how the packages were normalized.

    Raises:
        CaptureError: parts of the capture do not fit together.
        FormatError: the copied installed database is malformed.
    """
    packages = {path: entry.package for path, entry in recorded.items()}
    placeholders = Placeholders(_short(capture.paths), _short(capture.local))
    database = _database(capture, "installed")
    sysroot = _database(capture, "sysroot")
    inputs, missing = read_inputs(capture)
    tools = read_tools(capture, database, placeholders, terms.root, terms.memory)
    found = taints.detect(
        taints.Evidence(capture, capture.environment, tools, packages, capture.trees(), missing),
        placeholders,
    )
    rule, seconds = capture.epoch
    record = BuildInfo(
        format=1,
        generator=f"abuild-buildinfo {__version__}",
        source=_source(capture),
        epoch=Epoch(value=seconds, rule=rule),  # type: ignore[arg-type]  # the reader checked it
        inputs=inputs,
        security=secfixes.parse(capture.text("APKBUILD")),
        installed=_installed(capture, database),
        sysroot=_installed(capture, sysroot),
        repositories=_repositories(capture, placeholders),
        tools=tools,
        environment=_environment(capture, placeholders, packages),
        conditions=_conditions(capture, placeholders, terms.settings),
        normalization=normalization,
        outputs=[_output(path, entry) for path, entry in sorted(recorded.items())],
        taints=found,
        observations=_observations(capture),
        digests=Digests(source=_UNSET, environment=_UNSET, outputs=_UNSET),
    )
    record.digests = Digests(**digests(to_document(record)))
    return record


def _short(paths: Mapping[str, str]) -> dict[str, str]:
    return {name: path for name, path in paths.items() if len(path) <= _LONGEST}


def _source(capture: Capture) -> Source:
    recipe, repository = capture.recipe, capture.repository
    maintainer = recipe.get("maintainer", "").strip()
    if not maintainer and (comment := re.search(r"^# *Maintainer: *(.+)$", capture.text("APKBUILD"), re.M)):
        maintainer = comment.group(1).strip()
    return Source(
        origin=recipe["pkgname"],
        version=capture.version,
        arch=recipe["CARCH"],
        repository=as_text(capture.local.get("repo", "")),
        aport=as_text(prefix) if (prefix := repository.get("prefix", "").rstrip("/")) else None,
        remote=as_text(remote) if (remote := remote_url(repository.get("remote", ""))) else None,
        commit=repository.get("commit", "") + repository.get("dirty", ""),
        dirty=_dirty(capture.split("status", "\0")),
        options=capture.words("options"),
        subpackages=[word.partition(":")[0] for word in capture.words("subpackages")],
        users=capture.words("pkgusers"),
        groups=capture.words("pkggroups"),
        license=as_text(" ".join(capture.words("license"))) if capture.words("license") else None,
        url=as_text(_home_page(capture)) if recipe.get("url") else None,
        maintainer=as_text(maintainer) if maintainer else None,
    )


def _home_page(capture: Capture) -> str:
    url = capture.recipe["url"]
    return cut_secrets(url) if "0" in capture.words("brought") else public_url(url)


def _dirty(status: list[str]) -> list[DirtyFile]:
    """Read ``git status --porcelain -z``: a renamed file is followed by its old name."""
    entries = iter(status[:-1])
    files = []
    for entry in entries:
        state, path = entry[:2], entry[3:]
        if state[0] in "RC":
            next(entries, None)
        files.append(DirtyFile(path=as_text(path), state=state))
    return files


def _database(capture: Capture, name: str) -> InstalledDatabase | None:
    data = capture.raw(name)
    if data.count(b"\nP:") > MOST:
        raise CaptureError(f"damaged: more than {MOST} entries in {name}", where=capture.path, mend="build again")
    return read_installed(data) if data.strip() else None


def _installed(capture: Capture, database: InstalledDatabase | None) -> list[InstalledPackage]:
    if database is None:
        return []
    wanted = _requested(capture)
    return sorted(
        (
            InstalledPackage(
                name=package.name,
                version=package.version,
                arch=None if package.arch == capture.recipe["CARCH"] else package.arch,
                checksum=package.checksum or None,
                requested=not wanted.isdisjoint({package.name, *map(_name_of, package.provides)}),
            )
            for package in database.packages
            if not package.virtual
        ),
        key=lambda package: package.name,
    )


def _requested(capture: Capture) -> frozenset[str]:
    """Names that the build asked for: abuild's own list, or with -d the recipe's; in rootbld its chroot's world."""
    words = [
        word for name in ("builddeps", "hostdeps") for word in capture.words(name, capture.requested.get(name, ""))
    ]
    if not words:
        for name in ("makedepends", "makedepends_build", "makedepends_host", "checkdepends", "depends"):
            words += capture.words(name)
    words += capture.words("world", capture.text("world"))
    return frozenset(_name_of(word) for word in words if not word.startswith("!"))


def _name_of(relation: str) -> str:
    """The name in a relation: without the version, and without the tag of a pinned repository (``name@edge``)."""
    return re.split(r"[<>=~@]", relation, maxsplit=1)[0]


def _repositories(capture: Capture, placeholders: Placeholders) -> list[Text]:
    lines = (line.strip() for line in capture.lines("installed.repositories"))
    return [as_text(placeholders.apply(cut_secrets(line))) for line in lines if line and not line.startswith("#")]


def _environment(capture: Capture, placeholders: Placeholders, packages: Mapping[str, Package]) -> dict[str, Text]:
    """The exported variables, and PACKAGER as the packages have it: rootbld does not pass on the caller's."""
    counts = [capture.conditions.get(name, "") for name in ("JOBS", "processors")]
    environment = {
        name: as_text(jobs(name, placeholders.apply(cut_secrets(value)), *counts))
        for name, value in capture.environment.items()
        if name not in ("JOBS", "TZ")
    }
    for package in packages.values():
        environment["PACKAGER"] = as_text(package.pkginfo.packager or "Unknown")
    return dict(sorted(environment.items()))


def _conditions(capture: Capture, placeholders: Placeholders, settings: Mapping[str, str]) -> Conditions:
    seen, environment = capture.conditions, capture.environment
    zone = environment.get("TZ") or seen.get("zone", "").rpartition("zoneinfo/")[2]
    locales = (environment.get(name) for name in ("LC_ALL", "LC_COLLATE", "LANG"))
    count = seen.get("JOBS", "")
    return Conditions(
        abuild=seen.get("program_version", ""),
        sandbox=seen.get("sandbox", "none"),  # type: ignore[arg-type]  # the hooks write one of the three
        umask=seen.get("umask", ""),
        locale=as_text(placeholders.apply(next((locale for locale in locales if locale), "C"))),
        zone=as_text(placeholders.apply(zone)) if zone else None,
        jobs=number(count, _MANY),
        compressor=seen.get("gzip", "gzip"),
        cbuild=seen.get("CBUILD", ""),
        chost=seen.get("CHOST", ""),
        ctarget=seen.get("CTARGET", ""),
        flags=[flag for name, flag in _FLAGS.items() if capture.recipe.get(name)],
        paths=_public_paths(capture, settings),
    )


def _public_paths(capture: Capture, settings: Mapping[str, str]) -> dict[str, Text]:
    patterns = (*PUBLIC_PATHS, *settings.get("BUILDINFO_PATH_PATTERNS", "").split())
    startdir = capture.paths.get("startdir", "")
    asked = is_on(settings, "BUILDINFO_PATHS")
    if not asked and not any(fnmatch.fnmatchcase(startdir, pattern) for pattern in patterns):
        return {}
    names = ("startdir", "srcdir", "pkgbasedir", "tmpdir", "builddir")
    return {name: as_text(capture.paths[name]) for name in names if capture.paths.get(name)}


def _output(path: str, entry: Recorded) -> Output:
    package = entry.package

    def segment(part: v2.Segment) -> Segment:
        return Segment(size=part.size, sha256=part.sha256, tar_size=part.tar_size, tar_sha256=part.tar_sha256)

    return Output(
        path=path,
        size=package.size,
        sha256=package.sha256,
        unsigned_sha256=package.unsigned_sha256,
        identity=package.identity,
        control=segment(package.control),
        data=segment(package.data),
        installed_size=package.pkginfo.size or 0,
        signatures=[signature.key_name for signature in package.signatures],
        changes=list(entry.changes),
        left_alone=list(entry.left_alone),
    )


def _observations(capture: Capture) -> Observations | None:
    seen = capture.observations
    if not seen:
        return None
    time = seen.get("time", "")
    return Observations(
        **{name: as_text(seen[name]) for name in ("user", "host", "kernel") if name in seen},
        time=number(time, LAST_SECOND),
    )
