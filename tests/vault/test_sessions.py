from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

from rolehop.base.dataclass import replace
from rolehop.base.errors import VaultAbsent, VaultError, VaultLocked
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.index_file import IndexStore
from tests.doubles import keyrings
from tests.vault.samples import (
    World,
    chosen,
    hop_step,
    item,
    key_of,
    session,
    source_step,
)


class Unusual(keyrings.InMemory):
    """Works, until it is told to fail."""

    failure: Exception | None = None
    full = False
    calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().set_password(service, username, password)


@pytest.fixture
def unusual(tmp_path: Path) -> tuple[World, Unusual]:
    keyring = Unusual()
    back_end = chosen(keyring)
    return World(tmp_path, lambda: back_end), keyring


@pytest.mark.parametrize(
    ("keyring", "message"),
    [
        pytest.param(
            keyrings.Locked,
            "the keyring is locked",
            id="locked",
        ),
        pytest.param(
            keyrings.Denied,
            "the keyring denies access",
            id="denied",
        ),
        pytest.param(
            keyrings.Broken,
            "the keyring failed: its library raises RuntimeError",
            id="broken",
        ),
    ],
)
def test_a_failed_read_is_reported_once_and_nothing_is_written_after_it(
    tmp_path: Path, keyring: type[KeyringBackend], message: str
) -> None:
    back_end = chosen(keyring())
    world = World(tmp_path, lambda: back_end)
    for name in ("hub", "admin"):
        assert world.vault.get(hop_step(name), "prod") is None
        world.vault.put(hop_step(name), session(), "prod")
    world.vault.drop(key_of("hub"), "ASIA")
    assert world.said == [f"sessions are neither read nor stored: {message}"]
    assert world.vault.index.load().sessions == {}


def test_a_session_that_somebody_renewed_meanwhile_is_not_dropped(
    unusual: tuple[World, Unusual],
) -> None:
    world, _ = unusual
    rejected = session()
    signer = replace(rejected.credentials, access_key_id="ASIAEXAMPLEHUB001")
    renewed = replace(rejected, credentials=signer)
    world.vault.put(hop_step(), rejected, "prod")
    world.again().put(hop_step(), renewed, "prod")
    world.vault.drop(hop_step().key, rejected.credentials.access_key_id)
    assert world.again().get(hop_step(), "prod") == renewed
    world.vault.drop(hop_step().key, renewed.credentials.access_key_id)
    assert world.again().get(hop_step(), "prod") is None


