"""Where each hop of a plan is configured: the chain, fleet or AWS profile to edit."""

from __future__ import annotations

from rolehop.config.model import ChainConfig, Config, written_hops
from rolehop.plan.model import Plan
from rolehop.plan.resolve import path_of
from rolehop.policy.chains.scenario import EVERY_KEY, ConfigLocation

# The keys of a hop that a profile of the AWS config can set, and its names for them (AWS CLI user
# guide, "Using an IAM role in the AWS CLI"). Its mfa_serial is an ARN that is not known here.
_PROFILE_KEYS = {"external_id": "external_id", "session_name": "role_session_name"}
_FLEET_KEYS = {key: name for key, name in EVERY_KEY.items() if key != "mfa_serial"}


def config_locations(config: Config, plan: Plan) -> tuple[ConfigLocation, ...]:
    """Return the location of the plan's source, then those of its hops."""
    chain = config.chains.get(plan.chain)
    chain_hops = [] if chain is None else _chain_hops(config, chain)
    name = plan.source.name
    source = ConfigLocation(f"source '{name}'")
    if name not in config.sources:
        source = ConfigLocation(f"profile '{name}'", {}, "AWS config")
    roles = [str(step.hop.role) for step in plan.hops]
    profile_hops = [
        ConfigLocation(f"the profile with role_arn = {role}", _PROFILE_KEYS, "AWS config")
        for role in roles[: len(roles) - len(chain_hops)]
    ]
    return (source, *profile_hops, *chain_hops)


def _chain_hops(config: Config, chain: ChainConfig) -> list[ConfigLocation]:
    return [
        ConfigLocation(f"fleet '{fleet}'", _FLEET_KEYS)
        if (fleet := config.chains[each.chain].fleet)
        else ConfigLocation(f"hop {each.number} of chain '{each.chain}'")
        for each in written_hops(path_of(config, chain))
    ]
