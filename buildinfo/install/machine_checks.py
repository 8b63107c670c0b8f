"""The doctor's checks of the machine: programs, the signing key, the environment of builds."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from buildinfo.apk.keys import PublicKey, read_private_key, read_public_key
from buildinfo.errors import FormatError, UsageError
from buildinfo.install.config_checks import user_folder
from buildinfo.install.places import plain
from buildinfo.install.situation import Finding, Situation

OLDEST, NEWEST = (3, 11), (3, 18)


def abuild(situation: Situation) -> Iterator[Finding]:
    """Is abuild there, of a version whose calls the hooks know?"""
    path = situation.find("abuild")
    if path is None:
        yield Finding("abuild", "fail", "abuild is not on PATH", "apk add abuild")
        return
    answer = situation.run(path, "-V")
    version = re.match(r"abuild ([0-9]+)\.([0-9]+)\S*", answer.stdout) if answer is not None else None
    if answer is None or answer.returncode != 0 or version is None:
        yield Finding("abuild", "fail", f"{path} -V does not answer", "mend abuild.conf, which it reads first")
        return
    number = int(version[1]), int(version[2])
    if OLDEST <= number <= NEWEST:
        yield Finding("abuild", "ok", f"{path} is {version[0]}")
    else:
        supported = " to ".join(f"{major}.{minor}" for major, minor in (OLDEST, NEWEST))
        mend = f"look at one record by hand; supported are {supported}"
        yield Finding("abuild", "warn", f"{path} is {version[0]}, which the hooks were not tried with", mend)
    yield from user_folder(situation, number)


def programs(situation: Situation) -> Iterator[Finding]:
    """The programs that a build's bytes or its record depend on."""
    gzip = "abuild compresses with gzip, and finalize makes its packages anew as pigz would, and signs them again"
    for name, status, use, loss, mend in (
        ("apk", "fail", "", "no index can be made", "apk add apk-tools"),
        ("pigz", "warn", ", which abuild compresses packages with", gzip, "apk add pigz"),
        ("git", "warn", "", "records name no commit, and the epoch is the APKBUILD's time", "apk add git"),
    ):
        path = situation.find(name)
        if path is None:
            yield Finding(name, status, f"{name} is not on PATH: {loss}", mend)
        else:
            yield Finding(name, "ok", f"{name} is {path}{use}")


def key(situation: Situation) -> Iterator[Finding]:
    """Is there a key to sign with, and does this machine trust it? A value is shown only where it is a path."""
    value = situation.value("PACKAGER_PRIVKEY")
    if not value:
        yield Finding("key", "fail", "PACKAGER_PRIVKEY is not set", "abuild-keygen -a -i")
        return
    private = Path(value)
    if not _is_file(private):
        # It may be the key itself, which nobody should see.
        named = f", {plain(value)}," if value.startswith("/") and len(value) < 1000 and "\n" not in value else ""
        yield Finding("key", "fail", f"PACKAGER_PRIVKEY{named} names no file", "abuild-keygen -a -i")
        return
    yield from _private_key(private, Path(situation.value("PACKAGER_PUBKEY") or f"{private}.pub"), situation.root)


