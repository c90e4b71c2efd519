from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from keyring.backend import KeyringBackend

from rolehop.errors import VaultAbsent, VaultError, VaultLocked
from rolehop.plan.model import Step
from rolehop.vault.backend_selection import KERNEL, Chosen, choose_backend
from tests.doubles import keyrings
from tests.support.secret_service import BACKEND as SECRET_SERVICE
from tests.support.secret_service import SecretService
from tests.vault.as_user import need_kernel_keyring, run
from tests.vault.samples import (
    LONG_TOKEN,
    NOW,
    World,
    chosen,
    hop_step,
    item,
    key_of,
    session,
    source_step,
    token_step,
)


class VaultContract:
    """What the vault promises over every back end; a subclass only says which."""

    @pytest.fixture
    def back_end(self) -> object:
        raise NotImplementedError

    @pytest.fixture
    def world(self, back_end: Chosen, tmp_path: Path) -> Iterator[World]:
        world = World(tmp_path, lambda: back_end)
        yield world
        world.now = NOW
        world.vault.forget([step.key for step in (hop_step(), token_step(), source_step())])

    def test_nothing_is_there_before_put(self, world: World) -> None:
        assert world.vault.get(hop_step(), "prod") is None
        assert world.said == []

    @pytest.mark.parametrize("step", [hop_step(), token_step(), source_step()], ids=repr)
    def test_what_was_put_is_there_for_the_next_process(self, world: World, step: Step) -> None:
        world.vault.put(step, session(), "prod")
        assert world.again().get(step, "prod") == session()
        assert world.said == []

    def test_a_long_token_comes_back_whole(self, world: World) -> None:
        world.vault.put(hop_step(), session(LONG_TOKEN), "prod")
        assert world.again().get(hop_step(), "prod") == session(LONG_TOKEN)
        world.vault.put(hop_step(), session(LONG_TOKEN[::-1]), "prod")
        assert world.again().get(hop_step(), "prod") == session(LONG_TOKEN[::-1])
        world.vault.put(hop_step(), session("short"), "prod")
        assert world.again().get(hop_step(), "prod") == session("short")
        assert world.said == []

    def test_what_was_dropped_is_gone_and_dropping_nothing_is_no_error(self, world: World) -> None:
        world.vault.put(hop_step(), session(LONG_TOKEN), "prod")
        world.vault.drop(hop_step().key)
        world.vault.drop(hop_step().key)
        assert world.again().get(hop_step(), "prod") is None
        assert world.vault.index.load().sessions == {}
        assert world.said == []

    def test_no_secret_is_in_the_index(self, world: World, tmp_path: Path) -> None:
        world.vault.put(hop_step(), session(), "prod")
        text = (tmp_path / "index.json").read_text()
        assert "secret-of-hub" not in text
        assert "token-of-hub" not in text
        assert "ASIAEXAMPLEHUB000" not in text

    def test_an_expired_session_is_swept_when_something_is_written(self, world: World) -> None:
        world.vault.put(hop_step(), session(), "prod")
        world.now = NOW + timedelta(hours=2)
        world.vault.put(token_step(), session(issued_at=world.now), "prod")
        assert set(world.vault.index.load().sessions) == {token_step().key}
        assert world.vault.get(hop_step(), "prod") is None


class TestInMemory(VaultContract):
    @pytest.fixture
    def back_end(self) -> Chosen:
        return chosen(keyrings.InMemory())


class TestLikeWindows(VaultContract):
    """1,280 UTF-16 units an item, and an old value must go before a new one comes."""

    @pytest.fixture
    def back_end(self) -> Iterator[Chosen]:
        keyring = keyrings.Limited()
        yield chosen(keyring, deletes_first=True)
        assert keyring.items == {}


class TestSecretService(VaultContract):
    @pytest.fixture
    def back_end(self, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch) -> Chosen:
        for name, value in secret_service.environ.items():
            monkeypatch.setenv(name, value)
        back_end = choose_backend(None, secret_service.environ, "linux")
        assert back_end.name == SECRET_SERVICE
        return back_end


class TestKernelKeyring(VaultContract):
    @pytest.fixture
    def back_end(self) -> Chosen:
        need_kernel_keyring(room=14_000)
        return choose_backend(KERNEL, {}, "linux")


class TestFileOverProcesses(VaultContract):
    keyring: ClassVar = keyrings.LimitedFileBacked

    @pytest.fixture
    def back_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chosen]:
        monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(tmp_path / "keyring"))
        yield chosen(self.keyring())
        assert list((tmp_path / "keyring").glob("*.json")) == []


# As an unprivileged user in a session keyring of its own: three hops with 12,000-character
# tokens, of which the quota takes one.
_QUOTA = """
import tempfile
from pathlib import Path
from tests.vault.samples import LONG_TOKEN, World, hop_step, session
world = World(Path(tempfile.mkdtemp()), lambda: choose_backend(kernel.__name__ + ".KernelKeyring", {}, "linux"))
for name in ("one", "two", "three"):
    world.vault.put(hop_step(name), session(LONG_TOKEN), "prod")
for line in world.said:
    print(line)
world.again()
print([world.vault.get(hop_step(name), "prod") == session(LONG_TOKEN) for name in ("one", "two", "three")])
print(len(world.vault.index.load().sessions), world.said)
"""


QUOTA_FULL = (
    "sessions are not kept: the kernel keyring has no room left: "
    "this user's quota of keys is used up (/proc/sys/kernel/keys)"
)


