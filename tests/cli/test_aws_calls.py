"""How often AWS is called: as seldom as possible, and sessions of others are never used."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.config.schema import HOP
from tests.doubles.sts import StrictSts
from tests.support.world import ADMIN, AUDITS, CONFIG, HUB, World, at_time, ended
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring

KERNEL = "rolehop.vault.kernel.KernelKeyring"


def test_the_second_walk_makes_no_call(world: World) -> None:
    first = world.rolehop("credential-process", "admin")
    assert world.sts.roles_called == [HUB, ADMIN]
    assert world.rolehop("credential-process", "admin") == first
    assert world.rolehop("export", "admin", "--format", "json", "-q") == first
    assert world.rolehop("exec", "admin", "--", "true").code == 0
    assert len(world.sts.calls) == 2


def test_a_walk_keeps_one_connection(world: World) -> None:
    assert world.rolehop("credential-process", "admin").code == 0
    assert (len(world.sts.calls), world.sts.connections) == (2, 1)


def test_after_the_last_hop_alone_has_expired_one_call_is_made(world: World) -> None:
    assert world.rolehop("credential-process", "hub").code == 0
    # STS's clock nearly an hour behind: the session it gives now soon ends by ours.
    world.sts.now -= timedelta(seconds=3600 - 100)
    short = world.rolehop("credential-process", "admin")
    assert short.code == 0, short.err
    world.sts.now = datetime.now(UTC)
    ends = datetime.fromisoformat(short.json["Expiration"])
    again = world.rolehop("credential-process", "admin", before=at_time(ends.timestamp()))
    assert world.sts.roles_called == [HUB, ADMIN, ADMIN]
    assert again.json["AccessKeyId"] != short.json["AccessKeyId"]


def test_chains_share_the_hops_they_have_in_common(world: World) -> None:
    spokes = [f"spokes/{role.split(':')[4]}" for role in AUDITS]
    for chain in ("admin", *spokes):
        assert world.rolehop("credential-process", chain).code == 0
    assert world.sts.roles_called == [HUB, ADMIN, *AUDITS]


def test_logout_of_a_chain_keeps_the_hop_that_others_share(world: World) -> None:
    world.rolehop("credential-process", "admin")
    world.rolehop("credential-process", "spokes/444444444444")
    assert world.rolehop("logout", "admin").err == "rolehop: 1 session forgotten\n"
    world.rolehop("credential-process", "admin")
    assert world.sts.roles_called == [HUB, ADMIN, AUDITS[0], ADMIN]
    assert world.rolehop("logout", "hub").err == "rolehop: 3 sessions forgotten\n"
    assert world.items() == []


def test_logout_all_forgets_every_session_and_no_keys(world: World) -> None:
    world.rolehop("credential-process", "admin")
    world.rolehop("keys", "add", "alice", "--from-env")
    assert world.rolehop("logout", "--all").code == 0
    assert [path.name for path in world.items()] == ["rolehop%2Fkeys%2Falice@rolehop.json"]
    assert world.rolehop("status", "--format", "json").json["sessions"] == []


def test_refresh_walks_a_shared_hop_once_and_prints_nothing(world: World) -> None:
    old = world.rolehop("credential-process", "admin")
    time.sleep(1.1)  # sessions are dated to the second
    done = world.rolehop("refresh", "admin", "spokes/*")
    assert (done.code, done.out) == (0, "")
    called = world.sts.roles_called
    assert called[:3] == [HUB, ADMIN, HUB]
    assert sorted(called[3:]) == sorted([ADMIN, *AUDITS])
    assert world.rolehop("credential-process", "admin") != old
    assert len(world.sts.calls) == 6


# ---- many at once


def forty(world: World, chain: str) -> set[str]:
    """Start forty at once; return the different things they printed."""
    running = [world.fork("credential-process", chain) for _ in range(40)]
    done = []
    for process in running:
        with process:
            done.append(ended(process))
    assert {each.code for each in done} == {0}, [each.err for each in done if each.code]
    return {each.out for each in done}


def test_forty_at_once_make_one_call_a_hop(real_world: World) -> None:
    assert len(forty(real_world, "admin")) == 1
    assert real_world.sts.roles_called == [HUB, ADMIN]
    assert not list(real_world.state.glob("locks/*"))
    assert real_world.rolehop("logout", "--all").code == 0


def test_forty_at_once_over_the_kernel_keyring_make_one_call_a_hop(world: World) -> None:
    need_kernel_keyring()
    world.backend = KERNEL
    try:
        assert len(forty(world, "admin")) == 1
        assert world.sts.roles_called == [HUB, ADMIN]
    finally:
        assert world.rolehop("logout", "--all").code == 0


# ---- long tokens


@pytest.mark.parametrize(
    "backend",
    [
        *("FileBacked", "LimitedFileBacked"),
        pytest.param("kernel", marks=NEEDS_MUCH),
    ],
)
def test_a_token_of_12000_characters_survives_whole(world: World, backend: str) -> None:
    if backend == "kernel":
        need_kernel_keyring()
    world.backend = KERNEL if backend == "kernel" else f"tests.doubles.keyrings.{backend}"
    world.sts.token_length = 12_000
    try:
        first = world.rolehop("credential-process", "admin")
        assert first.code == 0, first.err
        assert first.err.splitlines() == [first.err.strip()], "only the length of the answer"
        assert "takes 8,192" in first.err
        token = first.json["SessionToken"]
        assert len(token) == 12_000
        assert world.sts.world.keys[first.json["AccessKeyId"]].token == token
        assert world.rolehop("credential-process", "admin").out == first.out
        assert len(world.sts.calls) == 2
    finally:
        assert world.rolehop("logout", "--all").code == 0


def test_a_token_of_12000_characters_survives_the_secret_service(real_world: World) -> None:
    real_world.sts.token_length = 12_000
    first = real_world.rolehop("credential-process", "admin")
    assert len(first.json["SessionToken"]) == 12_000
    assert real_world.rolehop("credential-process", "admin").out == first.out
    assert len(real_world.sts.calls) == 2
    assert real_world.rolehop("logout", "--all").code == 0


# ---- whose session


def test_other_keys_under_the_same_name_never_get_the_first_users_sessions(world: World) -> None:
    bob = world.sts.world.user("111111111111", "bob")
    world.sts.world.role(HUB, trusts=[world.alice.arn, bob.arn])
    world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
    of_bob = {**bob.environ}

    def add(env: dict[str, str]) -> None:
        assert world.rolehop("keys", "add", "me", "--from-env", "--replace", env=env).code == 0

    add(world.alice.environ)
    hers = world.rolehop("credential-process", "admin")
    add(of_bob)
    his = world.rolehop("credential-process", "admin")
    assert world.sts.roles_called == [HUB, ADMIN, HUB, ADMIN]
    assert world.sts.calls[2].signer == bob.arn
    assert his.json["AccessKeyId"] != hers.json["AccessKeyId"]
    add(world.alice.environ)
    assert world.rolehop("credential-process", "admin") == hers


def test_an_emulators_session_is_never_mistaken_for_a_real_one_nor_the_reverse(
    world: World,
) -> None:
    first = world.rolehop("credential-process", "admin")
    with StrictSts() as other:
        other.world = world.sts.world
        elsewhere = {"AWS_ENDPOINT_URL_STS": other.url}
        second = world.rolehop("credential-process", "admin", env=elsewhere)
        assert other.roles_called == [HUB, ADMIN]
        assert second.json["AccessKeyId"] != first.json["AccessKeyId"]
        assert world.rolehop("credential-process", "admin") == first
        assert world.rolehop("credential-process", "admin", env=elsewhere) == second
        assert (len(world.sts.calls), len(other.calls)) == (2, 2)


def test_a_session_of_rolehops_own_is_no_source_and_its_chain_is_named(world: World) -> None:
    script = 'eval "$(rolehop assume hub)"; rolehop credential-process admin'
    done = world.run("bash", "-c", script)
    assert (done.code, done.out) == (4, "")
    assert "rolehop's own session of chain 'hub'" in done.err
    assert world.sts.roles_called == [HUB]


# ---- edits

MID = "arn:aws:iam::222222222222:role/Mid"
OTHER_MID = "arn:aws:iam::222222222222:role/OtherMid"
ALLOW = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
IN_FILE = ALLOW.replace('"Action":"*"', '"Action":"sts:*"')
MANAGED = ("arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/PowerUserAccess")
# For each key: its line in the hop at first, and after the edit.
EDITS = {
    "role": (f'role = "{MID}"', f'role = "{OTHER_MID}"'),
    "session_name": ('session_name = "one"', 'session_name = "{user}-two"'),
    "external_id": ('external_id = "x-1"', 'external_id = "x-2"'),
    "duration": ('duration = "1h"', 'duration = "30m"'),
    "policy": (f"policy = '{ALLOW}'", f"policy = '{ALLOW.replace(' ', '')} '"),
    "policy_file": ("", "policy_file = 'policy.json'"),
    "policy_arns": (f"policy_arns = ['{MANAGED[0]}']", f"policy_arns = ['{MANAGED[1]}']"),
    "tags": ('tags = { team = "a" }', 'tags = { team = "b" }'),
    "transitive_tags": ("tags = { t = 'a' }", "tags = { t = 'a' }\ntransitive_tags = ['t']"),
    "source_identity": ("", 'source_identity = "{user}"'),
}


def chain_with(lines: str) -> str:
    role = "" if "role =" in lines else f'role = "{MID}"\n'
    return (
        '[defaults]\nsession_name = "me"\n[sources.me]\ntype = "environment"\n'
        '[chains.deep]\nsource = "me"\n'
        f'[[chains.deep.hops]]\nrole = "{HUB}"\n'
        f"[[chains.deep.hops]]\n{role}{lines}\n"
        f'[[chains.deep.hops]]\nrole = "{ADMIN}"\n'
    )


@pytest.fixture(scope="module")
def deep(shared_world: World) -> World:
    aws = shared_world.sts.world
    aws.role(MID, trusts=[HUB])
    aws.role(OTHER_MID, trusts=[HUB])
    aws.role(ADMIN, trusts=[HUB, MID, OTHER_MID])
    aws.managed_policies |= dict.fromkeys(MANAGED, ALLOW)
    (shared_world.config_file.parent / "policy.json").write_text(IN_FILE)
    return shared_world


def walked(world: World, text: str) -> list[str]:
    """Return the roles that are called with ``text`` as the config."""
    world.config(text)
    start = len(world.sts.calls)
    done = world.rolehop("credential-process", "deep")
    assert done.code == 0, done.err
    return [call.role for call in world.sts.calls[start:]]


def test_every_key_of_a_hop_is_edited_below() -> None:
    assert set(EDITS) | {"mfa_serial"} == {key.name for key in HOP.keys}


@pytest.mark.parametrize("key", EDITS)
def test_an_edited_hop_and_those_below_are_walked_again_and_nothing_else(
    deep: World, key: str
) -> None:
    before, after = (chain_with(lines) for lines in EDITS[key])
    walked(deep, before)
    assert walked(deep, before) == []
    assert walked(deep, after) == [OTHER_MID if key == "role" else MID, ADMIN]
    assert walked(deep, after) == []
    assert walked(deep, before) == []


def test_an_edited_policy_file_counts_by_its_content(deep: World) -> None:
    path: Path = deep.config_file.parent / "policy.json"
    text = chain_with("policy_file = 'policy.json'")
    walked(deep, text)
    path.write_text(IN_FILE.replace("sts:*", "sts:Assume*"))
    assert walked(deep, text) == [MID, ADMIN]
    path.write_text(IN_FILE)
    assert walked(deep, text) == []


# ---- what AWS no longer accepts


def test_a_cached_parent_that_aws_no_longer_accepts_is_walked_again_once(world: World) -> None:
    hub = world.rolehop("credential-process", "hub")
    world.sts.world.forget_key(hub.json["AccessKeyId"])
    done = world.rolehop("credential-process", "admin")
    assert done.code == 0, done.err
    assert [(call.role, call.refused) for call in world.sts.calls[1:]] == [
        (ADMIN, "InvalidClientTokenId"),
        (HUB, ""),
        (ADMIN, ""),
    ]
    assert world.rolehop("credential-process", "hub").json["AccessKeyId"] == (
        world.sts.calls[-1].access_key_id
    )


def test_a_second_refusal_of_the_same_kind_is_the_answer(world: World) -> None:
    world.rolehop("credential-process", "hub")
    world.sts.fail(2, status=403, code="ExpiredToken", text="The token is expired")
    done = world.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (4, "")
    assert "the credentials of source 'me' have expired" in done.err
    assert [call.role for call in world.sts.calls] == [HUB, ADMIN, HUB]


def test_a_denied_hop_says_nothing_of_the_age_of_a_cached_parent_that_is_new(world: World) -> None:
    world.rolehop("credential-process", "hub")
    world.sts.world.role(ADMIN, trusts=[])
    done = world.rolehop("credential-process", "admin")
    assert done.code == 5
    assert "AWS says only AccessDenied\n  rolehop explain --last\n" in done.err
    assert "min old" not in done.err
    assert world.sts.roles_called == [HUB, ADMIN]
