"""From other tools' files to profiles that run rolehop, and back: what worked works, every byte returns."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from rolehop.commands.config.importing.found_files import TOOLS
from tests.commands.config.importing.files_of_tools import FILES, KEYS
from tests.sources.identity_center.corp import SESSION, Corp
from tests.support.world import HUB, PYTHON, World, temporary_world

ROLES = ("Admin", "Audit", "Developer")
ACCOUNTS = [f"4{number:011d}" for number in range(20)]


def sixty(corp: Corp) -> list[str]:
    """Write sixty AWS profiles of one Identity Center, as its tools do; return their names."""
    text, names = SESSION, []
    for number, account in enumerate(ACCOUNTS):
        for role in ROLES:
            corp.center.assign("alice", account, role)
            names.append(f"team-{number:02}/{role}")
            text += (
                f"\n[profile {names[-1]}]\nsso_session = my-sso\nsso_account_id = {account}\n"
                f"sso_role_name = {role}\nregion = eu-west-1\noutput = json\n"
            )
    corp.world.aws_config(text)
    return names


ASKED = """if True:
    import boto3, json, sys
    found = {}
    for name in sys.argv[1:]:
        sts = boto3.Session(profile_name=name).client("sts")
        found[name] = sts.get_caller_identity()["Arn"]
    print(json.dumps(found))"""


def identities(world: World, *names: str) -> dict[str, str]:
    """Return who boto3 is with each profile."""
    done = world.run(PYTHON, "-Wignore", "-c", ASKED, *names)
    assert done.code == 0, done.err
    found: dict[str, str] = json.loads(done.out)
    return found


def files(world: World) -> dict[str, bytes]:
    folder = world.home / ".aws"
    there = (folder / name for name in ("config", "credentials"))
    return {path.name: path.read_bytes() for path in there if path.exists() and path.stat().st_size}


def test_sixty_profiles_of_an_identity_center_three_times(corp: Corp) -> None:
    """The sign-in is that of the AWS CLI, which goes on to be used."""
    world = corp.world
    corp.cli_signs_in(lasts=timedelta(hours=4))
    names = sixty(corp)
    world.aws_credentials("")
    world.config_file.unlink()
    some = (names[0], names[31], names[-1])
    before, was = files(world), identities(world, *some)
    for run in range(3):
        done = world.rolehop("config", "import", "--yes")
        assert done.code == 0, done.err
        assert "60 chains from 60 profiles, 1 source, 1 fleet of 20 accounts" in done.err
        assert done.out == ""
        done = world.rolehop("profile", "install", "--take-over", "--yes")
        assert done.code == 0, done.err
        assert files(world) != before
        if run == 0:
            rows = world.rolehop("list", "--format", "json").json["chains"]
            assert [each["name"] for each in rows] == names
            assert identities(world, *some) == was
        again = world.rolehop("config", "import", "--yes")
        assert again.code == 0, again.err
        assert "chains in the config" in again.err or "0 chains" in again.err
        done = world.rolehop("profile", "remove", "--yes")
        assert done.code == 0, done.err
        assert files(world) == before
        world.config_file.unlink()


KILLED = """
import os, pathlib, signal
def killed(*paths):
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = pathlib.Path.replace = os.link = killed
"""


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    "command",
    [("import", "--yes"), ("init", "--profile", "me", "--role", HUB)],
    ids=lambda it: it[0],
)
def test_killed_while_it_writes_a_config_is_whole_or_as_it_was(
    command: tuple[str, ...], there: bool
) -> None:
    with temporary_world() as world:
        world.aws_config("[profile dev]\ncredential_process = /opt/tool\n")
        world.aws_credentials(KEYS.lstrip())
        before = world.config_file.read_bytes()
        if not there:
            world.config_file.unlink()
        done = world.rolehop("config", *command, before=KILLED)
        assert done.code == -9, done.err
        assert world.config_file.exists() is there
        assert not there or world.config_file.read_bytes() == before
        done = world.rolehop("config", *command)
        assert done.code == 0, done.err
        assert world.rolehop("config", "check").code == 0


@pytest.mark.parametrize("tool", FILES)
def test_the_files_of_a_tool_are_imported_installed_and_left_as_they_were(tool: str) -> None:
    config, own = next(iter(FILES[tool].values()))
    with temporary_world() as world:
        world.config_file.unlink()
        world.aws_config(config)
        world.aws_credentials(KEYS.lstrip())
        named = tool
        if own is not None:
            places = [each for each in TOOLS[tool].files if not each.startswith("$")]
            path = world.home / (places[0] if places else "own")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(own)
            path.chmod(0o600)
            named = tool if places else str(path)
        before = files(world)
        done = world.rolehop("config", "import", named, "--yes")
        assert done.code == 0, done.err
        written = world.config_file.read_text()
        assert world.rolehop("config", "check").code == 0
        done = world.rolehop("config", "import", named, "--yes")
        assert (done.code, world.config_file.read_text()) == (0, written), done.err
        done = world.rolehop("profile", "install", "--take-over", "--yes")
        # A source that reads the profile that a tool writes keeps that profile as it is, and AWS
        # refuses the made-up keys: a role without them is not taken over.
        stays = ("would come back to it", "the keyring has no keys for source")
        assert done.code == 0 or any(each in done.err for each in stays), done.err
        assert world.rolehop("profile", "remove", "--yes").code == 0
        assert files(world) == before
