"""doctor: each thing that costs a packager the record of a build has its line, with the mend."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildinfo.cli import main
from buildinfo.install.checks import CHECKS, examine
from buildinfo.install.situation import Finding, Situation

Look = Callable[[str], list[tuple[str, str]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the hooks enabled, and no configuration of the system."""
    for name in list(os.environ):
        if name.startswith(("ABUILD_", "XDG_", "BUILDINFO_", "PACKAGER")) or name in ("APK", "FAKEROOT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ABUILD_CONF", str(tmp_path / "etc/abuild.conf"))
    (tmp_path / "home/.abuild").mkdir(parents=True)
    (tmp_path / "home/.abuild/abuild.conf").write_text("JOBS=3\n")
    assert main(["enable"]) == 0
    return tmp_path / "home"


@pytest.fixture
def look(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Look:
    """What the doctor says under one name: status, and detail with mend."""

    def said(name: str) -> list[tuple[str, str]]:
        monkeypatch.setattr("buildinfo.install.checks.CHECKS", {name: CHECKS[name]})  # the others cost time
        capsys.readouterr()
        status = main(["doctor", "--json"])
        checks = json.loads(capsys.readouterr().out)["checks"]
        assert status == int(any(check["status"] == "fail" for check in checks))
        assert all(set(check) == {"name", "status", "detail", "mend"} for check in checks)
        assert all((check["mend"] is None) == (check["status"] == "ok") for check in checks)
        assert all("\n" not in check["detail"] for check in checks)
        return [(c["status"], f"{c['detail']}: {c['mend']}") for c in checks if c["name"] == name]

    return said


def statuses(found: list[tuple[str, str]]) -> list[str]:
    return [status for status, _ in found]


def config(home: Path) -> Path:
    return home / ".abuild/abuild.conf"


# --- the hooks -----------------------------------------------------------------------------------------------


def test_enabled_is_told_from_forgotten(home: Path, look: Look) -> None:
    """Else a packager would build for weeks before noticing that there are no records."""
    assert statuses(look("enabled") + look("hooks") + look("program") + look("config")) == ["ok"] * 4
    assert main(["enable", "--system"]) == 0
    ((status, text),) = look("enabled")
    assert status == "ok"
    assert "for the system" in text
    assert "the system's win" in text
    assert main(["disable", "--system"]) == 0
    assert main(["disable"]) == 0
    ((status, text),) = look("enabled")
    assert status == "fail"
    assert text.endswith(": abuild-buildinfo enable")


@pytest.mark.parametrize(
    ("before", "loads"),
    [("return\n", False), ("cat >/dev/null <<END\n", False), ("false\n", False), ("[ -n '' ] && x\n", True)],
)
def test_a_line_that_abuild_does_not_reach(home: Path, look: Look, before: str, loads: bool) -> None:
    """Else everything would look right, and yet no build would have a record."""
    config(home).write_text(before + config(home).read_text())
    assert statuses(look("enabled")) == ["ok" if loads else "fail"]


def test_a_line_in_a_configuration_that_is_not_read(home: Path, look: Look, tmp_path: Path) -> None:
    """Else a folder made by another program would switch the hooks off unseen."""
    (home / ".config/abuild").mkdir(parents=True)
    found = look("enabled")
    assert statuses(found) == ["warn", "fail"]
    assert str(config(home)) in found[0][1]
    (home / ".config/abuild").rmdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/abuild.conf").write_text(f"ABUILD_USERDIR={tmp_path}/elsewhere\n")
    found = look("enabled")
    assert statuses(found) == ["warn", "fail"]
    assert "ABUILD_USERDIR" in found[0][1]


def test_stale_and_missing_copies_are_named(home: Path, look: Look) -> None:
    """Else hooks of an old version would go on writing captures that finalize no longer reads."""
    folder = home / ".abuild/abuild-buildinfo"
    with (folder / "capture.sh").open("a") as file:
        file.write("# old\n")
    ((status, text),) = look("hooks")
    assert status == "warn"
    assert "capture.sh" in text
    assert text.endswith(": abuild-buildinfo enable")
    (folder / "hook.sh").unlink()
    assert sorted(statuses(look("hooks"))) == ["fail", "warn"]
    assert statuses(look("enabled")) == ["fail"]
    config(home).write_text(config(home).read_text().replace("buildinfo/hook.sh'", "buildinfo/old.sh'"))
    assert statuses(look("enabled"))[0] == "warn"
    assert main(["enable"]) == 0
    assert statuses(look("enabled") + look("hooks")) == ["ok", "ok"]


def test_system_copies_that_others_cannot_read(home: Path, look: Look, tmp_path: Path) -> None:
    """Else root's restrictive umask would switch the hooks off for everybody but root, without a word."""
    assert main(["disable"]) == 0
    assert main(["enable", "--system"]) == 0
    (tmp_path / "etc/abuild-buildinfo/capture.sh").chmod(0o600)
    closed = [text for status, text in look("hooks") if status == "fail"]
    assert closed
    assert all(": chmod a+rX /" in text for text in closed)


def test_a_python_that_is_gone_or_of_another_version(
    home: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a removed venv would be noticed only by the builds that it spoils."""
    program = home / ".abuild/abuild-buildinfo/program.sh"
    good = program.read_text()
    python = tmp_path / "a python"
    for body, status, word in (
        ("echo 0.0.1", "warn", "0.0.1"),
        ("exit 1", "fail", "cannot import"),
        (None, "fail", "does not run"),
    ):
        python.unlink(missing_ok=True)
        if body is not None:
            python.write_text(f"#!/bin/sh\n{body}\n")
            python.chmod(0o755)
        program.write_text(f"_buildinfo_python='{python}'\n")
        ((said, text),) = look("program")
        assert (said, word in text) == (status, True)
    for text in ("", "_buildinfo_python='open\n", "_buildinfo_python=python3\n"):
        program.write_text(text)
        assert statuses(look("program")) == ["fail"]
    program.write_text(good)
    monkeypatch.setattr("buildinfo.__version__", "9.9.9")
    assert statuses(look("program")) == ["warn"]


def test_a_configuration_that_no_shell_parses(home: Path, look: Look) -> None:
    """Else every program of abuild dies, and the user does not know where to look."""
    config(home).write_text("A=1\nif [ x ]; then\nB=2\n")
    found = look("config")
    assert set(statuses(found)) == {"fail"}
    assert " at line " in found[0][1]


# --- what goes round the hooks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("ABUILD_LOG_CMD=logger", "ok"),
        ("APK=/sbin/apk", "fail"),
        ("APK='apk --keys-dir /secret'", "ok"),
        ("export FAKEROOT=/secret/fakeroot", "fail"),
        ("apk() { command apk --secret; }", "fail"),
        ("alias fakeroot=secret", "fail"),
    ],
)
def test_what_goes_round_the_hooks(home: Path, look: Look, line: str, status: str) -> None:
    """Else one line behind ours would silently cost the epoch or the record."""
    config(home).write_text(config(home).read_text() + line + "\n")
    ((said, text),) = look("bypass")
    assert said == status
    assert "secret" not in text
    assert status == "ok" or f"{config(home)} line 3" in text


def test_a_logger_above_the_line_is_chained(home: Path, look: Look) -> None:
    """Else the doctor would send people to mend what works."""
    config(home).write_text("ABUILD_LOG_CMD=logger\n" + config(home).read_text())
    assert statuses(look("bypass")) == ["ok"]


def test_the_environment_goes_round_the_hooks(home: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an exported APK would switch finalize off, and no file would show why. Values may be secret."""
    monkeypatch.setenv("APK", "/secret/apk")
    ((status, text),) = look("bypass")
    assert (status, "in the environment" in text, "secret" in text) == ("fail", True, False)


# --- the machine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "status"), [("3.10.0", "warn"), ("3.11.21", "ok"), ("3.18.0_rc5", "ok"), ("4.0.0", "warn")]
)
def test_versions_of_abuild(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, status: str
) -> None:
    """Else an unknown abuild would lose records with nobody knowing that it was never tried."""
    put_program(tmp_path / "bin/abuild", f"echo abuild {version}")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    ((said, text),) = look("abuild")
    assert said == status
    assert version in text


def test_old_abuild_does_not_know_the_new_folder(
    home: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else abuild 3.17 beside a ~/.config/abuild would never see the hooks."""
    (home / ".config/abuild").mkdir(parents=True)
    assert main(["enable"]) == 0
    put_program(tmp_path / "bin/abuild", "echo abuild 3.17.0")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    assert statuses(look("abuild")) == ["ok", "fail"]


def put_program(path: Path, body: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_nothing_there(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the doctor would fall ill itself where it is needed most."""
    findings = examine(Situation({"HOME": str(tmp_path / "nobody"), "PATH": str(tmp_path)}, tmp_path, tmp_path))
    by_name = {finding.name: finding.status for finding in findings}
    assert by_name["abuild"] == by_name["apk"] == by_name["key"] == by_name["enabled"] == "fail"
    assert by_name["pigz"] == by_name["git"] == by_name["rootbld"] == "warn"
    assert "could not look" not in str(findings)


def test_no_home_is_could_not_tell(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a cron job without HOME would read as healthy."""
    capsys.readouterr()
    monkeypatch.delenv("HOME")
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_check_that_cannot_look_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one broken disk would hide everything else."""

    def broken(situation: Situation) -> Iterator[Finding]:
        raise PermissionError(13, "Permission denied", "/x")

    monkeypatch.setitem(CHECKS, "state", broken)
    findings = examine(Situation(os.environ))
    assert [f.status for f in findings if f.name == "state"] == ["warn"]
    assert findings[-1].name == "captures"


def test_the_key(home: Path, tmp_path: Path) -> None:
    """Else a build of an hour would end at the signature, or in packages that apk refuses."""
    private = home / ".abuild/me@example.org-1.rsa"

    def key(**environ: str) -> tuple[str, str]:
        (finding,) = CHECKS["key"](Situation({**os.environ, **environ}, root=tmp_path))
        return finding.status, finding.detail

    assert key()[0] == "fail"
    status, text = key(PACKAGER_PRIVKEY="-----BEGIN PRIVATE KEY-----\nsecret" + "x" * 5000)
    assert (status, "secret" in text) == ("fail", False)
    config(home).write_text(config(home).read_text() + f'PACKAGER_PRIVKEY="$ABUILD_USERDIR/{private.name}"\n')
    assert key()[0] == "fail"
    private.write_text("secret")
    status, text = key()
    assert (status, str(private) in text, "secret" in text) == ("fail", True, False)
    assert "not a private key" in text
    generate(private, "-aes128", "-passout", "pass:secret")
    assert (key()[0], "encrypted" in key()[1]) == ("fail", True)
    generate(private)
    status, text = key()
    assert (status, f"{private}.pub is not there" in text) == ("fail", True)
    Path(f"{private}.pub").write_text("public")
    assert "is no public key" in key()[1]
    generate(tmp_path / "other.rsa")
    publish(tmp_path / "other.rsa")
    shutil.copy(tmp_path / "other.rsa.pub", f"{private}.pub")
    assert "another than" in key()[1]
    assert key()[0] == "fail"
    generate(private)
    publish(private)
    assert key() == ("warn", f"{private}.pub is not trusted on this machine")
    trusted = tmp_path / "etc/apk/keys" / f"{private.name}.pub"
    trusted.parent.mkdir(parents=True)
    trusted.write_text("other")
    assert "another key" in key()[1]
    shutil.copy(f"{private}.pub", trusted)
    assert key() == ("ok", f"{private} signs and is trusted on this machine")
    private.chmod(0o644)
    found = list(CHECKS["key"](Situation(os.environ, root=tmp_path)))
    assert [finding.status for finding in found] == ["warn", "ok"]
    assert found[0].mend == f"chmod 600 {private}"


def generate(key: Path, *options: str) -> None:
    command = ["openssl", "genrsa", *options, "-out", str(key), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)


def publish(key: Path) -> None:
    command = ["openssl", "rsa", "-in", str(key), "-pubout", "-out", f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)


def test_the_compressor_is_told_as_it_is(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody would install a program, or leave it, for a reason that is not true: finalize frames packages."""
    for name in ("TAR_OPTIONS", "PIGZ", "GZIP"):
        monkeypatch.delenv(name, raising=False)
    found = {f.name: f for f in examine(Situation({"HOME": str(tmp_path), "PATH": str(tmp_path)}, tmp_path, tmp_path))}
    assert "finalize makes its packages anew" in found["pigz"].detail
    assert "differ" not in found["pigz"].detail
    monkeypatch.setenv("PIGZ", "-b 512")
    ((status, text),) = look("environment")
    assert (status, "PIGZ" in text, "compress every package again" in text, "512" in text) == (
        "warn",
        True,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("BUILDINFO_STRICT=true BUILDINFO_SIGN=YES BUILDINFO_QUIET=off BUILDINFO_KEEP=", None),
        ("BUILDINFO_STRICT=ture", "BUILDINFO_STRICT is neither yes nor no, and read as yes"),
        ("BUILDINFO_PATHS=some", "BUILDINFO_PATHS is neither yes nor no, and read as no"),
        ("BUILDINFO_STRCT=1", "no setting is named BUILDINFO_STRCT"),
        ("BUILDINFO_LOG=builds.jsonl", "BUILDINFO_LOG is no absolute path"),
    ],
)
def test_settings_that_are_not_what_they_seem(home: Path, look: Look, line: str, said: str | None) -> None:
    """Else a slip of the pen would leave builds without what was asked for, and nobody would know."""
    config(home).write_text(config(home).read_text() + line + "\n")
    ((status, text),) = look("settings")
    assert status == ("ok" if said is None else "warn")
    assert said is None or said in text
    assert said is None or f"{config(home)} line 3" in text


def test_what_reaches_into_the_bytes(home: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two packagers would get different packages and look for the reason in the sources."""
    for name in list(os.environ):
        if name == "LANG" or name.startswith("LC_"):
            monkeypatch.delenv(name)
    for name in ("TAR_OPTIONS", "PIGZ", "GZIP"):
        monkeypatch.delenv(name, raising=False)
    assert statuses(look("locale") + look("environment")) == ["ok", "ok"]
    monkeypatch.setenv("LC_COLLATE", "de_DE.UTF-8")
    monkeypatch.setenv("TAR_OPTIONS", "--secret")
    ((status, text),) = look("locale")
    assert (status, "LC_COLLATE" in text, "de_DE" in text) == ("warn", True, False)
    ((status, text),) = look("environment")
    assert (status, "TAR_OPTIONS" in text, "secret" in text) == ("warn", True, False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert statuses(look("locale")) == ["ok"]
    assert usr_local(tmp_path) == ["ok"]
    (tmp_path / "usr/local/include/deep").mkdir(parents=True)
    assert usr_local(tmp_path) == ["ok"]
    (tmp_path / "usr/local/include/deep/zlib.h").write_text("")
    assert usr_local(tmp_path) == ["warn"]


def usr_local(root: Path) -> list[str]:
    return [finding.status for finding in CHECKS["usr-local"](Situation(os.environ, root=root))]


# --- captures ------------------------------------------------------------------------------------------------


def test_captures_left_behind(home: Path, look: Look) -> None:
    """Else a build's only record would lie in a hidden folder until somebody removes it."""
    assert "no captures" in look("captures")[0][1]
    folder = home / ".local/state/abuild-buildinfo/captures"
    with subprocess.Popen(["sleep", "60"]) as gone:
        gone.kill()
    for name in ("a-1-r0.noarch.1", "b-1-r0.noarch.2", "c-1-r0.noarch.3", "d-1-r0.noarch.4", "e f-1-r0.noarch.5"):
        (folder / name).mkdir(parents=True)
        (folder / name / "local").write_bytes(b"HOME=/x\0_buildinfo_pid=%d\0" % gone.pid)
    (folder / "a-1-r0.noarch.1/complete").touch()
    for name in ("complete", "tried"):
        (folder / "b-1-r0.noarch.2" / name).touch()
    (folder / "b-1-r0.noarch.2/log").write_text("abuild-buildinfo: no such file\n")
    (folder / "c-1-r0.noarch.3/errors").write_text("ERROR: c: first\nERROR: c: build \x1b[1mfailed\n")
    (folder / "d-1-r0.noarch.4/finalized").touch()
    found = look("captures")
    assert statuses(found) == ["warn", "warn", "warn", "ok", "warn"]
    assert found[0][1].endswith(f"not finalized: abuild-buildinfo finalize {folder}/a-1-r0.noarch.1")
    assert "no such file: abuild-buildinfo finalize" in found[1][1]
    assert f"ERROR: c: build ?[1mfailed: rm -r {folder}" in found[2][1]
    assert "kept" in found[3][1]
    assert found[4][1].endswith(f"rm -r '{folder}/e f-1-r0.noarch.5'")


def test_a_build_that_runs_is_let_alone(home: Path, look: Look) -> None:
    """Else the advice would remove the capture of a build under way; a process number alone can be a namesake's."""
    capture = home / f"captures/a-1-r0.noarch.{os.getpid()}"
    capture.mkdir(parents=True)
    with config(home).open("a") as file:
        file.write(f"BUILDINFO_CAPTURES={capture.parent}\n")
    assert "still runs" in look("captures")[0][1]
    start = Path("/proc/self/stat").read_text().rpartition(") ")[2].strip()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def local(start: str, boot: str) -> str:
        text = f"_buildinfo_pid={os.getpid()}\0_buildinfo_start={start}\0_buildinfo_boot={boot}\0"
        (capture / "local").write_text(text)
        return look("captures")[0][0]

    assert local(start, boot) == "ok"
    assert local(start, "of last week") == "warn"
    fields = start.split()
    fields[19] = "1"
    assert local(" ".join(fields), boot) == "warn"


def test_captures_that_cannot_be_written(home: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each build would complain, and none would leave a record."""
    assert statuses(look("state")) == ["ok"]
    (home / "file").write_text("")
    monkeypatch.setenv("BUILDINFO_CAPTURES", str(home / "file/captures"))
    assert statuses(look("state")) == ["fail"]


def test_the_report_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else neither an eye nor grep would find the line that matters."""
    capsys.readouterr()
    assert main(["doctor"]) == 1  # no key
    lines = capsys.readouterr().out.splitlines()
    assert all(line[:6] in ("ok    ", "warn  ", "fail  ") for line in lines)
    assert "fail  PACKAGER_PRIVKEY is not set: abuild-keygen -a -i" in lines
