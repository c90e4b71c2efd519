"""The rows of ``--scale``: the same commands with more and more accounts in a fleet, and roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from tests.benchmarks.measuring import Row, paired
from tests.benchmarks.own_rows import Bench
from tests.benchmarks.scale import ALICE, described_role, described_user, scale_rows
from tests.support.world import World

ACCOUNTS = (0, 200, 1000, 5000)
ROLES = (10, 100, 1000)
_HUB = "arn:aws:iam::222222222222:role/Hub"
# Times a bare interpreter, for the most accounts.
_WANTED = {"list": 30.0, "list --format json": 22.0, "check": 130.0}
_PLAN_WANTED = 1.5  # times the plan of the same chain without the fleet


def size_rows(bench: Bench, world: World, *, quick: bool) -> Iterator[Row]:
    """Measure commands over a fleet and over documents, each size after the smaller one."""
    yield from fleet_rows(bench, world, ACCOUNTS[:2] if quick else ACCOUNTS)
    for roles in ROLES[:1] if quick else ROLES:
        yield from scale_rows(bench, world, (5 * roles,))


def fleet_rows(bench: Bench, world: World, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Measure commands over a fleet of each size; the smallest shows the plan without one."""
    config, documents = world.home / "fleet.toml", world.home / "fleet.json"
    without = None
    for accounts in sizes:
        spokes = [f"{400000000000 + number}" for number in range(accounts)]
        config.write_text(_config(spokes))
        documents.write_text(_documents(spokes))
        for arguments in (
            ("list",),
            ("list", "--format", "json"),
            ("plan", "admin"),
            ("check", "--policies", str(documents)),
        ):
            program = bench.rolehop(world, "--config", str(config), *arguments)
            name = " ".join(arguments[: 1 if arguments[0] == "check" else None])
            wanted = _WANTED.get(name) if accounts == ACCOUNTS[-1] else None
            row = paired(
                f"{name}, a fleet of {accounts}", program, bench.unit, bench.pairs, wanted=wanted
            )
            if name == "plan admin" and row.ratio is not None:
                if without is not None:
                    row = replace(row, wanted=round(_PLAN_WANTED * without, 1))
                without = without or row.ratio
            yield row


def _config(accounts: list[str]) -> str:
    fleet = ["[fleets.spokes]", 'from = "hub"', 'role = "{account}:role/Audit"']
    return "\n".join(
        [
            *("version = 1", "[sources.me]", 'type = "environment"', f'principal = "{ALICE}"'),
            *("[chains.hub]", 'source = "me"', f'hops = [{{ role = "{_HUB}" }}]'),
            *("[chains.admin]", 'from = "hub"'),
            'hops = [{ role = "arn:aws:iam::333333333333:role/Admin" }]',
            *([*fleet, f"accounts = {json.dumps(accounts)}"] if accounts else []),
            "",
        ]
    )


def _documents(accounts: list[str]) -> str:
    leaves = [f"arn:aws:iam::{account}:role/Audit" for account in ("333333333333", *accounts)]
    leaves[0] = "arn:aws:iam::333333333333:role/Admin"
    roles = [described_role(_HUB, ALICE), *(described_role(each, _HUB) for each in leaves)]
    return json.dumps({"UserDetailList": [described_user()], "RoleDetailList": roles})
