"""Who watches a walk where nobody does; apart from `app.ports`, which costs more to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.credentials import Session
    from rolehop.plan.model import Step


class Silent:
    """Watches and shows nothing (``app.ports.Progress``)."""

    def walking(self, step: Step, total: int) -> None:
        """Show nothing."""

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """Show nothing."""

    def from_record(self, label: str, local_expires_at: datetime) -> None:
        """Show nothing."""


SILENT = Silent()
