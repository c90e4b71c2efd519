"""The inputs for evaluating a chain: starting credentials, hops, config locations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.policy.chains.model import AssumeRoleRequest, EvaluationContext, StartingCredentials
from rolehop.policy.chains.requests import build_requests
from rolehop.policy.evaluation.model import Request
from rolehop.policy.inventory.context_keys import OF_MFA
from rolehop.startup.dataclass import dataclass, field, replace

_KEYS = (
    "external_id",
    "mfa_serial",
    "role",
    "session_name",
    "source_identity",
    "tags",
    "transitive_tags",
)
EVERY_KEY = {key: key for key in _KEYS}
AWS_CONFIG = "AWS config"


@dataclass(frozen=True, slots=True)
class ConfigLocation:
    """Where in the user's config a source or a hop is defined."""

    name: str
    """For people: ``hop 2 of chain 'prod-admin'``."""

    keys: Mapping[str, str] = field(default_factory=EVERY_KEY.copy)
    """The keys that can be set there, each with its name there."""

    file: str = "config of rolehop"

    place: tuple[str, tuple[str | int, ...]] | None = field(default=None, compare=False)
    """The path of the file and the keys that lead to the table there, if a config defines it."""

    @property
    def is_of_aws(self) -> bool:
        """True if it is in the AWS config, which rolehop only reads."""
        return self.file == AWS_CONFIG


def default_location(number: int) -> ConfigLocation:
    """Return the location of hop ``number`` (0: the source) if the config does not define it."""
    return ConfigLocation(f"hop {number}" if number else "the source")


@dataclass(frozen=True, slots=True)
class ChainScenario:
    """Everything that determines the requests of a chain."""

    start: StartingCredentials
    hops: tuple[AssumeRoleRequest, ...]
    setting: EvaluationContext
    source_requests: tuple[Request, ...] = ()
    """Hop 0, if the source is federated."""

    region_location: ConfigLocation | None = None
    """Where the region can be set; ``None``: a flag sets it, or no config does."""

    locations: Sequence[ConfigLocation] = ()
    """The source's, then each hop's; if empty, they are named by number."""

    def requests(self) -> dict[int, Request]:
        """Return the request of every hop, by its number."""
        asked = build_requests(self.start, self.hops, self.setting)
        return dict(enumerate((*self.source_requests, *asked), start=1 - len(self.source_requests)))

    def location(self, number: int) -> ConfigLocation:
        """Return where hop ``number`` is defined; 0: the source."""
        return self.locations[number] if self.locations else default_location(number)

    def hop(self, number: int) -> AssumeRoleRequest:
        """Return the call of hop ``number``, from 1."""
        return self.hops[number - 1]

    def inherited_tag_keys(self, number: int) -> tuple[str, ...]:
        """Return the keys of the transitive tags that the caller of hop ``number`` carries."""
        carried = self.start.carried
        before = [carried.transitive if carried is not None else ()]
        before += [each.transitive_tags for each in self.hops[: max(number - 1, 0)]]
        return tuple(key for keys in before for key in keys)

    def with_hop(self, number: int, asked: AssumeRoleRequest) -> ChainScenario:
        """Return the scenario in which hop ``number``, from 1, makes the call ``asked``."""
        return replace(self, hops=(*self.hops[: number - 1], asked, *self.hops[number:]))

    def with_source(self, key: str, value: str) -> ChainScenario:
        """Return the scenario in which a federated source's own call has ``value`` for ``key``."""
        own, start = self.source_requests[0], self.start
        own = replace(own, context=own.context.with_supplied({key: (value,)}))
        if key.lower() == "sts:rolesessionname" and start.principal is not None:
            role, _, _ = start.principal.rpartition("/")
            start = replace(start, principal=f"{role}/{value}")
        return replace(self, start=start, source_requests=(own, *self.source_requests[1:]))

    def with_region(self, region: str) -> ChainScenario:
        """Return the scenario in which STS is called in ``region``."""
        return replace(self, setting=replace(self.setting, region=region))

    def with_mfa(self) -> ChainScenario:
        """Return the scenario in which hop 1 carries MFA, whatever the user says of it as it is."""
        said = self.setting.supplied
        still = {key: each for key, each in said.items() if key.lower() not in OF_MFA}
        setting = replace(self.setting, supplied=still)
        return replace(self, start=replace(self.start, mfa=True), setting=setting)
