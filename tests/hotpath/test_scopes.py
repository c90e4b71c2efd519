"""A chain with a scope on the hot path: its own narrowed session, and that of no other chain."""

from __future__ import annotations

import json

from tests.doubles.sts_world import Key
from tests.hotpath.paths import asked, hot, record_file, warmed
from tests.support.world import CONFIG, World

_POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"%s","Resource":"*"}}'

_SCOPED = """
[chains.long]
from = "hub"
scope = { duration = "3h" }
[chains.scope]
from = "hub"
scope = { read_only = true }
[chains.filed]
from = "hub"
scope = { policy_file = "p.json" }
"""


def key_of(world: World, chain: str) -> Key:
    done = asked(world, chain)
    assert done.code == 0, done.err
    return world.sts.world.keys[json.loads(done.out)["AccessKeyId"]]


def scoped(world: World) -> World:
    world.config(CONFIG + _SCOPED)
    (world.config_file.parent / "p.json").write_text(_POLICY % "s3:*")
    return world


def test_a_session_that_lasts_less_than_asked_is_recorded_as_its_own_chains(
    hot_world: World,
) -> None:
    """The note about it begins with the word ``scope``, which may be the name of another chain."""
    world = scoped(hot_world)
    done = world.rolehop("exec", "long", "--", "true")
    assert done.code == 0
    assert "3 h asked, 1 h planned" in " ".join(done.err.split())
    assert record_file(world, "long").exists()
    assert not record_file(world, "scope").exists()
    assert hot(world, "long") is not None
    assert hot(world, "scope") is None
    assert (key_of(world, "long").layers, len(key_of(world, "scope").layers)) == ((), 1)


def test_a_scope_that_is_added_or_changed_ends_the_hot_answer(hot_world: World) -> None:
    world = scoped(hot_world)
    warmed(world, "hub")
    warmed(world, "filed")
    assert key_of(world, "filed").layers == (_POLICY % "s3:*",)
    (world.config_file.parent / "p.json").write_text(_POLICY % "ec2:*")
    assert hot(world, "filed") is None
    assert key_of(world, "filed").layers == (_POLICY % "ec2:*",)
    hub = CONFIG.replace("[chains.hub]", "[chains.hub]\nscope = { duration = '20m' }")
    world.config(hub.partition("[chains.admin]")[0])
    assert hot(world, "hub") is None
    assert key_of(world, "hub").scoped == 1
