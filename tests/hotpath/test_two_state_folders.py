"""A record holds only while the keyring still has what the source had: no index is believed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.hotpath.writer import with_check
from rolehop.vault.kernel import KernelKeyring
from tests.doubles.saml import IdentityProvider
from tests.doubles.sts import User
from tests.hotpath.paths import (
    KERNEL,
    STORED,
    add_keys,
    asked,
    full,
    hot,
    prepared,
    record_of,
    warmed,
)
from tests.support.secret_service import LibraryKeyring
from tests.support.world import HUB, World

DEPLOY = "arn:aws:iam::111111111111:role/Deploy"
PROVIDER = "arn:aws:iam::111111111111:saml-provider/Corp"
SIGN_IN = f"corp-{os.getpid()}"
"""A source that somebody signs in to, in a keyring that other test processes use, too."""


@pytest.fixture
def bob(hot_world: World) -> User:
    """Somebody who may do what alice may."""
    prepared(hot_world)
    bob = hot_world.sts.world.user("111111111111", "bob")
    hot_world.sts.world.role(HUB, trusts=[hot_world.alice.arn, bob.arn])
    return bob


@pytest.fixture
def provider(hot_world: World) -> Iterator[IdentityProvider]:
    """A SAML provider, and a source whose sign-in is in the keyring."""
    idp = IdentityProvider(PROVIDER)
    hot_world.sts.world.saml_providers[PROVIDER] = idp
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML"}
    trust = [{**allow, "Principal": {"Federated": PROVIDER}}]
    hot_world.sts.world.role(DEPLOY, policy={"Version": "2012-10-17", "Statement": trust})
    hot_world.more |= {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_REGION": "eu-west-1",
    }
    hot_world.config(
        f'version = 1\n[sources.{SIGN_IN}]\ntype = "saml"\nrole = "{DEPLOY}"\n'
        f'[chains.own]\nsource = "{SIGN_IN}"\n'
    )
    yield idp
    with suppress(PasswordDeleteError):
        keyring_of(hot_world).delete_password(f"rolehop/tokens/saml/{SIGN_IN}", "rolehop")


def sign_in(world: World, idp: IdentityProvider, who: str, **env: str) -> None:
    text = idp.assertion([DEPLOY], who=who)
    done = world.rolehop("source", "login", SIGN_IN, "--stdin", input=text, env=env)
    assert done.code == 0, done.err


def keyring_of(world: World) -> KeyringBackend:
    made = KernelKeyring if world.backend == KERNEL else LibraryKeyring
    keyring: KeyringBackend = made()
    return keyring


def elsewhere(world: World) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(world.home / "other")}


def test_a_key_that_was_replaced_elsewhere_is_noticed(hot_world: World, bob: User) -> None:
    add_keys(hot_world)
    first = warmed(hot_world, "by-keys")
    assert record_of(hot_world, "by-keys").also == {
        f"keys/{STORED}": f'"AccessKeyId":"{hot_world.alice.key.access_key_id}"'
    }
    add_keys(hot_world, {**bob.environ, **elsewhere(hot_world)})
    assert hot(hot_world, "by-keys") is None
    second = asked(hot_world, "by-keys").out
    assert second != first
    assert hot_world.sts.calls[-1].signer == bob.arn
    assert hot(hot_world, "by-keys") == second


def test_a_key_that_was_removed_elsewhere_is_noticed(hot_world: World, bob: User) -> None:
    add_keys(hot_world)
    warmed(hot_world, "by-keys")
    assert hot_world.rolehop("keys", "remove", STORED, "--yes", env=elsewhere(hot_world)).code == 0
    assert hot(hot_world, "by-keys") is None
    assert asked(hot_world, "by-keys").code == 4


def shown(world: World) -> tuple[str, bool, list[str]]:
    """Return what ``plan``, ``list`` and ``keys list`` show of a chain and its source's key."""
    plan = world.rolehop("plan", "by-keys", "--format", "json").json["hops"][0]
    chains = world.rolehop("list", "--format", "json").json["chains"]
    (chain,) = [each for each in chains if each["name"] == "by-keys"]
    keys = world.rolehop("keys", "list", "--format", "json").json["keys"]
    is_cached = chain["cached_until"] is not None
    return plan["cache"], is_cached, [each["access_key_id"] for each in keys]


