"""Each variable that an answer depended on, unset, emptied and changed: never a wrong answer."""

from __future__ import annotations

import pytest

from tests.hotpath.paths import (
    add_keys,
    asked,
    full,
    hot,
    never_wrong_where_a_variable_changes,
    prepared,
    record_file,
    warmed,
)
from tests.support.world import ADMIN, CONFIG, HUB, World

LONG = f"""
[chains.long]
source = "me"
hops = [{{ role = "{HUB}", duration = "2h" }}]
[sources.program]
type = "process"
command = ["cat", "HOME/printed.json"]
[chains.printed]
source = "program"
hops = [{{ role = "{HUB}" }}]
"""


def with_every_source(world: World) -> World:
    prepared(world)
    world.config(world.config_file.read_text() + LONG.replace("HOME", str(world.home)))
    world.sts.world.role(HUB, trusts=[world.alice.arn], max_session=43200)
    key = world.alice.key
    (world.home / "printed.json").write_text(
        f'{{"Version": 1, "AccessKeyId": "{key.access_key_id}", "SecretAccessKey": "{key.secret}"}}'
    )
    return world


@pytest.mark.parametrize(
    "chain",
    [
        "hub",
        "own",
        "long",
        "by-keys",
        "by-profile",
        "through-hub",
        "printed",
        "spokes/444444444444",
    ],
)
def test_a_changed_variable_is_never_answered_wrongly(hot_world: World, chain: str) -> None:
    with_every_source(hot_world)
    if chain == "by-keys":
        add_keys(hot_world)
    never_wrong_where_a_variable_changes(hot_world, chain)


@pytest.mark.parametrize(
    "env",
    [
        {"AWS_SESSION_TOKEN": ""},
        {"AWS_SESSION_TOKEN": "", "ROLEHOP_CHAIN": "hub"},
        {"AWS_SESSION_TOKEN": "", "AWS_SECURITY_TOKEN": "", "AWS_CREDENTIAL_EXPIRATION": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("chain", ["long", "admin"])
def test_a_variable_that_was_empty_is_not_one_that_is_set(
    hot_world: World, chain: str, env: dict[str, str | None]
) -> None:
    with_every_source(hot_world)
    never_wrong_where_a_variable_changes(hot_world, chain, env)
    assert hot(hot_world, chain, {**env, "AWS_SESSION_TOKEN": "junk"}) is None


def test_a_chain_from_a_session_is_never_answered_wrongly(hot_world: World) -> None:
    session = hot_world.sts.world.keys[full(hot_world, "hub").json["AccessKeyId"]]
    assert session.expires_at is not None
    hot_world.config(
        '[sources.me]\ntype = "environment"\n[chains.admin]\nsource = "me"\n'
        f'hops = [{{ role = "{ADMIN}" }}]\n'
    )
    ends = f"{session.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    env: dict[str, str | None] = {**session.environ, "AWS_CREDENTIAL_EXPIRATION": ends}
    never_wrong_where_a_variable_changes(hot_world, "admin", env)


def test_half_a_key_is_refused_as_without_a_record(hot_world: World) -> None:
    warmed(hot_world, "admin")
    done = asked(hot_world, "admin", {"AWS_SECRET_ACCESS_KEY": ""})
    assert (done.code, done.out) == (4, "")


def test_every_name_of_the_user_counts(hot_world: World) -> None:
    nobody: dict[str, str | None] = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"))
    first = warmed(hot_world, "admin", nobody)
    never_wrong_where_a_variable_changes(hot_world, "admin", nobody)
    for name in nobody:
        other = {**nobody, name: "bobby"}
        assert hot(hot_world, "admin", other) is None
        done = asked(hot_world, "admin", other)
        assert done.code == 0, done.err
        assert done.out != first  # its session has another name
        assert warmed(hot_world, "admin", nobody) == first


def test_shells_that_differ_in_a_variable_are_answered_hot_in_turn(warm: World) -> None:
    """As many as a chain has records; one more takes the place of the one that is the oldest."""
    shells = [
        {"AWS_REGION": each} for each in ("eu-west-1", "us-east-1", "eu-north-1", "ap-south-1")
    ]
    for shell in shells:
        warmed(warm, "admin", shell)
    assert None not in [hot(warm, "admin", shell) for shell in shells]
    warmed(warm, "admin", {"AWS_REGION": "sa-east-1"})
    assert [hot(warm, "admin", shell) is None for shell in shells].count(True) == 1
    file = record_file(warm, "admin")
    assert len([each for each in file.parent.iterdir() if each.name.startswith("admin")]) == 4
    second = file.with_name("admin,,1")
    second.rename(second.with_name("elsewhere"))
    second.symlink_to("elsewhere")  # then neither it nor those after it count
    everywhere = [*shells, {"AWS_REGION": "sa-east-1"}]
    assert [hot(warm, "admin", shell) is None for shell in everywhere].count(False) == 1
    second.unlink()
    second.with_name("elsewhere").rename(second)
    assert warm.rolehop("logout", "--all").code == 0
    assert {hot(warm, "admin", shell) for shell in everywhere} == {None}
    warmed(warm, "admin", shells[-1])
    assert [hot(warm, "admin", shell) is None for shell in everywhere].count(False) == 1


def test_a_record_that_nobody_can_use_any_more_is_the_first_to_be_replaced(warm: World) -> None:
    shells = [{"AWS_REGION": each} for each in ("eu-west-1", "us-east-1")]
    for shell in shells:
        warmed(warm, "admin", shell)
    before = {each.name for each in record_file(warm, "admin").parent.iterdir()}
    warm.config(CONFIG + "\n# changed\n")
    for shell in shells:
        assert hot(warm, "admin", shell) is None
        warmed(warm, "admin", shell)
    assert {each.name for each in record_file(warm, "admin").parent.iterdir()} == before
    assert None not in [hot(warm, "admin", shell) for shell in shells]
