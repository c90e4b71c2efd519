"""The whole program, for each kind of thing that reaches it from outside: what a user runs.

Slow, since each input is a process: so few for each kind. The parsers that it reaches are tried
with many more inputs by the other modules.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.documents import encoded as encoded_assertions
from tests.fuzz.program import Case, run
from tests.fuzz.run import Parser
from tests.fuzz.samples import (
    AWS_CONFIG,
    CONFIGS,
    DENIED,
    INVENTORY,
    POLICIES,
    PROCESS,
    SIGN_IN,
    TOKENS,
)  # fmt: skip
from tests.fuzz.services import OIDC, PORTAL, STS, AnythingServer, answers
from tests.fuzz.texts import json_bytes, json_text, mutated, mutated_bytes, pieces
from tests.support.many_runs import COMMANDS
from tests.support.world import CONFIG, HUB, MFA_SERIAL, World, temporary_world

_CONFIG = "home/.config/rolehop/config.toml"
_AWS = "home/.aws/config"
_texts = pieces | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20
)
_words = _texts.filter(lambda text: "\0" not in text and text.isascii() | ("\ud800" not in text))
_SOURCES = """\
[sources.tool]
type = "process"
command = ["cat", "out"]
[sources.ci]
type = "web-identity"
role = "arn:aws:iam::222222222222:role/Hub"
token_command = ["cat", "out"]
[sources.saml]
type = "saml"
assertion_command = ["cat", "out"]
[sources.mfa]
type = "environment"
mfa_serial = "arn:aws:iam::111111111111:mfa/alice"
mfa_command = ["cat", "out"]
[sources.center]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Dev"
share_cli_cache = true
[sources.box]
type = "instance"
[sources.pod]
type = "container"
[fleets.listed]
from = "hub"
role = "{account}:role/Audit"
accounts = { organization = "hub" }
[fleets.file]
from = "hub"
role = "{account}:role/Audit"
accounts_file = "accounts"
[chains.policed]
from = "hub"
[[chains.policed.hops]]
role = "333333333333:role/Admin"
policy_file = "policy.json"
"""
_SAMPLE = f"{CONFIG}{_SOURCES}"


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all kinds of inputs, over one world in which a chain was walked."""
    with ExitStack() as stack:
        world = stack.enter_context(temporary_world())
        server = stack.enter_context(AnythingServer())
        (world.config_file.parent / "accounts").parent.mkdir(parents=True, exist_ok=True)
        world.config(_SAMPLE)
        (world.config_file.parent / "accounts").write_text("444444444444 web\n")
        (world.config_file.parent / "policy.json").write_text(json.dumps(POLICIES[1]))
        for argv in (["credential-process", "admin"], ["export", "spokes/444444444444"], ["list"]):
            assert world.rolehop(*argv).code == 0, argv
        assert world.rolehop("each", "hub", "--", "true").code == 0
        assert world.rolehop("export", "own", "--reason", "x", "--region", "eu-west-1").code >= 0
        yield [
            Parser(f"program: {name}", cases, lambda case: run(world, case), share=_SHARE)
            for name, cases in [*_of_files(), *_of_state(world), *_of_words(), *_of_server(server)]
        ]


_SHARE = 0.1
_MOST_KEYS = 1000
"""That are typed ahead: a terminal holds 4,095 bytes unread, and whoever types more waits."""


def _cases(
    files: dict[str, st.SearchStrategy[bytes]], commands: Sequence[Sequence[str]], **more: Any
) -> st.SearchStrategy[Case]:
    return st.builds(
        lambda argv, data: Case(argv, files=data, **more),
        st.sampled_from([list(each) for each in commands]),
        st.fixed_dictionaries(files),
    )


def _split(*lines: str) -> list[list[str]]:
    return [shlex.split(each) for each in lines]


