"""The AWS that a page runs against: the guide's accounts and names, and what a topic needs besides."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.world import World

# As the README has it; alice's keys are in the keyring.
FIRST_CONFIG = """\
version = 1

[defaults]
region = "eu-west-1"

[sources.alice]
type = "keys"

[chains.hub]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]

[chains.prod-admin]
description = "Break-glass admin in prod"
from = "hub"
[[chains.prod-admin.hops]]
role = "333333333333:role/Admin"

[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""

# What a question on the terminal has in its last line, and what is typed.
ANSWERS = {
    "MFA code of": "{code}",
    "[y/N]": "y",
    "[Y/n]": "y",
}


def page_world(world: World) -> None:
    """Make a home folder with the first config, and alice's keys in the keyring."""
    world.config(FIRST_CONFIG)
    added = world.rolehop("keys", "add", "alice", "--from-env")
    assert added.code == 0, added.err


def _no_config(world: World) -> None:
    world.config_file.unlink()
    removed = world.rolehop("keys", "remove", "alice", "--yes")
    assert removed.code == 0, removed.err


PREPARED: dict[str, Callable[[World], None]] = {
    "getting-started": _no_config,
}
"""What a topic needs besides, by its name: more roles, an identity provider, another home."""
