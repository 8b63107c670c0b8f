"""No secret of the one who builds gets out: not in the record, not on the terminal, not in what stays on disk."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from building import APKBUILD, HOOKS, Builder, git
from sabotage import POISONS, poison

from buildinfo.capture.redact import remote_url
from buildinfo.capture.secrets import cut_secrets
from buildinfo.document import read

#: Stands in every secret of these tests.
CANARY = "geheim7x3"

#: A value -> what may be told of it. {} stands for the secret.
URLS = {
    "https://user:{}@host/path?key={}": "https://host/path",
    "https://{}@host/path": "https://host/path",
    "HTTPS://user:p@{}@host/path": "HTTPS://host/path",
    "https://user:{}/x@host/path": "https://host/path",
    "https://user:{}?x@host/path": "https://host/path",
    "https://host/path#{}": "https://host/path",
    "https://host:8080?mail=a@b&token={}": "https://host:8080",
    "https://host/a?k=1,{},direct": "https://host/a",
    "https://u:{0}@a/x?k={0},https://v:{0}@b/y?k={0}|https://w:{0}@c": "https://a/x,https://b/y|https://c",
    "git+ssh://u:{}@host/x": "git+ssh://host/x",
    "@edge https://u:{}@host/alpine/main": "@edge https://host/alpine/main",
    "-Dproxy=http://u:{}@host:3128/ -Dx=1 -Dy=ftp://{}@host": "-Dproxy=http://host:3128/ -Dx=1 -Dy=ftp://host",
    "https://u:{0}@host/a\nhttps://u:{0}@host/b": "https://host/a\nhttps://host/b",
    "https://proxy.golang.org,direct": "https://proxy.golang.org,direct",
    "https://host:8080/@scope/a@1.2/x": "https://host:8080/@scope/a@1.2/x",
    "http://[::1]:8000/a@b": "http://[::1]:8000/a@b",
    "-Ihttp://u:12:{}/1@host:80/x -Dhttp://host": "-Ihttp://host:80/x -Dhttp://host",
    "no URL: a@b?c#d": "no URL: a@b?c#d",
}


@pytest.mark.parametrize("value", URLS)
def test_what_is_read_from_a_capture_is_cut(value: str) -> None:
    assert cut_secrets(value.format(*[CANARY] * 3)) == URLS[value]


@pytest.mark.parametrize("sed", ["sed", "busybox sed"])
@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
def test_what_the_hooks_write_is_cut(tmp_path: Path, shell: str, sed: str) -> None:
    """The capture stays on disk where a build fails or BUILDINFO_KEEP is set."""
    wrapper = tmp_path / "sed"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/env PATH=/usr/bin:/bin {sed} "$@"\n')
    wrapper.chmod(0o755)
    script = '. "$0/capture.sh"; for value; do _buildinfo_cut "$value"; echo; done'
    values = [value.format(*[CANARY] * 3) for value in URLS]
    done = subprocess.run(
        [*shell.split(), "-c", script, HOOKS, *values],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(f"{cut}\n" for cut in URLS.values())


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://user:{}@host/aports.git?x={}", "https://host/aports.git"),
        ("ssh://alice@host/aports", "ssh://host/aports"),
        ("alice@host:aports", "host:aports"),
        ("host:aports", "host:aports"),
        ("oauth2:{}@host:aports", None),
        ("ext::sh -c {}", None),
        ("file:///home/alice/aports", None),
        ("/home/alice/aports", None),
        ("../aports", None),
        ("", None),
    ],
)
def test_a_remote_is_told_only_where_others_can_use_it(remote: str, told: str | None) -> None:
    assert remote_url(remote.format(CANARY, CANARY)) == told


# --- a whole build -------------------------------------------------------------------------------------------------


def names_of_secrets() -> list[str]:
    """200 names as people give them to secrets; the same in every run."""
    chance = random.Random(1)
    who = ["AWS", "GITHUB", "GITLAB", "NPM", "npm_config_", "PYPI", "DOCKER", "SSH", "VAULT", "CI", "DB", "S3", "AZURE"]
    what = ["SECRET_ACCESS_KEY", "TOKEN", "_authToken", "PASSWORD", "API_KEY", "PRIVATE_KEY", "SESSION", "AUTH", "PIN"]
    names = {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "npm_config__authToken", "CFLAGS_TOKEN", "XCC"}
    while len(names) < 200:
        names.add(f"{chance.choice(who)}_{chance.choice(['', 'X_', 'MY_', 'PROD_'])}{chance.choice(what)}")
    return sorted(names)


@dataclass
class Leaky:
    """A builder full of secrets, after a build.

    Attributes:
        printed: what programs wrote to the terminal: name -> text.
    """

    builder: Builder
    record: str
    capture: Path
    printed: dict[str, str]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Leaky:
    builder = Builder(tmp_path_factory.mktemp("people") / "alice-hidden")
    folder = builder.aport()
    git(builder.aports, "remote", "add", "origin", f"https://alice:{CANARY}@git.example.org/aports.git?t={CANARY}")
    tools = builder.home / "secretdir" / "bin"
    tools.mkdir(parents=True)
    (tools / "cmake").write_text('#!/bin/sh\necho "cmake of $0"\n')
    (tools / "samu").write_text('#!/bin/sh\necho "1.9 of $0"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    environment = {name: f"{CANARY}-{number}" for number, name in enumerate(names_of_secrets())}
    environment |= {
        "CFLAGS": f"-O2 -I{builder.home}/secretdir -ffile-prefix-map={folder}=.",
        "LDFLAGS": f"-L{builder.home}",
        "GOPROXY": f"https://alice:{CANARY}@go.example.org/path?key={CANARY},HTTPS://b:{CANARY}@two.example.org|direct",
        "PIP_INDEX_URL": f"https://alice:p@{CANARY}@pypi.example.org/simple#{CANARY}",
        "NPM_CONFIG_REGISTRY": f"https://npm.example.org/?_authToken={CANARY}&mail=a@b",
        "JAVA_OPTS": f"-Dx={builder.home}/x -Dhttp.proxy=http://a:{CANARY}@proxy:3128/",
        "PACKAGER": "Alice Example <alice@example.org>",
        "BUILDINFO_KEEP": "1",
        "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    done = builder.build(folder, **environment)
    [capture] = builder.captures()
    printed = {"build": done.stdout + done.stderr}

    def run(name: str, *words: str | Path) -> None:
        ended = builder.run(builder.python, "-I", "-m", "buildinfo", *words, cwd=folder, check=False, **environment)
        printed[name] = ended.stdout + ended.stderr
        assert "Traceback" not in printed[name]

    run("show", "show", builder.record_file())
    run("show --json", "show", "--json", builder.record_file())
    run("validate", "validate", builder.record_file())
    run("show of the capture", "show", capture)
    run("doctor", "doctor")
    run("finalize", "finalize", "--keep", capture)
    # And where things go wrong.
    (capture / "finalized").unlink()
    (capture / "environment").write_bytes(b"CFLAGS=1\0")
    run("finalize of a damaged capture", "finalize", "--keep", capture)
    (builder.home / "kept").mkdir()
    capture = capture.rename(builder.home / "kept" / capture.name)
    poison(builder, "packed", POISONS["fails"])
    failed = builder.build(folder, **environment)
    printed["failing build"] = failed.stdout + failed.stderr
    return Leaky(builder, builder.record_file().read_text(), capture, printed)


def test_no_secret_is_in_the_record(leaky: Leaky) -> None:
    read(leaky.builder.record_file())
    assert CANARY not in leaky.record


def test_no_secret_is_printed(leaky: Leaky) -> None:
    assert [name for name, text in leaky.printed.items() if CANARY in text] == []


def test_no_secret_stays_on_disk(leaky: Leaky) -> None:
    places = [leaky.capture, leaky.builder.state, leaky.builder.repodest]
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert {"environment", "recipe", "log", "hashes.json"} <= {file.name for file in files}
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == []


def test_a_capture_is_for_nobody_elses_eyes(leaky: Leaky) -> None:
    for capture in (leaky.capture, *leaky.builder.captures()):
        marks = ("log", "told", "tried", "finalized", "environment")  # without a word of the build, or the test's own
        written = [path for path in capture.rglob("*") if path.name not in marks]
        assert [path for path in (capture, *written) if path.stat().st_mode & 0o077] == []


def test_no_home_is_in_the_record(leaky: Leaky) -> None:
    told = [leaky.record, leaky.printed["show"], leaky.printed["show --json"]]
    assert [line for text in told for line in text.splitlines() if "alice-hidden" in line] == []


def test_what_is_no_secret_is_told(leaky: Leaky) -> None:
    """Cutting too much would make records useless."""
    record = leaky.builder.record()
    environment = record["environment"]
    assert environment["CFLAGS"] == "-O2 -I{HOME}/secretdir -ffile-prefix-map={startdir}=."
    assert environment["GOPROXY"] == "https://go.example.org/path,HTTPS://two.example.org|direct"
    assert environment["PIP_INDEX_URL"] == "https://pypi.example.org/simple"
    assert environment["NPM_CONFIG_REGISTRY"] == "https://npm.example.org/"
    assert environment["JAVA_OPTS"] == "-Dx={HOME}/x -Dhttp.proxy=http://proxy:3128/"
    assert environment["PACKAGER"] == "Alice Example <alice@example.org>"
    assert record["source"]["remote"] == "https://git.example.org/aports.git"
    assert not set(names_of_secrets()) & set(environment)


def test_credentials_in_the_repositories_of_apk_are_cut(builder: Builder) -> None:
    """The root's own list cannot be changed by a test: the copy in the capture is, before it is sealed."""
    lines = f"https://u:{CANARY}@mirror.example.org/main?t={CANARY}\\n@edge http://{CANARY}@e.example.org/x\\n"
    lines += f"# {CANARY}\\n{builder.home}/packages/main\\n"
    poison(builder, "packed", f"printf '{lines}' >\"$_buildinfo_capture/installed.repositories\"")
    builder.build(builder.aport())
    assert CANARY not in builder.record_file().read_text()
    assert builder.record()["repositories"] == [
        "https://mirror.example.org/main",
        "@edge http://e.example.org/x",
        "{REPODEST}/main",
    ]


