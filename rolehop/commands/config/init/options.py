"""The options of ``config init``, apart from what becomes of them: other commands load them, too."""

from __future__ import annotations

from rolehop.base.dataclass import dataclass

PLAIN_TYPES = ("keys", "environment", "instance", "container")
"""The types of source that need no key."""


@dataclass(frozen=True, slots=True)
class InitFlags:
    """The options of ``config init``; ``None`` and empty: not given."""

    profile: str | None = None
    source: str | None = None
    """One of ``PLAIN_TYPES``."""

    sso_start_url: str | None = None
    sso_region: str | None = None
    sso_account: str | None = None
    sso_role: str | None = None
    role: tuple[str, ...] = ()
    external_id: str | None = None
    mfa_serial: str | None = None
    name: str | None = None
    region: str | None = None

    @property
    def any_given(self) -> bool:
        """True if there is one: then nothing is asked."""
        return self != InitFlags()