def _of_files() -> Iterator[tuple[str, st.SearchStrategy[Case]]]:
    configs = mutated_bytes([_SAMPLE, *CONFIGS])
    commands = _split(
        "config check", "list", "list --format json", "status", "show admin", "plan hub", "graph",
        "check --offline", "source list", "fleet list", "config path", "explain hub --offline",
        "routes 333333333333:role/Admin --offline", "credential-process hub", "export hub",
        "serve --unit systemd hub", "leave", "profile install hub --dry-run",
    )  # fmt: skip
    yield "config", _cases({_CONFIG: configs}, commands)
    on_terminal = _split("list", "config check", "graph", "show admin", "plan deep", "status")
    yield "config, on a terminal", _cases({_CONFIG: configs}, on_terminal, typed="")
    aws = _split(
        "list", "config import --dry-run", "profile list", "plan admin", "show tool", "uninstall",
        "profile install hub --dry-run", "profile remove --all", "config import aws-vault --dry-run",
        "plan corp --format json", "check --offline",
    )  # fmt: skip
    yield "AWS config", _cases({_AWS: mutated_bytes(AWS_CONFIG)}, aws)
    yield (
        "a folder's chain",
        _cases({"home/.rolehop": mutated_bytes(["admin\n"])}, _split("assume"), typed="y\n"),
    )
    lists = {f"{_CONFIG[:-11]}accounts": mutated_bytes(["444444444444 web\n555555555555\n"])}
    yield "lists of accounts", _cases(lists, _split("list", "config check", "plan file/web"))
    policy = {f"{_CONFIG[:-11]}policy.json": json_bytes(POLICIES)}
    yield (
        "a session policy",
        _cases(policy, _split("show policed", "config check", "explain policed --offline")),
    )
    documents = json_bytes([INVENTORY[0], *POLICIES])
    explained = _split(
        "explain admin --offline --policies ../x.json", "explain hub --offline --scp ../x.json --format json",
        "explain role arn:aws:iam::222222222222:role/Hub --offline --policies ../x.json",
        "check --offline --policies ../x.json --format sarif", "plan hub --session-policy ../x.json",
        "routes 333333333333:role/Admin --offline --policies ../x.json", "explain --error ../x.json --offline",
    )  # fmt: skip
    yield "policy documents", _cases({"x.json": documents}, explained)
    outputs = (
        json_bytes([PROCESS])
        | mutated_bytes(TOKENS)
        | encoded_assertions.map(str.encode)
        | mutated_bytes(["123456\n"])
    )
    tested = _split(*(f"source test {each}" for each in ("tool", "ci", "saml", "mfa")))
    yield "programs' output", _cases({"home/out": outputs}, tested)
    center = {
        "home/.aws/sso/cache/3c8ddd39cd1c5b4d9bb7ec06a55e3ccaa0b9c9a1.json": json_bytes([SIGN_IN])
    }
    yield (
        "the AWS CLI's sign-ins",
        _cases(center, _split("source list", "source test center", "status")),
    )
    startup = {"home/.bashrc": mutated_bytes(['if x; then\neval "$(rolehop init bash)"\nfi\n'])}
    yield "start-up files", _cases(startup, _split("uninstall"))
    settings = {
        "home/.config/python_keyring/keyringrc.cfg": mutated_bytes(
            ["[backend]\ndefault-keyring=a.B\nkeyring-path=~/x\n"]
        )
    }
    yield (
        "keyring's settings",
        _cases(
            settings,
            _split("status", "keys list", "export hub"),
            env={"PYTHON_KEYRING_BACKEND": None},
        ),
    )
    result = {"run/a/result.json": json_bytes([{"schema": "rolehop.each/1", "target": "hub", "chain": "hub", "class": "ok",
        "account": None, "account_name": None, "role": HUB, "region": None, "exit_code": 0, "seconds": 1.0,
        "error": None, "ended_at": "2026-01-01T00:00:00Z"}])}  # fmt: skip
    yield (
        "results of runs",
        _cases(result, _split("each --report ../run", "each --report ../run --format json")),
    )


def _of_state(world: World) -> Iterator[tuple[str, st.SearchStrategy[Case]]]:
    commands = _split(
        "status", "status -v", "status --format json", "list", "credential-process admin", "export admin",
        "history", "history --format json", "explain --last --offline", "refresh hub",
        "logout hub", "keys list", "each --resume hub -- true", "fleet list", "uninstall", "assume -",
    )  # fmt: skip
    for folder, what in ((world.state, "the state folder"), (world.vault, "the keyring's items")):
        found = [each for each in folder.rglob("*") if each.is_file() and each.stat().st_size]
        samples = {each: each.read_text("utf-8", "replace") for each in found}
        yield (
            what,
            st.sampled_from(found).flatmap(
                lambda path, samples=samples: _cases(  # type: ignore[misc]
                    {str(path.relative_to(world.folder)): mutated_bytes([samples[path]])}, commands
                )
            ),
        )


_VARIABLES = (
    "AWS_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_STS_REGIONAL_ENDPOINTS", "AWS_USE_FIPS_ENDPOINT", "HTTPS_PROXY", "NO_PROXY", "ROLEHOP_CONFIG", "ROLEHOP_CHAIN",
    "ROLEHOP_EXPIRATION", "ROLEHOP_EXPIRES_AT", "ROLEHOP_PREVIOUS", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "HOME", "LOGNAME", "COLUMNS", "TERM", "NO_COLOR", "PAGER", "BROWSER", "SHELL", "TZ",
    "PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "PASSWORD_STORE_DIR", "ZDOTDIR", "PATH", "SSH_CONNECTION",
)  # fmt: skip


