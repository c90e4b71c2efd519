"""Nothing that an earlier version stored is lost: index, hot record and keyring items.

`stored/` was written by the tree of commit 6b7913a, except for its sessions' times, which are in
2025 and 2099, so that the tests do not depend on the date.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolehop.base.credentials import Secret
from rolehop.base.errors import VaultBroken
from rolehop.hotpath.record import read_record
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.index_file import IndexStore
from rolehop.vault.sessions import KeyringVault
from tests.doubles import keyrings
from tests.doubles.keyrings import FileBacked
from tests.support.world import FILE_BACKED, World

STORED = Path(__file__).parent / "stored"
# Where the STS double listened that gave the sessions; nothing listens there now.
ENDPOINT = "http://127.0.0.1:45871"
KEY = {
    "AWS_ACCESS_KEY_ID": "AKIASTORED0000000001",
    "AWS_SECRET_ACCESS_KEY": "secret-stored-before",
}


@pytest.fixture
def before(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the earlier version has run."""
    monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(world.vault))
    keyring = FileBacked()
    for service, text in json.loads((STORED / "items.json").read_text()).items():
        keyring.set_password(service, "rolehop", text)
    world.state.mkdir(parents=True)
    (world.state / "index.json").touch(0o600)
    (world.state / "index.json").write_text((STORED / "index.json").read_text())
    world.config((STORED / "config.toml").read_text())
    world.more = {"AWS_ENDPOINT_URL_STS": ENDPOINT, "AWS_MAX_ATTEMPTS": "1", **KEY}
    return world


def item(name: str) -> str:
    text = FileBacked().get_password(f"rolehop/{name}", "rolehop")
    assert text is not None
    return text


def vault_of(world: World) -> KeyringVault:
    return KeyringVault(
        IndexStore(world.state), lambda: Chosen(FILE_BACKED, FileBacked()), lambda line: None
    )


@pytest.mark.parametrize("chain", ["hub", "admin", "by-keys"])
def test_a_session_without_a_check_is_walked_again_without_a_note(
    before: World, chain: str
) -> None:
    done = before.rolehop("credential-process", chain)
    assert (done.code, done.out) == (6, "")
    assert "cannot reach 127.0.0.1:45871" in done.err
    assert "damaged" not in done.err


def test_status_shows_the_sessions_and_logout_removes_them(before: World) -> None:
    rows = before.rolehop("status", "--format", "json").json["sessions"]
    assert [(row["hop"], row["expires_at"]) for row in rows] == [
        (1, "2099-01-01T00:00:00Z"),
        (1, "2099-01-01T00:00:00Z"),
        (2, "2099-01-01T00:00:00Z"),
    ]
    assert before.rolehop("logout", "--all").code == 0
    assert before.rolehop("status", "--format", "json").json["sessions"] == []
    assert sorted(path.name.partition("@")[0] for path in before.items()) == [
        "rolehop%2Fkeys%2Fstored",
        "rolehop%2Ftokens%2Fsso%2Fcorp",
    ]


def test_the_iam_user_key_is_found_and_stored_with_a_check(
    before: World,
) -> None:
    rows = before.rolehop("keys", "list", "--format", "json").json["keys"]
    assert [row["access_key_id"] for row in rows] == [KEY["AWS_ACCESS_KEY_ID"]]
    for _ in range(2):
        found = vault_of(before).keys.get("stored")
        assert found is not None
        assert found.access_key_id == KEY["AWS_ACCESS_KEY_ID"]
        assert found.secret_access_key == Secret(KEY["AWS_SECRET_ACCESS_KEY"])
        assert item("keys/stored").startswith('{"schema":2,"name":"keys/stored",')


def test_the_sign_in_is_found_and_stored_with_a_check(before: World) -> None:
    for _ in range(2):
        tokens = vault_of(before).tokens
        assert tokens.get("sso/corp") == {
            "client_id": "stored-client",
            "generation": tokens.generation("sso/corp"),
            "refresh_token": Secret("refresh-token-stored-before"),
        }
        assert item("tokens/sso/corp").startswith('{"schema":2,"name":"tokens/sso/corp",')


@pytest.mark.parametrize("double", ["Full", "BrokenWrites"])
def test_an_item_that_cannot_be_rewritten_stays_as_it_was(before: World, double: str) -> None:
    """A keyring that reads and cannot write: nothing is lost, and nothing is said."""
    keyring = getattr(keyrings, double)()
    keyring.items = {
        (service, "rolehop"): text
        for service, text in json.loads((STORED / "items.json").read_text()).items()
    }
    items_before = dict(keyring.items)
    said: list[str] = []
    vault = KeyringVault(IndexStore(before.state), lambda: Chosen("double", keyring), said.append)
    found = vault.keys.get("stored")
    assert found is not None
    assert found.access_key_id == KEY["AWS_ACCESS_KEY_ID"]
    assert vault.tokens.get("sso/corp") is not None
    assert keyring.items == items_before
    assert said == []


def test_an_item_that_another_process_replaces_meanwhile_is_not_written_over(before: World) -> None:
    class Replaced(keyrings.InMemory):
        def get_password(self, service: str, username: str) -> str | None:
            found = super().get_password(service, username)
            self.items[service, username] = "of another process"
            return found

    keyring, service = Replaced(), "rolehop/keys/stored"
    keyring.items[service, "rolehop"] = json.loads((STORED / "items.json").read_text())[service]
    index = IndexStore(before.state)
    found = KeyringVault(index, lambda: Chosen("double", keyring), print).keys.get("stored")
    assert found is not None
    assert found.access_key_id == KEY["AWS_ACCESS_KEY_ID"]
    assert keyring.items == {(service, "rolehop"): "of another process"}


@pytest.mark.parametrize("kind", ["keys", "tokens"])
def test_items_that_were_swapped_before_they_had_names_are_found_out(
    before: World, kind: str
) -> None:
    name = "stored" if kind == "keys" else "sso/corp"
    text = item(f"{kind}/{name}")
    FileBacked().set_password(f"rolehop/{kind}/other", "rolehop", text)
    vault = vault_of(before)
    with pytest.raises(VaultBroken, match="cannot be read"):
        vault.keys.get("other") if kind == "keys" else vault.tokens.get("other")
    assert item(f"{kind}/other") == text


def test_the_hot_record_is_passed_over(before: World) -> None:
    assert read_record((STORED / "record").read_bytes()) is None
