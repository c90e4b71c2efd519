"""``explain`` and ``check`` of a chain with a scope: one more limit, and one more call."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.commands.explain.documents import AS, files, world_with_documents
from tests.doubles.sts_params import Refused
from tests.support.policies import policy, policy_text
from tests.support.world import ADMIN, CONFIG, Done, World

_GET = policy_text({"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::logs/*"})
_DENY = policy_text(
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"},
)
SCOPED = f"""{CONFIG}
[chains.narrow]
from = "admin"
scope = {{ policy = '{_GET}' }}
[chains.denying]
from = "admin"
scope = {{ policy = '{_DENY}' }}
[chains.reads]
from = "admin"
scope = {{ read_only = true, duration = "15m" }}
[chains.timed]
from = "admin"
scope = {{ duration = "15m" }}
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        world.config(SCOPED)
        admin = json.loads((world.home / "good.json").read_text())
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        admin["RoleDetailList"][0]["RolePolicyList"] = [
            {"PolicyName": "all", "PolicyDocument": policy(everything)}
        ]
        (world.home / "all.json").write_text(json.dumps(admin))
        yield world


def explain(world: World, chain: str, *more: str, documents: str = "all.json") -> Done:
    given = ("--offline", *AS, *files(documents), "--format", "json")
    return world.rolehop("explain", chain, *given, *more)


def action(world: World, chain: str, name: str, *more: str) -> dict[str, object]:
    found = explain(world, chain, "--action", name, *more).json
    lanes = {each["lane"]: each["verdict"] for each in found["actions"][0]["lanes"]}
    return {"verdict": found["verdict"], "scope": lanes.get("scope")}


@pytest.mark.parametrize(
    ("chain", "asked", "verdict", "scope"),
    [
        ("reads", "ec2:DescribeInstances", "allowed", "allowed"),
        ("reads", "ec2:RunInstances", "refused", "refused"),
        ("reads", "iam:CreateUser", "refused", "refused"),
        ("timed", "ec2:RunInstances", "allowed", None),
        ("admin", "ec2:RunInstances", "allowed", None),
        ("denying", "rds:CreateDBInstance", "allowed", "allowed"),
        ("denying", "ec2:RunInstances", "unknown", "unknown"),
        ("reads", "sts:GetCallerIdentity", "allowed", "not-applicable"),
    ],
)
def test_its_policy_limits_what_the_session_may_do(
    world: World, chain: str, asked: str, verdict: str, scope: str | None
) -> None:
    assert action(world, chain, asked) == {"verdict": verdict, "scope": scope}


def test_what_it_makes_of_a_resources_own_grant_is_not_known(world: World) -> None:
    grant = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}
    (world.home / "bucket.json").write_text(json.dumps({"Policy": policy_text(grant)}))
    asked = ("--resource", "arn:aws:s3:::logs/a", "--resource-policy", "bucket.json")
    found = action(world, "narrow", "s3:PutObject", *asked)
    assert found == {"verdict": "unknown", "scope": "unknown"}
    text = world.rolehop(
        "explain",
        "narrow",
        "--offline",
        *AS,
        *files("all.json"),
        "--action",
        "s3:PutObject",
        *asked,
    ).out
    assert "what a scope makes of a grant by the resource's own policy" in " ".join(text.split())


def test_its_own_policy_is_what_a_fix_changes(world: World) -> None:
    asked = ("--action", "ec2:RunInstances", "--resource", "*")
    (refused,) = explain(world, "narrow", *asked).json["actions"]
    assert refused["mend"]["document"].endswith("session policy of the scope of the chain")
    assert refused["mend"]["statement"]["Action"] == "ec2:RunInstances"
    (read_only,) = explain(world, "reads", *asked).json["actions"]
    assert (read_only["verdict"], read_only["mend"]) == ("refused", None)
    shown = world.rolehop("explain", "reads", "--offline", *AS, *files("all.json"), *asked).out
    assert "take read_only off the chain's scope" in " ".join(shown.split())


def test_the_call_is_one_more_step(world: World) -> None:
    allowed = explain(world, "narrow").json
    assert [(each["hop"], each["role"] is None) for each in allowed["hops"]] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert [each["verdict"] for each in allowed["hops"]] == ["allowed"] * 3
    unsure = explain(world, "narrow", documents="good.json").json
    assert unsure["hops"][2]["verdict"] == "unknown"
    assert unsure["hops"][2]["unknowns"] == ["scope-permission"]


def test_a_deny_of_the_call_refuses_it(world: World) -> None:
    denied = policy({"Effect": "Deny", "Action": "sts:GetScopedCredentials", "Resource": "*"})
    (world.home / "noscope.json").write_text(json.dumps(denied))
    done = explain(world, "narrow", "--scp", "333333333333=noscope.json")
    assert (done.code, done.json["hops"][2]["verdict"]) == (5, "refused")
    assert explain(world, "admin", "--scp", "333333333333=noscope.json").code == 0
    shown = world.rolehop(
        "check", "narrow", *AS, *files("all.json"), "--scp", "333333333333=noscope.json"
    )
    assert shown.code == 5
    assert "scope: the SCP, Deny statement 1" in " ".join(shown.out.split())
    for style in ("json", "junit", "sarif"):
        more = world.rolehop(
            *("check", "narrow", *AS, *files("all.json"), "--format", style),
            *("--scp", "333333333333=noscope.json"),
        )
        assert more.code == 5, more.err


def test_a_scope_that_aws_refused_is_explained_last(world: World) -> None:
    words = (
        "User: arn:aws:sts::333333333333:assumed-role/Admin/me is not authorized to perform:"
        " sts:GetScopedCredentials with an explicit deny in a service control policy"
    )
    world.sts.refusing["GetScopedCredentials"] = Refused("AccessDenied", words, 403)
    try:
        assert world.rolehop("exec", "narrow", "--", "true").code == 5
    finally:
        world.sts.refusing.clear()
    done = world.rolehop("explain", "--last", "--offline", "--format", "json")
    assert done.code == 5, done.err
    (hop,) = done.json["hops"]
    assert (hop["hop"], hop["role"], hop["verdict"]) == (3, None, "refused")
    assert hop["aws_said"]["lane"] == "scp"
    shown = world.rolehop("explain", "--last", "--offline").out
    assert shown.startswith("✗ narrow, scope: ")
    assert world.sts.roles_called[-1] == ADMIN
