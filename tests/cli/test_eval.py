"""`eval "$(rolehop assume X)"` in the shells themselves, each with its own `rolehop` on PATH."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping

import pytest

from tests.support.environment import HANDOVER_VARIABLES, REGION_VARIABLES
from tests.support.world import ADMIN, CONFIG, World

SHELLS = ("bash", "zsh", "dash", "fish")
START = {"bash": ("--norc", "--noprofile"), "zsh": ("-f",), "fish": ("--no-config",)}
# Variables that shells set themselves.
OWN = {"_", "PWD", "OLDPWD", "SHLVL"}

KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

# A chain that starts from keys in the vault can be assumed again and again in one shell.
FROM_VAULT = CONFIG.replace('type = "environment"', 'type = "keys"')
NO_KEYS: dict[str, str | None] = dict.fromkeys(KEYS)


@pytest.fixture(scope="module")
def world_with_keys(shared_world: World) -> World:
    """A world whose chains start from alice's keys in the vault."""
    assert shared_world.rolehop("keys", "add", "me", "--from-env").code == 0
    shared_world.config(FROM_VAULT)
    return shared_world


class Shell:
    def __init__(self, name: str, world: World) -> None:
        if shutil.which(name) is None:
            pytest.skip(f"not installed: {name}")
        self.name = name
        self.world = world

    def takes(self, command: str) -> str:
        """Return how this shell evaluates what ``command`` prints."""
        return f"{command} | source" if self.name == "fish" else f'eval "$({command})"'

    def run(self, *lines: str, env: Mapping[str, str | None] | None = None) -> tuple[int, str, str]:
        done = self.world.run(
            self.name,
            *START.get(self.name, ()),
            "-c",
            "\n".join(lines),
            env={**NO_KEYS, **(env or {})},
        )
        return done.code, done.out, done.err

    def environments(
        self, *commands: str, env: Mapping[str, str | None] | None = None
    ) -> list[dict[str, str]]:
        """Return what a child sees before the first command and after each."""
        show = "printf '%s\\n' ----; env -0 | tr '\\n\\0' ' \\n'"
        lines = [show]
        for command in commands:
            lines += [self.takes(command), show]
        code, out, err = self.run(*lines, env=env)
        assert code == 0, err
        shots = [shot.strip().splitlines() for shot in out.split("----\n")[1:]]
        return [
            {
                name: value
                for name, _, value in (line.partition("=") for line in shot)
                if name not in OWN
            }
            for shot in shots
        ]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, world_with_keys: World) -> Shell:
    return Shell(request.param, world_with_keys)


FOREIGN = {
    "AWS_PROFILE": "other",
    "AWS_DEFAULT_PROFILE": "elder",
    "AWS_SECURITY_TOKEN": "stale",
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-1",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
}


def test_assume_sets_and_unsets_exactly_what_the_handover_says(shell: Shell) -> None:
    before, after = shell.environments("rolehop assume admin", env=FOREIGN)
    saved = {"ROLEHOP_SAVED_" + name for name in FOREIGN if name.endswith(("PROFILE", "REGION"))}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == HANDOVER_VARIABLES | REGION_VARIABLES | saved
    assert before.keys() - after.keys() == {
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SECURITY_TOKEN",
    }
    assert after["ROLEHOP_CHAIN"] == "admin"
    assert after["AWS_ACCOUNT_ID"] == "333333333333"
    assert {after[name] for name in REGION_VARIABLES} == {"eu-west-1"}
    session = shell.world.sts.world.keys[after["AWS_ACCESS_KEY_ID"]]
    assert session.arn == f"arn:aws:sts::333333333333:assumed-role/{ADMIN.rpartition('/')[2]}/me"
    assert (after["AWS_SECRET_ACCESS_KEY"], after["AWS_SESSION_TOKEN"]) == (
        session.secret,
        session.token,
    )
    assert session.expires_at is not None
    assert after["ROLEHOP_EXPIRES_AT"] == str(int(session.expires_at.timestamp()))
    assert after["AWS_CREDENTIAL_EXPIRATION"] == after["ROLEHOP_EXPIRATION"]
    assert after["ROLEHOP_EXPIRATION"] == f"{session.expires_at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_chain_without_a_region_leaves_the_regions_alone(shell: Shell) -> None:
    before, after = shell.environments("rolehop assume hub")
    assert after.keys() - before.keys() == HANDOVER_VARIABLES
    assert not REGION_VARIABLES & after.keys()


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="nothing-set"),
        pytest.param({"AWS_PROFILE": "other", "AWS_REGION": "us-west-2"}, id="profile-and-region"),
        pytest.param(
            {"AWS_DEFAULT_PROFILE": "x'y \"z$", "AWS_DEFAULT_REGION": ""}, id="odd-and-empty"
        ),
    ],
)
def test_leave_restores_every_variable(shell: Shell, env: dict[str, str]) -> None:
    before, during, after = shell.environments("rolehop assume admin", "rolehop leave", env=env)
    assert after == before | _way_back(during)


