"""Where each hop of a plan is configured: the chain, fleet or AWS profile to edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload

from rolehop.config.model import Config, SourceConfig, WrittenHop
from rolehop.plan.model import HopStep, Plan
from rolehop.policy.chains.scenario import AWS_CONFIG, EVERY_KEY, ConfigLocation
from rolehop.sources import SOURCE_TYPES
from rolehop.startup.dataclass import replace

# The keys of a hop that a profile of the AWS config can set, and its names for them (AWS CLI user
# guide, "Using an IAM role in the AWS CLI").
_PROFILE_KEYS = {
    "external_id": "external_id",
    "mfa_serial": "mfa_serial",
    "role": "role_arn",
    "session_name": "role_session_name",
}
# The role of a fleet has {account} in it.
_FLEET_KEYS = {key: key for key in EVERY_KEY if key not in ("mfa_serial", "role")}
# What a federated source's call sends, besides what its token says.
_SOURCE_KEYS = ("mfa_serial", "session_name")


class Locations(Sequence[ConfigLocation]):
    """Locations that are looked up when the first is asked for: few chains need a fix."""

    def __init__(self, look_up: Callable[[], Sequence[ConfigLocation]]) -> None:
        self._look_up = look_up

    @cached_property
    def _found(self) -> Sequence[ConfigLocation]:
        return self._look_up()

    @overload
    def __getitem__(self, at: int) -> ConfigLocation: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[ConfigLocation]: ...
    def __getitem__(self, at: int | slice) -> ConfigLocation | Sequence[ConfigLocation]:
        return self._found[at]

    def __len__(self) -> int:
        return len(self._found)


def config_locations(config: Config, plan: Plan) -> tuple[ConfigLocation, ...]:
    """Return the location of the plan's source, then those of its hops."""
    name = plan.source.name
    place = config.source_places.get(name)
    source = ConfigLocation(f"source '{name}'", _keys_of_source(plan.source), place=place)
    if name not in config.sources:
        source = ConfigLocation(f"profile '{name}'", {}, AWS_CONFIG)
    hops = zip(plan.hops, plan.written, strict=True)
    found = (source, *(_location(config, each, step) for step, each in hops))
    return found if _may_bring_mfa(plan) else tuple(map(_without_mfa, found))


def _keys_of_source(source: SourceConfig) -> dict[str, str]:
    """Return the keys that the source's type has; an audience is asked of a CI service alone."""
    table = SOURCE_TYPES[source.type].table
    asked = (*_SOURCE_KEYS, "audience") if "ci" in source.settings else _SOURCE_KEYS
    return {key: key for key in asked if table.key(key) is not None}


def _may_bring_mfa(plan: Plan) -> bool:
    """True unless the source is known to give no IAM user keys: without them no MFA device counts."""
    takes_device = "mfa_serial" in _keys_of_source(plan.source)
    return takes_device and (plan.long_lived or plan.source_problem is not None)


def _without_mfa(location: ConfigLocation) -> ConfigLocation:
    keys = {key: name for key, name in location.keys.items() if key != "mfa_serial"}
    return replace(location, keys=keys)


def _location(config: Config, written: WrittenHop, step: HopStep) -> ConfigLocation:
    role = str(step.hop.role)
    if written.in_profile:
        return ConfigLocation(f"the profile with role_arn = {role}", _PROFILE_KEYS, AWS_CONFIG)
    fleet = config.chains[written.chain].fleet
    file, keys = config.place_of(written.chain)
    if fleet:
        return ConfigLocation(f"fleet '{fleet}'", _FLEET_KEYS, place=(file, keys))
    # A hop has one number in what people read: that of the chain which is walked.
    name = f"hop {step.number} of chain '{written.chain}'"
    if step.number != written.number:
        name = f"hop {step.number} (no. {written.number} of chain '{written.chain}')"
    return ConfigLocation(name, place=(file, (*keys, "hops", written.number - 1)))
