"""If these fail, a secret in a variable that is recorded gets out, or a fact is cut that a rebuild needs."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from building import HOOKS

from buildinfo.capture.secrets import MOST, cut_secrets

#: Stands in every secret of these tests.
CANARY = "geheim7x3"

# --- what is a secret ------------------------------------------------------------------------------------------------

WORDS = [
    ["password"],
    ["passphrase"],
    ["passwd"],
    ["token"],
    ["secret"],
    ["credential"],
    ["api", "key"],
    ["access", "key"],
    ["private", "key"],
    ["aws", "secret", "access", "key"],
    ["client", "secret"],
    ["auth", "token"],
    ["db", "pass"],
    ["mysql", "pwd"],
    ["stripe", "key"],
    ["npm", "auth"],
    ["x", "api", "key"],
    ["wifi", "psk"],
    ["my", "token", "2"],
    ["secret", "base64"],
]
SPELLINGS: dict[str, Callable[[list[str]], str]] = {
    "snake": "_".join,
    "kebab": "-".join,
    "dotted": ".".join,
    "upper": lambda words: "_".join(words).upper(),
    "camel": lambda words: words[0] + "".join(map(str.capitalize, words[1:])),
    "pascal": lambda words: "".join(map(str.capitalize, words)),
    "prefixed": lambda words: "_".join(["my", *words]),
}
PLACES = [
    "{name}={secret}",
    "-D{name}={secret} -O2",
    "--{name}={secret}",
    "--{name} {secret}",
    "--{name}\t{secret} -O2",
    '--{name} "{secret} {secret}"',
    "{name}='{secret} {secret}' x",
    "'--{name}={secret} {secret}' x",
    "-Wl,--{name}={secret},-z",
    "X=1;{name}={secret};Y=2",
    "{name}: {secret}",
    "{name}:{secret}",
    '{{"{name}": "{secret}", "a": 1}}',
    '{{"{name}":"{secret}"}}',
    '\\"{name}\\":\\"{secret}\\"',
    "//registry.example.org/:{name}={secret}",
    "https://h/x;{name}={secret}",
    "a\n{name}={secret}\nb",
    "--x\x1f{name}={secret}\x1f-y",
]
ADDRESSES = [
    "https://u:{secret}@h/p",
    "https://u:{secret}@host.example.org:8080/x?y=1",
    "https://{secret}:x@h",
    "//u:{secret}@h",
    "--index=//u:{secret}@h/x",
    "-Dproxy=http://u:{secret}@h",
    "https://a/x,https://u:{secret}@b|https://v:{secret}@c",
    "git+ssh://u:{secret}@h/x.git",
    "https://a.example.org/get/https://u:{secret}@h/x",
    "(https://u:{secret}@h)",
    '"https://u:{secret}@h" x',
    "HTTPS://u:{secret}@10.0.0.1/x",
    "https://h/x?key={secret}",
    "https://h/x#{secret}",
    "u:{secret}@h:repo",
    "-Dx=u:{secret}@host.example.org",
]
#: What may stand in a password: not what ends a word, and not // where an address has no scheme.
ODD = "/@?#:%+=,;|&!$*~^._-()[]{}<>12ab"
OTHERS = [
    "Authorization: Bearer {secret}",
    "-H 'Authorization: Bearer {secret}' -O2",
    '-H "Proxy-Authorization: Basic {secret}" -O2',
    "--header=Authorization:token {secret}",
    "Bearer {secret}",
    "Basic {secret}1",
    "curl -u me:{secret} x",
    "curl --user me:{secret} x",
    "--user=me:{secret}",
    "machine h login me password {secret}",
    "password = {secret}",
    "--password \\\n {secret}",
    "-passin pass:{secret}",
    "ghp_{secret}AAAA",
    "-DX=glpat-{secret}",
    "github_pat_{secret}",
    "xoxb-12-{secret}",
    "sk_live_{secret}",
    "x eyJ{secret}.eyJ{secret}.{secret}-_",
    "-----BEGIN RSA PRIVATE KEY-----\n{secret}\n{secret}==\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\n{secret}\\n-----END PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{secret}",
]


def generated() -> Iterator[str]:
    """Values with the canary in them; the same in every run."""
    chance = random.Random(1)
    for words in WORDS:
        for spelling in SPELLINGS.values():
            for place in chance.sample(PLACES, 6):
                yield place.format(name=spelling(words), secret=CANARY)
    for place in PLACES:
        yield place.format(name="token", secret=CANARY)
    for address in ADDRESSES:
        yield address.format(secret=CANARY)
        for _ in range(60):
            before, after = ("".join(chance.choices(ODD, k=chance.randrange(3))) for _ in range(2))
            yield address.format(secret=f"{before}{CANARY}{after}".replace("//", "/"))
    for other in OTHERS:
        yield other.format(secret=CANARY)
    # As a user name a token is told only without what ends a host.
    yield from (f"https://{CANARY}{sign}@h.example.org/x" for sign in "%+,;!$*~_-.")


SECRETS = sorted(set(generated()))


def test_no_secret_is_left() -> None:
    assert len(SECRETS) > 1500
    assert [(value, cut_secrets(value)) for value in SECRETS if CANARY in cut_secrets(value)] == []


def test_an_access_key_is_told_by_its_shape() -> None:
    assert cut_secrets("x AKIAIOSFODNN7EXAMPLE,y") == "x ...,y"


#: Facts. They stay to the byte.
FACTS = [
    "-Os -fstack-clash-protection -Wformat -Werror=format-security -fno-plt",
    "-march=x86-64-v3 -mtune=generic -g3 -pipe",
    "-DKEYBOARD=us -DMONKEY=1 -DTURKEY -DHOTKEY=F1",
    "KEYBOARD=us MONKEY=1 PASSIVE=1 COMPASS=2 BYPASS=1 keymap=de",
    "--token-bucket 5 --token-bucket=5 --tokens=7 --max-tokens 9",
    "-DHAVE_SECRET_SERVICE -DHAVE_SECRET_SERVICE=1 -DUSE_TOKEN=ON --with-password=no --enable-secret=yes",
    "-DHAVE_TOKEN=1 -DENABLE_API_KEY=0 -DWITH_AUTH_TOKEN=true",
    "-lsecret -lsecret-1 foo.o -lpassword x.o",
    "-fpass-plugin=/usr/lib/x.so -mllvm -passes=default",
    "PUBLIC_KEY=x primary_key=id CACHE_KEY=a-b sort-key=name",
    "PASSWORD_FILE=/run/x TOKEN_URL=x secret-tool --password-store basic=1",
    "PWD=/x OLDPWD=/y -DPWD=/z",
    "auth=pam -Dauth=enabled key=1",
    "-u symbol -Wl,-u,main -Wl,--undefined=x",
    "docker run --user 1000:1000 -u 0:0",
    "https://host/path https://host:8080/@scope/a@1.2/x",
    "https://cdn.example.org/npm/pkg@latest/x https://proxy.example.org/m/@v/v1.2.zip",
    "https://localhost/a@b http://[::1]:8000/a@b file:///home/a@b",
    "https://goproxy.example.org:8080/mod@v1.2/x",
    "https://proxy.golang.org,direct",
    "/usr/lib:/opt/a@b/lib:/usr/local/opt/openssl@1.1/lib",
    ".:/opt/a@b/lib",
    "-I//usr/include -L/usr//lib a//b@c",
    "Alice Example <alice@example.org> mailto:alice@example.org",
    "alice@host:aports host:aports pkg:npm/foo@latest img:1@sha256:abcdef",
    "glib-networking npm_config_build_from_source AKIA eyJ ghp_ xox hf_x",
    "-fdebug-prefix-map=/home/a=. -ffile-prefix-map=/x=/y",
    "so:libcrypto.so.3 cmd:pass=1.7-r0".replace("pass", "pas"),
    "basic bearer".replace(" bearer", " x"),
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
    "a  b\tc\n\nd \r\v\f e",
    "caf\xe9 \u20ac \udcff",
    "",
    " ",
    "\n",
]


@pytest.mark.parametrize("value", FACTS)
def test_a_fact_stays(value: str) -> None:
    assert cut_secrets(value) == value


BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
TOLD = {
    "https://u:1/S@h": "https://h",
    "//u:S@h": "//h",
    "-Dpassphrase=S": "-Dpassphrase=",
    "-DapiKey=S": "-DapiKey=",
    "AWS_SECRET_ACCESS_KEY=S": "AWS_SECRET_ACCESS_KEY=",
    "--password S -O2": "--password ... -O2",
    "--password -O2": "--password -O2",
    "Bearer S x": "Bearer ... x",
    "curl -u me:S x": "curl -u ... x",
    "u:S@h:repo": "h:repo",
    "https://u:p@host/pkg@1.2": "https://host/pkg@1.2",
    "https://u:p@h?mail=a@b&token=S": "https://h",
    "--x='a' --token='b c' d": "--x='a' --token= d",
    f"{BEGIN}\nS\n{END} x": f"{BEGIN}...{END} x",
    "mkdir -p S": "mkdir -p S",
}


@pytest.mark.parametrize("value", TOLD)
def test_what_stands_around_a_secret_stays(value: str) -> None:
    assert cut_secrets(value) == TOLD[value]


# --- once is enough, and the hooks do the same -----------------------------------------------------------------------

ATOMS = [
    *("https://", "//", "git+ssh:", ":", "@", "=", "/", "?", "#", "&", ",", "|", "'", '"', "\\", ";", "<", ">"),
    *(" ", "  ", "\t", "\n", "\v", "\x1f", "(", ")", "[", "]", "{", "}", "%", "~", "+", "$", "...", "\xe9"),
    *("a", "u", "S", "x", "host", "h.org", ":8080", ":1", "1.2", "v1", "localhost", "10.0.0.1", "sha256:", "yes", "1"),
    *("password", "token", "apiKey", "API_KEY", "secret", "key", "auth", "_auth", "pass", "PWD", "--with-", "-D"),
    *("Bearer", "Basic", "Authorization", "--password", "--user", "-u", "ghp_abcdefgh", "eyJabcdefgh.abcd.x"),
    *("AKIAABCDEFGH", "-----BEGIN", " PRIVATE", " KEY-----", "-----END", "x" * (MOST - 2)),
]


def anything(seed: int, count: int = 500) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(ATOMS, k=chance.randrange(1, 14))) for _ in range(count)]


def test_what_is_cut_twice_is_as_if_cut_once() -> None:
    """The hooks cut what finalize cuts again: a word that follows a secret would be taken for one."""
    values = [*SECRETS, *FACTS, *TOLD, *anything(1, 3000)]
    odd = [value for value in values if cut_secrets(cut_secrets(value)) != cut_secrets(value)]
    assert odd == []


@pytest.mark.parametrize("awk", ["awk", "busybox awk"])
@pytest.mark.parametrize("shell", ["dash", "busybox ash"])
def test_the_hooks_cut_the_same(tmp_path: Path, shell: str, awk: str) -> None:
    """Else a secret stays in a capture on disk, or a fact is lost before the record is made."""
    wrapper = tmp_path / "awk"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/env PATH=/usr/bin:/bin {awk} "$@"\n')
    wrapper.chmod(0o755)
    script = '. "$0/capture.sh"; for value; do _buildinfo_cut "$value"; printf "\\0"; done'
    values = [value for value in [*SECRETS[::9], *FACTS, *TOLD, *anything(2, 250)] if "\udcff" not in value]
    for place in range(0, len(values), 250):  # as many as a command line holds
        some = values[place : place + 250]
        done = subprocess.run(
            [*shell.split(), "-c", script, HOOKS, *some],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""
        assert done.stdout.decode().split("\0")[:-1] == [cut_secrets(value) for value in some]


@pytest.mark.parametrize("shell", ["dash", "busybox ash", "bash"])
def test_the_hooks_look_at_all_that_may_hold_a_secret(shell: str) -> None:
    """They ask awk only where a value looks like it."""
    script = '. "$0/capture.sh"; for value; do _buildinfo_suspect "$value"; echo $?; done'
    values = [value for value in [*SECRETS, *TOLD] if cut_secrets(value) != value]
    words = [*shell.split(), "-c", script, HOOKS, *values]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    answers = done.stdout.split()
    assert [value for value, answer in zip(values, answers, strict=True) if answer != "0"] == []


def test_a_word_that_nobody_can_look_into_is_cut_whole() -> None:
    assert cut_secrets(f"a {'a://' * 50_000} b") == "a ... b"
    assert cut_secrets("=" * MOST) == "=" * MOST
    assert cut_secrets("=" * (MOST + 1)) == "..."
    assert cut_secrets("a" * 200_000) == "a" * 200_000
