"""A session that is due for renewal is handed out if it is still good and AWS cannot be asked."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.commands.credential_process.aged_sessions import leave
from tests.support.fork_server import AS_SHIPPED
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, World, at_time, mfa_code

PROCESS = ("credential-process", "admin")
NOTE = "rolehop: the session cannot be renewed now, and has "


def keep_only(world: World, arn: str) -> None:
    """Delete all that is stored but the sessions whose ARN contains ``arn``."""
    for path in world.items():
        if arn not in json.loads(path.read_text())["password"]:
            path.unlink()


@pytest.fixture
def due(world: World) -> World:
    """A world whose stored sessions have five minutes left, and whose STS answers 503."""
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    world.sts.calls.clear()
    world.sts.fail(1000)
    return world


@pytest.mark.parametrize("command", [PROCESS, ("export", "admin", "--format", "json")])
def test_a_good_session_is_handed_out_while_aws_fails(due: World, command: tuple[str, ...]) -> None:
    done = due.rolehop(*command)
    assert done.code == 0, done.err
    assert due.sts.world.keys[done.json["AccessKeyId"]].arn.endswith("Admin/me")
    assert done.err.startswith(f"{NOTE}4 min left: ")
    assert due.sts.calls, "it was not tried"


def test_an_sdk_that_asks_again_at_once_gets_it_at_once(due: World) -> None:
    first = due.rolehop(*PROCESS)
    due.sts.calls.clear()
    (note,) = due.state.glob("recent-failures/renewal-*.json")
    noted_at = note.stat().st_mtime
    again = due.rolehop(*PROCESS, before=at_time(noted_at + 29))
    assert (again.code, again.out) == (0, first.out)
    assert again.err.startswith(NOTE)
    assert due.sts.calls == []
    for off in (31, -100):  # too old, and from the future
        os.utime(note, (noted_at,) * 2)
        assert due.rolehop(*PROCESS, before=at_time(noted_at + off)).code == 0
        assert due.sts.calls, off
        due.sts.calls.clear()


def test_a_short_session_that_was_renewed_meanwhile_is_not_called_old(world: World) -> None:
    """One of 15 minutes never has the 16 minutes that are asked for by default."""
    text = world.config_file.read_text()
    world.config(text.replace('name = "{user}"', 'name = "{user}"\nduration = "15m"'))
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=2)
    world.sts.fail(3)
    assert NOTE in world.rolehop(*PROCESS).err
    renewed = world.rolehop("refresh", "admin")
    assert renewed.code == 0, renewed.err
    (note,) = world.state.glob("recent-failures/renewal-*.json")
    done = world.rolehop(*PROCESS, before=at_time(note.stat().st_mtime + 1))
    assert (done.code, done.err) == (0, "")


def test_a_server_that_does_not_answer_gets_three_seconds(due: World) -> None:
    with due.sts.held():
        done = due.rolehop(*PROCESS, before=AS_SHIPPED)
    assert done.code == 0, done.err
    assert done.err.startswith(NOTE)


def test_new_life_that_was_asked_for_is_not_replaced_by_old(due: World) -> None:
    assert due.rolehop(*PROCESS, "--min-ttl", "10m").code == 6
    assert due.rolehop("refresh", "admin").code == 6


def test_less_than_a_minute_is_not_handed_out(due: World) -> None:
    leave(due, seconds=50)
    assert due.rolehop(*PROCESS).code == 6


def test_another_users_session_is_not_handed_out(due: World) -> None:
    bob = due.sts.world.user("111111111111", "bob")
    assert due.rolehop(*PROCESS, env=bob.environ).code == 6


def test_a_session_of_another_config_is_not_handed_out(due: World) -> None:
    text = due.config_file.read_text()
    due.config(text.replace("333333333333:role/Admin", "333333333333:role/Other"))
    assert due.rolehop(*PROCESS).code == 6


def test_a_refusal_hands_nothing_out(world: World) -> None:
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    del world.sts.world.roles[ADMIN]
    done = world.rolehop(*PROCESS)
    assert (done.code, done.out) == (5, "")


def test_an_expired_sign_in_leaves_the_session_usable(world: World) -> None:
    alice = world.alice
    key = world.sts.world.issue(
        600,
        account=alice.account,
        arn=alice.arn,
        user_id=alice.user_id,
        user=alice,
        expires_at=datetime.now(UTC) + timedelta(hours=2),
    )
    world.more = key.environ
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    keep_only(world, "assumed-role/Admin")
    past = {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}
    done = world.rolehop(*PROCESS, env=past)
    assert done.code == 0, done.err
    assert "expired" in done.err
    leave(world, seconds=50)
    assert world.rolehop(*PROCESS, env=past).code == 4


def test_a_code_that_nobody_can_give_leaves_the_session_usable(world: World) -> None:
    world.config(
        f"""\
[defaults]
session_name = "{{user}}"
[sources.me]
type = "environment"
mfa_serial = "{MFA_SERIAL}"
[chains.admin]
source = "me"
hops = [{{ role = "{HUB}" }}]
"""
    )
    code = mfa_code(world)
    first = world.rolehop("export", "admin", "--format", "json", "--mfa-stdin", input=f"{code}\n")
    assert first.code == 0, first.err
    leave(world, minutes=5)
    keep_only(world, "assumed-role/Hub")  # and not the session that the code was for
    done = world.rolehop(*PROCESS)
    assert done.code == 0, done.err
    assert done.json["AccessKeyId"] == first.json["AccessKeyId"]
    assert "MFA code" in done.err


def test_the_name_of_the_caller_is_no_reason_to_withhold_it(world: World) -> None:
    """Nothing has to be asked for a session that lasts; one that is due gets the usual try."""
    world.config(CONFIG.replace('session_name = "{user}"', 'session_name = "{caller}"'))
    first = world.rolehop(*PROCESS)
    assert first.code == 0, first.err
    world.sts.calls.clear()
    world.sts.fail(1000)
    again = world.rolehop(*PROCESS)
    assert (again.code, again.out, again.err) == (0, first.out, "")
    assert world.sts.calls == []
    leave(world, minutes=5)
    due = world.rolehop(*PROCESS)
    assert due.code == 0, due.err
    assert due.err.startswith(f"{NOTE}4 min left: ")
    assert {each.action for each in world.sts.calls} == {"GetCallerIdentity"}


def test_one_that_another_process_has_just_stored_is_no_old_one(world: World) -> None:
    """It lasts as long as a new one, so there is nothing to say."""
    assert world.rolehop(*PROCESS).code == 0
    stored = {path: path.read_text() for path in world.items()}
    for path in stored:
        path.unlink()
    world.sts.calls.clear()
    world.sts.fail(1000)
    with world.sts.held(), world.fork(*PROCESS) as process:
        world.sts.wait_for_calls()  # it is walking
        for path, text in stored.items():
            path.write_text(text)
        world.sts.let_go()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["AccessKeyId"]
