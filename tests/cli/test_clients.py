"""The output of ``credential-process``, read by the AWS CLI and SDKs through an installed line."""

from __future__ import annotations

import json
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.doubles.web import Asked, Reply, Service
from tests.support.aws_cli import aws_cli, node_modules
from tests.support.world import Done, World

ARN = "arn:aws:sts::333333333333:assumed-role/Admin/me"
CONFIG = """\
[defaults]
session_name = "{user}"
[sources.alice]
type = "keys"
[chains.admin]
source = "alice"
hops = [{ role = "222222222222:role/Hub" }, { role = "333333333333:role/Admin" }]
"""
# The client's own variables would win over the profile; the keys are in the keyring anyway.
CLIENT = {
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONWARNINGS": None,
}


@pytest.fixture
def configured(real_world: World) -> Iterator[World]:
    """A world whose keyring holds alice's keys, and whose AWS config got a profile from rolehop."""
    real_world.config(CONFIG)
    done = real_world.rolehop("profile", "install", "admin", "--region", "eu-west-1", "--yes")
    assert done.code == 0, done.err
    assert real_world.rolehop("keys", "add", "alice", "--from-env", "--replace").code == 0
    yield real_world
    assert real_world.rolehop("keys", "remove", "alice", "--yes").code == 0


def test_the_aws_cli_accepts_it(configured: World) -> None:
    done = configured.run(
        aws_cli(),
        "sts",
        "get-caller-identity",
        "--profile",
        "admin",
        "--output",
        "json",
        env=CLIENT,
    )
    assert done.code == 0, done.err
    assert done.json["Arn"] == ARN


_BOTO3 = """
import boto3, json
session = boto3.Session(profile_name="admin")
frozen = session.get_credentials().get_frozen_credentials()
print(json.dumps({**session.client("sts").get_caller_identity(), "method": session.get_credentials().method}))
"""


def test_boto3_accepts_it(configured: World) -> None:
    done = configured.run(sys.executable, "-c", _BOTO3, env=CLIENT)
    assert done.code == 0, done.err
    assert done.json["Arn"] == ARN
    assert done.json["method"] == "custom-process"


_JAVASCRIPT = """
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { fromProcess } from "@aws-sdk/credential-providers";
const credentials = await fromProcess({ profile: "admin" })();
const client = new STSClient({ region: "eu-west-1", credentials });
const who = await client.send(new GetCallerIdentityCommand({}));
console.log(JSON.stringify({
  Arn: who.Arn, accountId: credentials.accountId, expiration: credentials.expiration.toISOString(),
}));
"""


def test_the_aws_sdk_for_javascript_accepts_it(configured: World) -> None:
    (configured.home / "node_modules").symlink_to(node_modules(configured))
    script = configured.home / "who.mjs"
    script.write_text(_JAVASCRIPT)
    done = configured.run("node", str(script), env=CLIENT)
    assert done.code == 0, done.err
    assert done.json["Arn"] == ARN
    assert done.json["accountId"] == "333333333333"
    shown = configured.rolehop("credential-process", "admin", env=CLIENT).json["Expiration"]
    assert datetime.fromisoformat(done.json["expiration"]) == datetime.fromisoformat(shown)


class EcrService(Service):
    """Amazon ECR, as far as signing in to a registry needs it."""

    def answer(self, asked: Asked) -> Reply:
        given = {
            "authorizationToken": b64encode(b"AWS:a-password").decode(),
            "proxyEndpoint": f"https://{REGISTRY}",
            "expiresAt": 4_000_000_000,
        }
        return Reply(json={"authorizationData": [given]})


REGISTRY = "333333333333.dkr.ecr.eu-west-1.amazonaws.com"


def test_the_aws_sdk_for_go_accepts_it(configured: World) -> None:
    """Amazon's credential helper for Docker is a Go program: it runs the line through ``sh -c``."""
    if shutil.which("docker-credential-ecr-login") is None:
        pytest.skip("not installed: docker-credential-ecr-login (amazon-ecr-credential-helper)")
    with EcrService() as ecr:
        env = {**CLIENT, "AWS_PROFILE": "admin", "AWS_ENDPOINT_URL_ECR": ecr.url}
        done = configured.run("docker-credential-ecr-login", "get", env=env, input=REGISTRY)
    assert done.code == 0, done.err
    assert done.json["Secret"] == "a-password"
    (asked,) = ecr.asked
    key = asked.headers["authorization"].partition("Credential=")[2].partition("/")[0]
    assert configured.sts.world.keys[key].arn == ARN


@pytest.mark.parametrize("state", ["walked", "cached"])
def test_stdout_is_one_json_object_on_one_line_and_stderr_is_silent(
    shared_world: World, state: str
) -> None:
    if state == "walked":
        shared_world.rolehop("logout", "--all")
    done = shared_world.rolehop("credential-process", "admin")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"\{[^\n]*\}\n", done.out)
    assert list(json.loads(done.out)) == [
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
        "AccountId",
    ]
    assert done.json["Version"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", done.json["Expiration"])
    assert shared_world.sts.world.keys[done.json["AccessKeyId"]].arn == ARN


def test_export_as_json_prints_the_same_bytes(shared_world: World) -> None:
    def output_of(*arguments: str) -> Done:
        return shared_world.rolehop(*arguments, "-q")

    first = output_of("credential-process", "admin")
    assert output_of("export", "admin", "--format", "json") == first


def test_a_chain_without_hops_gives_a_session_and_never_the_keys(shared_world: World) -> None:
    done = shared_world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    key = shared_world.sts.world.keys[done.json["AccessKeyId"]]
    assert key.token is not None
    assert key.arn == shared_world.alice.arn
    assert done.json["AccountId"] == "111111111111"
