"""Signing a control segment anew, with the same program, key name and type as abuild did."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from buildinfo.apk.pigz import compress
from buildinfo.apk.segments import read_head
from buildinfo.apk.signature import Signature
from buildinfo.apk.tar import TarReader
from buildinfo.capture.reader import Capture
from buildinfo.errors import MissingToolError, UnreadableError


def signer(capture: Capture, epoch: int) -> Callable[[bytes, Signature], bytes]:
    """What makes the signature segment of a package that was built at `epoch`.

    It takes the new control segment and the old signature, and gives the new signature segment, framed canonically. It
    raises UnreadableError if the key is not there or signing fails, MissingToolError without ``abuild-sign``.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("PIGZ", "GZIP", "TAR_OPTIONS")}
    environment["SOURCE_DATE_EPOCH"] = str(epoch)
    key = capture.local.get("PACKAGER_PRIVKEY", "")

    def sign(control: bytes, old: Signature) -> bytes:
        if not key:
            raise UnreadableError("no key is known to sign with", mend="set PACKAGER_PRIVKEY, or use --unsigned")
        with tempfile.TemporaryDirectory(prefix="abuild-buildinfo.") as folder:
            file = Path(folder, "control.tar.gz")
            file.write_bytes(control)
            command = ["abuild-sign", "-q", "-k", key, "-p", old.key_name]
            if old.type != "RSA":  # abuild < 3.13 knows no other, and no option for it
                command += ["-t", old.type]
            try:
                done = subprocess.run(
                    [*command, file.name],  # abuild-sign splits a path with blanks
                    cwd=folder,
                    env=environment,
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


def _signature_segment(file: Path, old: Signature, control: bytes) -> bytes:
    """The signature segment that was put before the control segment, in canonical framing."""
    tars = read_head(file)
    names = [member.name for tar in tars[:1] for member, _ in TarReader([tar], where=file)]
    if len(tars) != 2 or names != [old.file_name] or not file.read_bytes().endswith(control):
        raise UnreadableError(f"abuild-sign wrote something else than {old.file_name}", where=file.name)
    return compress(tars[0])
