"""Thirty profiles of a user's own, from import to uninstall: all that worked works, and every byte comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.doubles.sts_world import User
from tests.support.aws_cli import aws_cli
from tests.support.aws_files import pair
from tests.support.world import PYTHON, World

USERS = ("default", "u1", "u2", "u3", "c1", "c2")
ACCOUNTS = [f"{number}" * 12 for number in range(2, 8)]


def role(account: str, name: str = "Role") -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def thirty(world: World) -> list[str]:
    """Write both AWS files; return the names of the profiles."""
    aws = world.sts.world
    users: dict[str, User] = {name: aws.user("111111111111", name) for name in USERS}
    users |= {"self": aws.user("111111111111", "self"), "process": world.alice}
    config = ["# by hand, over the years", "[default]", "region = eu-west-1", "output=json", ""]
    credentials = ["; keys", *("[default]", pair(users["default"]).rstrip())]
    for name in ("u1", "u2", "u3"):
        credentials += [f"[{name}]", pair(users[name]).rstrip(), ""]
    for name in ("c1", "c2"):
        config += [f"[profile {name}]", *pair(users[name]).splitlines(), "region: eu-central-1"]
    for name, account in zip(USERS, ACCOUNTS, strict=True):
        aws.role(role(account), trusts=[users[name].arn])
        aws.role(role(account, "Deep"), trusts=[role(account)])
        settings = {"c1": ["duration_seconds = 1800"], "c2": ["role_session_name = me@work"]}
        config += [
            *(f"[profile {name}-role]", f"role_arn = {role(account)}", f"source_profile = {name}"),
            *settings.get(name, []),
            *("s3 =", "  max_concurrent_requests = 20", "  # few", ""),
            *(f"[profile {name}/deep]", f"source_profile={name}-role"),
            f"role_arn={role(account, 'Deep')}",
        ]
    config += [
        *("[profile self]", f"role_arn = {role('888888888888')}", "source_profile = self"),
        *('[profile "with space"]', f"role_arn = {role('888888888888')}", "source_profile = u3"),
        *("[profile from.env]", f"role_arn = {role('999999999999')}"),
        *("credential_source = Environment", "cli_pager ="),
        *("[profile process]", f"credential_process = {printing(world, users['process'])}"),
        *("[profile on-process]", f"role_arn = {role('999999999999')}", "source_profile = process"),
        *("[profile only-region]", "region = ap-south-1"),
        *("[profile half]", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE"),
    ]
    credentials += ["[self]", pair(users["self"]).rstrip(), "[empty]"]
    aws.role(role("888888888888"), trusts=[users["self"].arn, users["u3"].arn])
    aws.role(role("999999999999"), trusts=[world.alice.arn])
    for number in range(3):
        config += [f"[profile more-{number}]", f"role_arn = {role(ACCOUNTS[number])}"]
        config += [f"source_profile = {USERS[number]}", "external_id = x-42"]
    (world.home / ".aws" / "config").write_bytes("\r\n".join(config).encode())
    world.aws_credentials("\n".join(credentials))
    return [
        *(*USERS, *(f"{name}-role" for name in USERS), *(f"{name}/deep" for name in USERS)),
        *(
            "self",
            "with space",
            "from.env",
            "process",
            "on-process",
            "only-region",
            "half",
            "empty",
        ),
        *(f"more-{number}" for number in range(3)),
    ]


def printing(world: World, user: User) -> Path:
    """Return a program of another tool that prints a user's session."""
    session = world.sts.world.issue(
        3600, account=user.account, arn=user.arn, user_id=user.user_id, user=user
    )
    output = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    program = world.home / "program"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(output)}'\n")
    program.chmod(0o700)
    return program


ASKED = """if True:
    import boto3, json, sys
    found = {}
    for name in sys.argv[1:]:
        try:
            sts = boto3.Session(profile_name=name).client("sts", region_name="eu-west-1")
            found[name] = sts.get_caller_identity()["Arn"]
        except Exception as error:
            found[name] = None
    print(json.dumps(found))"""


def identities(world: World, names: list[str]) -> dict[str, str | None]:
    """Return who boto3 is with each profile, without the name of the session."""
    found = dict[str, str | None]()
    for some in (names[first : first + 6] for first in range(0, len(names), 6)):
        for name in some:  # in a fork, which is quick; then the line has a session cached
            world.rolehop("credential-process", name)
        done = world.run(PYTHON, "-Wignore", "-c", ASKED, *some)
        assert done.code == 0, done.err
        found |= json.loads(done.out)
    return {name: arn and arn.rpartition("/")[0].replace("user", "") for name, arn in found.items()}


def files(world: World) -> tuple[bytes, bytes]:
    folder = world.home / ".aws"
    return (folder / "config").read_bytes(), (folder / "credentials").read_bytes()


def by_cli(world: World, name: str) -> str:
    command = (aws_cli(), "sts", "get-caller-identity", "--profile", name)
    done = world.run(*command, env={"PYTHONWARNINGS": None, "AWS_REGION": "eu-west-1"})
    assert done.code == 0, done.err
    return str(json.loads(done.out)["Arn"]).rpartition("/")[0]


def test_all_that_worked_works_and_every_byte_comes_back(world: World) -> None:
    world.config_file.unlink()
    names = thirty(world)
    before, was = files(world), identities(world, names)
    worked = [name for name in names if was[name]]
    assert set(names) - {*worked} == {"only-region", "half", "empty"}
    for run in range(2):
        done = world.rolehop("config", "import", "aws-config", "--yes")
        assert done.code == 0, done.err
        done = world.rolehop("profile", "install", "--take-over", "--yes")
        assert done.code == 0, done.err
        left = [line for line in done.err.splitlines() if "left out" in line]
        assert left == [], left
        assert files(world) != before
        secrets = [
            key.secret for key in world.sts.world.keys.values() if key.user and not key.token
        ]
        assert not [each for each in secrets if each.encode() in b"".join(files(world))]
        if run == 0:
            assert identities(world, names) == was
            assert by_cli(world, "u1/deep") == was["u1/deep"]
            assert by_cli(world, "default") == "arn:aws:iam::111111111111:user"
        done = world.rolehop("uninstall", "--yes", "--keys")
        assert done.code == 0, done.err
        assert files(world) == before
