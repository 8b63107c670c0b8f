"""The public record: what a buildinfo says, field by field. The source of ``schemas/``.

A buildinfo is a TOML document. These classes describe ``format = 1``; the descriptions become the
JSON Schema. Readers keep and ignore keys that they do not know, so fields may be added; ``format``
rises only when the meaning of a field changes.

The classes are plain data classes that pydantic validates and describes (:mod:`buildinfo.document`,
:mod:`buildinfo.schema`). finalize runs in every build and only writes: it does not wait for pydantic.
"""

from __future__ import annotations

import base64
from typing import Literal

from buildinfo.parts import SHA256, SHA512, about, part

FORMAT = 1


@part
class Bytes:
    """A value that is not UTF-8 text."""

    base64: str = about("The bytes in base64 (RFC 4648, with padding).")


Text = str | Bytes


def as_text(value: str) -> Text:
    """A value for a record: itself, or :class:`Bytes` if it came from bytes that are not UTF-8.

    Args:
        value: text decoded with ``surrogateescape``.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return Bytes(base64=base64.b64encode(_bytes(value)).decode())
    return value


def _bytes(value: str) -> bytes:
    """The bytes of text, also where half a pair of surrogates came from elsewhere."""
    try:
        return value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return value.encode(errors="surrogatepass")


@part
class DirtyFile:
    """A file that differs from the aport's last commit."""

    path: Text = about("Path below the top of the aports repository.")
    state: str = about("The two letters of `git status --porcelain`.")


@part
class Source:
    """What was built."""

    origin: str = about("pkgname of the APKBUILD; `origin` in every .PKGINFO.")
    version: str = about("pkgver-rPKGREL.")
    arch: str = about("CARCH: the architecture that was built for.")
    repository: Text = about("Name of the folder that holds the aport, as in $REPODEST/REPOSITORY.")
    aport: Text | None = about("The aport's path in its git repository, such as main/hello.", default=None)
    remote: Text | None = about(
        "URL of the git repository (remote `origin`), without user information and query.", default=None
    )
    commit: str = about(
        "Last commit of the aport as abuild writes it to .PKGINFO; `-dirty` behind it if changed.", default=""
    )
    dirty: list[DirtyFile] = about("The files of the aport that are not as committed.", default_factory=list)
    options: list[str] = about("`options` of the APKBUILD.", default_factory=list)
    subpackages: list[str] = about("`subpackages` of the APKBUILD, without split functions.", default_factory=list)
    users: list[str] = about("`pkgusers`: the users that files may belong to besides root.", default_factory=list)
    groups: list[str] = about("`pkggroups`, likewise.", default_factory=list)
    license: Text | None = about("`license` of the APKBUILD (SPDX), white space folded.", default=None)
    url: Text | None = about("`url` of the APKBUILD.", default=None)
    maintainer: Text | None = about("`maintainer` of the APKBUILD, else its Maintainer comment.", default=None)


@part
class Epoch:
    """SOURCE_DATE_EPOCH and why it has that value."""

    value: int = about("Seconds since 1970-01-01 UTC.")
    rule: Literal["caller", "commit", "mtime", "recipe"] = about(
        "caller: it was set; commit: time of the aport's last commit; mtime: of the APKBUILD file; recipe: it sets it."
    )


@part
class Declared:
    """A checksum that the APKBUILD declares."""

    algorithm: Literal["md5", "sha256", "sha512"] = about("Which of abuild's checksum lists.")
    value: str = about("The declared checksum, lower-case hexadecimal.")


@part
class Input:
    """A file that the package was built from."""

    name: Text = about("Path below the aport, or the name that a fetched source has in SRCDEST.")
    role: Literal["recipe", "source", "script", "trigger", "other"] = about(
        "recipe: the APKBUILD; source: in `source`; script: in `install`; other: tracked beside them."
    )
    url: Text | None = about("Where a source is fetched from, without user information.", default=None)
    size: int = about("Bytes.")
    sha256: str = about("SHA-256 of the file as it was used.", pattern=SHA256)
    sha512: str = about("SHA-512 of the file as it was used.", pattern=SHA512)
    declared: Declared | None = about("What the APKBUILD says the file should be.", default=None)


