"""The public record: what a buildinfo says, field by field. The source of ``schemas/``.

A buildinfo is a TOML document. These classes describe ``format = 1``; the descriptions become the
JSON Schema. Readers keep and ignore keys that they do not know, so fields may be added; ``format``
rises only when the meaning of a field changes.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Sha512 = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class Part(BaseModel):
    """Base of all parts of a record: strict types, unknown keys kept."""

    model_config = ConfigDict(extra="allow", strict=True)


class Bytes(Part):
    """A value that is not UTF-8 text."""

    base64: str = Field(description="The bytes in base64 (RFC 4648, with padding).")


Text = str | Bytes


def as_text(value: str) -> Text:
    """A value for a record: itself, or :class:`Bytes` if it came from bytes that are not UTF-8.

    Args:
        value: text decoded with ``surrogateescape``.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return Bytes(base64=base64.b64encode(value.encode(errors="surrogateescape")).decode())
    return value


class DirtyFile(Part):
    """A file that differs from the aport's last commit."""

    path: Text = Field(description="Path below the top of the aports repository.")
    state: str = Field(description="The two letters of `git status --porcelain`.")


class Source(Part):
    """What was built."""

    origin: str = Field(description="pkgname of the APKBUILD; `origin` in every .PKGINFO.")
    version: str = Field(description="pkgver-rPKGREL.")
    arch: str = Field(description="CARCH: the architecture that was built for.")
    repository: str = Field(description="Name of the folder that holds the aport, as in $REPODEST/REPOSITORY.")
    aport: str | None = Field(default=None, description="The aport's path in its git repository, such as main/hello.")
    remote: str | None = Field(
        default=None, description="URL of the git repository (remote `origin`), without user information and query."
    )
    commit: str = Field(
        default="",
        description="Last commit of the aport as abuild writes it to .PKGINFO; `-dirty` behind it if changed.",
    )
    dirty: list[DirtyFile] = Field(default=[], description="The files of the aport that are not as committed.")
    options: list[str] = Field(default=[], description="`options` of the APKBUILD.")
    subpackages: list[str] = Field(default=[], description="`subpackages` of the APKBUILD, without split functions.")
    users: list[str] = Field(default=[], description="`pkgusers`: the users that files may belong to besides root.")
    groups: list[str] = Field(default=[], description="`pkggroups`, likewise.")
    license: str | None = Field(default=None, description="`license` of the APKBUILD (SPDX), white space folded.")
    url: str | None = Field(default=None, description="`url` of the APKBUILD.")
    maintainer: Text | None = Field(
        default=None, description="`maintainer` of the APKBUILD, else its Maintainer comment."
    )


class Epoch(Part):
    """SOURCE_DATE_EPOCH and why it has that value."""

    value: int = Field(description="Seconds since 1970-01-01 UTC.")
    rule: Literal["caller", "commit", "mtime"] = Field(
        description="caller: it was set; commit: time of the aport's last commit; mtime: of the APKBUILD file."
    )


class Declared(Part):
    """A checksum that the APKBUILD declares."""

    algorithm: Literal["md5", "sha256", "sha512"] = Field(description="Which of abuild's checksum lists.")
    value: str = Field(description="The declared checksum, lower-case hexadecimal.")


class Input(Part):
    """A file that the package was built from."""

    name: Text = Field(description="Path below the aport, or the name that a fetched source has in SRCDEST.")
    role: Literal["recipe", "source", "script", "trigger", "other"] = Field(
        description="recipe: the APKBUILD; source: in `source`; script: in `install`; other: tracked beside them."
    )
    url: str | None = Field(
        default=None, description="Where a source is fetched from, without user information and query."
    )
    size: int = Field(description="Bytes.")
    sha256: Sha256 = Field(description="SHA-256 of the file as it was used.")
    sha512: Sha512 = Field(description="SHA-512 of the file as it was used.")
    declared: Declared | None = Field(default=None, description="What the APKBUILD says the file should be.")


class Fix(Part):
    """One version of the APKBUILD's `secfixes` comment."""

    version: str = Field(description="The pkgver-rPKGREL that first had the fixes.")
    ids: list[str] = Field(default=[], description="CVE ids (CVE-YYYY-NNNN...).")
    aliases: list[str] = Field(
        default=[], description="Other ids: XSA, GHSA, ALPINE, and what is no well-formed CVE id."
    )
    remarks: list[str] = Field(default=[], description="Text of the items that is no id, as written.")


class SecurityFixes(Part):
    """The `secfixes` comment of the APKBUILD as data."""

    fixed: list[Fix] = Field(default=[], description="In the order of the APKBUILD.")
    rejected: list[str] = Field(
        default=[], description="Ids under `0:`: they do not affect the package in any version."
    )


class InstalledPackage(Part):
    """A package that was installed where the build ran."""

    name: str = Field(description="Package name.")
    version: str = Field(description="Package version.")
    arch: str | None = Field(default=None, description="Architecture, where it is not the build's own.")
    checksum: str | None = Field(
        default=None, description="apk's identity of the package: the `C:` text of the installed database, verbatim."
    )
    requested: bool = Field(default=False, description="True if the build asked for it; others came along.")


