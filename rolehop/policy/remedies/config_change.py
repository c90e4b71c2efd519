"""One change to the user's config: a key of a hop or of the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rolehop.arn import RoleArn
from rolehop.config.sts_limits import (
    EXTERNAL_ID,
    ROLE,
    SESSION_NAME,
    SOURCE_IDENTITY,
    TAGS,
    TRANSITIVE_TAGS,
)
from rolehop.config.value_types import TEXT, Check
from rolehop.policy.chains.model import AssumeRoleRequest
from rolehop.policy.chains.scenario import ChainScenario, ConfigLocation
from rolehop.policy.remedies.policy_change import ChangeKind
from rolehop.startup.dataclass import dataclass, field, replace

Value = str | Mapping[str, str] | Sequence[str]

_LIMITS: Mapping[str, Check] = {
    "audience": TEXT,
    "external_id": EXTERNAL_ID,
    "role": ROLE,
    "session_name": SESSION_NAME,
    "source_identity": SOURCE_IDENTITY,
    "tags": TAGS,
    "transitive_tags": TRANSITIVE_TAGS,
}


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One change to the config of one hop, or of the source."""

    hop: int
    """0: the source."""

    location: ConfigLocation
    kind: ChangeKind
    keys: Mapping[str, Value]
    """The keys to write there, under their names there, or to remove."""

    example: bool = False
    """Any value will do; those in ``keys`` are examples."""

    form: Mapping[str, str] = field(default_factory=dict)
    """By key, the form of a value that the account of the hop's role must provide; the value in
    ``keys`` only has that form."""

    provided_by: str | None = None
    """That account, if there is a form."""

    @property
    def hop_keys(self) -> set[str]:
        """The keys, under the names that rolehop has for them."""
        return {key for key, name in self.location.keys.items() if name in self.keys}

    @property
    def shown(self) -> Mapping[str, Value]:
        """The keys with their values; a form has an ellipsis in it."""
        return {**self.keys, **self.form}


Candidate = tuple[ConfigChange, ChainScenario]
"""A change, and the scenario after it."""


def remove_tags(scenario: ChainScenario, hop: int, gone: Sequence[str]) -> Iterator[Candidate]:
    """Yield the change of hop ``hop`` that removes the tags with the keys ``gone``."""
    asked = scenario.hop(hop)
    yield from change_hop(
        scenario,
        hop,
        tags=tuple((key, value) for key, value in asked.tags if key not in gone),
        transitive_tags=tuple(key for key in asked.transitive_tags if key not in gone),
    )


def change_hop(
    scenario: ChainScenario, hop: int, *, example: bool = False, **values: object
) -> Iterator[Candidate]:
    """Yield the change of hop ``hop`` to ``values``, if it is one that config and STS accept."""
    before = scenario.hop(hop)
    after: AssumeRoleRequest = replace(before, **values)  # type: ignore[arg-type]
    location = scenario.location(hop)
    names = [name for name in values if getattr(before, name) != getattr(after, name)]
    if not names or not set(names) <= set(location.keys):
        return
    set_names = [name for name in names if getattr(after, name)]
    if not all(_is_accepted(name, getattr(after, name)) for name in set_names):
        return
    kind = ChangeKind.REPLACE
    if not set_names:
        kind = ChangeKind.REMOVE
    elif not any(getattr(before, name) for name in names):
        kind = ChangeKind.ADD
    shown = before if kind is ChangeKind.REMOVE else after
    keys = {location.keys[name]: _value(getattr(shown, name)) for name in names}
    yield ConfigChange(hop, location, kind, keys, example=example), scenario.with_hop(hop, after)


def change_source(scenario: ChainScenario, name: str, key: str, value: str) -> Iterator[Candidate]:
    """Yield the change of a federated source's config key ``name``, which its call sends as ``key``."""
    location = scenario.location(0)
    if scenario.source_requests and name in location.keys and _is_accepted(name, value):
        keys = {location.keys[name]: value}
        change = ConfigChange(0, location, ChangeKind.REPLACE, keys)
        yield change, scenario.with_source(key, value)


def _is_accepted(name: str, value: object) -> bool:
    """True if the config accepts the value; it enforces the limits of STS."""
    try:
        _LIMITS[name].run(_value(value))
    except ValueError:
        return False
    return True


def _value(value: object) -> Value:
    """Return a value of a hop as the config writes it."""
    if isinstance(value, str | RoleArn):
        return str(value)
    members = list(value) if isinstance(value, tuple) else []
    if all(isinstance(each, tuple) for each in members) and members:
        return dict(members)
    return members