@part
class Fix:
    """One version of the APKBUILD's `secfixes` comment."""

    version: str = about("The pkgver-rPKGREL that first had the fixes.")
    ids: list[str] = about("CVE ids (CVE-YYYY-NNNN...).", default_factory=list)
    aliases: list[Text] = about(
        "Other ids: XSA, GHSA, ALPINE, and what is no well-formed CVE id.", default_factory=list
    )
    remarks: list[Text] = about("Text of the items that is no id, as written.", default_factory=list)


@part
class SecurityFixes:
    """The `secfixes` comment of the APKBUILD as data."""

    fixed: list[Fix] = about("In the order of the APKBUILD.", default_factory=list)
    rejected: list[Text] = about("Ids under `0:`: they do not affect the package in any version.", default_factory=list)


@part
class InstalledPackage:
    """A package that was installed where the build ran."""

    name: str = about("Package name.")
    version: str = about("Package version.")
    arch: str | None = about("Architecture, where it is not the build's own.", default=None)
    checksum: str | None = about(
        "apk's identity of the package: the `C:` text of the installed database, verbatim.", default=None
    )
    requested: bool = about("True if the build asked for it; others came along.", default=False)


@part
class Tool:
    """A program that the build could run."""

    name: Text = about("The name it is called by.")
    path: Text = about("Where it is found on PATH; for a compiler proper, where the driver finds it.")
    target: Text | None = about("The file behind the symbolic links of `path`.", default=None)
    banner: Text | None = about("First line of what it says of its version.", default=None)
    package: str | None = about("NAME-VERSION of the installed package that owns the file.", default=None)
    checksum: str | None = about("The owning package's own checksum of the file (`Z:`).", default=None)
    sha256: str | None = about("SHA-256 of the file, where no package owns it.", default=None, pattern=SHA256)


@part
class Conditions:
    """How it was built: what should not matter, and is in none of the digests but that of the whole document."""

    abuild: str = about("abuild's version.")
    sandbox: Literal["none", "rootbld", "rootbld+net"] = about(
        "rootbld: abuild's bubblewrap chroot; +net: with options=net, so that it could reach the network."
    )
    umask: str = about("Octal.")
    locale: Text = about("LC_ALL, else LC_COLLATE, else LANG, else C.")
    zone: Text | None = about("TZ, else the target of /etc/localtime.", default=None)
    jobs: int | None = about("JOBS; `{jobs}` in the environment stands for it.", default=None)
    compressor: str = about("The program that abuild compressed the packages with.")
    cbuild: str = about("Triplet of the machine that built.")
    chost: str = about("Triplet of the machine that the packages are for.")
    ctarget: str = about("Triplet that a built compiler generates code for.")
    flags: list[str] = about("abuild's options that change what it does: -d -f -F -K -k -r.", default_factory=list)
    paths: dict[str, Text] = about(
        "Build paths; recorded where they are public (rootbld, the Alpine builders) or asked for.", default_factory=dict
    )


@part
class Segment:
    """One gzip member of a v2 package."""

    size: int = about("Compressed bytes.")
    sha256: str = about("SHA-256 of the compressed bytes.", pattern=SHA256)
    tar_size: int = about("Uncompressed bytes.")
    tar_sha256: str = about("SHA-256 of the uncompressed bytes.", pattern=SHA256)


@part
class Change:
    """A change that normalization made to a package."""

    path: Text = about("File in the package; empty for the package itself.")
    handler: str = about("Which step or handler made it.")
    before: str = about("SHA-256 before.", pattern=SHA256)
    after: str = about("SHA-256 after.", pattern=SHA256)


@part
class LeftAlone:
    """A file in a package that normalization knows but did not touch."""

    path: Text = about("File in the package; empty for the package itself.")
    handler: str = about("Which step or handler left it alone.")
    reason: Text = about("Why.")


@part
class Normalization:
    """How the packages were made deterministic after abuild had made them."""

    policy: int = about("Version of the rules: it rises when the same input may give other output.")
    epoch: int = about("The epoch that was applied: seconds since 1970-01-01 UTC.")
    timestamps: Literal["clamp", "set"] = about("clamp: later times became the epoch; set: all did.")
    encoder: str = about("What compressed: the zlib that passed the known answer, or the pigz program.")
    off: list[str] = about("Handlers that the recipe's options switch off.", default_factory=list)