def _of_words() -> Iterator[tuple[str, st.SearchStrategy[Case]]]:
    values = (
        _words
        | st.sampled_from(
            ["/", "relative", "~nobody-here/x", "http://[", "https://x:99999", "1e9", "-1"]
        )
    ).filter(lambda text: "\ud800" not in text)
    variables = st.dictionaries(st.sampled_from(_VARIABLES), values, min_size=1, max_size=2)
    commands = _split(
        "list", "status", "plan admin", "export own", "credential-process admin", "leave", "doctor", "whoami",
        "config path", "source test me", "source list", "init bash", "refresh hub", "profile list", "assume - --shell sh",
        "serve --stop", "console hub --no-browser", "guide", "completion fish",
    )  # fmt: skip
    yield (
        "variables",
        st.builds(lambda argv, env: Case(argv, env=env), st.sampled_from(commands), variables),
    )
    # These write what they are asked to, or run for long.
    risky = {"init", "demo", "guide", "shell", "uninstall", "--write", "--write-fix"}
    lines = [
        each
        for each in COMMANDS
        if not risky & set(each) and "import" not in each and "install" not in each
    ]
    arguments = st.builds(
        lambda argv, word: Case([*argv, word]),
        st.sampled_from(lines),
        _words.filter(lambda t: "\ud800" not in t),
    )
    yield "arguments", arguments
    texts = mutated(DENIED) | json_text(
        [{"AccessKey": {"AccessKeyId": "A" * 20, "SecretAccessKey": "x"}}]
    )
    typed = st.sampled_from(
        _split(
            "explain --error - --offline",
            "keys add new --stdin --until-reboot",
            "export hub --mfa-stdin",
        )
    )
    clean = texts.filter(lambda text: "\ud800" not in text)
    yield "stdin", st.builds(lambda argv, text: Case(argv, stdin=text), typed, clean)
    answers = st.lists(
        st.sampled_from(
            ["y", "n", "", "1", "99", "x", "9" * 30, "-", "hub", "111111111111", MFA_SERIAL]
        ),
        max_size=8,
    )
    asked = st.sampled_from(
        _split(
            "assume",
            "config init --config ../run/made",
            "console",
            "keys add new",
            "export mine --mfa",
        )
    )
    yield (
        "answers",
        st.builds(lambda argv, lines: Case(argv, typed="\n".join([*lines, ""])), asked, answers),
    )
    odd = st.lists(_words.filter(lambda t: "\ud800" not in t), max_size=4).map("\n".join)
    keys = odd.map(lambda text: f"{text[:_MOST_KEYS]}\n")
    yield "odd answers", st.builds(lambda argv, typed: Case(argv, typed=typed), asked, keys)


def _of_server(server: AnythingServer) -> Iterator[tuple[str, st.SearchStrategy[Case]]]:
    """Yield each service's answers, to a whole walk."""
    url = server.url
    places = dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_ORGANIZATIONS", "AWS_ENDPOINT_URL_EC2", "AWS_EC2_METADATA_SERVICE_ENDPOINT"), url)  # fmt: skip
    places |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/x",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL_SIGNIN": url,
    }
    commands = _split(
        "whoami", "export admin --no-cache", "source test box", "source test pod", "source test ci", "explain hub",
        "fleet refresh listed", "console hub --no-browser", "each hub --region all --dry-run -- x", "keys rotate x",
    )  # fmt: skip
    bodies = mutated_bytes(STS) | json_bytes([*PORTAL, *OIDC, PROCESS, _ORGANIZATION])
    yield (
        "services' answers",
        st.builds(
            lambda argv, canned: _Answered(argv, env=places, server=server, canned=canned),
            st.sampled_from(commands),
            answers(bodies),
        ),
    )


_ORGANIZATION = {
    "Accounts": [{"Id": "444444444444", "Name": "web", "Status": "ACTIVE"}],
    "Roots": [{"Id": "r-1"}],
    "NextToken": "n",
}


class _Answered(Case):
    """A case whose requests a server answers."""

    def __init__(
        self, argv: Sequence[str], *, env: dict[str, str], server: AnythingServer, canned: Any
    ) -> None:
        super().__init__(argv, env=env)
        server.canned = list(canned)
