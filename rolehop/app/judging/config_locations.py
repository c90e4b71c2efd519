"""Where each hop of a plan is configured: the chain, fleet or AWS profile to edit."""

from __future__ import annotations

from rolehop.config.model import Config, WrittenHop
from rolehop.plan.model import HopStep, Plan
from rolehop.policy.chains.scenario import EVERY_KEY, ConfigLocation

# The keys of a hop that a profile of the AWS config can set, and its names for them (AWS CLI user
# guide, "Using an IAM role in the AWS CLI"). Its mfa_serial is an ARN that is not known here.
_PROFILE_KEYS = {"external_id": "external_id", "session_name": "role_session_name"}
_FLEET_KEYS = {key: name for key, name in EVERY_KEY.items() if key != "mfa_serial"}


def config_locations(config: Config, plan: Plan) -> tuple[ConfigLocation, ...]:
    """Return the location of the plan's source, then those of its hops."""
    name = plan.source.name
    source = ConfigLocation(f"source '{name}'", place=config.source_places.get(name))
    if name not in config.sources:
        source = ConfigLocation(f"profile '{name}'", {}, "AWS config")
    hops = zip(plan.hops, plan.written, strict=True)
    return (source, *(_location(config, each, step) for step, each in hops))


def _location(config: Config, written: WrittenHop, step: HopStep) -> ConfigLocation:
    role = str(step.hop.role)
    if written.in_profile:
        return ConfigLocation(f"the profile with role_arn = {role}", _PROFILE_KEYS, "AWS config")
    fleet = config.chains[written.chain].fleet
    file, keys = config.chain_places[written.chain]
    if fleet:
        return ConfigLocation(f"fleet '{fleet}'", _FLEET_KEYS, place=(file, keys))
    # A hop has one number in what people read: that of the chain which is walked.
    name = f"hop {step.number} of chain '{written.chain}'"
    if step.number != written.number:
        name = f"hop {step.number} (no. {written.number} of chain '{written.chain}')"
    return ConfigLocation(name, place=(file, (*keys, "hops", written.number - 1)))