def test_a_stored_session_survives_a_process_that_could_not_read_it(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    world.vault.put(hop_step(), session(), "prod")
    keyring.failure = PermissionError(13, "Permission denied")
    assert world.again().get(hop_step(), "prod") is None
    keyring.failure = None
    # Even now: this process could not read, so it does not write.
    world.vault.put(hop_step(), session("another"), "prod")
    assert world.again().get(hop_step(), "prod") == session()


def test_a_failed_write_is_reported_once_and_no_session_is_indexed(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    assert world.vault.get(hop_step(), "prod") is None
    keyring.failure = RuntimeError("cannot store secret-of-hub")
    world.vault.put(hop_step(), session(), "prod")
    world.vault.put(hop_step("admin"), session(), "prod")
    assert world.said == [
        "sessions are not stored: the keyring failed: its library raises RuntimeError"
    ]
    assert world.vault.index.load().sessions == {}


def test_no_back_end_is_reported_in_one_line_and_looked_for_once(tmp_path: Path) -> None:
    asked = []

    def choose() -> Chosen:
        asked.append(1)
        raise VaultAbsent("there is no usable keyring", cause="Secret Service: no bus", fix="x")

    world = World(tmp_path, choose)
    for name in ("hub", "admin"):
        assert world.vault.get(hop_step(name), "prod") is None
        world.vault.put(hop_step(name), session(), "prod")
    assert world.said == [
        "sessions are not stored: there is no usable keyring: Secret Service: no bus"
    ]
    assert asked == [1]
    with pytest.raises(VaultAbsent):
        world.vault.forget([key_of("hub")])


def test_a_full_keyring_is_reported_once_and_still_read(tmp_path: Path) -> None:
    keyring = keyrings.Full()
    keyring.items["rolehop/" + key_of("old"), "rolehop"] = item(session(), key_of("old"))
    back_end = chosen(keyring)
    world = World(tmp_path, lambda: back_end)
    world.vault.put(hop_step("one"), session(), "prod")
    world.vault.put(hop_step("two"), session(), "prod")
    assert world.vault.get(hop_step("old"), "prod") == session()
    assert world.said == [
        "sessions are not stored: the keyring has no room left: no space left on device"
    ]
    assert set(world.vault.index.load().sessions) == {key_of("old")}


def test_a_full_keyring_keeps_the_session_that_was_there(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    world.vault.put(hop_step(), session(), "prod")
    before = world.vault.index.load()
    keyring.full = True
    world.vault.put(hop_step(), session("newer", life=timedelta(hours=2)), "prod")
    assert world.vault.get(hop_step(), "prod") == session()
    assert world.vault.index.load() == before


def test_a_damaged_item_is_a_miss_reported_once_and_may_be_overwritten(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    keyring.items["rolehop/" + key_of("hub"), "rolehop"] = "half"
    assert world.vault.get(hop_step(), "prod") is None
    assert world.vault.get(hop_step(), "prod") is None
    world.vault.put(hop_step(), session(), "prod")
    assert world.vault.get(hop_step(), "prod") == session()
    assert world.said == ["a session in the keyring is damaged and is not used: it is cut short"]


def test_an_item_of_another_key_is_never_handed_out(unusual: tuple[World, Unusual]) -> None:
    world, keyring = unusual
    stolen = item(session(), key_of("other"))
    keyring.items["rolehop/" + key_of("hub"), "rolehop"] = stolen
    assert world.vault.get(hop_step(), "prod") is None


def test_a_warning_of_the_back_end_is_shown_once(tmp_path: Path) -> None:
    back_end = chosen(keyrings.Weak(), warning="it may keep secrets in plain text")
    world = World(tmp_path, lambda: back_end)
    world.vault.put(hop_step(), session(), "prod")
    assert world.vault.get(hop_step(), "prod") == session()
    assert world.said == ["it may keep secrets in plain text"]


def test_an_expired_session_is_returned_and_not_put(unusual: tuple[World, Unusual]) -> None:
    world, keyring = unusual
    world.vault.put(hop_step(), session(), "prod")
    world.now += timedelta(hours=1)
    assert world.vault.get(hop_step(), "prod") == session()
    world.vault.put(hop_step("admin"), session(), "prod")
    assert ("rolehop/" + key_of("admin"), "rolehop") not in keyring.items


def test_a_source_that_is_not_stored_touches_no_keyring(unusual: tuple[World, Unusual]) -> None:
    world, keyring = unusual
    world.vault.put(source_step(stored=False), session(), "prod")
    assert world.vault.get(source_step(stored=False), "prod") is None
    assert keyring.calls == 0


def test_a_lost_index_is_rebuilt_by_hits(unusual: tuple[World, Unusual], tmp_path: Path) -> None:
    world, _ = unusual
    world.vault.put(source_step(), session(), "prod")
    world.vault.put(hop_step(), session(), "prod")
    before = world.vault.index.load().sessions
    (tmp_path / "index.json").write_text("{")
    assert world.vault.index.load().lost
    world.again().get(source_step(), "prod")
    world.vault.get(hop_step(), "prod")
    assert world.vault.index.load().sessions == before
    assert world.vault.index.load().lost, "nobody has looked whether that is all"


def test_a_hit_is_noted_for_each_chain(unusual: tuple[World, Unusual]) -> None:
    world, _ = unusual
    world.vault.put(hop_step(), session(), "prod")
    world.vault.get(hop_step(), "audit")
    world.vault.get(hop_step(), "prod")
    assert world.vault.index.load().sessions[key_of("hub")].chains == ("prod", "audit")


def test_an_index_that_cannot_be_written_does_not_stop_the_walk(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    back_end = chosen(keyrings.InMemory())
    world = World(tmp_path / "state", lambda: back_end)
    world.vault.put(hop_step(), session(), "prod")
    world.vault.put(hop_step("admin"), session(), "prod")
    # What the index cannot name is not stored: status and logout would not find it.
    assert world.vault.get(hop_step(), "prod") is None
    where = tmp_path / "state" / "index.json"
    assert world.said == [
        f"sessions are not stored: {where}: Not a directory; make that folder writable"
    ]


def test_a_session_left_in_another_back_end_is_removed_when_that_one_is_in_use(
    tmp_path: Path,
) -> None:
    first, second = keyrings.InMemory(), keyrings.Limited()
    in_use = [chosen(first)]
    world = World(tmp_path, lambda: in_use[0])
    world.vault.put(hop_step(), session(), "prod")
    in_use[0] = chosen(second)
    # The other back end's copy is neither seen nor touched.
    assert world.again().get(hop_step(), "prod") is None
    world.vault.put(hop_step(), session("second"), "prod")
    in_use[0] = chosen(first)
    world.again().put(hop_step("admin"), session(), "prod")
    assert list(first.items) == [("rolehop/" + key_of("admin"), "rolehop")]
    in_use[0] = chosen(second)
    assert world.again().get(hop_step(), "prod") == session("second")


def test_forget_removes_sessions_below_and_no_others(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    world.vault.put(hop_step("hub"), session(), "prod")
    world.vault.put(hop_step("admin", parent="hub", number=2), session(), "prod")
    world.vault.put(hop_step("other"), session(), "audit")
    below = world.vault.index.load().below(key_of("hub"))
    assert world.vault.forget(below) == ((key_of("hub"), key_of("admin")), 2)
    assert list(keyring.items) == [("rolehop/" + key_of("other"), "rolehop")]
    assert set(world.vault.index.load().sessions) == {key_of("other")}


def test_forget_leaves_out_a_session_that_it_cannot_reach(tmp_path: Path) -> None:
    in_use = [chosen(keyrings.InMemory())]
    world = World(tmp_path, lambda: in_use[0])
    world.vault.put(hop_step(), session(), "prod")
    in_use[0] = chosen(keyrings.Limited())
    assert world.again().forget([key_of("hub")]) == ((), 0)
    assert set(world.vault.index.load().sessions) == {key_of("hub")}


def test_forget_of_a_locked_keyring_raises_and_keeps_the_index(tmp_path: Path) -> None:
    in_use = [chosen(keyrings.InMemory())]
    world = World(tmp_path, lambda: in_use[0])
    world.vault.put(hop_step(), session(), "prod")
    before = world.vault.index.load()
    in_use[0] = chosen(keyrings.Locked())
    with pytest.raises(VaultLocked):
        world.again().forget([key_of("hub")])
    assert world.vault.index.load() == before


def test_a_failure_is_raised_again_each_time_and_never_overwritten(tmp_path: Path) -> None:
    back_end = chosen(keyrings.Locked())
    world = World(tmp_path, lambda: back_end)
    errors: list[VaultError] = []
    for _ in range(2):
        with pytest.raises(VaultLocked) as caught:
            world.vault.forget([key_of("hub")])
        errors.append(caught.value)
    assert errors[0] is not errors[1]


class _WatchesTheIndex(keyrings.InMemory):
    """Notes what the index in ``folder`` names when an item is written."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.named: list[set[str]] = []

    def set_password(self, service: str, username: str, password: str) -> None:
        self.named.append(set(IndexStore(self._folder).load().sessions))
        super().set_password(service, username, password)


def test_a_session_has_its_entry_before_its_item(tmp_path: Path) -> None:
    # If this process is killed in between, `status` and `logout` still find the item.
    keyring = _WatchesTheIndex(tmp_path)
    World(tmp_path, lambda: chosen(keyring)).vault.put(hop_step(), session(), "prod")
    assert keyring.named == [{hop_step().key}]
