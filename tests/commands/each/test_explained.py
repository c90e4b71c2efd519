"""`each --explain`: why targets were not run, each reason once."""

from __future__ import annotations

import re

from tests.commands.each.fleet import give_fleet, role_of
from tests.support.policies import allow_text
from tests.support.world import HUB, World


def test_a_refusal_is_explained_if_that_is_asked_for(world: World) -> None:
    give_fleet(world)
    words = ("each", "far/refused", "far/good")
    plain, explained = (
        re.sub(r"[0-9.]+ s\b", "", world.rolehop(*words, *more, "--", "true").err)
        for more in ((), ("--explain",))
    )
    assert explained.startswith(plain)
    assert explained.removeprefix(plain).startswith("\n✗ far/refused, hop 2: ")


def test_a_refusal_is_explained_once_by_the_identity_that_the_run_has(world: World) -> None:
    """Also where nothing can be stored, as in a container of CI."""
    give_fleet(world, refused=("refused",))
    world.more["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    world.sts.world.inline = {HUB: {"go": allow_text(Resource=role_of("good"))}}
    world.sts.world.iam_readers.add(HUB)
    regions = ("--region", "eu-west-1,us-east-1,eu-north-1")
    done = world.rolehop(
        "each", "far/refused", "far/good", *regions, "-j1", "--explain", "--", "true"
    )
    assert done.code == 1
    assert "caller's permissions  ✗ refuses  Allow statement 1\n" in done.err
    assert done.err.count(", hop 2: ") == 1
    assert "the same holds for far/refused us-east-1, far/refused eu-north-1\n" in done.err
    assert [call.action for call in world.sts.calls].count("GetRole") == 1