def test_leave_after_a_second_assume_goes_back_to_before_the_first(shell: Shell) -> None:
    before, first, second, after = shell.environments(
        "rolehop assume admin",
        "rolehop assume hub",
        "rolehop leave",
        env={"AWS_PROFILE": "other", "AWS_REGION": "us-west-2"},
    )
    assert first["AWS_REGION"] == "eu-west-1"
    assert (second["ROLEHOP_CHAIN"], second["AWS_REGION"]) == ("hub", "us-west-2")
    assert after == before | _way_back(second)


def _way_back(left: dict[str, str]) -> dict[str, str]:
    return {
        "ROLEHOP_PREVIOUS_CHAIN": left["ROLEHOP_CHAIN"],
        "ROLEHOP_PREVIOUS_KEY_ID": left["AWS_ACCESS_KEY_ID"],
    }


def test_leave_without_assume_does_nothing(shell: Shell) -> None:
    before, after = shell.environments("rolehop leave")
    assert after == before


BROKEN = "[chains.hub]\nsource = 5\n"
FAILURES = [
    pytest.param("rolehop assume admn", "", id="unknown-chain"),
    pytest.param("rolehop assume refused", "", id="refused-hop"),
    pytest.param("rolehop assume --nonsense", "", id="usage"),
    pytest.param("rolehop assume", "", id="no-chain-and-no-terminal"),
    pytest.param("rolehop assume hub", "config", id="broken-config"),
    pytest.param("rolehop export hub --format env --duration 5s", "", id="export"),
    pytest.param("rolehop leave --nonsense", "", id="leave"),
]


@pytest.mark.parametrize(("command", "broken"), FAILURES)
def test_a_failure_makes_the_eval_fail(shell: Shell, command: str, broken: str) -> None:
    config = (
        FROM_VAULT + '[chains.refused]\nfrom = "hub"\nhops = [{role = "999999999999:role/No"}]\n'
    )
    path = shell.world.folder / "failing.toml"
    path.write_text(BROKEN if broken else config)
    env = {"ROLEHOP_CONFIG": str(path)}
    status = "$status" if shell.name == "fish" else "$?"
    code, out, err = shell.run(
        shell.takes(command), f"echo {status}", "echo $AWS_SESSION_TOKEN", env=env
    )
    assert (code, out) == (0, "1\n\n"), err
    assert err.startswith("rolehop: "), err


@pytest.mark.parametrize("name", ["bash", "zsh", "dash"])
def test_set_e_stops_the_script(name: str, world_with_keys: World) -> None:
    shell = Shell(name, world_with_keys)
    code, out, _ = shell.run("set -e", shell.takes("rolehop assume admn"), "echo went on")
    assert (code, out) == (1, "")


def test_the_dialect_is_that_of_the_calling_shell(world_with_keys: World) -> None:
    if shutil.which("fish") is None:
        pytest.skip("not installed: fish")
    code, out, _ = Shell("fish", world_with_keys).run("rolehop assume hub | cat")
    assert code == 0
    assert "set -gx AWS_ACCESS_KEY_ID" in out
    assert world_with_keys.rolehop("assume", "hub", env=NO_KEYS).out.count("export ") == len(
        HANDOVER_VARIABLES
    )


def test_the_session_in_the_shell_is_one_that_aws_knows(world_with_keys: World) -> None:
    shell = Shell("bash", world_with_keys)
    code, out, err = shell.run(shell.takes("rolehop assume admin"), "rolehop whoami --format json")
    assert code == 0, err
    assert json.loads(out)["arn"] == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert json.loads(out)["chain"] == "admin"
