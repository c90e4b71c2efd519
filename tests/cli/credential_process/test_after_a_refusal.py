"""What AWS or the config refused is not handed out later because the network fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.credential_process.aged_sessions import leave
from tests.doubles.sts_world import Role, User
from tests.support.world import ADMIN, CONFIG, HUB, World

PROCESS = ("credential-process", "admin")
HUB_PROCESS = ("credential-process", "hub")
EXPORT = ("export", "admin", "--format", "json")
COMMANDS = (PROCESS, EXPORT)


def fails(world: World) -> None:
    world.sts.fail(1000)


def delete(world: World, *texts: str, others: bool = False) -> None:
    """Delete the stored items that have one of ``texts`` in them, or all others."""
    for path in world.items():
        stored = json.loads(path.read_text())["password"]
        if any(each in stored for each in texts) != others:
            path.unlink()


@pytest.fixture
def due(world: World) -> World:
    """A world whose stored sessions have five minutes left, and were handed out after a failure."""
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    fails(world)
    assert world.rolehop(*PROCESS).code == 0
    assert list(world.state.glob("recent/renewal-*.json"))
    world.sts.recover()
    return world


@pytest.mark.parametrize(("command", "refused"), [("refresh admin", ADMIN), ("export admin", HUB)])
def test_what_was_refused_is_not_handed_out(due: World, command: str, refused: str) -> None:
    role: Role = due.sts.world.roles.pop(refused)
    if refused == HUB:
        delete(due, "assumed-role/Admin", others=True)
    assert due.rolehop(*command.split()).code == 5
    assert due.rolehop(*PROCESS).code == 5, "the renewal that failed is still remembered"
    fails(due)
    for each in COMMANDS:
        done = due.rolehop(*each)
        assert (done.code in (5, 6), done.out) == (True, ""), each  # 5: not asked again at once
    due.sts.world.roles[refused] = role
    due.sts.recover()
    assert due.rolehop("refresh", "admin").code == 0
    leave(due, minutes=5)
    fails(due)
    assert due.rolehop(*PROCESS).code == 0, "AWS has granted it again"


def test_a_hop_that_chains_share_is_refused_for_all_of_them(due: World) -> None:
    del due.sts.world.roles[HUB]
    assert due.rolehop("refresh", "hub").code == 5
    fails(due)
    for each in COMMANDS:
        assert due.rolehop(*each).code == 6, each


def test_the_cached_session_of_a_refused_hop_does_not_grant_it(due: World) -> None:
    """What AWS grants with the hub's old session says nothing about a new one."""
    assert due.rolehop(*HUB_PROCESS).code == 0
    leave(due, minutes=5)
    delete(due, "assumed-role/Admin")
    del due.sts.world.roles[HUB]
    assert due.rolehop(*HUB_PROCESS).code == 5
    assert due.rolehop(*PROCESS).code == 0
    fails(due)
    assert due.rolehop("export", "hub", "--format", "json").code == 6


def test_a_refusal_that_cannot_be_noted_costs_the_old_session(due: World) -> None:
    (due.state / "refused").touch()
    del due.sts.world.roles[ADMIN]
    assert due.rolehop("refresh", "admin").code == 5
    fails(due)
    assert due.rolehop(*PROCESS).code == 6


def test_another_principal_than_in_the_config_is_a_refusal(world: World) -> None:
    """A process is known by its command, so its session is found under the same key."""
    answer = world.home / "answer"
    me = f'type = "process"\ncommand = ["cat", "{answer}"]\nprincipal = "{world.alice.arn}"'
    world.config(CONFIG.replace('type = "environment"', me))

    def gives(user: User) -> None:
        ends = datetime.now(UTC) + timedelta(hours=1)
        who = {"account": user.account, "arn": user.arn, "user_id": user.user_id, "user": user}
        key = world.sts.world.issue(600, **who, expires_at=ends)
        fields = {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret}
        token = {"SessionToken": key.token, "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        answer.write_text(json.dumps({"Version": 1, **fields, **token}))

    gives(world.alice)
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    delete(world, "assumed-role/Admin", others=True)
    gives(world.sts.world.user("111111111111", "bob"))
    assert world.rolehop(*PROCESS).code == 4
    fails(world)
    for each in COMMANDS:
        assert world.rolehop(*each).code == 6, each
    world.sts.recover()
    gives(world.alice)
    assert world.rolehop(*PROCESS).code == 0