def _private_key(private: Path, public: Path, root: Path) -> Iterator[Finding]:
    if not os.access(private, os.R_OK):
        yield Finding("key", "fail", f"{private} cannot be read", "check its owner and mode")
        return
    try:
        signs = read_private_key(private).public_key()
    except (FormatError, UsageError) as error:
        what = "encrypted, and abuild-sign cannot ask" if isinstance(error, UsageError) else error.what
        mend = "name a key without a passphrase" if isinstance(error, UsageError) else "abuild-keygen -a -i"
        yield Finding("key", "fail", f"{private} cannot sign: {what}", mend)
        return
    if not _is_file(public):
        mend = f"openssl rsa -in {shlex.quote(str(private))} -pubout -out {shlex.quote(str(public))}"
        yield Finding("key", "fail", f"{private} has no public key: {public} is not there", mend)
        return
    if (why := _mismatch(signs, public)) is not None:
        yield Finding("key", "fail", f"{public} {why} {private}", "abuild-keygen -a -i makes a new pair")
        return
    if private.stat().st_mode & 0o077:
        mend = f"chmod 600 {shlex.quote(str(private))}"
        yield Finding("key", "warn", f"{private} can be read by other users, who could sign packages", mend)
    trusted = root / "etc/apk/keys" / public.name
    if not _is_file(trusted):
        mend = f"copy it to {trusted.parent}"
        yield Finding("key", "warn", f"{public} is not trusted on this machine", mend)
    elif trusted.read_bytes() != public.read_bytes():
        mend = f"copy {public} to {trusted.parent}"
        yield Finding("key", "warn", f"{trusted} is another key than the one that signs", mend)
    else:
        yield Finding("key", "ok", f"{private} signs and is trusted on this machine")


def _mismatch(signs: PublicKey, public: Path) -> str | None:
    """Why a file is not the public half of a key; None if it is."""
    try:
        stated = read_public_key(public)
    except FormatError:
        return "is no public key, and does not belong to"
    same = stated.key.public_numbers() == signs.key.public_numbers()
    return None if same else "is the public key of another than"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def locale(situation: Situation) -> Iterator[Finding]:
    """A locale other than C orders lines of .PKGINFO."""
    environ = situation.environ
    if environ.get("LC_ALL"):
        names = ["LC_ALL"]
    else:
        names = sorted(name for name in environ if name == "LANG" or name.startswith("LC_"))
    neutral = ("", "c", "posix", "c.utf-8", "c.utf8")
    wrong = [plain(name) for name in names if environ[name].lower() not in neutral]
    if wrong:
        detail = f"{', '.join(wrong)} sets a locale that can change packages"
        yield Finding("locale", "warn", detail, "build with LC_ALL=C.UTF-8")
    else:
        yield Finding("locale", "ok", "the locale is C, POSIX or C.UTF-8")


def environment(situation: Situation) -> Iterator[Finding]:
    """Variables that tar, pigz and gzip take options from."""
    if situation.environ.get("TAR_OPTIONS"):
        yield Finding("environment", "warn", "TAR_OPTIONS changes the bytes of packages", "unset it")
    names = [name for name in ("PIGZ", "GZIP") if situation.environ.get(name)]
    if names:
        detail = f"{' and '.join(names)}: options of the compressor, so finalize has to compress every package again"
        yield Finding("environment", "warn", detail, "unset it")
    if not names and not situation.environ.get("TAR_OPTIONS"):
        yield Finding("environment", "ok", "TAR_OPTIONS, PIGZ and GZIP are not set")


def usr_local(situation: Situation) -> Iterator[Finding]:
    """What no package owns, and yet a build may use."""
    found: list[Path] = []
    for name in ("bin", "sbin", "include", "lib"):
        found += islice(_files(situation.root / "usr/local" / name), 3)
    if found:
        detail = f"/usr/local holds what no package owns and a build may use: {', '.join(map(str, found[:3]))}"
        yield Finding("usr-local", "warn", detail, "remove it, or build with rootbld")
    else:
        yield Finding("usr-local", "ok", "/usr/local holds no programs, headers or libraries")


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            yield Path(place, name)


def rootbld(situation: Situation) -> Iterator[Finding]:
    """What abuild rootbld needs."""
    lacking = [name for name in ("bwrap", "envsubst") if situation.find(name) is None]
    if lacking:
        yield Finding("rootbld", "warn", f"not ready: {', '.join(lacking)} not on PATH", "apk add abuild-rootbld")
    else:
        yield Finding("rootbld", "ok", "bwrap and envsubst are there")
    user = situation.scopes[1]
    if user in situation.configs and user.config.resolve().parent != user.config.parent.resolve():
        detail = f"{user.config} links out of its folder, so rootbld does not see it"
        yield Finding("rootbld", "warn", detail, "put the file itself there")
