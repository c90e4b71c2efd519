"""A profile that rolehop installed is its chain, wherever a chain is named."""

from __future__ import annotations

import json

from tests.support.world import ADMIN, CONFIG, HUB, World

GUARDED = CONFIG.replace("[chains.hub]\n", "[chains.hub]\nconfirm = true\n")
LINE = "credential_process = rolehop credential-process {}\n"


def test_it_is_planned_and_walked_as_the_chain_and_by_no_second_process(world: World) -> None:
    assert world.rolehop("profile", "install", "admin", "--prefix", "rh-", "--yes").code == 0
    plan = world.rolehop("plan", "rh-admin", "--format", "json").json
    assert plan == world.rolehop("plan", "admin", "--format", "json").json
    assert [hop["role"] for hop in plan["hops"]] == [HUB, ADMIN]
    assert world.rolehop("export", "rh-admin", "--format", "json").code == 0
    assert world.sts.roles_called == [HUB, ADMIN]
    assert world.rolehop("export", "admin", "--format", "json").code == 0
    assert world.sts.roles_called == [HUB, ADMIN], "they share their sessions"


def test_what_the_chain_asks_for_is_asked_by_the_profiles_name_too(world: World) -> None:
    world.config(GUARDED)
    world.aws_config("[profile rh-hub]\n" + LINE.format("hub"))
    for command in (["credential-process", "rh-hub"], ["export", "rh-hub", "--format", "json"]):
        done = world.rolehop(*command)
        assert (done.code, done.out) == (8, ""), command
    assert world.sts.roles_called == []


def test_another_line_is_another_chain_at_once(world: World) -> None:
    for chain, role in (("hub", "Hub"), ("admin", "Admin"), ("hub", "Hub")):
        world.aws_config("[profile mine]\n" + LINE.format(chain))
        for _ in range(2):
            done = world.rolehop("credential-process", "mine")
            assert done.code == 0, done.err
            key_id = json.loads(done.out)["AccessKeyId"]
            assert f"role/{role}" in world.sts.world.keys[key_id].arn.replace(
                "assumed-role", "role"
            )
