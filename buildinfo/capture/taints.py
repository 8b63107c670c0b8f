"""What spoils a record: each taint a small class with one method. docs/taints.md says what each means.

A taint that is always on is noise: a clean build in a clean Alpine has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from buildinfo.apk.v2 import Package
from buildinfo.capture.reader import Capture
from buildinfo.capture.redact import Placeholders
from buildinfo.capture.secrets import cut_secrets
from buildinfo.model import Taint, Tool, as_text

#: Owners that every Alpine has: /etc/passwd and /etc/group of alpine-baselayout 3.6.5, and names of older ones.
BASE_USERS = frozenset(
    [
        "root",
        "bin",
        "daemon",
        "adm",
        "lp",
        "sync",
        "shutdown",
        "halt",
        "mail",
        "news",
        "uucp",
        "operator",
        "man",
        "postmaster",
        "cron",
        "ftp",
        "sshd",
        "at",
        "squid",
        "xfs",
        "games",
        "cyrus",
        "vpopmail",
        "ntp",
        "smmsp",
        "guest",
        "nobody",
    ]
)
BASE_GROUPS = frozenset(
    [
        "root",
        "bin",
        "daemon",
        "sys",
        "adm",
        "tty",
        "disk",
        "lp",
        "mem",
        "kmem",
        "wheel",
        "floppy",
        "mail",
        "news",
        "uucp",
        "man",
        "cron",
        "console",
        "audio",
        "cdrom",
        "dialout",
        "ftp",
        "sshd",
        "input",
        "at",
        "tape",
        "video",
        "netdev",
        "readproc",
        "squid",
        "xfs",
        "kvm",
        "games",
        "shadow",
        "cdrw",
        "www-data",
        "usb",
        "vpopmail",
        "users",
        "ntp",
        "nofiles",
        "smmsp",
        "locate",
        "abuild",
        "utmp",
        "ping",
        "nogroup",
        "nobody",
    ]
)
PLAIN_LOCALES = frozenset({"", "c", "posix", "c.utf-8", "c.utf8"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a detector may look at.

    Attributes:
        packages: output path -> the package as it was read.
        trees: package name -> the paths below its package tree, as they were after fakeroot.
        missing_sources: sources of the recipe that were not where abuild keeps them.
    """

    capture: Capture
    environment: Mapping[str, str]
    tools: Sequence[Tool]
    packages: Mapping[str, Package]
    trees: Mapping[str, frozenset[str]]
    missing_sources: Sequence[str]


def detect(evidence: Evidence, placeholders: Placeholders) -> list[Taint]:
    """All taints of a build, sorted by name; paths in a reason are replaced."""
    taints = []
    for detector in DETECTORS:
        reason = detector.reason(evidence)
        if reason:
            taints.append(Taint(name=detector.name, reason=as_text(placeholders.apply(cut_secrets(reason)))))
    return sorted(taints, key=lambda taint: taint.name)


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


class Detector:
    """Base: a name, and the reason if it holds."""

    name: str

    def reason(self, evidence: Evidence) -> str | None:
        """Why the build has this taint; None if it has not."""
        raise NotImplementedError


class DirtyTree(Detector):
    name = "dirty-tree"

    def reason(self, evidence: Evidence) -> str | None:
        if not evidence.capture.repository.get("dirty"):
            return None
        return "files of the aport are not as its last commit has them: see source.dirty"


class GitAbsent(Detector):
    name = "git-absent"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.repository["state"] == "absent":
            return "there was no git to ask for the commit"
        return None


class GitRefused(Detector):
    name = "git-refused"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.repository["state"] == "refused":
            return "git refused to answer: the repository belongs to another user"
        return None


class NotInGit(Detector):
    name = "not-in-git"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.repository["state"] in ("none", "untracked"):
            return "the APKBUILD is not tracked by a git repository, so there is no commit to build again"
        return None


class EpochFromFileTime(Detector):
    name = "epoch-from-file-time"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.epoch[0] == "mtime":
            return "SOURCE_DATE_EPOCH is the modification time of the APKBUILD, which git does not keep"
        return None


class EpochDiffers(Detector):
    """An APKBUILD may set SOURCE_DATE_EPOCH itself, and abuild chooses it anew in a process of its own."""

    name = "epoch-differs"

    def reason(self, evidence: Evidence) -> str | None:
        epoch = evidence.capture.epoch[1]
        times = {package.pkginfo.builddate for package in evidence.packages.values()} - {epoch}
        if not times:
            return None
        return f"packages have builddate {_some(map(str, times))}, not the epoch that the build began with"


class CommitDiffers(Detector):
    name = "commit-differs"

    def reason(self, evidence: Evidence) -> str | None:
        repository = evidence.capture.repository
        commit = repository.get("commit", "") + repository.get("dirty", "")
        others = {package.pkginfo.commit or "" for package in evidence.packages.values()} - {commit}
        if not others:
            return None
        return f"packages name the commit {_some(other or 'none' for other in others)}, not the aport's last"


class UnrecordedInput(Detector):
    name = "unrecorded-input"

    def reason(self, evidence: Evidence) -> str | None:
        names = evidence.capture.lines("inputs.skipped")
        return f"files beside the APKBUILD that are not in the record: {_some(names)}" if names else None


