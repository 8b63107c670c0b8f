"""What the doctor looks at: the environment, the configurations, and what abuild's shell makes of them."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from buildinfo.capture.settings import FLAGS, PREFIX, TEXTS
from buildinfo.errors import BuildinfoError
from buildinfo.install import hooks
from buildinfo.install.places import Scope, system_scope, user_scope


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        name: the check.
        status: "ok", "warn" or "fail".
        detail: what holds or does not, in one line.
        mend: what to do about it; None where it is ok.
    """

    name: str
    status: str
    detail: str
    mend: str | None = None


#: What is asked of the shell once it has read both configurations.
ANSWERS = (
    "loaded_by_system",
    "_buildinfo_dir",
    "ABUILD_USERCONF",
    "APK",
    "FAKEROOT",
    "PACKAGER_PRIVKEY",
    "PACKAGER_PUBKEY",
    "REPODEST",
    "XDG_STATE_HOME",
    "HOME",
    *FLAGS,
    *TEXTS,
    "buildinfo_names",
)

# Reads the configurations as abuild's readconfig does, under -e: $1 the system's, $2 the user's folder if neither
# the environment nor the system's configuration names one, $3 the one that the environment names.
_SCRIPT = """
exec 9>&1 >/dev/null 2>&1 </dev/null
program=abuild
_buildinfo_dir=
[ -f "$1" ] && . "$1"
loaded_by_system=$_buildinfo_dir
[ -z "$3" ] || ABUILD_USERDIR=$3
: "${ABUILD_USERDIR:=$2}"
: "${ABUILD_USERCONF:=$ABUILD_USERDIR/abuild.conf}"
[ -f "$ABUILD_USERCONF" ] && . "$ABUILD_USERCONF"
buildinfo_names=$(set | sed -n 's/^\\(BUILDINFO_[A-Za-z0-9_]*\\)=.*/\\1/p') || :
""" + "".join(f'printf "%s\\0" "${{{name}-}}" >&9\n' for name in ANSWERS)


@dataclass(frozen=True)
class Situation:
    """One user on one machine.

    Args:
        environ: the environment that abuild would get.
        root: where /usr/local and /etc/apk/keys are looked for.
        proc: where processes are looked for.
    """

    environ: Mapping[str, str]
    root: Path = Path("/")
    proc: Path = Path("/proc")

    @cached_property
    def scopes(self) -> tuple[Scope, Scope]:
        """The system's and the user's, in the order in which abuild reads them."""
        return system_scope(self.environ), user_scope(self.environ)

    @cached_property
    def configs(self) -> dict[Scope, bytes]:
        """The configurations that are there and can be read."""
        held: dict[Scope, bytes] = {}
        for scope in self.scopes:
            try:
                content = hooks.read(scope.config)
            except BuildinfoError:
                continue
            if content is not None:
                held[scope] = content
        return held

    @cached_property
    def enabled(self) -> list[Scope]:
        """Those with a line of ours, the one that wins first."""
        return [scope for scope, config in self.configs.items() if hooks.marked_lines(config)]

    @cached_property
    def answers(self) -> dict[str, str] | None:
        """The variables named in ``ANSWERS`` as abuild's shell holds them; None if it does not get that far."""
        shell = self.shell
        if shell is None or any(map(_is_no_file, self._sourced())):  # which the shell would wait for
            return None
        system, user = self.scopes
        words = [str(system.config), str(user.config.parent), self.environ.get("ABUILD_USERDIR", "")]
        try:
            asked = subprocess.run(
                [*shell, "-ec", _SCRIPT, "abuild", *words],
                capture_output=True,
                check=False,
                env=dict(self.environ),
                timeout=20,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        values = asked.stdout.decode("utf-8", "surrogateescape").split("\0")
        if len(values) != len(ANSWERS) + 1:
            return None
        return dict(zip(ANSWERS, values, strict=False))

    def _sourced(self) -> Iterator[Path]:
        """The files that abuild's shell reads, as far as they are known."""
        for scope in self.scopes:
            yield scope.config
        for scope in self.enabled:
            yield from scope.folder.glob("*.sh")

    @cached_property
    def shell(self) -> list[str] | None:
        """The shell that abuild runs in, or the nearest to it."""
        if Path("/bin/ash").exists():
            return ["/bin/ash"]
        busybox = self.find("busybox")
        if busybox is not None:
            return [busybox, "ash"]
        sh = self.find("sh")
        return None if sh is None else [sh]

    def find(self, program: str) -> str | None:
        """The path of a program on PATH."""
        return shutil.which(program, path=self.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))

    def value(self, name: str) -> str:
        """A setting of abuild: from its shell if that could be asked, else from the environment; "" if not set."""
        return self.environ.get(name, "") if self.answers is None else self.answers[name]

    @property
    def setting_names(self) -> list[str]:
        """The names that are set and begin as those of our settings do."""
        if self.answers is not None:
            return self.answers["buildinfo_names"].split()
        return [name for name in self.environ if name.startswith(PREFIX)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str] | None:
        """Run a program in this environment; None if it cannot be run or does not end."""
        try:
            return subprocess.run(
                words,
                capture_output=True,
                check=False,
                env=dict(self.environ),
                errors="replace",
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=20,
            )
        except (OSError, subprocess.SubprocessError):
            return None


def _is_no_file(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
