"""What `credential-process` said when it failed is shown by `status`: most SDKs hide it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.base.digest import checked_line
from rolehop.handover.shells.registry import SHELLS, dialect
from tests.support.world import ADMIN, AUDITS, CONFIG, HUB, MFA_SERIAL, World

PROCESS = ("credential-process", "admin")


@pytest.fixture
def failed(world: World) -> World:
    """A world in which AWS has just refused the chain admin."""
    del world.sts.world.roles[ADMIN]
    assert world.rolehop(*PROCESS).code == 5
    return world


def kept(world: World) -> list[dict[str, Any]]:
    done = world.rolehop("status", "--format", "json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.json["credential_process"]
    return found


def files_of(world: World) -> list[Path]:
    return list((world.state / "sdk").glob("*"))


def test_status_shows_the_three_lines_of_the_last_failure(failed: World) -> None:
    said = failed.rolehop(*PROCESS).err.splitlines()
    shown = failed.rolehop("status", env={"COLUMNS": "500"}).out
    assert "credential-process admin failed " in shown
    assert "with exit code 5: AWS refused hop 2 of admin, Admin in 333333333333" in shown
    for line in said[1:]:
        assert line.strip().partition("  ")[2].strip() in shown


def test_json_has_it_field_by_field(failed: World) -> None:
    (found,) = kept(failed)
    assert list(found) == ["chain", "at", "code", "what", "cause", "fix"]
    assert (found["chain"], found["code"]) == ("admin", 5)
    assert "AccessDenied" in found["cause"]
    at = datetime.fromisoformat(found["at"])
    assert timedelta() <= datetime.now(UTC) - at < timedelta(minutes=5)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_in_it_is_quoted_for_the_shell_that_shows_it(shell: str, world: World) -> None:
    """Not for the program that was told: that was no shell at all."""
    name = "it's $HOME & x"
    key = world.alice.key
    world.aws_config(
        f'[profile "{name}"]\nsource_profile = base\nrole_arn = {HUB}\nmfa_serial = {MFA_SERIAL}\n'
        f"[profile base]\naws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret}\n"
    )
    assert world.rolehop("credential-process", "--no-prompt", name).code == 8
    caller = world.folder / shell  # the process's name tells which shell it is
    shutil.copy("/bin/sh", caller)
    shown = world.run(str(caller), "-c", "COLUMNS=500 rolehop status; true").out
    advised = f"rolehop assume {dialect(shell).argument(name)}"
    assert f"\n  set mfa_command, or run this in a terminal first: {advised}\n" in shown
    (found,) = kept(world)
    command = shlex.split(found["fix"].partition(": ")[2])
    assert command == ["rolehop", "assume", name]


def test_without_a_home_there_is_nothing_to_keep_it_in(world: World) -> None:
    done = world.rolehop(*PROCESS, env={"HOME": "relative"})
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("rolehop: you have no home folder\n"), done.err
    assert len(done.err.splitlines()) == 3


def test_each_chain_has_its_own(failed: World) -> None:
    assert failed.rolehop("credential-process", "nowhere").code == 3
    spoke = "spokes/444444444444"
    del failed.sts.world.roles[AUDITS[0]]
    assert failed.rolehop("credential-process", spoke).code == 5
    assert {each["chain"] for each in kept(failed)} == {"nowhere", "admin", spoke}


@pytest.mark.parametrize("command", [PROCESS, ("refresh", "admin"), ("assume", "admin")])
def test_a_walk_forgets_it(failed: World, command: tuple[str, ...]) -> None:
    failed.sts.world.role(ADMIN, trusts=[HUB])
    for note in failed.state.glob("recent-failures/*"):  # AWS is not asked again for five seconds
        os.utime(note, (0, 0))
    done = failed.rolehop(*command)
    assert done.code == 0, done.err
    assert kept(failed) == []
    assert files_of(failed) == []


def test_logout_forgets_it(failed: World) -> None:
    assert failed.rolehop("logout", "--all").code == 0
    assert files_of(failed) == []


def test_other_commands_keep_nothing(world: World) -> None:
    del world.sts.world.roles[ADMIN]
    assert world.rolehop("export", "admin").code == 5
    assert files_of(world) == []


def test_nobody_else_can_read_it_and_no_secret_is_in_it(failed: World) -> None:
    (path,) = files_of(failed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text()
    for key in failed.sts.world.keys.values():
        assert key.secret not in text
        assert not key.token or key.token not in text


def test_what_a_program_wrote_is_shown_once_and_not_stored(world: World) -> None:
    said = "bad key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY password=hunter2 of corner shop"
    command = json.dumps(["sh", "-c", f"echo '{said}' >&2; exit 1"])
    world.config(
        f'version = 1\n[sources.s]\ntype = "process"\ncommand = {command}\n'
        '[chains.c]\nsource = "s"\n'
    )
    done = world.rolehop("credential-process", "c")
    assert done.code == 4
    assert "bad key [hidden] password=[hidden] of corner shop" in done.err
    (path,) = files_of(world)
    for text in (path.read_text(), world.rolehop("status").out):
        assert "corner shop" not in text
        assert "what it wrote to stderr is not stored" in text


def test_a_broken_config_is_kept_with_its_first_problem(world: World) -> None:
    world.config(CONFIG + "wrong = 1\n[chains.x]\nalso = 2\n")
    assert world.rolehop(*PROCESS).code == 3
    world.config()
    (found,) = kept(world)
    assert found["code"] == 3
    assert "wrong" in found["cause"]


def test_a_process_that_its_caller_stops_is_kept(world: World) -> None:
    with world.sts.held(), world.fork(*PROCESS) as process:
        world.sts.wait_for_calls()
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143
    assert [each["code"] for each in kept(world)] == [143]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"schema": 1}',
        b"\xff",
        b"[" * 100_000,
        b'{"schema": 1, "at": "9' + b"9" * 5000,
    ],
)
def test_a_damaged_note_is_passed_over(failed: World, text: bytes) -> None:
    (path,) = files_of(failed)
    path.write_bytes(text)
    assert kept(failed) == []
    assert failed.rolehop("status").code == 0


def test_one_of_last_week_is_not_shown(failed: World) -> None:
    (path,) = files_of(failed)
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    path.write_text(checked_line(json.dumps({**json.loads(path.read_text()), "at": old})))
    assert kept(failed) == []


def test_an_answer_that_go_would_show_in_its_error_is_noted(world: World) -> None:
    alice, ends = world.alice, datetime.now(UTC) + timedelta(hours=1)
    who = {"account": alice.account, "arn": alice.arn, "user_id": alice.user_id, "user": alice}
    key = world.sts.world.issue(9_000, **who, expires_at=ends)
    env = {**key.environ, "AWS_CREDENTIAL_EXPIRATION": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    done = world.rolehop("credential-process", "own", env=env)
    assert done.code == 0, done.err
    assert done.err.startswith(
        f"rolehop: the answer has {len(done.out):,} bytes: AWS SDK for Go v1"
    )
    (found,) = kept(world)
    assert (found["chain"], found["code"]) == ("own", 0)
    assert key.token
    assert key.token[:20] not in json.dumps(found)
    assert "credential-process own warned " in world.rolehop("status").out


def test_an_answer_of_the_usual_length_is_not_noted(world: World) -> None:
    done = world.rolehop(*PROCESS)
    assert (done.code, done.err) == (0, "")
    assert kept(world) == []
