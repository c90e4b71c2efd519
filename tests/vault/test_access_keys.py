from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.base.errors import UsageError, VaultAbsent, VaultBroken, VaultError, VaultLocked
from rolehop.vault import KERNEL
from rolehop.vault.backend_selection import choose_backend
from tests.doubles import keyrings
from tests.vault.as_user import need_kernel_keyring
from tests.vault.samples import NOW, World, chosen, keys, session

SERVICE = ("rolehop/keys/alice", "rolehop")


@pytest.fixture
def keyring() -> keyrings.InMemory:
    return keyrings.InMemory()


@pytest.fixture
def world(keyring: keyrings.InMemory, tmp_path: Path) -> World:
    back_end = chosen(keyring)
    return World(tmp_path, lambda: back_end)


def add(world: World, name: str = "alice", *, replace: bool = False, key: str = "A" * 16) -> None:
    world.vault.keys.add(name, keys(key), replace=replace, until_reboot=False)


def test_a_key_is_there_for_the_next_process(world: World) -> None:
    add(world)
    assert world.again().keys.get("alice") == keys("A" * 16)
    assert world.vault.keys.get("bob") is None
    entry = world.vault.keys.names()["alice"]
    assert entry.access_key_id == "A" * 16
    assert entry.backend == "tests.doubles.keyrings.InMemory"
    assert entry.added_at == NOW


def test_a_second_key_needs_replace(world: World) -> None:
    add(world)
    with pytest.raises(UsageError) as caught:
        add(world, key="B" * 16)
    assert caught.value.what == "source 'alice' has a key already"
    assert world.vault.keys.get("alice") == keys("A" * 16)
    add(world, key="B" * 16, replace=True)
    assert world.vault.keys.get("alice") == keys("B" * 16)
    assert world.vault.keys.names()["alice"].access_key_id == "B" * 16


def test_a_removed_key_is_gone(world: World, keyring: keyrings.InMemory) -> None:
    add(world)
    assert world.vault.keys.remove("alice")
    assert not world.vault.keys.remove("alice")
    assert world.vault.keys.get("alice") is None
    assert world.vault.keys.names() == {}
    assert keyring.items == {}


def test_a_session_is_refused_as_an_iam_user_key(world: World) -> None:
    with pytest.raises(UsageError, match="not an IAM user key"):
        world.vault.keys.add("alice", session().credentials, replace=False, until_reboot=False)


def test_if_nothing_lasts_longer_until_reboot_is_required(tmp_path: Path) -> None:
    back_end = chosen(keyrings.InMemory(), lasting=False)
    world = World(tmp_path, lambda: back_end)
    with pytest.raises(VaultAbsent) as caught:
        add(world)
    assert "--until-reboot" in str(caught.value.fix)
    world.vault.keys.add("alice", keys(), replace=False, until_reboot=True)
    assert world.vault.keys.get("alice") == keys()


def test_the_kernel_keyring_keeps_a_key_until_reboot(tmp_path: Path) -> None:
    need_kernel_keyring()
    back_end = choose_backend(KERNEL, {}, "linux")
    world = World(tmp_path, lambda: back_end)
    with pytest.raises(VaultAbsent, match="no keyring here stores a key permanently"):
        add(world, "of-a-test")
    world.vault.keys.add("of-a-test", keys(), replace=True, until_reboot=True)
    try:
        assert world.again().keys.get("of-a-test") == keys()
    finally:
        world.vault.keys.remove("of-a-test")


@pytest.mark.parametrize(
    ("keyring", "error"),
    [
        (keyrings.Locked(), VaultLocked),
        (keyrings.Broken(), VaultBroken),
    ],
    ids=["locked", "broken"],
)
def test_a_keyring_that_cannot_be_read_is_never_written_to(
    tmp_path: Path, keyring: keyrings.Locked, error: type[VaultError]
) -> None:
    back_end = chosen(keyring)
    world = World(tmp_path, lambda: back_end)
    for call in (
        lambda: add(world, replace=True),
        lambda: world.vault.keys.get("alice"),
        lambda: world.vault.keys.remove("alice"),
    ):
        with pytest.raises(error):
            call()
    assert world.vault.keys.names() == {}


