"""A world with a fleet, and what `each` says about it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.world import HUB, Done, World

ACCOUNTS = {
    name: f"{600000000000 + number}"
    for number, name in enumerate(("good", "failing", "refused", "slow", "loud", "quiet"))
}
CONFIG = f"""\
version = 1
[defaults]
session_name = "me"
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{{ role = "{HUB}" }}]
[fleets.far]
from = "hub"
role = "{{account}}:role/Far"
labels = {{ env = "test" }}
[fleets.far.accounts]
"""


def give_fleet(world: World, *, refused: tuple[str, ...] = ("refused",)) -> None:
    """Give the world the fleet; the role of each account of ``refused`` trusts nobody here."""
    for name, account in ACCOUNTS.items():
        world.sts.world.role(role_of(name), trusts=[] if name in refused else [HUB])
        del account
    lines = (f'{name} = "{account}"\n' for name, account in ACCOUNTS.items())
    world.config(CONFIG + "".join(lines))


def role_of(name: str) -> str:
    """Return the ARN of the fleet's role in the account of that name."""
    return f"arn:aws:iam::{ACCOUNTS[name]}:role/Far"


def lines_of(done: Done) -> dict[str, dict[str, Any]]:
    """Return the JSON lines by chain, or by chain and region if there is more than one of a chain."""
    found = [json.loads(line) for line in done.out.splitlines()]
    assert {each["schema"] for each in found} == {"rolehop.each/1"}, done.err
    return {each["chain"].removeprefix("far/"): each for each in found}


def classes_of(done: Done) -> dict[str, str]:
    """Return the class of each chain."""
    return {chain: each["class"] for chain, each in lines_of(done).items()}