SOURCES = {
    "https://example.org/download.php?file=x-1.2.tar.gz": "https://example.org/download.php?file=x-1.2.tar.gz",
    "x.el::https://cgit.example.org/gnosis.el?h=v$pkgver": "https://cgit.example.org/gnosis.el?h=v1.2",
    "x.zip::https://example.org/x.zip#subdirectory=a": "https://example.org/x.zip#subdirectory=a",
    "x.tar::https://u:p@example.org/x.tar?a=b@c": "https://example.org/x.tar?a=b@c",
    "x.tar::https://example.org/x.tar?arch=$CARCH&jobs=$JOBS": "https://example.org/x.tar?arch=x86_64&jobs=7",
    "x.tar::https://example.org/x.tar?token=$CI_JOB_TOKEN": "https://example.org/x.tar",
    "x.tar::https://example.org/x.tar?a=${CI_JOB_TOKEN}b#c": "https://example.org/x.tar",
}


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
@pytest.mark.parametrize("source", SOURCES)
def test_what_an_apkbuild_says_is_told_and_what_the_caller_brought_is_not(
    builder: Builder, source: str, shell: str
) -> None:
    """The query names the file that was fetched; a rebuild without it fetches another."""
    builder.interpreter = shell
    text = APKBUILD.replace('url="https://example.org/hello"', f'url="{source.partition("::")[2] or source}"')
    text = text.replace("build() {", f'_source="{source}"\nbuild() {{\n\tsource="$source $_source"')
    # The stand-in would copy what stands in source: the sources are named when that is done.
    builder.build(builder.aport(text), CI_JOB_TOKEN=CANARY, CARCH="x86_64", JOBS="7", BUILDINFO_KEEP="1")
    assert builder.record()["source"]["url"] == SOURCES[source]
    assert CANARY not in builder.record_file().read_text()


def test_the_url_of_a_source_keeps_its_query(builder: Builder) -> None:
    source = "x.el::https://u:p@cgit.example.org/gnosis.el?h=v$pkgver"
    token = "y.el::https://cgit.example.org/gnosis.el?t=$CI_JOB_TOKEN"
    folder = builder.aport(
        APKBUILD.replace('source="hello.sh hello.txt', f'source="hello.sh hello.txt {source} {token}')
    )
    distfiles = builder.home / "distfiles"
    distfiles.mkdir()
    for name, word in (("x.el", source.replace("$pkgver", "1.2")), ("y.el", token.replace("$CI_JOB_TOKEN", CANARY))):
        (distfiles / name).write_text("fetched\n")
        (folder / word).parent.mkdir(parents=True, exist_ok=True)
        (folder / word).write_text("fetched\n")  # the stand-in copies what stands in source
    builder.build(folder, CI_JOB_TOKEN=CANARY)
    urls = {entry["name"]: entry.get("url") for entry in builder.record()["inputs"]}
    assert urls["x.el"] == "https://cgit.example.org/gnosis.el?h=v1.2"
    assert urls["y.el"] == "https://cgit.example.org/gnosis.el"
