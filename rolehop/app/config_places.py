"""Where each hop of a plan is written: which chain, fleet or AWS profile a change is made in."""

from __future__ import annotations

from rolehop.config.model import ChainConfig, Config, written_hops
from rolehop.plan.model import Plan
from rolehop.plan.resolve import path_of
from rolehop.policy.chains.scenario import EVERY_KEY, ConfigLocation

# What profiles of the AWS config can say of a hop, and how (AWS CLI user guide, "Using an IAM role
# in the AWS CLI"). Their mfa_serial is a device's ARN, which nobody knows here.
_OF_PROFILES = {"external_id": "external_id", "session_name": "role_session_name"}
_OF_FLEETS = {key: name for key, name in EVERY_KEY.items() if key != "mfa_serial"}


def config_locations(config: Config, plan: Plan) -> tuple[ConfigLocation, ...]:
    """Return the place of the plan's source, then of each hop."""
    chain = config.chains.get(plan.chain)
    written = [] if chain is None else _written(config, chain)
    name = plan.source.name
    source = ConfigLocation(f"source '{name}'")
    if name not in config.sources:
        source = ConfigLocation(f"profile '{name}'", {}, "AWS config")
    roles = [str(step.hop.role) for step in plan.hops]
    of_profiles = roles[: len(roles) - len(written)]
    return (
        source,
        *(
            ConfigLocation(f"the profile with role_arn = {role}", _OF_PROFILES, "AWS config")
            for role in of_profiles
        ),
        *written,
    )


def _written(config: Config, chain: ChainConfig) -> list[ConfigLocation]:
    return [
        ConfigLocation(f"fleet '{fleet}'", _OF_FLEETS)
        if (fleet := config.chains[each.chain].fleet)
        else ConfigLocation(f"hop {each.number} of chain '{each.chain}'")
        for each in written_hops(path_of(config, chain))
    ]
