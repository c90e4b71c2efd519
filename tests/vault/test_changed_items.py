"""One changed character in an item is a miss or an error, never a hand-out; AWS's no is no dead end."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import replace
from rolehop.vault.serialization import as_item, read_item, record_key_of
from tests.doubles.saml import IdentityProvider
from tests.support.world import ADMIN, CONFIG, HUB, World

KEYS = """
[sources.stored]
type = "keys"
[chains.by-keys]
source = "stored"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""


class Item:
    """One item of the file-backed keyring."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def text(self) -> str:
        return str(json.loads(self._path.read_text())["password"])

    @text.setter
    def text(self, value: str) -> None:
        content = json.loads(self._path.read_text())
        self._path.write_text(json.dumps({**content, "password": value}))

    def change(self, member: str) -> None:
        """Change one character of a value."""
        before, mark, after = self.text.partition(f'"{member}":"')
        assert mark
        other = "A" if after[3] != "A" else "B"
        self.text = before + mark + after[:3] + other + after[4:]

    def change_secret(self) -> None:
        """Give a session another secret, in an item that is whole: only AWS can know."""
        key = self._path.name.partition("%2F")[2].partition("@")[0]
        session = read_item(self.text, key)
        credentials = replace(session.credentials, secret_access_key=Secret("not-its-own"))
        changed = replace(session, credentials=credentials)
        self.text = as_item(changed, key, record_key_of(self.text).reveal())


def sessions(world: World) -> dict[str, Item]:
    """Return the items of sessions by the account of their role."""
    paths = [path for path in world.items() if path.name.count("%2F") == 1]
    items = [Item(path) for path in paths]
    return {json.loads(each.text.partition("\n")[0])["AccountId"]: each for each in items}


@pytest.mark.parametrize(
    "member", ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"]
)
def test_a_session_with_one_changed_character_is_never_handed_out(
    world: World, member: str
) -> None:
    first = world.rolehop("credential-process", "admin")
    sessions(world)["333333333333"].change(member)
    done = world.rolehop("credential-process", "admin")
    assert done.code == 0
    assert "a session in the keyring is damaged and is not used" in done.err
    assert world.sts.roles_called == [HUB, ADMIN, ADMIN]
    assert done.json["AccessKeyId"] != first.json["AccessKeyId"]
    assert world.rolehop("credential-process", "admin").out == done.out


def test_a_session_with_one_changed_character_signs_nothing(world: World) -> None:
    world.rolehop("credential-process", "hub")
    sessions(world)["222222222222"].change("SecretAccessKey")
    assert world.rolehop("credential-process", "admin").code == 0
    assert [call.refused for call in world.sts.calls] == ["", "", ""]
    assert world.sts.roles_called == [HUB, HUB, ADMIN]


@pytest.mark.parametrize("member", ["AccessKeyId", "SecretAccessKey"])
def test_a_key_with_one_changed_character_signs_nothing(world: World, member: str) -> None:
    world.config(CONFIG + KEYS)
    assert world.rolehop("keys", "add", "stored", "--from-env").code == 0
    (item,) = (Item(path) for path in world.items() if "keys%2F" in path.name)
    item.change(member)
    done = world.rolehop("credential-process", "by-keys")
    assert (done.code, done.out) == (7, "")
    assert "the item in the keyring is damaged: a part of it was changed" in done.err
    assert world.sts.calls == []


@pytest.mark.parametrize("member", ["secret_access_key", "session_token", "expires_at"])
def test_a_sign_in_with_one_changed_character_is_not_used(world: World, member: str) -> None:
    provider, role = "arn:aws:iam::111111111111:saml-provider/Corp", HUB
    idp = IdentityProvider(provider)
    world.sts.world.saml_providers[provider] = idp
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML"}
    trust = [{**allow, "Principal": {"Federated": provider}}]
    world.sts.world.role(role, policy={"Version": "2012-10-17", "Statement": trust})
    world.config(
        f'version = 1\n[sources.corp]\ntype = "saml"\nrole = "{role}"\n'
        '[chains.own]\nsource = "corp"\n'
    )
    login = ("source", "login", "corp", "--stdin")
    assert world.rolehop(*login, input=idp.assertion([role])).code == 0
    assert world.rolehop("credential-process", "own").code == 0
    (item,) = (Item(path) for path in world.items() if "tokens%2F" in path.name)
    item.change(member)
    done = world.rolehop("credential-process", "own")
    assert (done.code, done.out) == (7, "")
    assert "the item in the keyring is damaged: a part of it was changed" in done.err
    # The way out that is advised.
    assert world.rolehop("source", "logout", "corp").code == 0
    assert world.rolehop(*login, input=idp.assertion([role])).code == 0
    assert world.rolehop("credential-process", "own").code == 0


def test_a_cached_signer_whose_signature_aws_rejects_is_walked_again(world: World) -> None:
    world.rolehop("credential-process", "hub")
    sessions(world)["222222222222"].change_secret()
    done = world.rolehop("credential-process", "admin")
    assert (done.code, done.err) == (0, "")
    assert [(call.role, call.refused) for call in world.sts.calls] == [
        (HUB, ""),
        (ADMIN, "SignatureDoesNotMatch"),
        (HUB, ""),
        (ADMIN, ""),
    ]
    assert world.rolehop("credential-process", "hub").json["AccountId"] == "222222222222"
    assert len(world.sts.calls) == 4


def test_a_cached_signer_survives_a_wrong_clock(world: World) -> None:
    """AWS rejects the signature, and would reject another: no MFA code is asked for in vain."""
    world.rolehop("credential-process", "hub")
    world.sts.date_offset = timedelta(minutes=10, seconds=30)
    done = world.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (5, "")
    assert re.search(r"your clock is 10 min \d+ s behind AWS's", done.err)
    assert [call.refused for call in world.sts.calls[1:]] == ["SignatureDoesNotMatch"]
    world.sts.date_offset = timedelta()
    assert world.rolehop("credential-process", "admin").code == 0
    assert world.sts.roles_called == [HUB, ADMIN, ADMIN]
