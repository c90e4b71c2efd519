"""A reason that the config requires is part of what ``explain`` and ``check`` judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.commands.explain.documents import ALICE, AS, role, world_with_documents
from tests.support.policies import policy
from tests.support.world import ADMIN, CONFIG, HUB, World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        yield world


@contextmanager
def requires_a_reason(world: World, reason_in: str, admin: Any) -> Iterator[list[str]]:
    """Let chain admin require a reason; give the options for documents with ``admin``."""
    hub = role(HUB, ALICE)
    hub["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] = "sts:*"
    (world.home / "reason.json").write_text(json.dumps({"RoleDetailList": [hub, admin]}))
    settings = f'reason = "required"\nreason_in = "{reason_in}"'
    world.config(CONFIG.replace('labels = { env = "prod" }', settings))
    try:
        yield ["--offline", *AS, "--policies", "one.json", "--policies", "reason.json"]
    finally:
        world.config(CONFIG)


@pytest.mark.parametrize(
    ("action", "reason_in", "code"),
    [
        ("sts:AssumeRole", "tag", 5),
        (["sts:AssumeRole", "sts:TagSession"], "tag", 0),
        ("sts:AssumeRole", "session_name", 0),
    ],
)
def test_a_reason_that_a_walk_asks_for_is_part_of_what_is_judged(
    world: World, action: object, reason_in: str, code: int
) -> None:
    admin = role(ADMIN, HUB)
    admin["AssumeRolePolicyDocument"]["Statement"][0]["Action"] = action
    with requires_a_reason(world, reason_in, admin) as given:
        for command in (["explain"], ["explain", "--reason", "x"], ["check"]):
            done = world.rolehop(*command, "admin", *given)
            assert done.code == code, (command, done.out, done.err)
            assert ("sts:TagSession" in done.out) is (code == 5)


def test_what_depends_on_the_words_of_a_reason_is_not_known(world: World) -> None:
    admin = role(ADMIN, HUB, StringEquals={"aws:RequestTag/reason": "drill"})
    admin["AssumeRolePolicyDocument"]["Statement"][0]["Action"] = "sts:*"
    with requires_a_reason(world, "tag", admin) as given:
        verdicts = [
            world.rolehop("explain", "admin", *given, *more, "--format", "json").json["verdict"]
            for more in ((), ("--reason", "drill"), ("--reason", "other"))
        ]
    assert verdicts == ["unknown", "allowed", "refused"]


def test_a_tag_that_a_reason_gives_the_session_is_set_and_its_words_are_not_known(
    world: World,
) -> None:
    admin = role(ADMIN, HUB)
    admin["AssumeRolePolicyDocument"]["Statement"][0]["Action"] = "sts:*"
    asked = ["explain", "admin", "--action", "ec2:DescribeInstances", "--format", "json"]
    verdicts = []
    for operator, value in (("StringLike", "INC-*"), ("Null", "true")):
        deny = {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {operator: {"aws:PrincipalTag/reason": value}},
        }
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        admin["RolePolicyList"][0]["PolicyDocument"] = policy(allow, deny)
        with requires_a_reason(world, "tag", admin) as given:
            done = world.rolehop(*asked, *given)
            verdicts.append(json.loads(done.out))
    assert [each["verdict"] for each in verdicts] == ["unknown", "unknown"]
