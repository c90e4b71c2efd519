"""``explain CHAIN --action``: what the last session of a chain may do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.commands.explain.documents import ALICE, AS, USER, files, world_with_documents
from tests.support.policies import policy, policy_text, trust_for
from tests.support.world import ADMIN, Done, World

BUCKET = "arn:aws:s3:::logs"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        role = json.loads((world.home / "good.json").read_text())
        allow = {"Effect": "Allow", "Action": "s3:Get*", "Resource": f"{BUCKET}/*"}
        role["RoleDetailList"][0]["RolePolicyList"] = [
            {"PolicyName": "read", "PolicyDocument": policy(allow)}
        ]
        (world.home / "reader.json").write_text(json.dumps(role))
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        (world.home / "bucket.json").write_text(json.dumps({"Policy": policy_text(deny)}))
        yield world


def explain(world: World, *arguments: str) -> Done:
    given = ("--offline", *AS, *files("reader.json"), "--format", "json")
    return world.rolehop("explain", "admin", *given, *arguments)


def test_each_action_gets_its_verdict_and_lanes(world: World) -> None:
    asked = ("--action", "s3:GetObject,ec2:RunInstances", "--resource", f"{BUCKET}/a.gz")
    done = explain(world, *asked)
    assert done.code == 0  # the bucket's policy may allow the other one
    found = done.json
    assert (found["schema"], found["chain"], found["verdict"]) == (
        "rolehop.action/1", "admin", "unknown"
    )  # fmt: skip
    assert found["caller"] == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    get, run = found["actions"]
    assert (get["action"], get["verdict"]) == ("s3:GetObject", "allowed")
    assert get["assuming"] == ["resource", "scp", "rcp", "resource-account"]
    assert [lane["lane"] for lane in get["lanes"]] == [
        "resource", "permissions", "boundary", "session", "scp", "rcp"
    ]  # fmt: skip
    assert (run["verdict"], run["unknowns"]) == ("unknown", ["resource"])
    assert explain(world, *asked, "--strict").code == 5


def test_the_policy_of_the_resource_counts_where_it_is_given(world: World) -> None:
    asked = ("--action", "s3:GetObject", "--resource", f"{BUCKET}/a.gz")
    done = explain(world, *asked, "--resource-policy", "bucket.json")
    assert (done.code, done.json["verdict"]) == (5, "refused")
    text = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("reader.json"), *asked,
        "--resource-policy", "bucket.json",
    ).out  # fmt: skip
    assert text.startswith("✗ admin, s3:GetObject: the resource's own policy denies Admin")
    assert "  resource policy       ✗ refuses  Deny statement 1" in text
    assert max(map(len, text.splitlines())) <= 80
    hidden = world.rolehop("explain", "admin", "--offline", *AS, *files("reader.json"), *asked).out
    assert "assuming that the resource is of the caller's account" in hidden
    put = [each.replace("Get", "Put") for each in asked]
    hidden = world.rolehop("explain", "admin", "--offline", *AS, *files("reader.json"), *put).out
    assert "permissions  ? grants nothing; only the resource's own policy could" in hidden


def test_a_role_is_judged_by_its_trust_policy_and_a_missing_resource_is_named(world: World) -> None:
    asked = ("--action", "sts:AssumeRole,sts:AssumeRoleWithSAML", "--resource", ADMIN)
    done = explain(world, *asked)
    assert (done.code, done.json["verdict"]) == (5, "refused")  # the role does not trust itself
    assert done.json["caller"] == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert [each["lanes"][0]["lane"] for each in done.json["actions"]] == ["trust", "trust"]
    own = policy_text(trust_for({"AWS": ADMIN}, StringEquals={"sts:ExternalId": "x-1"}))
    (world.home / "trust.json").write_text(json.dumps({"Policy": own}))
    one = ("--action", "sts:AssumeRole", "--resource", ADMIN, "--resource-policy", "trust.json")
    assert explain(world, *one).json["actions"][0]["unknowns"] == ["sts:ExternalId"]
    assert explain(world, *one, "--context", "sts:ExternalId=x-1").json["verdict"] == "allowed"
    unnamed = explain(world, "--action", "s3:GetObject").json
    assert (unnamed["resource"], unnamed["verdict"]) == (None, "unknown")
    assert unnamed["actions"][0]["unknowns"] == ["resource", "--resource"]


def test_a_resource_that_the_call_cannot_be_about_is_remarked(world: World) -> None:
    done = explain(world, "--action", "s3:GetObject", "--resource", BUCKET)
    assert (done.json["verdict"], done.json["actions"][0]["unknowns"][0]) == ("unknown", "resource")
    said = f"s3:GetObject cannot be about {BUCKET}; name an object: {BUCKET}/KEY"
    assert said in " ".join(done.err.split())


def test_what_is_no_action_or_resource_is_refused(world: World) -> None:
    for wrong in (
        ("--action", "GetObject"),
        ("--action", "*:Get"),
        ("--action", "s3:GetObject", "--resource", f"{BUCKET}/*"),
        ("--action", "sts:AssumeRole", "--resource", "arn:aws:iam::333333333333:role/"),
        ("--resource", BUCKET),
        ("--action", "s3:GetObject", "--write-fix", "fixed.json"),
    ):
        assert explain(world, *wrong).code == 2, wrong
    assert world.rolehop("explain", "--last", "--action", "s3:GetObject").code == 2


def test_a_chain_without_hops_hands_out_a_session_of_getsessiontoken(world: World) -> None:
    """So its calls carry an issue time and an answer on MFA, and cannot be IAM's without MFA."""
    serial = "arn:aws:iam::111111111111:mfa/alice"
    config = world.home / "alone.toml"
    lines = [
        "version = 1",
        *(f'sources.{each} = {{ type = "keys", principal = "{ALICE}"{more} }}'
          for each, more in (("plain", ""), ("strong", f', mfa_serial = "{serial}"'))),
        *(f'chains.{each} = {{ source = "{each}" }}' for each in ("plain", "strong")),
    ]  # fmt: skip
    config.write_text("\n".join(lines))
    config.chmod(0o600)
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    without = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    documents = {
        "UserPolicyList": [
            {
                "PolicyName": "p",
                "PolicyDocument": policy(
                    {"Effect": "Allow", "Action": "*", "Resource": "*"},
                    {**denied, "Condition": {**without, "Null": {"aws:TokenIssueTime": "false"}}},
                ),
            }
        ]
    }
    user = {"UserDetailList": [{**USER, **documents}]}
    (world.home / "alone.json").write_text(json.dumps(user))
    expected = {"plain": ["refused", "refused"], "strong": ["allowed", "allowed"]}
    no_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    for chain, verdicts in expected.items():
        done = world.rolehop(
            "explain", chain, "--config", str(config), "--offline", "--policies", "alone.json",
            "--action", "s3:ListAllMyBuckets,iam:ListUsers", "--resource", "*", "--format", "json",
            env=no_keyring,
        )  # fmt: skip
        assert [each["verdict"] for each in done.json["actions"]] == verdicts