def test_where_the_quota_is_full_it_is_said_once_and_the_walk_goes_on() -> None:
    shown = run(_QUOTA, room=18_000)
    if shown == ["[True, True, True]", "3 []"]:
        pytest.skip("this kernel has big_key, which costs no quota")
    assert shown == [
        QUOTA_FULL,
        "[True, False, False]",
        "1 []",
    ]


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
    ("keyring", "told"),
    [
        pytest.param(
            keyrings.Locked,
            "the keyring is locked: KeyringLocked: Failed to unlock the collection!",
            id="locked",
        ),
        pytest.param(
            keyrings.Denied,
            "the keyring denies access: PermissionError: Permission denied",
            id="denied",
        ),
        pytest.param(keyrings.Broken, "the keyring failed: RuntimeError", id="broken"),
    ],
)
def test_a_failed_read_is_said_once_and_nothing_is_written_after_it(
    tmp_path: Path, keyring: type[KeyringBackend], told: str
) -> None:
    back_end = chosen(keyring())
    world = World(tmp_path, lambda: back_end)
    for name in ("hub", "admin"):
        assert world.vault.get(hop_step(name), "prod") is None
        world.vault.put(hop_step(name), session(), "prod")
    world.vault.drop(key_of("hub"))
    assert world.said == [f"sessions are neither read nor kept: {told}"]
    assert world.vault.index.load().sessions == {}


def test_what_was_stored_outlives_a_process_that_could_not_read(
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


def test_a_failed_write_is_said_once_and_no_session_is_noted(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    assert world.vault.get(hop_step(), "prod") is None
    keyring.failure = RuntimeError("cannot store secret-of-hub")
    world.vault.put(hop_step(), session(), "prod")
    world.vault.put(hop_step("admin"), session(), "prod")
    assert world.said == ["sessions are not kept: the keyring failed: RuntimeError"]
    assert world.vault.index.load().sessions == {}


def test_no_back_end_is_said_in_one_line_and_asked_for_once(tmp_path: Path) -> None:
    asked = []

    def choose() -> Chosen:
        asked.append(1)
        raise VaultAbsent("there is no usable keyring", cause="Secret Service: no bus", fix="x")

    world = World(tmp_path, choose)
    for name in ("hub", "admin"):
        assert world.vault.get(hop_step(name), "prod") is None
        world.vault.put(hop_step(name), session(), "prod")
    assert world.said == [
        "sessions are not kept: there is no usable keyring: Secret Service: no bus"
    ]
    assert asked == [1]
    with pytest.raises(VaultAbsent):
        world.vault.forget([key_of("hub")])


def test_a_full_keyring_is_said_once_and_still_read(tmp_path: Path) -> None:
    keyring = keyrings.Full()
    keyring.items["rolehop/" + key_of("old"), "rolehop"] = item(session(), key_of("old"))
    back_end = chosen(keyring)
    world = World(tmp_path, lambda: back_end)
    world.vault.put(hop_step("one"), session(), "prod")
    world.vault.put(hop_step("two"), session(), "prod")
    assert world.vault.get(hop_step("old"), "prod") == session()
    assert world.said == [
        "sessions are not kept: the keyring has no room left: OSError: No space left on device"
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


def test_a_damaged_item_is_a_miss_said_once_and_may_be_overwritten(
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


def test_a_warning_of_the_back_end_is_said_once(tmp_path: Path) -> None:
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


def test_a_source_that_is_not_kept_touches_no_keyring(unusual: tuple[World, Unusual]) -> None:
    world, keyring = unusual
    world.vault.put(source_step(kept=False), session(), "prod")
    assert world.vault.get(source_step(kept=False), "prod") is None
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
    assert world.vault.get(hop_step(), "prod") == session()
    assert len(world.said) == 1
    assert world.said[0].startswith(f"what is kept could not be noted in {tmp_path}")


def test_sessions_of_an_older_schema_are_removed_before_the_new_index_is_written(
    unusual: tuple[World, Unusual], tmp_path: Path
) -> None:
    world, keyring = unusual
    world.vault.put(hop_step("old"), session(), "prod")
    told = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**told, "schema": 0}))
    world.again().put(hop_step(), session(), "prod")
    assert list(keyring.items) == [("rolehop/" + key_of("hub"), "rolehop")]
    assert set(world.vault.index.load().sessions) == {key_of("hub")}
    assert not world.vault.index.load().strays


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


def test_forget_removes_what_hangs_below_and_leaves_the_rest(
    unusual: tuple[World, Unusual],
) -> None:
    world, keyring = unusual
    world.vault.put(hop_step("hub"), session(), "prod")
    world.vault.put(hop_step("admin", parent="hub", number=2), session(), "prod")
    world.vault.put(hop_step("other"), session(), "audit")
    below = world.vault.index.load().below(key_of("hub"))
    assert world.vault.forget(below) == (key_of("hub"), key_of("admin"))
    assert list(keyring.items) == [("rolehop/" + key_of("other"), "rolehop")]
    assert set(world.vault.index.load().sessions) == {key_of("other")}


def test_forget_leaves_out_a_session_that_it_cannot_reach(tmp_path: Path) -> None:
    in_use = [chosen(keyrings.InMemory())]
    world = World(tmp_path, lambda: in_use[0])
    world.vault.put(hop_step(), session(), "prod")
    in_use[0] = chosen(keyrings.Limited())
    assert world.again().forget([key_of("hub")]) == ()
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


def test_a_failure_is_raised_anew_each_time_and_never_written_over(tmp_path: Path) -> None:
    back_end = chosen(keyrings.Locked())
    world = World(tmp_path, lambda: back_end)
    errors: list[VaultError] = []
    for _ in range(2):
        with pytest.raises(VaultLocked) as caught:
            world.vault.forget([key_of("hub")])
        errors.append(caught.value)
    assert errors[0] is not errors[1]