def test_no_back_end_lists_the_remedies(tmp_path: Path) -> None:
    world = World(tmp_path, lambda: choose_backend("keyring.backends.null.Keyring", {}, "linux"))
    with pytest.raises(VaultAbsent) as caught:
        add(world)
    assert "install a keyring" in str(caught.value.fix)


def test_a_key_in_another_back_end_is_named_and_not_reported_as_absent(tmp_path: Path) -> None:
    in_use = [chosen(keyrings.InMemory())]
    world = World(tmp_path, lambda: in_use[0])
    add(world)
    in_use[0] = chosen(keyrings.Limited())
    for call in (world.again().keys.get, world.vault.keys.remove):
        with pytest.raises(VaultAbsent) as caught:
            call("alice")
        assert caught.value.cause == (
            "it is in tests.doubles.keyrings.InMemory, and "
            "tests.doubles.keyrings.Limited is in use here"
        )


@pytest.mark.parametrize(
    "text",
    [
        "half",
        '{"chunks":1,"generation":"a"',
        '{"AccessKeyId":"A"}',
        '{"AccessKeyId":"A","SecretAccessKey":"s"}',
        '{"AccessKeyId":"AAAAAAAAAAAAAAAA","SecretAccessKey":""}',
    ],
)
def test_a_damaged_key_is_reported_and_can_be_replaced(
    world: World, keyring: keyrings.InMemory, text: str
) -> None:
    keyring.items[SERVICE] = text
    with pytest.raises(VaultBroken, match="cannot be read"):
        world.vault.keys.get("alice")
    with pytest.raises(UsageError):
        add(world)
    add(world, replace=True)
    assert world.vault.keys.get("alice") == keys("A" * 16)


def test_a_key_that_is_no_text_is_reported_replaced_and_removed(
    world: World, keyring: keyrings.InMemory
) -> None:
    add(world)
    keyring.not_text.add(SERVICE)
    with pytest.raises(VaultBroken, match="cannot be read") as caught:
        world.vault.keys.get("alice")
    assert caught.value.fix == "rolehop keys add alice --replace"
    add(world, replace=True)
    assert world.vault.keys.get("alice") == keys("A" * 16)
    keyring.not_text.add(SERVICE)
    assert world.vault.keys.remove("alice")
    assert keyring.items == {}


class GivesBytes(keyrings.InMemory):
    """Gives back no text, whatever it was given."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        self.not_text.add((service, username))


def test_a_keyring_that_gives_back_bytes_keeps_no_key(tmp_path: Path) -> None:
    back_end = chosen(GivesBytes())
    with pytest.raises(VaultBroken, match="did not keep the item"):
        add(World(tmp_path, lambda: back_end))


def test_a_lost_index_is_noted_again(world: World, tmp_path: Path) -> None:
    add(world)
    (tmp_path / "index.json").unlink()
    assert world.vault.keys.names() == {}
    world.vault.keys.get("alice")
    assert world.vault.keys.names()["alice"].access_key_id == "A" * 16


class Forgetful(keyrings.InMemory):
    """Deletes what it had, then fails to write: the worst moment on Windows."""

    broken = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            self.broken = False
            raise RuntimeError("cannot store")
        super().set_password(service, username, password)


def test_a_failed_replacement_leaves_the_old_key(tmp_path: Path) -> None:
    keyring = Forgetful()
    back_end = chosen(keyring, deletes_first=True)
    world = World(tmp_path, lambda: back_end)
    add(world)
    keyring.broken = True
    with pytest.raises(VaultBroken):
        add(world, key="B" * 16, replace=True)
    assert world.again().keys.get("alice") == keys("A" * 16)


class Silent(keyrings.InMemory):
    """Says that it keeps things, and does not."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return


def test_a_keyring_that_stores_nothing_is_detected(tmp_path: Path) -> None:
    back_end = chosen(Silent())
    world = World(tmp_path, lambda: back_end)
    with pytest.raises(VaultBroken, match="did not keep the item"):
        add(world)
