"""What an earlier version stored is found by this one: index, hot record and keyring items.

`stored/` was written by the tree of commit 6b7913a, its sessions' times aside, which are in 2025
and 2099, so that they hold whenever the tests run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolehop.credentials import Secret
from rolehop.fastpath.record import RECORD_SCHEMA, checked, read_record, unchecked
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.index_file import IndexStore
from rolehop.vault.sessions import KeyringVault
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
    (world.state / "index.json").write_text((STORED / "index.json").read_text())
    world.config((STORED / "config.toml").read_text())
    world.more = {"AWS_ENDPOINT_URL_STS": ENDPOINT, "AWS_MAX_ATTEMPTS": "1", **KEY}
    return world


def vault_of(world: World) -> KeyringVault:
    return KeyringVault(
        IndexStore(world.state), lambda: Chosen(FILE_BACKED, FileBacked()), lambda line: None
    )


@pytest.mark.parametrize(
    ("chain", "access_key_id"),
    [
        ("hub", "ASIASTORED0000000001"),
        ("admin", "ASIASTORED0000000002"),
        ("by-keys", "ASIASTORED0000000003"),
    ],
)
def test_a_session_is_found(before: World, chain: str, access_key_id: str) -> None:
    done = before.rolehop("credential-process", chain)
    assert (done.code, done.err) == (0, "")
    assert done.json["AccessKeyId"] == access_key_id
    assert done.json["Expiration"] == "2099-01-01T00:00:00Z"


def test_status_shows_the_sessions_and_logout_removes_them(before: World) -> None:
    rows = before.rolehop("status", "--format", "json").json["sessions"]
    assert [(row["hop"], row["expires_at"]) for row in rows] == [
        (1, "2099-01-01T00:00:00Z"),
        (2, "2099-01-01T00:00:00Z"),
        (1, "2099-01-01T00:00:00Z"),
    ]
    assert before.rolehop("logout", "--all").code == 0
    assert before.rolehop("status", "--format", "json").json["sessions"] == []
    assert sorted(path.name.partition("@")[0] for path in before.items()) == [
        "rolehop%2Fkeys%2Fstored",
        "rolehop%2Ftokens%2Fsso%2Fcorp",
    ]


def test_the_iam_user_key_is_found(before: World) -> None:
    rows = before.rolehop("keys", "list", "--format", "json").json["keys"]
    assert [row["access_key_id"] for row in rows] == [KEY["AWS_ACCESS_KEY_ID"]]
    found = vault_of(before).keys.get("stored")
    assert found is not None
    assert found.access_key_id == KEY["AWS_ACCESS_KEY_ID"]
    assert found.secret_access_key == Secret(KEY["AWS_SECRET_ACCESS_KEY"])


def test_the_sign_in_is_found(before: World) -> None:
    tokens = vault_of(before).tokens
    assert tokens.get("sso/corp") == {
        "client_id": "stored-client",
        "generation": tokens.generation("sso/corp"),
        "refresh_token": Secret("refresh-token-stored-before"),
    }


def test_the_hot_record_is_passed_over_for_its_order_of_regions_alone() -> None:
    """Schema 2 was written when `[defaults] region` beat AWS_REGION: the full path decides anew."""
    stored = (STORED / "record").read_bytes()
    assert read_record(stored) is None
    text = unchecked(stored)
    assert text is not None
    newer = text.replace("rolehop-record\t2\t", f"rolehop-record\t{RECORD_SCHEMA}\t", 1)
    record = read_record((checked(newer) or "").encode())
    assert record is not None
    assert (record.chain, record.backend, record.min_ttl, record.until) == (
        "admin",
        "kernel",
        960,
        0,
    )
    assert (record.region, record.confirm) == ("eu-west-1", False)
    assert record.label == "hop 2 of 2  333333333333:role/Admin"
    assert record.files["/tmp/rh-stored/home/.aws/config"] == "absent"  # noqa: S108 - not a file
    assert record.variables["AWS_SECRET_ACCESS_KEY"] == "+"
    assert record.variables["LOGNAME"] == "=me"
