"""How long sessions last: planned before the call, so that STS never refuses it."""

from __future__ import annotations

import pytest

from tests.support.world import ADMIN, CONFIG, HUB, World

LONG = CONFIG.replace(
    'role = "333333333333:role/Admin"', 'role = "333333333333:role/Admin"\nduration = "2h"'
)


def asked(world: World) -> list[str]:
    return [call.params["DurationSeconds"] for call in world.sts.calls]


def test_two_hours_on_hop_2_are_planned_down_to_one_with_a_note(world: World) -> None:
    world.config(LONG)
    hop = world.rolehop("plan", "admin", "--format", "json").json["hops"][1]
    assert (hop["duration"], hop["ceiling"]) == (3600, 3600)
    assert hop["notes"] == ["2 h asked, 1 h planned: a chained hop lasts at most 1 h"]
    assert "2 h asked, 1 h planned" in " ".join(world.rolehop("plan", "admin").out.split())
    assert world.rolehop("credential-process", "admin").code == 0
    assert asked(world) == ["3600", "3600"]
    assert not any(call.refused for call in world.sts.calls)


@pytest.mark.parametrize("command", ["assume", "export", "plan", "exec", "whoami", "refresh"])
def test_strict_refuses_before_any_call(shared_world: World, command: str) -> None:
    shared_world.config(LONG)
    more = ["--", "true"] if command == "exec" else []
    done = shared_world.rolehop(command, "admin", "--strict", *more)
    assert done.code == 3
    assert "hop 2 asks for 2 h and can have 1 h" in done.err
    assert shared_world.sts.calls == []


def test_strict_takes_the_flag_of_the_command_line_as_well(shared_world: World) -> None:
    shared_world.config()
    assert shared_world.rolehop("export", "admin", "--duration", "90m", "--strict").code == 3
    assert shared_world.sts.calls == []


def test_hop_1_from_user_keys_may_last_as_long_as_its_role_lets_it(world: World) -> None:
    world.sts.world.role(HUB, trusts=[world.alice.arn], max_session=43_200)
    done = world.rolehop("credential-process", "hub")
    assert asked(world) == ["3600"]
    done = world.rolehop("export", "hub", "--duration", "4h", "--strict", "--format", "json")
    assert done.code == 0, done.err
    assert asked(world) == ["3600", "14400"]


def test_a_roles_own_limit_costs_one_retry_and_is_remembered(world: World) -> None:
    config = (
        CONFIG
        + f"""
[chains.long]
source = "me"
hops = [{{ role = "{HUB}", duration = "3h" }}]
[chains.other]
source = "me"
hops = [{{ role = "{HUB}", duration = "2h", session_name = "other" }}]
"""
    )
    world.config(config)
    done = world.rolehop("export", "long", "--format", "json")
    assert done.code == 0, done.err
    assert asked(world) == ["10800", "3600"]
    assert [call.refused for call in world.sts.calls] == ["ValidationError", ""]
    assert world.rolehop("credential-process", "other").code == 0
    assert asked(world) == ["10800", "3600", "3600"]
    notes = world.rolehop("plan", "long", "--format", "json").json["hops"][0]["notes"]
    assert notes == ["3 h asked, 1 h planned: AWS has refused more: the role's own limit is 1 h"]
    assert world.rolehop("export", "long", "--format", "json").json == done.json
    assert len(world.sts.calls) == 3


def test_a_session_is_handed_out_with_at_least_min_ttl_left(world: World) -> None:
    world.rolehop("credential-process", "admin")
    assert world.rolehop("credential-process", "admin", "--min-ttl", "29m").code == 0
    assert world.sts.roles_called == [HUB, ADMIN]
