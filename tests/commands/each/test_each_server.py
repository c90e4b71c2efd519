"""``each --server``: a command that outlives its session, and sees no other account's."""

from __future__ import annotations

import json
import sys

from tests.commands.each.fleet import ACCOUNTS, give_fleet, lines_of
from tests.support.world import World

LOOKS_AROUND = """
import boto3, json, os, urllib.request
uri = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
def status(uri):
    headers = {"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    try:
        return urllib.request.urlopen(urllib.request.Request(uri, headers=headers)).status
    except OSError as error:
        return getattr(error, "code", None)
print(json.dumps({
    "arn": boto3.client("sts").get_caller_identity()["Arn"],
    "key": os.environ.get("AWS_ACCESS_KEY_ID"),
    "account": os.environ.get("AWS_ACCOUNT_ID"),
    "own": status(uri),
    "another": status(uri.replace("good", "slow").replace("quiet", "slow")),
}))
"""


def test_each_command_has_an_endpoint_of_its_own_and_nothing_is_left(world: World) -> None:
    (world.folder / "run").mkdir(mode=0o700)
    give_fleet(world, refused=())
    done = world.rolehop(
        "each", "far/good", "far/quiet", "--server", "--region", "eu-west-1", "--format", "json", "--",
        sys.executable, "-W", "ignore", "-c", LOOKS_AROUND,
    )  # fmt: skip
    assert done.code == 0, done.out
    for name, each in lines_of(done).items():
        assert json.loads(each["stdout"]) == {
            "arn": f"arn:aws:sts::{ACCOUNTS[name]}:assumed-role/Far/me",
            "key": None,
            "account": ACCOUNTS[name],
            "own": 200,
            "another": 404,
        }
    assert [*(world.folder / "run").iterdir(), *(world.state / "servers").iterdir()] == []