class ShallowBoundary(Detector):
    name = "shallow-boundary"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.repository.get("shallow"):
            return "the clone is cut at the commit that seems to be the aport's last: its real one may be older"
        return None


class UsrLocal(Detector):
    """Files in /usr/local, which no package owns."""

    def __init__(self, name: str, what: str, *folders: str) -> None:
        self.name = name
        self._what = what
        self._folders = folders

    def reason(self, evidence: Evidence) -> str | None:
        seen = evidence.capture.lines("usrlocal")
        folders = [folder for folder in self._folders if any(path.startswith(f"{folder}/") for path in seen)]
        return f"{' and '.join(folders)} held {self._what}" if folders else None


class Network(Detector):
    name = "network"

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.capture.conditions.get("sandbox") == "rootbld+net":
            return "options=net: the build could fetch what the record does not name"
        return None


class CompilerCache(Detector):
    name = "compiler-cache"

    def reason(self, evidence: Evidence) -> str | None:
        conditions, environment = evidence.capture.conditions, evidence.environment
        if conditions.get("USE_CCACHE"):
            return "USE_CCACHE was set: objects may come from the cache of another build"
        if "/ccache/" in conditions.get("PATH", "") + "/":
            return "PATH led through ccache"
        for name in ("CC", "CXX", "RUSTC_WRAPPER", "CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER"):
            if "ccache" in environment.get(name, ""):
                return f"{name} led through a compiler cache"
        return None


class UnownedTool(Detector):
    name = "unowned-tool"

    def reason(self, evidence: Evidence) -> str | None:
        names = [str(tool.name) for tool in evidence.tools if tool.package is None]
        return f"no installed package owns {_some(names)}" if names else None


class Locale(Detector):
    name = "locale"

    def reason(self, evidence: Evidence) -> str | None:
        environment = evidence.environment
        names = ["LC_ALL"] if environment.get("LC_ALL") else ["LANG", *(n for n in environment if n.startswith("LC_"))]
        for name in sorted(names):
            value = environment.get(name, "")
            if value.lower() not in PLAIN_LOCALES:
                return f"{name} was {value}: it orders relations in .PKGINFO and may translate what tools write"
        return None


class Variable(Detector):
    """A variable that reaches into the bytes of every package."""

    def __init__(self, name: str, variable: str, effect: str) -> None:
        self.name = name
        self._variable = variable
        self._effect = effect

    def reason(self, evidence: Evidence) -> str | None:
        if evidence.environment.get(self._variable):
            return f"{self._variable} was set: {self._effect}"
        return None


class MissingSource(Detector):
    name = "missing-source"

    def reason(self, evidence: Evidence) -> str | None:
        if not evidence.missing_sources:
            return None
        return f"not found when the package was made, so not recorded: {_some(evidence.missing_sources)}"


class MissingFile(Detector):
    """abuild ignores a tar that fails: the package then lacks files, and nobody is told."""

    name = "missing-file"

    def reason(self, evidence: Evidence) -> str | None:
        missing = []
        for package in evidence.packages.values():
            name = package.pkginfo.pkgname
            packed = {member.name.rstrip("/") for member in package.members}
            missing += [f"{name}: {path}" for path in evidence.trees.get(str(name), frozenset()) - packed]
        return f"in the package tree but not in the package: {_some(missing)}" if missing else None


class UndeclaredOwner(Detector):
    name = "undeclared-owner"

    def reason(self, evidence: Evidence) -> str | None:
        users = BASE_USERS.union(evidence.capture.words("pkgusers"))
        groups = BASE_GROUPS.union(evidence.capture.words("pkggroups"))
        found = set()
        for package in evidence.packages.values():
            for member in package.members:
                if (member.uname or str(member.uid)) not in users and (member.uname or member.uid):
                    found.add(f"user {member.uname or member.uid}")
                if (member.gname or str(member.gid)) not in groups and (member.gname or member.gid):
                    found.add(f"group {member.gname or member.gid}")
        if not found:
            return None
        return f"files belong to {_some(found)}, neither in alpine-baselayout nor in pkgusers and pkggroups"


DETECTORS: tuple[Detector, ...] = (
    DirtyTree(),
    GitAbsent(),
    GitRefused(),
    NotInGit(),
    EpochFromFileTime(),
    EpochDiffers(),
    CommitDiffers(),
    UnrecordedInput(),
    ShallowBoundary(),
    UsrLocal("usr-local-programs", "programs", "/usr/local/bin", "/usr/local/sbin"),
    UsrLocal("usr-local-headers", "headers", "/usr/local/include"),
    UsrLocal("usr-local-libraries", "libraries", "/usr/local/lib"),
    Network(),
    CompilerCache(),
    UnownedTool(),
    Locale(),
    Variable("tar-options", "TAR_OPTIONS", "tar obeys it before abuild's own options"),
    Variable("pigz-options", "PIGZ", "it changes the compressed bytes"),
    Variable("gzip-options", "GZIP", "it may change the compressed bytes"),
    MissingSource(),
    MissingFile(),
    UndeclaredOwner(),
)
