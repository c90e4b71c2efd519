"""``keys rotate`` as a person types it."""

from __future__ import annotations

import json

import pytest

from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import found_in
from tests.support.world import CONFIG, MFA_SERIAL, SCRIPT, World, mfa_code, wrong_codes

WITH_KEYS = CONFIG.replace('type = "environment"', 'type = "keys"')


@pytest.fixture
def ready(world: World) -> World:
    """A world whose user's key is in the keyring, and nothing in the environment."""
    world.config(WITH_KEYS)
    key = world.alice.key
    world.more = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    key_json = json.dumps({"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret})
    assert world.rolehop("keys", "add", "me", "--stdin", input=key_json).code == 0
    return world


def test_a_rotation_leaves_one_key_that_works(ready: World) -> None:
    old = ready.alice.key
    done = ready.rolehop("keys", "rotate", "me")
    assert (done.code, done.out) == (0, ""), done.err
    [new] = ready.alice.keys
    assert new.access_key_id != old.access_key_id
    assert ready.rolehop("credential-process", "hub").code == 0
    assert ready.sts.calls[-1].access_key_id == new.access_key_id
    assert found_in(done.err, ready) == []
    assert old.secret not in done.err
    [listed] = ready.rolehop("keys", "list", "--format", "json").json["keys"]
    assert listed["access_key_id"] == new.access_key_id


def test_the_calls_use_the_mfa_session_of_the_source(ready: World) -> None:
    ready.alice.iam_wants_mfa = True
    assert ready.rolehop("keys", "rotate", "me").code == 4
    ready.config(WITH_KEYS.replace('"keys"', '"keys"\nmfa_serial = "auto"'))
    done = ready.rolehop("keys", "rotate", "me", "--mfa-stdin", input=mfa_code(ready) + "\n")
    assert done.code == 0, done.err
    assert len(ready.alice.keys) == 1
    signed = [call for call in ready.sts.calls if call.action == "DeleteAccessKey"]
    assert signed[0].access_key_id.startswith("ASIA")
    assert MFA_SERIAL in {call.params.get("SerialNumber") for call in ready.sts.calls}


def test_a_wrong_code_is_asked_again(ready: World) -> None:
    ready.alice.iam_wants_mfa = True
    ready.config(WITH_KEYS.replace('"keys"', f'"keys"\nmfa_serial = "{MFA_SERIAL}"'))
    with OnTerminal(ready, SCRIPT, "keys", "rotate", "me", stderr_too=True) as person:
        person.expect("MFA code of alice (to rotate the keys of 'me')")
        person.types(wrong_codes(ready)[0])
        person.expect("that code was wrong, 2 tries left. MFA code of alice")
        person.types(mfa_code(ready))
        assert person.ended().code == 0, person.shown
    assert [call.action for call in ready.sts.calls].count("GetSessionToken") == 2


def test_without_a_terminal_a_required_code_is_8(ready: World) -> None:
    ready.config(WITH_KEYS.replace('"keys"', f'"keys"\nmfa_serial = "{MFA_SERIAL}"'))
    done = ready.rolehop("keys", "rotate", "me")
    assert done.code == 8
    assert "--mfa-stdin" in done.err


def test_an_interrupted_rotation_is_finished_by_the_command_that_it_names(ready: World) -> None:
    old = ready.alice.key.access_key_id
    ready.sts.world.denied.add("DeleteAccessKey")
    done = ready.rolehop("keys", "rotate", "me")
    assert done.code == 4
    assert f"rolehop keys rotate me --finish {old}" in done.err
    assert ready.rolehop("credential-process", "hub").code == 0
    ready.sts.world.denied.clear()
    assert ready.rolehop("keys", "rotate", "me", "--finish", old).code == 0
    assert [key.active for key in ready.alice.keys] == [True]


def test_only_keys_in_the_keyring_are_rotated(world: World) -> None:
    done = world.rolehop("keys", "rotate", "me")
    assert done.code == 2
    assert "of type environment" in done.err


def test_names_without_keys_are_4(ready: World) -> None:
    assert ready.rolehop("keys", "rotate", "other").code == 4
