"""Signing a control segment anew, with the same program, key name and type as abuild did.

Only what the very key has signed before is signed anew with it: so nobody gets its signature who had none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from buildinfo.apk.pigz import compress
from buildinfo.apk.segments import read_head
from buildinfo.apk.signature import Signature
from buildinfo.apk.tar import TarReader
from buildinfo.capture.folder import why_not_private
from buildinfo.errors import MissingToolError, UnreadableError
from buildinfo.leftovers import create_folder, part_name

_OPTIONS: Final = frozenset(("PIGZ", "GZIP", "TAR_OPTIONS"))
_LONGEST: Final = 1 << 14
"""Most bytes of a signature that is checked: of a key of 65,536 bits it has half of them."""


def signer(key: str, epoch: int, place: Path) -> Callable[[bytes, Signature], bytes]:
    """What makes the signature segment of a package that was built at `epoch`.

    It takes the new control segment and the old signature, and gives the new signature segment, framed canonically. It
    raises UnreadableError if the key is not there or signing fails, MissingToolError without ``abuild-sign``.

    Args:
        key: the path of the private key; may be empty.
        epoch: the time that the new signature gets.
        place: the folder of the package. What is signed lies there while that is done.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OPTIONS}
    environment["SOURCE_DATE_EPOCH"] = str(epoch)

    def sign(control: bytes, old: Signature) -> bytes:
        if not key:
            raise UnreadableError("no key is known to sign with", mend="set PACKAGER_PRIVKEY, or use --unsigned")
        with private_folder(place) as folder:
            file = folder / "control.tar.gz"
            file.write_bytes(control)
            command = ["abuild-sign", "-q", "-k", key, "-p", old.key_name]
            if old.type != "RSA":  # abuild < 3.13 knows no other, and no option for it
                command += ["-t", old.type]
            try:
                done = subprocess.run(
                    [*command, file.name],  # abuild-sign splits a path with blanks
                    cwd=folder,
                    env={**environment, "TMPDIR": str(folder)},
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                )
            except FileNotFoundError as error:
                raise MissingToolError("is not there", where="abuild-sign", mend="install abuild") from error
            if done.returncode != 0:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise UnreadableError(f"abuild-sign failed: {said[-1]}", where=key)
            return _signature_segment(file, old, control)

    return sign


@contextmanager
def private_folder(place: Path) -> Iterator[Path]:
    """A folder that nobody else can enter, in another; what an interruption leaves of it, `sweep` removes there.

    Raises:
        UnreadableError: none can be made.
    """
    folder = place / part_name()
    try:
        held = create_folder(folder)
    except OSError as error:
        raise UnreadableError(f"nothing can be signed: {error.strerror}", where=place) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def require_holds(key: str, signature: Signature, digests: Mapping[str, bytes]) -> None:
    """See to it that a signature was made with a private key.

    Args:
        key: the path of the private key; may be empty, for none.
        signature: what was signed with it, or not.
        digests: of the bytes that were signed, by the names of hashlib.

    Raises:
        UnreadableError: it was not, or there is no such key.
        MissingToolError: without openssl, which abuild-sign needs as well.
    """
    from buildinfo.apk.keys import TYPES  # hardly ever needed

    if not key:
        raise UnreadableError("no key is known to sign with", mend="set PACKAGER_PRIVKEY, or use --unsigned")
    algorithm = TYPES.get(signature.type)
    digest = None if algorithm is None else digests.get(algorithm)
    if digest is None or len(signature.data) > _LONGEST:
        raise UnreadableError(f"abuild-sign makes no signatures such as {signature.file_name[:80]}", where=key)
    if not Path(key).is_file():
        raise UnreadableError("the key is not there", where=key)
    ways = [["-inkey", key]]
    if _is_encrypted(key):
        ways.append(["-pubin", "-inkey", f"{key}.pub"])
    if not any(_holds([*way, "-pkeyopt", f"digest:{algorithm}"], signature, digest) for way in ways):
        what = f"{signature.file_name[:80]} was not made with it, and nothing is signed that it did not sign before"
        raise UnreadableError(what, where=key)


def require_private(folder: Path) -> None:
    """See to it that nobody else can exchange what is about to be signed.

    Raises:
        UnreadableError: somebody can.
    """
    try:
        why = why_not_private(folder)
    except OSError as error:
        why = str(error.strerror)
    if why is not None:
        what = f"nothing of others is signed in there, since {why}"
        raise UnreadableError(what, where=folder, mend="copy the packages to a folder that only you can write to")


def _holds(way: list[str], signature: Signature, digest: bytes) -> bool:
    openssl = shutil.which("openssl") or "libressl"
    reading, writing = os.pipe()
    try:
        os.write(writing, signature.data)
        os.close(writing)
        command = [openssl, "pkeyutl", "-verify", *way, "-passin", "pass:", "-sigfile", f"/dev/fd/{reading}"]
        done = subprocess.run(command, input=digest, capture_output=True, check=False, pass_fds=[reading])
    except FileNotFoundError as error:
        raise MissingToolError("is not there", where="openssl", mend="install it") from error
    finally:
        os.close(reading)
    return done.returncode == 0


def _is_encrypted(key: str) -> bool:
    with suppress(OSError), open(key, "rb") as file:  # noqa: PTH123
        return b"ENCRYPTED" in file.read(256)
    return False


def _signature_segment(file: Path, old: Signature, control: bytes) -> bytes:
    """The signature segment that was put before the control segment, in canonical framing."""
    tars = read_head(file)
    names = [member.name for tar in tars[:1] for member, _ in TarReader([tar], where=file)]
    if len(tars) != 2 or names != [old.file_name] or not file.read_bytes().endswith(control):
        raise UnreadableError(f"abuild-sign wrote something else than {old.file_name}", where=file.name)
    return compress(tars[0])
