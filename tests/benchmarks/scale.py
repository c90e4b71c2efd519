"""The rows that measure many roles and chains: 1,000 roles and 5,000 chains, or fewer of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.measuring import Row, paired
from tests.benchmarks.own_rows import Bench
from tests.support.policies import allow, policy
from tests.support.world import World

ALICE = "arn:aws:iam::111111111111:user/alice"
_ROLES_OF_A_HUB = 50
MOST = 5000  # chains
# Times a bare interpreter, for the most chains.
_WANTED = {"check": 150.0, "routes": 50.0, "explain": 30.0}


def scale_rows(bench: Bench, world: World, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Measure ``check``, ``routes`` and ``explain`` for each number of chains."""
    for chains in sizes:
        roles = chains // 5
        leaf = _write(world, roles, chains)
        given = ("--policies", str(world.home / "scale.json"))
        for name, arguments in (
            ("check", ("check", *given)),
            ("routes", ("routes", leaf, *given)),
            ("explain", ("explain", "c0", "--offline", *given)),
        ):
            program = bench.rolehop(world, "--config", str(world.home / "scale.toml"), *arguments)
            row = f"{name}, {roles} roles, {chains} chains"
            wanted = _WANTED[name] if chains == MOST else None
            yield paired(row, program, bench.unit, bench.pairs, wanted=wanted)


def _write(world: World, roles: int, chains: int) -> str:
    """Write documents and a config; return the ARN of a role at the end of a chain."""
    hubs = [f"arn:aws:iam::{222222222000 + n}:role/Hub" for n in range(roles // _ROLES_OF_A_HUB)]
    hubs = hubs or ["arn:aws:iam::222222222000:role/Hub"]
    leaves = [f"arn:aws:iam::{333333000000 + n}:role/Leaf" for n in range(roles - len(hubs))]
    described = [described_role(each, ALICE) for each in hubs]
    described += [described_role(each, hubs[n % len(hubs)]) for n, each in enumerate(leaves)]
    documents = {"UserDetailList": [described_user()], "RoleDetailList": described}
    (world.home / "scale.json").write_text(json.dumps(documents))
    lines = ["version = 1", "[sources.me]", 'type = "environment"', f'principal = "{ALICE}"']
    for number in range(chains):
        at = number % len(leaves)
        hops = f'{{ role = "{hubs[at % len(hubs)]}" }}, {{ role = "{leaves[at]}" }}'
        lines += [f"[chains.c{number}]", 'source = "me"', f"hops = [{hops}]"]
    (world.home / "scale.toml").write_text("\n".join(lines) + "\n")
    return leaves[0]


def described_user() -> dict[str, Any]:
    """Return alice, who may assume any role, as IAM describes a user."""
    return {
        "Arn": ALICE,
        "UserId": "AIDAEXAMPLE",
        "UserPolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
        "GroupList": [],
    }


def described_role(arn: str, trusted: str) -> dict[str, Any]:
    """Return a role that trusts one principal and may assume any role, as IAM describes it."""
    return {
        "Arn": arn,
        "RoleId": "AROAEXAMPLE",
        "AssumeRolePolicyDocument": policy(allow(Principal={"AWS": trusted})),
        "RolePolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
    }
