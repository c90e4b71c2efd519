"""Which accounts and roles Identity Center assigns to the person who signed in.

Only ListAccountRoles says which roles somebody has, one account a call: a thousand accounts take ten
calls of ListAccounts and a thousand of ListAccountRoles, for one role as for all. (To ask for the
credentials of a role would tell, too, and take as many.) The portal throttles that many as a matter
of course. Accounts that are suspended or closed are not listed. Source: access portal API reference.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import HopRefused, ServiceError, SourceError
from rolehop.base.threads import parallel_map
from rolehop.base.time_limit import time_limit
from rolehop.sources.context import SourceChanged
from rolehop.sources.identity_center import build
from rolehop.sources.loading import MOST_CHANGES, keeps_changing

if TYPE_CHECKING:
    from rolehop.aws.identity_center import Account, Portal, PortalRefusal
    from rolehop.base.credentials import Secret
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.sources.identity_center import IdentityCenter

LISTING_SECONDS = 600.0
"""For the whole of a listing, throttling included."""

_JOBS = 8
_PAUSE = (1.0, 5.0)  # seconds between rounds of attempts of one call
_GONE = (403, 404)  # the account was taken from the person after it was listed


@dataclass(frozen=True, slots=True)
class AssignedAccount:
    """An account, and the person's roles in it."""

    account: str
    name: str
    """As it came, visible; may be empty."""

    roles: tuple[str, ...]
    """In the portal's order, each once."""


class Assignments:
    """Lists the accounts and roles of one source; what is known is not asked again."""

    def __init__(
        self,
        source: SourceConfig,
        context: SourceContext,
        on_roles: Callable[[int], object] = lambda accounts: None,
        seconds: float = LISTING_SECONDS,
    ) -> None:
        """Ask nothing yet.

        Args:
            source: of type identity-center; its own account and role do not matter.
            context: everything outside.
            on_roles: told of how many accounts the roles are known, from any thread.
            seconds: what the calls with one access token may take.
        """
        self._source = source
        self._context = context
        self._on_roles = on_roles
        self._seconds = seconds
        self._until = 0.0
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._forget()

    def _forget(self) -> None:
        self._accounts: dict[str, Account] | None = None
        self._roles: dict[str, tuple[str, ...]] = {}

    def read(self, keeps: Callable[[str, str], bool]) -> tuple[AssignedAccount, ...]:
        """Return the accounts of which ``keeps`` is true, by ID and name, in the portal's order.

        Raises:
            SourceError: nobody is signed in, and nobody can be asked.
            HopRefused: the portal refused.
            ServiceError: it cannot be reached, or throttles for too long: nothing is left out.
        """
        from rolehop.aws.identity_center import PortalRefusal

        for _ in range(MOST_CHANGES):
            center = build(self._source, self._context)
            try:
                return center.ask(lambda portal, token: self._read(portal, token, keeps))
            except SourceChanged:
                self._forget()  # maybe another person by now
            except PortalRefusal as refusal:
                raise _refused(center, refusal) from None
        raise keeps_changing(self._source)

    def _read(
        self, portal: Portal, token: Secret, keeps: Callable[[str, str], bool]
    ) -> tuple[AssignedAccount, ...]:
        """Go on where an earlier token ended."""
        self._stop.clear()
        self._until = time.monotonic() + self._seconds  # from now on no person is asked anything
        if self._accounts is None:
            with time_limit(self._left()), self._explaining():
                found = portal.accounts(token, self._waits)
            self._accounts = {each.account_id: each for each in found}
        kept = [each for each in self._accounts.values() if keeps(each.account_id, each.name)]
        missing = [each.account_id for each in kept if each.account_id not in self._roles]
        with self._explaining(of=len(kept)):
            _raise_first(parallel_map(missing, lambda each: self._ask(portal, token, each), _JOBS))
        return tuple(
            AssignedAccount(each.account_id, each.name, self._roles[each.account_id])
            for each in kept
        )

    def _ask(self, portal: Portal, token: Secret, account: str) -> None:
        from rolehop.aws.identity_center import PortalRefusal

        if self._stop.is_set():
            raise _Stopped
        roles: tuple[str, ...] = ()
        try:
            with time_limit(self._left()):
                roles = portal.roles(token, account, self._waits)
        except PortalRefusal as refusal:
            if refusal.status not in _GONE or not refusal.is_named:
                self._stop.set()
                raise
        except BaseException:
            self._stop.set()
            raise
        with self._guard:
            self._roles[account] = tuple(dict.fromkeys(roles))
            self._on_roles(len(self._roles))

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _waits(self) -> bool:
        """Wait a little if there is time; jitter keeps the calls from coming back together."""
        pause = random.uniform(*_PAUSE)  # noqa: S311 - no secret
        if self._stop.is_set() or pause >= self._left():
            return False
        self._context.sleep(pause)
        return not self._stop.is_set()

    @contextmanager
    def _explaining(self, of: int | None = None) -> Iterator[None]:
        """Say how far it got if the time was up; ``of``: of how many accounts the roles are asked."""
        try:
            yield
        except ServiceError as error:
            if not error.throttled and self._left():
                raise
            known = "" if of is None else f"; the roles in {len(self._roles)} of {of} are known"
            why = "Identity Center throttles" if error.throttled else error.what
            late = ServiceError(
                f"the accounts of source '{self._source.name}' are not all listed",
                cause=f"{why}{known}",
                fix="try again in a few minutes",
            )
            late.throttled = error.throttled
            raise late from None


class _Stopped(Exception):
    """Another call failed, so this one is not made."""


def _raise_first(results: Sequence[object]) -> None:
    """Raise why it was stopped, if it was."""
    failures = [each for each in results if isinstance(each, Exception)]
    for failure in sorted(failures, key=lambda each: isinstance(each, _Stopped)):
        raise failure


def _refused(center: IdentityCenter, refusal: PortalRefusal) -> SourceError | HopRefused:
    if refusal.status == 401:
        return center.sign_in_needed(ended=True)
    return HopRefused(
        f"Identity Center does not list the accounts of source '{center.source.name}'",
        code=refusal.code,
        cause=str(refusal),
        fix="ask whoever runs this Identity Center",
    )
