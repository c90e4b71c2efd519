"""A record holds only while the keyring still has what the source had: no index is believed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.SecretService import Keyring
from keyring.errors import PasswordDeleteError

from rolehop.vault.kernel import KernelKeyring
from tests.doubles.saml import IdentityProvider
from tests.doubles.sts import User
from tests.fastpath.paths import KERNEL, STORED, asked, full, hot, record_of, warmed
from tests.fastpath.test_same_bytes import add_keys, prepared
from tests.support.world import HUB, World

DEPLOY = "arn:aws:iam::111111111111:role/Deploy"
PROVIDER = "arn:aws:iam::111111111111:saml-provider/Corp"
SIGN_IN = f"corp-{os.getpid()}"
"""A source that somebody signs in to, in a keyring that other test processes use, too."""


@pytest.fixture
def bob(kept: World) -> User:
    """Somebody who may do what alice may."""
    prepared(kept)
    bob = kept.sts.world.user("111111111111", "bob")
    kept.sts.world.role(HUB, trusts=[kept.alice.arn, bob.arn])
    return bob


@pytest.fixture
def provider(kept: World) -> Iterator[IdentityProvider]:
    """A SAML provider, and a source whose sign-in is kept in the keyring."""
    idp = IdentityProvider(PROVIDER)
    kept.sts.world.saml_providers[PROVIDER] = idp
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML"}
    trust = [{**allow, "Principal": {"Federated": PROVIDER}}]
    kept.sts.world.role(DEPLOY, policy={"Version": "2012-10-17", "Statement": trust})
    kept.more |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "eu-west-1"}
    kept.config(
        f'version = 1\n[sources.{SIGN_IN}]\ntype = "saml"\nrole = "{DEPLOY}"\n'
        f'[chains.own]\nsource = "{SIGN_IN}"\n'
    )
    yield idp
    made = KernelKeyring if kept.backend == KERNEL else Keyring
    keyring: KeyringBackend = made()
    with suppress(PasswordDeleteError):
        keyring.delete_password(f"rolehop/tokens/saml/{SIGN_IN}", "rolehop")


def sign_in(world: World, idp: IdentityProvider, who: str, **env: str) -> None:
    text = idp.assertion([DEPLOY], who=who)
    done = world.rolehop("source", "login", SIGN_IN, "--stdin", input=text, env=env)
    assert done.code == 0, done.err


def elsewhere(world: World) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(world.home / "other")}


def test_a_key_that_was_replaced_elsewhere_is_noticed(kept: World, bob: User) -> None:
    add_keys(kept)
    first = warmed(kept, "by-keys")
    assert record_of(kept, "by-keys").also == {
        f"keys/{STORED}": f'"AccessKeyId":"{kept.alice.key.access_key_id}"'
    }
    add_keys(kept, {**bob.environ, **elsewhere(kept)})
    assert hot(kept, "by-keys") is None
    second = asked(kept, "by-keys").out
    assert second != first
    assert kept.sts.calls[-1].signer == bob.arn
    assert hot(kept, "by-keys") == second


def test_a_key_that_was_removed_elsewhere_is_noticed(kept: World, bob: User) -> None:
    add_keys(kept)
    warmed(kept, "by-keys")
    assert kept.rolehop("keys", "remove", STORED, env=elsewhere(kept)).code == 0
    assert hot(kept, "by-keys") is None
    assert asked(kept, "by-keys").code == 4


def test_a_state_folder_from_before_gives_no_session_of_another_key(kept: World, bob: User) -> None:
    """Index, seal and record are put back as they were: the keyring knows better."""
    add_keys(kept)
    first, before = warmed(kept, "by-keys"), kept.home / "before"
    shutil.copytree(kept.state, before)
    add_keys(kept, bob.environ)
    shutil.rmtree(kept.state)
    shutil.copytree(before, kept.state)
    assert hot(kept, "by-keys") is None
    assert asked(kept, "by-keys").out != first
    assert kept.sts.calls[-1].signer == bob.arn


def test_a_sign_in_that_was_made_elsewhere_is_noticed(
    kept: World, provider: IdentityProvider
) -> None:
    sign_in(kept, provider, "jane")
    first = warmed(kept, "own")
    assert list(record_of(kept, "own").also) == [f"tokens/saml/{SIGN_IN}"]
    sign_in(kept, provider, "joe", **elsewhere(kept))
    assert hot(kept, "own") is None
    second = full(kept, "own")
    assert second.code == 0, second.err
    assert second.out != first
    assert full(kept, "own", elsewhere(kept)).out == second.out
    whoami = kept.rolehop("whoami", "own", "--format", "json")
    assert whoami.json["arn"].endswith("/joe")


def test_a_sign_in_that_was_ended_elsewhere_is_noticed(
    kept: World, provider: IdentityProvider
) -> None:
    sign_in(kept, provider, "jane")
    warmed(kept, "own")
    assert kept.rolehop("source", "logout", SIGN_IN, env=elsewhere(kept)).code == 0
    assert hot(kept, "own") is None
    assert asked(kept, "own").code == 4


def test_a_sign_in_that_the_index_does_not_know_is_found(
    kept: World, provider: IdentityProvider
) -> None:
    """As a kill between keyring and index leaves it."""
    sign_in(kept, provider, "jane")
    first = warmed(kept, "own")
    shutil.rmtree(kept.state)
    assert asked(kept, "own").out == first
    assert hot(kept, "own") == first
