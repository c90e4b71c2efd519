"""The rows that measure many roles and chains: 1,000 roles and 5,000 chains, and half of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.measuring import Row, paired
from tests.benchmarks.own_rows import Bench
from tests.support.policies import allow, policy
from tests.support.world import World

_ALICE = "arn:aws:iam::111111111111:user/alice"
_ROLES_OF_A_HUB = 50
# Times a bare interpreter, for the larger half.
_WANTED = {"check": 150.0, "routes": 50.0, "explain": 30.0}


def scale_rows(bench: Bench, world: World, most_chains: int) -> Iterator[Row]:
    """Measure ``check``, ``routes`` and ``explain``, also for half as much: growth is linear."""
    for chains in (most_chains // 2, most_chains):
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
            wanted = _WANTED[name] if chains == most_chains else None
            yield paired(row, program, bench.unit, bench.pairs, wanted=wanted)


def _write(world: World, roles: int, chains: int) -> str:
    """Write documents and a config; return the ARN of a role at the end of a chain."""
    hubs = [f"arn:aws:iam::{222222222000 + n}:role/Hub" for n in range(roles // _ROLES_OF_A_HUB)]
    hubs = hubs or ["arn:aws:iam::222222222000:role/Hub"]
    leaves = [f"arn:aws:iam::{333333000000 + n}:role/Leaf" for n in range(roles - len(hubs))]
    described = [_role(each, _ALICE) for each in hubs]
    described += [_role(each, hubs[n % len(hubs)]) for n, each in enumerate(leaves)]
    user = {
        "Arn": _ALICE,
        "UserId": "AIDAEXAMPLE",
        "UserPolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
        "GroupList": [],
    }
    documents = {"UserDetailList": [user], "RoleDetailList": described}
    (world.home / "scale.json").write_text(json.dumps(documents))
    lines = ["version = 1", "[sources.me]", 'type = "environment"', f'principal = "{_ALICE}"']
    for number in range(chains):
        at = number % len(leaves)
        hops = f'{{ role = "{hubs[at % len(hubs)]}" }}, {{ role = "{leaves[at]}" }}'
        lines += [f"[chains.c{number}]", 'source = "me"', f"hops = [{hops}]"]
    (world.home / "scale.toml").write_text("\n".join(lines) + "\n")
    return leaves[0]


def _role(arn: str, trusted: str) -> dict[str, Any]:
    return {
        "Arn": arn,
        "RoleId": "AROAEXAMPLE",
        "AssumeRolePolicyDocument": policy(allow(Principal={"AWS": trusted})),
        "RolePolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
    }
