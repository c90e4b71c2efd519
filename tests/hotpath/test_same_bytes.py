"""For every kind of chain, the hot path prints the very bytes of the full path."""

from __future__ import annotations

import pytest

from rolehop.hotpath import answer
from tests.hotpath.paths import add_keys, asked, full, hot, prepared, record_file, warmed
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, World

CHAINS = [
    pytest.param("hub", id="from-the-environment"),
    pytest.param("admin", id="two-hops-and-a-region"),
    pytest.param("own", id="no-hops"),
    pytest.param("spokes/444444444444", id="a-fleet-member"),
    pytest.param("by-keys", id="from-keys-in-the-vault"),
    pytest.param("by-profile", id="from-a-profile"),
    pytest.param("through-hub", id="an-aws-profile"),
    pytest.param("short", id="a-session-of-15-minutes"),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_the_hot_path_prints_what_the_full_path_prints(hot_world: World, chain: str) -> None:
    prepared(hot_world)
    if chain == "by-keys":
        add_keys(hot_world)
    first = warmed(hot_world, chain)
    calls = len(hot_world.sts.calls)
    assert asked(hot_world, chain).out == first
    assert full(hot_world, chain).out == first
    assert hot(hot_world, chain) == first
    assert hot_world.rolehop("export", chain, "--format", "json", "-q").out in (first, "")
    assert len(hot_world.sts.calls) == calls


def test_a_chain_called_by_its_accounts_id_is_answered_hot(hot_world: World) -> None:
    names = 'accounts = { billing = "444444444444", web = "555555555555" }'
    hot_world.config(CONFIG.replace('accounts = ["444444444444", "555555555555"]', names))
    first = warmed(hot_world, "spokes/444444444444")
    assert full(hot_world, "spokes/billing").out == first
    assert hot(hot_world, "spokes/444444444444") == hot(hot_world, "spokes/billing") == first
    handed = hot_world.rolehop("exec", "spokes/444444444444", "--", "printenv", "ROLEHOP_CHAIN")
    assert (handed.code, handed.out) == (0, "spokes/billing\n")


def test_hops_named_after_the_caller_are_answered_hot(hot_world: World) -> None:
    hot_world.config(CONFIG.replace('session_name = "{user}"', 'session_name = "{caller}"'))
    first = warmed(hot_world, "admin")
    assert full(hot_world, "admin").out == first
    bob = hot_world.sts.world.user("111111111111", "bob")
    assert hot(hot_world, "admin", bob.environ) is None


def test_after_one_time_mfa_the_answer_is_hot(hot_world: World) -> None:
    hot_world.config(
        CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1)
    )
    code = hot_world.device.code(hot_world.sts.now)
    arguments = ("export", "admin", "--mfa-stdin", "--format", "json", "-q")
    given = hot_world.rolehop(*arguments, input=code)
    assert given.code == 0, given.err
    assert warmed(hot_world, "admin") == given.out
    assert hot_world.sts.roles_called == [HUB, ADMIN]


def test_a_session_in_the_environment_is_handed_out_by_the_full_path(hot_world: World) -> None:
    # It rests nowhere: it is the user's own, and is there already.
    session = hot_world.sts.world.keys[full(hot_world, "hub").json["AccessKeyId"]]
    ends = session.expires_at
    assert ends is not None
    env = {**session.environ, "AWS_CREDENTIAL_EXPIRATION": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    done = full(hot_world, "own", env)
    assert done.code == 0, done.err
    assert done.json["AccessKeyId"] == session.access_key_id
    assert hot(hot_world, "own", env) is None
    assert asked(hot_world, "own", env).out == done.out


def test_a_chain_from_a_session_in_the_environment_holds_until_that_ends(hot_world: World) -> None:
    session = hot_world.sts.world.keys[full(hot_world, "hub").json["AccessKeyId"]]
    assert session.expires_at is not None
    hot_world.config(
        '[sources.me]\ntype = "environment"\n[chains.admin]\nsource = "me"\n'
        f'hops = [{{ role = "{ADMIN}" }}]\n'
    )
    ends = session.expires_at.replace(microsecond=0)
    env = {**session.environ, "AWS_CREDENTIAL_EXPIRATION": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    first = warmed(hot_world, "admin", env)
    assert hot(hot_world, "admin", env, lambda: ends.timestamp() - 3000) == first
    assert hot(hot_world, "admin", env, ends.timestamp) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["credential-process"],
        ["credential-process", ""],
        ["credential-process", "--help"],
        ["credential-process", "-h"],
        ["credential-process", "../../etc/passwd"],
        ["credential-process", "/etc/passwd"],
        ["credential-process", "nothing\0here"],
        ["credential-process", "spokes"],
        ["credential-process", "admin", "--min-ttl", "1h"],
        ["-q", "credential-process", "admin"],
        ["export", "admin"],
    ],
)
def test_any_other_command_line_is_for_the_full_path(warm: World, arguments: list[str]) -> None:
    if hot(warm, "spokes/444444444444") is None:
        warmed(warm, "spokes/444444444444")
        # Where a record would be, there may be anything.
        record_file(warm, "spokes").mkdir()
    assert answer(arguments, warm.environ) is None
