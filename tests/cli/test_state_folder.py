"""A state folder, and files in it, that others can change: the walk works, and trusts none of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from rolehop.base.digest import checked_line
from rolehop.vault.notes import without_seal
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.world import ADMIN, CONFIG, HUB, SCRIPT, World


def _spoil_mode(state: Path) -> str:
    state.chmod(0o777)
    return f"{state}: everybody on this machine can write it (chmod o-w)"


def _spoil_parent(state: Path) -> str:
    state.parent.chmod(0o777)
    return f"{state.parent}: everybody on this machine can write it (chmod o-w)"


def _spoil_owner(state: Path) -> str:
    os.chown(state, SOMEBODY, -1)
    return f"{state} belongs to number {SOMEBODY}, and you are root"


def _spoil_inner_owner(state: Path) -> str:
    """It was made while others could write the folder above it, and stayed."""
    (state / "shell").mkdir()
    os.chown(state / "shell", SOMEBODY, -1)
    return f"{state}/shell belongs to number {SOMEBODY}, and you are root"


def _spoil_inner_link(state: Path) -> str:
    (state / "shell").symlink_to(state.parent)
    return f"{state}/shell is a link to a folder (rm)"


SPOILS = [
    pytest.param(_spoil_mode, id="everybody-can-write-it"),
    pytest.param(_spoil_parent, id="everybody-can-write-above-it"),
    pytest.param(_spoil_owner, id="another-users", marks=AS_ROOT),
    pytest.param(_spoil_inner_owner, id="another-users-in-it", marks=AS_ROOT),
    pytest.param(_spoil_inner_link, id="a-link-in-it"),
]


@pytest.fixture
def walked(world: World) -> World:
    assert world.rolehop("credential-process", "admin").code == 0
    world.sts.calls.clear()
    return world


@pytest.mark.parametrize("spoil", SPOILS)
def test_the_walk_works_and_nothing_is_stored(walked: World, spoil: object) -> None:
    problem = spoil(walked.state)  # type: ignore[operator]  # one of the three above
    shutil.rmtree(walked.vault)
    before = {path: path.read_bytes() for path in walked.files()}
    done = walked.rolehop("credential-process", "admin")
    assert done.code == 0, done.err
    assert json.loads(done.out)["Version"] == 1
    assert done.err == f"rolehop: sessions are not stored: {problem}\n"
    assert walked.sts.roles_called == [HUB, ADMIN]
    assert walked.items() == []
    assert {path: path.read_bytes() for path in walked.files()} == before


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("command", ["list", "plan admin", "status", "export admin", "show admin"])
def test_other_commands_work_too(walked: World, spoil: object, command: str) -> None:
    spoil(walked.state)  # type: ignore[operator]
    done = walked.rolehop(*command.split())
    assert done.code == 0, done.err
    assert "unexpected" not in done.err


def test_what_cannot_be_seen_is_neither_shown_nor_said_to_be_forgotten(walked: World) -> None:
    """A link to a folder, e.g. in the place of a queue, whatever it leads to."""
    (walked.home / "mine").mkdir()
    (walked.home / "mine" / "precious").touch()
    os.utime(walked.home / "mine" / "precious", (0, 0))
    link = walked.state / "locks" / "x.queue"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(walked.home / "mine")
    for command in ("status", "status --format json"):
        done = walked.rolehop(*command.split())
        assert done.code == 0
        why = f"{link} is a link to a folder (rm)"
        assert done.err == f"rolehop: what is stored cannot be seen: {why}\n"
    for command in ("logout --all", "logout admin"):
        done = walked.rolehop(*command.split())
        assert done.code == 7
        assert f"{link} is a link to a folder (rm)" in done.err
        assert "forgotten: what is stored cannot be seen" in done.err
        assert "/dev/null" not in done.err
    assert (walked.home / "mine" / "precious").exists()
    assert len(walked.items()) == 2
    link.unlink()
    assert "2 sessions forgotten" in walked.rolehop("logout", "--all").err
    assert walked.items() == []


def test_what_a_walk_leaves_is_the_users_alone_whatever_the_umask(world: World) -> None:
    before = set(world.home.rglob("*"))
    done = world.run("sh", "-c", f"umask 0; {SCRIPT} exec admin -- {SCRIPT} status")
    assert done.code == 0, done.err
    left = set(world.home.rglob("*")) - before
    assert world.state / "index.json" in left
    assert [path for path in left if path.stat().st_mode & 0o077] == []


def _lock_names(world: World) -> set[str]:
    """Return the names of the lock files of the hops that were walked."""
    sessions = json.loads((world.state / "index.json").read_text())["sessions"]
    return {f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock" for key in sessions}


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_planted_locks_overwrite_nothing(walked: World, link: str) -> None:
    world = walked
    names = _lock_names(world)
    assert len(names) == 2
    victim = world.home / "precious"
    victim.write_text("precious")
    for name in names:
        path = world.state / "locks" / name
        path.unlink(missing_ok=True)
        path.symlink_to(victim) if link == "symbolic" else path.hardlink_to(victim)
    shutil.rmtree(world.vault)
    done = world.rolehop("credential-process", "admin")
    assert done.code == 0, done.err
    assert victim.read_text() == "precious"


DAMAGED = {
    "empty": b"",
    "half": b'{"schema": 1, "chains": {"adm',
    "null": b"null",
    "a list": b"[]",
    "other types": b'{"schema": 1, "chains": [1], "asked": 3}',
    "a huge number": b'{"schema": 1, "chains": {"admin": [1' + b"0" * 400 + b", 1]}}",
    "not finite": b'{"schema": 1, "chains": {"admin": [NaN, Infinity]}}',
    "nested": b'{"schema":' * 50_000,
    "not UTF-8": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("damage", [*DAMAGED, "wrong types"])
def test_damaged_flags_stop_a_refresh(world: World, damage: str) -> None:
    assert world.rolehop("assume", "admin", "--read-only", "--shell", "sh").code == 0
    (note,) = (world.state / "flags").glob("*.json")
    if damage == "wrong types":
        fields = json.loads(without_seal(note.read_text())[0])
        note.write_text(checked_line(json.dumps({**fields, "tags": 7, "policy_arns": [1]})))
    else:
        note.write_bytes(DAMAGED[damage])
    key = {"AWS_ACCESS_KEY_ID": note.stem, "ROLEHOP_CHAIN": "admin"}
    done = world.rolehop("refresh", "--shell", "sh", env=key)
    assert (done.code, done.out.strip()) == (3, "false")
    assert "cannot be renewed as it is" in done.err


@pytest.mark.parametrize("name", ["usage.json", "index.json", "flags"])
def test_a_pipe_in_the_state_folder_blocks_nothing(world: World, name: str) -> None:
    world.state.mkdir(parents=True, mode=0o700)
    os.mkfifo(world.state / name)
    for command in ("export admin", "status"):
        assert world.rolehop(*command.split()).code == 0


@AS_ROOT
def test_rc_files_that_another_user_could_write_are_replaced(world: World) -> None:
    world.more["SHELL"] = "bash"
    shell = ("shell", "hub", "--shell", "bash")
    assert world.rolehop(*shell, input="exit\n").code == 0
    planted = world.state / "shell" / "rc.bash"
    text = planted.read_text()
    os.chown(planted, SOMEBODY, -1)
    assert world.rolehop(*shell, input="exit\n").code == 0
    assert (planted.stat().st_uid, planted.read_text()) == (os.geteuid(), text)


def test_a_config_that_a_pipe_stands_for_is_refused(world: World) -> None:
    world.config_file.unlink()
    os.mkfifo(world.config_file)
    done = world.rolehop("list")
    assert done.code == 3
    assert "pipe" in done.err


def test_a_listed_file_that_a_pipe_stands_for_is_refused(world: World) -> None:
    os.mkfifo(world.config_file.parent / "accounts")
    text = CONFIG.replace(
        'accounts = ["444444444444", "555555555555"]', 'accounts_file = "accounts"'
    )
    world.config(text)
    done = world.rolehop("list")
    assert done.code == 3
    assert "accounts" in done.err
