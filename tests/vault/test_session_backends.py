"""What the vault promises over every back end, and where the kernel's quota is full."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rolehop.hotpath import keyctl
from rolehop.plan.model import Step
from rolehop.vault import KERNEL, kernel
from rolehop.vault.backend_selection import Chosen, choose_backend
from rolehop.vault.secret_service import ConnectedSecretService
from rolehop.vault.storage import USERNAME
from tests.doubles import keyrings
from tests.support.secret_service import BACKEND as SECRET_SERVICE
from tests.support.secret_service import SecretService
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring, run
from tests.vault.samples import (
    LONG_TOKEN,
    NOW,
    World,
    chosen,
    hop_step,
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
    def test_a_stored_session_is_found_by_the_next_process(self, world: World, step: Step) -> None:
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

    def test_a_dropped_session_is_gone_and_dropping_it_again_is_no_error(
        self, world: World
    ) -> None:
        world.vault.put(hop_step(), session(LONG_TOKEN), "prod")
        world.vault.drop(hop_step().key, session().credentials.access_key_id)
        world.vault.drop(hop_step().key, session().credentials.access_key_id)
        assert world.again().get(hop_step(), "prod") is None
        assert world.vault.index.load().sessions == {}
        assert world.said == []

    def test_no_secret_is_in_the_index(self, world: World, tmp_path: Path) -> None:
        world.vault.put(hop_step(), session(), "prod")
        text = (tmp_path / "index.json").read_text()
        assert "secret-of-hub" not in text
        assert "token-of-hub" not in text
        assert "ASIAEXAMPLEHUB000" not in text

    @pytest.mark.parametrize("looked_for", [True, False])
    def test_an_item_that_is_no_text_is_a_miss_that_is_replaced_and_removed(
        self, world: World, back_end: Chosen, looked_for: bool
    ) -> None:
        key = hop_step().key
        for token in (LONG_TOKEN, "short"):
            world.vault.put(hop_step(), session(token), "prod")
            self.spoil(back_end.keyring, f"rolehop/{key}")
            if looked_for:
                assert world.again().get(hop_step(), "prod") is None
                why = "a session in the keyring is damaged and is not used: it is not text"
                assert world.said == [why]
            world.again().put(hop_step(), session(), "prod")
            assert world.again().get(hop_step(), "prod") == session()
            assert world.said == []
        self.spoil(back_end.keyring, f"rolehop/{key}")
        assert world.again().forget([key]) == ((key,), 1)
        assert world.again().get(hop_step(), "prod") is None
        assert world.said == []

    def spoil(self, keyring: Any, service: str) -> None:
        """Put bytes that are no text in the place of an item."""
        keyring.not_text.add((service, USERNAME))

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

    def spoil(self, keyring: ConnectedSecretService, service: str) -> None:
        (item,) = keyring._found(keyring._query(service, USERNAME))
        item.session = keyring._session()
        item.set_secret(b"\xff")


@NEEDS_MUCH
class TestKernelKeyring(VaultContract):
    @pytest.fixture
    def back_end(self) -> Chosen:
        need_kernel_keyring(room=14_000)
        return choose_backend(KERNEL, {}, "linux")

    def spoil(self, keyring: object, service: str) -> None:
        kernel._store(keyctl.description(service, USERNAME), b"\xff", 600)


class TestFileOverProcesses(VaultContract):
    keyring: ClassVar = keyrings.LimitedFileBacked

    @pytest.fixture
    def back_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chosen]:
        monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(tmp_path / "keyring"))
        yield chosen(self.keyring())
        assert list((tmp_path / "keyring").glob("*.json")) == []

    def spoil(self, keyring: keyrings.FileBacked, service: str) -> None:
        keyring._path(service, USERNAME).write_bytes(b"\xff")


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
    "sessions are not stored: the kernel keyring has no room left: "
    "this user's quota of keys is used up (/proc/sys/kernel/keys)"
)


@NEEDS_MUCH
def test_a_full_quota_is_reported_once_and_the_walk_goes_on() -> None:
    shown = run(_QUOTA, room=18_000)
    if shown == ["[True, True, True]", "3 []"]:
        pytest.skip("this kernel has big_key, which costs no quota")
    assert shown == [
        QUOTA_FULL,
        "[True, False, False]",
        "1 []",
    ]