class Tool(Part):
    """A program that the build could run."""

    name: str = Field(description="The name it is called by.")
    path: str = Field(description="Where it is found on PATH; for a compiler proper, where the driver finds it.")
    target: str | None = Field(default=None, description="The file behind the symbolic links of `path`.")
    banner: Text | None = Field(default=None, description="First line of what it says of its version.")
    package: str | None = Field(default=None, description="NAME-VERSION of the installed package that owns the file.")
    checksum: str | None = Field(default=None, description="The owning package's own checksum of the file (`Z:`).")
    sha256: Sha256 | None = Field(default=None, description="SHA-256 of the file, where no package owns it.")


class Conditions(Part):
    """How it was built: what should not matter, and is in none of the digests."""

    abuild: str = Field(description="abuild's version.")
    sandbox: Literal["none", "rootbld", "rootbld+net"] = Field(
        description="rootbld: abuild's bubblewrap chroot; +net: with options=net, so that it could reach the network."
    )
    umask: str = Field(description="Octal.")
    locale: str = Field(description="LC_ALL, else LC_COLLATE, else LANG, else C.")
    zone: str | None = Field(default=None, description="TZ, else the target of /etc/localtime.")
    jobs: int | None = Field(default=None, description="JOBS; `{jobs}` in the environment stands for it.")
    compressor: str = Field(description="The program that abuild compressed the packages with.")
    cbuild: str = Field(description="Triplet of the machine that built.")
    chost: str = Field(description="Triplet of the machine that the packages are for.")
    ctarget: str = Field(description="Triplet that a built compiler generates code for.")
    flags: list[str] = Field(default=[], description="abuild's options that change what it does: -d -F -K -k -r.")
    paths: dict[str, str] = Field(
        default={},
        description="Build paths; recorded where they are public (rootbld, the Alpine builders) or asked for.",
    )


class Segment(Part):
    """One gzip member of a v2 package."""

    size: int = Field(description="Compressed bytes.")
    sha256: Sha256 = Field(description="SHA-256 of the compressed bytes.")
    tar_size: int = Field(description="Uncompressed bytes.")
    tar_sha256: Sha256 = Field(description="SHA-256 of the uncompressed bytes.")


class Change(Part):
    """A change that normalization made to a package."""

    path: Text = Field(description="File in the package; empty for the package itself.")
    handler: str = Field(description="Which step or handler made it.")
    before: Sha256 = Field(description="SHA-256 before.")
    after: Sha256 = Field(description="SHA-256 after.")


class Output(Part):
    """A package that the build made."""

    path: str = Field(description="ARCH/FILE below $REPODEST/REPOSITORY.")
    size: int = Field(description="Bytes of the whole file.")
    sha256: Sha256 = Field(description="SHA-256 of the whole file.")
    unsigned_sha256: Sha256 = Field(description="SHA-256 of the file without its signature.")
    identity: str = Field(description="apk's identity: `Q1` and base64 of SHA-1 of the control segment.")
    control: Segment = Field(description="The control segment.")
    data: Segment = Field(description="The data segment; its sha256 is the `datahash` of .PKGINFO, verified.")
    installed_size: int = Field(description="`size` of .PKGINFO, bytes.")
    signatures: list[str] = Field(default=[], description="Names of the keys that signed it.")
    changes: list[Change] = Field(default=[], description="What normalization changed.")


class Taint(Part):
    """Something that spoils the record: a build elsewhere may differ for this reason."""

    name: str = Field(description="One of the names in docs/taints.md.")
    reason: Text = Field(description="What was seen.")


class Observations(Part):
    """What a rebuild never needs and a person may not want to publish: off unless asked for."""

    user: Text | None = Field(default=None, description="Login name of the builder.")
    host: Text | None = Field(default=None, description="Host name.")
    kernel: Text | None = Field(default=None, description="`uname -srm`.")
    time: int | None = Field(default=None, description="When it was packed: seconds since 1970-01-01 UTC.")


class Digests(Part):
    """SHA-256 over RFC 8785 JSON of parts of the parsed document; docs/buildinfo.md says which."""

    source: Sha256 = Field(description="Recipe, sources, epoch, arch.")
    environment: Sha256 = Field(description="Installed packages, tools, environment variables.")
    outputs: Sha256 = Field(description="Path and unsigned_sha256 of each package.")


class BuildInfo(Part):
    """A record of one build of one aport."""

    format: Literal[1] = Field(description="Version of the meaning of this document.")
    generator: str = Field(description="The program that wrote it, with its version.")
    source: Source
    epoch: Epoch
    inputs: list[Input] = Field(description="Sorted by role, then name.")
    security: SecurityFixes | None = None
    installed: list[InstalledPackage] = Field(
        default=[],
        description="The installed database of the environment that built, sorted by name; no virtual packages.",
    )
    sysroot: list[InstalledPackage] = Field(default=[], description="Likewise of the cross-compiling sysroot.")
    repositories: list[str] = Field(default=[], description="/etc/apk/repositories of that environment, in its order.")
    tools: list[Tool] = Field(default=[], description="Sorted by name.")
    environment: dict[str, Text] = Field(
        default={},
        description="Exported variables on the whitelist, and PACKAGER. Known paths stand as {startdir} and so on.",
    )
    conditions: Conditions
    outputs: list[Output] = Field(description="Sorted by path.")
    taints: list[Taint] = Field(default=[], description="Sorted by name. A clean build in a clean Alpine has none.")
    observations: Observations | None = None
    digests: Digests
