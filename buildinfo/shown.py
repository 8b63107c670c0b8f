"""What `show --json`, `validate --json` and `doctor --json` print, as data: the source of their schemas.

Fields may be added, never changed. A byte that is not UTF-8 is `\\xNN` in text: see `buildinfo.text`.
"""

from __future__ import annotations

from typing import Literal

from buildinfo.parts import SHA256, about, part


@part
class ShownSegment:
    """One gzip member of a package."""

    offset: int = about("Where it begins in the file, bytes.")
    size: int = about("Compressed bytes.")
    sha256: str = about("SHA-256 of the compressed bytes.", pattern=SHA256)
    tar_size: int = about("Uncompressed bytes.")
    tar_sha256: str = about("SHA-256 of the uncompressed bytes.", pattern=SHA256)


@part
class ShownMember:
    """An entry of the data segment."""

    name: str = about("Path in the package.")
    type: str = about("file, directory, symlink, hardlink, char, block or fifo.")
    mode: str = about("Permissions, octal.")
    owner: str = about("USER:GROUP, by name where there is one.")
    size: int = about("Bytes of the content.")
    target: str | None = about("What a link leads to; null of other entries.")


@part
class ShownPackage:
    """What a package holds."""

    kind: Literal["package"] = about("What the file is.")
    name: str = about("`pkgname` of .PKGINFO.")
    version: str = about("`pkgver` of .PKGINFO.")
    arch: str | None = about("`arch` of .PKGINFO.")
    origin: str | None = about("`origin` of .PKGINFO.")
    description: str | None = about("`pkgdesc` of .PKGINFO.")
    url: str | None = about("`url` of .PKGINFO.")
    license: str | None = about("`license` of .PKGINFO.")
    maintainer: str | None = about("`maintainer` of .PKGINFO.")
    packager: str | None = about("`packager` of .PKGINFO.")
    commit: str | None = about("`commit` of .PKGINFO: of the aport, `-dirty` behind it if it was changed.")
    builddate: int | None = about("`builddate` of .PKGINFO: seconds since 1970-01-01 UTC.")
    installed_size: int | None = about("`size` of .PKGINFO, bytes.")
    relations: dict[str, list[str]] = about(
        "depend, conflicts (depends on the absence of something), provides, replaces, install_if, and the priorities; "
        "each with its values, in order."
    )
    triggers: list[str] = about("Folders that its trigger script waits for: those of the last line, as apk reads it.")
    scripts: list[str] = about("Files of the control segment besides .PKGINFO: what apk runs.")
    pkginfo: list[list[str]] = about("Every key of .PKGINFO with its value, in order.")
    size: int = about("Bytes of the whole file.")
    sha256: str = about("SHA-256 of the whole file.", pattern=SHA256)
    unsigned_sha256: str = about("SHA-256 of the file without its signature.", pattern=SHA256)
    identity: str = about("apk's identity: `Q1` and base64 of SHA-1 of the control segment.")
    signatures: list[str] = about("TYPE.KEYNAME of each signature; whether they hold is not asked.")
    segments: dict[str, ShownSegment] = about("control and data.")
    members: list[ShownMember] = about("The data segment, in its order.")
    misread: str | None = about(
        "Why apk refuses it, or reads something else in it than its archives say; null if neither is so.", default=None
    )


@part
class ShownIndex:
    """What an index holds."""

    kind: Literal["index"] = about("What the file is.")
    description: str | None = about("Its DESCRIPTION.")
    packages: list[dict[str, str]] = about("Its records by the letters of their fields: `P`, `V`, `C` and so on.")


@part
class ShownInstalled:
    """A package of an installed database."""

    name: str = about("Package name.")
    version: str = about("Package version.")
    arch: str | None = about("Architecture.")
    checksum: str | None = about("apk's identity of it, `C:`.")


@part
class ShownDatabase:
    """What an installed database holds."""

    kind: Literal["database"] = about("What the file is.")
    packages: list[ShownInstalled] = about("In the order of the database.")


@part
class ShownEpoch:
    """SOURCE_DATE_EPOCH of a capture."""

    rule: str = about("caller, commit, mtime or recipe.")
    value: int = about("Seconds since 1970-01-01 UTC.")


@part
class ShownCapture:
    """What a capture holds."""

    kind: Literal["capture"] = about("What the folder is.")
    name: str = about("ORIGIN-VERSION.ARCH.")
    hooks: str = about("Version of the hooks that wrote it.")
    epoch: ShownEpoch = about("SOURCE_DATE_EPOCH, and the rule that chose it.")
    recipe: dict[str, str] = about("Values of the APKBUILD.")
    repository: dict[str, str] = about("What git said.")
    conditions: dict[str, str] = about("How it was built.")
    environment: dict[str, str] = about("Exported variables on the whitelist.")
    packages: list[str] = about("The packages that the build made.")


@part
class ValidatedFile:
    """A buildinfo, or a report of verify, that was checked."""

    path: str = about("The file, as it was named.")
    result: Literal["valid", "invalid", "error"] = about("error: it could not be read, or is none.")
    reason: str | None = about("Why it is not valid.")


@part
class ValidateReport:
    """What `validate --json` prints."""

    files: list[ValidatedFile] = about("One for each file that was named, in their order.")


@part
class Check:
    """What one check of `doctor` found."""

    name: str = about("The check.")
    status: Literal["ok", "warn", "fail"] = about("fail: the hooks cannot work so.")
    detail: str = about("What holds or does not.")
    mend: str | None = about("What to do about it; null where it is ok.", default=None)


@part
class DoctorReport:
    """What `doctor --json` prints."""

    checks: list[Check] = about("In the order of the checks.")
