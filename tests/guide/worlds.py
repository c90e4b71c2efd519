"""The AWS that a page runs against: the guide's accounts and names, and what a topic needs besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.doubles import browser
from tests.doubles.console import ConsoleDouble
from tests.support.moto_server import moto_server
from tests.support.world import World

# As the README has it; alice's keys are in the keyring.
FIRST_CONFIG = """\
version = 1

[defaults]
region = "eu-west-1"

[sources.alice]
type = "keys"

[chains.hub]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]

[chains.prod-admin]
description = "Break-glass admin in prod"
from = "hub"
[[chains.prod-admin.hops]]
role = "333333333333:role/Admin"

[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""

# What a question on the terminal has in its last line, and what is typed.
ANSWERS = {
    "MFA code of": "{code}",
    "[y/N]": "y",
    "[Y/n]": "y",
}


CLEAN = {
    *("README", "getting-started", "existing-aws-config", "from-aws-cli", "from-aws-sso-cli"),
    *("from-aws-vault", "from-awsume", "from-granted"),
}
"""The pages for somebody who has no config and no keys in the keyring."""


def page_world(world: World, name: str) -> None:
    """Make the home folder of a page: with the first config and alice's keys, or with nothing."""
    if name in CLEAN:
        world.config_file.unlink()
        return
    world.config(FIRST_CONFIG)
    added = world.rolehop("keys", "add", "alice", "--from-env")
    assert added.code == 0, added.err


@contextmanager
def _console(world: World) -> Iterator[None]:
    with ConsoleDouble(world.sts) as console:
        world.more |= {**console.environ, "BROWSER": browser.as_variable(world.folder / "browser")}
        yield


@contextmanager
def _profile(world: World) -> Iterator[None]:
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in world.alice.environ.items())
    world.aws_credentials(f"[corp]\n{keys}")
    yield


@contextmanager
def _bucket(world: World) -> Iterator[None]:
    import boto3

    with moto_server() as url:
        given = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "endpoint_url": url}
        s3 = boto3.client("s3", region_name="us-east-1", **given)
        s3.create_bucket(Bucket="reports")
        s3.put_object(Bucket="reports", Key="november.txt", Body=b"one\ntwo\n")
        s3.close()
        world.more["AWS_ENDPOINT_URL_S3"] = url
        yield


PREPARED: dict[str, Callable[[World], AbstractContextManager[None]]] = {
    "README": _profile,
    "console": _console,
    "python-api": _bucket,
}
"""What a topic needs besides, by its name, while it runs: roles, a provider, another home."""
