"""Finalize: a capture and the packages of its build become a buildinfo beside the packages.

Idempotent: the same capture and packages give the same bytes. Atomic: at any moment the record is there
whole or not at all, and no package is ever touched but by one rename.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from buildinfo import __version__
from buildinfo.apk.pkginfo import PkgInfo, parse_pkginfo
from buildinfo.capture.assemble import assemble
from buildinfo.capture.folder import Folder, read_plain
from buildinfo.capture.normalizing import Normalizer, Recorded, digests
from buildinfo.capture.pending import remove_predecessors
from buildinfo.capture.reader import PLAIN_NAME, Capture, read_capture
from buildinfo.capture.settings import is_on
from buildinfo.capture.signing import require_holds
from buildinfo.capture.terms import Terms, terms_of
from buildinfo.document import dumps
from buildinfo.errors import BuildinfoError, CaptureError, UnreadableError, UsageError
from buildinfo.files import replace_file
from buildinfo.leftovers import sweep
from buildinfo.record_signature import sign_record, signature_path

#: Suffix of the record beside the packages.
SUFFIX = ".buildinfo.toml"
#: Mode of the record, as abuild's packages have it.
MODE = 0o644


@dataclass(frozen=True, slots=True)
class Finalized:
    """What finalize did.

    Attributes:
        capture: what was captured.
        record: the file that was written, or found as it would have been written.
        written: whether its bytes changed.
        packages: the packages that it describes.
        normalized: those of them whose bytes changed.
        left_alone: how many files in them were left alone for a reason.
        taints: their names.
        notes: what the user should know, one line each.
        failed: something could not be done, such as signing; the capture stays, to try again.
        keep: the capture stays because the user wants it.
        terms: what the user decided.
    """

    capture: Capture
    record: Path
    written: bool
    packages: tuple[Path, ...]
    normalized: tuple[Path, ...]
    left_alone: int
    taints: tuple[str, ...]
    notes: tuple[str, ...]
    failed: bool
    keep: bool
    terms: Terms

    def dispose(self) -> None:
        """Remove the capture, which has done its work, and those of builds of the same that had failed before.

        One that is kept, or cannot be removed, is marked: nobody takes it for new. Another user's is left as it is.

        Raises:
            UnreadableError: it can be neither removed nor marked.
        """
        path = self.capture.path.absolute()
        if self.failed:
            return
        if self.terms.own:
            remove_predecessors(path)
        try:
            with Folder(path, self.capture.identity) as folder:
                if not (self.terms.own or folder.mine):
                    return
                if not self.keep and self._remove(path):
                    return
                folder.tidy()
                folder.write("finalized", b"")
        except OSError as error:
            raise UnreadableError(f"cannot be removed or marked: {error.strerror}", where=path) from error

    def _remove(self, path: Path) -> bool:
        try:
            with Folder(path.parent) as above:
                return above.remove(path.name, self.capture.identity)
        except OSError:
            return False


def finalize(
    path: Path,
    environment: Mapping[str, str],
    *,
    repodest: Path | None = None,
    keep: bool = False,
    unsigned: bool = False,
    sign: bool = False,
    hold: bool = False,
) -> Finalized:
    """Normalize the packages of a capture and write its buildinfo.

    Args:
        path: the capture directory.
        environment: the user's, who has a captures folder, and settings and a key where the build is not his own.
        repodest: where the packages are, if not where the user's own build put them: the folder that holds ARCH
            folders.
        keep: leave the capture where it is; it is removed otherwise.
        unsigned: a package that changes loses its signature; otherwise it is signed anew with the same key.
        sign: sign the record with the packager's key; what BUILDINFO_SIGN asks for, unless `unsigned`.
        hold: leave `dispose` to the caller, who has something to do before that.

    Raises:
        CaptureError: the capture is incomplete or damaged.
        UsageError: it is not of a build of the user's own, and he does not say where the packages are.
        UnreadableError: a package is missing, or the record cannot be written.
        FormatError, IntegrityError: a package is not what abuild made.
    """
    capture = read_capture(path)
    terms = terms_of(capture, environment)
    folder = repodest or terms.packages
    if folder is None:
        mend = "name the folder that holds its packages with --packages, or set BUILDINFO_CAPTURES to its folder"
        raise UsageError("no capture of a build of yours, in your own captures folder", where=path, mend=mend)
    normalizer = Normalizer(capture, terms, unsigned)
    packages = _packages(capture, folder, normalizer)
    record = assemble(capture, packages, terms, normalizer.normalization())
    target = folder / capture.recipe["CARCH"] / f"{capture.name}{SUFFIX}"
    try:
        data = dumps(record)
    except UnicodeEncodeError as error:
        what = f"{error.object!r}"[:60]
        raise CaptureError(f"a value that has to be text is not UTF-8: {what}", where=path, mend="change it") from error
    written = not _is(target, data)
    if written:
        signature_path(target).unlink(missing_ok=True)  # first: no record ever has the signature of another
        replace_file(target, data, MODE)
    notes = normalizer.notes
    kept = "(the capture is kept: when that is mended, run abuild-buildinfo finalize"
    if normalizer.failed:
        notes[-1] += f" {kept} --reindex {path})"
    failed = normalizer.failed
    if sign or (is_on(terms.settings, "BUILDINFO_SIGN") and not unsigned):
        try:
            if not (sign or terms.own):
                _require_signed(terms, packages)
            _sign(target, data, terms, packages)
        except (BuildinfoError, OSError) as error:
            failed = True
            notes.append(f"the record is not signed: {error} {kept} --sign {path})")
    notes += [f"{taint.name}: {taint.reason}" for taint in record.taints if taint.name == "missing-file"]
    if capture.hooks != __version__:
        notes.append(
            f"the hooks that captured this build are version {capture.hooks}, this program is {__version__}: "
            "run abuild-buildinfo enable"
        )
    done = Finalized(
        capture=capture,
        record=target,
        written=written,
        packages=tuple(folder / name for name in sorted(packages)),
        normalized=tuple(normalizer.changed),
        left_alone=sum(len(entry.left_alone) for entry in packages.values()),
        taints=tuple(taint.name for taint in record.taints),
        notes=tuple(notes),
        failed=failed,
        keep=keep or is_on(terms.settings, "BUILDINFO_KEEP"),
        terms=terms,
    )
    if not hold:
        done.dispose()
    return done


def _is(path: Path, data: bytes) -> bool:
    """Whether a plain file has these bytes."""
    try:
        return read_plain(path, len(data)) == data
    except OSError:
        return False


def _require_signed(terms: Terms, packages: dict[str, Recorded]) -> None:
    """See to it that the user's key has signed all packages of a capture that was handed over.

    Raises:
        UnreadableError: it has not.
    """
    for name, entry in packages.items():
        if not entry.package.signatures:
            raise UnreadableError("has no signature, and the build was not yours", where=name, mend="--sign signs it")
        require_holds(terms.key, entry.package.signatures[0], digests(entry.package))


def _sign(target: Path, record: bytes, terms: Terms, packages: dict[str, Recorded]) -> None:
    """Write the signature of a record beside it: by the key that signs the packages, under its name there.

    Raises:
        BuildinfoError, OSError: it is not signed anew.
    """
    from buildinfo.apk.keys import read_private_key

    if not terms.key:
        raise UnreadableError("no key is known to sign with", mend="set PACKAGER_PRIVKEY")
    names = {signature.key_name for entry in packages.values() for signature in entry.package.signatures}
    signed = sign_record(record, read_private_key(Path(terms.key)), names.pop() if len(names) == 1 else None)
    file = signature_path(target)
    if not _is(file, signed):
        replace_file(file, signed, MODE)


def _packages(capture: Capture, folder: Path, normalizer: Normalizer) -> dict[str, Recorded]:
    """Verify and normalize every package of the build: ``ARCH/FILE`` -> what it is now."""
    built = _built_here(capture)
    expected = {word.partition(":")[0] for word in capture.words("allpackages")}
    absent = expected - {info.pkgname for info in built}
    if not built or absent:
        raise CaptureError(
            f"incomplete: nothing was captured of {', '.join(sorted(absent)) or 'its packages'}",
            where=capture.path,
            mend="build again",
        )
    files: dict[str, tuple[Path, PkgInfo]] = {}
    swept: set[Path] = set()
    for info in built:
        name = _place(capture, info)
        file = folder / name
        if not file.is_file():
            raise UnreadableError(
                "the package is not there",
                where=file,
                mend="build again, or name the folder that holds it with --packages",
            )
        if file.parent not in swept:
            swept.add(file.parent)
            sweep(file.parent)
        files[name] = file, info
    with closing(normalizer):
        normalizer.prepare(files)
        return {name: normalizer.normalize(name, *each) for name, each in files.items()}


def built_packages(capture: Capture) -> list[tuple[Path, PkgInfo]]:
    """The packages of a build, where it put them, and what it said of each.

    Raises:
        CaptureError, FormatError: the capture names no package.
    """
    folder = Path(capture.local.get("REPODEST", ""), capture.local.get("repo", ""))
    return [(folder / _place(capture, info), info) for info in _built_here(capture)]


def _built_here(capture: Capture) -> list[PkgInfo]:
    captured = [_built(capture, name) for name in sorted(capture.files) if name.startswith("pkginfo/")]
    # Another build may have left its own in the same folder.
    return [info for info in captured if (info.origin, info.pkgver) == (capture.recipe["pkgname"], capture.version)]


def _place(capture: Capture, info: PkgInfo) -> str:
    """ARCH/FILE."""
    arch = capture.recipe["CARCH"] if info.arch in (None, "noarch") else info.arch
    return f"{arch}/{info.pkgname}-{info.pkgver}.apk"


def _built(capture: Capture, name: str) -> PkgInfo:
    info = parse_pkginfo(capture.raw(name), where=capture.path / name)
    for value in (info.pkgname, info.pkgver, info.arch or "noarch"):
        if not PLAIN_NAME.fullmatch(value):
            raise CaptureError(f"damaged: {name} names no plain package", where=capture.path, mend="build again")
    return info
