"""An organization: which SCPs and RCPs apply to an account, level by level.

Source: Organizations user guide, "SCP evaluation": on every level from the root over the OUs to the
account some SCP must allow; the management account is exempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rolehop.startup.dataclass import dataclass, field


class Target(NamedTuple):
    """The root, an OU or an account, with the IDs of the policies attached to it."""

    name: str
    """For people: ``root r-ab12``, ``OU Prod``, ``account 111111111111``."""

    scps: tuple[str, ...]
    rcps: tuple[str, ...]


class NamedPolicy(NamedTuple):
    """A policy of the organization."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Organization:
    """What was read of an organization."""

    management_account: str
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Account to the IDs of its targets, from the root to the account itself; empty: it is of no,
    or of another, organization."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    policies: Mapping[str, NamedPolicy] = field(default_factory=dict)
    scps_enabled: bool = True
    rcps_enabled: bool = True

    def knows(self, account: str | None) -> bool:
        """True if ``account`` is of this organization."""
        return bool(self.paths.get(account or ""))

    def levels(self, account: str, kind: str) -> Iterator[tuple[tuple[str, str], ...]]:
        """Yield for each level the names and texts of its policies; ``kind``: SCP or RCP."""
        for target in (self.targets[each] for each in self.paths.get(account, ())):
            attached = target.scps if kind == "SCP" else target.rcps
            found = (self.policies[each] for each in attached)
            yield tuple((f"{kind} {each.name} at {target.name}", each.text) for each in found)
