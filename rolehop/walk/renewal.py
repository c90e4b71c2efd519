"""Hand out a session that is still good, if it is due for renewal and that fails for now.

Only the session under the key of this very plan, with a minute or more left; and only after a
network failure, an expired sign-in, or a question that nobody answered. After a refusal of AWS,
another principal or a sign-out nothing is handed out, also not by a later walk that the network
fails, until AWS grants it again. A caller that wants new life (``refresh``,
``--min-ttl``) calls `rolehop.walk.walk.walk` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Protocol

from rolehop.base.credentials import Session
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import NoTerminal, RolehopError, ServiceError, SignInExpired, error_context
from rolehop.base.text import clean
from rolehop.base.time_limit import OutOfTime, program_time_limit, time_limit
from rolehop.plan.model import Plan, Step

LEAST = timedelta(minutes=1)
"""A session with less left is not worth handing out."""

RENEWAL_SECONDS = 3
"""With a usable session in hand; one SDK waits 5 s for a credential process."""

REMEMBERED_SECONDS = 30
"""botocore asks for every request once less than 15 min are left."""


class FailedRenewals(Protocol):
    """Renewals that failed some seconds ago, by hop key."""

    def get(self, key: str) -> dict[str, str]:
        """Return ``{"why": …}``; empty if none is known."""
        ...

    def add(self, key: str, texts: dict[str, str]) -> None:
        """Remember why the session under ``key`` could not be renewed."""
        ...


@dataclass(frozen=True, slots=True)
class Renewal:
    """One walk that may fall back on the session that it was to renew."""

    plan: Plan

    walk: Callable[[], Session]
    """Walks the plan; raises as `rolehop.walk.walk.walk`."""

    find: Callable[[Step], Session | None]
    """Returns a step's stored session."""

    note: Callable[[str], None]
    """Shows one line to the user."""

    now: Callable[[], datetime]

    is_refused: Callable[[], bool]
    """True if a step of the plan was refused since AWS last granted it."""

    failed: FailedRenewals | None = None
    """Given if a program asks, which soon asks again: what failed is not tried at once again."""

    interrupts: bool = False
    """Whether an alarm may interrupt this process, and with it what knows no limit."""

    def session(self, noted_end: datetime | None) -> Session:
        """Return a new session, or the old one if it cannot be renewed now and is still good.

        ``noted_end`` is when the stored session ends by this machine's clock, as the index has it.
        Raises as `rolehop.walk.walk.walk`.
        """
        due = self._due(noted_end)
        if due is None:
            try:
                return self.walk()
            except (ServiceError, SignInExpired, NoTerminal) as error:
                return self._instead(error)
        why = "" if self.failed is None else self.failed.get(self.plan.key).get("why", "")
        return self._handed_out(due, why) if why else self._renewed()

    def _due(self, noted_end: datetime | None) -> Session | None:
        """Return the session that has to be renewed and is still good; ``None``: there is none.

        It is read only if the index says so. One of 15 minutes is not due before it has half of
        them left, as everywhere.
        """
        now, enough = self.now(), timedelta(seconds=self.plan.min_ttl_seconds)
        if noted_end is None or not LEAST <= noted_end - now < enough:
            return None
        found = self._usable()
        return None if found is None or found.lasts(now, enough) else found

    def _renewed(self) -> Session:
        """Return a new session within three seconds, else the old one if it is still there."""
        try:
            with self._alarm(), time_limit(RENEWAL_SECONDS):
                return self.walk()
        except OutOfTime:
            slow = ServiceError(f"there was no answer within {RENEWAL_SECONDS} s")
            return self._instead(slow)
        except (ServiceError, SignInExpired, NoTerminal) as error:
            return self._instead(error)

    def _alarm(self) -> AbstractContextManager[None]:
        return program_time_limit(RENEWAL_SECONDS) if self.interrupts else nullcontext()

    def _usable(self) -> Session | None:
        """Return the session to fall back on; one whose owner is not known is none."""
        if self.is_refused():
            return None
        session = self.find(self.plan.steps[-1])
        if session is None or not session.arn or not session.lasts(self.now(), LEAST):
            return None
        return session

    def _instead(self, error: RolehopError) -> Session:
        """Return the session that is there now: while AWS was asked it may have been refused or forgotten."""
        usable = self._usable()
        if usable is None:
            with error_context(self.plan.chain):
                raise error
        if usable.lasts(self.now(), timedelta(seconds=self.plan.min_ttl_seconds)):
            return usable  # another process has renewed it meanwhile
        why = ": ".join(part for part in (error.what, error.cause) if part)
        if self.failed is not None:
            self.failed.add(self.plan.key, {"why": why})
        return self._handed_out(usable, why)

    def _handed_out(self, session: Session, why: str) -> Session:
        now = self.now()
        left = int((session.ends_at(now) - now).total_seconds()) // 60
        self.note(f"the session cannot be renewed now, and has {left} min left: {clean(why)}")
        return session
