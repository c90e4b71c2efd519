"""What AWS or the config refused is not handed out later because the network fails."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.commands.credential_process.aged_sessions import leave
from tests.doubles.sts_world import Key, Role, User
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, World, mfa_code, wrong_codes

PROCESS = ("credential-process", "admin")
HUB_PROCESS = ("credential-process", "hub")
EXPORT = ("export", "admin", "--format", "json")
HUB_EXPORT = ("export", "hub", "--format", "json")
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
    assert list(world.state.glob("recent-failures/renewal-*.json"))
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


def test_the_cached_session_of_a_refused_hop_does_not_grant_it(world: World) -> None:
    """What AWS grants with the hub's stored session says nothing about a new one."""
    for command in (PROCESS, HUB_PROCESS):
        assert world.rolehop(*command).code == 0
    delete(world, "assumed-role/Admin")
    del world.sts.world.roles[HUB]
    assert world.rolehop("refresh", "hub").code == 5
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    fails(world)
    assert world.rolehop(*HUB_EXPORT).code == 6


def test_a_refusal_that_cannot_be_noted_costs_the_old_sessions(due: World) -> None:
    """Also that of the hop itself, which other chains have in common."""
    assert due.rolehop(*HUB_PROCESS).code == 0
    (due.state / "refused-steps").touch()
    del due.sts.world.roles[HUB]
    assert due.rolehop("refresh", "admin").code == 5
    leave(due, minutes=5)
    fails(due)
    for command in (EXPORT, HUB_EXPORT):
        assert due.rolehop(*command).code == 6, command


def test_what_was_refused_is_not_handed_out_with_another_state_folder(due: World) -> None:
    other = due.folder / "other"
    shutil.copytree(due.state, other / "rolehop")
    del due.sts.world.roles[ADMIN]
    assert due.rolehop("refresh", "admin").code == 5
    fails(due)
    assert due.rolehop(*EXPORT, env={"XDG_STATE_HOME": str(other)}).code == 6


@pytest.mark.parametrize("damage", ["folder", "link"])
def test_what_is_no_note_withholds_nothing_and_goes_with_the_sessions(
    due: World, damage: str
) -> None:
    (due.state / "refused-steps").mkdir()
    for key in json.loads((due.state / "index.json").read_text())["sessions"]:
        path = due.state / "refused-steps" / f"{key}.json"
        path.mkdir() if damage == "folder" else path.symlink_to("/etc/passwd")
    fails(due)
    assert due.rolehop(*PROCESS).code == 0
    assert due.rolehop("logout", "--all").code == 0
    assert list((due.state / "refused-steps").iterdir()) == []


def gives(world: World, user: User) -> Key:
    """Let the world's process print a session of ``user``."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    who = {"account": user.account, "arn": user.arn, "user_id": user.user_id, "user": user}
    key = world.sts.world.issue(600, **who, expires_at=ends)
    fields = {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret}
    token = {"SessionToken": key.token, "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    (world.home / "answer").write_text(json.dumps({"Version": 1, **fields, **token}))
    return key


@pytest.fixture
def process(world: World) -> World:
    """A world whose source is a program, and whose last session alone is stored, for 5 minutes.

    A process is known by its command, so its session is found under the same key.
    """
    (world.home / "before").write_text("")
    command = f"cd {world.home} && . ./before && cat answer"
    me = f'type = "process"\ncommand = ["sh", "-c", "{command}"]\nprincipal = "{world.alice.arn}"'
    world.config(CONFIG.replace('type = "environment"', me))
    gives(world, world.alice)
    assert world.rolehop(*PROCESS).code == 0
    leave(world, minutes=5)
    delete(world, "assumed-role/Admin", others=True)
    return world


def test_another_principal_than_in_the_config_is_a_refusal(process: World) -> None:
    gives(process, process.sts.world.user("111111111111", "bob"))
    assert process.rolehop(*PROCESS).code == 4
    fails(process)
    for each in COMMANDS:
        assert process.rolehop(*each).code in (4, 6), each
    process.sts.recover()
    gives(process, process.alice)
    assert process.rolehop(*PROCESS).code == 0


def test_a_stored_session_of_whom_the_source_is_no_longer_signs_nothing(process: World) -> None:
    assert process.rolehop("refresh", "admin").code == 0
    gives(process, process.sts.world.user("111111111111", "bob"))
    assert process.rolehop("refresh", "admin").code == 4
    delete(process, "assumed-role")
    assert process.rolehop(*HUB_PROCESS).code == 4


def test_a_program_that_failed_once_has_refused_nothing(process: World) -> None:
    (process.home / "before").write_text("false")
    assert process.rolehop(*PROCESS).code == 4
    (process.home / "before").write_text("")
    fails(process)
    assert process.rolehop(*PROCESS).code == 0


@pytest.mark.parametrize("what", ["refused", "forgotten"])
def test_what_another_process_does_during_a_renewal_counts(process: World, what: str) -> None:
    """The renewal asks the source, which takes its time; then the network fails."""
    keys = json.loads((process.state / "index.json").read_text())["sessions"]
    notes = " ".join(f"{process.state}/refused-steps/{key}.json" for key in keys)
    forget = " ".join(f"'{path}'" for path in process.items())
    notes = f"mkdir -p {process.state}/refused-steps; touch {notes}"
    (process.home / "before").write_text(notes if what == "refused" else f"rm -f {forget}")
    fails(process)
    assert process.rolehop(*PROCESS).code == 6


def test_a_session_that_has_expired_only_for_aws_is_no_refusal(world: World) -> None:
    world.more = (key := gives(world, world.alice)).environ
    assert world.rolehop(*HUB_PROCESS).code == 0
    leave(world, minutes=5)
    key.expires_at = datetime.now(UTC) - timedelta(minutes=1)
    assert world.rolehop("refresh", "hub").code == 4
    assert "has 4 min left" in world.rolehop(*HUB_PROCESS).err


def test_a_mistyped_code_is_no_refusal(world: World) -> None:
    mfa = f'type = "environment"\nmfa_serial = "{MFA_SERIAL}"'
    world.config(CONFIG.replace('type = "environment"', mfa))
    command = (*HUB_EXPORT, "--mfa-stdin")
    assert world.rolehop(*command, input=f"{mfa_code(world)}\n").code == 0
    leave(world, minutes=5)
    delete(world, "assumed-role", others=True)
    wrong = wrong_codes(world)[0]
    assert world.rolehop("refresh", "hub", "--mfa-stdin", input=f"{wrong}\n").code == 5
    assert world.rolehop(*HUB_PROCESS, "--no-prompt").code == 0