def test_nothing_is_shown_of_a_key_that_was_replaced_or_removed_elsewhere(
    hot_world: World, bob: User
) -> None:
    add_keys(hot_world)
    warmed(hot_world, "by-keys")
    assert shown(hot_world) == ("fresh", True, [hot_world.alice.key.access_key_id])
    add_keys(hot_world, {**bob.environ, **elsewhere(hot_world)})
    assert shown(hot_world) == ("none", False, [bob.key.access_key_id])
    assert hot_world.rolehop("keys", "remove", STORED, "--yes", env=elsewhere(hot_world)).code == 0
    assert shown(hot_world) == ("none", False, [])


def test_a_state_folder_from_before_gives_no_session_of_another_key(
    hot_world: World, bob: User
) -> None:
    """Index, seal and record are put back as they were: the keyring knows better."""
    add_keys(hot_world)
    first, before = warmed(hot_world, "by-keys"), hot_world.home / "before"
    shutil.copytree(hot_world.state, before)
    add_keys(hot_world, bob.environ)
    shutil.rmtree(hot_world.state)
    shutil.copytree(before, hot_world.state)
    assert hot(hot_world, "by-keys") is None
    assert asked(hot_world, "by-keys").out != first
    assert hot_world.sts.calls[-1].signer == bob.arn


def test_a_sign_in_that_was_made_elsewhere_is_noticed(
    hot_world: World, provider: IdentityProvider
) -> None:
    sign_in(hot_world, provider, "jane")
    first = warmed(hot_world, "own")
    assert list(record_of(hot_world, "own").also) == [f"tokens/saml/{SIGN_IN}"]
    sign_in(hot_world, provider, "joe", **elsewhere(hot_world))
    assert hot(hot_world, "own") is None
    second = full(hot_world, "own")
    assert second.code == 0, second.err
    assert second.out != first
    assert full(hot_world, "own", elsewhere(hot_world)).out == second.out
    whoami = hot_world.rolehop("whoami", "own", "--format", "json")
    assert whoami.json["arn"].endswith("/joe")


def test_a_sign_in_that_was_ended_elsewhere_is_noticed(
    hot_world: World, provider: IdentityProvider
) -> None:
    sign_in(hot_world, provider, "jane")
    warmed(hot_world, "own")
    assert hot_world.rolehop("source", "logout", SIGN_IN, env=elsewhere(hot_world)).code == 0
    assert hot(hot_world, "own") is None
    assert asked(hot_world, "own").code == 4


def test_a_sign_in_that_the_index_does_not_know_is_found(
    hot_world: World, provider: IdentityProvider
) -> None:
    """As a kill between keyring and index leaves it."""
    sign_in(hot_world, provider, "jane")
    first = warmed(hot_world, "own")
    shutil.rmtree(hot_world.state)
    assert asked(hot_world, "own").out == first
    assert hot(hot_world, "own") == first


@pytest.mark.parametrize("changed", ["secret", "end", "source"])
def test_a_damaged_key_is_said_as_the_full_path_says_it(changed: str, hot_world: World) -> None:
    """Its access key ID alone does not make it the key of the source."""
    prepared(hot_world)
    add_keys(hot_world)
    warmed(hot_world, "by-keys")
    keyring, service = keyring_of(hot_world), f"rolehop/keys/{STORED}"
    text = keyring.get_password(service, "rolehop") or ""
    body = text.rpartition(',"check":')[0].replace(f"keys/{STORED}", "keys/other")
    changes = {
        "secret": text.replace('"SecretAccessKey":"', '"SecretAccessKey":"x'),
        "end": text[:-9],
        "source": with_check(f"{body}}}"),
    }
    keyring.set_password(service, "rolehop", changes[changed])
    assert hot(hot_world, "by-keys") is None
    done = full(hot_world, "by-keys")
    assert (done.code, done.out) == (7, "")
    keyring.set_password(service, "rolehop", text)
    assert hot(hot_world, "by-keys") is not None
