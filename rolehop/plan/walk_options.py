"""The options of one walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.plan.overrides import Overrides


@dataclass(slots=True)
class WalkOptions:
    """What flags change about one walk."""

    region: str | None = None
    duration: int | None = None
    min_ttl: int | None = None
    strict: bool = False
    mfa_stdin: bool = False
    no_prompt: bool = False
    read_only: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    policy_arns: tuple[str, ...] = ()
    policy: str | None = None
    source_identity: str | None = None
    reason: str | None = None

    @property
    def overrides(self) -> Overrides:
        """What of this changes the plan."""
        from rolehop.plan.overrides import Overrides

        return Overrides(
            self.duration,
            self.min_ttl,
            self.read_only,
            self.tags,
            self.policy_arns,
            self.policy,
            self.source_identity,
            self.reason,
        )
