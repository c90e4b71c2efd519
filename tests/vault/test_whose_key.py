"""A source of type keys never hands out another user's session, whatever happens to its key."""

from __future__ import annotations

import json
import shutil

import pytest

from rolehop.vault.index_file import IndexStore
from tests.doubles.sts import User
from tests.support.world import CONFIG, HUB, World

KEYS = """
[sources.stored]
type = "keys"
[chains.by-keys]
source = "stored"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
[sources.other]
type = "keys"
[chains.by-other]
source = "other"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""
ADD = ("keys", "add", "stored", "--from-env")
KILLED = "tests.doubles.keyrings.KilledAfterWrite"


@pytest.fixture
def bob(world: World) -> User:
    """Somebody who may do what alice may; alice's key is stored."""
    world.config(CONFIG + KEYS)
    bob = world.sts.world.user("111111111111", "bob")
    world.sts.world.role(HUB, trusts=[world.alice.arn, bob.arn])
    done = world.rolehop(*ADD)
    assert done.code == 0, done.err
    return bob


def session_of(world: World, chain: str = "by-keys", **env: str) -> str:
    done = world.rolehop("credential-process", chain, env=env)
    assert done.code == 0, done.err
    return str(done.json["AccessKeyId"])


def signers(world: World) -> list[str]:
    return [call.signer.rpartition("/")[2] for call in world.sts.calls]


def test_a_kill_between_keyring_and_index_leaves_no_session_under_another_key(
    world: World, bob: User
) -> None:
    first = session_of(world)
    kill = {"PYTHON_KEYRING_BACKEND": KILLED, "ROLEHOP_TEST_KILL": "rolehop/keys/"}
    done = world.rolehop(*ADD, "--replace", env={**bob.environ, **kill})
    assert (done.code, done.out) == (-9, "")

    second = session_of(world)
    assert second != first
    assert signers(world) == ["alice", "bob"]
    # What is listed is the key that is stored.
    rows = world.rolehop("keys", "list", "--format", "json").json["keys"]
    assert [row["access_key_id"] for row in rows] == [bob.key.access_key_id]

    assert world.rolehop(*ADD, "--replace").code == 0
    assert session_of(world) == first
    assert signers(world) == ["alice", "bob"]


def test_a_kill_before_the_first_session_leaves_none_under_another_key(
    world: World, bob: User
) -> None:
    kill = {"PYTHON_KEYRING_BACKEND": KILLED, "ROLEHOP_TEST_KILL": "rolehop/keys/"}
    assert world.rolehop(*ADD, "--replace", env={**bob.environ, **kill}).code == -9
    bobs = session_of(world)
    assert world.rolehop(*ADD, "--replace").code == 0
    assert session_of(world) != bobs
    assert signers(world) == ["bob", "alice"]


def test_an_index_with_another_key_than_the_keyring_is_not_believed(
    world: World, bob: User
) -> None:
    """As somebody may put it back who can write the folder."""
    first, before = session_of(world), world.home / "before"
    shutil.copytree(world.state, before)
    assert world.rolehop(*ADD, "--replace", env=bob.environ).code == 0
    shutil.rmtree(world.state)
    shutil.copytree(before, world.state)
    assert session_of(world) != first
    assert signers(world) == ["alice", "bob"]


def test_two_state_folders_over_one_keyring_agree(world: World, bob: User) -> None:
    other = {"XDG_STATE_HOME": str(world.home / "other")}
    alices = session_of(world)
    assert session_of(world, **other) == alices
    assert world.rolehop(*ADD, "--replace", env={**bob.environ, **other}).code == 0
    bobs = session_of(world)
    assert bobs != alices
    assert session_of(world, **other) == bobs
    assert world.rolehop(*ADD, "--replace").code == 0
    assert session_of(world, **other) == session_of(world) == alices
    assert signers(world) == ["alice", "bob"]


def test_a_removed_key_gives_no_session_from_another_state_folder(world: World, bob: User) -> None:
    other = {"XDG_STATE_HOME": str(world.home / "other")}
    session_of(world)
    assert session_of(world, **other)
    assert world.rolehop("keys", "remove", "stored", "--yes", env=other).code == 0
    done = world.rolehop("credential-process", "by-keys")
    assert (done.code, done.out) == (4, "")
    assert "no keys are in the keyring for source 'stored'" in done.err


def test_two_swapped_items_are_found_out(world: World, bob: User) -> None:
    assert world.rolehop("keys", "add", "other", "--from-env", env=bob.environ).code == 0
    session_of(world)
    session_of(world, "by-other")
    files = [path for path in world.items() if "keys%2F" in path.name]
    first, second = (json.loads(path.read_text()) for path in files)
    first["password"], second["password"] = second["password"], first["password"]
    for path, content in zip(files, (first, second), strict=True):
        path.write_text(json.dumps(content))
    calls = len(world.sts.calls)
    for chain in ("by-keys", "by-other"):
        done = world.rolehop("credential-process", chain)
        assert (done.code, done.out) == (7, "")
        assert "the item in the keyring is damaged: it was stored under another name" in done.err
    assert len(world.sts.calls) == calls


@pytest.mark.parametrize("chain", ["by-keys", "by-other"])
def test_an_index_that_cannot_be_written_is_not_passed_over(
    world: World, bob: User, chain: str
) -> None:
    """Neither for a key that is replaced nor for one that is new."""
    name = {"by-keys": "stored", "by-other": "other"}[chain]
    before = session_of(world)
    (world.state / "index.lock").mkdir()
    added = world.rolehop("keys", "add", name, "--from-env", "--replace", env=bob.environ)
    assert (added.code, added.out) == (7, "")
    assert "the index of stored keys cannot be written" in added.err
    removed = world.rolehop("keys", "remove", "stored", "--yes")
    assert removed.code == 7
    (world.state / "index.lock").rmdir()
    assert session_of(world) == before
    assert signers(world) == ["alice"]
    assert [path.name for path in world.items() if "keys%2F" in path.name] == [
        "rolehop%2Fkeys%2Fstored@rolehop.json"
    ]


def test_a_kill_after_somebody_looked_leaves_an_index_that_is_looked_up_again(
    world: World,
) -> None:
    """Whoever rebuilds the index must not call it complete while a key is being stored."""
    world.config(CONFIG + KEYS)
    kill = {"PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.KilledAfterStatus"}
    done = world.rolehop(*ADD, env=kill)
    assert done.code == -9
    assert IndexStore(world.state).load().lost
    assert world.rolehop("status").code == 0
    assert "stored" in IndexStore(world.state).load().keys
