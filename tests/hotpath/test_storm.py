"""Many chains at once: each session is of its own role, signed by its own parent."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import pytest

from tests.hotpath.paths import asked
from tests.support.world import SCRIPT, World, ended

PARENTS = [f"arn:aws:iam::20000000000{number}:role/Parent" for number in range(8)]
SPOKES = [f"{300000000000 + number}" for number in range(200)]


def role_in(account: str) -> str:
    return f"arn:aws:iam::{account}:role/Spoke"


def fleets(world: World, parents: list[str]) -> None:
    """Write a fleet per parent, the spokes dealt out in turn; each role trusts its parent only."""
    text = '[defaults]\nsession_name = "{user}"\n[sources.me]\ntype = "environment"\n'
    for number, parent in enumerate(parents):
        accounts = SPOKES[number :: len(parents)]
        world.sts.world.role(parent, trusts=[world.alice.arn])
        for account in accounts:
            world.sts.world.role(role_in(account), trusts=[parent])
        text += (
            f'[chains.parent{number}]\nsource = "me"\nhops = [{{ role = "{parent}" }}]\n'
            f'[fleets.spokes{number}]\nfrom = "parent{number}"\n'
            f'role = "{{account}}:role/Spoke"\naccounts = {json.dumps(accounts)}\n'
        )
    world.config(text)


def sessions(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.state / "index.json").read_text())["sessions"]
    return found


def item(world: World, key: str) -> tuple[Any, Any]:
    item = json.loads((world.vault / f"rolehop%2F{key}@rolehop.json").read_text())
    line, _, rest = item["password"].partition("\n")
    return json.loads(line), json.loads(rest)


def role_of(arn: str) -> str:
    """Return the role of an assumed-role ARN whose role has no path."""
    account, name = arn.split(":")[4], arn.split("/")[1]
    return f"arn:aws:iam::{account}:role/{name}"


def test_every_session_of_a_storm_belongs_to_its_role_and_was_signed_by_its_parent(
    world: World,
) -> None:
    fleets(world, PARENTS)
    world.sts.delay_seconds = 0.02
    done = world.rolehop("refresh", "spokes*", "--jobs", "32")
    assert (done.code, done.out, done.err) == (0, "", "")

    for call in world.sts.calls:
        account = call.role.split(":")[4]
        if account in SPOKES:
            parent = PARENTS[SPOKES.index(account) % len(PARENTS)]
            assert role_of(call.signer) == parent
        else:
            assert call.signer == world.alice.arn
    assert sorted(world.sts.roles_called) == sorted([*PARENTS, *map(role_in, SPOKES)])
    assert len(world.sts.calls) == 208

    hot_world = sessions(world)
    key_of = {entry["role"]: key for key, entry in hot_world.items()}
    for number, account in enumerate(SPOKES):
        key = key_of[role_in(account)]
        assert hot_world[key]["chains"] == [f"spokes{number % len(PARENTS)}/{account}"]
        assert hot_world[hot_world[key]["parent"]]["role"] == PARENTS[number % len(PARENTS)]
        line, rest = item(world, key)
        assert (rest["key"], rest["account"], line["AccountId"]) == (key, account, account)
        issued = world.sts.world.keys[line["AccessKeyId"]]
        assert (issued.secret, issued.token) == (line["SecretAccessKey"], line["SessionToken"])
        assert role_of(issued.arn) == role_of(rest["arn"]) == role_in(account)


def test_a_fan_out_assumes_its_hub_once_and_respects_its_number_of_jobs(world: World) -> None:
    fleets(world, PARENTS[:1])
    world.sts.delay_seconds = 0.05
    done = world.rolehop("refresh", "spokes0/*")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len(world.sts.calls) == 201
    assert world.sts.roles_called[0] == PARENTS[0]
    assert sorted(world.sts.roles_called[1:]) == sorted(map(role_in, SPOKES))
    assert 1 < world.sts.most_at_once <= 32
    assert world.sts.connections <= 32
    assert len(world.items()) == 201
    calls = len(world.sts.calls)
    for account in (SPOKES[0], SPOKES[99], SPOKES[199]):
        assert asked(world, f"spokes0/{account}").json["AccountId"] == account
    assert len(world.sts.calls) == calls


def test_fewer_jobs_are_fewer_calls_at_once(world: World) -> None:
    fleets(world, PARENTS)
    world.sts.delay_seconds = 0.01
    assert world.rolehop("refresh", "spokes*", "--jobs", "5").code == 0
    assert 1 < world.sts.most_at_once <= 5


def test_a_hub_that_fails_in_one_region_is_asked_in_the_others(world: World) -> None:
    fleets(world, PARENTS[:1])
    text = world.config_file.read_text() + '[chains.far]\nfrom = "spokes0/300000000000"\n'
    world.config(text + 'region = "ap-east-1"\nhops = [{ role = "300000000001:role/Spoke" }]\n')
    world.sts.world.disabled_regions.add((PARENTS[0].split(":")[4], "ap-east-1"))
    # One after the other: the chain in the far region comes first.
    done = world.rolehop("refresh", "far", "spokes0/300000000000", "parent0", "--jobs", "1")
    assert done.code == 5
    assert "\nrolehop: 2 refreshed, 1 failed, " in done.err
    assert world.sts.roles_called == [PARENTS[0], PARENTS[0], role_in("300000000000")]


def test_one_failure_among_200_is_reported_and_the_others_are_stored(world: World) -> None:
    fleets(world, PARENTS[:1])
    world.sts.world.role(role_in(SPOKES[42]), trusts=[])
    done = world.rolehop("refresh", "spokes0/*")
    assert (done.code, done.out) == (5, "")
    assert f"Spoke in {SPOKES[42]}" in done.err
    assert "\nrolehop: 199 refreshed, 1 failed, " in done.err
    assert len(world.items()) == 200
    assert asked(world, f"spokes0/{SPOKES[41]}").code == 0
    assert len(world.sts.calls) == 201


@pytest.mark.parametrize("name", ["{user}", "{caller}"])
def test_what_chains_share_is_asked_once_and_its_failure_said_once(world: World, name: str) -> None:
    fleets(world, PARENTS[:1])
    text = world.config_file.read_text()
    world.config(text.replace('session_name = "{user}"', f'session_name = "{name}"'))
    world.sts.fail(200, status=403, code="AccessDenied")
    done = world.rolehop("refresh", "spokes0/*")
    assert done.code == 5
    assert done.err.count("  cause  AccessDenied: ") == 1, done.err
    assert re.search(r"\n  chains: (spokes0/\d+, ){2}spokes0/\d+ and 197 more\n", done.err)
    assert "\nrolehop: 0 refreshed, 200 failed, " in done.err
    action = "AssumeRole" if name == "{user}" else "GetCallerIdentity"
    assert [call.action for call in world.sts.calls] == [action]
    assert world.items() == []


def test_ctrl_c_in_the_middle_stores_the_sessions_so_far(world: World) -> None:
    fleets(world, PARENTS[:1])
    with (
        world.sts.held(after=41),
        world.start(SCRIPT, "refresh", "spokes0/*", "--jobs", "4") as process,
    ):
        world.sts.wait_for_calls(4)
        process.send_signal(signal.SIGINT)
        done = ended(process)
    world.sts.wait_for_answers()
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("rolehop: interrupted\n")
    assert "Traceback" not in done.err

    hot_world = {entry["role"] for entry in sessions(world).values()} - {PARENTS[0]}
    assert 36 <= len(hot_world) < 200
    assert len(world.items()) == len(hot_world) + 1
    calls = len(world.sts.calls)
    account = sorted(hot_world)[0].split(":")[4]
    assert asked(world, f"spokes0/{account}").json["AccountId"] == account
    assert len(world.sts.calls) == calls
    # Nothing that the interrupted threads held is in the way.
    assert world.rolehop("refresh", "spokes0/*").code == 0