@part
class FileReport:
    """What normalization did to one file, or would do."""

    path: str = about("The file, as it was named or found.")
    result: Literal["unchanged", "changed", "would-change", "left-alone", "error"] = about("What became of it.")
    reason: str | None = about("Why it was left alone, could not be read, or lost its signature.")
    changes: list[Change] = about("Every change; empty path: to the file as a whole.")
    left_alone: list[LeftAlone] = about("What inside it was left alone for a reason.")


@part
class NormalizeReport:
    """What `normalize --json` prints."""

    files: list[FileReport] = about("Of trees, only the files that something was done to or found out about.")
    summary: dict[str, int] = about("How many files had each result, those that are not listed included.")


@part
class Output:
    """A package that the build made."""

    path: str = about("ARCH/FILE below $REPODEST/REPOSITORY.")
    size: int = about("Bytes of the whole file.")
    sha256: str = about("SHA-256 of the whole file.", pattern=SHA256)
    unsigned_sha256: str = about("SHA-256 of the file without its signature.", pattern=SHA256)
    identity: str = about("apk's identity: `Q1` and base64 of SHA-1 of the control segment.")
    control: Segment = about("The control segment.")
    data: Segment = about("The data segment; its sha256 is the `datahash` of .PKGINFO, verified.")
    installed_size: int = about("`size` of .PKGINFO, bytes.")
    signatures: list[str] = about("Names of the keys that signed it.", default_factory=list)
    changes: list[Change] = about("What normalization changed.", default_factory=list)
    left_alone: list[LeftAlone] = about("What normalization left alone for a reason.", default_factory=list)


@part
class Taint:
    """Something that spoils the record: a build elsewhere may differ for this reason."""

    name: str = about("One of the names in docs/taints.md.")
    reason: Text = about("What was seen.")


@part
class Observations:
    """What a rebuild never needs and a person may not want to publish: off unless asked for."""

    user: Text | None = about("Login name of the builder.", default=None)
    host: Text | None = about("Host name.", default=None)
    kernel: Text | None = about("`uname -srm`.", default=None)
    time: int | None = about("When it was packed: seconds since 1970-01-01 UTC.", default=None)


@part
class Digests:
    """SHA-256 over RFC 8785 JSON of parts of the parsed document; docs/buildinfo.md says which."""

    source: str = about("Recipe, sources, epoch, arch.", pattern=SHA256)
    environment: str = about("Installed packages, tools, environment variables.", pattern=SHA256)
    outputs: str = about("Path and unsigned_sha256 of each package.", pattern=SHA256)
    document: str | None = about(
        "The whole document without its digests: a part that is taken out, such as a taint, shows. Older records have "
        "none.",
        default=None,
        pattern=SHA256,
    )


@part
class BuildInfo:
    """A record of one build of one aport."""

    format: Literal[1] = about("Version of the meaning of this document.")
    generator: str = about("The program that wrote it, with its version.")
    source: Source = about("What was built.")
    epoch: Epoch = about("SOURCE_DATE_EPOCH and why it has that value.")
    inputs: list[Input] = about("Sorted by role, then name.")
    security: SecurityFixes | None = about("The `secfixes` comment of the APKBUILD as data.", default=None)
    installed: list[InstalledPackage] = about(
        "The installed database of the environment that built, sorted by name; no virtual packages.",
        default_factory=list,
    )
    sysroot: list[InstalledPackage] = about("Likewise of the cross-compiling sysroot.", default_factory=list)
    repositories: list[Text] = about("/etc/apk/repositories of that environment, in its order.", default_factory=list)
    tools: list[Tool] = about("Sorted by name.", default_factory=list)
    environment: dict[str, Text] = about(
        "Exported variables on the whitelist, and PACKAGER. Known paths stand as {startdir} and so on.",
        default_factory=dict,
    )
    conditions: Conditions = about(
        "How it was built: what should not matter, and is in none of the digests but that of the whole document."
    )
    normalization: Normalization | None = about(
        "How the packages were made deterministic; missing if that was switched off.", default=None
    )
    outputs: list[Output] = about("Sorted by path.")
    taints: list[Taint] = about("Sorted by name. A clean build in a clean Alpine has none.", default_factory=list)
    observations: Observations | None = about(
        "What a rebuild never needs and a person may not want to publish: off unless asked for.", default=None
    )
    digests: Digests = about("Three that make comparing two builds one look, and one over the whole document.")
